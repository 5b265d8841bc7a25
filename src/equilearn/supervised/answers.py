"""Targets as outputs of a network, and its outputs as answers.

Numbers are standardised by the training part's moments and come back in their units. Labels of any kind are counted
through in order and come back as they were. Rows of shares (one-hot, or a distribution) stay as they are, and come
back as probabilities. Answers have the shape of the targets: (n,) or (n, k).

Legend: n rows, O outputs.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from equilearn.errors import UserError
from equilearn.supervised import table
from equilearn.supervised.inputs import moments, scaling_of


@dataclass(frozen=True)
class Answers:
    """Targets as outputs of a network, and its outputs as answers."""

    kind: str
    """`numbers`, `labels` or `shares`."""
    names: tuple[str, ...]
    """Of the targets."""
    vector: bool
    """Whether targets are (n,); else (n, k)."""
    labels: tuple[Any, ...]
    """Of classification by labels: the labels in order."""
    center: Float[np.ndarray, " O"]
    spread: Float[np.ndarray, " O"]

    @staticmethod
    def of(t: Any, *, classify: bool | None, scale: bool, train: Any = None) -> Answers:
        """Return the coding of targets.

        Args:
            t: all targets, of which labels are collected.
            classify: whether they are labels or rows of shares; None takes words for labels and numbers for numbers.
            scale: standardise numbers.
            train: the training part's targets, whose moments are used; None uses `t`.

        Raises:
            UserError: they are incomplete, or of no kind that can be learnt.
        """
        train = t if train is None else train
        found = table.columns(t)
        names, vector = tuple(found), t.ndim == 1
        if not names:
            raise UserError("targets: there is no column to predict.")
        words = {n: one for n, one in found.items() if classify is not True and table.holds_words(one, target(n))}
        if words and (classify is False or len(names) > 1):
            raise UserError(f"{target(next(iter(words)))} holds words, which are no numbers to predict.")
        if not classify and not words:
            return Answers("numbers", names, vector, (), *_units(train, names, scale))
        if len(names) > 1:
            _check_shares(t)
            return Answers("shares", names, vector, (), np.zeros(len(names)), np.ones(len(names)))
        name, column = next(iter(found.items()))
        labels = _labels(column, name)
        return Answers("labels", names, vector, labels, np.zeros(len(labels)), np.ones(len(labels)))

    @property
    def classify(self) -> bool:
        """Whether the answers are classes."""
        return self.kind != "numbers"

    def encode(self, t: Any) -> Float[np.ndarray, "n O"]:
        """Return targets as outputs of the network.

        Raises:
            UserError: they are not of the kind, width or labels of those in training.
        """
        if self.kind == "labels":
            return np.eye(len(self.labels))[self.indices(t)]
        if self.kind == "shares":
            _check_shares(t)
        return (self.plain(t).reshape(len(t), -1) - self.center) / self.spread

    def plain(self, t: Any) -> Float[np.ndarray, "n *k"]:
        """Return targets of numbers or shares as an array of their own shape."""
        found = table.columns(t)
        if len(found) != len(self.names) or (t.ndim == 1) != self.vector:
            raise UserError(f"targets: have the shape {t.shape}, but the network's are {self._shape}.")
        values = _matrix(t)
        return values[:, 0] if self.vector else values

    @property
    def _shape(self) -> str:
        return "(n,)" if self.vector else f"(n, {len(self.names)})"

    def indices(self, t: Any) -> Int[np.ndarray, " n"]:
        """Return the place of every row's class; of shares, that of the largest.

        Raises:
            UserError: a label was not there in training.
        """
        if self.kind == "shares":
            return self.plain(t).argmax(axis=1)
        found = table.columns(t)
        if len(found) != 1:
            raise UserError(f"targets: have the shape {t.shape}, but the network's are one column of labels.")
        values = _values(next(iter(found.values())), self.names[0])
        places = {label: i for i, label in enumerate(self.labels)}
        strange = next((i for i, value in enumerate(values) if value not in places), None)
        if strange is not None:
            raise UserError(
                f"{target(self.names[0])} has the label {values[strange]!r} in row {strange}, which is none of "
                f"{', '.join(map(repr, self.labels[:20]))}."
            )
        return np.array([places[value] for value in values], int)

    def decode(self, outputs: Float[np.ndarray, "n O"]) -> Shaped[np.ndarray, "n *k"]:
        """Return answers in the units, labels and shape of the targets."""
        if self.kind == "labels":
            answers = np.array(self.labels)[outputs.argmax(axis=1)]
            return answers if self.vector else answers[:, None]
        answers = outputs.astype(float) * self.spread + self.center
        return answers[:, 0] if self.vector else answers

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return vars(self) | {"center": self.center.tolist(), "spread": self.spread.tolist()}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Answers:
        """Return the answers that `to_json` described."""
        center, spread = scaling_of(stored)
        labels = tuple(stored["labels"])
        if stored["kind"] not in ("numbers", "labels", "shares") or not all(
            isinstance(label, (str, bool, int, float)) for label in labels
        ):
            raise ValueError("no answers that are known")
        return Answers(stored["kind"], tuple(map(str, stored["names"])), bool(stored["vector"]), labels, center, spread)


def target(name: str) -> str:
    """Return how a target is called in a message."""
    return f"target {name!r}" if not name.startswith("column ") else f"targets: {name}"


def _matrix(t: Any) -> Float[np.ndarray, "n k"]:
    """Return targets as numbers, true as one."""
    found = {n: one.astype(float) if one.dtype == bool else one for n, one in table.columns(t).items()}
    return np.stack([table.numbers_of(one, target(name)) for name, one in found.items()], axis=1)


def _units(train: Any, names: tuple[str, ...], scale: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return center and spread of the training part's targets."""
    values = _matrix(train)
    constant = np.flatnonzero(values.max(axis=0) == values.min(axis=0))
    if constant.size:
        name = names[int(constant[0])]
        raise UserError(f"{target(name)} is {values[0, constant[0]]:g} in every row to learn from: nothing to learn.")
    return moments(values) if scale else (np.zeros(len(names)), np.ones(len(names)))


