"""Series in time (windows with a stated horizon, chronological parts, baselines, tests of forecasts) and texts."""

from equilearn.sequences.baselines import fit_autoregression, forecast_baselines, persistence, seasonal_persistence
from equilearn.sequences.comparison import Comparison, diebold_mariano
from equilearn.sequences.ngrams import NGrams
from equilearn.sequences.vocabulary import Padded, Vocabulary, padded
from equilearn.sequences.windows import Parts, Windows, chronological, returns, windows

__all__ = [
    "Comparison",
    "NGrams",
    "Padded",
    "Parts",
    "Vocabulary",
    "Windows",
    "chronological",
    "diebold_mariano",
    "fit_autoregression",
    "forecast_baselines",
    "padded",
    "persistence",
    "returns",
    "seasonal_persistence",
    "windows",
]
