"""Metrics over a whole sample, never averages of batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from equilearn.errors import UserError

Numbers = Any
"""What is checked by hand, so that a wrong shape ends in a sentence: an array or a list."""


def _array(values: Numbers, what: str, axes: tuple[int, ...]) -> ndarray:
    """Return values as a finite array that is not empty.

    Raises:
        UserError: they are anything else.
    """
    try:
        array = np.asarray(values)
        array = array.astype(float) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise UserError(f"{what}: must be an array of real numbers.")
    if array.ndim not in axes or array.size == 0:
        raise UserError(f"{what}: must have {' or '.join(map(str, axes))} axes and not be empty, not {array.shape}.")
    if not np.isfinite(array).all():
        raise UserError(f"{what}: row {np.argwhere(~np.isfinite(array))[0][0]} is missing or infinite.")
    return array


def _labels(values: Numbers, what: str, classes: Any) -> Int[ndarray, " n"]:
    """Return labels as whole numbers below the number of classes."""
    if not isinstance(classes, (int, np.integer)) or classes < 1:
        raise UserError(f"classes: must be a whole number of at least 1, not {classes!r}.")
    array = _array(values, what, (1,))
    if bad := np.flatnonzero((array != np.round(array)) | (array < 0) | (array >= classes)).tolist():
        raise UserError(
            f"{what}: must be whole numbers from 0 to {classes - 1}, one for each class, not {array[bad[0]]:g} "
            f"(row {bad[0]})."
        )
    return array.astype(int)


def regression_metrics(predicted: Numbers, actual: Numbers) -> dict[str, float]:
    """Return mean squared, mean absolute and largest absolute error, and R2 = 1 - SSE / SST.

    Of several targets, all are taken together, in the units they have.

    Args:
        predicted: predictions, (n,) or (n, k), in the targets' units.
        actual: targets, of exactly that shape. R2 is nan where they do not vary.

    Raises:
        UserError: the shapes differ ((n,) is not (n, 1)), there are no rows, or a number is missing or infinite.
    """
    predicted, actual = _array(predicted, "predictions", (1, 2)), _array(actual, "targets", (1, 2))
    if predicted.shape != actual.shape:
        raise UserError(
            f"the predictions have the shape {predicted.shape}, but the targets {actual.shape}; they must be the same."
        )
    error = predicted - actual
    total = np.sum((actual - np.mean(actual, axis=0)) ** 2)
    return {
        "mse": float(np.mean(error**2)),
        "mae": float(np.mean(np.abs(error))),
        "max": float(np.max(np.abs(error))),
        "r2": float(1 - np.sum(error**2) / total) if total > 0 else float("nan"),
    }


def confusion_matrix(actual: Numbers, predicted: Numbers, classes: Any) -> Int[ndarray, "c c"]:
    """Return counts: rows are the actual classes, columns the predicted ones.

    Raises:
        UserError: labels are not whole numbers from 0 to classes - 1, or not equally many.
    """
    actual, predicted = _labels(actual, "actual labels", classes), _labels(predicted, "predicted labels", classes)
    if len(actual) != len(predicted):
        raise UserError(f"there are {len(actual)} actual labels, but {len(predicted)} predicted ones.")
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (actual, predicted), 1)
    return matrix


def classification_metrics(probabilities: Numbers, labels: Numbers) -> dict[str, float]:
    """Return accuracy, balanced accuracy (mean recall of the classes that occur), log loss and calibration error.

    The expected calibration error is the mean gap between confidence and accuracy over ten bins of confidence,
    weighted by how many samples fall into them (Guo et al., 2017).

    Args:
        probabilities: of each class, (n, c): at least 0, rows summing to one.
        labels: the true classes, (n,): whole numbers from 0 to c - 1.

    Raises:
        UserError: the shapes do not belong together, rows are no probabilities, or labels are out of range.
    """
    probabilities = _array(probabilities, "probabilities", (2,))
    labels = _labels(labels, "labels", probabilities.shape[1])
    if len(probabilities) != len(labels):
        raise UserError(f"there are {len(probabilities)} rows of probabilities, but {len(labels)} labels.")
    bad = np.flatnonzero((probabilities < 0).any(axis=1) | (np.abs(probabilities.sum(axis=1) - 1) > 1e-3))
    if bad.size:
        raise UserError(
            f"probabilities: row {bad[0]} sums to {probabilities[bad[0]].sum():.4g}; its numbers must be at least 0 "
            "and sum to one."
        )
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
