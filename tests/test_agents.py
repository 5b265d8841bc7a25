"""Environments against Gymnasium's own, replay and returns against loops, agents against what they have to reach."""

import dataclasses

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from equilearn.errors import UserError
from equilearn.learn import key_of
from equilearn.reinforcement import (
    DDPG,
    DQN,
    PPO,
    PQN,
    CartPole,
    Gridworld,
    Pendulum,
    Reinforce,
    Steering,
    load,
    train,
)  # fmt: skip
from equilearn.reinforcement.acting import CompiledStage, Experience
from equilearn.reinforcement.deep_q import explore
from equilearn.reinforcement.host import HostStage
from equilearn.reinforcement.proximal import advantages
from equilearn.reinforcement.registered import OWN, find
from equilearn.reinforcement.reinforce import returns_to_go
from equilearn.reinforcement.replay import Replay


@pytest.mark.parametrize(("name", "ours"), [("CartPole-v1", CartPole()), ("Pendulum-v1", Pendulum())])
def test_the_twins_play_gymnasiums_games_step_for_step(name, ours):
    theirs = gymnasium.make(name)
    assert theirs.spec.max_episode_steps == ours.limit
    assert theirs.action_space == ours.action_space
    np.testing.assert_allclose(theirs.observation_space.high, ours.observation_space.high, rtol=1e-6)
    theirs.action_space.seed(0)
    step, observe, ended = jax.jit(ours.step), jax.jit(ours.observe), 0
    for game in range(5):
        theirs.reset(seed=game)
        state = jnp.asarray(np.array(theirs.unwrapped.state, np.float32))
        for _ in range(ours.limit):
            action = theirs.action_space.sample()
            seen, reward, terminated, truncated, _ = theirs.step(action)
            state, our_reward, our_terminated = step(state, action, key=jax.random.key(0))
            np.testing.assert_allclose(observe(state), seen, atol=2e-3)
            assert float(our_reward) == pytest.approx(reward, abs=5e-3) and bool(our_terminated) == terminated
            state = jnp.asarray(np.array(theirs.unwrapped.state, np.float32))
            ended += terminated
            if terminated or truncated:
                break
    assert ended == (5 if name == "CartPole-v1" else 0)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("name", OWN)
def test_our_own_environments_pass_gymnasiums_checker(name):
    check_env(gymnasium.make(name).unwrapped, skip_render_check=False)


@pytest.mark.parametrize("name", ["phys2d/CartPole-v1", "phys2d/Pendulum-v0"])
def test_gymnasiums_functional_environments_run_compiled(name):
    pytest.importorskip("flax")
    stage, twin = find(name, 2), CartPole() if "Cart" in name else Pendulum()
    if "Cart" in name:  # where Gymnasium adds mass and length; CartPole-v1 multiplies them
        from gymnasium.envs.phys2d.cartpole import CartPoleParams

        inner, meant, right = stage.environment.inner, CartPoleParams(polemass_length=0.1 * 0.5), jnp.asarray(1)
        start, key = jnp.asarray([0.01, -0.2, 0.05, 0.4]), jax.random.key(0)
        there = inner.transition(start, right, None, params=meant)
        np.testing.assert_allclose(there, twin.step(start, right, key=key).state, atol=1e-6)
        played = stage.environment.step(start, right, key=key)
        np.testing.assert_allclose(played.state, inner.transition(start, right, None), atol=1e-6)
        assert played.reward == 1 and not played.terminated
        assert stage.environment.step(jnp.asarray([2.39, 5.0, 0.0, 0.0]), right, key=key).terminated
        return
    state = jax.vmap(stage.environment.start)(jax.random.split(jax.random.key(1), 2))
    action = jnp.asarray([1, 0]) if "Cart" in name else jnp.asarray([[0.3], [-1.0]])
    for _ in range(10):
        keys = jax.random.split(jax.random.key(0), 2)
        theirs = jax.vmap(lambda s, a, k: stage.environment.step(s, a, key=k))(state, action, keys)
        ours = jax.vmap(lambda s, a, k: twin.step(s, a, key=k))(state, action, keys)
        np.testing.assert_allclose(theirs.state, ours.state, atol=1e-5)
        np.testing.assert_allclose(theirs.reward, ours.reward, atol=1e-5)
        state = theirs.state


@dataclasses.dataclass(frozen=True)
class Counting(CartPole):
    """A game whose state counts its steps; action 1 at the third step ends it, the limit cuts it at the fifth."""

    limit: int = 5

    def start(self, key):
        return jnp.zeros(4)

    def step(self, state, action, *, key):
        from equilearn.reinforcement import Step

        return Step(state + 1, state[0], (state[0] == 2) & (action == 1))


