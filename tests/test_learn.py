"""The loop on a supervised, a two-player and a host problem: closed forms, invariants, outcomes."""

import json
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Outcome, Problem, Target, key_of, learn
from equilearn.learn.checkpoint import load_tree, read_header
from equilearn.learn.driver import BEST, LAST
from equilearn.learn.recording import read_metrics
from equilearn.optimizers import adam, constant, soap


class Regression(Problem):
    """Supervised: the world never changes, generate hands back the training set."""

    x: jax.Array
    y: jax.Array
    held_x: jax.Array
    held_y: jax.Array

    def generate(self, networks, world, *, key):
        return (self.x, self.y), world

    def loss(self, networks, world, batch, *, key):
        x, y = batch
        value = jnp.mean((x @ networks - y) ** 2)
        return value, {"mse": value}

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(self.held_x @ networks - self.held_y)}


def regression(noise=0.1, samples=512):
    keys = jax.random.split(jax.random.key(1), 3)
    true = jnp.asarray([1.0, -2.0, 0.5])
    x, held = jax.random.normal(keys[0], (samples, 3)), jax.random.normal(keys[1], (256, 3))
    return Regression(x, x @ true + noise * jax.random.normal(keys[2], (samples,)), held, held @ true)


SETTINGS = LearnSettings(episodes=300, batch_size=128, check_every=50)


def test_supervised_reaches_the_least_squares_solution():
    problem = regression()
    run = learn(problem, jnp.zeros(3), (), adam(0.05), SETTINGS, key=key_of(0))
    exact = np.linalg.lstsq(np.asarray(problem.x), np.asarray(problem.y), rcond=None)[0]
    np.testing.assert_allclose(run.state.networks, exact, atol=1e-4)
    assert run.outcome is Outcome.EXHAUSTED
    assert int(run.state.step) == 300 * 4


def test_an_optimizer_with_a_line_search_finds_the_minimum_of_whole_batches_in_a_few_steps():
    problem = regression()
    settings = LearnSettings(episodes=10, batch_size=512, check_every=10)
    run = learn(problem, jnp.zeros(3), (), optax.lbfgs(), settings, key=key_of(0))
    exact = np.linalg.lstsq(np.asarray(problem.x), np.asarray(problem.y), rcond=None)[0]
    np.testing.assert_allclose(run.state.networks, exact, atol=1e-4)


class Game(Problem):
    """Two players: x minimises and y maximises (x - 1)^2 / 2 + x y - (y + 2)^2 / 2."""

    def generate(self, networks, world, *, key):
        return jnp.zeros((1,)), world

    def loss(self, networks, world, batch, *, key):
        stop = jax.lax.stop_gradient

        def payoff(x, y):
            return (x - 1) ** 2 / 2 + x * y - (y + 2) ** 2 / 2

        x, y = networks["x"], networks["y"]
        first, second = payoff(x, stop(y)), -payoff(stop(x), y)
        return first + second, {"first": first, "second": second}

    def check(self, networks, world, *, key):
        x, y = networks["x"], networks["y"]
        return {"gradient": jnp.abs(jnp.stack([x - 1 + y, x - y - 2]))}


def test_two_players_find_the_saddle_point():
    players = {"x": jnp.asarray(0.0), "y": jnp.asarray(0.0)}
    rates = {"x": optax.sgd(0.1), "y": optax.sgd(0.05)}
    optimizer = optax.partition(rates, {"x": "x", "y": "y"})
    settings = LearnSettings(episodes=2000, check_every=100, targets=(Target("gradient", max=1e-5),), batch_size=1)
    run = learn(Game(), players, (), optimizer, settings, key=key_of(0))
    assert run.outcome is Outcome.REACHED
    assert int(run.state.episode) < 2000
    np.testing.assert_allclose([run.state.networks["x"], run.state.networks["y"]], [1.5, -0.5], atol=1e-4)


