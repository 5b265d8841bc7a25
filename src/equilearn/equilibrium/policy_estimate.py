"""Estimating the errors of a solution's policies: from which states, by how many paths, and what the equations allow.

The mathematics is in `policy_error.py`. States are those of the certificate, chosen evenly; where a Markov chain visits
some of its states rarely, these are given a place all the same, and all figures are weighted back. Before anything is
said, the derivatives A of the equations are looked at: a direction of the raw numbers that moves policies but no
equation means that the equations do not determine them.

Legend: S states, G groups of paths, m raw numbers, n equations (components), V vectors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from equilearn.compiling import compiled_once
from equilearn.equilibrium.model import PolicyFunction, asks_for_policy, expectation
from equilearn.equilibrium.policy_accuracy import PolicyAccuracy
from equilearn.equilibrium.policy_error import Paths, along_paths, double, draws_for, policies_at, settled
from equilearn.equilibrium.problem import weights_on
from equilearn.equilibrium.shocks import shock_of
from equilearn.errors import first_line

VECTORS = 2
"""Random vectors for the rate: with two, an eigenvalue that is complex does not make their size swing."""
GROUPS, PATHS = 4, 4
"""Groups of paths from each state, and paths in each."""
MOST_PATHS = 1_024
"""Most paths from each state."""
LEAST_SHARE = 16
"""Every state of a chain that was visited gets at least one place in so many, and two where there are enough."""
SINGULAR = 1e-9
"""Smallest singular value of A, relative to the largest, below which a direction counts as undetermined."""
MOVES = 1e-6
"""Change of some policy, per unit of such a direction, from which it matters."""
NOISY = 0.02
"""Standard error of the rate above which one over fewer periods is preferred."""

CANNOT = "The errors of the policies cannot be estimated"


def estimate(
    policy: PolicyFunction,
    states: Any,
    errors: Mapping[str, Float[np.ndarray, "..."]],
    *,
    paths: int | None = None,
    seed: int = 0,
) -> PolicyAccuracy:
    """Return the estimated errors of a solution's policies.

    Args:
        policy: the solution's policy function.
        states: those that the certificate looked at, one leading axis, in NumPy.
        errors: the errors of the equations there, by which those are told apart that hold by construction.
        paths: followed from each state, in groups of `PATHS`; None takes the usual number.
        seed: of the paths.
    """
    with jax.enable_x64(True):
        first = jax.tree.map(lambda leaf: jax.device_put(leaf[0]), states)
        raw, sets = jax.eval_shape(policy.raw, first).shape[0], jax.eval_shape(policy.model.policies, first)
    number, groups, periods = sizes(raw)
    groups = groups if paths is None else max(-(-paths // PATHS), 2)
    shock = policy.model.shock
    shocks = np.asarray(shock.index(states.shock), int) if shock.chains else None
    chosen, weights = spread(shocks, len(jax.tree.leaves(states)[0]), number)
    own = jax.tree.map(lambda leaf: leaf[chosen], states)
    nothing = PolicyAccuracy(
        policies={},
        errors={},
        standard_errors={},
        weights=weights,
        components={},
        shocks=np.zeros(0, int) if shocks is None else shocks[chosen],
        rate=math.nan,
        rate_error=math.nan,
        periods=periods,
        paths=groups * PATHS,
        multipliers=tuple(name for one in sets.values() for name in one.multipliers()),
    )
    try:
        return _estimated(nothing, policy, own, errors, groups, np.random.default_rng(seed))
    except Exception as error:  # equations that cannot be differentiated or be in double precision
        return replace(nothing, trouble=(f"{CANNOT}: {type(error).__name__}: {first_line(error)}",))


def _estimated(
    nothing: PolicyAccuracy,
    policy: PolicyFunction,
    states: Any,
    errors: Mapping[str, Float[np.ndarray, "..."]],
    groups: int,
    generator: np.random.Generator,
) -> PolicyAccuracy:
    periods, weights = nothing.periods, nothing.weights
    ends = tuple(sorted({max(periods // part, 1) for part in (8, 4, 2, 1)}))
    draws = draws_for(len(weights), periods, groups, PATHS, generator)
    with jax.enable_x64(True):
        first = double(jax.tree.map(lambda leaf: leaf[0], states))
        policy, states = double(policy), double(states)
        if reason := why_not(policy, first):
            return replace(nothing, trouble=(f"{CANNOT}: {reason}.",))
        raw = jax.eval_shape(policy.raw, first).shape[0]
        kept, names = kept_components(errors, raw)
        vectors = generator.standard_normal((VECTORS, raw))
        found = along_paths(policy, states, kept, ends, jax.device_put(draws), jax.device_put(vectors))
        found = jax.tree.map(np.asarray, found)
        moves = _moves(found.move)
        numbers = jax.tree.map(jnp.nan_to_num, found)
        moves[:, 1:] = settled(policy, states, kept, numbers, jax.device_put(moves[:, 1:]))
        values = jax.tree.map(np.asarray, policies_at(policy, states, jax.device_put(moves)))._asdict()
        given = jax.tree.map(np.asarray, weights_on(policy, states))
        cannot = _not_finite(found.slope, names)
        undetermined = "" if cannot else _undetermined(policy, states, found, names)
    if not cannot and not undetermined and not np.isfinite(found.move).all():
        cannot = "on some path from the states, a derivative of the equations is not a finite number"
    trouble = (f"{CANNOT}: {cannot}.",) if cannot else (undetermined,) if undetermined else ()
    rate, rate_error = rate_of(found.products, ends, weights, float(np.sum(vectors**2) ** 0.5))
    estimates = {} if trouble else {name: value[:, 1] - value[:, 0] for name, value in values.items()}
    return replace(
        nothing,
        policies={name: value[:, 0] for name, value in values.items()},
        errors=estimates,
        components={name: own for name, own in given.items() if name in values},
        standard_errors={name: _jackknife(values[name][:, 2:]) for name in estimates},
        rate=rate,
        rate_error=rate_error,
        trouble=trouble,
        undetermined=bool(undetermined),
    )


def why_not(policy: PolicyFunction, state: Any) -> str:
    """Return why errors of the policies cannot be followed along paths, in words; empty where they can."""
    if np.min(_chances(policy, state)) < 0:
        return "the quadrature rule of the shock has negative weights, which are no probabilities; take another"
    if _looks_elsewhere(policy, state):
        return (
            "the equations ask for tomorrow's policy in other states, or for its derivatives: errors there are not "
            "followed"
        )
    return ""


@compiled_once
def _chances(policy: PolicyFunction, state: Any) -> Float[Array, " nodes"]:
    """Return the weights of tomorrow's nodes."""
    return policy.model.process(state, policy(state)).nodes(shock_of(state))[1]


