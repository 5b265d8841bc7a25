"""What `policy_error` finds, in figures and in words: errors of every policy in its own units, and the rate.

Errors are estimates (exact policy less ours), with standard errors. Relative ones are in units of the mean absolute
value of that policy over all states and components, by mass where the model weighs them: savings that are off by 0.01
where mean savings are 0.5 are wrong by 2 %. How they are estimated: `policy_estimate.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

UNPEOPLED = 1e-6
"""A component whose weight is below this share of the mean weight does not enter the largest error."""


@dataclass(frozen=True)
class PolicyAccuracy:
    """Estimated errors of the policies, and the rate."""

    policies: Mapping[str, Float[np.ndarray, "states ..."]]
    """The policies in the states looked at."""
    errors: Mapping[str, Float[np.ndarray, "states ..."]]
    """Estimated exact policies less ours, in the policies' units; empty where the equations do not determine them."""
    standard_errors: Mapping[str, Float[np.ndarray, "states ..."]]
    """Of the estimates."""
    weights: Float[np.ndarray, " states"]
    """What each state stands for; they sum to one."""
    components: Mapping[str, Float[np.ndarray, "states ..."]]
    """With what weights the components of a policy count, where the model says so; their mean in a state is one."""
    shocks: Int[np.ndarray, " chained"]
    """The chain's state in each; empty without a chain."""
    rate: float
    """By what errors shrink a period from the future to the present; below one the solution is locally unique."""
    rate_error: float
    """Standard error of the rate."""
    periods: int
    """Length of the paths."""
    paths: int
    """Paths from each state."""
    multipliers: tuple[str, ...] = ()
    """Policies that price a bound and decide nothing: shown, but not judged."""
    trouble: tuple[str, ...] = ()
    """Why nothing can be said of the policies, in sentences; empty where something can."""
    undetermined: bool = False
    """Whether the trouble is that the equations do not determine the policies, not that these could not be judged."""

    def size(self, name: str) -> float:
        """Return the mean absolute value of a policy, the unit of its relative errors."""
        return self._figures(name, np.abs(self.policies[name]))[0] or 1.0

    def summary(self) -> dict[str, dict[str, float]]:
        """Return for every policy mean, 99.9th percentile and maximum of its absolute error, in its own units and
        relative, and the mean standard error."""
        rows = {}
        for name, error in self.errors.items():
            size, absolute = self.size(name), np.abs(error)
            own = [*self._figures(name, absolute), self._figures(name, self.standard_errors[name])[0]]
            own = dict(zip(("mean", "99.9", "max", "standard error"), own, strict=True))
            own |= {f"relative {column}": figure / size for column, figure in own.items()}
            rows[name] = {column: float(figure) for column, figure in own.items()}
        return rows

    def within(self, name: str, mean: float, p999: float) -> bool | None:
        """Return whether a policy's relative errors are within bounds; None where noise alone may take them out.

        That is so where the same figures are within the bounds once two standard errors are taken from every error.
        """
        absolute, noise = np.abs(self.errors[name]), 2 * self.standard_errors[name]

        def met(values: Float[np.ndarray, "states ..."]) -> bool:
            size, (average, high, _) = self.size(name), self._figures(name, values)
            return average <= mean * size and high <= p999 * size

        return True if met(absolute) else None if met(np.maximum(absolute - noise, 0)) else False

    @property
    def corrected(self) -> dict[str, Float[np.ndarray, "states ..."]]:
        """The policies with their estimated errors taken out: one step of Newton's method, in the states looked at.

        Closer to the exact ones wherever the errors are well above their standard errors; where these are as large,
        no better. `solution.accuracy(states=...).policy.corrected` gives them in states of one's own.
        """
        return {name: self.policies[name] + error for name, error in self.errors.items()}

    def by_component(self, name: str) -> Float[np.ndarray, "..."]:
        """Return the mean relative error of every component (age, country) of a policy; NaN for those of nobody."""
        counts = self.counts(name)
        mass = counts.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.sum(counts * np.abs(self.errors[name]), axis=0) / mass / self.size(name)
        return np.where(mass > UNPEOPLED * mass.mean(), means, np.nan)

    def by_state(self, states: int) -> dict[str, Float[np.ndarray, " states"]]:
        """Return the mean relative error of every policy in each state of a chain; NaN where none was looked at."""
        means = {}
        weight = np.bincount(self.shocks, self.weights, minlength=states)
        for name, error in self.errors.items():
            counted = np.abs(error) * self.components.get(name, 1.0)
            own = self.weights * counted.reshape(len(error), -1).mean(axis=1) / self.size(name)
            with np.errstate(invalid="ignore"):
                means[name] = np.bincount(self.shocks, own, minlength=states) / np.where(weight > 0, weight, np.nan)
        return means

    @property
    def unique(self) -> bool | None:
        """Whether the solution is the only one nearby; None where the rate is too uncertain to say."""
        if not math.isfinite(self.rate) or self.trouble:
            return None
        if self.rate + 2 * self.rate_error < 1:
            return True
        return False if self.rate - 2 * self.rate_error >= 1 or self.rate >= 1.01 else None

    @property
    def truncated(self) -> float:
        """What is left after the last period of the paths, relative: rate^T."""
        return self.rate**self.periods if math.isfinite(self.rate) else math.nan

    def line(self) -> str:
        """Return the finding in a line that anyone understands."""
        if self.trouble:
            return self.trouble[0]
        rate = f"rate {self.rate:.2f}" + (f" ± {2 * self.rate_error:.2f}" if self.rate_error >= 0.005 else "")
        if self.unique is False:
            return (
                f"The equations do not pin the solution down ({rate}, which must be below one): there may be sunspots "
                "(a continuum of solutions), a bound or a transversality condition may be missing, or there is no "
                "equilibrium."
            )
        if self.unique is None:
            return (
                f"Whether the solution is locally unique cannot be told ({rate}, too near to one for its uncertainty)."
            )
        named = [
            f"{name.replace('_', ' ')} within {relative(row['relative mean'])} on average and "
            f"{self._worst(name, row)}{self._noise(row)}"
            for name, row in self.summary().items()
            if name not in self.multipliers
        ]
        return f"Estimated errors of the policies: {'; '.join(named)}. The solution is locally unique ({rate})."

    def notes(self) -> list[str]:
        """Return in sentences what else must be said."""
        notes = list(self.trouble[1:])
        if self.unique and self.truncated > 0.05:
            notes.append(
                f"Errors fade so slowly (rate {self.rate:.3f}) that after the {self.periods} periods followed "
                f"{relative(self.truncated)} of them is left: the errors of the policies may be larger than estimated."
            )
        return notes

    def record(self) -> dict[str, Any]:
        """Return all figures for people's scripts: `policy_errors` in `result.json`."""
        chain = int(self.shocks.max()) + 1 if self.shocks.size else 0
        return {
            "summary": self.summary(),
            "by_component": {
                name: self.by_component(name).tolist() for name, error in self.errors.items() if error.ndim > 1
            },
            "by_state": {name: row.tolist() for name, row in self.by_state(chain).items()} if chain else {},
            "multipliers": list(self.multipliers),
            "weighted": sorted(self.components),
            "rate": self.rate,
            "rate_standard_error": self.rate_error,
            "locally_unique": self.unique,
            "states": len(self.weights),
            "paths": self.paths,
            "periods": self.periods,
            "line": self.line(),
            "notes": self.notes(),
        }

    def __str__(self) -> str:
        """Return the finding and what else must be said."""
        return "\n".join([self.line(), *self.notes()])

    def _worst(self, name: str, row: Mapping[str, float]) -> str:
        if name in self.components:
            return f"{relative(row['relative 99.9'])} for all but one in a thousand of those whom it concerns"
        return f"{relative(row['relative max'])} at worst"

    def _noise(self, row: Mapping[str, float]) -> str:
        noisy = row["standard error"] > 0.5 * row["mean"] > 0
        return f" (standard error {relative(row['relative standard error'])})" if noisy else ""

    def counts(self, name: str) -> Float[np.ndarray, "states ..."]:
        """Return what every component of a policy counts in every state; they sum to the number of components."""
        shape = self.policies[name].shape
        states = self.weights.reshape(-1, *[1] * (len(shape) - 1))
        return np.broadcast_to(states * self.components.get(name, 1.0), shape)

    def _figures(self, name: str, values: Float[np.ndarray, "states ..."]) -> tuple[float, float, float]:
        return nearly_all(values, self.counts(name))


def weighted(
    values: Float[np.ndarray, "..."], weights: Float[np.ndarray, "..."], percentiles: Sequence[float]
) -> list[float]:
    """Return mean, maximum and percentiles of values that count by weights of the same shape.

    The p-th percentile has p per cent of the weight up to it.
    """
    values, weights = values.ravel(), weights.ravel().astype(np.float64)
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    at = np.searchsorted(reached, np.asarray(percentiles) / 100 * reached[-1])
    largest = values[weights > UNPEOPLED * weights.mean()].max()
    figures = [np.average(values, weights=weights), largest, *values[order][np.minimum(at, len(order) - 1)]]
    return [float(figure) for figure in figures]


def nearly_all(values: Float[np.ndarray, "..."], weights: Float[np.ndarray, "..."]) -> tuple[float, float, float]:
    """Return mean, 99.9th percentile and maximum of values that count by weights of the same shape."""
    mean, largest, p999 = weighted(values, weights, (99.9,))
    return mean, p999, largest


def relative(share: float) -> str:
    """Return a relative error in words."""
    return f"{100 * share:.2g} %"
