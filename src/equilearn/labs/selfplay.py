"""Tic-tac-toe and connect four, learnt by playing against oneself: a network and a search that improve each other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.labs import Figures, Lab, Part
from equilearn.learn import key_of
from equilearn.reinforcement import CONNECT_FOUR, TIC_TAC_TOE, AlphaZero, InARow, TreeSearch, self_play
from equilearn.reinforcement.boards import FIRST, SECOND, Board, draw
from equilearn.reinforcement.looking_ahead import look_ahead, mctx
from equilearn.reinforcement.matches import AtRandom, ByTable, Player, Result, matches, share
from equilearn.reinforcement.self_play import Champion
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure
from equilearn.whitebox import minimax

GAMES = {"tic-tac-toe": TIC_TAC_TOE, "connect-four": CONNECT_FOUR}
USUAL = {
    "tic-tac-toe": AlphaZero(),
    "connect-four": AlphaZero(
        steps=800_000,
        games=128,
        simulations=32,
        considered=7,
        convolutions=((64, 4, 1),),
        round=32,
        replay=60_000,
        checks=24,
        opening=4,
    ),
}
POSITIONS = {
    "tic-tac-toe": {
        "the empty board": "", "a corner is taken": "0", "two corners are taken": "048", "a line of two": "041",
    },
    "connect-four": {
        "the empty board": "", "three on end: stop it": "32323", "two in the open": "3020", "a line of three": "304050",
    },
}  # fmt: skip
"""Positions to look at: what they are, and the moves to them."""
SEARCHING, ALONE = "the network, looking ahead", "the network alone"


class SelfPlayLab(Lab):
    """Self-play: tic-tac-toe until it never loses, or connect four, by Gumbel AlphaZero, beside a plain tree search."""

    game: str = "tic-tac-toe"
    """tic-tac-toe, or connect-four (a quarter of an hour of one core)."""
    thousand_steps: int = 0
    """Moves of learning, in thousands; 0 takes the usual number."""
    simulations: int = 0
    """Positions that are looked at before a move; 0 takes the usual number."""
    rollouts: int = 100
    """Random games that the plain tree search plays before a move."""
    matches: int = 400
    """Games of every match of the table."""
    seed: int = 0

    seconds = 150
    full_seconds = 720
    full: ClassVar = {"game": "connect-four"}
    choices: ClassVar = {"game": tuple(GAMES)}
    bounds: ClassVar = {"thousand_steps": (0, 1_000_000), "simulations": (0, 10_000), "rollouts": (1, 100_000),
                        "matches": (2, 100_000)}  # fmt: skip

    def learns_from(self) -> Any:
        """Make sure that the search is there, before anything is written."""
        mctx()

    @property
    def _rules(self) -> InARow:
        return GAMES[self.game]

    @property
    def _settings(self) -> AlphaZero:
        usual = USUAL[self.game]
        return dataclasses.replace(
            usual, steps=1000 * self.thousand_steps or usual.steps, simulations=self.simulations or usual.simulations
        )

    @functools.cached_property
    def _opponents(self) -> Mapping[str, Player]:
        """Return by whom everybody is judged."""
        game = self._rules
        opponents: dict[str, Player] = {
            "chance": AtRandom(game),
            f"tree search ({self.rollouts})": TreeSearch(game, self.rollouts),
        }
        return opponents | ({"perfect play": ByTable(game, jnp.asarray(table()))} if game == TIC_TAC_TOE else {})

    def parts(self) -> dict[str, Part]:
        """Let the opponents meet each other, then learn."""
        return {"opponents": lambda _: self._others(), "self-play": self._learn}

    def _others(self) -> dict[str, Any]:
        """Return how chance and the tree search fare against all but themselves."""
        chance, tree = list(self._opponents)[:2]
        met = {
            name: self._meet(
                self._opponents[name],
                {other: one for other, one in self._opponents.items() if other not in (name, tree)},
            )
            for name in (chance, tree)
        }
        made = {name: {other: _ends(one) for other, one in row.items()} for name, row in met.items()}
        made[chance][tree] = [side[::-1] for side in made[tree][chance][::-1]]
        return made

    def _meet(self, player: Player, opponents: Mapping[str, Player]) -> dict[str, Result]:
        return matches(player, opponents, self.matches, key=key_of(20_000 + self.seed)) if opponents else {}

    def _learn(self, folder: Path | None) -> dict[str, Any]:
        """Return how it learnt, how it plays, and what it sees in a few positions."""
        game, opponents = self._rules, self._opponents
        champion = self_play(
            self._settings, game, opponents=opponents, seed=self.seed, folder=folder, resume=folder is not None
        )
        if folder is not None:
            champion.save(folder / "champion.npz")
        rows = champion.run.history if champion.run else []
        met, alone = self._meet(champion.player(), opponents), self._meet(champion.player(0), opponents)
        tree = met[list(opponents)[1]]
        made = {
            "rows": [{name: row[name] for name in row if name.startswith(("data/", "loss/"))} for row in rows],
            "curves": {name: [row[f"scores/{name}/mean"] for row in rows] for name in opponents},
            "seconds": rows[-1]["seconds"],
            SEARCHING: {name: _ends(one) for name, one in met.items()},
            ALONE: {name: _ends(one) for name, one in alone.items()},
            "games": [tree.moves[side, 0] for side in range(2)],
        }
        boards = [game.read(moves) for moves in POSITIONS[self.game].values()]
        shown = jax.tree.map(lambda *leaves: jnp.stack(leaves), *boards)
        if game != TIC_TAC_TOE:
            return made | {"seen": _seen(champion, shown)}
        known = [one for one in minimax.positions() if minimax.moves(one)]
        both = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), shown, boards_of(known))
        seen = _seen(champion, both)
        cells = {SEARCHING: seen["action"], ALONE: np.argmax(seen["prior"], axis=1)}
        made["lines"] = {name: _lines(dict(zip(known, one[len(boards) :], strict=True))) for name, one in cells.items()}
        return made | {"seen": {name: values[: len(boards)] for name, values in seen.items()}}

    def report(self, made: Figures) -> Findings:
        """Return curve, table, positions and games."""
        settings, own, others = self._settings, made["self-play"], made["opponents"]
        findings = Findings(f"Self-play: {self.game.replace('-', ' ')} learnt from nothing but the rules.")
        findings.text(
            f"One network gives the probabilities of the moves and what a position is worth; a search of "
            f"{settings.simulations} positions improves both; the network learns what the search found and how the "
            f"games ended (Gumbel AlphaZero). {own['rows'][-1]['data/steps']:,.0f} moves in {settings.games} games at "
            f"a time, {own['seconds']:,.0f} seconds with the checks. It never met the opponents while it learnt. "
            f"Tree search is the plain one (UCT): no network, {self.rollouts} games played at random before a move."
        )
        _curves(findings, own, settings.check_games)
        table = {SEARCHING: own[SEARCHING], ALONE: own[ALONE], **others}
        findings.table(
            f"{self.matches // 2 * 2} games, half of them begun by either side: won / drawn / lost, and points (won 1, "
            "drawn 1/2) in % with the 95 % interval (Wilson's, a little wide where games are drawn)",
            ["player", *(f"against {name}" for name in own["curves"])],
            [[name, *(words(row[one]) if one in row else "–" for one in own["curves"])] for name, row in table.items()],
        )
        if "lines" in own:
            findings.table(
                "Every game there is: the network as first and as second, against all that a perfect opponent may "
                "play, and against all that anybody may play. No game is lost by perfect play",
                ["player", "begins", "opponent", "games", "won", "drawn", "lost"],
                [[name, side, reply, sum(ends), *ends] for name, sides in own["lines"].items()
                 for side, replies in sides.items() for reply, ends in replies.items()],
            )  # fmt: skip
            findings.result["lines"] = own["lines"]
        _positions(findings, self.game, own["seen"])
        _games(findings, self._rules, own["games"], list(own["curves"])[1])
        findings.result["games"] = table
        findings.result["points"] = {name: {one: _points(row[one])[0] for one in row} for name, row in table.items()}
        findings.result["moves"] = own["rows"][-1]["data/steps"]
        findings.result["seconds of learning"] = own["seconds"]
        return findings


def boards_of(positions: Sequence[str]) -> Board:
    """Return positions of the white box as boards."""
    cells = np.array([list(one) for one in positions])
    lost = np.array([minimax.has_lost(one) for one in positions])
    return Board(jnp.asarray(cells == "x"), jnp.asarray(cells == "o"), jnp.asarray(lost))


def position_of(board: Board) -> str:
    """Return a board of tic-tac-toe as a position of the white box."""
    stones = zip(np.asarray(board.mine), np.asarray(board.theirs), strict=True)
    return "".join("x" if mine else "o" if theirs else "." for mine, theirs in stones)


@functools.cache
def table() -> np.ndarray:
    """Return the best moves of every position of tic-tac-toe, as `ByTable` looks them up."""
    made = np.zeros((3**9, 9), bool)
    for one in minimax.positions():
        made[sum(".xo".index(stone) * 3**cell for cell, stone in enumerate(one)), minimax.best_moves(one)] = True
    return made


def _lines(choice: dict[str, Any]) -> dict[str, Any]:
    """Return how all games end for who takes these cells: won, drawn, lost, by who begins and what the other may."""
    ways = {"perfect play": minimax.best_moves, "anything": minimax.moves}
    made: dict[str, Any] = {}
    for side, begins in (("itself", True), ("opponent", False)):
        ends = {name: minimax.every_game(lambda one: int(choice[one]), way, begins) for name, way in ways.items()}
        made[side] = {name: [one[outcome] for outcome in (1, 0, -1)] for name, one in ends.items()}
    return made


def _seen(champion: Champion, boards: Board) -> dict[str, Any]:
    """Return what the champion sees on boards, before and after looking ahead."""
    game, settings = champion.game, champion.settings
    looked = jax.jit(
        lambda: look_ahead(
            game, champion.networks, boards, settings.simulations, settings.considered, noise=0.0, key=key_of(0)
        )
    )()
    return {name: np.asarray(value) for name, value in looked._asdict().items()}


def _ends(result: Result) -> list[list[int]]:
    """Return games won, drawn and lost, of those that were begun and of the others."""
    return [[int(jnp.sum(side == outcome)) for outcome in (1, 0, -1)] for side in (result.first, result.second)]


def _points(ends: Sequence[Sequence[int]]) -> tuple[float, float, float]:
    won, drawn, lost = np.sum(ends, axis=0)
    return share(float(won + drawn / 2), int(won + drawn + lost))


def words(ends: Sequence[Sequence[int]]) -> str:
    """Return a match as a table shows it."""
    middle, low, high = (100 * one for one in _points(ends))
    return f"{' / '.join(map(str, np.sum(ends, axis=0)))}: {middle:.1f} ({low:.1f} to {high:.1f})"


def _curves(findings: Findings, own: Any, games: int) -> None:
    """Draw the points of the checks with their intervals, and what is learnt from."""
    figure, axes = new_figure(1, 2)
    moves = np.array([row["data/steps"] for row in own["rows"]]) / 1000
    for colour, (name, values) in zip(COLOURS, own["curves"].items(), strict=False):
        bands = 100 * np.array([share(value * games, games) for value in values])
        axes[0].fill_between(moves, bands[:, 1], bands[:, 2], color=colour, alpha=0.15, linewidth=0)
        axes[0].plot(moves, bands[:, 0], color=colour, label=f"against {name}")
    axes[0].axhline(50, color="#999999", linewidth=1, linestyle="--")
    axes[0].set(
        xlabel="moves of learning, thousands", ylabel="points, %", ylim=(0, 103), title="Matches while it learns"
    )
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    for colour, (name, label) in zip(COLOURS, LOSSES.items(), strict=False):
        axes[1].plot(moves, [row[f"loss/{name}"] for row in own["rows"]], color=colour, label=label)
    axes[1].set(xlabel="moves of learning, thousands", ylim=(0, None), title="What is left to learn")
    axes[1].legend(frameon=False, fontsize=8)
    findings.figure(
        f"Learning: points in {games} games against every opponent at every check, with 95 % intervals over games; and "
        "the network against what it learns from",
        figure,
    )


LOSSES = {"divergence": "policy: nats from p to p'", "value": "value: squared error"}


def _positions(findings: Findings, name: str, seen: Any) -> None:
    """Draw what is seen in a few positions: the network's probabilities, and those after looking ahead."""
    game, shown = GAMES[name], POSITIONS[name]
    figure, axes = new_figure(2, len(shown), height=3.3)
    figure.set_size_inches(2.7 * len(shown), 6.4)
    rows = {"the network": ("prior", "first"), "looking ahead": ("policy", "taken")}
    for column, (title, moves) in enumerate(shown.items()):
        board = game.read(moves)
        for row, (who, (chances, value)) in enumerate(rows.items()):
            axis = axes[row, column]
            draw(axis, game, board)
            _chances(axis, game, board, np.array(seen[chances][column]))
            axis.set_title(f"{title}\n{who}" if row == 0 else who, fontsize=9)
            if name == "tic-tac-toe":
                _outline(axis, board)
            axis.set_xlabel(f"worth {seen[value][column]:+.2f} to the one to move", fontsize=8)
    findings.figure(
        "What it sees in four positions: probabilities of the moves in %, by the network alone (above) and after "
        f"looking ahead (below); blue began{'; framed: the best moves, exact' if name == 'tic-tac-toe' else ''}. "
        "Worth: 1 won, -1 lost",
        figure,
    )