def _looks_elsewhere(policy: PolicyFunction, state: Any) -> bool:
    """Return whether the equations ask for the policy function, not only for tomorrow's policies."""
    asked = []

    def errors(state: Any) -> Any:
        decision = policy(state)
        expect = expectation(policy, state, decision)

        def listening(function: Any) -> Any:
            asked.append(asks_for_policy(function))
            return expect(function)

        return policy.model.errors(state, decision, listening)

    jax.eval_shape(errors, state)
    return any(asked)


def sizes(raw: int) -> tuple[int, int, int]:
    """Return numbers of states, of groups of paths from each, and of periods: fewer the more derivatives there are."""
    if raw <= 10:
        return 64, GROUPS, 200
    return (24, GROUPS // 2, 128) if raw <= 32 else (10, GROUPS // 2, 40)


def spread(
    shocks: Int[np.ndarray, " all"] | None, total: int, number: int
) -> tuple[Int[np.ndarray, " states"], Float[np.ndarray, " states"]]:
    """Return which of all states are looked at, evenly, and the weight of each; no state of a chain is left out."""
    number = min(number, total)
    if shocks is None:
        return np.linspace(0, total - 1, number).astype(int), np.full(number, 1 / number)
    kinds, counts = np.unique(shocks, return_counts=True)
    least = min(max(number // LEAST_SHARE, 2), max(number // len(kinds), 1))
    places = np.minimum(counts, np.maximum(np.round(number * counts / total).astype(int), least))
    chosen, weights = [], []
    for kind, count, place in zip(kinds, counts, places, strict=True):
        here = np.flatnonzero(shocks == kind)
        chosen.append(here[np.linspace(0, count - 1, place).astype(int)])
        weights.append(np.full(place, count / total / place))
    return np.concatenate(chosen), np.concatenate(weights)


def rate_of(
    products: Float[np.ndarray, "states ends V m"],
    ends: Sequence[int],
    weights: Float[np.ndarray, " states"],
    length: float,
) -> tuple[float, float]:
    """Return the rate and its standard error (jackknife over the states), from the longest paths that tell it well.

    Args:
        products: E[M_0 ... M_{T-1}] z from every state, for every T and z.
        ends: the numbers of periods T.
        weights: of the states.
        length: of the vectors z together.
    """
    if not np.isfinite(products).all():
        return math.nan, math.nan
    whole = np.tensordot(weights, products, 1)
    if len(weights) == 1:
        return float((_norm(whole)[-1] / length) ** (1 / ends[-1])), math.inf
    others = (whole - weights[:, None, None, None] * products) / (1 - weights)[:, None, None, None]
    starts, sizes, others = (0, *ends), np.append(length, _norm(whole)), _norm(others)
    pairs = []
    for k in range(1, len(starts)):
        if sizes[k] == 0:  # lives end
            pairs.append((0.0, 0.0))
            break
        power = 1 / (starts[k] - starts[k - 1])
        left = (others[:, k - 1] / (others[:, k - 2] if k > 1 else length)) ** power
        error = np.sqrt((len(left) - 1) / len(left) * np.sum((left - left.mean()) ** 2))
        pairs.append((float((sizes[k] / sizes[k - 1]) ** power), float(error)))
    told = [pair for pair in pairs if pair[1] <= NOISY]
    return told[-1] if told else min(pairs, key=lambda pair: pair[1])


def _norm(products: Float[np.ndarray, "... V m"]) -> Float[np.ndarray, "..."]:
    return np.sqrt(np.sum(products**2, axis=(-2, -1)))


def _moves(move: Float[np.ndarray, "S G m"]) -> Float[np.ndarray, "S 2+G m"]:
    """Return the moves at which policies are looked at: none, the mean of all groups, and with each group left out."""
    mean = move.mean(axis=1, keepdims=True)
    groups = move.shape[1]
    return np.nan_to_num(np.concatenate([0 * mean, mean, (groups * mean - move) / (groups - 1)], axis=1))


def _jackknife(values: Float[np.ndarray, "S G ..."]) -> Float[np.ndarray, "S ..."]:
    groups = values.shape[1]
    return np.sqrt((groups - 1) / groups * np.sum((values - values.mean(axis=1, keepdims=True)) ** 2, axis=1))


def kept_components(errors: Mapping[str, Float[np.ndarray, "..."]], raw: int) -> tuple[tuple[int, ...], list[str]]:
    """Return which components of the errors count, and the name of each: all but those that are exactly zero."""
    names, zero = [], []
    for name, values in sorted(errors.items()):
        flat = np.asarray(values).reshape(len(values), -1)
        names += [name] * flat.shape[1]
        zero += np.all(flat == 0, axis=0).tolist()
    kept = [i for i, never in enumerate(zero) if not never]
    kept = kept if len(kept) >= raw else list(range(len(names)))
    return tuple(kept), [names[i] for i in kept]


def _not_finite(slope: Float[np.ndarray, "S n m"], names: Sequence[str]) -> str:
    """Return which equations' derivatives are not finite, in words; empty where all are."""
    bad = np.asarray(~np.isfinite(slope).all(axis=(0, 2)))
    wrong = dict.fromkeys(name for name, own in zip(names, bad.tolist(), strict=True) if own)
    return f"the derivative of {_and(wrong)} is not finite" if wrong else ""


def _undetermined(policy: PolicyFunction, states: Any, found: Paths, names: Sequence[str]) -> str:
    """Return in a sentence which policies the equations do not determine, and which equations say nothing of today's;
    empty where they determine all."""
    left, singular, right = np.linalg.svd(found.slope)
    small = np.zeros((len(singular), right.shape[1]), bool)
    small[:, : singular.shape[1]] = singular <= SINGULAR * singular[:, :1]
    small[:, singular.shape[1] :] = True
    directions = right * small[:, :, None]
    if not small.any():
        return ""
    step = 1e-4  # to both sides: a direction may move policies in second order only
    both = np.concatenate([step * directions, -step * directions], axis=1)
    values = policies_at(policy, states, jax.device_put(both))
    undetermined: dict[str, None] = {}
    matters = np.zeros(len(small))
    for name, value in values._asdict().items():
        value = np.asarray(value).reshape(*value.shape[:2], -1)
        plus, minus = np.split(value, 2, axis=1)
        moved = np.abs(plus - minus).max(axis=2) > 2 * MOVES * step * np.abs(value).mean()
        matters = np.maximum(matters, (moved & small).any(axis=1))
        if (moved & small).any(axis=1).mean() > 0.5:
            undetermined[name] = None
    if matters.mean() <= 0.5:
        return ""
    silent = [names[i] for i in range(len(names)) if np.abs(found.slope[:, i]).max() <= SINGULAR]
    sentence = f"The equations do not determine {_and(undetermined)}: "
    if silent:
        several = dict.fromkeys(silent)
        sentence += f"{_and(several)} {'do' if len(several) > 1 else 'does'} not depend on any of today's decisions."
    elif len(names) < found.slope.shape[2]:
        sentence += (
            f"there are {len(names)} equations that do not hold by construction, for {found.slope.shape[2]} numbers."
        )
    else:
        k = min(singular.shape[1], right.shape[1]) - 1
        weight = np.abs(left[:, :, k]).mean(axis=0)
        strong = dict.fromkeys(name for name, own in zip(names, weight, strict=True) if own > 0.3 * weight.max())
        sentence += f"their derivatives depend on each other (look at {_and(strong)})."
    return sentence


def _and(names: Any) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else "a policy"
