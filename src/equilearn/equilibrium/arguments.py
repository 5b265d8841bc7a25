"""Arguments of calls from Python: checked before any work begins, one sentence for each mistake."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from equilearn.errors import UserError


def whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """Return a whole number (a Python or NumPy integer) between two bounds.

    Raises:
        UserError: it is something else, or outside.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise UserError(f"{name} must be a whole number, not {_shown(value)}.")
    if number < least:
        raise UserError(f"{name} must be at least {least}, not {number}.")
    if number > most:
        raise UserError(f"{name} must be at most {most:,}, not {number}.")
    return number


def seed_of(value: Any) -> int:
    """Return a seed.

    Raises:
        UserError: it is no whole number of 32 bits.
    """
    return whole("seed", value, 0, 2**32 - 1)


def finite(name: str, value: Any) -> float:
    """Return one finite real number.

    Raises:
        UserError: it is something else.
    """
    try:
        array = np.asarray(value)
        number = float(array) if array.ndim == 0 and array.dtype.kind in "iuf" else float("nan")
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise UserError(f"{name} must be one finite number, not {_shown(value)}.")
    return number


def _shown(value: Any) -> str:
    """Return a value as a message shows it: short, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
