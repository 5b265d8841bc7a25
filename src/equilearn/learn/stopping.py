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
    """Upper bounds on one named error of the check, in the error's own units; all that are given must hold."""

    error: str
    mean: float = math.inf
    max: float = math.inf
    p999: float = math.inf
    """Bound on the 99.9th percentile."""

    def __post_init__(self) -> None:
        fit_fields(self)
        for name in ("mean", "max", "p999"):
            if not (bound := getattr(self, name)) > 0:
                raise UserError(f"Target: {name} must be above 0, not {bound}.")

    def ratio(self, summary: Mapping[str, float]) -> float:
        """Largest ratio of a measured figure to its bound: at most 1 where the target is met."""
        bounds = {"mean": self.mean, "max": self.max, "p999": self.p999}
        return max((summary[name] / bound for name, bound in bounds.items() if math.isfinite(bound)), default=0.0)


def score(targets: tuple[Target, ...], summaries: Mapping[str, Mapping[str, float]]) -> float:
    """One number to rank checks by (lower is better).

    With targets it is the largest ratio of a figure to its bound; without, the sum of the errors' means.
    """
    if targets:
        return max(target.ratio(summaries[target.error]) for target in targets)
    return sum(summary["mean"] for summary in summaries.values())
