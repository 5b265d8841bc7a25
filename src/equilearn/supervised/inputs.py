"""Columns of a table as inputs of a network, all of it learnt from the training part.

A column of numbers is one input. A column of words is one input per word of the training part, 1 where the row has it;
a word that was not there counts as the average of those that were (every input at its training share). Then

    x -> (x - center) / spread,   center, spread = mean and standard deviation of numbers, share and 1/2 of words

Legend: n rows, I inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from equilearn.errors import UserError
from equilearn.supervised import table

MOST_WORDS = 100
"""More different words than this in a column are names or numbers, not categories."""


def moments(x: Float[np.ndarray, "n k"]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Return mean and standard deviation of the columns; the deviation is 1 where a column does not vary.

    Deviations are measured in units of the largest one, so that neither 1e-200 nor 1e200 is lost.
    """
    largest = np.maximum(np.abs(x).max(axis=0).astype(float), np.finfo(float).tiny)
    center = (x / largest).mean(axis=0, dtype=float) * largest
    reach = np.abs(x - center).max(axis=0)
    unit = np.where(reach > 0, reach, 1.0)
    spread = np.sqrt(np.mean(((x - center) / unit) ** 2, axis=0, dtype=float)) * unit
    return center, np.where((x.max(axis=0) > x.min(axis=0)) & (spread > 0), spread, 1.0)


def scaling_of(stored: dict[str, Any]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Return the center and spread of a stored scaling.

    Raises:
        ValueError: they are no such numbers.
    """
    center, spread = (np.array(stored[name], float) for name in ("center", "spread"))
    if center.ndim != 1 or center.shape != spread.shape or not (np.isfinite(center) & (spread > 0)).all():
        raise ValueError("no scaling")
    return center, spread


@dataclass(frozen=True)
class Inputs:
    """Columns of a table as inputs of a network."""

    names: tuple[str, ...]
    named: bool
    """Whether the names are the user's own; columns are then found by name, else by place."""
    words: dict[str, dict[str, float]]
    """Of every column of words: its words, each with its share in the training part."""
    center: Float[np.ndarray, " I"]
    spread: Float[np.ndarray, " I"]

    @staticmethod
    def of(x: Any, *, scale: bool) -> Inputs:
        """Return the coding of the training part's rows; without `scale`, center 0 and spread 1.

        Raises:
            UserError: a column holds neither numbers nor words, or so many words that they are no categories.
        """
        named = isinstance(x, pd.DataFrame)
        if table.is_block(x):
            names, words = tuple(f"column {i}" for i in range(table.block_of(x, "inputs").shape[1])), {}
        else:
            found = table.columns(x)
            names = tuple(found)
            texts = {name: one for name, one in found.items() if table.holds_words(one, table.called(name))}
            words = {name: _shares(one, name) for name, one in texts.items()}
        if not names:
            raise UserError("inputs: there is no column to predict from.")
        raw = Inputs(names, named, words, np.zeros(1), np.ones(1)).encode(x)
        center, spread = (np.zeros(raw.shape[1]), np.ones(raw.shape[1]))
        if scale:
            center, spread = moments(raw)
            spread[raw.shape[1] - sum(map(len, words.values())) :] = 0.5
        return Inputs(names, named, words, center, spread)

    @property
    def inputs(self) -> list[str]:
        """Names of the network's inputs: numbers first, then `column = word`."""
        numbers = [name for name in self.names if name not in self.words]
        return numbers + [f"{name} = {word}" for name, shares in self.words.items() for word in shares]

    def encode(self, x: Any, what: str = "inputs") -> Float[np.ndarray, "n I"]:
        """Return rows as inputs of the network; columns that are not known are not looked at.

        Raises:
            UserError: a column is missing, incomplete, or of another kind than in training.
        """
        if table.is_block(x):
            self._check_width(x.shape[1] if x.ndim == 2 else 1, isinstance(x, np.ndarray), what)
            raw = table.block_of(x, what)
        else:
            found = self._found(x, what)
            numbers = [table.numbers_of(found[n], table.called(n)) for n in self.names if n not in self.words]
            dummies = [_dummies(_words(found[n], n, shares), shares) for n, shares in self.words.items()]
            raw = np.concatenate([*(one[:, None] for one in numbers), *dummies], axis=1)
        return raw if self.plain else (raw - self.center) / self.spread

    @property
    def plain(self) -> bool:
        """Whether numbers stay as they are."""
        return not self.center.any() and bool((self.spread == 1).all())

    def _found(self, x: Any, what: str) -> dict[str, pd.Series]:
        """Return the columns that are needed, by name."""
        if isinstance(x, pd.Series) and self.named and set(self.names) <= set(map(str, x.index)):
            raise UserError(f"{what}: is one row as a Series; give a table of one row (table.iloc[[0]]).")
        found = table.columns(x)
        self._check_width(len(found), isinstance(x, np.ndarray), what)
        if not self.named:
            return dict(zip(self.names, found.values(), strict=True))
        missing = [name for name in self.names if name not in found]
        if missing:
            raise UserError(
                f"{what}: there is no column {', '.join(map(repr, missing[:5]))}; the table has "
                f"{', '.join(map(repr, list(found)[:20]))}."
            )
        return found

    def _check_width(self, width: int, array: bool, what: str) -> None:
        if self.named and array:
            raise UserError(
                f"{what}: the network was fitted to a table with the columns {', '.join(self.names[:20])}; give a "
                "DataFrame, so that each is found by its name."
            )
        if not self.named and width != len(self.names):
            raise UserError(f"{what}: has {width} columns, but the network was fitted to {len(self.names)}.")

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return vars(self) | {"center": self.center.tolist(), "spread": self.spread.tolist()}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Inputs:
        """Return the inputs that `to_json` described."""
        words = {str(n): {str(w): float(s) for w, s in shares.items()} for n, shares in stored["words"].items()}
        center, spread = scaling_of(stored)
        return Inputs(tuple(map(str, stored["names"])), bool(stored["named"]), words, center, spread)


def _shares(column: pd.Series, name: str) -> dict[str, float]:
    """Return the words of a column of the training part and how often each occurs."""
    words = table.words_of(column, table.called(name))
    found, counts = np.unique(words.astype(str), return_counts=True)
    if len(found) > min(MOST_WORDS, max(20, len(words) // 2)):
        raise UserError(
            f"{table.called(name)} holds {len(found)} different words in {len(words)} rows ({str(found[0])!r}, "
            f"{str(found[1])!r}, ...), too many to learn from; leave it out, or group them into at most {MOST_WORDS}."
        )
    return {str(word): float(count / len(words)) for word, count in zip(found, counts, strict=True)}


def _words(column: pd.Series, name: str, shares: dict[str, float]) -> table.Text:
    """Return a column's words; numbers where there were none in training are a mistake, not words not known."""
    words = table.words_of(column, table.called(name))
    if len(words) and table.is_numeric(column) and not any(map(table.looks_like_a_number, shares)):
        known = ", ".join(map(repr, list(shares)[:5]))
        raise UserError(f"{table.called(name)} should hold words ({known}), but has the number {words[0]} in row 0.")
    return words


def _dummies(words: table.Text, shares: dict[str, float]) -> Float[np.ndarray, "n w"]:
    """Return a column for every word, 1 where a row has it; rows with a word not known get the shares."""
    made = np.stack([(words == word).astype(float) for word in shares], axis=1)
    return np.where(made.sum(axis=1, keepdims=True) > 0, made, np.array(list(shares.values())))
