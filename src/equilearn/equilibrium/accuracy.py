"""The certificate: errors in the equilibrium conditions on fresh simulated states, and what these states cover.

The paths start from initial states, not from training data; shocks are the model's own; every error uses conditional
expectations (all nodes of the shock), never one realised shock. Figures pool periods and components (ages, countries),
as in Azinovic, Gaegauf and Scheidegger (2022), or count components as the model weighs them (mass of agents). Beside
the errors stands what they can say nothing about: states of the chain that were not visited, periods far outside what
was learnt, bounds and clamps that held the economy.
`certificate.py` chooses the paths.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from equilearn.compiling import compiled_once, in_batches
from equilearn.equilibrium.finer import Finer
from equilearn.equilibrium.model import PolicyFunction, pieces
from equilearn.equilibrium.policy_accuracy import PolicyAccuracy, weighted
from equilearn.equilibrium.problem import BATCH, errors_on, weights_on

PERCENTILES = (0.1, 10.0, 50.0, 90.0, 99.0, 99.9)
COLUMNS = ("mean", "max", *(f"{p:g}" for p in PERCENTILES))
LOST = 0.1
"""A path of which at least this share lies outside what was learnt is called lost."""
NEGLIGIBLE = 1e-4
"""A bound or a clamp that acts on a smaller share of the states is not named."""
TOLERATED = 1e-3
"""A solution in which a clamp, or a bound without an equation, acts on a larger share is not called accurate."""
LISTED = 8
"""So many states of a chain are listed in words; where there are more, the report has the table."""

_errors_on = compiled_once(errors_on)


@dataclass(frozen=True)
class Part:
    """What was found on one set of states; the certificate is made of one part or two."""

    where: str
    """Which states these are, in words."""
    errors: Mapping[str, Float[np.ndarray, "..."]]
    """Absolute errors of every equation, one row a state."""
    label: str = ""
    """What is added to the names of the errors in the summary."""
    shocks: Int[np.ndarray, " states"] = field(default_factory=lambda: np.zeros(0, int))
    """The chain's state in each; empty without a chain."""
    outside: float = 0.0
    """Share of the states, in [0, 1], that lie so far from all that the network learnt from that it cannot tell them
    apart."""
    held: Mapping[str, float] = field(default_factory=dict)
    """Share of the states in which a clamp or a bound without an equation acts, by what it is in words."""
    binding: Mapping[str, float] = field(default_factory=dict)
    """Share of states and components in which a bound binds that has a multiplier, by what it is in words."""
    weights: Mapping[str, Float[np.ndarray, "..."]] = field(default_factory=dict)
    """Of the errors' components, mean one in every state, for the equations that the model weighs."""

    def rows(self) -> dict[str, dict[str, float]]:
        """Return, for every error, mean, max and percentiles."""
        return {name + self.label: _figures(values, self.weights.get(name)) for name, values in self.errors.items()}

    def mean_by_state(self, states: int) -> dict[str, Float[np.ndarray, " states"]]:
        """Return the mean of every error in each state of the chain; NaN where there was none."""
        visits = np.bincount(self.shocks, minlength=states)
        means = {}
        for name, values in self.errors.items():
            weighed = values * self.weights.get(name, np.ones((), values.dtype))
            own = weighed.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
            with np.errstate(invalid="ignore"):
                means[name] = np.bincount(self.shocks, own, minlength=states) / np.where(visits > 0, visits, np.nan)
        return means


