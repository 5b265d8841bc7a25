"""Losses and their gradients with respect to what the network gives.

| name | loss, mean over N samples | gradient |
|---|---|---|
| mean squared error | 1/N sum_n sum_k (y - t)^2 | 2 (y - t) / N |
| half the squared error of y = sigmoid(h) | 1/(2N) sum_n sum_k (y - t)^2 | (y - t) y (1 - y) / N |
| binary cross-entropy of logits h | 1/N sum log(1 + exp(h)) - t h | (sigmoid(h) - t) / N |
| categorical cross-entropy of logits h | 1/N sum logsumexp(h) - t . h | (softmax(h) - t) / N |

The cross-entropy of a distribution t and a prediction q is H(t, q) = -sum_k t_k log q_k. With one-hot targets it is the
negative log-likelihood, and in general H(t, q) = H(t) + KL(t || q): minimising the one minimises the other.
Legend: N samples, K outputs.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.whitebox.activations import sigmoid, softmax

Values = Float[ndarray, "N K"]


def mean_squared_error(y: Values, t: Values) -> tuple[float, Values]:
    """Return the loss and its gradient with respect to the outputs y."""
    return float(np.sum((y - t) ** 2) / len(y)), 2 * (y - t) / len(y)


def squared_error_of_logistic(h: Values, t: Values) -> tuple[float, Values]:
    """Return half the squared error of logistic outputs, and its gradient with respect to h (the course's 4.8).

    Where an output is far from its target and saturated, y (1 - y) is nearly zero: what is most wrong learns least.
    """
    y = sigmoid(h)
    return float(np.sum((y - t) ** 2) / (2 * len(h))), (y - t) * y * (1 - y) / len(h)


def binary_cross_entropy(h: Values, t: Values) -> tuple[float, Values]:
    """Return the loss of logits h and targets in [0, 1], and its gradient with respect to h."""
    return float(np.sum(np.logaddexp(0, h) - t * h) / len(h)), (sigmoid(h) - t) / len(h)


def categorical_cross_entropy(h: Values, t: Values) -> tuple[float, Values]:
    """Return the loss of logits h and target distributions t, and its gradient with respect to h."""
    largest = h.max(axis=1, keepdims=True)
    log_sum = largest[:, 0] + np.log(np.exp(h - largest).sum(axis=1))
    return float(np.mean(log_sum - np.sum(t * h, axis=1))), (softmax(h) - t) / len(h)


def negative_log_likelihood(q: Values, labels: ndarray) -> float:
    """Return the mean of -log q of the class that was observed; q are probabilities, labels class indices."""
    return float(-np.mean(np.log(q[np.arange(len(q)), labels])))


def entropy(t: Values) -> float:
    """Return the mean entropy H(t) = -sum t log t, where 0 log 0 is 0."""
    return float(-np.sum(t * np.log(np.where(t > 0, t, 1))) / len(t))


def kl_divergence(t: Values, q: Values) -> float:
    """Return the mean of KL(t || q) = sum t log(t / q)."""
    return float(np.sum(t * (np.log(np.where(t > 0, t, 1)) - np.log(q))) / len(t))
