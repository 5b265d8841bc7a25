"""What the quadrature rule leaves out: the errors of the equations once more, with more nodes of the shock.

A solution is learnt with the nodes of its rule, and so are its errors measured: where few nodes miss what matters
between them (a kink, a rare bad year), both are of another model. The same policy with a finer rule shows it. (Juillard
and Villemot, 2011, measure all solutions by one rule, whatever they were made with.) Markov chains are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from equilearn.compiling import compiled_once, in_batches
from equilearn.equilibrium.model import PolicyFunction, traced_errors
from equilearn.equilibrium.problem import BATCH
from equilearn.equilibrium.quadrature import finer
from equilearn.equilibrium.shocks import shock_of

STATES = 500
"""States looked at, at most: as many as keep states times nodes below `EVALUATIONS`, but no fewer than `FEWEST`."""
FEWEST = 20
EVALUATIONS = 1_000_000
MOST = 20_000
"""Nodes beyond which nothing is looked at: several shocks have the product of theirs."""
TELLING = 1.25
"""Factor between the mean errors from which the finer ones are spoken of."""


class Finer(NamedTuple):
    """Mean errors with the model's own nodes, and with more."""

    nodes: tuple[int, int]
    """How many of the shock, the model's own and those of the finer rule."""
    states: int
    """Looked at."""
    means: Mapping[str, tuple[float, float]]
    """Mean absolute error of every equation with either, components weighed as the model weighs them."""

    def record(self) -> dict[str, Any]:
        """Return all figures for people's scripts."""
        means = {name: {"own": own, "finer": more} for name, (own, more) in self.means.items()}
        return {"nodes": list(self.nodes), "states": self.states, "mean": means}

    def notes(self) -> list[str]:
        """Return in a sentence what more nodes change."""
        own, more = self.nodes
        looked = f"the same policy, {self.states} state{'' if self.states == 1 else 's'}"
        start = f"With {more:,} nodes of the shock instead of {own:,} ({looked})"
        if undefined := [name for name, (_, after) in self.means.items() if not math.isfinite(after)]:
            return [f"{start} {', '.join(undefined)} would not be finite: not defined at the outermost nodes."]
        changed = [
            f"that of {name} would be {after:.1e}, not {before:.1e}"
            for name, (before, after) in self.means.items()
            if after > TELLING * before
        ]
        if not changed:
            return [f"{start} mean errors are about the same."]
        return [f"{start} mean errors are larger: {', '.join(changed)}. Learn with more nodes (the shock's `rule`)."]


def with_more_nodes(
    policy: PolicyFunction,
    states: Any,
    errors: Mapping[str, Float[np.ndarray, "..."]],
    weights: Mapping[str, Float[np.ndarray, "..."]],
) -> Finer | None:
    """Return the mean errors with the model's own nodes and with more; None where there are no more.

    Args:
        policy: the solution's policy function.
        states: those of the certificate, one leading axis, in NumPy.
        errors: the absolute errors there, with the model's own nodes.
        weights: of their components, where the model weighs them.
    """
    leaves = jax.tree.leaves(states)
    with jax.enable_x64(any(leaf.dtype == np.float64 for leaf in leaves)):
        first = jax.tree.map(lambda leaf: leaf[0], states)
        own = _nodes(policy, first)
        with finer():
            more = _nodes(policy, first)
            if own == more or more > MOST:
                return None
            number = min(max(min(STATES, EVALUATIONS // more), FEWEST), len(leaves[0]))
            chosen = np.linspace(0, len(leaves[0]) - 1, number).astype(int)
            after = _with_more(policy, jax.tree.map(lambda leaf: leaf[chosen], states))

    def mean(name: str, values: Any) -> float:
        own = weights[name][chosen] if name in weights else None
        return float(np.average(np.abs(np.asarray(values, float)), weights=own))

    means = {name: (mean(name, before[chosen]), mean(name, after[name])) for name, before in errors.items()}
    return Finer((own, more), number, means)


def _nodes(policy: PolicyFunction, state: Any) -> int:
    """Return the number of the shock's nodes in a state."""
    counted = lambda state: policy.model.process(state, policy(state)).nodes(shock_of(state))[1]  # noqa: E731
    return jax.eval_shape(counted, state).shape[0]


@compiled_once
def _with_more(policy: PolicyFunction, states: Any) -> dict[str, Float[Array, "S ..."]]:
    """Return the errors; always called, and so always traced, within `finer`."""
    return in_batches(lambda state: traced_errors(policy, state), states, BATCH)
