"""Batch normalisation (Ioffe and Szegedy, 2015), forwards and backwards.

    mean = 1/N sum_n x_n,   var = 1/N sum_n (x_n - mean)^2
    z = (x - mean) / sqrt(var + eps),   y = gamma z + beta

Backwards, with g the gradient with respect to y (every sample moves mean and variance, so all are coupled):

    d gamma = sum_n g z,   d beta = sum_n g
    d x = gamma / sqrt(var + eps) (g - mean(g) - z mean(g z))

While training, running means of mean and variance are kept; they replace the batch's when the network is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Batch = Float[ndarray, "N m"]
Feature = Float[ndarray, " m"]


@dataclass
class BatchNorm:
    """A layer that standardises each of m features over the batch, then scales and shifts it."""

    gamma: Feature
    beta: Feature
    mean: Feature
    """Running mean, used when not training."""
    var: Feature
    """Running variance."""
    keep: float = 0.9
    """Weight of the past in the running means."""
    eps: float = 1e-5

    @staticmethod
    def fresh(m: int) -> BatchNorm:
        """Return a layer that does nothing yet."""
        return BatchNorm(np.ones(m), np.zeros(m), np.zeros(m), np.ones(m))

    def forward(self, x: Batch, *, training: bool) -> tuple[Batch, tuple[Batch, Feature]]:
        """Return y, and what `backward` needs; in training the running means move."""
        mean, var = (x.mean(axis=0), x.var(axis=0)) if training else (self.mean, self.var)
        if training:
            self.mean = self.keep * self.mean + (1 - self.keep) * mean
            self.var = self.keep * self.var + (1 - self.keep) * var
        scale = 1 / np.sqrt(var + self.eps)
        z = (x - mean) * scale
        return self.gamma * z + self.beta, (z, scale)

    def backward(self, g: Batch, cache: tuple[Batch, Feature]) -> tuple[Batch, Feature, Feature]:
        """Return the gradients with respect to x (of a training batch), gamma and beta."""
        z, scale = cache
        dx = self.gamma * scale * (g - g.mean(axis=0) - z * (g * z).mean(axis=0))
        return dx, (g * z).sum(axis=0), g.sum(axis=0)
