"""Input scaling found from the data.

Each input is centred and divided by a spread, then passed through a soft clip that leaves ordinary values alone and
keeps extreme ones within `BOUND`, so that a network is never evaluated far outside what it was trained on:

    x -> B tanh((x - mean) / (B spread)),   spread = std + 0.01 |mean|   (or 1 where that is nothing)

An input that does not vary (a zero mean, no deviation) gets spread 1 and becomes zero: nothing explodes. Nothing here
has units: an economy counted in millionths or in millions looks the same to the network.
"""

from __future__ import annotations

import functools

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

BOUND = 6.0


class Scaling(eqx.Module):
    """First two moments of a network's inputs, estimated while data come in."""

    mean: Float[Array, " inputs"]
    deviation: Float[Array, " inputs"]
    """Standard deviation; its square could be too small or too large a number for single precision."""

    @staticmethod
    def of(data: Float[Array, "samples inputs"]) -> Scaling:
        """Return the scaling of a sample."""
        size = jnp.max(jnp.abs(data), axis=0)
        unit = jnp.where(size > 0, size, 1.0)
        return Scaling(unit * jnp.mean(data / unit, axis=0), unit * jnp.std(data / unit, axis=0))

    def blend(self, other: Scaling, rate: Float[Array, ""] | float) -> Scaling:
        """Return the moments moved towards another sample's by a rate in [0, 1]."""
        gap = other.mean - self.mean
        parts = (
            jnp.sqrt(1 - rate) * self.deviation,
            jnp.sqrt(rate) * other.deviation,
            jnp.sqrt(rate * (1 - rate)) * gap,
        )
        return Scaling(self.mean + rate * gap, functools.reduce(jnp.hypot, parts))

    @property
    def spread(self) -> Float[Array, " inputs"]:
        """What inputs are divided by, above zero."""
        spread = self.deviation + 0.01 * jnp.abs(self.mean)
        return jnp.where(spread > 0, spread, 1.0)

    def follow(self, data: Float[Array, "samples inputs"], rate: Float[Array, ""] | float) -> Scaling:
        """Return the scaling moved towards that of new data, in which values far outside count as at the bound.

        Without the bound, a few runaway paths of a policy that is still learning would take the scale with them,
        and every ordinary state would look the same to the network.
        """
        reach = BOUND * self.spread
        return self.blend(Scaling.of(jnp.clip(data, self.mean - reach, self.mean + reach)), rate)

    def blind(self, x: Float[Array, " inputs"]) -> Bool[Array, ""]:
        """Return whether an input is so far outside that the network could not tell it from others there."""
        return jnp.any(~(jnp.abs(x - self.mean) < 2 * BOUND * self.spread))

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " inputs"]:
        """Return scaled inputs, each within (-BOUND, BOUND)."""
        return BOUND * jnp.tanh((x - self.mean) / (BOUND * self.spread))
