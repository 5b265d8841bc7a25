"""Metrics over a whole sample, never averages of batches."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


def regression_metrics(predicted: Float[ndarray, "n k"], actual: Float[ndarray, "n k"]) -> dict[str, float]:
    """Return mean squared, mean absolute and largest absolute error, and R2 = 1 - SSE / SST."""
    error = np.asarray(predicted, float) - np.asarray(actual, float)
    total = np.sum((actual - np.mean(actual, axis=0)) ** 2)
    return {
        "mse": float(np.mean(error**2)),
        "mae": float(np.mean(np.abs(error))),
        "max": float(np.max(np.abs(error))),
        "r2": float(1 - np.sum(error**2) / total) if total > 0 else float("nan"),
    }


def confusion_matrix(actual: Int[ndarray, " n"], predicted: Int[ndarray, " n"], classes: int) -> Int[ndarray, "c c"]:
    """Return counts: rows are the actual classes, columns the predicted ones."""
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (actual, predicted), 1)
    return matrix


def classification_metrics(probabilities: Float[ndarray, "n c"], labels: Int[ndarray, " n"]) -> dict[str, float]:
    """Return accuracy, balanced accuracy (mean recall of the classes that occur), log loss and calibration error.

    The expected calibration error is the mean gap between confidence and accuracy over ten bins of confidence,
    weighted by how many samples fall into them (Guo et al., 2017).
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    recalls = [right[labels == c].mean() for c in np.unique(labels)]
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [abs(right[bins == b].mean() - confidence[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)]
    likelihood = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": float(-np.log(likelihood).mean()),
        "calibration_error": float(np.sum(gaps)),
    }
