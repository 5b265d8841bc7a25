"""The multi-layer perceptron, for one sample or a batch, with dropout, normalisation and heads where asked for.

    h_l = a_{l-1} W_l + b_l,   a_l = dropout(g(norm(h_l))),   output = h_L

Legend: B samples (any leading axes, also none), I inputs, O outputs, H heads. With heads the last layer has H * O
units, and an index chooses which O of them are the output: a discrete input (the shock of an economy) then costs
nothing where only it changes, since everything below the last layer is shared. While training, batch normalisation
uses the batch's own moments; in use it needs the moments of the training data, which `moments` computes in one pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

Activation = Callable[[Array], Array]
Initialiser = Callable[[PRNGKeyArray, tuple[int, int]], Array]
"""Draws weights of (fan_in, fan_out), as those of `jax.nn.initializers` do."""
GLOROT: Initialiser = jax.nn.initializers.glorot_uniform()
Moments = tuple[tuple[Array, Array], ...]
"""Mean and variance of what goes into every hidden layer's batch normalisation."""


def lecun(key: PRNGKeyArray, shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
    """Draw normal weights of variance 1 / fan-in (LeCun et al., 1998), the tails included."""
    return jax.random.normal(key, shape[::-1]).T / jnp.sqrt(shape[0])


class Swish(eqx.Module):
    """x sigmoid(steepness x) (Ramachandran et al., 2017): SiLU for steepness 1, ReLU in the limit of a large one."""

    steepness: float = eqx.field(static=True, default=1.0)

    def __call__(self, x: Array) -> Array:
        """Return x sigmoid(steepness x)."""
        return x * jax.nn.sigmoid(self.steepness * x)


class MLP(eqx.Module):
    """A multi-layer perceptron of any shape."""

    weights: tuple[Float[Array, "fan_in fan_out"], ...]
    biases: tuple[Float[Array, " fan_out"], ...]
    scales: tuple[Float[Array, " units"], ...]
    """gamma of the normalisation; the biases are its beta."""
    activation: Activation = eqx.field(static=True)
    heads: int = eqx.field(static=True)
    dropout: float = eqx.field(static=True)
    batch_norm: bool = eqx.field(static=True)
    layer_norm: bool = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation = jax.nn.relu,
        initialiser: Initialiser = GLOROT,
        last: float = 1.0,
        heads: int = 1,
        dropout: float = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        """Draw the weights.

        Args:
            sizes: units from inputs to outputs: (I, hidden ..., O); (I, O) is a linear map.
            activation: of the hidden layers.
            initialiser: of the weights, from `jax.nn.initializers`; biases are zero.
            last: what the last layer's weights are multiplied by: with a small number a fresh network is close to zero,
                whatever it is given.
            heads: number of heads H.
            dropout: share of the hidden units dropped while training.
            batch_norm: whether hidden layers are normalised over the batch (the first axis), before the activation.
            layer_norm: whether they are normalised over the units of each sample instead (Ba et al., 2016).
            key: random key.
        """
        pairs = list(itertools.pairwise([*sizes[:-1], sizes[-1] * heads]))
        drawn = [initialiser(k, pair) for k, pair in zip(jax.random.split(key, len(pairs)), pairs, strict=True)]
        self.weights = (*drawn[:-1], last * drawn[-1])
        self.biases = tuple(jnp.zeros(o) for _, o in pairs)
        self.scales = tuple(jnp.ones(o) for _, o in pairs[:-1]) if batch_norm or layer_norm else ()
        self.activation, self.heads = activation, heads
        self.dropout, self.batch_norm, self.layer_norm = dropout, batch_norm, layer_norm

    def __call__(
        self,
        x: Float[Array, "*B I"],
        head: Int[Array, ""] | int = 0,
        *,
        moments: Moments | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "*B O"]:
        """Return the outputs of a sample or a batch.

        Args:
            x: inputs.
            head: which of the heads.
            moments: of the training data, for batch normalisation in use; None normalises by this batch.
            key: drops units at random (training); None drops none.

        Products are written for rows, x W. With columns they are the same, but under two nested vmaps (states and the
        nodes of a quadrature) XLA's gradient of that takes up to twice as long on a CPU.
        """
        out = self._pass(x, moments, key)[0]
        if self.heads == 1:
            return out
        return jnp.take(out.reshape(*out.shape[:-1], self.heads, -1), head, axis=-2, mode="clip")

    def moments(self, x: Float[Array, "B I"]) -> Moments:
        """Return the moments of the hidden layers over a batch, for use after training."""
        return self._pass(x, None, None)[1]

    def _pass(self, x: Array, moments: Moments | None, key: PRNGKeyArray | None) -> tuple[Array, Moments]:
        """Return what the last layer makes of x, and the moments of the layers before it."""
        seen: list[tuple[Array, Array]] = []
        for layer, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            h = x @ weight
            if self.batch_norm:
                seen.append((jnp.mean(h, axis=0), jnp.var(h, axis=0)))
                mean, variance = seen[-1] if moments is None else moments[layer]
                h = self.scales[layer] * (h - mean) / jnp.sqrt(variance + 1e-5)
            if self.layer_norm:
                mean, variance = jnp.mean(h, axis=-1, keepdims=True), jnp.var(h, axis=-1, keepdims=True)
                h = self.scales[layer] * (h - mean) / jnp.sqrt(variance + 1e-5)
            x = self.activation(h + bias)
            if key is not None and self.dropout > 0:
                kept = jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self.dropout), 0.0)
        return x @ self.weights[-1] + self.biases[-1], tuple(seen)
