"""Supervised learning on the loop: generate hands back the training set, check is the validation error.

Inputs are standardised with the training part's moments, inside the problem, so that no scaler can see anything else
(`fit` hands over what is standardised already).
Legend: n samples, I inputs, O outputs.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from equilearn.learn import Problem
from equilearn.networks import MLP
from equilearn.networks.mlp import Moments
from equilearn.supervised.inputs import moments
from equilearn.supervised.splits import Split


class Supervised(Problem):
    """Fit a network to samples; the loss is the mean squared error or the cross-entropy of logits."""

    x: Float[Array, "n I"]
    t: Float[Array, "n O"]
    x_validation: Float[Array, "v I"]
    t_validation: Float[Array, "v O"]
    center: Float[Array, " I"]
    spread: Float[Array, " I"]
    class_weights: Float[Array, " O"]
    classify: bool = eqx.field(static=True)

    @staticmethod
    def of(
        data: Split, *, classify: bool = False, scale: bool = True, class_weights: Float[np.ndarray, " O"] | None = None
    ) -> Supervised:
        """Return the problem of a split data set.

        Args:
            data: training, validation and test parts (the test part is not kept).
            classify: targets are one-hot classes (or distributions), the outputs their logits.
            scale: standardise the inputs by the moments of the training part.
            class_weights: weight of each class in the loss; None weighs all alike.
        """
        inputs = data.x_train.shape[1]
        center, spread = moments(data.x_train) if scale else (np.zeros(inputs), np.ones(inputs))
        weights = np.ones(data.t_train.shape[1]) if class_weights is None else class_weights
        arrays = (*data[:4], center, spread, weights)
        return Supervised(*(jnp.asarray(a, jnp.float32) for a in arrays), classify=classify)

    def generate(self, networks: MLP, world: Any, *, key: PRNGKeyArray) -> tuple[Any, Any]:
        """Hand back the training set."""
        del networks, key
        return (self.x, self.t), world

    def loss(self, networks: MLP, world: Any, batch: Any, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Scalar]]:
        """Return the mean loss of a mini-batch; units are dropped, batches normalised."""
        del world
        x, t = batch
        each = self.losses(networks(self.scaled(x), key=key), t)
        return jnp.mean(each * (t @ self.class_weights) if self.classify else each), {}

    def losses(self, outputs: Float[Array, "B O"], t: Float[Array, "B O"]) -> Float[Array, " B"]:
        """Return every sample's loss, unweighted."""
        return optax.softmax_cross_entropy(outputs, t) if self.classify else jnp.mean((outputs - t) ** 2, axis=1)

    def check(self, networks: MLP, world: Any, *, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return every validation sample's loss."""
        del world, key
        return {"validation": self.losses(self.outputs(networks, self.x_validation), self.t_validation)}

    def scaled(self, x: Float[Array, "B I"]) -> Float[Array, "B I"]:
        """Return standardised inputs."""
        return (x - self.center) / self.spread

    def moments(self, networks: MLP) -> Moments:
        """Return the moments of the hidden layers over the training part (at most some 4,096 rows of it)."""
        every = -(-len(self.x) // 4096)
        return networks.moments(self.scaled(self.x[::every])) if networks.batch_norm else ()

    def outputs(self, networks: MLP, x: Float[Array, "B I"]) -> Float[Array, "B O"]:
        """Return the network's outputs in use: nothing dropped, normalised by the training part's moments."""
        return networks(self.scaled(x), moments=self.moments(networks) if networks.batch_norm else None)
