"""Players of board games, and matches between them.

A player is given boards side by side, each seen by the one to move, and returns what to do in each. A match is played
to the end in all games at once, in one program.
Legend: B boards side by side, A actions.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.reinforcement.acting import beside
from equilearn.reinforcement.boards import Board, InARow


class Player(eqx.Module):
    """Whoever can play; a pytree that a compiled program can be given."""

    game: InARow = eqx.field(static=True)

    @abc.abstractmethod
    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return a legal action on every board (any where the game is over)."""


class AtRandom(Player):
    """Takes any legal action with the same probability."""

    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return an action for every board."""
        legal = jax.vmap(self.game.legal)(boards)
        return jnp.argmax(jnp.where(legal, jax.random.uniform(key, legal.shape), -1.0), axis=1)


class ByTable(Player):
    """Looks up the board and takes any of the actions that are noted for it, each with the same probability."""

    noted: Array
    """Which actions, (3^C, A): cell i counts 3^i where it is the mover's and 2 x 3^i where it is the other's."""

    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return an action for every board."""
        place = 3 ** jnp.arange(self.game.cells)
        noted = self.noted[jnp.sum((boards.mine + 2 * boards.theirs) * place, axis=1)]
        return jnp.argmax(jnp.where(noted, jax.random.uniform(key, noted.shape), -1.0), axis=1)


Games = tuple[Board, Array, Array, Array]
"""Boards under way, outcomes, moves, and how often the player has moved."""


class Result(NamedTuple):
    """How the games of a match ended for the player it is about: 1 won, 0 drawn, -1 lost."""

    first: Int[Array, " n"]
    """Games in which that player began."""
    second: Int[Array, " n"]
    """Games in which the other did."""
    moves: Int[Array, "2 n C"]
    """Actions of both players in turn, in the games of `first` and of `second`; -1 after the end."""


def empty(game: InARow, boards: int) -> Board:
    """Return so many empty boards."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (boards, *leaf.shape)), game.start())


@eqx.filter_jit
def matches(player: Player, opponents: Mapping[str, Player], games: int, *, key: PRNGKeyArray) -> dict[str, Result]:
    """Let a player meet each of several opponents, and begin in half of the games.

    All games go on at once: the player moves on all boards, then every opponent on its own; where an opponent begins,
    the player's first move is left out.
    """
    game, play = player.game, jax.vmap(player.game.play)
    half = max(1, games // 2)
    begins = jnp.tile(jnp.arange(2 * half) < half, len(opponents))

    def moved(carry: Games, action: Array, sign: int, may: Array) -> Games:
        boards, outcome, moves, turn = carry
        may = may & ~boards.over
        after = play(boards, action)
        number = jnp.sum(boards.mine | boards.theirs, axis=1)
        moves = moves.at[jnp.arange(may.size), number].set(jnp.where(may, action, -1), mode="drop")
        boards = jax.tree.map(lambda old, new: jnp.where(beside(may, old), new, old), boards, after)
        return boards, jnp.where(after.lost & may, sign, outcome), moves, turn

    def both(carry: Games) -> Games:
        turn = carry[-1]
        one_key, *keys = jax.random.split(jax.random.fold_in(key, turn), 1 + len(opponents))
        carry = moved(carry, player(carry[0], key=one_key), 1, begins | (turn > 0))
        theirs = [
            opponent(jax.tree.map(lambda leaf, i=i: leaf[2 * half * i : 2 * half * (i + 1)], carry[0]), key=keys[i])
            for i, opponent in enumerate(opponents.values())
        ]
        boards, outcome, moves, _ = moved(carry, jnp.concatenate(theirs), -1, jnp.ones_like(begins))
        return boards, outcome, moves, turn + 1

    size, zero = begins.size, jnp.zeros((), int)
    start = empty(game, size), jnp.zeros(size, int), jnp.full((size, game.cells), -1), zero
    _, outcome, moves, _ = jax.lax.while_loop(lambda carry: ~jnp.all(carry[0].over), both, start)
    ended, moves = outcome.reshape(len(opponents), 2, half), moves.reshape(len(opponents), 2, half, -1)
    return {name: Result(ended[i, 0], ended[i, 1], moves[i]) for i, name in enumerate(opponents)}


def points(result: Result) -> Float[Array, " games"]:
    """Return what the games are worth: 1 won, 1/2 drawn, 0 lost."""
    return (1 + jnp.concatenate([result.first, result.second])) / 2


def share(count: int | float, games: int) -> tuple[float, float, float]:
    """Return a share with its 95 % interval by Wilson (1927), which stays between 0 and 1."""
    z, p = 1.959964, count / games
    middle = (p + z**2 / (2 * games)) / (1 + z**2 / games)
    half = z * np.sqrt(p * (1 - p) / games + z**2 / (4 * games**2)) / (1 + z**2 / games)
    return p, float(middle - half), float(middle + half)