class HostReplay(Problem):
    """An environment that steps on the host, with a replay buffer in the world: estimate a mean."""

    generates_on_host: ClassVar[bool] = True

    def generate(self, networks, world, *, key):
        seed = int(jax.random.randint(key, (), 0, 2**30))
        new = np.random.default_rng(seed).normal(3.0, 1.0, 16).astype(np.float32)
        at = int(world["count"]) * 16 % 512
        buffer = np.array(world["buffer"])
        buffer[at : at + 16] = new
        world = {"buffer": jnp.asarray(buffer), "count": world["count"] + 1}
        return world["buffer"][: min(512, int(world["count"]) * 16)][-16:], world

    def loss(self, networks, world, batch, *, key):
        value = jnp.mean((batch - networks) ** 2)
        return value, {}

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(networks - 3.0)[None]}


def host_run(episodes, folder=None, resume=False):
    world = {"buffer": jnp.zeros(512), "count": jnp.zeros((), jnp.int32)}
    settings = LearnSettings(episodes=episodes, batch_size=16, check_every=10, checkpoint_seconds=0.0)
    optimizer = adam(0.02, schedule=constant)
    return learn(HostReplay(), jnp.zeros(()), world, optimizer, settings, key=key_of(0), folder=folder, resume=resume)


@pytest.mark.slow
def test_host_environment_learns_and_resumes_bit_for_bit(tmp_path):
    whole = host_run(200)
    assert abs(float(whole.state.networks) - 3.0) < 0.2
    host_run(20, tmp_path)
    again = host_run(200, tmp_path, resume={"episodes": [20]})
    assert eqx.tree_equal(whole.state, again.state)


def test_resuming_ends_bit_for_bit_where_the_whole_run_ends(tmp_path):
    problem, optimizer = regression(), adam(0.05, schedule=constant)
    settings = replace(SETTINGS, checkpoint_seconds=0.0)
    whole = learn(problem, jnp.zeros(3), (), optimizer, settings, key=key_of(0))
    half = replace(settings, episodes=150)
    learn(problem, jnp.zeros(3), (), optimizer, half, key=key_of(0), folder=tmp_path)
    again = learn(
        problem, jnp.zeros(3), (), optimizer, settings, key=key_of(0), folder=tmp_path, resume={"episodes": [150]}
    )
    assert jnp.array_equal(whole.state.networks, again.state.networks)
    assert [row["episode"] for row in read_metrics(tmp_path)] == [50, 100, 150, 200, 250, 300]


def test_a_torn_line_of_metrics_is_dropped(tmp_path):
    problem, settings = regression(), replace(SETTINGS, episodes=100, checkpoint_seconds=0.0)
    learn(problem, jnp.zeros(3), (), adam(), settings, key=key_of(0), folder=tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"episode": 150, "loss')
    learn(
        problem, jnp.zeros(3), (), adam(), replace(settings, episodes=150), key=key_of(0),
        folder=tmp_path, resume={"episodes": [100]},
    )  # fmt: skip
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["episode"] for line in lines] == [50, 100, 150]


class Overfit(Regression):
    """The loss pulls away from the truth after a while: the check gets better, then worse."""

    def loss(self, networks, world, batch, *, key):
        value = jnp.mean((networks - 2.0) ** 2)
        return value, {}

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(networks - 1.0)}


def test_early_stopping_restores_the_best_networks(tmp_path):
    problem = Overfit(*(jnp.zeros((8, 3)), jnp.zeros(8)) * 2)
    settings = LearnSettings(episodes=1000, check_every=10, batch_size=8, patience=3)
    optimizer = adam(0.01, schedule=constant)
    run = learn(problem, jnp.zeros(3), (), optimizer, settings, key=key_of(0), folder=tmp_path)
    errors = [row["errors/error/mean"] for row in run.history]
    best = int(np.argmin(errors))
    assert best < len(errors) - 1, "the check must have become worse for this test to say anything"
    assert run.outcome is Outcome.EXHAUSTED
    assert run.errors["error"]["mean"] == pytest.approx(min(errors))
    assert int(run.state.episode) == run.history[best]["episode"]
    assert read_header(tmp_path / BEST)["progress"]["best_episode"] == int(run.state.episode)
    assert load_tree(tmp_path / BEST, run.state).step == run.state.step
    assert load_tree(tmp_path / LAST, run.state).step > run.state.step


