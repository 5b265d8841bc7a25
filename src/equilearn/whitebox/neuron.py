"""The neuron of McCulloch and Pitts (1943), and Hebb's rule (1949).

A neuron adds its inputs, weighted, and fires when the sum is above a threshold:

    h = sum_i w_i x_i,   y = 1 if h > threshold else 0

Hebb's rule strengthens what fires together: w_i <- w_i + rate x_i y. Legend: m inputs, N samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True)
class Neuron:
    """A threshold unit."""

    weights: Float[ndarray, " m"]
    threshold: float = 0.0

    def __call__(self, x: Float[ndarray, "N m"]) -> Float[ndarray, " N"]:
        """Return 1.0 for every row of x whose weighted sum is above the threshold, 0.0 for the others."""
        return (x @ self.weights > self.threshold).astype(float)


def hebb(
    weights: Float[ndarray, " m"], x: Float[ndarray, "N m"], y: Float[ndarray, " N"], *, rate: float = 1.0
) -> Float[ndarray, " m"]:
    """Return the weights after every pair of inputs and firing was seen once: w + rate sum_n x_n y_n.

    With inputs and outputs of -1 and 1 and weights from zero, this stores the pairs: what is recalled is right as
    long as the patterns are close to orthogonal.
    """
    return weights + rate * y @ x


LOGIC_NEURONS = {
    "and": Neuron(np.array([1.0, 1.0]), threshold=1.5),
    "or": Neuron(np.array([1.0, 1.0]), threshold=0.5),
    "not": Neuron(np.array([-1.0]), threshold=-0.5),
}
"""Neurons set by hand. No single one computes XOR."""
