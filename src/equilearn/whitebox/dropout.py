"""Dropout (Srivastava et al., 2014): train a crowd of thinned networks, use their average.

While training, every unit is kept with probability p and its output divided by p, so that sums keep their mean. In use
nothing is dropped: one pass through the whole network stands for the average over all 2^m thinned ones. For one
linear layer it is that average exactly; for one softmax layer it is, up to normalisation, their geometric mean.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray


def drop(x: Float[ndarray, "N m"], keep: float, rng: np.random.Generator) -> tuple[ndarray, Bool[ndarray, "N m"]]:
    """Return the outputs that are left, scaled by 1 / keep, and which they are (for the way back)."""
    kept = rng.random(x.shape) < keep
    return x * kept / keep, kept


def all_masks(m: int) -> Float[ndarray, "masks m"]:
    """Return the 2^m ways to keep or drop m units."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=m)))


def model_average(
    x: Float[ndarray, " m"], w: Float[ndarray, "m k"], keep: float
) -> tuple[Float[ndarray, " k"], Float[ndarray, " k"]]:
    """Return the exact mean of a linear layer over all thinned networks, and the one pass that stands for it."""
    masks = all_masks(len(x))
    probability = np.prod(np.where(masks == 1, keep, 1 - keep), axis=1)
    return probability @ ((masks * x / keep) @ w), x @ w
