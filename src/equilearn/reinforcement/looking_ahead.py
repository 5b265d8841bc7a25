"""What a network sees on a board, and what it sees when it looks ahead: the search of Danihelka et al. (2022), by mctx.

The network sees a board as the player to move does and gives logits of the actions, p = softmax(logits), and a value v
in (-1, 1): what that player may expect (1 won, 0 drawn, -1 lost). The search grows a tree from the board, one position
a simulation, follows p and v in it, and returns an improved policy,

    p'(a) = softmax(logits(a) + sigma(q(a))),   q(a) = v where a has not been looked at,

and the action to take. At the root a few actions are drawn without replacement (Gumbel's trick) and halved until one is
left. What is good for the one to move is as bad for the other: the search goes on with a discount of -1, and of 0 where
the game is over. Actions that are not allowed have no probability.
Legend: B boards side by side, A actions.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.reinforcement.boards import Board, InARow
from equilearn.reinforcement.matches import Player
from equilearn.reinforcement.pixels import Layers, Pixels

NEVER = -1e9
"""The logit of an action that is not allowed."""


def mctx() -> Any:
    """Return the library that searches.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("mctx")
    except ImportError:
        raise UserError('self-play: needs mctx; pip install "equilearn[games]".') from None


class PolicyValue(eqx.Module):
    """Logits of the actions and a value, from one network."""

    network: Pixels

    def __init__(self, game: InARow, convolutions: Layers, hidden: Sequence[int], *, key: PRNGKeyArray) -> None:
        """Draw the weights of a network for a game.

        Args:
            game: its rules.
            convolutions: filters, size and stride of each.
            hidden: units of the layers after them.
            key: random key.

        Raises:
            UserError: a convolution does not fit the board.
        """
        space = gymnasium.spaces.Box(0, 1, (game.rows, game.columns, 2))
        self.network = Pixels(space, game.actions + 1, convolutions, hidden, last=0.1, key=key)

    def __call__(
        self, planes: Bool[Array, "B rows columns 2"], legal: Bool[Array, "B A"]
    ) -> tuple[Float[Array, "B A"], Float[Array, " B"]]:
        """Return logits, those of actions that are not allowed at `NEVER`, and values."""
        out = self.network(planes)
        return jnp.where(legal, out[:, :-1], NEVER), jnp.tanh(out[:, -1])


def judged(game: InARow, networks: PolicyValue, boards: Board) -> tuple[Float[Array, "B A"], Float[Array, " B"]]:
    """Return logits and values of boards."""
    return networks(jax.vmap(game.planes)(boards), jax.vmap(game.legal)(boards))


class Look(NamedTuple):
    """What is seen before and after a search."""

    prior: Float[Array, "B A"]
    """p, the network's policy."""
    first: Float[Array, " B"]
    """v, its value."""
    action: Int[Array, " B"]
    policy: Float[Array, "B A"]
    """p', the improved policy."""
    value: Float[Array, " B"]
    """Mean over all that was tried from the positions, the bad moves too: rather low."""
    taken: Float[Array, " B"]
    """What the action that is taken is worth, after looking ahead."""
    visits: Int[Array, "B A"]


def look_ahead(
    game: InARow, networks: PolicyValue, boards: Board, simulations: int, considered: int, *, noise: float = 1.0,
    key: PRNGKeyArray,
) -> Look:  # fmt: skip
    """Search from boards.

    Args:
        game: the rules.
        networks: the network.
        boards: positions.
        simulations: positions looked at from each.
        considered: most actions that are considered at the root.
        noise: scale of Gumbel's noise; 0 plays the same move every time.
        key: random key.
    """
    play = jax.vmap(game.play)

    def step(networks: PolicyValue, _: Array, action: Array, boards: Board) -> tuple[Any, Board]:
        after = play(boards, action)
        logits, value = judged(game, networks, after)
        over = after.over
        reward = jnp.where(after.lost & ~boards.over, 1.0, 0.0)  # of the player who moves; a draw gives nothing
        return mctx().RecurrentFnOutput(
            reward=reward, discount=jnp.where(over, 0.0, -1.0), prior_logits=logits, value=jnp.where(over, 0.0, value)
        ), after

    logits, value = judged(game, networks, boards)
    found = mctx().gumbel_muzero_policy(
        networks, key, mctx().RootFnOutput(prior_logits=logits, value=value, embedding=boards), step, simulations,
        invalid_actions=~jax.vmap(game.legal)(boards), max_num_considered_actions=considered, gumbel_scale=noise,
    )  # fmt: skip
    summary = found.search_tree.summary()
    taken = jnp.take_along_axis(summary.qvalues, found.action[:, None], axis=1)[:, 0]
    return Look(
        jax.nn.softmax(logits), value, found.action, found.action_weights, summary.value, taken, summary.visit_counts
    )


class Searched(Player):
    """Plays by the network and a search without noise."""

    networks: PolicyValue
    simulations: int = eqx.field(static=True)
    considered: int = eqx.field(static=True)

    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return an action for every board."""
        return look_ahead(
            self.game, self.networks, boards, self.simulations, self.considered, noise=0.0, key=key
        ).action  # fmt: skip


class Instinct(Player):
    """Plays by the network alone: its most probable action."""

    networks: PolicyValue

    def __call__(self, boards: Board, *, key: PRNGKeyArray) -> Int[Array, " B"]:
        """Return an action for every board."""
        del key
        return jnp.argmax(judged(self.game, self.networks, boards)[0], axis=1)
