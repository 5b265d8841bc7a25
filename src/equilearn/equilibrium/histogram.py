"""Distributions of agents as states: a histogram on fixed nodes, and functions of what the agents own.

Where the mass m(t, k) of agents of type t lies on nodes k_0 < ... < k_{H-1} and those of a node choose k', Young (2010)
sends them to both nodes beside k' by a lottery that keeps the mean; then types change by a Markov chain:

    m'(s, k_j) = sum over t, i of  change(t, s) m(t, k_i) w_j(k'(t, k_i)),
    w_j(k) = (k - k_{j-1}) / (k_j - k_{j-1}) below k_j, (k_{j+1} - k) / (k_{j+1} - k_j) above it, zero further away.

Mass sums to one before and after, up to one rounding, however long the path is; everything can be differentiated.
Legend: T types, H nodes of the histogram, M nodes of a function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from equilearn.errors import UserError


@dataclass(frozen=True, eq=False)
class Histogram:
    """Nodes between which agents are moved by a lottery; masses are arrays, which a model has in its state.

    Raises:
        UserError: the nodes are not at least two finite numbers that rise, in single precision.
    """

    nodes: Float[np.ndarray, " H"]
    """Ascending: what the agents at each node own."""

    def __init__(self, nodes: Any) -> None:
        try:
            given = np.asarray(nodes, np.float64)
        except (TypeError, ValueError):
            raise UserError("Histogram: nodes must be numbers in ascending order.") from None
        if given.ndim != 1 or given.size < 2:
            raise UserError(f"Histogram: nodes must be a vector of at least two, not of shape {given.shape}.")
        if not np.isfinite(given).all():
            raise UserError(f"Histogram: node {int(np.argmin(np.isfinite(given)))} is not finite.")
        rising = np.diff(given.astype(np.float32)) > 0
        if not rising.all():
            at = int(np.argmin(rising))
            raise UserError(
                f"Histogram: nodes must rise, in single precision too, but node {at + 1} ({given[at + 1]:.9g}) is not "
                f"above node {at} ({given[at]:.9g})."
            )
        object.__setattr__(self, "nodes", given.astype(np.float32))

    def lottery(self, at: Float[Array, "*points"]) -> tuple[Int[Array, "*points"], Float[Array, "*points"]]:
        """Return the node below each point, and the share that goes to the node above it.

        Points beyond the first and the last node go to these.
        """
        nodes = jnp.asarray(self.nodes)
        inside = jnp.clip(at, nodes[0], nodes[-1])
        below = jnp.clip(jnp.searchsorted(nodes, inside, side="right") - 1, 0, nodes.size - 2)
        return below, (inside - nodes[below]) / (nodes[below + 1] - nodes[below])

    def place(self, mass: Float[Array, "*batch n"], at: Float[Array, "... n"]) -> Float[Array, "*batch H"]:
        """Return on the nodes, by lottery, masses that lie anywhere; their sum stays and, between the ends, their mean.

        Args:
            mass: at each point.
            at: the points; their shape is that of the masses, or one row for all.
        """
        below, share = self.lottery(at)
        up = mass * share

        def one(below: Array, down: Array, up: Array) -> Array:
            return jnp.zeros(len(self.nodes), down.dtype).at[below].add(down).at[below + 1].add(up)

        return jnp.vectorize(one, signature="(n),(n),(n)->(h)")(below, mass - up, up)

    def move(
        self, mass: Float[Array, "T H"], chosen: Float[Array, "T H"], change: Float[Array, "T T"] | None = None
    ) -> Float[Array, "T H"]:
        """Return tomorrow's mass: agents go to what they chose, then types change.

        Args:
            mass: of agents by type and node, at or above zero; it sums to one.
            chosen: what those of each type and node choose.
            change: probability of going from one type (row) to another; None where types stay.
        """
        moved = self.place(mass, chosen)
        if change is not None:
            moved = jnp.einsum("ts,th->sh", change, moved)
        return moved / jnp.sum(moved)

    def interpolate(self, values: Float[Array, "... H"], at: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
        """Return a function between its values at the nodes, linearly: the mean of the lottery's two outcomes."""
        below, share = self.lottery(at)
        values = jnp.broadcast_to(values, (*below.shape[:-1], values.shape[-1]))
        low, high = (jnp.take_along_axis(values, below + i, axis=-1) for i in (0, 1))
        return low + share * (high - low)

    def mean(self, mass: Float[Array | np.ndarray, "*paths T H"]) -> Float[Array, "*paths"]:
        """Return what agents own on average."""
        return jnp.sum(jnp.asarray(mass) * self.nodes, axis=(-2, -1))

    def deviation(self, mass: Float[Array | np.ndarray, "*paths T H"]) -> Float[Array, "*paths"]:
        """Return the standard deviation of what agents own."""
        gap = self.nodes - self.mean(mass)[..., None]
        return jnp.sqrt(jnp.sum(jnp.sum(jnp.asarray(mass), axis=-2) * gap**2, axis=-1))

    def gini(self, mass: Float[Array | np.ndarray, "*paths T H"]) -> Float[Array, "*paths"]:
        """Return the Gini coefficient of what agents own, nodes at or above zero: one less twice Lorenz's area."""
        share = jnp.sum(jnp.asarray(mass), axis=-2)
        owned = jnp.cumsum(share * self.nodes, axis=-1)
        area = jnp.sum(share * (owned - 0.5 * share * self.nodes), axis=-1)
        return 1 - 2 * area / owned[..., -1]


@dataclass(frozen=True)
class Curve:
    """Functions on [0, most] by their values at nodes that are dense near zero; between them a cubic convolution.

    The nodes are evenly spaced in log(1 + k / scale), one of them at zero, one at `most`, and one more beyond either;
    the interpolation (Keys, 1981) is smooth, and exact for parabolas in that variable. What a network gives at the
    nodes is thus a policy at every k.
    """

    most: float
    """Largest argument."""
    scale: float
    """Below it nodes are about evenly spaced, above it in their logarithm."""
    inner: int
    """Nodes from zero to `most`."""

    @property
    def nodes(self) -> Float[np.ndarray, " M"]:
        """The nodes, inner + 2 of them; the first is just below zero."""
        return self.at(np.arange(self.inner + 2))

    def position(self, points: Any) -> Any:
        """Return where points lie among the nodes: 1 at zero, `inner` at `most`."""
        last = np.log1p(self.most / self.scale)
        return 1 + (self.inner - 1) / last * jnp.log1p(points / self.scale)

    def at(self, position: Any) -> Float[np.ndarray, " n"]:
        """Return the points at positions among the nodes."""
        last = np.log1p(self.most / self.scale)
        return (self.scale * np.expm1((position - 1) * last / (self.inner - 1))).astype(np.float32)

    def spread(self, number: int) -> Float[np.ndarray, " n"]:
        """Return so many points from zero to just below `most`, as dense as the nodes are."""
        return self.at(1 + (self.inner - 1) * np.linspace(0, 0.999, number))

    def weights(self, points: Any) -> Float[Array, "*points M"]:
        """Return the weights of the nodes at points in [0, most]: `values @ curve.weights(points).T`."""
        s = jnp.abs(jnp.asarray(self.position(points))[..., None] - jnp.arange(self.inner + 2))
        near, far = 1 - 2.5 * s**2 + 1.5 * s**3, 2 - 4 * s + 2.5 * s**2 - 0.5 * s**3
        return jnp.where(s < 1, near, jnp.where(s < 2, far, 0.0))