def _check_shares(t: Any) -> None:
    values = _matrix(t)
    bad = np.flatnonzero((values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1) > 1e-3))
    if bad.size:
        raise UserError(
            f"targets: row {bad[0]} of several columns is no class and no distribution (its numbers must be at least 0 "
            "and sum to one); give one column of labels, or leave `classify` out."
        )


def _values(column: pd.Series, name: str) -> list[Any]:
    """Return a column's labels as text, whole numbers, or true and false.

    Raises:
        UserError: one is missing, or is no label (a fraction, a date).
    """
    values = []
    for row, value in enumerate(column.astype(object)):
        if table.is_missing(value):
            raise UserError(f"{target(name)} has no label in row {row}; fill it in or leave the row out.")
        if isinstance(value, (bool, np.bool_)):
            value = bool(value)
        elif isinstance(value, numbers.Real) and float(value).is_integer():
            value = int(float(value))
        elif not isinstance(value, str):
            raise UserError(
                f"{target(name)} is {value!r} in row {row}, which is no label (text, a whole number, true or false); "
                "leave `classify` out to predict numbers."
            )
        values.append(value)
    return values


def _labels(column: pd.Series, name: str) -> tuple[Any, ...]:
    """Return the labels that occur, in order."""
    values = _values(column, name)
    if len({isinstance(value, str) for value in values}) > 1:
        raise UserError(f"{target(name)} mixes text with other labels; make them all text (.astype(str)).")
    labels = table.distinct(values)
    if len(labels) < 2:
        raise UserError(f"{target(name)} holds one label only ({labels[0]!r}): nothing to learn.")
    if len(labels) > max(20, len(values) // 2):
        raise UserError(
            f"{target(name)} holds {len(labels)} different labels in {len(values)} rows, too many to learn from; "
            "group them, or leave `classify` out where they are numbers to predict."
        )
    return tuple(labels)
