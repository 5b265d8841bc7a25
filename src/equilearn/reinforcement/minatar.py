"""MinAtar's games (Young and Tian, 2019), small pictures of Atari's, as pgx has them: pure functions, compiled.

A picture is 10 by 10 cells of which each is on or off in every channel (paddle, ball, trail, brick). Breakout pays one
point a brick and ends when the ball is lost; with a chance of `sticky` the last action is repeated.
They need pgx: `pip install "equilearn[games]"`.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any

import gymnasium
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.parameters import fit_fields, within
from equilearn.reinforcement.environment import Environment, Space, State, Step

GAMES = {
    "asterix": "MinAtarAsterix",
    "breakout": "MinAtarBreakout",
    "freeway": "MinAtarFreeway",
    "seaquest": "MinAtarSeaquest",
    "space_invaders": "MinAtarSpaceInvaders",
}
PREFIX = "minatar-"
"""Of the ids by which they are found, as pgx spells them: minatar-breakout."""
CHANNELS = (
    "#222222",
    "#56b4e9",
    "#e69f00",
    "#cc79a7",
    "#009e73",
    "#f0e442",
    "#d55e00",
    "#0072b2",
    "#999999",
    "#ffffff",
)


@functools.cache
def _made(game: str, sticky: float) -> Any:
    """Return pgx's environment.

    Raises:
        UserError: there is no such game, or no pgx.
    """
    if game not in GAMES:
        raise UserError(
            f"{PREFIX}{game}: MinAtar has no such game; there are {', '.join(PREFIX + one for one in GAMES)}."
        )
    try:
        module = importlib.import_module(f"pgx.minatar.{game}")
    except ImportError:
        raise UserError(f'{PREFIX}{game}: needs pgx; pip install "equilearn[games]".') from None
    return getattr(module, GAMES[game])(sticky_action_prob=sticky)


@dataclass(frozen=True)
class MinAtar(Environment):
    """A game of MinAtar."""

    game: str = "breakout"
    sticky: float = 0.1
    """Chance that the last action is repeated."""
    limit: int = 1_000
    """Steps after which a game is cut; MinAtar itself has no limit."""

    def __post_init__(self) -> None:
        fit_fields(self)
        within("MinAtar", "sticky", self.sticky, 0, 1)
        within("MinAtar", "limit", self.limit, 1)
        _made(self.game, self.sticky)

    @property
    def _inner(self) -> Any:
        return _made(self.game, self.sticky)

    @property
    def observation_space(self) -> Space:
        """Which cells are on, (rows, columns, channels)."""
        return gymnasium.spaces.Box(0, 1, self._inner.observation_shape, np.uint8)

    @property
    def action_space(self) -> Space:
        """The actions that do something in the game."""
        return gymnasium.spaces.Discrete(self._inner.num_actions)

    def start(self, key: PRNGKeyArray) -> State:
        """Begin a game."""
        return self._inner.init(key)

    def observe(self, state: State) -> Array:
        """Return the picture."""
        return state.observation.astype(jnp.uint8)

    def step(self, state: State, action: Array, *, key: PRNGKeyArray) -> Step:
        """Play a step."""
        new = self._inner.step(state, action, key)
        return Step(new, new.rewards[0], new.terminated)

    def draw(self, axis: Any, state: State) -> None:
        """Draw the picture: one colour a channel, the first channels on top."""
        from matplotlib.colors import ListedColormap

        on = np.asarray(self.observe(state))
        shown = np.where(on.any(axis=2), on.argmax(axis=2) + 1, 0)
        colours = ["white", *CHANNELS[: on.shape[2]]]
        axis.imshow(shown, cmap=ListedColormap(colours), vmin=0, vmax=len(colours) - 1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
