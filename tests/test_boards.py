"""Board games: the rules against published counts, pgx and exact play; tic-tac-toe solved; the plain tree search."""

import functools
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.errors import UserError
from equilearn.labs.selfplay import boards_of, position_of, table
from equilearn.learn import key_of
from equilearn.reinforcement import CONNECT_FOUR, TIC_TAC_TOE, InARow, TreeSearch
from equilearn.reinforcement.boards import Board
from equilearn.reinforcement.matches import AtRandom, ByTable, empty, matches, points, share
from equilearn.reinforcement.tree_search import grown, rollout
from equilearn.whitebox import minimax


def stacked(boards):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *boards)


def counts(game, moves, at_once=2048):
    """Return how many different boards there are after 0, 1, ... moves; boards are rows of bits."""
    cells = game.cells

    @jax.jit
    def after_every_move(rows):
        boards = Board(rows[:, :cells], rows[:, cells:-1], rows[:, -1])
        played = jax.vmap(lambda board: jax.vmap(lambda a: game.play(board, a))(jnp.arange(game.actions)))(boards)
        new = jnp.concatenate([played.mine, played.theirs, played.lost[..., None]], axis=2)
        return new, jax.vmap(game.legal)(boards)

    rows, made = np.zeros((1, 2 * cells + 1), bool), [1]
    for _ in range(moves):
        found = []
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            new, legal = after_every_move(np.pad(some, ((0, at_once - len(some)), (0, 0))))
            found.append(np.packbits(np.asarray(new)[: len(some)][np.asarray(legal)[: len(some)]], axis=1))
        rows = np.unpackbits(np.unique(np.concatenate(found), axis=0), axis=1, count=2 * cells + 1).astype(bool)
        made.append(len(rows))
    return made


def test_connect_four_has_the_published_numbers_of_positions():
    """Tromp's counts (OEIS A212693); with seven stones the first games are over, and lead nowhere."""
    assert counts(CONNECT_FOUR, 8) == [1, 7, 49, 238, 1120, 4263, 16422, 54859, 184275]


def test_tic_tac_toe_has_the_positions_of_the_white_box():
    assert sum(counts(TIC_TAC_TOE, 9)) == len(minimax.positions()) == 5478
    boards = boards_of(minimax.positions())
    legal = np.asarray(jax.vmap(TIC_TAC_TOE.legal)(boards))
    over = np.asarray(boards.over)
    for i, one in enumerate(minimax.positions()):
        assert np.flatnonzero(legal[i]).tolist() == minimax.moves(one)
        assert over[i] == (not minimax.moves(one))


@pytest.mark.parametrize("name", ["tic_tac_toe", "connect_four"])
def test_the_rules_are_pgxs(name):
    pgx = pytest.importorskip("pgx", reason="needs equilearn[games]")
    theirs, ours = pgx.make(name), {"tic_tac_toe": TIC_TAC_TOE, "connect_four": CONNECT_FOUR}[name]
    state, board = jax.vmap(theirs.init)(jax.random.split(jax.random.key(0), 50)), empty(ours, 50)

    @jax.jit
    def both(state, board, key):
        legal = jax.vmap(ours.legal)(board)
        action = jnp.argmax(jnp.where(legal, jax.random.uniform(key, legal.shape), -1), axis=1)
        return jax.vmap(theirs.step)(state, action), jax.vmap(ours.play)(board, action), legal

    for move in range(ours.cells):
        mover, before = state.current_player, board.over
        theirs_legal = state.legal_action_mask
        state, board, legal = both(state, board, jax.random.key(move))
        going = ~np.asarray(before)
        np.testing.assert_array_equal(legal[going], theirs_legal[going])
        np.testing.assert_array_equal(board.over, state.terminated)
        won = state.rewards[jnp.arange(50), mover] == 1
        np.testing.assert_array_equal((board.lost & ~before)[going], won[going])
    assert bool(board.over.all())


def test_who_has_a_line_has_won_and_the_game_stays_as_it_is():
    board = CONNECT_FOUR.read("0101010")
    assert bool(board.lost) and not bool(CONNECT_FOUR.legal(board).any())
    again = CONNECT_FOUR.play(board, jnp.asarray(3))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), board, again))
    for moves, lost in (("3323242", False), ("0213243", False), ("01123223633", True), ("65543443033", True)):
        assert bool(CONNECT_FOUR.read(moves).lost) == lost
    assert len(CONNECT_FOUR.lines) == 69 and len(TIC_TAC_TOE.lines) == 8
    assert CONNECT_FOUR.mirrored.tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert TIC_TAC_TOE.mirrored.tolist() == [2, 1, 0, 5, 4, 3, 8, 7, 6]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CONNECT_FOUR.read("3333333"), "move 7 of '3333333', '3', is not allowed"),
        (lambda: TIC_TAC_TOE.read("0a"), "move 2 of '0a', 'a', is not allowed"),
        (lambda: InARow(1, 3, 3), "rows must be at least 2"),
        (lambda: InARow(3, 3, 4), "line must be between 2 and 3"),
    ],
)
def test_what_is_not_allowed_is_named(make, words):
    with pytest.raises(UserError, match=words):
        make()


