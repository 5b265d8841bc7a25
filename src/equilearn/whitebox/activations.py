"""Activations and their derivatives.

| name | g(h) | g'(h) |
|---|---|---|
| step | 1 if h > 0 else 0 | 0 |
| linear | h | 1 |
| sigmoid | 1 / (1 + exp(-h)) | g (1 - g) |
| tanh | tanh(h) | 1 - g^2 |
| relu | max(h, 0) | 1 if h > 0 else 0 |
| swish | h sigmoid(h) | s + h s (1 - s), s the sigmoid |
| softplus | log(1 + exp(h)) | sigmoid(h) |

Softmax, exp(h_i) / sum_j exp(h_j), mixes its inputs: its derivative is the matrix diag(g) - g g'. All are computed
so that no exponential overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray


def sigmoid(h: ndarray | float) -> Any:
    """Return 1 / (1 + exp(-h)), of an array or a number."""
    return np.exp(-np.logaddexp(0, -h))


def softmax(h: ndarray) -> ndarray:
    """Return exp(h_i) / sum_j exp(h_j) along the last axis."""
    e = np.exp(h - h.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_derivative(h: ndarray) -> ndarray:
    """Return the matrix d g_i / d h_j = g_i (1{i = j} - g_j), shape (..., n, n)."""
    g = softmax(h)
    return g[..., None] * (np.eye(h.shape[-1]) - g[..., None, :])


class Activation(NamedTuple):
    """A function of one number and its derivative."""

    function: Callable[[ndarray], ndarray]
    derivative: Callable[[ndarray], ndarray]


step = Activation(lambda h: (h > 0).astype(float), lambda h: np.zeros_like(h))
linear = Activation(lambda h: h, lambda h: np.ones_like(h))
logistic = Activation(sigmoid, lambda h: sigmoid(h) * sigmoid(-h))
tanh = Activation(np.tanh, lambda h: 1 - np.tanh(h) ** 2)
relu = Activation(lambda h: np.maximum(h, 0), lambda h: (h > 0).astype(float))
swish = Activation(lambda h: h * sigmoid(h), lambda h: sigmoid(h) + h * sigmoid(h) * sigmoid(-h))
softplus = Activation(lambda h: np.logaddexp(0, h), sigmoid)

ACTIVATIONS = {
    "step": step,
    "linear": linear,
    "sigmoid": logistic,
    "tanh": tanh,
    "relu": relu,
    "swish": swish,
    "softplus": softplus,
}
