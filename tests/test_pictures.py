"""Networks on pictures and the games that are learnt from them: MinAtar (pgx), Atari (ale-py)."""

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.errors import UserError
from equilearn.learn import key_of
from equilearn.reinforcement import DQN, PQN, Atari, MinAtar, load, train
from equilearn.reinforcement.acting import CompiledStage
from equilearn.reinforcement.atari import fire_of
from equilearn.reinforcement.pixels import Pixels
from equilearn.reinforcement.registered import find


@pytest.fixture
def pgx():
    return pytest.importorskip("pgx", reason="needs equilearn[games]")


@pytest.fixture
def ale():
    return pytest.importorskip("ale_py", reason="needs equilearn[atari]")


def pixels(shape, *, layer_norm=False):
    space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
    layers = ((8, 4, 2), (16, 3, 1))
    return Pixels(space, 3, layers, (32,), last=0.1, layer_norm=layer_norm, key=key_of(0)), space


def test_a_network_on_pictures_is_xlas_convolutions():
    network, space = pixels((4, 20, 18))
    space.seed(0)
    seen = np.stack([space.sample() for _ in range(5)])
    x = jnp.asarray(seen, jnp.float32) / 255
    for layer, (size, stride) in zip(network.convolutions, ((4, 2), (3, 1)), strict=True):
        kernel = layer.weights.reshape(size, size, x.shape[1], -1)
        x = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "VALID", dimension_numbers=("NCHW", "HWIO", "NCHW")
        )
        x = jax.nn.relu(x + layer.bias[:, None, None])
    flat = jnp.moveaxis(x, 1, 3).reshape(5, -1)
    np.testing.assert_allclose(network(jnp.asarray(seen)), network.network(flat), atol=1e-4)


def test_channels_may_come_first_or_last():
    (first, space), (last, _) = pixels((4, 20, 18)), pixels((20, 18, 4))
    space.seed(1)
    seen = np.stack([space.sample() for _ in range(3)])
    np.testing.assert_allclose(first(jnp.asarray(seen)), last(jnp.asarray(np.moveaxis(seen, 1, 3))), atol=1e-5)


def test_a_small_board_with_many_channels_has_them_last():
    assert not pixels((10, 10, 12))[0].channels_first


def test_pictures_without_a_largest_value_are_refused():
    space = gymnasium.spaces.Box(-np.inf, np.inf, (8, 8, 3))
    with pytest.raises(UserError, match="observation_space: pictures are divided by their largest value"):
        Pixels(space, 3, ((4, 3, 1),), (8,), last=0.1, key=key_of(0))


def test_normalised_layers_do_not_see_how_bright_a_picture_is():
    network, space = pixels((20, 18, 4), layer_norm=True)
    space.seed(2)
    seen = jnp.asarray(space.sample()[None], jnp.float32)
    np.testing.assert_allclose(network(seen), network(seen / 3), atol=1e-2)


def test_a_kernel_that_does_not_fit_is_named(pgx):
    with pytest.raises(
        UserError, match="minatar-breakout: convolutions: a kernel of 9 does not fit what is left, 8 by 8"
    ):
        train(PQN(convolutions=((4, 3, 1), (4, 9, 1))), "minatar-breakout")


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch, tmp_path, capsys):
    import sys

    from equilearn import cli
    from equilearn.reinforcement.minatar import _made

    for name in ("pgx", "pgx.minatar", "pgx.minatar.breakout", "ale_py", "ale_py.vector_env"):
        monkeypatch.setitem(sys.modules, name, None)
    _made.cache_clear()
    with pytest.raises(UserError, match=r'minatar-breakout: needs pgx; pip install "equilearn\[games\]"'):
        train(PQN(), "minatar-breakout")
    with pytest.raises(UserError, match=r'ALE/breakout: needs ale-py; pip install "equilearn\[atari\]"'):
        train(PQN(), "ALE/Breakout-v5")
    for game, package in (("minatar", "pgx"), ("ale", "ale-py")):
        assert cli.run(["lab", "breakout", "--game", game, "--out", str(tmp_path / "lab")]) == 2
        assert f"needs {package}" in capsys.readouterr().err and not (tmp_path / "lab").exists()


def rule_and_chance(observation, *, key):
    """The first half of the games by the rule, the others at random."""
    from equilearn.labs.breakout import under_the_ball

    half = observation.shape[0] // 2
    anything = jax.random.randint(key, (observation.shape[0],), 0, 3)
    return jnp.where(jnp.arange(observation.shape[0]) < half, under_the_ball(observation, key=key), anything)


