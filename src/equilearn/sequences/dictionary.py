"""Translation without a network: a dictionary learnt from pairs, and the pair that is nearest.

IBM's first model (Brown et al., 1993): every target word comes from one of the source's words, whichever, with
probabilities t(f | e) that expectation and maximisation find:

    share of e in f:  t(f | e) / sum over e' in the source of t(f | e'),      t(f | e) ~ sum of shares over all pairs

The dictionary then writes, for every source word, the target word that is likeliest to come from it, or none where
none comes from it in half of the cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from equilearn.sequences.vocabulary import Vocabulary

ROUNDS, MOST_PAIRS = 40, 4000


class Dictionary:
    """Word by word."""

    def __init__(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> None:
        """Learn it from pairs (4,000 at most)."""
        sources, targets = sources[:MOST_PAIRS], targets[:MOST_PAIRS]
        self._from = Vocabulary.of(word for words in sources for word in words)
        self._to = Vocabulary.of(word for words in targets for word in words)
        coded = [(self._from.encode(s), self._to.encode(t)) for s, t in zip(sources, targets, strict=True)]
        table = np.full((len(self._from), len(self._to)), 1 / len(self._to))
        for _ in range(ROUNDS):
            counts = np.zeros_like(table)
            for s, t in coded:
                block = table[np.ix_(s, t)]
                np.add.at(counts, (s[:, None], t[None, :]), block / block.sum(axis=0))
            seen = np.bincount(np.concatenate([s for s, _ in coded]), minlength=len(table))
            table = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
        self.table = table
        """t(f | e)."""
        self._comes = counts.max(axis=1) >= 0.5 * np.maximum(seen, 1)

    def __call__(self, words: Sequence[str]) -> list[str]:
        """Translate; words that are not known become nothing."""
        codes = [code for code in self._from.encode(words) if code and self._comes[code]]
        return self._to.decode(int(self.table[code].argmax()) for code in codes)


def nearest(known: Sequence[Sequence[str]], asked: Sequence[Sequence[str]]) -> Int[np.ndarray, " asked"]:
    """Return, for every sequence asked for, which known one shares most pairs of neighbours, for its length."""
    pairs = [[*zip(["", *words], [*words, ""], strict=True)] for words in (*known, *asked)]
    names = {pair: i for i, pair in enumerate(dict.fromkeys(pair for one in pairs for pair in one))}
    table = np.zeros((len(pairs), len(names)), np.float32)
    for row, one in zip(table, pairs, strict=True):
        np.add.at(row, [names[pair] for pair in one], 1.0)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    ours, theirs = table[: len(known)], table[len(known) :]
    return np.concatenate([(block @ ours.T).argmax(axis=1) for block in np.array_split(theirs, -(-len(theirs) // 200))])
