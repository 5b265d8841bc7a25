"""How a data set becomes numbers that a network can learn from, and its outputs answers again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from equilearn.errors import UserError
from equilearn.supervised.answers import Answers, target
from equilearn.supervised.inputs import Inputs
from equilearn.supervised.splits import Split


class Coding(NamedTuple):
    """Inputs and answers of a data set."""

    inputs: Inputs
    answers: Answers

    @staticmethod
    def of(data: Split, *, classify: bool | None, scale: bool = True) -> Coding:
        """Return the coding of a split data set, learnt from its training part.

        Raises:
            UserError: a column or a target cannot be learnt from; a class does not occur in the training part.
        """
        parts = (data.t_train, data.t_validation, data.t_test)
        answers = Answers.of(_joined(parts), classify=classify, scale=scale, train=data.t_train)
        if answers.kind == "labels":
            seen = np.bincount(answers.indices(data.t_train), minlength=len(answers.labels))
            if not seen.all():
                raise UserError(
                    f"{target(answers.names[0])}: no row to learn from has the label "
                    f"{answers.labels[int(seen.argmin())]!r}; leave its rows out, or give more of them."
                )
        return Coding(Inputs.of(data.x_train, scale=scale), answers)

    def encode(self, data: Split) -> Split:
        """Return the parts as numbers that a network can learn from, in single precision.

        Raises:
            UserError: a column of a part is of another kind than in training.
        """
        xs = (self.inputs.encode(x, f"inputs ({part})") for x, part in zip(data[::2], PARTS, strict=True))
        ts = (self.answers.encode(t) for t in data[1::2])
        return Split(*(_single(one) for pair in zip(xs, ts, strict=True) for one in pair))


PARTS = ("training", "validation", "test")


def _single(values: np.ndarray) -> np.ndarray:
    """Return values in single precision, in which networks compute."""
    if np.abs(values).max(initial=0) > np.finfo(np.float32).max / 1e6:
        raise UserError("the numbers are too large for single precision; leave `scale` on.")
    return values.astype(np.float32)


def _joined(parts: tuple[Any, ...]) -> Any:
    """Return the rows of all parts."""
    if isinstance(parts[0], (pd.DataFrame, pd.Series)):
        return pd.concat([*parts], ignore_index=True)
    return np.concatenate(parts)
