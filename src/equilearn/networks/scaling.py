"""Input scaling found from the data.

Each input is centred and divided by a spread, then passed through a soft clip that leaves ordinary values alone and
keeps extreme ones within `BOUND`, so that a network is never evaluated far outside what it was trained on:

    x -> B tanh((x - mean) / (B spread)),   spread = std + 0.01 |mean| + 1e-6 (or 1 where that is nothing)

An input that does not vary (a zero mean, no deviation) gets spread 1 and becomes zero: nothing explodes.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

BOUND = 6.0


class Scaling(eqx.Module):
    """First two moments of a network's inputs, estimated while data come in."""

    mean: Float[Array, " inputs"]
    square: Float[Array, " inputs"]
    """Mean of the squared deviations from `mean`."""

    @staticmethod
    def of(data: Float[Array, "samples inputs"]) -> Scaling:
        """Return the scaling of a sample."""
        return Scaling(jnp.mean(data, axis=0), jnp.var(data, axis=0))

    def blend(self, other: Scaling, rate: Float[Array, ""] | float) -> Scaling:
        """Return the moments moved towards another sample's by a rate in [0, 1]."""
        gap = other.mean - self.mean
        square = (1 - rate) * self.square + rate * other.square + rate * (1 - rate) * gap**2
        return Scaling(self.mean + rate * gap, square)

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " inputs"]:
        """Return scaled inputs, each within (-BOUND, BOUND)."""
        spread = jnp.sqrt(self.square) + 0.01 * jnp.abs(self.mean)
        spread = jnp.where(spread > 1e-6, spread, 1.0)
        return BOUND * jnp.tanh((x - self.mean) / (BOUND * spread))
