"""Windows of a series: what has been seen, and what comes so many steps later.

A window ends at a step `last`, the newest that has been seen. The target of horizon h is the value exactly h steps
after it: horizon 1 is the next step. Parts are cut in time, and a value is the target of one part only; the inputs of
a part may reach back before its cut, as they do in use, but never forward.
Legend: n windows, T steps, C columns, L steps of history, H horizons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from equilearn.errors import UserError


class Windows(NamedTuple):
    """Windows of a series."""

    x: Float[np.ndarray, "n L C"]
    """What has been seen, oldest first."""
    y: Float[np.ndarray, "n H"]
    """The target at every horizon."""
    last: Int[np.ndarray, " n"]
    """The newest step of each window."""


class Parts(NamedTuple):
    """The windows of three stretches of time, one after the other; scalers see only `train`, `test` is used once."""

    train: Windows
    validation: Windows
    test: Windows


def windows(values: Any, *, history: int, horizons: Sequence[int] = (1,), target: int = 0) -> Windows:
    """Return all windows of a series.

    Args:
        values: (T,) or (T, C), one row a step; all columns are inputs.
        history: steps L in a window.
        horizons: steps ahead of the targets, each at least 1.
        target: which column is to be foretold.

    Raises:
        UserError: the series is too short, holds gaps, or an argument is wrong.
    """
    series = _series(values)
    _whole("history", history, 1)
    ahead = _horizons(horizons)
    _whole("target", target, 0)
    if target >= series.shape[1]:
        raise UserError(f"windows: target must be one of the {series.shape[1]} columns, 0 to {series.shape[1] - 1}.")
    n = len(series) - history - max(ahead) + 1
    if n < 1:
        raise UserError(
            f"windows: {len(series)} steps are too few for a history of {history} and a horizon of {max(ahead)}."
        )
    last = np.arange(history - 1, history - 1 + n)
    x = np.lib.stride_tricks.sliding_window_view(series, history, axis=0)[:n].swapaxes(1, 2)
    y = np.stack([series[last + h, target] for h in ahead], axis=1)
    return Windows(np.ascontiguousarray(x), y, last)


def chronological(
    values: Any,
    *,
    history: int,
    horizons: Sequence[int] = (1,),
    target: int = 0,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> Parts:
    """Return the windows of three stretches of time; see `windows`.

    All targets of a part lie in its stretch; windows whose targets lie in two of them are left out.

    Args:
        values: as for `windows`.
        history: as for `windows`.
        horizons: as for `windows`.
        target: as for `windows`.
        shares: of the steps, for training, validation and test; above zero, they sum to one.

    Raises:
        UserError: an argument is wrong, or a part has no window.
    """
    all_ = windows(values, history=history, horizons=horizons, target=target)
    listed = list(shares)
    if len(listed) != 3 or not all(share > 0 for share in listed) or abs(sum(listed) - 1) > 1e-9:
        raise UserError(f"chronological: shares must be three, above zero, and sum to one, not {listed}.")
    steps = len(_series(values))
    cuts = [0, *(round(sum(listed[:i]) * steps) for i in (1, 2)), steps]
    first, farthest = all_.last + min(horizons), all_.last + max(horizons)
    parts = []
    for name, begin, end in zip(Parts._fields, cuts[:-1], cuts[1:], strict=True):
        inside = (first >= begin) & (farthest < end)
        if not inside.any():
            raise UserError(f"chronological: the {name} part has no window; give a longer series, or other shares.")
        parts.append(Windows(*(field[inside] for field in all_)))
    if np.ptp(parts[0].y) == 0:
        raise UserError(
            f"chronological: the target is {parts[0].y[0, 0]:g} in the whole training part: nothing to learn."
        )
    return Parts(*parts)


def returns(prices: Any) -> Float[np.ndarray, " changes"]:
    """Return log returns, log p_t - log p_{t-1}.

    A price is nearly its last value plus noise, so a network that repeats the last price looks excellent by any
    measure of levels, while it says nothing about what can be earned. Forecasts of returns can be seen to fail.

    Raises:
        UserError: a price is not above zero, or there are fewer than two.
    """
    series = _series(prices)
    if series.shape[1] != 1 or len(series) < 2 or series.min() <= 0:
        raise UserError("returns: needs at least two prices above zero, in one column.")
    return np.diff(np.log(series[:, 0]))


def _series(values: Any) -> Float[np.ndarray, "T C"]:
    try:
        series = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise UserError("series: must be numbers, one row a step.") from None
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2 or 0 in series.shape:
        raise UserError(f"series: must have one row a step and one column a variable, not the shape {series.shape}.")
    if not np.isfinite(series).all():
        row, column = np.argwhere(~np.isfinite(series))[0]
        raise UserError(f"series: step {row} of column {column} is missing; fill it in, or leave the stretch out.")
    return series


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise UserError(f"windows: {name} must be a whole number of at least {least}, not {value!r}.")


def _horizons(horizons: Any) -> list[int]:
    listed = list(horizons) if isinstance(horizons, (tuple, list, range, np.ndarray)) else [horizons]
    if not listed:
        raise UserError("windows: give at least one horizon.")
    for one in listed:
        _whole("every horizon", one, 1)
    if len(set(listed)) < len(listed):
        raise UserError(f"windows: a horizon is given twice in {', '.join(map(str, listed))}.")
    return listed
