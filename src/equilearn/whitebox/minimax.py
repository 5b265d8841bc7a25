"""Tic-tac-toe solved exactly: every position is as good as its best move, and a move as bad as what it leaves.

    v(p) = -1 where the player to move has lost,  0 where the board is full,  else  max over moves of -v(after the move)

A position is a text of nine cells, row by row: "x" the stones of the player to move, "o" the other's, "." free. A move
turns it round: the one who is to move is always "x". So there is one function for both players (negamax).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

START = "." * 9
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
TURNED = str.maketrans("xo", "ox")


def moves(position: str) -> list[int]:
    """Return the free cells; none where the game is over."""
    return [] if has_lost(position) else [cell for cell in range(9) if position[cell] == "."]


def after(position: str, cell: int) -> str:
    """Return the position that a move leaves, seen by the other player."""
    return (position[:cell] + "x" + position[cell + 1 :]).translate(TURNED)


def has_lost(position: str) -> bool:
    """Return whether the other player has three in a row."""
    return any(all(position[cell] == "o" for cell in line) for line in LINES)


@functools.cache
def value(position: str) -> int:
    """Return 1 where the player to move wins against every defence, 0 where it is a draw, -1 where all moves lose."""
    if has_lost(position):
        return -1
    return max((-value(after(position, cell)) for cell in moves(position)), default=0)


def best_moves(position: str) -> list[int]:
    """Return all moves that keep the position's value."""
    return [cell for cell in moves(position) if -value(after(position, cell)) == value(position)]


@functools.cache
def positions() -> tuple[str, ...]:
    """Return all positions that can occur, the empty board first."""
    found, new = [START], [START]
    while new:
        new = list(dict.fromkeys(after(one, cell) for one in new for cell in moves(one)))
        found += new  # a move more: none of them has been seen before
    return tuple(found)


def every_game(
    choose: Callable[[str], int], replies: Callable[[str], list[int]], begins: bool, position: str = START
) -> Counter[int]:
    """Return how many games end how (1, 0, -1) for who plays `choose` against one who may play any of `replies`.

    Args:
        choose: the cell taken in a position.
        replies: the cells that the other may take in a position: `best_moves`, or all `moves`.
        begins: whether the one who chooses is to move.
        position: seen by the one to move.
    """
    if not moves(position):
        lost = has_lost(position)
        return Counter({0 if not lost else -1 if begins else 1: 1})
    taken = [choose(position)] if begins else replies(position)
    ends = (every_game(choose, replies, not begins, after(position, cell)) for cell in taken)
    return sum(ends, Counter())
