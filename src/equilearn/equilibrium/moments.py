"""Moments of simulated series as business cycles are reported: of levels or logs, as they are or of their cycles.

The trend g of a series y that Hodrick and Prescott (1997) take out minimises

    sum_t (y_t - g_t)^2 + smoothing sum_t (g_{t+1} - 2 g_t + g_{t-1})^2,

one linear system with five diagonals, which SciPy solves. Legend: T periods, P paths, V variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import xarray as xr
from jaxtyping import Float

from equilearn.equilibrium.arguments import finite, whole
from equilearn.equilibrium.labelling import components
from equilearn.errors import UserError

LEADING = ("period", "path")


def moments(
    simulation: xr.Dataset,
    variables: Sequence[str] | None = None,
    *,
    relative_to: str | None = None,
    log: bool | Sequence[str] = False,
    smoothing: int | float | None = None,
    lags: int = 1,
) -> pd.DataFrame:
    """Return means, standard deviations, autocorrelations and correlations of simulated variables, one row each.

    Args:
        simulation: what `Solution.simulate` returns; of several paths, moments are means over the paths.
        variables: their names; by default all that are one number a period. One with an axis (age, country) has a row
            for each of its components: `consumption[21]`.
        relative_to: the variable, output say, to whose standard deviation the others' are set in relation, and with
            which they are correlated; by default the correlations of all with all are given.
        log: take logs first (not for the mean): of all, or of the variables named.
        smoothing: of the Hodrick-Prescott filter, whose cycles the moments other than the mean are then of: 1600 for
            quarters, 6.25 or 100 for years. None filters nothing.
        lags: autocorrelations up to this lag.

    Returns:
        Columns `mean`, `std` (in logs a share: 0.02 is 2 %), `relative std`, `autocorrelation 1`, ...,
        `correlation with x`, ...; a correlation of what does not move is nan.

    Raises:
        UserError: it is no simulation; a name, a number, or a variable whose log is wanted is wrong.
    """
    if not isinstance(simulation, xr.Dataset) or "period" not in simulation.dims:
        raise UserError(f"moments: needs a simulation (`solution.simulate()`), not {type(simulation).__name__}.")
    names = _names(simulation, variables, relative_to)
    lags = whole("lags", lags, 0)
    if simulation.sizes["period"] < max(4, lags + 2):
        raise UserError(f"moments: {simulation.sizes['period']} periods are too few; simulate more.")
    rows = {label: values for name in names for label, values in _columns(simulation, name).items()}
    table = pd.DataFrame({"mean": {label: float(values.mean()) for label, values in rows.items()}})
    series = {label: _logs(label, values) if _wanted(log, label) else values for label, values in rows.items()}
    labels, stacked = list(series), np.stack(list(series.values()), axis=-1)
    if smoothing is not None:
        stacked = stacked - trend(stacked, smoothing)
    moved = stacked - stacked.mean(axis=0)
    deviations = stacked.std(axis=0, ddof=1)
    table["std"] = deviations.mean(axis=0)
    if relative_to is not None:
        table["relative std"] = table["std"] / table["std"][relative_to]
    for lag in range(1, lags + 1):
        table[f"autocorrelation {lag}"] = _correlation(moved[lag:], moved[:-lag])
    for other in labels if relative_to is None else [relative_to]:
        table[f"correlation with {other}"] = _correlation(moved, moved[..., labels.index(other)][..., None])
    return table


def trend(series: Float[np.ndarray, "T ..."], smoothing: int | float) -> Float[np.ndarray, "T ..."]:
    """Return the trend of series along their first axis, of Hodrick and Prescott.

    Args:
        series: at least 4 periods.
        smoothing: at least 0; 0 returns the series.

    Raises:
        UserError: the smoothing is negative, or no finite number.
    """
    size = finite("smoothing", smoothing)
    if size < 0:
        raise UserError(f"smoothing: must be at least 0, like 1600 for quarters, not {size:g}.")
    periods = len(series)
    bands = np.zeros((3, periods))  # diagonal, first and second below it, of the product of second differences
    for at, weight in enumerate((1.0, -2.0, 1.0)):
        for below in range(3 - at):
            bands[below, at : at + periods - 2] += weight * (1.0, -2.0, 1.0)[at + below]
    bands *= size
    bands[0] += 1.0
    flat = np.asarray(series, float).reshape(periods, -1)
    return scipy.linalg.solveh_banded(bands, flat, lower=True).reshape(series.shape)


def _names(simulation: xr.Dataset, variables: Any, relative_to: str | None) -> list[str]:
    if isinstance(variables, str):
        raise UserError(f"variables: must be a list of names, like [{variables!r}].")
    known = [str(name) for name in simulation.data_vars]
    plain = [name for name in known if set(simulation[name].dims) <= set(LEADING)]
    names = plain if variables is None else list(variables)
    if relative_to is not None and relative_to not in names:
        names.append(relative_to)
    for name in names:
        if name not in known:
            raise UserError(f"moments: there is no variable {name!r}; there are {', '.join(known)}.")
    if relative_to is not None and relative_to not in plain:
        raise UserError(f"relative_to: {relative_to} is not one number a period; take one that is.")
    return names


def _columns(simulation: xr.Dataset, name: str) -> dict[str, Float[np.ndarray, "T P"]]:
    """Return a variable's components by their labels."""
    one = simulation[name]
    one = one if "path" in one.dims else one.expand_dims("path", axis=1)
    return {label: values.astype(float) for label, values in components(one, LEADING).items()}


def _wanted(log: bool | Sequence[str], label: str) -> bool:
    return log if isinstance(log, bool) else label.partition("[")[0] in log


def _logs(label: str, values: Float[np.ndarray, "T P"]) -> Float[np.ndarray, "T P"]:
    if not np.all(values > 0):
        raise UserError(f"log: {label} is not always above zero; name the variables whose logs you want.")
    return np.log(values)


def _correlation(one: Float[np.ndarray, "T P V"], other: Float[np.ndarray, "T P W"]) -> Float[np.ndarray, " V"]:
    """Return the correlation of centred series, a mean over paths; nan where one does not move."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    both = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((one * other).sum(axis=0) / np.where(both > 1e-30, both, np.nan)).mean(axis=0)
