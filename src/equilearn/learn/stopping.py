"""When the loop stops, and what it then says.

A run ends as *reached* (every target met), *exhausted* (the budget is spent) or *diverged* (a number stopped
being finite; the last good state is kept). With `patience`, a run whose score has not improved for so many
checks is exhausted early. Course, Algorithm 1: iterate until the mean and the largest error are below thresholds.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass

from equilearn.errors import UserError
from equilearn.parameters import fit_fields


class Outcome(enum.StrEnum):
    """How a run ended."""

    REACHED = "reached"
    EXHAUSTED = "exhausted"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Target:
    """Bounds on one named error or score of the check, in its own units; all that are given must hold."""

    error: str
    """Name of the error or the score."""
    mean: float = math.inf
    max: float = math.inf
    p999: float = math.inf
    """Bound on the 99.9th percentile."""
    least: float = -math.inf
    """Lower bound on the mean of a score."""

    def __post_init__(self) -> None:
        fit_fields(self)
        for name in ("mean", "max", "p999"):
            if not (bound := getattr(self, name)) > 0:
                raise UserError(f"Target: {name} must be above 0, not {bound}.")

    def check(self, summaries: Mapping[str, Mapping[str, float]]) -> None:
        """Refuse a target that the check does not measure.

        Raises:
            UserError: there is no such error or score, or its bounds are those of the other.
        """
        names = [name for name, summary in summaries.items() if "note" not in summary]
        if self.error not in names:
            raise UserError(f"targets: there is no error named {self.error!r}; the errors are {', '.join(names)}.")
        upper = [name for name in ("mean", "max", "p999") if math.isfinite(getattr(self, name))]
        if is_score(summaries[self.error]) and upper:
            raise UserError(f"targets: {self.error} is a score, which is to rise: bound it by least, not {upper[0]}.")
        if not is_score(summaries[self.error]) and math.isfinite(self.least):
            raise UserError(f"targets: {self.error} is an error, which is to fall: bound its mean, max or p999.")

    def ratio(self, summary: Mapping[str, float]) -> float:
        """How far a check is from the bounds: at most 1 where the target is met, and lower where it is surpassed.

        For errors it is the largest ratio of a figure to its bound; for a score one more than what is missing, in units
        of the bound where that is above one.
        """
        if is_score(summary):
            return 1 + (self.least - summary["mean"]) / max(abs(self.least), 1.0) if math.isfinite(self.least) else 0.0
        bounds = {"mean": self.mean, "max": self.max, "p999": self.p999}
        return max((summary[name] / bound for name, bound in bounds.items() if math.isfinite(bound)), default=0.0)


def is_score(summary: Mapping[str, float]) -> bool:
    """Return whether a summary is that of a score, which is to rise, and not of an error."""
    return "min" in summary


def score(targets: tuple[Target, ...], summaries: Mapping[str, Mapping[str, float]]) -> float:
    """One number to rank checks by (lower is better).

    With targets it is the largest distance from one; without, the sum of the errors' means less that of the scores'.
    """
    if targets:
        return max(target.ratio(summaries[target.error]) for target in targets)
    means = [(-1 if is_score(one) else 1) * one["mean"] for one in summaries.values() if "mean" in one]
    return float(sum(means))