@dataclass(frozen=True, repr=False)
class Accuracy:
    """Absolute errors of every equation, and what they cover."""

    parts: tuple[Part, ...]
    """The long run; and the way there, where a long path does not see it again."""
    long_run: tuple[float, ...] = ()
    """Probability of each state of the chain in the long run, nan where it follows from the solution; empty without a
    chain, and for given states."""
    estimate: Callable[[], PolicyAccuracy] | None = field(default=None, repr=False, compare=False)
    """Estimates the errors of the policies."""
    units: Mapping[str, str] = field(default_factory=dict)
    """What one unit of an error means, in words, where the model says it."""
    refine: Callable[[], Finer | None] | None = field(default=None, repr=False, compare=False)
    """Finds the errors with more nodes of the shock."""

    @functools.cached_property
    def policy(self) -> PolicyAccuracy | None:
        """Estimated errors of the policies themselves, and whether the solution is locally unique.

        Found when first asked for, in seconds; None where there is nothing to estimate them from.
        """
        return None if self.estimate is None else self.estimate()

    @functools.cached_property
    def finer(self) -> Finer | None:
        """Mean errors in some of the first part's states with more nodes of the shock; None where there are no more.

        Found when first asked for.
        """
        return None if self.refine is None else self.refine()

    @property
    def errors(self) -> Mapping[str, Float[np.ndarray, "..."]]:
        """Absolute errors of the first part, one row a state."""
        return self.parts[0].errors

    @property
    def outside(self) -> float:
        """Share of the states outside what was learnt, in the part where it is largest."""
        return max(part.outside for part in self.parts)

    @property
    def where(self) -> str:
        """Which states were looked at, in words."""
        return "; ".join(part.where for part in self.parts)

    @property
    def visits(self) -> tuple[int, ...]:
        """How often each state of the chain was visited in all; empty without a chain, and for given states."""
        return tuple(sum(counts) for counts in zip(*self.visits_by_part, strict=True))

    @property
    def visits_by_part(self) -> list[tuple[int, ...]]:
        """How often each state of the chain was visited in each part."""
        n = len(self.long_run)
        return [tuple(np.bincount(part.shocks, minlength=n).tolist()) if n else () for part in self.parts]

    @property
    def held(self) -> dict[str, float]:
        """Share of the states in which a clamp or a bound without an equation acts, where it is not negligible."""
        return _largest([part.held for part in self.parts])

    @property
    def binding(self) -> dict[str, float]:
        """Share of states and components in which a bound binds that is part of the economics."""
        return _largest([part.binding for part in self.parts])

    def summary(self) -> dict[str, dict[str, float]]:
        """Return, for every error, mean, max and the percentiles 0.1, 10, 50, 90, 99 and 99.9.

        Errors on the way to the long run have rows of their own: `euler, first 100 periods`.
        """
        return {name: row for part in self.parts for name, row in part.rows().items()}

    def mean_by_state(self) -> dict[str, Float[np.ndarray, " states"]]:
        """Return the mean of every error of the summary in each state of the chain; NaN where it was not visited."""
        parts = self.parts if self.long_run else ()
        return {
            name + part.label: means for part in parts for name, means in part.mean_by_state(len(self.long_run)).items()
        }

    def coverage(self) -> dict[str, Any]:
        """Return what the errors cover, for people's scripts: `coverage` in `result.json`."""
        means = self.mean_by_state()
        return {
            "where": [part.where for part in self.parts],
            "chain": [
                {
                    "state": z,
                    "long_run": None if math.isnan(p) else p,
                    "visits": n,
                    "mean": {name: float(row[z]) for name, row in means.items()},
                }
                for z, (p, n) in enumerate(zip(self.long_run, self.visits, strict=True))
            ],
            "units": dict(self.units),
            "weighted": sorted(self.parts[0].weights),
            "outside": self.outside,
            "held": self.held,
            "binding": self.binding,
            "more_nodes": None if self.finer is None else self.finer.record(),
        }

    def notes(self) -> list[str]:
        """Return in sentences what the figures of the errors do not say."""
        return [
            *self._not_finite(),
            *self._counted(),
            *visited(dict(zip([part.label for part in self.parts], self.visits_by_part, strict=True)), self.long_run),
            *lost(self.outside),
            *([] if self.finer is None else self.finer.notes()),
            *(
                f"{_begin(what)} in {percent(share)} of the states: no multiplier says so."
                for what, share in self.held.items()
            ),
            *(
                f"{_begin(what)} in {percent(share)} of all states and components, as the equations have it."
                for what, share in self.binding.items()
            ),
        ]

    def _not_finite(self) -> list[str]:
        sentences = []
        for part in self.parts:
            for name, values in part.errors.items():
                if bad := int(np.sum(~np.isfinite(values))):
                    sentences.append(f"{name}{part.label}: {bad:,} of {values.size:,} errors are not finite numbers.")
        return sentences

    def _counted(self) -> list[str]:
        """Return in words what a unit of each error is, and what weighing changes."""
        sentences = [f"One unit of {name}: {unit}." for name, unit in self.units.items()]
        for part in self.parts:
            for name in part.weights:
                weighted, alike = part.rows()[name + part.label]["mean"], part.errors[name].mean()
                sentences.append(
                    f"{name}{part.label}: components count by their weights; the mean is {weighted:.1e}, and would be "
                    f"{alike:.1e} if all counted the same."
                )
        return sentences

    def __repr__(self) -> str:
        """Return one line; the errors of the policies are in it once they were asked for."""
        rows = [f"{name} mean {row['mean']:.1e}, max {row['max']:.1e}" for name, row in self.summary().items()]
        found = self.__dict__.get("policy")
        known = [] if found is None or found.trouble else [f"rate {found.rate:.2f}"]
        known += [] if found is None else [f"{n} within {r['relative mean']:.1e}" for n, r in found.summary().items()]
        return f"Accuracy({'; '.join([*rows, *known])})"

    def __str__(self) -> str:
        """Return what was looked at, the summary as a table, what it means for the policies, and what must be said."""
        found = [] if self.policy is None else [str(self.policy)]
        return "\n".join([f"Errors on {self.where}:", table(self.summary()), *found, *self.notes()])


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _figures(values: Float[np.ndarray, "..."], weights: Float[np.ndarray, "..."] | None = None) -> dict[str, float]:
    """Return mean, max and percentiles, of a number with such weights; not numbers where an error is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        if weights is None:
            figures = [values.mean(), values.max(), *np.percentile(values, PERCENTILES)]
        elif np.isfinite(values).all() and np.isfinite(weights).all():
            figures = weighted(values, weights, PERCENTILES)
        else:
            figures = [math.nan] * len(COLUMNS)
    return {column: float(figure) for column, figure in zip(COLUMNS, figures, strict=True)}


def _largest(shares: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the largest share of each name, without those that are negligible."""
    names = dict.fromkeys(name for one in shares for name in one)
    largest = {name: max(one.get(name, 0.0) for one in shares) for name in names}
    return {name: share for name, share in largest.items() if share > NEGLIGIBLE}


