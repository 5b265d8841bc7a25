"""Splits that cannot overlap: every sample's index is dealt out exactly once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from equilearn.errors import UserError
from equilearn.supervised.table import Rows, columns, refuse_gaps, rows_of, take


class Split(NamedTuple):
    """Inputs and targets of the three parts; scalers see only `train`, and `test` is used once.

    Rows are arrays, (n,) or (n, k), or DataFrames and Series; all parts are of one kind.
    """

    x_train: Rows
    t_train: Rows
    x_validation: Rows
    t_validation: Rows
    x_test: Rows
    t_test: Rows


SHARES = (0.8, 0.1, 0.1)
"""Of training, validation and test."""


def deal(
    samples: int, shares: Any, *, seed: Any, classes: Shaped[np.ndarray, " samples"] | None = None
) -> list[Int[np.ndarray, " part"]]:
    """Return disjoint index arrays that together hold every sample once, in random order.

    Args:
        samples: number of samples.
        shares: of the parts, above zero; they must sum to one.
        seed: of the order.
        classes: of the samples, as numbers; every class is then spread evenly over the parts.

    Raises:
        UserError: a share is not above zero, they do not sum to one, a part would be empty, or the seed is no whole
            number of at least 0.
    """
    listed: list[Any] = list(shares) if isinstance(shares, (tuple, list, np.ndarray)) else [shares]
    if not all(isinstance(one, (int, float)) and one > 0 for one in listed) or abs(sum(listed) - 1) > 1e-9:
        raise UserError(f"split: the shares must be above zero and sum to one, not {listed}.")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UserError(f"split: the seed must be a whole number of at least 0, not {seed!r}.")
    rng = np.random.default_rng(seed)
    order, cuts = rng.permutation(samples), np.round(np.cumsum(listed)[:-1] * samples).astype(int)
    if min(map(len, np.split(order, cuts))) == 0:
        raise UserError(f"split: {samples} samples are too few for the shares {listed}; give more of them.")
    if classes is None:
        return np.split(order, cuts)
    order = order[np.argsort(classes[order], kind="stable")]
    sizes = np.diff([0, *cuts, samples])
    places = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    part = np.repeat(np.arange(len(sizes)), sizes)[np.argsort(places, kind="stable")]  # evenly along the classes
    return [rng.permutation(order[part == i]) for i in range(len(sizes))]


def pair(x: Rows, t: Any) -> tuple[Any, Any]:
    """Return inputs and targets, where the targets may be named columns of the inputs' table.

    Raises:
        UserError: they are no tables or arrays, there is no such column, or their lengths differ.
    """
    x = rows_of(x, "inputs")
    names = [t] if isinstance(t, str) else t
    if isinstance(t, str) or (
        isinstance(x, pd.DataFrame) and isinstance(t, (list, tuple)) and all(isinstance(n, str) for n in t)
        and (len(t) != len(x) or set(t) <= set(x.columns))
    ):  # fmt: skip
        if not isinstance(x, pd.DataFrame):
            raise UserError(f"target: {t!r} is the name of a column, but the inputs are no DataFrame.")
        missing = [name for name in names if name not in x.columns]
        if missing or not names:
            raise UserError(f"target: there is no column {', '.join(map(repr, missing))}; there are {_list(x)}.")
        t = x[t] if isinstance(t, str) else x[list(names)]
        x = x.drop(columns=list(names))
    t = rows_of(t, "targets")
    if len(x) != len(t):
        raise UserError(f"the inputs have {len(x)} rows, but the targets {len(t)}; every row needs its target.")
    if len(x) == 0:
        raise UserError("there are no rows to learn from.")
    return x, t


def _list(x: pd.DataFrame) -> str:
    return ", ".join(map(repr, x.columns[:20])) + (", ..." if len(x.columns) > 20 else "")


def split(
    x: Rows, t: Any, shares: Any = SHARES, *, seed: Any, classes: Shaped[np.ndarray, " n"] | None = None
) -> Split:
    """Return training, validation and test parts of a data set, drawn at random.

    Args:
        x: inputs: a table, or an array (n,) or (n, k).
        t: targets, alike; or the name or names of columns of the table.
        shares: of the three parts.
        seed: of the order.
        classes: of the rows, as numbers; every class is then spread evenly over the parts.

    Raises:
        UserError: the rows are no tables or arrays, of different lengths, or too few.
    """
    x, t = pair(x, t)
    if not isinstance(shares, (tuple, list)) or len(shares) != 3:
        raise UserError(f"split: there are three shares (training, validation, test), not {shares!r}.")
    parts = deal(len(x), shares, seed=seed, classes=classes)
    return Split(*(take(rows, part) for part in parts for rows in (x, t)))


def checked(data: Any) -> Split:
    """Return a split of the user's with every part as rows.

    Raises:
        UserError: it is no split; parts are empty, incomplete, or of different kinds or columns; inputs and targets do
            not match.
    """
    if not isinstance(data, Split):
        raise UserError(f"data: must be a Split (equilearn.supervised.split makes one), not {type(data).__name__}.")
    parts = Split(*(rows_of(rows, name) for name, rows in zip(Split._fields, data, strict=True)))
    for name, rows in zip(Split._fields, parts, strict=True):
        refuse_gaps(rows, name)
    for i, part in enumerate(("train", "validation", "test")):
        x, t = parts[2 * i], parts[2 * i + 1]
        if len(x) != len(t):
            raise UserError(f"x_{part} has {len(x)} rows, but t_{part} {len(t)}; every row needs its target.")
        if len(x) == 0:
            raise UserError(f"x_{part} has no rows; every part needs some.")
        for name, rows, first in ((f"x_{part}", x, parts[0]), (f"t_{part}", t, parts[1])):
            if _form(rows) != _form(first):
                raise UserError(f"{name} has other columns than the training part: {_form(rows)}, not {_form(first)}.")
    return parts


def _form(rows: Any) -> str:
    """Return in words what must be alike in all parts."""
    if isinstance(rows, pd.DataFrame):
        return f"a table of {_list(rows)}"
    return f"one column ({type(rows).__name__})" if rows.ndim == 1 else f"{len(columns(rows))} columns"