def constant(action, observation, *, key):
    return jnp.full(observation.shape[0], action)


def play(environment, action, steps, games=2):
    stage = CompiledStage(environment, games)
    return stage.play(eqx.Partial(constant, action), stage.begin(key=key_of(0)), steps, key=key_of(1))


def test_a_game_that_ends_begins_anew_in_the_same_step_and_its_last_state_is_seen():
    for action, length in ((1, 3), (0, 5)):
        actors, seen = play(Counting(), jnp.asarray(action), 11)
        expected = np.arange(11) % length
        np.testing.assert_array_equal(seen.observation[:, 0, 0], expected)
        np.testing.assert_array_equal(seen.next_observation[:, 0, 0], expected + 1)
        ended = seen.terminated if action else seen.truncated
        np.testing.assert_array_equal(ended[:, 0], expected == length - 1)
        assert not (seen.truncated if action else seen.terminated).any()
        assert int(actors.ended) == 2 * (11 // length)
        assert float(actors.said["return"]) == sum(range(length)) and float(actors.said["length"]) == length


def test_games_on_the_host_begin_anew_in_the_same_step_too():
    stage = HostStage("CartPole-v1", 3)
    act = eqx.Partial(constant, jnp.asarray(0))
    actors, seen = stage.play(act, stage.begin(key=key_of(0)), 40, key=key_of(1))
    done = np.asarray(seen.terminated | seen.truncated)
    assert done.sum() == int(actors.ended) > 6
    gone_on = np.asarray(seen.next_observation)[:-1] == np.asarray(seen.observation)[1:]
    np.testing.assert_array_equal(gone_on.all(axis=2), ~done[:-1])
    assert (np.abs(np.asarray(seen.next_observation)[done][:, 2]) > 0.2).all(), "the state in which the pole has fallen"
    assert (np.abs(np.asarray(seen.observation)[1:][done[:-1]]) <= 0.05).all(), "a new game"
    _, within = stage.whole(act, key=key_of(2))
    assert within.shape == (500, 3) and 6 < np.asarray(within).sum(axis=0).mean() < 12


@pytest.fixture(scope="module")
def seen():
    """Two hundred steps of three games that end in both ways."""
    rng = np.random.default_rng(0)
    over = rng.random((200, 3))
    rows = np.arange(600, dtype=np.float32).reshape(200, 3, 1)
    return Experience(
        *map(
            jnp.asarray,
            (
                rows,
                rng.integers(4, size=(200, 3)),
                rng.normal(size=(200, 3)).astype(np.float32),
                rows + 0.5,
                over < 0.1,
                (over >= 0.1) & (over < 0.2),
            ),
        )
    )


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("prioritised", [False, True])
def test_what_follows_a_step_in_the_replay_is_what_followed_it_in_its_game(seen, steps, prioritised):
    replay = Replay.like(seen, 130, prioritised=prioritised)
    for part in range(0, 200, 50):
        replay = replay.add(jax.tree.map(lambda leaf, at=part: leaf[at : at + 50], seen))
    sample = replay.draw(500, steps=steps, key=key_of(2))
    ahead = replay.look(sample, steps=steps, discount=0.9)
    there = jax.device_get(seen)
    for i in range(500):
        t, game = divmod(int(ahead.observation[i, 0]), 3)
        assert 70 <= t <= 200 - steps, "the oldest are overwritten; the newest have no n steps after them"
        total, left = 0.0, 0.0
        for k in range(steps):
            total += 0.9**k * there.reward[t + k, game]
            left = 0.0 if there.terminated[t + k, game] else 0.9 ** (k + 1)
            if there.terminated[t + k, game] or there.truncated[t + k, game]:
                break
        assert float(ahead.reward[i]) == pytest.approx(total, abs=1e-5)
        assert float(ahead.bootstrap[i]) == pytest.approx(left, abs=1e-6)
        assert float(ahead.next_observation[i, 0]) == there.next_observation[t + k, game, 0]


def test_priorities_decide_what_is_drawn_and_weights_undo_it(seen):
    replay = Replay.like(seen, 200, prioritised=True).add(seen)
    every = replay.draw(1, key=key_of(0))._replace(
        row=jnp.repeat(jnp.arange(200), 3), game=jnp.tile(jnp.arange(3), 200), weight=jnp.ones(600)
    )
    error = jnp.where(jnp.arange(600) < 60, 4.0, 1.0)
    replay = replay.rate(every, error)
    sample = replay.draw(20_000, power=0.5, correction=1.0, key=key_of(1))
    share = float(jnp.mean(sample.row < 20))
    assert share == pytest.approx(120 / (120 + 540), abs=0.01)
    mean = jnp.sum(sample.weight * (sample.row < 20)) / jnp.sum(sample.weight)
    assert float(mean) == pytest.approx(0.1, abs=0.01), "weighted, every step counts the same again"


def test_bytes_stay_bytes():
    picture = jnp.zeros((5, 2, 8, 8, 4), jnp.uint8)
    flags = jnp.zeros((5, 2), bool)
    seen = Experience(picture + 7, jnp.zeros((5, 2), int), jnp.zeros((5, 2)), picture, flags, flags)
    replay = Replay.like(seen, 10).add(seen)
    assert replay.content.observation.dtype == jnp.uint8
    assert replay.look(replay.draw(4, key=key_of(0)), steps=1, discount=0.9).observation.dtype == jnp.uint8


def test_returns_and_advantages_against_their_definitions(seen):
    done = seen.terminated | seen.truncated
    last = jnp.where(seen.terminated, 0.0, 2.0)
    to_go = np.asarray(returns_to_go(seen.reward, last, done, 0.9))
    value = np.random.default_rng(1).normal(size=(201, 3)).astype(np.float32)
    delta = np.asarray(seen.reward) + 0.9 * np.where(seen.terminated, 0, value[1:]) - value[:-1]
    ahead = np.asarray(advantages(jnp.asarray(delta), done, 0.9 * 0.8))
    for t in (0, 13, 100):
        for game in range(3):
            total, weight, gae, k = 0.0, 1.0, 0.0, t
            while k < 200:
                total += weight * float(seen.reward[k, game])
                gae += (0.9 * 0.8) ** (k - t) * delta[k, game]
                weight *= 0.9
                if done[k, game]:
                    total += weight * float(last[k, game])
                    break
                k += 1
            assert to_go[t, game] == pytest.approx(total, abs=1e-4)
            assert ahead[t, game] == pytest.approx(gae, abs=1e-4)


def greedy_share(epsilon):
    stage = find("CartPole-v1", 1)
    values = DQN().networks(stage, key=key_of(0))
    seen = jnp.tile(jnp.asarray([0.01, 0.5, -0.1, 1.0]), (20_000, 1))
    action = explore(values, jnp.asarray(epsilon), seen, key=key_of(1))
    return float(jnp.mean(action == jnp.argmax(values(seen[:1])[0])))


def test_exploration_is_the_share_it_says():
    assert greedy_share(0.0) == 1.0
    assert greedy_share(0.4) == pytest.approx(0.8, abs=0.01)
    agent = DQN(steps=1000, warmup=100, explored=0.5, exploration=(0.9, 0.1))
    assert [float(agent.epsilon(jnp.asarray(n))) for n in (0, 250, 500, 900)] == pytest.approx([0.9, 0.5, 0.1, 0.1])


def test_a_baseline_changes_the_variance_of_the_gradient_not_its_mean():
    """A bandit with known answer: rewards 10 and 11, a softmax over two logits at zero."""
    rng = np.random.default_rng(0)
    action = rng.integers(2, size=200_000)
    score = np.where(action == 0, 0.5, -0.5)  # d log P(a) / d logit 0
    without, with_baseline = score * (10 + action), score * (10 + action - 10.5)
    exact = 0.5 * 0.5 * (10 - 11)
    assert without.mean() == pytest.approx(exact, abs=0.03) and with_baseline.mean() == pytest.approx(exact, abs=0.003)
    assert with_baseline.std() < without.std() / 10


SMALL = {
    "DQN": DQN(steps=2_000, warmup=200, hidden=(16,), check_games=2, checks=4, prioritised=True, duelling=True),
    "PPO": PPO(steps=4_096, hidden=(16,), check_games=2, checks=4),
    "PQN": PQN(steps=4_096, hidden=(16,), check_games=2, checks=4),
    "Reinforce": Reinforce(steps=16_000, games=4, hidden=(16,), check_games=2, checks=4),
    "DDPG": DDPG(steps=2_000, warmup=200, hidden=(16,), check_games=2, checks=4, critics=2, smoothing=0.1, delay=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_run_that_is_killed_goes_on_bit_for_bit_replay_included(tmp_path, monkeypatch, name):
    from equilearn.learn import driver

    agent, where = SMALL[name], "Pendulum-v1" if name == "DDPG" else "CartPole-v1"
    whole = train(agent, where, seed=3)
    calls, finished = [], driver._Sitting._finished

    def stop(self):
        calls.append(self)
        if len(calls) == 2:
            self._save(driver.LAST)
            raise KeyboardInterrupt
        return finished(self)

    monkeypatch.setattr(driver._Sitting, "_finished", stop)
    with pytest.raises(KeyboardInterrupt):
        train(agent, where, seed=3, folder=tmp_path)
    again = train(agent, where, seed=3, folder=tmp_path, resume=True)
    assert len(calls) > 2
    for a, b in zip(jax.tree.leaves(whole.run.state), jax.tree.leaves(again.run.state), strict=True):
        if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_on_the_host_networks_replay_and_counters_come_back_and_games_begin_anew(tmp_path):
    agent = dataclasses.replace(SMALL["DQN"], checks=2, keep_best=False)
    first = train(agent, "CartPole-v1", folder=tmp_path, on_host=True)
    again = train(agent, "CartPole-v1", folder=tmp_path, on_host=True, resume=True)
    for a, b in zip(jax.tree.leaves(first.run.state.world), jax.tree.leaves(again.run.state.world), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.returns(4).mean() > 5


@pytest.mark.slow
@pytest.mark.parametrize("agent", [DQN(), PPO(), Reinforce(), PQN()], ids=lambda agent: type(agent).__name__)
def test_cart_pole_is_learnt(agent, tmp_path):
    trained = train(agent, "CartPole-v1", seed=0)
    assert trained.returns(100).mean() >= 475
    trained.save(tmp_path / "agent.npz")
    loaded = load(tmp_path / "agent.npz")
    np.testing.assert_array_equal(loaded.returns(5), trained.returns(5))
    assert loaded.agent == agent


@pytest.mark.slow
def test_pendulum_is_learnt(tmp_path):
    trained = train(DDPG(steps=12_000), "Pendulum-v1", seed=0)
    assert trained.returns(100).mean() >= -170
    trained.watch(tmp_path / "pendulum.gif")
    from PIL import Image, ImageSequence

    with Image.open(tmp_path / "pendulum.gif") as film:  # a pendulum at rest is one picture, shown for long
        shown = [one.info["duration"] / 1000 for one in ImageSequence.Iterator(film)]
    assert len(shown) > 5 and sum(shown) > 50 * 0.18, "as long as fifty pictures that all differ"


def test_the_car_is_held_by_the_linear_controller_and_wheels_turn_where_they_are_told():
    road = Steering()
    gain = jnp.asarray(road.linear_controller(), jnp.float32)

    def act(observation, *, key):
        place = observation * jnp.asarray([3.0, 1.0, 1 / 20])
        return -(place @ gain)[:, None]

    seen, within = CompiledStage(road, 50).whole(act, key=key_of(0))
    assert not bool((seen.terminated & within).any())
    assert float(jnp.where(within, seen.reward, 0).sum(axis=0).mean()) > 150
    few = Steering(angles=3)
    assert [float(few.wheels(jnp.asarray(i))) for i in range(3)] == pytest.approx([-0.5, 0.0, 0.5])


@pytest.mark.slow
def test_an_agent_that_diverges_is_not_returned():
    with pytest.raises(UserError, match=r"PPO: diverged\. A number stopped being finite"):
        train(PPO(steps=4096, learning_rate=1e30, checks=1, check_games=1), "CartPole-v1", live=False)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: train(DQN(), "Pendulum-v1"), "its actions are continuous"),
        (lambda: train(DDPG(), "CartPole-v1"), "its actions are a few to choose from"),
        (lambda: train(DQN(), "CartPol-v1"), "CartPol-v1: Gymnasium cannot make it"),
        (lambda: DQN(steps=0), "DQN: steps must be at least 1"),
        (lambda: DQN(warmup=50_000), "warmup must be below the 50000 steps"),
        (lambda: DQN(replay=10), "a replay of 10 steps does not hold a round"),
        (lambda: PPO(trace=1.5), "PPO: trace must be between 0 and 1"),
        (lambda: DDPG(learning_rate=-1.0), "DDPG: learning_rate must be above 0"),
        (lambda: DDPG(steps=900), "DDPG: warmup must be below the 900 steps of the run, not 1000"),
        (lambda: DDPG(replay=20), "DDPG: a replay of 20 steps does not hold a round of 4 games"),
        (lambda: PQN(exploration=(1.0, 2.0)), "PQN: exploration must be between 0 and 1"),
        (lambda: Gridworld(rows=("..", ".S.")), "rows must be texts of one length"),
        (lambda: Gridworld(rows=("..x", ".S.")), "'x' is no cell"),
        (lambda: Gridworld(rows=("...",)), "there is no S to start from"),
        (lambda: Steering(angles=1), "angles must be 0"),
    ],
)
def test_what_does_not_fit_is_named(make, said):
    with pytest.raises(UserError, match=said):
        make()
