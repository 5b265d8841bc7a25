"""Whether a certificate vouches for a solution, in one line, and why.

It does where the equations hold, where the policies are right (their own errors, estimated), and where the solution is
the only one nearby; small errors in the equations alone are not enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from equilearn.equilibrium.accuracy import LOST, TOLERATED, Accuracy
from equilearn.equilibrium.policy_accuracy import PolicyAccuracy
from equilearn.equilibrium.policy_estimate import MOST_PATHS
from equilearn.equilibrium.solution import Solution
from equilearn.learn import Outcome, Target

TRUSTED = {"mean": 1e-3, "p999": 1e-2}
"""Where a model asks for nothing else: bounds on every error of a solution that is called accurate. They are those of
the policies' relative errors too."""
IN_ONE_STATE = 10.0
"""In one state of the chain the mean error may be larger than its bound on all states by this factor, or as large as
the bound on the 99.9th percentile; a rare state does not show in figures that pool all."""
MISSED = 1e-3
"""States of the chain that were not visited may make up this share of the periods in the long run."""
FIGURES = (("mean", "mean", "mean"), ("p999", "99.9", "99.9th percentile"), ("max", "max", "max"))
"""Name of a figure as a target, as a column of the summary, and in words."""


@dataclass(frozen=True)
class Verdict:
    """What the certificate says of a solution."""

    accurate: bool
    words: str
    reasons: list[str]


def judge(solution: Solution, accuracy: Accuracy) -> Verdict:
    """Return the verdict: accurate where all errors are within their bounds and nothing else speaks against it."""
    try:
        asked = {target.error: target for target in solution.model.required()}
    except Exception as error:
        reason = f"{solution.model.name}.required failed: {type(error).__name__}: {error}"
        return Verdict(False, "Not judged: the model does not say how accurate it must be.", [reason])
    rows = list(_rows(accuracy, asked))
    by_state = list(_in_one_state(accuracy, rows))
    coarse = list(_too_few_nodes(accuracy, rows))
    missed = [z for z, n in enumerate(accuracy.visits) if n == 0]
    policy, doubt, doubts = accuracy.policy, "", []
    if policy is not None:
        doubt, doubts = _doubts(policy)
    accurate = (
        solution.outcome is not Outcome.DIVERGED
        and all(_met(row, target) for _, row, target in rows)
        and not by_state
        and not coarse
        and accuracy.outside < LOST
        and float(np.nansum([accuracy.long_run[z] for z in missed])) <= MISSED
        and max(accuracy.held.values(), default=0.0) <= TOLERATED
    )
    if not accurate:
        words = "Not accurate enough: do not rely on this solution yet."
    elif doubt:
        words = doubt
    elif missed:
        states = f"{len(missed)} of {len(accuracy.visits)} states of the chain"
        words = f"Accurate where it was looked at: {states} {'was' if len(missed) == 1 else 'were'} never visited."
    else:
        words = "Accurate: the errors are small wherever the certificate looked."
    reasons = [solution.message] if solution.outcome is Outcome.DIVERGED else []
    told = [] if policy is None else [line for line in [policy.line(), *policy.notes()] if line not in doubts]
    reasons += [*(_in_words(*one) for one in rows), *by_state, *coarse, *told, *doubts, *accuracy.notes()]
    return Verdict(accurate and not doubts, words, reasons)


def _doubts(policy: PolicyAccuracy) -> tuple[str, list[str]]:
    """Return why the policies are not vouched for, in one line and in sentences; both are empty where they are."""
    if policy.undetermined:
        return "Not vouched for: the equations hold, but they do not determine the policies.", [policy.line()]
    if policy.trouble:
        return "Not vouched for: the equations hold, but the policies could not be judged.", [policy.line()]
    if policy.unique is False:
        return "Not a solution to rely on: the equations hold, but they do not pin it down.", [policy.line()]
    if policy.unique is None:
        words = "Not vouched for: the equations hold, but whether they pin the solution down cannot be told."
        return words, [policy.line()]
    bounds = f"(bounds {TRUSTED['mean']:.1e} in the mean and {TRUSTED['p999']:.1e} nearly everywhere)"
    wrong, noisy = [], []
    for name, row in policy.summary().items():
        if name in policy.multipliers or (met := policy.within(name, **TRUSTED)):
            continue
        figures = f"{name}: estimated relative error {row['relative mean']:.1e} in the mean, "
        figures += f"99.9th percentile {row['relative 99.9']:.1e}"
        if met is None:
            noise = f"standard error {row['relative standard error']:.1e}"
            noisy.append(f"{figures}, {noise}: too uncertain to judge {bounds}.")
        else:
            wrong.append(f"{figures}: NOT within its bounds {bounds}.")
    if wrong:
        return "Not accurate enough: the equations hold better than the policies are right.", wrong + noisy
    if not noisy:
        return "", []
    words = "Not vouched for: the equations hold, but the errors of the policies are too uncertain to judge."
    if (more := 4 * policy.paths) <= MOST_PATHS:
        noisy.append(
            f"For half the standard errors: solution.accuracy(policy_paths={more}), or `equilearn evaluate DIR "
            f"--policy-paths {more}`."
        )
    return words, noisy


def _rows(accuracy: Accuracy, asked: Mapping[str, Target]) -> Iterator[tuple[str, Mapping[str, float], Target]]:
    """Yield every row of the summary with its bounds: those of the equation, in the long run and on the way there."""
    for part in accuracy.parts:
        for name, row in part.rows().items():
            yield name, row, asked.get(name.removesuffix(part.label), Target(name, **TRUSTED))


def _met(row: Mapping[str, float], target: Target) -> bool:
    """Return whether all errors are finite numbers and within their bounds."""
    finite = all(math.isfinite(figure) for figure in row.values())
    return finite and target.ratio({key: row[column] for key, column, _ in FIGURES}) <= 1


def _in_one_state(accuracy: Accuracy, rows: list[tuple[str, Mapping[str, float], Target]]) -> Iterator[str]:
    """Yield in sentences where the mean error in one state of the chain is far above what it is on all."""
    means = accuracy.mean_by_state()
    for name, _, target in rows:
        most = target.p999 if math.isfinite(target.p999) else IN_ONE_STATE * target.mean
        for z in np.flatnonzero(means.get(name, np.zeros(0)) > most):
            yield f"{name}: on average {means[name][z]:.1e} in state {z} of the chain (bound {most:.1e}): TOO MUCH."


def _too_few_nodes(accuracy: Accuracy, rows: list[tuple[str, Mapping[str, float], Target]]) -> Iterator[str]:
    """Yield in sentences where the mean error is within its bound with the model's own nodes of the shock alone."""
    means = {} if accuracy.finer is None else accuracy.finer.means
    for name, row, target in rows:
        own, more = means.get(name, (math.nan, math.nan))
        if row["mean"] <= target.mean < more and own < more:
            bound = f"bound {target.mean:.1e}"
            yield f"{name}: with more nodes of the shock on average {more:.1e} ({bound}): TOO FEW NODES."


def _in_words(name: str, row: Mapping[str, float], target: Target) -> str:
    listed = ", ".join(
        f"{words} {row[column]:.1e} (bound {bound:.1e})"
        for key, column, words in FIGURES
        if math.isfinite(bound := getattr(target, key))
    )
    return f"{name}: {listed or 'no bound'}{'' if _met(row, target) else ': NOT within its bounds'}."
