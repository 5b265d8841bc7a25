"""One model solved from several seeds: how far their policies are apart, beside what the certificate estimates.

Two policies whose errors are e and f (mean absolute differences from the exact policy, over the same states) are at
most e + f apart. Where they are further apart than the sum of their estimated errors, with two standard errors and
half as much again for what the estimates leave out (second order, other states), the estimates do not tell the whole
story: there may be another solution, or none has been found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from equilearn.equilibrium.policy_accuracy import nearly_all, relative
from equilearn.equilibrium.problem import flatten_path, weights_on
from equilearn.equilibrium.solution import Solution, in_precision, policies_in
from equilearn.errors import UserError
from equilearn.learn import Outcome, key_of

STATES = 4_000
"""Of one path of the best solution, in which policies are compared."""
LEFT_OUT = 1.5
"""Policies may be this many times the sum of their estimated errors apart."""
MOST = 100


@dataclass(frozen=True)
class Figures:
    """What the certificates of one solution say."""

    euler: Mapping[str, Mapping[str, float]]
    """Errors of every equation: `accuracy().summary()`."""
    policy: Mapping[str, Any] | None
    """Errors of every policy: `accuracy().policy.record()`; None where they were not estimated."""

    @property
    def judged(self) -> dict[str, tuple[float, float]]:
        """Mean relative error and its standard error, of every policy that decides something."""
        if self.policy is None:
            return {}
        rows = self.policy["summary"].items()
        return {
            name: (row["relative mean"], row["relative standard error"])
            for name, row in rows
            if name not in self.policy["multipliers"]
        }

    def worst(self, *, of_policies: bool) -> float:
        """Return the largest mean error of a policy, or of an equation."""
        policies = [mean for mean, _ in self.judged.values()]
        return float(np.max(policies if of_policies else [row["mean"] for row in self.euler.values()]))


@dataclass(frozen=True)
class Seeds:
    """Solutions of one model from several seeds."""

    solutions: Sequence[Solution]
    figures: Sequence[Figures]
    """Of each."""
    best: int
    """Index of the solution with the smallest errors."""
    gaps: Mapping[str, np.ndarray]
    """For every policy that decides something: mean, 99.9th percentile and maximum of how far each solution is from the
    best, shape (solutions, 3), relative to the mean absolute value of that policy; by mass where the
    model weighs its components."""

    def rows(self) -> dict[str, dict[str, float]]:
        """Return for every policy how far the one that agrees least is from the best, and what is explained of it.

        One without estimates agrees least: nothing explains its distance.
        """
        compared = [i for i, one in enumerate(self.solutions) if i != self.best and one.outcome is not Outcome.DIVERGED]
        if not compared:
            return {}
        found = {}
        for name, gaps in self.gaps.items():
            own, error = self.figures[self.best].judged.get(name, (np.nan, np.nan))
            others = [(gaps[i], *self.figures[i].judged.get(name, (np.nan, np.nan))) for i in compared]
            explained = [own + other + 2 * (error + noise) for _, other, noise in others]
            ratios = [gap[0] / bound for (gap, *_), bound in zip(others, explained, strict=True)]
            i = int(np.argmax(np.nan_to_num(ratios, nan=np.inf)))
            gap, other, _ = others[i]
            found[name] = {
                "mean": float(gap[0]),
                "99.9": float(gap[1]),
                "max": float(gap[2]),
                "estimated": float(own),
                "estimated of the other": float(other),
                "explained": float(explained[i]),
            }
        return found

    @property
    def agree(self) -> bool | None:
        """Whether all are as near to the best as their estimated errors say; None where there are no estimates."""
        rows = self.rows().values()
        if not rows or any(np.isnan(row["explained"]) for row in rows):
            return None
        return all(row["mean"] <= LEFT_OUT * row["explained"] for row in rows)

    def line(self) -> str:
        """Return the finding in a sentence or two that anyone understands."""
        seeds = ", ".join(str(one.seed) for one in self.solutions)
        head = f"Seeds {seeds}; the best is seed {self.solutions[self.best].seed}. "
        lost = [str(one.seed) for one in self.solutions if one.outcome is Outcome.DIVERGED]
        if lost:
            head += f"The numbers of seed {', '.join(lost)} stopped being finite: not compared. "
        rows = self.rows()
        if not rows:
            return f"{head}There is nothing to compare it with."
        apart = "; ".join(
            f"{name.replace('_', ' ')} {relative(row['mean'])} on average"
            + ("" if np.isnan(row["explained"]) else f" (estimated errors explain {relative(row['explained'])})")
            for name, row in rows.items()
        )
        if self.agree is None:
            return f"{head}The policies are apart by {apart}; without estimates of their errors that is all."
        if self.agree:
            return f"{head}Its policies and those of the others are apart by {apart}: the certificates say the same."
        return (
            f"{head}The policies are FURTHER APART THAN THEIR ESTIMATED ERRORS EXPLAIN: {apart}. There may be another "
            "solution, or none of these is one; do not rely on any of them before you know."
        )

    def record(self) -> dict[str, Any]:
        """Return all figures for people's scripts."""
        return {
            "seeds": [one.seed for one in self.solutions],
            "best": self.solutions[self.best].seed,
            "agree": self.agree,
            "apart": self.rows(),
            "line": self.line(),
        }

    def __str__(self) -> str:
        """Return the finding."""
        return self.line()


