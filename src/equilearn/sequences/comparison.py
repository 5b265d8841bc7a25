"""Whether one forecast is better than another, or only luckier (Diebold and Mariano, 1995)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from equilearn.errors import UserError


class Comparison(NamedTuple):
    """The test of equal accuracy."""

    difference: float
    """Mean loss of the first forecast less that of the second: below zero the first is better."""
    statistic: float
    """In standard deviations, with the correction of Harvey, Leybourne and Newbold (1997)."""
    p_value: float
    """Probability of so large a difference, either way, between forecasts that are equally accurate."""

    def verdict(self, first: str, second: str, *, level: float = 0.05) -> str:
        """Return in words which of two forecasts is better, if one is."""
        if not self.p_value < level:
            return f"{first} and {second} cannot be told apart (p = {self.p_value:.2g})"
        better, worse = (first, second) if self.difference < 0 else (second, first)
        return f"{better} is better than {worse} (p = {self.p_value:.2g})"


def diebold_mariano(first: Any, second: Any, *, horizon: int = 1, loss: str = "squared") -> Comparison:
    """Test whether two forecasts of the same values are equally accurate.

    Errors of forecasts h steps ahead overlap, so the variance of the mean difference has h - 1 autocovariances (where
    their sum is not above zero, with Bartlett's weights). The statistic is held against Student's distribution.

    Args:
        first: errors (n,) of the first forecast, in the order of time.
        second: errors of the second.
        horizon: steps ahead.
        loss: "squared" or "absolute".

    Raises:
        UserError: the errors are not numbers, not of one length, or too few for the horizon.
    """
    from scipy.stats import t as student

    a, b = _errors(first), _errors(second)
    if len(a) != len(b) or not 1 <= horizon < len(a):
        raise UserError(
            f"diebold_mariano: needs as many errors of both, and more than the horizon ({horizon}), "
            f"not {len(a)} and {len(b)}."
        )
    if loss not in ("squared", "absolute"):
        raise UserError(f"diebold_mariano: loss must be squared or absolute, not {loss!r}.")
    d = a**2 - b**2 if loss == "squared" else np.abs(a) - np.abs(b)
    n, centred = len(d), d - d.mean()
    covariances = [float(centred[k:] @ centred[: n - k]) / n for k in range(horizon)]
    variance = covariances[0] + 2 * sum(covariances[1:])
    if variance <= 0:
        variance = covariances[0] + 2 * sum((1 - k / horizon) * c for k, c in enumerate(covariances) if k)
    if variance <= 0:  # the losses do not differ, or always by the same
        return Comparison(float(d.mean()), 0.0 if d.mean() == 0 else math.inf, 1.0 if d.mean() == 0 else 0.0)
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    statistic = float(d.mean()) / math.sqrt(variance / n) * math.sqrt(max(correction, 0.0))
    return Comparison(float(d.mean()), statistic, float(2 * student.sf(abs(statistic), df=n - 1)))


def _errors(values: Any) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise UserError("diebold_mariano: errors must be a vector of finite numbers.")
    return array
