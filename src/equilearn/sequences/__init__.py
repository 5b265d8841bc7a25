"""Series in time: windows with a stated horizon, chronological parts, what a forecast has to beat, and tests of it."""

from equilearn.sequences.baselines import autoregression, forecast_baselines, persistence, seasonal_persistence
from equilearn.sequences.comparison import Comparison, diebold_mariano
from equilearn.sequences.windows import Parts, Windows, chronological, returns, windows

__all__ = [
    "Comparison",
    "Parts",
    "Windows",
    "autoregression",
    "chronological",
    "diebold_mariano",
    "forecast_baselines",
    "persistence",
    "returns",
    "seasonal_persistence",
    "windows",
]
