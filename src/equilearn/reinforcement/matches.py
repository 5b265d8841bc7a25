"""Players of board games, and matches between them.

A player is given boards side by side, each seen by the one to move, and returns what to do in each. A match is played
to the end in all games at once, in one program.
Legend: B boards side by side, A actions.
"""

from __future__ import annotations

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

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


class Result(NamedTuple):
    """How the games of a match ended for the player it is about: 1 won, 0 drawn, -1 lost."""

    first: Int[Array, " n"]
    """Games in which that player began."""
    second: Int[Array, " n"]
    """Games in which the other did."""


def empty(game: InARow, boards: int) -> Board:
    """Return so many empty boards."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (boards, *leaf.shape)), game.start())


def outcomes(first: Player, second: Player, games: int, *, key: PRNGKeyArray) -> Int[Array, " games"]:
    """Play games to the end; return 1 where the first player won, -1 where the second did, 0 where neither."""
    game = first.game
    play = jax.vmap(game.play)

    def both(carry: tuple[Board, Array, Array]) -> tuple[Board, Array, Array]:
        boards, outcome, turn = carry
        keys = jax.random.split(jax.random.fold_in(key, turn))
        for player, sign, one in ((first, 1, keys[0]), (second, -1, keys[1])):
            before = boards.over
            boards = play(boards, player(boards, key=one))
            outcome = jnp.where(boards.lost & ~before, sign, outcome)
        return boards, outcome, turn + 1

    begin = empty(game, games), jnp.zeros(games, int), jnp.zeros((), int)
    return jax.lax.while_loop(lambda carry: ~jnp.all(carry[0].over), both, begin)[1]


@eqx.filter_jit
def match(player: Player, opponent: Player, games: int, *, key: PRNGKeyArray) -> Result:
    """Let two players meet, each of whom begins in half of the games."""
    keys = jax.random.split(key)
    half = max(1, games // 2)
    begins = outcomes(player, opponent, half, key=keys[0])
    return Result(begins, -outcomes(opponent, player, half, key=keys[1]))


def points(result: Result) -> Float[Array, " games"]:
    """Return what the games are worth: 1 won, 1/2 drawn, 0 lost."""
    return (1 + jnp.concatenate(result)) / 2


def share(count: int, games: int) -> tuple[float, float, float]:
    """Return a share with its 95 % interval by Wilson (1927), which stays between 0 and 1."""
    z, p = 1.959964, count / games
    middle = (p + z**2 / (2 * games)) / (1 + z**2 / games)
    half = z * np.sqrt(p * (1 - p) / games + z**2 / (4 * games**2)) / (1 + z**2 / games)
    return p, float(middle - half), float(middle + half)
