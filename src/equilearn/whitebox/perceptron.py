"""The perceptron (Rosenblatt, 1958; the course's equations 3.4 to 3.6).

Each of n output neurons has a weight for each of m inputs and one for a bias input that is always -1:

    y_j = g(sum_i w_ij x_i),   g(h) = 1 if h > 0 else 0                (3.4, 3.5)
    w_ij <- w_ij - rate (y_j - t_j) x_i                                (3.6)

Recall costs O(m n), training for T iterations O(T m n) a sample. If a plane separates the classes, the rule finds
one in a finite number of steps; XOR has none, so there it goes round for ever. Legend: N samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass
class Perceptron:
    """A layer of threshold neurons; the bias weights are the last row."""

    weights: Float[ndarray, "m1 n"]
    multiplications: int = 0
    """Multiplications done so far, counted."""

    @staticmethod
    def fresh(m: int, n: int, *, seed: int = 0) -> Perceptron:
        """Return a perceptron with small random weights, uniform in (-0.05, 0.05)."""
        return Perceptron(np.random.default_rng(seed).uniform(-0.05, 0.05, (m + 1, n)))

    def recall(self, x: Float[ndarray, "N m"]) -> Float[ndarray, "N n"]:
        """Return the outputs, 0.0 or 1.0."""
        self.multiplications += x.shape[0] * self.weights.size
        return (with_bias(x) @ self.weights > 0).astype(float)

    def train(self, x: Float[ndarray, "N m"], t: Float[ndarray, "N n"], *, rate: float = 0.25, iterations: int) -> int:
        """Apply the rule to all samples at once, until all are right or the iterations are spent.

        Returns:
            The number of iterations done.
        """
        for iteration in range(iterations):
            y = self.recall(x)
            if np.array_equal(y, t):
                return iteration
            self.weights = self.weights - rate * with_bias(x).T @ (y - t)
            self.multiplications += x.shape[0] * self.weights.size
        return iterations


def with_bias(x: Float[ndarray, "N m"]) -> Float[ndarray, "N m1"]:
    """Return the inputs with a last column of -1."""
    return np.concatenate([x, -np.ones((len(x), 1))], axis=1)


def confusion(actual: ndarray, predicted: ndarray, classes: int) -> ndarray:
    """Return the confusion matrix of class indices: rows actual, columns predicted."""
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (actual, predicted), 1)
    return matrix
