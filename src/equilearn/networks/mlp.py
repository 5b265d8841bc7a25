"""The multi-layer perceptron: x -> W_L a(W_{L-1} ... a(W_1 x + b_1) ... ) + b_L.

Legend: I inputs, O outputs, H heads. With heads the last layer has H * O units, and an index chooses which O of
them are the output: a discrete input (the shock of an economy) then costs nothing where only it changes, since
everything below the last layer is shared.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

Activation = Callable[[Array], Array]


class Swish(eqx.Module):
    """x sigmoid(steepness x) (Ramachandran et al., 2017): SiLU for steepness 1, ReLU in the limit of a large one."""

    steepness: float = eqx.field(static=True, default=1.0)

    def __call__(self, x: Array) -> Array:
        """Return x sigmoid(steepness x)."""
        return x * jax.nn.sigmoid(self.steepness * x)


class MLP(eqx.Module):
    """A multi-layer perceptron with optional heads."""

    weights: tuple[Float[Array, "fan_out fan_in"], ...]
    biases: tuple[Float[Array, " fan_out"], ...]
    activation: Activation = eqx.field(static=True)
    heads: int = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int,
        depth: int,
        activation: Activation = jax.nn.swish,
        heads: int = 1,
        key: PRNGKeyArray,
    ) -> None:
        """Draw the weights.

        Args:
            inputs: number of inputs I.
            outputs: number of outputs O.
            width: units per hidden layer.
            depth: hidden layers; 0 is a linear map.
            activation: of the hidden layers.
            heads: number of heads H.
            key: random key.

        Weights are normal with variance 1 / fan-in (LeCun), a hundredth of that in the last layer, so that a
        fresh network is close to zero whatever it is given; biases are zero.
        """
        sizes = [inputs, *[width] * depth, outputs * heads]
        gains = [1.0] * depth + [0.1]
        self.weights = tuple(
            gain * jax.random.normal(one, (fan_out, fan_in)) / jnp.sqrt(fan_in)
            for fan_in, fan_out, gain, one in zip(
                sizes[:-1], sizes[1:], gains, jax.random.split(key, depth + 1), strict=True
            )
        )
        self.biases = tuple(jnp.zeros(fan_out) for fan_out in sizes[1:])
        self.activation, self.heads = activation, heads

    def __call__(self, x: Float[Array, " inputs"], head: Int[Array, ""] | int = 0) -> Float[Array, " outputs"]:
        """Return the output for one input vector, of one head.

        The products are written for rows, x W'. With columns, W x, they are the same, but under two nested vmaps
        (states and the nodes of a quadrature) XLA's gradient of that takes up to twice as long on a CPU.
        """
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = self.activation(x @ weight.T + bias)
        out = x @ self.weights[-1].T + self.biases[-1]
        return out if self.heads == 1 else jnp.take(out.reshape(self.heads, -1), head, axis=0, mode="clip")