def percent(share: float) -> str:
    """Return a share in percent, with three digits at most."""
    return f"{100 * share:.3g} %"


def table(summary: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return a summary of errors as text: a line per error, a column per figure."""
    width = max(map(len, summary), default=5)
    head = " " * width + "".join(f"{column:>11}" for column in COLUMNS)
    lines = [f"{name:<{width}}" + "".join(_cell(row[column]) for column in COLUMNS) for name, row in summary.items()]
    return "\n".join([head, *lines])


def _cell(figure: float | None) -> str:
    return f"{'-':>11}" if figure is None else f"{figure:11.2e}"


def visited(visits: Mapping[str, Sequence[int]], long_run: Sequence[float]) -> list[str]:
    """Return in words how often the states of a chain were visited, and which were not; nothing without a chain.

    Args:
        visits: the number of visits of every state, by the label of the part.
        long_run: the probability of every state in the long run.
    """
    if not long_run:
        return []
    total = [sum(counts) for counts in zip(*visits.values(), strict=True)]
    missed = [z for z, n in enumerate(total) if n == 0]
    known = not any(map(math.isnan, long_run))
    seen = f"{len(total) - len(missed)} of {len(total)} states of the chain were visited"
    if len(total) <= LISTED:
        shares = [f"{label.removeprefix(', ')} {_listed(n / sum(counts) for n in counts)}".strip()
                  for label, counts in visits.items()]  # fmt: skip
        sentences = [f"{seen} ({'; '.join([*shares, *[f'in the long run {_listed(long_run)}'] * known])})."]
    else:
        least = min(n for n in total if n)
        sentences = [f"{seen}, the rarest of them {least} {'time' if least == 1 else 'times'}."]
    if missed:
        listed = f"{', '.join(map(str, missed[:-1]))} and {missed[-1]}" if len(missed) > 1 else str(missed[0])
        share = f"{percent(sum(long_run[z] for z in missed))} of the periods in the long run; " if known else ""
        sentences.append(
            f"{'States' if len(missed) > 1 else 'State'} {listed} of the chain {'were' if len(missed) > 1 else 'was'} "
            f"never visited ({share}the first is state 0): nothing is "
            "certified there; `accuracy(states=...)` gives errors in states of your own."
        )
    return sentences


def _listed(shares: Iterable[float]) -> str:
    return f"{', '.join(f'{100 * share:.3g}' for share in shares)} %"


def lost(outside: float) -> list[str]:
    """Return in words what it means, and what to do, that this share of a path lies outside what was learnt.

    Nothing is said of a few extreme periods; a lost path hardly ever comes back.
    """
    if outside < LOST:
        return []
    return [
        f"{100 * outside:.3g} % of the path lies far outside all that the network learnt from: on its way from the "
        "initial state the economy met what the network never saw, or had forgotten. Let paths start again while "
        "learning (the setting `restart`, a small probability), or begin nearer to what is usual (`initial`)."
    ]


def _looked_at(policy: PolicyFunction, state: Any) -> tuple[Bool[Array, ""], dict[str, Array], dict[str, Array]]:
    """Return whether a state is outside what was learnt, what holds the policy there, and what binds."""
    model, raw = policy.model, policy.raw(state)
    held, binding = {}, {}
    for name, feasible, own in pieces(model, state, raw):
        held |= feasible.at_bounds(name, own)
        binding |= feasible.binding(name, own)
    held |= model.safeguards(state, policy(state))
    held = {name: jnp.any(where) for name, where in held.items()}
    binding = {name: jnp.mean(where) for name, where in binding.items()}
    return policy.scaling.blind(model.features(state)), held, binding


@compiled_once
def _shares(policy: PolicyFunction, states: Any) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    looked = in_batches(lambda state: _looked_at(policy, state), states, BATCH)
    return jax.tree.map(jnp.mean, looked)


def part_on(policy: PolicyFunction, states: Any, where: str, label: str = "") -> Part:
    """Return what is found in the given states (leading axis: states).

    Args:
        policy: the solution's policy function.
        states: the states.
        where: which these are, in words.
        label: what is added to the names of the errors in the summary.
    """
    errors = {name: np.abs(np.asarray(e)) for name, e in _errors_on(policy, states).items()}
    outside, held, binding = _shares(policy, states)
    shock = policy.model.shock
    return Part(
        where=where,
        errors=errors,
        label=label,
        shocks=np.asarray(shock.index(states.shock) if shock.chains else [], int),
        outside=float(outside),
        held={name: float(share) for name, share in held.items()},
        binding={name: float(share) for name, share in binding.items()},
        weights={name: np.asarray(own) for name, own in weights_on(policy, states).items() if name in errors},
    )
