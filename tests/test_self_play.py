"""Self-play: what a search sees against exact play, what is learnt from against the games it comes from, resuming."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn import cli
from equilearn.errors import UserError
from equilearn.labs.selfplay import SelfPlayLab, boards_of
from equilearn.learn import driver, key_of
from equilearn.learn.driver import LAST
from equilearn.reinforcement import CONNECT_FOUR, TIC_TAC_TOE, AlphaZero, Champion, InARow, load_champion, self_play
from equilearn.reinforcement.looking_ahead import PolicyValue, judged, look_ahead
from equilearn.reinforcement.matches import empty
from equilearn.reinforcement.self_play import Positions, SelfPlay, World, opened, outcomes_of
from equilearn.whitebox import minimax

SMALL = AlphaZero(steps=2_000, games=16, simulations=4, considered=4, hidden=(16,), convolutions=((8, 3, 1),), round=8,
                  batch=64, replay=300, checks=8, check_games=4, checkpoint_seconds=0.0)  # fmt: skip


@pytest.fixture(scope="module")
def mctx():
    return pytest.importorskip("mctx", reason="needs equilearn[games]")


def untrained(game, seed=0):
    """A network that knows nothing: p is the same for all actions, v is 0."""
    network = PolicyValue(game, ((4, 3, 1),), (8,), key=key_of(seed))
    return eqx.tree_at(lambda one: one.network.network.weights[-1], network, replace_fn=jnp.zeros_like)


def test_outcomes_turn_their_sign_with_every_move():
    """Two games by hand: one is won, begun anew and cut; one is drawn and won."""
    won = jnp.asarray([[0, 0], [1, 0], [0, 0], [0, 1]], bool)
    over = jnp.asarray([[0, 0], [1, 1], [0, 0], [0, 1]], bool)
    z = outcomes_of(won, over, jnp.asarray([0.25, 0.9]))
    np.testing.assert_array_equal(z, [[-1, 0], [1, 0], [-0.25, -1], [0.25, 1]])


def test_games_begin_with_a_few_moves_at_random():
    boards = opened(TIC_TAC_TOE, 2000, 6, key=key_of(0))
    assert not bool(boards.over.any())
    moves = np.asarray((boards.mine | boards.theirs).sum(axis=1))
    assert moves.min() == 0 and moves.max() == 6
    share = [np.mean(moves == n) for n in range(5)]  # none of them can be over
    np.testing.assert_allclose(share[1:], 1 / 7, atol=4 * np.sqrt(6 / 49 / 2000))
    assert int((opened(CONNECT_FOUR, 50, 0, key=key_of(0)).mine).sum()) == 0


def test_an_untrained_network_that_looks_far_enough_ahead_plays_the_ends_of_tic_tac_toe_exactly(mctx):
    known = [one for one in minimax.positions() if minimax.moves(one) and one.count(".") <= 5][::8]
    boards = boards_of(known)
    network = untrained(TIC_TAC_TOE)
    seen = jax.jit(lambda: look_ahead(TIC_TAC_TOE, network, boards, 100, 9, noise=0.0, key=key_of(0)))()
    legal = np.asarray(jax.vmap(TIC_TAC_TOE.legal)(boards))
    assert bool(legal[np.arange(len(known)), seen.action].all())
    assert not np.any(np.asarray(seen.policy)[~legal]) and not np.any(np.asarray(seen.visits)[~legal])
    np.testing.assert_allclose(seen.policy.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(seen.prior, legal / legal.sum(axis=1, keepdims=True), atol=1e-6)
    good = np.array([int(action) in minimax.best_moves(one) for action, one in zip(seen.action, known, strict=True)])
    assert good.mean() > 0.99
    exact = np.array([minimax.value(one) for one in known])
    value, free = np.asarray(seen.value), np.array([one.count(".") for one in known])
    forced = (free == 1) & (exact != -1)
    assert forced.any() and np.abs(value - exact)[forced].max() < 0.02, "one move: what it comes to, and v of 0 itself"
    wins = [any(minimax.has_lost(minimax.after(one, cell)) for cell in minimax.moves(one)) for one in known]
    assert np.sum(wins) > 20 and np.all(np.asarray(seen.taken)[wins] == 1), "a line can be made: it is seen and made"
    means = [value[exact == one].mean() for one in (1, 0, -1)]  # over all tries, the bad ones too: below the exact ones
    assert means[0] > 0.3 > means[1] > -0.5 > -0.6 > means[2]


def test_what_is_learnt_from_are_the_games_that_were_played(mctx):
    """Rows of the replay: the next one is the board turned round and a stone more; z turns until the game ends."""
    game, settings = TIC_TAC_TOE, AlphaZero(**{**vars(SMALL), "round": 12, "opening": 0})
    network = untrained(game)
    size, none = settings.replay, jnp.zeros((), jnp.int32)
    blank = Positions(jnp.zeros((size, 3, 3, 2), bool), jnp.zeros((size, 9), bool), jnp.zeros((size, 9)),
                      jnp.full(size, 9.0))  # fmt: skip
    problem = SelfPlay({}, game, settings)
    world = World(empty(game, 16), blank, none, none, none)
    world = jax.jit(lambda key: problem._play(network, world, key=key))(key_of(3))
    rows = jax.tree.map(lambda leaf: np.asarray(leaf[: 12 * 16]).reshape(12, 16, *leaf.shape[1:]), world.replay)
    assert np.all(np.asarray(world.replay.outcome[12 * 16 :]) == 9)
    ends = 0
    for t in range(11):
        before, after = rows.planes[t], rows.planes[t + 1]
        begins = ~after.any(axis=(1, 2, 3))
        stones = after[..., 1].sum(axis=(1, 2)) - before[..., 0].sum(axis=(1, 2))
        going = ~begins
        assert np.all(stones[going] == 1) and np.all((after[..., 0] == before[..., 1])[going])
        np.testing.assert_array_equal(rows.outcome[t][going], -rows.outcome[t + 1][going])
        ended = rows.outcome[t][begins]
        assert set(ended) <= {0.0, 1.0}, "who has made the last move has not lost"
        ends += begins.sum()
    ends += int((np.asarray(world.boards.mine | world.boards.theirs).sum(axis=1) == 0).sum())
    assert ends >= 16, "more than one game each"
    last = rows.outcome[-1][np.asarray(world.boards.mine | world.boards.theirs).any(axis=1)]
    assert len(last) and np.all(np.abs(last) <= 1)
    np.testing.assert_array_equal(rows.legal, ~rows.planes.any(axis=-1).reshape(12, 16, 9))


def test_samples_in_a_mirror_are_the_same_game(mctx):
    game, settings = CONNECT_FOUR, AlphaZero(**{**vars(SMALL), "opening": 8})
    size, none = settings.replay, jnp.zeros((), jnp.int32)
    blank = Positions(jnp.zeros((size, 6, 7, 2), bool), jnp.zeros((size, 7), bool), jnp.zeros((size, 7)),
                      jnp.zeros(size))  # fmt: skip
    world = World(opened(game, 16, 8, key=key_of(0)), blank, none, none, none)
    data, world = jax.jit(lambda: SelfPlay({}, game, settings).generate(untrained(game), world, key=key_of(1)))()
    planes = np.asarray(data.planes)
    np.testing.assert_array_equal(data.legal, ~planes.any(axis=-1)[:, 0])
    assert not np.any(np.asarray(data.policy)[~np.asarray(data.legal)])
    kept = {row.tobytes() for row in np.asarray(world.replay.planes)}
    as_they_are = [row.tobytes() in kept for row in planes]
    mirrored = [row[:, ::-1].tobytes() in kept for row in planes]
    assert np.all(np.array(as_they_are) | np.array(mirrored)) and 0.2 < np.mean(as_they_are) < 0.9


def test_interrupted_self_play_ends_bit_for_bit_where_the_whole_one_ends(mctx, tmp_path, monkeypatch):
    whole = self_play(SMALL, TIC_TAC_TOE, seed=4, folder=tmp_path / "whole", live=False)
    record, calls = driver._record, []

    def stop(*arguments):
        calls.append(record(*arguments))
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(driver, "_record", stop)
    with pytest.raises(KeyboardInterrupt):
        self_play(SMALL, TIC_TAC_TOE, seed=4, folder=tmp_path / "cut", live=False)
    with np.load(tmp_path / "cut" / LAST) as cut, np.load(tmp_path / "whole" / LAST) as ended:
        assert any(cut[name].tobytes() != ended[name].tobytes() for name in ended.files if name != "header")
    again = self_play(SMALL, TIC_TAC_TOE, seed=4, folder=tmp_path / "cut", resume=True, live=False)
    for one, other in zip(*(jax.tree.leaves(eqx.filter((run.run.state.networks, run.run.state.world), eqx.is_array))
                            for run in (whole, again)), strict=True):  # fmt: skip
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    strip = [[{**row, "seconds": 0} for row in run.run.history] for run in (whole, again)]
    assert strip[0] == strip[1]
    with pytest.raises(UserError, match="holds another run: simulations is 4 there, but 5 here"):
        other = AlphaZero(**{**vars(SMALL), "simulations": 5})
        self_play(other, TIC_TAC_TOE, seed=4, folder=tmp_path / "cut", resume=True, live=False)


def test_what_was_made_comes_back_from_its_file(tmp_path):
    game = InARow(4, 5, 3, falls=True)
    made = Champion(game, SMALL, PolicyValue(game, SMALL.convolutions, SMALL.hidden, key=key_of(7)))
    made.save(tmp_path / "champion.npz")
    again = load_champion(tmp_path / "champion.npz")
    assert (again.game, again.settings) == (game, SMALL)
    boards = opened(game, 30, 5, key=key_of(1))
    for one, other in zip(judged(game, made.networks, boards), judged(game, again.networks, boards), strict=True):
        np.testing.assert_array_equal(one, other)
    actions = [champion.player(0)(boards, key=key_of(0)) for champion in (made, again)]
    np.testing.assert_array_equal(*actions)
    assert bool(jax.vmap(game.legal)(boards)[jnp.arange(30), actions[0]].all())
    content = (tmp_path / "champion.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"cut\.npz"):
        load_champion(tmp_path / "cut.npz")


@pytest.mark.slow
def test_tic_tac_toe_is_learnt_until_no_game_is_lost(mctx, tmp_path):
    """All games against all that a perfect opponent may play; a seventh of them is lost before learning."""
    lab = SelfPlayLab(thousand_steps=50, matches=20, rollouts=10)
    findings = lab.run(tmp_path, live=False)
    lines = findings.result["lines"]["the network, looking ahead"]
    assert lines["itself"]["perfect play"][2] == lines["opponent"]["perfect play"][2] == 0
    assert sum(lines["opponent"]["anything"]) > 300
    assert (tmp_path / "runs" / "self-play" / LAST).exists()
    again = lab.run(tmp_path, live=False)
    assert again.result == findings.result


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "mctx", None)
    with pytest.raises(UserError, match=r'needs mctx; pip install "equilearn\[games\]"'):
        self_play(SMALL, TIC_TAC_TOE)
    assert cli.run(["lab", "selfplay", "--out", str(tmp_path / "lab")]) == 2
    assert "needs mctx" in capsys.readouterr().err and not (tmp_path / "lab").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"considered": 1}, "considered must be at least 2"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"reuse": float("nan")}, "reuse must be a number"),
        ({"replay": 100}, "replay must be at least 1,024"),
        ({"opening": -1}, "opening must be at least 0"),
    ],
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(UserError, match=f"AlphaZero: .*{words}"):
        AlphaZero(**wrong)


def test_a_kernel_that_does_not_fit_the_board_is_named(mctx):
    with pytest.raises(UserError, match="a kernel of 4 does not fit what is left, 3 by 3"):
        self_play(AlphaZero(convolutions=((8, 4, 1),)), TIC_TAC_TOE)
