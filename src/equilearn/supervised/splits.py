"""Splits that cannot overlap: every sample's index is dealt out exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from equilearn.errors import UserError


class Split(NamedTuple):
    """Inputs and targets of the three parts; scalers see only `train`, and `test` is used once."""

    x_train: Float[np.ndarray, "n inputs"]
    t_train: Float[np.ndarray, "n outputs"]
    x_validation: Float[np.ndarray, "v inputs"]
    t_validation: Float[np.ndarray, "v outputs"]
    x_test: Float[np.ndarray, "m inputs"]
    t_test: Float[np.ndarray, "m outputs"]


def deal(samples: int, shares: Sequence[float], *, seed: int) -> list[Int[np.ndarray, " part"]]:
    """Return disjoint index arrays that together hold every sample once, in random order.

    Args:
        samples: number of samples.
        shares: of the parts, above zero; they must sum to one.
        seed: of the order.

    Raises:
        UserError: a share is not above zero, they do not sum to one, or a part would be empty.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise UserError(f"split: the shares must be above zero and sum to one, not {list(shares)}.")
    cuts = np.round(np.cumsum(shares)[:-1] * samples).astype(int)
    parts = np.split(np.random.default_rng(seed).permutation(samples), cuts)
    if min(map(len, parts)) == 0:
        raise UserError(f"split: {samples} samples are too few for the shares {list(shares)}.")
    return parts


def split(
    x: Float[np.ndarray, "samples inputs"],
    t: Float[np.ndarray, "samples outputs"],
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    *,
    seed: int,
) -> Split:
    """Return training, validation and test parts of a data set, drawn at random."""
    train, validation, test = deal(len(x), shares, seed=seed)
    return Split(x[train], t[train], x[validation], t[validation], x[test], t[test])
