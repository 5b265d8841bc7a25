"""Regression and classification: disjoint splits, training-only scaling, whole-sample metrics, baselines."""

from equilearn.supervised.baselines import classification_baselines, regression_baselines
from equilearn.supervised.fit import Fitted, compare, fit
from equilearn.supervised.fitted import Predictor, load
from equilearn.supervised.metrics import classification_metrics, confusion_matrix, regression_metrics
from equilearn.supervised.problem import Supervised
from equilearn.supervised.splits import Split, deal, split

__all__ = [
    "Fitted",
    "Predictor",
    "Split",
    "Supervised",
    "classification_baselines",
    "classification_metrics",
    "compare",
    "confusion_matrix",
    "deal",
    "fit",
    "load",
    "regression_baselines",
    "regression_metrics",
    "split",
]
