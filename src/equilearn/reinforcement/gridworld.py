"""Small worlds of cells: with exact values to compare with, and rewards that say what was meant, or not.

A map is a few lines of text:

    S  start (one or more; a game begins in one of them)    #  wall
    G  goal: pays `goal`, the game ends                     H  hole: pays `hole`, the game ends
    C  cliff: pays `cliff`, and the walk goes on from S     B  bonus: pays `bonus` every time it is entered

Four actions: up, right, down, left; with probability `slip` the step goes to one of the two sides instead. Walls and
the border stop it. Every step pays `step`. With `shaping` each step pays discount * phi(s') - phi(s) more, where
phi is minus the number of steps to the goal: that changes the values, but never the best policy (Ng, Harada and
Russell, 1999). A bonus changes the best policy: in `RACE` going round in a circle pays more than arriving (after the
boat race of Clark and Amodei, 2016).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Discrete
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.reinforcement.environment import Environment, Step
from equilearn.reinforcement.finite import FiniteProblem

MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
ROOM = ("....G", ".##.H", "....#", ".#...", "S..#.")
LAKE = ("S...", ".H.H", "...H", "H..G")
"""The map of Gymnasium's FrozenLake-v1."""
CLIFF = ("............", "............", "............", "SCCCCCCCCCCG")
"""Sutton and Barto (2018), example 6.6."""
RACE = ("S.....", ".###..", ".###B.", "......", "G##...")
Tables = dict[str, np.ndarray]


@dataclass(frozen=True)
class Gridworld(Environment):
    """A walk on a map."""

    rows: tuple[str, ...] = ROOM
    slip: float = 0.0
    step_reward: float = -0.01
    goal: float = 1.0
    hole: float = -1.0
    cliff: float = -100.0
    bonus: float = 0.3
    shaping: float = 0.0
    """Size of the potential per step of distance; 0: no shaping."""
    discount: float = 0.95
    anywhere: bool = False
    """Begin in any cell that a walk can be in (exploring starts), and not only in S."""
    limit: int = 100

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows}
        if len(widths) != 1 or 0 in widths:
            raise UserError("Gridworld: rows must be texts of one length, at least 1.")
        text = "".join(self.rows)
        if unknown := set(text) - set(".S#GHCB"):
            raise UserError(f"Gridworld: rows: {sorted(unknown)[0]!r} is no cell; there are . S # G H C B.")
        if "S" not in text:
            raise UserError("Gridworld: rows: there is no S to start from.")
        if not 0 <= self.slip <= 1:
            raise UserError(f"Gridworld: slip must be between 0 and 1, not {self.slip}.")
        if not 0 <= self.discount < 1:
            raise UserError(f"Gridworld: discount must be at least 0 and below 1, not {self.discount}.")
        if self.limit < 1:
            raise UserError(f"Gridworld: limit must be at least 1, not {self.limit}.")

    @property
    def cells(self) -> np.ndarray:
        """The map's letters, row by row."""
        return np.array(list("".join(self.rows)))

    @property
    def observation_space(self) -> Discrete:
        """The number of the cell, row by row."""
        return Discrete(len(self.cells))

    @property
    def action_space(self) -> Discrete:
        """Up, right, down, left."""
        return Discrete(4)

    def start(self, key: PRNGKeyArray) -> Int[Array, ""]:
        """Return one of the cells to start from."""
        return jax.random.choice(
            key, jnp.asarray(np.flatnonzero(self.open if self.anywhere else self.cells == "S"), jnp.int32)
        )

    def observe(self, state: Int[Array, ""]) -> Int[Array, ""]:
        """Return the number of the cell."""
        return state

    def step(self, state: Int[Array, ""], action: Array, *, key: PRNGKeyArray) -> Step:
        """Walk one step."""
        slip_key, side_key, back_key = jax.random.split(key, 3)
        tables = _tables(self)
        side = jnp.where(jax.random.bernoulli(side_key), 1, 3)
        slipped = jax.random.bernoulli(slip_key, self.slip)
        moved = jnp.where(slipped, (action + side) % 4, action)
        entered = jnp.asarray(tables["next"])[state, moved]
        reward = jnp.asarray(tables["reward"])[state, entered]
        back = jax.random.choice(back_key, jnp.asarray(np.flatnonzero(self.cells == "S"), jnp.int32))
        new = jnp.where(jnp.asarray(tables["cliff"])[entered], back, entered)
        return Step(new, reward, jnp.asarray(tables["end"])[entered])

    def tables(self) -> FiniteProblem:
        """Return the same world as probabilities and expected rewards: what dynamic programming needs."""
        tables = _tables(self)
        count, (first,) = len(self.cells), np.nonzero(self.cells == "S")
        transition, reward = np.zeros((count, 4, count)), np.zeros((count, 4))
        for s in range(count):
            if tables["end"][s] or self.cells[s] in "#C":
                transition[s, :, s] = 1
                continue
            for action in range(4):
                for turn, chance in ((0, 1 - self.slip), (1, self.slip / 2), (3, self.slip / 2)):
                    entered = tables["next"][s, (action + turn) % 4]
                    reward[s, action] += chance * tables["reward"][s, entered]
                    after = first if tables["cliff"][entered] else np.array([entered])
                    transition[s, action, after] += chance / len(after)
        return FiniteProblem(transition, reward, self.discount)

    @property
    def open(self) -> np.ndarray:
        """Whether a walk can be in a cell and go on from there, row by row."""
        return ~np.isin(self.cells, list("#CGH"))

    def draw(self, axis: Any, state: Array) -> None:
        """Draw the map and where the walk is."""
        draw_map(axis, self)
        row, column = divmod(int(state), len(self.rows[0]))
        axis.plot(column, row, "o", color="#0072b2", markersize=14)


