"""Which states certify a solution: one long path where that sees everything, else many paths and the way there too.

A long path after burn-in sees what an economy visits again and again. Three kinds of economies it does not see whole:

- a Markov chain in which some states are left for ever (retirement, default, a change of regime), or that may end in
  one of several parts, or whose probabilities follow from state and policy, so that nobody knows beforehand;
- no shocks, or time as a state, and no paths that start again: every path ends in one point;
- uncertain parameters: a path keeps those that it began with.

For these the long run is that of many paths; and for the first two the first periods from initial states are certified
beside it, with errors of their own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from equilearn.compiling import compiled_once
from equilearn.equilibrium.accuracy import Accuracy, Part, part_on
from equilearn.equilibrium.coverage import forgets, long_run
from equilearn.equilibrium.finer import Finer, with_more_nodes
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.policy_accuracy import PolicyAccuracy
from equilearn.equilibrium.policy_estimate import estimate
from equilearn.equilibrium.problem import flatten_path
from equilearn.equilibrium.simulation import initial_states, path_after_burn_in, simulate_paths
from equilearn.equilibrium.uncertain import Uncertain

PATHS = 100
"""Paths side by side where one does not see everything."""
FIRST = 100
"""Periods that count as the way to the long run, on each path."""


def starts_again(model: Model) -> bool:
    """Return whether the certificate's path starts again now and then, where paths did so while learning."""
    return model.shock.deterministic or not model.ergodic


def certify(
    policy: PolicyFunction,
    periods: int,
    burn_in: int,
    restart: float,
    *,
    policy_paths: int | None = None,
    key: PRNGKeyArray,
) -> Accuracy:
    """Return the certificate of a policy.

    Args:
        policy: the solution's policy function.
        periods: states in the long run; over all paths where there are many.
        burn_in: periods of every path dropped before them.
        restart: probability a period that a path starts again from an initial state.
        policy_paths: from each state looked at, for the errors of the policies; None takes the usual number.
        key: random key.
    """
    model = policy.model
    start, shares, whole = _starts(policy, jax.random.fold_in(key, 1)), (), not starts_again(model) or restart > 0
    if model.shock.chains:
        shocks, chain = np.asarray(model.shock.index(start.shock)), model.shock.chain
        whole = whole and chain is not None and forgets(chain, shocks)
        shares = (math.nan,) * model.shock.states if chain is None else tuple(long_run(chain, shocks).tolist())
    paths = 1 if whole and (restart > 0 or not isinstance(model, Uncertain)) else min(PATHS, periods)
    states = flatten_path(path_after_burn_in(policy, periods // paths, burn_in, paths, restart, key))
    seen, parts = [states], [part_on(policy, states, _in_words(periods // paths, burn_in, paths, restart))]
    if not whole:
        where = f"the first {FIRST} periods from the initial state, on {PATHS} paths"
        states = flatten_path(_first_periods(policy, start, jax.random.fold_in(key, 2)))
        seen.append(states)
        parts.append(part_on(policy, states, where, f", first {FIRST} periods"))
    later = _estimate_later(policy, seen, parts, policy_paths)
    return Accuracy(tuple(parts), shares, later, model.units(), _refine_later(policy, seen[0], parts[0]))


def certify_states(policy: PolicyFunction, states: Any, policy_paths: int | None = None) -> Accuracy:
    """Return the certificate of a policy in given states (one leading axis)."""
    number = jax.tree.leaves(states)[0].shape[0]
    part = part_on(policy, states, f"{number:,} given state{'s' if number > 1 else ''}")
    later = _estimate_later(policy, [states], [part], policy_paths)
    return Accuracy((part,), estimate=later, units=policy.model.units(), refine=_refine_later(policy, states, part))


def _estimate_later(
    policy: PolicyFunction, states: list[Any], parts: list[Part], paths: int | None
) -> Callable[[], PolicyAccuracy]:
    """Return what estimates the errors of the policies in all states looked at, when it is called."""
    every = jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *states)
    errors = {name: np.concatenate([part.errors[name] for part in parts]) for name in parts[0].errors}
    return functools.partial(estimate, policy, every, errors, paths=paths)


def _refine_later(policy: PolicyFunction, states: Any, part: Part) -> Callable[[], Finer | None]:
    """Return what finds the errors in a part's states with more nodes of the shock, when it is called."""
    return functools.partial(with_more_nodes, policy, jax.tree.map(np.asarray, states), part.errors, part.weights)


def _in_words(periods: int, burn_in: int, paths: int, restart: float) -> str:
    of = "one path" if paths == 1 else f"each of {paths} paths"
    again = f", which starts again with probability {restart:g} a period" if restart else ""
    return f"{periods:,} periods of {of} after {burn_in:,} of burn-in{again}"


@compiled_once
def _starts(policy: PolicyFunction, key: PRNGKeyArray) -> Any:
    return initial_states(policy.model, PATHS, key=key)


@compiled_once
def _first_periods(policy: PolicyFunction, start: Any, key: PRNGKeyArray) -> Any:
    """Return the first states of paths, those where they start included, leading axes (T, P)."""
    _, later = simulate_paths(policy, start, FIRST - 1, key=key)
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), start, later)