def seeds_of(seeds: Any, first: int) -> tuple[int, ...]:
    """Return the seeds meant by a number of them, counted from the first, or by a list.

    Raises:
        UserError: they are no seeds, or not several.
    """
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        if not 2 <= seeds <= MOST:
            raise UserError(f"seeds: must be between 2 and {MOST} seeds, or a list of them, not {seeds}.")
        key_of(first)
        return tuple(range(first, first + int(seeds)))
    try:
        found: tuple[Any, ...] = tuple(seeds)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise UserError(f"seeds: must be a number of seeds, or a list of them, not {seeds!r}.") from None
    for seed in found:
        key_of(seed)
    if not 2 <= len(set(found)) == len(found) <= MOST:
        raise UserError(f"seeds: must be between 2 and {MOST} different seeds, not {list(found)}.")
    return found


def compare(solutions: Sequence[Solution], figures: Sequence[Figures]) -> Seeds:
    """Return how far several solutions of one model are apart, in the states of a path of the best one.

    Raises:
        UserError: the numbers of every one stopped being finite.
    """
    whole = [i for i, one in enumerate(solutions) if one.outcome is not Outcome.DIVERGED]
    if not whole:
        raise UserError("seeds: the numbers of every one stopped being finite; lower the learning rate.")
    of_policies = all(figures[i].judged for i in whole)  # errors of policies and of equations are not compared
    best = min(whole, key=lambda i: np.nan_to_num(figures[i].worst(of_policies=of_policies), nan=np.inf))
    path = flatten_path(solutions[best].states(STATES))
    names = figures[best].judged or solutions[best].model.Policy._fields
    with in_precision(solutions[best].precision):
        all_policies = [
            jax.tree.map(np.asarray, policies_in(one.policy_function, path)) if i in whole else None
            for i, one in enumerate(solutions)
        ]
        given = jax.tree.map(np.asarray, weights_on(solutions[best].policy_function, path))
    gaps = {}
    for name in names:
        own = getattr(all_policies[best], name).astype(float)
        counts = np.broadcast_to(given.get(name, 1.0), own.shape)
        size = nearly_all(np.abs(own), counts)[0] or 1.0
        rows = []
        for policies in all_policies:
            gap = (
                (np.nan,) * 3 if policies is None else nearly_all(np.abs(getattr(policies, name) - own) / size, counts)
            )
            rows.append(gap)
        gaps[name] = np.asarray(rows)
    return Seeds(solutions, figures, best, gaps)


def own_folder(folder: Path, seed: int) -> Path:
    """Return the folder of one seed in that of several."""
    return folder / f"seed-{seed}"


def solve_all(solve: Callable[..., Solution], seeds: Sequence[int], folder: Path | None) -> Seeds:
    """Solve from each seed, in a folder of its own where there is one; certify; compare."""
    solutions, figures = [], []
    for seed in seeds:
        solution = solve(seed=seed, folder=None if folder is None else own_folder(folder, seed))
        accuracy = solution.accuracy()
        policy = None if accuracy.policy is None else accuracy.policy.record()
        solutions.append(solution)
        figures.append(Figures(accuracy.summary(), policy))
    return compare(solutions, figures)
