"""A feed-forward network on whole batches, with dropout, and batch or layer normalisation.

    h_l = a_{l-1} W_l + b_l,   a_l = dropout(g(batchnorm(h_l))),   output = h_L

Legend: B samples in a batch, I inputs, O outputs. While training, batch normalisation uses the batch's own moments;
in use it needs the moments of the training data, which `moments` computes in one pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.networks.mlp import Activation

Initialiser = Callable[[PRNGKeyArray, tuple[int, int]], Array]
GLOROT: Initialiser = jax.nn.initializers.glorot_uniform()
Moments = tuple[tuple[Array, Array], ...]
"""Mean and variance of what goes into every hidden layer's batch normalisation."""


class FeedForward(eqx.Module):
    """A multi-layer perceptron of any shape."""

    weights: list[Float[Array, "fan_in fan_out"]]
    biases: list[Float[Array, " fan_out"]]
    scales: list[Float[Array, " units"]]
    """gamma of the normalisation; the biases are its beta."""
    activation: Activation = eqx.field(static=True)
    dropout: float = eqx.field(static=True)
    batch_norm: bool = eqx.field(static=True)
    layer_norm: bool = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation = jax.nn.relu,
        initialiser: Initialiser = GLOROT,
        dropout: float = 0.0,
        batch_norm: bool = False,
        layer_norm: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        """Draw the weights.

        Args:
            sizes: units from inputs to outputs: (I, hidden ..., O).
            activation: of the hidden layers.
            initialiser: of the weights, from `jax.nn.initializers`; biases are zero.
            dropout: share of the hidden units dropped while training.
            batch_norm: whether hidden layers are normalised over the batch, before the activation.
            layer_norm: whether they are normalised over the units of each sample instead (Ba et al., 2016).
            key: random key.
        """
        pairs = list(itertools.pairwise(sizes))
        self.weights = [initialiser(k, pair) for k, pair in zip(jax.random.split(key, len(pairs)), pairs, strict=True)]
        self.biases = [jnp.zeros(o) for _, o in pairs]
        self.scales = [jnp.ones(o) for _, o in pairs[:-1]] if batch_norm or layer_norm else []
        self.activation, self.dropout = activation, dropout
        self.batch_norm, self.layer_norm = batch_norm, layer_norm

    def __call__(
        self, x: Float[Array, "B I"], *, moments: Moments | None = None, key: PRNGKeyArray | None = None
    ) -> Float[Array, "B O"]:
        """Return the outputs of a batch.

        Args:
            x: inputs.
            moments: of the training data, for batch normalisation in use; None normalises by this batch.
            key: drops units at random (training); None drops none.
        """
        return self._pass(x, moments, key)[0]

    def moments(self, x: Float[Array, "B I"]) -> Moments:
        """Return the moments of the hidden layers over a batch, for use after training."""
        return self._pass(x, None, None)[1]

    def _pass(
        self, x: Float[Array, "B I"], moments: Moments | None, key: PRNGKeyArray | None
    ) -> tuple[Float[Array, "B O"], Moments]:
        seen: list[tuple[Array, Array]] = []
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer == len(self.weights) - 1:
                return x @ weight + bias, tuple(seen)
            h = x @ weight
            if self.batch_norm:
                seen.append((jnp.mean(h, axis=0), jnp.var(h, axis=0)))
                mean, variance = seen[-1] if moments is None else moments[layer]
                h = self.scales[layer] * (h - mean) / jnp.sqrt(variance + 1e-5)
            if self.layer_norm:
                mean, variance = jnp.mean(h, axis=1, keepdims=True), jnp.var(h, axis=1, keepdims=True)
                h = self.scales[layer] * (h - mean) / jnp.sqrt(variance + 1e-5)
            x = self.activation(h + bias)
            if key is not None and self.dropout > 0:
                kept = jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - self.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self.dropout), 0.0)
        raise AssertionError("a network has at least one layer")
