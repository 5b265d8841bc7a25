"""n-grams: the next symbol by how often it followed the last n - 1, smoothed as Kneser and Ney (1995) do.

    p_k(x | h) = max(c(h x) - D_k, 0) / c(h) + D_k N(h) / c(h) p_{k-1}(x | h'),    p_0 = 1 / V

h is the last k - 1 symbols and h' the same without the oldest, c counts in the training part (below the highest order:
how many different symbols stand before), c(h) is the sum of c over what follows h, N(h) how many different symbols
follow it. Where h was never seen, p_k is p_{k-1}. The discounts D_k, three an order as Chen and Goodman (1999) have
them (for counts of 1, 2, and more), are those under which a validation part is likeliest.
Legend: T symbols, V in the vocabulary, orders 1 to n.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize


class _Order(NamedTuple):
    """Counts of one order; grams are known by the rank of (their beginning's rank, their last symbol)."""

    keys: Int[np.ndarray, " grams"]
    counts: Int[np.ndarray, " grams"]
    totals: Int[np.ndarray, " beginnings"]
    """c(h), by the rank of h."""
    followers: Int[np.ndarray, "beginnings 3"]
    """How many of the symbols after h are there once, twice, more often."""


class _Seen(NamedTuple):
    """What one order says of every step of a text."""

    counts: Int[np.ndarray, " T"]
    totals: Int[np.ndarray, " T"]
    followers: Int[np.ndarray, "T 3"]


class NGrams:
    """Smoothed n-grams of every order up to n."""

    def __init__(self, train: Int[np.ndarray, " T"], symbols: int, order: int) -> None:
        """Count.

        Args:
            train: codes of the training part, below `symbols`.
            symbols: V.
            order: n.
        """
        self.symbols, self.orders = symbols, []
        ranks, firsts, grams = np.zeros(len(train) + 1, np.int64), [], [1]
        per_order = []
        for k in range(1, order + 1):
            ends = np.arange(k - 1, len(train))
            keys = ranks[ends] * symbols + train[ends]  # ranks[t]: of the k - 1 symbols before t
            unique, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
            ranks = np.full(len(train) + 1, -1, np.int64)
            ranks[ends + 1] = inverse
            per_order.append((unique, counts, ranks))
            firsts.append(ends[first])
            grams.append(len(unique))
        for k, (unique, counts, ranks) in enumerate(per_order, start=1):
            if k < order:  # how many different symbols stand before: the grams one longer that end in this one
                counts = np.maximum(np.bincount(ranks[firsts[k] + 1], minlength=len(unique)), 1)
            beginnings = unique // symbols
            totals = np.bincount(beginnings, counts, minlength=grams[k - 1]).astype(np.int64)
            followers = np.stack(
                [np.bincount(beginnings[np.minimum(counts, 3) == c], minlength=grams[k - 1]) for c in (1, 2, 3)], axis=1
            )
            self.orders.append(_Order(unique, counts, totals, followers))
        self.discounts = np.tile([0.5, 0.8, 1.0], (order, 1))

    def _seen(self, text: Int[np.ndarray, " T"]) -> list[_Seen]:
        """Look every step of a text up, by order."""
        ranks, seen = np.zeros(len(text), np.int64), []
        for one in self.orders:
            there = ranks >= 0
            safe = np.where(there, ranks, 0)
            keys = safe * self.symbols + text
            places = np.minimum(np.searchsorted(one.keys, keys), len(one.keys) - 1)
            found = there & (one.keys[places] == keys)
            seen.append(
                _Seen(
                    np.where(found, one.counts[places], 0),
                    np.where(there, one.totals[safe], 0),
                    np.where(there[:, None], one.followers[safe], 0),
                )
            )
            ranks = np.concatenate([[-1], np.where(found, places, -1)[:-1]])
        return seen

    def _probabilities(self, seen: list[_Seen], discounts: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " T"]:
        p = np.full(len(seen[0].counts), 1 / self.symbols)
        for one, d in zip(seen, discounts, strict=True):
            total = np.maximum(one.totals, 1)
            cut = np.where(one.counts > 0, d[np.minimum(np.maximum(one.counts, 1), 3) - 1], 0.0)
            p = np.where(one.totals > 0, (one.counts - cut + (one.followers @ d) * p) / total, p)
        return p

    def smooth(self, validation: Int[np.ndarray, " T"]) -> NGrams:
        """Choose the discounts, one order after the other, under which the validation part is likeliest."""
        seen, most = self._seen(validation), np.array([1.0, 2.0, 3.0])
        for k in range(1, len(self.orders) + 1):

            def bits(shares: np.ndarray, k: int = k) -> float:
                discounts = self.discounts[:k].copy()
                discounts[k - 1] = most * np.clip(shares, 1e-3, 1 - 1e-3)
                return float(-np.log2(self._probabilities(seen[:k], discounts)).mean())

            best = minimize(bits, self.discounts[k - 1] / most, method="Nelder-Mead",
                            options={"maxfev": 60, "xatol": 0.005, "fatol": 1e-5})  # fmt: skip
            self.discounts[k - 1] = most * np.clip(best.x, 1e-3, 1 - 1e-3)
        return self

    def probabilities(self, text: Int[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
        """Return the probability that was given to every symbol of a text."""
        return self._probabilities(self._seen(text), self.discounts)