def test_minatar_is_pgxs_game_and_a_rule_that_follows_the_ball_beats_chance(pgx):
    stage = CompiledStage(MinAtar(limit=300), 60)
    returns = stage.returns(eqx.Partial(rule_and_chance), key=key_of(0))
    assert float(returns[:30].mean()) > 6 > 1 > float(returns[30:].mean()) > 0
    inner, ours = pgx.make("minatar-breakout"), MinAtar()
    state = inner.init(jax.random.key(3))
    step = jax.jit(lambda s, a, k: (inner.step(s, a, k), ours.step(s, a, key=k)))
    for t in range(12):
        theirs, mine = step(state, jnp.asarray(t % 3), jax.random.key(t))
        np.testing.assert_array_equal(ours.observe(mine.state), theirs.observation)
        assert float(mine.reward) == float(theirs.rewards[0]) and bool(mine.terminated) == bool(theirs.terminated)
        state = theirs


@pytest.mark.slow
def test_minatars_breakout_is_learnt(pgx, tmp_path):
    """Chance: 0.3; what is asked here is reached in an eighth of the lab's steps."""
    agent = PQN(steps=50_000, games=64, hidden=(64,), trace=0.65, explored=0.1, checks=3)
    trained = train(agent, MinAtar(limit=300), seed=0, live=False)
    assert trained.returns(100).mean() > 2
    trained.save(tmp_path / "agent.npz")
    loaded = load(tmp_path / "agent.npz")
    assert loaded.agent == agent and loaded.environment == MinAtar(limit=300)
    np.testing.assert_array_equal(loaded.returns(100), trained.returns(100))


def nothing(observation, *, key):
    return jnp.zeros(observation.shape[0], jnp.int32)


def test_a_lost_life_is_an_end_in_learning_only_and_the_game_goes_on_with_fire(ale):
    """The agent never presses FIRE: without it pressed for it, one life would be all that it ever sees."""
    stage = find(Atari(size=28), 2, learning=True)
    actors, lives = stage.begin(key=key_of(0)), []
    step = stage._step

    def watched(action):
        out = step(action)
        lives.append((stage._lives.copy(), out[0].copy(), out[4].copy()))
        return out

    stage._step = watched
    _, seen = stage.play(eqx.Partial(nothing), actors, 250, key=key_of(1))
    left, done, ended = (np.array(column) for column in zip(*lives, strict=True))
    lost = left[1:] < left[:-1]
    assert lost.sum() >= 8, "the ball came back after every lost life"
    assert ended[1:][lost].all() and set(np.unique(left)) == {1, 2, 3, 4, 5}
    np.testing.assert_array_equal(seen.action, done)
    assert (done[2:][lost[:-1]] == 1).all(), "FIRE is pressed, and put down as what was done"
    assert seen.observation.shape == (250, 2, 4, 28, 28) and seen.observation.dtype == jnp.uint8
    judge = find(Atari(size=28), 2)
    actors = judge.begin(key=key_of(0))
    _, seen = judge.play(eqx.Partial(nothing), actors, 250, key=key_of(1))
    assert 1 <= int(seen.terminated.sum()) <= 4 < int(lost.sum()), "five lives are one game"


def test_a_game_without_the_button_keeps_its_actions(ale):
    assert [fire_of(game) for game in ("breakout", "pong", "ms_pacman", "freeway")] == [1, 1, None, None]
    stage = find(Atari("ms_pacman", size=28), 1, learning=True)
    stage.begin(key=key_of(0))
    stage._fire[:] = 2
    assert stage._step(np.array([3]))[0].tolist() == [3]


@pytest.mark.slow
def test_a_training_on_ataris_game_goes_its_way(ale, tmp_path):
    agent = DQN(
        steps=600, games=2, warmup=200, hidden=(16,), convolutions=((4, 8, 4),), replay=600, checks=1, check_games=1,
        round=8, updates=4, batch=16, n_step=1,
    )  # fmt: skip
    trained = train(agent, Atari(size=28), seed=0, live=False)
    assert trained.run.state.world.memory.replay.content.observation.dtype == jnp.uint8
    trained.save(tmp_path / "agent.npz")
    loaded = load(tmp_path / "agent.npz")
    assert loaded.environment == Atari(size=28)
    for a, b in zip(jax.tree.leaves(loaded.networks), jax.tree.leaves(trained.networks), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MinAtar(game="pong"), "minatar-pong: MinAtar has no such game; there are minatar-asterix"),
        (lambda: MinAtar(limit=0), "MinAtar: limit must be at least 1"),
        (lambda: PQN(convolutions=((0, 3, 1),)), "convolutions must be above 0"),
    ],
)
def test_what_does_not_fit_is_named(make, said):
    with pytest.raises(UserError, match=said):
        make()


def test_ataris_games_are_known_by_name(ale):
    assert Atari.of("ALE/SpaceInvaders-v5").game == "space_invaders"
    with pytest.raises(UserError, match="Atari has no such game"):
        Atari(game="chess3")
    with pytest.raises(UserError, match="size must be at least 8, not 1"):
        Atari(size=1)
