"""Games of two on a board in which a line wins: tic-tac-toe, connect four, and their like, as pure functions.

Two players put stones on the cells of a board in turn; whoever first has `line` of them in a row, across, down or
aslant, wins; a full board without a line is a draw. Where stones fall, a move is a column, and the stone comes to rest
on the lowest free cell; elsewhere a move is a cell.

A board is always seen by the player who is to move: `mine` are that player's stones. A move turns it round. So there is
one network for both sides, and what is good for one player is as bad for the other: v(mine) = -v(theirs).
Legend: C cells, row by row from the top; A actions; B boards side by side.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from equilearn.errors import UserError
from equilearn.parameters import fit_fields, within


class Board(eqx.Module):
    """A position, or B of them side by side."""

    mine: Bool[Array, "*B C"]
    """Stones of the player who is to move."""
    theirs: Bool[Array, "*B C"]
    lost: Bool[Array, "*B"]
    """Whether the move before has made a line: the player who is to move has lost."""

    @property
    def full(self) -> Bool[Array, "*B"]:
        """Whether no cell is free."""
        return jnp.all(self.mine | self.theirs, axis=-1)

    @property
    def over(self) -> Bool[Array, "*B"]:
        """Whether the game has ended."""
        return self.lost | self.full


@dataclass(frozen=True)
class InARow:
    """The rules; methods are of one board, to be mapped over many."""

    rows: int
    columns: int
    line: int
    """Stones in a row that win."""
    falls: bool = False
    """Whether a stone falls to the lowest free cell of its column."""

    def __post_init__(self) -> None:
        fit_fields(self)
        for name in ("rows", "columns"):
            within("InARow", name, getattr(self, name), 2, 20)
        within("InARow", "line", self.line, 2, max(self.rows, self.columns))

    @property
    def cells(self) -> int:
        """Number of cells C: the most moves there can be."""
        return self.rows * self.columns

    @property
    def actions(self) -> int:
        """Number of actions A."""
        return self.columns if self.falls else self.cells

    @functools.cached_property
    def lines(self) -> Float[np.ndarray, "L C"]:
        """The cells of every line, ones among zeros."""
        made = []
        for row, column, (down, right) in itertools.product(
            range(self.rows), range(self.columns), ((0, 1), (1, 0), (1, 1), (1, -1))
        ):
            rows, columns = (start + step * np.arange(self.line) for start, step in ((row, down), (column, right)))
            if rows[-1] < self.rows and 0 <= columns[-1] < self.columns:
                made.append(np.zeros(self.cells, np.float32))
                made[-1][rows * self.columns + columns] = 1
        return np.array(made)

    @functools.cached_property
    def mirrored(self) -> np.ndarray:
        """The action that is each action seen in a mirror, left for right, (A,)."""
        return np.arange(self.actions).reshape(-1, self.columns)[:, ::-1].reshape(-1)

    def start(self) -> Board:
        """Return the empty board."""
        return Board(jnp.zeros(self.cells, bool), jnp.zeros(self.cells, bool), jnp.zeros((), bool))

    def legal(self, board: Board) -> Bool[Array, " A"]:
        """Return which actions may be taken: none where the game is over."""
        free = ~(board.mine | board.theirs)
        return (free[: self.columns] if self.falls else free) & ~board.lost

    def play(self, board: Board, action: Array) -> Board:
        """Return the board after a legal action, seen by the other player; a game that is over stays as it is."""
        cell = action
        if self.falls:
            taken = (board.mine | board.theirs).reshape(self.rows, self.columns)
            cell = (self.rows - 1 - jnp.sum(taken[:, action])) * self.columns + action
        mine = board.mine | (jnp.arange(self.cells) == cell)
        won = jnp.any(jnp.asarray(self.lines) @ mine.astype(jnp.float32) == self.line)
        over = board.over
        return Board(
            jnp.where(over, board.mine, board.theirs),
            jnp.where(over, board.theirs, mine),
            jnp.where(over, board.lost, won),
        )

    def planes(self, board: Board) -> Bool[Array, "rows columns 2"]:
        """Return what a network sees: the cells of the player to move, and those of the other."""
        return jnp.stack([board.mine, board.theirs], axis=1).reshape(self.rows, self.columns, 2)

    def read(self, text: str) -> Board:
        """Return the board after the moves of a text: actions as single digits, "0123".

        Raises:
            UserError: a move is none, or not allowed.
        """
        board = self.start()
        for number, one in enumerate(text, start=1):
            if not (one.isdigit() and int(one) < self.actions and bool(self.legal(board)[int(one)])):
                raise UserError(f"moves: move {number} of {text!r}, {one!r}, is not allowed.")
            board = self.play(board, jnp.asarray(int(one)))
        return board


TIC_TAC_TOE = InARow(3, 3, 3)
CONNECT_FOUR = InARow(6, 7, 4, falls=True)
"""Allen (1988): the first player wins with perfect play, beginning in the middle."""

FIRST, SECOND = "#0072b2", "#e69f00"
"""Colours of the two players."""


def draw(axis: Any, game: InARow, board: Board, numbers: np.ndarray | None = None) -> None:
    """Draw a board on Matplotlib axes.

    Args:
        axis: to draw on.
        game: its rules.
        board: one position.
        numbers: the number of the move that put a stone on each cell, (C,); 0 for none.
    """
    mine, theirs = np.asarray(board.mine), np.asarray(board.theirs)
    sides = (mine, theirs) if mine.sum() == theirs.sum() else (theirs, mine)
    row, column = np.divmod(np.arange(game.cells), game.columns)
    for line in range(game.rows + 1):
        axis.plot([-0.5, game.columns - 0.5], [line - 0.5] * 2, color="#cccccc", linewidth=0.8, zorder=1)
    for line in range(game.columns + 1):
        axis.plot([line - 0.5] * 2, [-0.5, game.rows - 0.5], color="#cccccc", linewidth=0.8, zorder=1)
    from matplotlib.patches import Circle

    for stones, colour in zip(sides, (FIRST, SECOND), strict=True):
        for cell in np.flatnonzero(stones):
            axis.add_patch(Circle((column[cell], row[cell]), 0.4, color=colour, zorder=2))
    if numbers is not None:
        for cell in np.flatnonzero(numbers):
            axis.text(column[cell], row[cell], int(numbers[cell]), ha="center", va="center", color="white",
                      fontsize=8, fontweight="bold", zorder=3)  # fmt: skip
    axis.set(xlim=(-0.6, game.columns - 0.4), ylim=(game.rows - 0.4, -0.6), aspect="equal", xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
