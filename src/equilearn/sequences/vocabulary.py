"""Symbols (letters, words) as whole numbers, and sequences of different length side by side.

Code 0 stands for whatever is not in the vocabulary, and fills what comes after a sequence's end.
Legend: n sequences, T steps of the longest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""How code 0 is written."""


def words_of(text: str) -> list[str]:
    """Return a text's words, signs and ends of lines."""
    return re.findall(r"\w+(?:'\w+)?|[^\w\s]|\n", text)


class Vocabulary:
    """The symbols that are known, the most frequent first; `symbols[0]` is what is not known."""

    def __init__(self, symbols: Sequence[str]) -> None:
        """Number them."""
        self.symbols = tuple(symbols)
        self.codes = {symbol: code for code, symbol in enumerate(self.symbols)}

    @classmethod
    def of(cls, seen: Iterable[str], *, most: int | None = None, least: int = 1) -> Vocabulary:
        """Return that of a training part.

        Args:
            seen: its symbols, one after the other.
            most: symbols at most; None takes all.
            least: how often a symbol must be there.
        """
        counts = Counter(seen)
        counts.pop(UNKNOWN, None)
        ordered = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
        return cls([UNKNOWN, *[symbol for symbol in ordered if counts[symbol] >= least][:most]])

    def __len__(self) -> int:
        """Return the number of symbols, that for unknown ones included."""
        return len(self.symbols)

    def encode(self, sequence: Iterable[str]) -> Int[np.ndarray, " T"]:
        """Return a sequence's codes."""
        return np.array([self.codes.get(symbol, 0) for symbol in sequence], np.int32)

    def decode(self, codes: Iterable[Any]) -> list[str]:
        """Return the symbols of codes."""
        return [self.symbols[int(code)] for code in codes]


class Padded(NamedTuple):
    """Sequences side by side."""

    codes: Int[np.ndarray, "n T"]
    """Zero after each one's end."""
    lengths: Int[np.ndarray, " n"]


def padded(sequences: Sequence[Int[np.ndarray, "..."]], longest: int | None = None) -> Padded:
    """Put sequences of codes side by side; those longer than `longest` lose their end, empty ones get one zero."""
    lengths = np.array([max(len(one), 1) for one in sequences], np.int32)
    lengths = lengths if longest is None else np.minimum(lengths, longest)
    codes = np.zeros((len(sequences), longest or int(lengths.max())), np.int32)
    for row, one in zip(codes, sequences, strict=True):
        row[: min(len(one), len(row))] = one[: len(row)]
    return Padded(codes, lengths)