@functools.lru_cache(maxsize=64)
def _tables(world: Gridworld) -> Tables:
    """Return where every step leads, what entering a cell from another pays, and which cells end the game."""
    cells, wide = world.cells, len(world.rows[0])
    places = np.stack(np.divmod(np.arange(len(cells)), wide), axis=1)
    to = places[:, None] + MOVES
    inside = ((to >= 0) & (to < [len(world.rows), wide])).all(axis=2)
    numbers = np.where(inside, to[..., 0] * wide + to[..., 1], 0)
    free = inside & (cells[numbers] != "#")
    following = np.where(free, numbers, np.arange(len(cells))[:, None]).astype(np.int32)
    pays = {"G": world.goal, "H": world.hole, "C": world.cliff, "B": world.bonus}
    entering = np.array([pays.get(cell, 0.0) for cell in cells])
    same = np.eye(len(cells), dtype=bool)
    reward = world.step_reward + np.where(same & (cells == "B"), 0.0, entering[None, :])
    if world.shaping:
        phi = -world.shaping * _distances(following, cells)
        after = np.where(np.isin(cells, list("GH")), 0.0, phi)
        after = np.where(cells == "C", phi[cells == "S"].mean(), after)
        reward = reward + world.discount * after[None, :] - phi[:, None]
    return {
        "next": following,
        "reward": reward.astype(np.float32),
        "end": np.isin(cells, list("GH")),
        "cliff": cells == "C",
    }


def _distances(following: np.ndarray, cells: np.ndarray) -> Float[np.ndarray, " S"]:
    """Return every cell's number of steps to the nearest goal; as many as there are cells where none can be reached."""
    steps = np.where(cells == "G", 0.0, float(len(cells)))
    for _ in cells:
        steps = np.minimum(steps, 1 + steps[following].min(axis=1))
    return steps


def draw_map(axis: Any, world: Gridworld) -> None:
    """Draw walls, goals, holes, cliffs and bonuses of a map."""
    colours = {"#": "#555555", "G": "#009e73", "H": "#cc3311", "C": "#cc3311", "B": "#e69f00", "S": "#dddddd"}
    letters = np.array([list(row) for row in world.rows])
    for (row, column), letter in np.ndenumerate(letters):
        if letter in colours:
            axis.fill_between([column - 0.5, column + 0.5], row - 0.5, row + 0.5, color=colours[letter], alpha=0.6)
        if letter not in ".#":
            axis.text(column, row, letter, ha="center", va="center", color="#222222")
    axis.set(xlim=(-0.5, letters.shape[1] - 0.5), ylim=(letters.shape[0] - 0.5, -0.5), aspect="equal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
