"""Genz's test functions for integration and approximation in d dimensions (Genz, 1984).

    oscillatory     cos(2 pi w_1 + sum c_i x_i)
    product peak    prod 1 / (c_i^-2 + (x_i - w_i)^2)
    corner peak     (1 + sum c_i x_i)^-(d + 1)
    gaussian        exp(-sum c_i^2 (x_i - w_i)^2)
    continuous      exp(-sum c_i |x_i - w_i|)
    discontinuous   0 if x_1 > w_1 or x_2 > w_2, else exp(sum c_i x_i)

on the unit cube; w and c are uniform draws, w normalised to sum to one, c to sum to the function's difficulty b.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.errors import UserError

Points = Float[ndarray, "n d"]
Vector = Float[ndarray, " d"]


def oscillatory(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return cos(2 pi w_1 + c . x)."""
    return np.cos(2 * np.pi * w[0] + x @ c)


def product_peak(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return prod 1 / (c_i^-2 + (x_i - w_i)^2)."""
    return np.prod(1 / (c**-2.0 + (x - w) ** 2), axis=1)


def corner_peak(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return (1 + c . x)^-(d + 1)."""
    return (1 + x @ c) ** -(x.shape[1] + 1.0)


def gaussian(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return exp(-sum c_i^2 (x_i - w_i)^2)."""
    return np.exp(-(((x - w) * c) ** 2).sum(axis=1))


def continuous(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return exp(-sum c_i |x_i - w_i|)."""
    return np.exp(-(np.abs(x - w) @ c))


def discontinuous(x: Points, c: Vector, w: Vector) -> Float[ndarray, " n"]:
    """Return 0 where x_1 > w_1 or x_2 > w_2, exp(c . x) elsewhere."""
    return np.where((x[:, :2] > w[:2]).any(axis=1), 0.0, np.exp(x @ c))


GENZ: dict[str, tuple[Callable[[Points, Vector, Vector], Float[ndarray, " n"]], float | None]] = {
    "oscillatory": (oscillatory, 1.5),
    "product peak": (product_peak, None),
    "corner peak": (corner_peak, 1.85),
    "gaussian": (gaussian, 7.03),
    "continuous": (continuous, 20.4),
    "discontinuous": (discontinuous, 4.3),
}
"""Name -> function and difficulty b; None stands for the dimension d."""


def draw_parameters(name: str, dimension: int, *, seed: int) -> tuple[Vector, Vector]:
    """Return c and w of a function: uniform on [0, 1], normalised to sum to b and to one.

    Raises:
        UserError: there is no such function.
    """
    if name not in GENZ:
        raise UserError(f"genz: there is no {name!r}; there are {', '.join(GENZ)}.")
    rng = np.random.default_rng(seed)
    c, w = rng.uniform(size=dimension), rng.uniform(size=dimension)
    difficulty = GENZ[name][1]
    return c / c.sum() * (dimension if difficulty is None else difficulty), w / w.sum()


def sample(
    name: str, dimension: int, points: int, *, parameters: tuple[Vector, Vector], seed: int
) -> tuple[Points, Float[ndarray, "n 1"]]:
    """Return uniform points of the unit cube and the function there."""
    x = np.random.default_rng(seed).uniform(size=(points, dimension))
    return x, GENZ[name][0](x, *parameters)[:, None]