def _outline(axis: Any, board: Board) -> None:
    """Mark the exact best moves of tic-tac-toe."""
    from matplotlib.patches import Rectangle

    for cell in minimax.best_moves(position_of(board)):
        row, column = divmod(cell, 3)
        axis.add_patch(
            Rectangle((column - 0.44, row - 0.44), 0.88, 0.88, fill=False, edgecolor=COLOURS[2], linewidth=2, zorder=3)
        )


def _chances(axis: Any, game: InARow, board: Board, chances: np.ndarray) -> None:
    """Write probabilities of the moves in free cells, or in bars on top of the columns."""
    from matplotlib.patches import Rectangle

    legal = np.asarray(game.legal(board))
    mover = FIRST if int(board.mine.sum()) == int(board.theirs.sum()) else SECOND
    for action in np.flatnonzero(legal):
        chance = float(chances[action])
        if game.falls:
            axis.add_patch(Rectangle((action - 0.35, -0.6 - 2 * chance), 0.7, 2 * chance, color=mover, alpha=0.6))
            axis.text(action, -0.75 - 2 * chance, f"{100 * chance:.0f}", ha="center", fontsize=7.5)
        else:
            row, column = divmod(int(action), game.columns)
            axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=mover, alpha=0.75 * chance, linewidth=0))
            axis.text(column, row, f"{100 * chance:.0f}", ha="center", va="center", fontsize=9)
    if game.falls:
        axis.set_ylim(game.rows - 0.4, -3.4)


def _games(findings: Findings, game: InARow, games: Any, opponent: str) -> None:
    """Draw a game that the champion began, and one that the tree search began."""
    figure, axes = new_figure(1, 2, height=3.9)
    for axis, moves, begins in zip(axes, games, (True, False), strict=True):
        board, numbers = game.start(), np.zeros(game.cells, int)
        for number, action in enumerate((one for one in moves if one >= 0), start=1):
            free = ~np.asarray(board.mine | board.theirs)
            board = game.play(board, jnp.asarray(action))
            numbers[free & np.asarray(board.theirs)] = number
        draw(axis, game, board, numbers)
        end = "drawn" if not board.lost else "won" if (numbers.max() % 2 == 1) == begins else "lost"
        axis.set_title(f"{'the network begins (blue)' if begins else 'the network is second (orange)'}: {end}")
    findings.figure(f"Two games against {opponent}: numbered moves, blue begins", figure)
