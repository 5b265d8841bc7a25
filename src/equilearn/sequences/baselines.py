"""What a forecast has to beat: the last value, the value one season ago, and linear autoregression.

Legend: n windows, L steps of history, C columns, H horizons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LinearRegression

from equilearn.errors import UserError
from equilearn.sequences.windows import Parts, Windows

Forecast = Float[np.ndarray, "n H"]


def persistence(seen: Windows, *, target: int = 0) -> Forecast:
    """Return the newest value, at every horizon: nothing changes."""
    return np.repeat(seen.x[:, -1:, target], seen.y.shape[1], axis=1)


def seasonal_persistence(seen: Windows, horizons: Sequence[int], period: int, *, target: int = 0) -> Forecast:
    """Return, for every horizon, the value a whole number of seasons before it, as few as have been seen.

    Raises:
        UserError: a season is longer than the history.
    """
    back = [-(-h // period) * period - h for h in horizons]  # steps before the newest
    if period < 1 or max(back) >= seen.x.shape[1]:
        raise UserError(
            f"seasonal persistence: a season of {period} steps needs a history of {max(back) + 1} for these horizons."
        )
    return np.stack([seen.x[:, -1 - b, target] for b in back], axis=1)


def fit_autoregression(train: Windows, *, columns: Sequence[int] | None = None) -> Callable[[Windows], Forecast]:
    """Return the forecast of least squares on the whole window, each horizon for itself.

    Args:
        train: to fit on.
        columns: used as inputs; None takes all of them.
    """
    chosen = slice(None) if columns is None else list(columns)

    def flat(some: Windows) -> Any:
        return some.x[:, :, chosen].reshape(len(some.x), -1)

    line = LinearRegression().fit(flat(train), train.y)
    return lambda seen: line.predict(flat(seen))


def forecast_baselines(
    parts: Parts, horizons: Sequence[int], *, period: int | None = None, target: int = 0
) -> dict[str, Forecast]:
    """Return the forecasts of the test part by everything that a network has to beat.

    Args:
        parts: of the series.
        horizons: of the targets.
        period: steps in a season; None where there is none.
        target: which column is foretold.
    """
    history, shape = parts.test.x.shape[1], parts.test.y.shape
    made = {
        "mean": np.broadcast_to(parts.train.y.mean(axis=0), shape),
        "persistence": persistence(parts.test, target=target),
    }
    if period is not None:
        made["seasonal persistence"] = seasonal_persistence(parts.test, horizons, period, target=target)
    made[f"linear AR({history})"] = fit_autoregression(parts.train, columns=[target])(parts.test)
    if parts.test.x.shape[2] > 1:
        made[f"linear AR({history}), all columns"] = fit_autoregression(parts.train)(parts.test)
    return made
