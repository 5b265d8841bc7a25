"""The loop for players, agents and sequences: what they need from it, against loops written by hand."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.figure import Figure

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Note, Outcome, Problem, Score, Target, key_of, learn
from equilearn.learn.checkpoint import read_header
from equilearn.learn.driver import BEST, LAST
from equilearn.optimizers import adam, constant, every


class Game(Problem):
    """x minimises and y maximises (x - 1)^2 / 2 + x y - (y + 2)^2 / 2; the world holds a y that follows slowly."""

    def generate(self, networks, world, *, key):
        return jnp.zeros((6, 1)), world

    def loss(self, networks, world, batch, *, key):
        stop = jax.lax.stop_gradient

        def payoff(x, y):
            return (x - 1) ** 2 / 2 + x * y - (y + 2) ** 2 / 2

        x, y = networks["x"], networks["y"]
        return payoff(x, stop(y)) - payoff(stop(x), y), {}

    def after_step(self, networks, world, batch, parts):
        return {"slow": 0.9 * world["slow"] + 0.1 * networks["y"]}

    def check(self, networks, world, *, key):
        return {"gradient": jnp.abs(networks["x"] - 1 + networks["y"])}


def test_one_player_moves_in_every_third_step_and_a_target_follows_in_every_step():
    rates = {"x": every(3, optax.sgd(0.1, momentum=0.5)), "y": optax.sgd(0.05)}
    optimizer = optax.partition(rates, {"x": "x", "y": "y"})
    settings = LearnSettings(episodes=20, check_every=10, batch_size=1)  # six steps an episode
    start = {"x": jnp.asarray(0.5), "y": jnp.asarray(0.0)}
    run = learn(Game(), start, {"slow": jnp.zeros(())}, optimizer, settings, key=key_of(0))
    x, y, slow, speed = 0.5, 0.0, 0.0, 0.0
    for step in range(1, 121):
        to_x, to_y = x - 1 + y, -(x - (y + 2))
        if step % 3 == 0:
            speed = 0.5 * speed + to_x
            x -= 0.1 * speed
        y -= 0.05 * to_y
        slow = 0.9 * slow + 0.1 * y
    np.testing.assert_allclose([run.state.networks["x"], run.state.networks["y"]], [x, y], rtol=1e-4)
    assert float(run.state.world["slow"]) == pytest.approx(slow, rel=1e-4)


@pytest.mark.parametrize("steps", [0, -1, True])
def test_the_cadence_is_a_whole_number(steps):
    with pytest.raises(UserError, match="every: steps must be a whole number of at least 1"):
        every(steps, adam())


class Climb(Problem):
    """A score that rises to zero and falls again while the weight passes two; a note and a picture beside it."""

    def generate(self, networks, world, *, key):
        return jnp.zeros((1, 1)), world | {"episode": world["episode"] + 1}

    def loss(self, networks, world, batch, *, key):
        return -networks, {}

    def says(self, data, world):
        ended = world["episode"] % 4 == 0
        return {"return": jnp.where(ended, world["episode"], jnp.nan), "never": jnp.nan}

    def check(self, networks, world, *, key):
        values = -((networks - 2) ** 2) + jnp.asarray([-0.5, 0.0, 0.5])
        return {"score": Score(values), "weight": Note(networks)}

    def pictures(self, networks, world):
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, float(networks)])
        return {"line": figure}

    def kept(self, world):
        return world["episode"]

    def put_back(self, world, kept):
        return world | {"kept at": kept}


def climb(folder=None, **more):
    settings = LearnSettings(episodes=40, check_every=4, batch_size=1, **more)
    world = {"episode": jnp.zeros((), jnp.int32), "buffer": jnp.zeros(100_000)}
    return learn(Climb(), jnp.zeros(()), world, optax.sgd(0.1), settings, key=key_of(0), folder=folder)


def test_the_best_score_is_kept_not_the_worst_and_large_buffers_are_not_kept_with_it(tmp_path):
    run = climb(tmp_path, keep_best=True)
    assert float(run.state.networks) == pytest.approx(2.0)
    assert run.errors["score"] == pytest.approx({"mean": 0, "min": -0.5, "p001": -0.499}, abs=2e-3)
    assert run.state.world["buffer"].shape == (100_000,) and int(run.state.world["kept at"]) == 20
    assert (tmp_path / BEST).stat().st_size < 10_000 < 400_000 < (tmp_path / LAST).stat().st_size
    assert read_header(tmp_path / BEST)["progress"]["best_episode"] == 20


def test_patience_waits_for_a_better_score_and_a_target_is_met_from_below():
    assert "since episode 20" in climb(patience=2).message
    reached = climb(targets=(Target("score", least=-0.2),))
    assert reached.outcome is Outcome.REACHED and int(reached.state.episode) == 16
    assert climb(targets=(Target("score", least=0.2),)).outcome is Outcome.EXHAUSTED


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("score", mean=1.0), "score is a score, which is to rise: bound it by least, not mean"),
        (Target("weight", mean=1.0), "no error named 'weight'; the errors are score"),
        (Target("scor", least=1.0), "no error named 'scor'"),
    ],
)
def test_targets_that_do_not_fit_are_named(target, said):
    with pytest.raises(UserError, match=said):
        climb(targets=(target,))


def test_what_the_data_say_is_recorded_where_they_say_something(tmp_path):
    rows = climb(tmp_path).history
    assert [row["data/return"] for row in rows] == list(range(4, 41, 4)) and "data/never" not in rows[0]
    assert rows[4]["notes/weight"] == pytest.approx(2.0) and rows[4]["scores/score/min"] == pytest.approx(-0.5)
    events = b"".join(file.read_bytes() for file in (tmp_path / "tensorboard").iterdir())
    assert all(name in events for name in (b"data/return", b"notes/weight", b"scores/score/mean"))
    assert events.count(b"\x89PNG") == 10, "a picture a check"


class Prioritised(Problem):
    """Learns means of 64 numbers, one weight each; samples what it is most wrong about (Schaul et al., 2016)."""

    targets: jax.Array

    def generate(self, networks, world, *, key):
        index = jax.random.choice(key, 64, (16,), p=world["priority"] / jnp.sum(world["priority"]))
        return {"index": index, "target": self.targets[index]}, world

    def loss(self, networks, world, batch, *, key):
        wrong = networks[batch["index"]] - batch["target"]
        return jnp.mean(wrong**2), {"wrong": jnp.abs(wrong)}

    def after_step(self, networks, world, batch, parts):
        return world | {"priority": world["priority"].at[batch["index"]].set(parts["wrong"] + 1e-3)}

    def absorb(self, networks, world, data, parts):
        return world | {
            "seen": world["seen"].at[data["index"]].add(1),
            "steps": parts["loss"].shape[0] + world["steps"],
        }

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(networks - self.targets)}


def test_priorities_follow_the_errors_of_single_samples():
    targets = jnp.where(jnp.arange(64) < 4, 5.0, 0.0)
    world = {"priority": jnp.ones(64), "seen": jnp.zeros(64, jnp.int32), "steps": jnp.zeros((), jnp.int32)}
    settings = LearnSettings(episodes=200, check_every=50, batch_size=8)
    run = learn(Prioritised(targets), jnp.zeros(64), world, optax.sgd(0.2), settings, key=key_of(0))
    seen = np.asarray(run.state.world["seen"])
    assert seen.sum() == 200 * 16 and int(run.state.world["steps"]) == 400
    assert seen[:4].min() > 3 * seen[4:].max(), "those that are wrong are seen most"
    np.testing.assert_allclose(run.state.networks, targets, atol=0.3)


class Carried(Problem):
    """A leaky sum of a sequence, in chunks of five: the sum is carried from chunk to chunk."""

    keeps_order: ClassVar[bool] = True
    sequence: jax.Array

    def generate(self, networks, world, *, key):
        return self.sequence.reshape(-1, 5), jnp.zeros(())

    def loss(self, networks, world, batch, *, key):
        def step(h, x):
            h = networks * h + x
            return h, h

        last, path = jax.lax.scan(step, world, batch[0])
        return jnp.mean(path**2), {"last": last[None]}

    def after_step(self, networks, world, batch, parts):
        return parts["last"][0]

    def check(self, networks, world, *, key):
        return {"carried": world}


def test_a_state_is_carried_through_the_chunks_of_a_sequence_in_their_order():
    sequence = jax.random.normal(jax.random.key(0), (60,))
    settings = LearnSettings(episodes=2, check_every=1, batch_size=1)
    run = learn(Carried(sequence), jnp.asarray(0.9), jnp.zeros(()), optax.sgd(0.0), settings, key=key_of(0))
    exact = sum(0.9 ** (59 - t) * float(x) for t, x in enumerate(sequence))
    assert float(run.state.world) == pytest.approx(exact, rel=1e-4)
    moving = learn(Carried(sequence), jnp.asarray(0.9), jnp.zeros(()), optax.sgd(0.01), settings, key=key_of(0))

    weight = 0.9
    for _ in range(2):  # by hand: the gradient is cut where a chunk begins
        h = 0.0
        for chunk in np.asarray(sequence, float).reshape(-1, 5):
            slope, total = 0.0, 0.0
            previous = h
            for x in chunk:
                slope = previous + weight * slope
                previous = weight * previous + x
                total += 2 * previous * slope / 5
            h, weight = previous, weight - 0.01 * total
    assert float(moving.state.networks) == pytest.approx(weight, rel=1e-4)


class Complete(Problem):
    """Counts how often each of ten samples is used."""

    def generate(self, networks, world, *, key):
        return jnp.arange(10), world

    def loss(self, networks, world, batch, *, key):
        return networks**2, {}

    def after_step(self, networks, world, batch, parts):
        return world.at[batch].add(1)

    def check(self, networks, world, *, key):
        return {"least": jnp.min(world).astype(float)}


def test_no_sample_of_a_finite_data_set_is_left_out():
    settings = LearnSettings(episodes=1, check_every=1, batch_size=4, epochs=3)
    run = learn(Complete(), jnp.zeros(()), jnp.zeros(10, jnp.int32), adam(), settings, key=key_of(0))
    used = np.asarray(run.state.world)
    assert used.min() >= 3 and used.sum() == 3 * 12 and int(run.state.step) == 9


class Large(Problem):
    """An environment on the host with a replay buffer of 200 MB; the third episode of a bad one is not finite."""

    generates_on_host: ClassVar[bool] = True
    bad: bool = eqx.field(static=True, default=False)

    def generate(self, networks, world, *, key):
        value = np.nan if self.bad and int(world["count"]) == 2 else 1.0
        return jnp.full((4,), value, jnp.float32), world | {"count": world["count"] + 1}

    def loss(self, networks, world, batch, *, key):
        return jnp.mean((batch - networks) ** 2), {}

    def absorb(self, networks, world, data, parts):
        return world | {"buffer": world["buffer"].at[world["count"] % 50].set(data[0])}

    def check(self, networks, world, *, key):
        PLACES.append(world["buffer"].unsafe_buffer_pointer())
        return {"error": jnp.abs(networks - 1)}


PLACES: list[int] = []


def test_a_large_world_is_handed_on_and_not_copied():
    PLACES.clear()
    world = {"buffer": jnp.zeros(50_000_000), "count": jnp.zeros((), jnp.int32)}
    settings = LearnSettings(episodes=10, check_every=1, batch_size=4)
    run = learn(Large(), jnp.zeros(()), world, optax.sgd(0.1), settings, key=key_of(0))
    assert len(PLACES) == 10 and len(set(PLACES[1:])) == 1
    assert float(run.state.world["buffer"][:11].sum()) == 10


def test_on_the_host_the_last_good_networks_are_kept_too(tmp_path):
    world = {"buffer": jnp.zeros(100), "count": jnp.zeros((), jnp.int32)}
    settings = LearnSettings(episodes=10, check_every=5, batch_size=4)
    optimizer = adam(0.1, schedule=constant)
    bad = learn(Large(True), jnp.zeros(()), world, optimizer, settings, key=key_of(0), folder=tmp_path)
    assert bad.outcome is Outcome.DIVERGED and int(bad.state.episode) == 2
    world = {"buffer": jnp.zeros(100), "count": jnp.zeros((), jnp.int32)}
    good = learn(Large(), jnp.zeros(()), world, optimizer, LearnSettings(episodes=2, check_every=2), key=key_of(0))
    assert float(bad.state.networks) == float(good.state.networks)
