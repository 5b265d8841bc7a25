"""Growth by dynamic programming on a grid, and as an environment for agents (Brock and Mirman, 1972).

    V_{j+1}(k) = max_{k'} log(k^alpha - k') + discount V_j(k')

on a grid of capital, V_j interpolated linearly between the nodes in log k, the maximum found by golden sections: a
concave objective has one. The exact solution is k' = alpha discount k^alpha and

    V(k) = A + B log k,   B = alpha / (1 - alpha discount),
    A = [log(1 - alpha discount) + alpha discount / (1 - alpha discount) log(alpha discount)] / (1 - discount)

in which linear interpolation in log k is exact: what is left is the iteration's error, whose bound is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.reinforcement.environment import Environment, Step

GOLDEN = (5**0.5 - 1) / 2
SECTIONS = 30
"""0.618^30 = 5e-7 of the interval: what single precision can tell."""


class GridPlan(NamedTuple):
    """What dynamic programming on a grid gives."""

    capital: Float[np.ndarray, " K"]
    values: Float[np.ndarray, " K"]
    savings_rate: Float[np.ndarray, " K"]
    """Share of output that is saved."""
    changes: Float[np.ndarray, " sweeps"]
    """Largest change of a value in every sweep; each is at most `discount` times the one before."""


@dataclass(frozen=True)
class Growth(Environment):
    """A saver: what is seen is the log of capital, what is done the share of output that is saved."""

    capital_share: float = 0.36
    discount: float = 0.96
    lowest: float = 0.02
    highest: float = 1.0
    """Capital in the first period; and the grid's ends."""
    limit: int = 100

    def __post_init__(self) -> None:
        if not (0 < self.capital_share < 1 and 0 < self.discount < 1):
            raise UserError("Growth: capital_share and discount must be above 0 and below 1.")
        if not 0 < self.lowest < self.highest:
            raise UserError("Growth: lowest must be above 0 and below highest.")

    @property
    def observation_space(self) -> Box:
        """The log of capital."""
        return Box(-np.inf, np.inf, (1,), np.float32)

    @property
    def action_space(self) -> Box:
        """The savings rate; the ends are left out, since consumption and capital must be positive."""
        return Box(0.01, 0.99, (1,), np.float32)

    def start(self, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return the log of capital in the first period."""
        return jax.random.uniform(key, (), minval=np.log(self.lowest), maxval=np.log(self.highest))

    def observe(self, state: Float[Array, ""]) -> Float[Array, "1"]:
        """Return the log of capital."""
        return state[None]

    def step(self, state: Float[Array, ""], action: Float[Array, "1"], *, key: PRNGKeyArray) -> Step:
        """Consume, save; it never ends of itself."""
        saved = jnp.clip(action[0], 0.01, 0.99)
        output = self.capital_share * state
        return Step(output + jnp.log(saved), output + jnp.log(1 - saved), jnp.asarray(False))

    @property
    def exact_rate(self) -> float:
        """The exact savings rate, whatever capital is."""
        return self.capital_share * self.discount

    def exact_value(self, capital: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """Return V(k)."""
        saved = self.exact_rate
        constant = (np.log(1 - saved) + saved / (1 - saved) * np.log(saved)) / (1 - self.discount)
        return constant + self.capital_share / (1 - saved) * np.log(capital)


def solve_on_grid(growth: Growth, *, points: int = 50, sweeps: int = 400) -> GridPlan:
    """Iterate the Bellman operator on a grid from V = 0.

    Args:
        growth: the economy.
        points: nodes K, equally spaced in the log of capital.
        sweeps: of the operator.

    Raises:
        UserError: there are fewer than two nodes, or no sweep.
    """
    if points < 2 or sweeps < 1:
        raise UserError("solve_on_grid: points must be at least 2, and sweeps at least 1.")
    nodes = jnp.linspace(np.log(growth.lowest), np.log(growth.highest), points)
    output = growth.capital_share * nodes  # log

    def value(saved: Float[Array, " K"], v: Float[Array, " K"]) -> Float[Array, " K"]:
        return output + jnp.log1p(-saved) + growth.discount * _line(output + jnp.log(saved), nodes, v)

    def sweep(v: Float[Array, " K"], _: None) -> tuple[Array, tuple[Array, Array]]:
        def section(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            lower = value(left, v) > value(right, v)
            return jnp.where(lower, low, left), jnp.where(lower, right, high)

        ends = (jnp.full(points, 0.01), jnp.full(points, 0.99))
        low, high = jax.lax.fori_loop(0, SECTIONS, section, ends)
        saved = (low + high) / 2
        new = value(saved, v)
        return new, (jnp.max(jnp.abs(new - v)), saved)

    v, (changes, rates) = jax.lax.scan(sweep, jnp.zeros(points), length=sweeps)
    return GridPlan(*(np.asarray(one, float) for one in (jnp.exp(nodes), v, rates[-1], changes)))


def _line(x: Float[Array, " K"], nodes: Float[Array, " K"], values: Float[Array, " K"]) -> Float[Array, " K"]:
    """Return values between equally spaced nodes by straight lines; beyond the ends the last line goes on."""
    place = (x - nodes[0]) / (nodes[1] - nodes[0])
    left = jnp.clip(jnp.floor(place).astype(int), 0, nodes.size - 2)
    share = place - left
    return (1 - share) * values[left] + share * values[left + 1]