def test_tic_tac_toe_is_a_draw_and_its_games_are_as_many_as_is_known():
    """255,168 games: 131,184 won by the first player, 77,904 by the second, 46,080 drawn."""
    assert minimax.value(minimax.START) == 0 and minimax.best_moves(minimax.START) == list(range(9))
    assert minimax.best_moves(position_of(TIC_TAC_TOE.read("0"))) == [4]
    assert minimax.best_moves(position_of(TIC_TAC_TOE.read("048"))) == [1, 3, 5, 7]

    @functools.cache
    def games(position):
        if not minimax.moves(position):
            return {(len(position) - position.count(".")) % 2 if minimax.has_lost(position) else "drawn": 1}
        total = Counter()
        for cell in minimax.moves(position):
            total.update(games(minimax.after(position, cell)))
        return total

    assert games(minimax.START) == {1: 131_184, 0: 77_904, "drawn": 46_080}


def test_every_game_counts_all_that_may_be_played_against_one():
    def best(position):
        return minimax.best_moves(position)[0]

    def worst(position):
        return min(minimax.moves(position), key=lambda cell: -minimax.value(minimax.after(position, cell)))

    for begins in (True, False):
        assert minimax.every_game(best, minimax.moves, begins)[-1] == 0
        assert set(minimax.every_game(best, minimax.best_moves, begins)) == {0}
        assert minimax.every_game(worst, minimax.best_moves, begins)[-1] > 0
    one_reply = minimax.every_game(lambda position: position.index("."), lambda position: [position.rindex(".")], True)
    assert one_reply == {1: 1}, "0 8 1 7 2: the upper row"


def test_perfect_play_is_what_a_match_against_chance_shows():
    perfect = ByTable(TIC_TAC_TOE, jnp.asarray(table()))
    met = matches(perfect, {"chance": AtRandom(TIC_TAC_TOE), "perfect": perfect}, 400, key=key_of(0))
    assert int(met["chance"].first.min()) >= 0 and int(met["chance"].second.min()) >= 0
    assert float(points(met["chance"]).mean()) > 0.85
    assert not np.any(points(met["perfect"]) != 0.5)
    for side, moves in zip((met["chance"].first, met["chance"].second), met["chance"].moves, strict=True):
        begins = side is met["chance"].first
        for outcome, played in zip(side[:20], moves[:20], strict=True):
            board = TIC_TAC_TOE.read("".join(str(int(one)) for one in played if one >= 0))
            first_won = bool(board.lost) and int((played >= 0).sum()) % 2 == 1
            assert bool(board.over)
            assert int(outcome) == (0 if not board.lost else 1 if first_won == begins else -1)


def test_chance_against_chance_ends_as_the_tree_of_all_games_says():
    """Exact, by the white box: the first player wins 58.5 % of random games, the second 28.8 %."""

    @functools.cache
    def expected(position):
        if minimax.has_lost(position):
            return np.array([0.0, 1.0])
        cells = minimax.moves(position)
        return sum((expected(minimax.after(position, c))[::-1] for c in cells), np.zeros(2)) / max(len(cells), 1)

    chance = AtRandom(TIC_TAC_TOE)
    first = matches(chance, {"chance": chance}, 4000, key=key_of(1))["chance"].first
    for outcome, exact in zip((1, -1), expected(minimax.START), strict=True):
        assert float(jnp.mean(first == outcome)) == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(2000))


def test_a_roll_outs_points_are_the_movers():
    keys = jax.random.split(jax.random.key(0), 200)

    def mean(board):
        return float(jax.vmap(lambda k: rollout(CONNECT_FOUR, board, key=k))(keys).mean())

    assert mean(CONNECT_FOUR.read("0101010")) == 0.0, "lost already"
    assert mean(CONNECT_FOUR.read("3020")) > 0.6 > 0.4 > mean(CONNECT_FOUR.read("30204"))


def test_the_tree_search_takes_a_win_stops_one_and_finds_the_double_threat():
    search = TreeSearch(CONNECT_FOUR, 400)
    boards = stacked([CONNECT_FOUR.read(moves) for moves in ("304050", "3040501", "32323", "3020")])
    action = search(boards, key=key_of(0)).tolist()
    assert action[0] in (2, 6) and action[2] == 3 and action[3] == 4


def test_with_many_roll_outs_the_tree_search_plays_tic_tac_toe_perfectly():
    known = [one for one in minimax.positions() if minimax.moves(one)][::30]
    search = TreeSearch(TIC_TAC_TOE, 500)
    action = jax.jit(lambda boards: search(boards, key=key_of(0)))(boards_of(known))
    good = [int(a) in minimax.best_moves(one) for a, one in zip(action, known, strict=True)]
    assert np.mean(good) > 0.97


def test_the_figures_of_a_tree_add_up():
    tree = grown(TIC_TAC_TOE, TIC_TAC_TOE.read("04"), 300, 0.5, key=key_of(0))
    assert float(tree.visits[0]) == 300
    tried = tree.children[0]
    assert float(tree.visits[tried[tried >= 0]].sum()) == 300
    inside = np.asarray(tree.children >= 0)
    for node in np.flatnonzero(inside.any(axis=1))[:20]:
        below = np.asarray(tree.children[node])[inside[node]]
        rest = float(tree.visits[node] - tree.visits[below].sum())
        assert rest == (0 if node == 0 else 1), "every position but the root was the last of one simulation"
        turned = float((tree.visits[below] - tree.points[below]).sum())
        assert 0 <= float(tree.points[node]) - turned <= rest, "points of a position are what its children leave"


def test_wilsons_interval():
    """0 of 10 and 5 of 10, by hand: z^2 / (n + z^2), and 0.5 -+ z sqrt(1/4 / (n + z^2))."""
    z = 1.959964
    assert share(0, 10) == pytest.approx((0, 0, z**2 / (10 + z**2)), abs=1e-9)
    half = z * np.sqrt(0.25 / (10 + z**2))
    assert share(5, 10) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-6)
