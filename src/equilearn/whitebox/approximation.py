"""Why one hidden layer is enough: bumps made of sigmoids, and every Boolean function.

Two steep sigmoids make a ridge, sigmoid(s (x - a)) - sigmoid(s (x - b)): close to 1 between a and b, close to 0
outside. In d dimensions the ridges of all coordinates add up to d inside the box only, and a steep sigmoid above
d - 1/2 leaves a bump. Sums of scaled bumps come as close as wanted to any continuous function (Cybenko, 1989).

A Boolean function of n inputs is computed by one hidden unit for each of its true rows (a sum of products).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.whitebox.activations import sigmoid


def bump(
    x: Float[ndarray, "N d"], low: Float[ndarray, " d"], high: Float[ndarray, " d"], steepness: float
) -> Float[ndarray, " N"]:
    """Return a number close to 1 for points inside the box and close to 0 outside: two layers of sigmoids."""
    ridges = sigmoid(steepness * (x - low)) - sigmoid(steepness * (x - high))
    return sigmoid(steepness * (ridges.sum(axis=1) - (x.shape[1] - 0.5)))


def staircase(
    function: Callable[[ndarray], ndarray], x: Float[ndarray, " N"], low: float, high: float, bumps: int,
    steepness: float,
) -> Float[ndarray, " N"]:  # fmt: skip
    """Return the sum of ridges that approximates a function of one number between low and high.

    Each ridge is as high as the function at the middle of its interval.
    """
    edges = np.linspace(low, high, bumps + 1)
    heights = function((edges[1:] + edges[:-1]) / 2)
    steps = sigmoid(steepness * (x[:, None] - edges))
    return (steps[:, :-1] - steps[:, 1:]) @ heights


def boolean_network(table: Float[ndarray, " rows"]) -> tuple[ndarray, ndarray, ndarray, float]:
    """Return hidden weights, hidden thresholds, output weights and output threshold for a truth table.

    The table has 2^n rows, in counting order. Hidden unit r fires for exactly one true row: its weights are +1
    where the row has a 1 and -1 where it has a 0, its threshold is the number of ones less a half. The output fires
    if any of them does.
    """
    inputs = int(np.log2(len(table)))
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=inputs)))[np.asarray(table) > 0]
    return 2 * rows.T - 1, rows.sum(axis=1) - 0.5, np.ones(len(rows)), 0.5


def evaluate(network: tuple[ndarray, ndarray, ndarray, float], x: Float[ndarray, "N n"]) -> Float[ndarray, " N"]:
    """Return a network of threshold units' outputs, 0.0 or 1.0."""
    hidden, thresholds, out, threshold = network
    return (((x @ hidden > thresholds).astype(float)) @ out > threshold).astype(float)