class Blowing(Regression):
    """Becomes infinite in the data, the loss or the check of a given episode."""

    where: str = eqx.field(static=True, default="data")

    def generate(self, networks, world, *, key):
        bad = jnp.where((world >= 70) & (self.where == "data"), jnp.inf, 0.0)
        return {"inputs": self.x + bad, "outputs": self.y}, world + 1

    def loss(self, networks, world, batch, *, key):
        value = jnp.mean((batch["inputs"] @ networks - batch["outputs"]) ** 2)
        value = jnp.where((world > 70) & (self.where == "loss"), jnp.nan, value)
        return value, {"mse": value}

    def check(self, networks, world, *, key):
        bad = jnp.where((world > 70) & (self.where == "check"), jnp.nan, 0.0)
        return {"error": jnp.abs(self.held_x @ networks - self.held_y) + bad}


@pytest.mark.parametrize(
    ("where", "kept", "said"),
    [
        ("data", 70, "episode 71: the generated data (inputs)"),
        ("loss", 70, "episode 71: the loss (mse)"),
        ("check", 50, "episode 100: the check (error)"),
    ],
)
def test_non_finite_numbers_keep_the_last_good_state_and_say_where(where, kept, said, tmp_path):
    base = regression()
    problem = Blowing(base.x, base.y, base.held_x, base.held_y, where)
    world = jnp.zeros((), jnp.int32)
    run = learn(problem, jnp.zeros(3), world, adam(), SETTINGS, key=key_of(0), folder=tmp_path)
    assert run.outcome is Outcome.DIVERGED
    assert said in run.message
    assert int(run.state.episode) == kept
    assert bool(jnp.all(jnp.isfinite(run.state.networks)))
    assert int(load_tree(tmp_path / LAST, run.state).episode) == kept
    good = learn(problem, jnp.zeros(3), world, adam(), replace(SETTINGS, check_every=kept), key=key_of(0)).state
    assert jnp.array_equal(run.state.networks, good.networks), "the state kept is that of the last good episode"


def test_a_budget_in_seconds_ends_the_run_with_its_schedule_spent():
    settings = LearnSettings(episodes=10**7, check_every=50, batch_size=128, seconds=0.5)
    run = learn(regression(), jnp.zeros(3), (), adam(), settings, key=key_of(0))
    assert run.outcome is Outcome.EXHAUSTED
    assert "0.5 seconds" in run.message
    assert float(run.state.progress) == 1.0


def test_the_number_of_episodes_is_exact():
    settings = replace(SETTINGS, episodes=123)
    run = learn(regression(), jnp.zeros(3), (), adam(), settings, key=key_of(0))
    assert int(run.state.episode) == 123
    assert run.history[-1]["step"] == 123 * 4


@pytest.mark.parametrize("make", [adam, soap], ids=["adam", "soap"])
def test_the_program_is_compiled_once_for_all_its_calls_and_seeds(make):
    traces = []

    class Counting(Regression):
        def loss(self, networks, world, batch, *, key):
            traces.append(1)
            return super().loss(networks, world, batch, key=key)

    base = regression()
    problem = Counting(base.x, base.y, base.held_x, base.held_y)

    def run(episodes, seed=0):
        traces.clear()
        learn(problem, jnp.zeros(3), (), make(), replace(SETTINGS, episodes=episodes), key=key_of(seed))
        return len(traces)

    once = run(51)
    assert once and run(1000) == once, "more calls must not trace the loss more often"
    assert run(1000, seed=1) == 0, "another seed is the same program"


def test_a_target_without_its_error_is_named():
    settings = replace(SETTINGS, targets=(Target("eror", mean=1.0),))
    with pytest.raises(UserError, match="no error named 'eror'; the errors are error"):
        learn(regression(), jnp.zeros(3), (), adam(), settings, key=key_of(0))
