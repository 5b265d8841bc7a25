"""Weights of the equations in the loss: fixed, or adapted while learning (ReLoBRaLo).

ReLoBRaLo (Bischof and Kraus, 2021) gives more weight to equations whose loss L has fallen least, relative to
the last episode and to the first one. With K equations, memory a, look-back r and temperature T:

    w <- a r w + a (1 - r) K softmax(L / (T L_first)) + (1 - a) K softmax(L / (T L_last))

The paper draws the look-back at random; here it enters by its mean, so that a run is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from equilearn.errors import UserError
from equilearn.parameters import fit_fields


class Weights(eqx.Module):
    """Weights of the K equations, and the losses they are adapted from."""

    values: Float[Array, " K"]
    first: Float[Array, " K"]
    last: Float[Array, " K"]
    started: Bool[Array, ""]


def fixed(values: Float[Array, " K"]) -> Weights:
    """Return weights that start at the given values."""
    return Weights(values, jnp.ones_like(values), jnp.ones_like(values), jnp.asarray(False))


@dataclass(frozen=True)
class ReLoBRaLo:
    """Relative loss balancing with random look-back; pass it to `solve` as `balancing`."""

    temperature: float = 1.0
    memory: float = 0.999
    look_back: float = 0.999

    def __post_init__(self) -> None:
        fit_fields(self)
        if not self.temperature > 0:
            raise UserError(f"ReLoBRaLo: temperature must be above 0, not {self.temperature}.")
        for name in ("memory", "look_back"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise UserError(f"ReLoBRaLo: {name} must be in [0, 1], not {value}.")

    def update(self, weights: Weights, losses: Float[Array, " K"]) -> Weights:
        """Return the weights after an episode with these mean losses."""
        first = jnp.where(weights.started, weights.first, losses)
        last = jnp.where(weights.started, weights.last, losses)
        number = losses.shape[0]

        def share(reference: Float[Array, " K"]) -> Float[Array, " K"]:
            return number * jax.nn.softmax(losses / (self.temperature * jnp.maximum(reference, 1e-30)))

        a, r = self.memory, self.look_back
        values = a * r * weights.values + a * (1 - r) * share(first) + (1 - a) * share(last)
        return Weights(values, first, losses, jnp.asarray(True))
