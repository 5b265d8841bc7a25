"""Random starts of a weight matrix with so many inputs (fan-in) and outputs (fan-out).

| name | standard deviation | keeps constant |
|---|---|---|
| normal | sigma | nothing |
| glorot (Glorot and Bengio, 2010) | sqrt(2 / (fan_in + fan_out)) | variances of signals and gradients, for tanh |
| he (He et al., 2015) | sqrt(2 / fan_in) | the variance of signals, for ReLU |
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def normal(fan_in: int, fan_out: int, rng: np.random.Generator, sigma: float = 1.0) -> Float[ndarray, "i o"]:
    """Return independent normal weights of standard deviation sigma."""
    return sigma * rng.normal(size=(fan_in, fan_out))


def glorot(fan_in: int, fan_out: int, rng: np.random.Generator) -> Float[ndarray, "i o"]:
    """Return normal weights of variance 2 / (fan_in + fan_out)."""
    return normal(fan_in, fan_out, rng, np.sqrt(2 / (fan_in + fan_out)))


def he(fan_in: int, fan_out: int, rng: np.random.Generator) -> Float[ndarray, "i o"]:
    """Return normal weights of variance 2 / fan_in."""
    return normal(fan_in, fan_out, rng, np.sqrt(2 / fan_in))
