"""Are a model's numbers finite where an economy begins, whatever its network may say?

The model is evaluated in its first states (initial states of several keys; from there every state that its chain can
reach, or a few periods of its process) with a fresh network, whose raw numbers are near zero, and with networks that
say something extreme: raw numbers that take a policy near the ends of its feasible set. What is not finite there, or
takes a power of a negative number, would end or spoil the training later.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from equilearn.compiling import in_batches
from equilearn.equilibrium.chains import MOVING_TOLERANCE
from equilearn.equilibrium.conditions import strictly
from equilearn.equilibrium.model import Model, assemble, expectation
from equilearn.equilibrium.sets import FeasibleSet, HalfLine, Real
from equilearn.equilibrium.shocks import entries, shock_of
from equilearn.errors import UserError

KEYS = 4
"""Initial states looked at."""
PERIODS = 3
"""Periods that a process is followed from them."""
EXTREME = 3.0
"""Raw number near the end of a feasible set."""
OPEN = 1.0
"""The same on a side where a set has no end."""
SAME = 1e-5
"""Relative difference up to which the new shock counts as handed on."""


class Plan(eqx.Module):
    """A network that always says the same."""

    raw: Float[Array, " raw"]
    model: Model = eqx.field(static=True)

    def __call__(self, state: Any) -> Any:
        """Return the policies in one state."""
        return assemble(self.model, state, self.raw)


def starts_of(model: Model) -> Any:
    """Return initial states of several keys, leading axis."""
    return jax.tree.map(jnp.asarray, jax.vmap(model.initial)(jax.random.split(jax.random.key(0), KEYS)))


def check_numbers(model: Model, starts: Any, sets: dict[str, FeasibleSet]) -> None:
    """Check that everything is finite in the first states, with a fresh network and with extreme ones.

    Args:
        model: the model.
        starts: initial states of several keys, leading axis.
        sets: the feasible sets in the first of them.

    Raises:
        UserError: something is not; the message names it.
    """
    raws = extremes(sets)
    states = first_states(model, starts, raws[0][1].size)
    rows = jnp.stack([raw for _, raw in raws])
    found, decisions = jax.jit(lambda s, r: _evaluate(model, s, r))(states, rows)
    found = {name: np.asarray(good) for name, good in found.items()}
    _report(model, found, 0, "", "check that the state is feasible and that no set allows, say, negative consumption")
    for at, (blamed, _) in enumerate(raws[1:], start=1):
        if all(good[at].all() for name, good in found.items() if not name.startswith(("features", "definitions"))):
            continue
        name = next(n for n, g in found.items() if not g[at].all() and not n.startswith(("features", "definitions")))
        state = int(np.argmin(found[name][at]))
        policies = jax.tree.map(lambda leaf, at=at, state=state: np.asarray(leaf[at, state]), decisions)
        raise UserError(
            f"{model.name}.policies: {_said(sets, blamed, policies)} is allowed in a first state, but there "
            f"{_words(name)}. Narrow the set, so that, say, consumption is positive in all of it."
        )


def extremes(sets: dict[str, FeasibleSet]) -> list[tuple[str, Float[Array, " raw"]]]:
    """Return raw numbers to try, each with the set that it takes to an end ("" for all of them): zeros first."""
    sizes = [one.size for one in sets.values()]
    high = np.concatenate([np.full(n, OPEN if isinstance(s, (Real, HalfLine)) else EXTREME, np.float32)
                           for s, n in zip(sets.values(), sizes, strict=True)])  # fmt: skip
    low = np.concatenate([np.full(n, -OPEN if isinstance(s, Real) else -EXTREME, np.float32)
                          for s, n in zip(sets.values(), sizes, strict=True)])  # fmt: skip
    owner = np.repeat(np.arange(len(sizes)), sizes)
    tried = [("", np.zeros_like(high))]
    for i, name in enumerate(sets):
        tried += [(name, np.where(owner == i, end, 0).astype(np.float32)) for end in (low, high)]
    draws = np.random.default_rng(0).uniform(low, high, (3, high.size)).astype(np.float32)
    tried += [("", low), ("", high), *(("", draw) for draw in draws)]
    return [(name, jnp.asarray(raw)) for name, raw in tried]


def first_states(model: Model, starts: Any, raw: int) -> Any:
    """Return the states where economies begin, and those reached soon with a fresh network, leading axis."""
    plan = Plan(jnp.zeros(raw), model)
    if model.shock.chains:
        moves = _tree(model.shock.possible, int(jnp.ravel(jnp.asarray(model.shock.index(starts.shock)))[0]))
        chained = jax.jit(lambda states: _joined(states, _over_the_chain(model, plan, states, moves)))(starts)
        if model.shock.numbers(model.shock.initial).size == 0:
            return chained
        starts = chained

    def step(states: Any, key: PRNGKeyArray) -> tuple[Any, Any]:
        def one(state: Any, one_key: PRNGKeyArray) -> Any:
            decision = plan(state)
            shock = model.process(state, decision).flat(shock_of(state), key=one_key)
            return model.transition(state, decision, shock)

        following = jax.vmap(one)(states, jax.random.split(key, jax.tree.leaves(states)[0].shape[0]))
        return following, following

    def follow(states: Any) -> Any:
        path = jax.lax.scan(step, states, jax.random.split(jax.random.key(1), PERIODS))[1]
        return _joined(states, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), path))

    return jax.jit(follow)(starts)


def _joined(one: PyTree[Array], other: PyTree[Array]) -> PyTree[Array]:
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b.astype(a.dtype)]), one, other)


def _tree(possible: Bool[np.ndarray, "states states"], first: int) -> list[tuple[int, int]]:
    """Return the states that a chain can reach, nearest first: each with the place in this list of one before it."""
    moves, order = [(0, first)], [first]
    for place, here in enumerate(order):  # the list grows meanwhile
        for state in np.flatnonzero(possible[here]).tolist():
            if state not in order:
                order.append(state)
                moves.append((place, state))
    return moves


def _over_the_chain(model: Model, plan: Plan, starts: Any, moves: list[tuple[int, int]]) -> Any:
    """Return a state for every state that the chain can reach, each one period after the one before it."""
    buffer = jax.tree.map(lambda leaf: jnp.repeat(leaf[:1], len(moves), axis=0), starts)

    def step(buffer: Any, move: Any) -> tuple[Any, None]:
        to, parent, index = move
        state = jax.tree.map(lambda leaf: leaf[parent], buffer)
        following = model.transition(state, plan(state), model.shock.with_index(shock_of(state), index))
        return jax.tree.map(lambda leaf, new: leaf.at[to].set(new), buffer, following), None

    parents, indices = jnp.asarray(moves[1:], jnp.int32).reshape(-1, 2).T
    return jax.lax.scan(step, buffer, (jnp.arange(1, len(moves)), parents, indices))[0]


def _evaluate(model: Model, states: Any, raws: Any) -> tuple[dict[str, Any], Any]:
    """Return what is finite, by name, and the policies, for all raw numbers and states (leading axes)."""

    def one(pair: Any) -> Any:
        raw, state = pair
        with strictly():
            return _in_one(model, state, raw)

    def along(raw: Any) -> Any:
        rows = jnp.broadcast_to(raw, (jax.tree.leaves(states)[0].shape[0], raw.size))
        return in_batches(one, (rows, states), 64)

    return jax.lax.map(along, raws)


def _in_one(model: Model, state: Any, raw: Any) -> tuple[dict[str, Any], Any]:
    plan = Plan(raw, model)
    decision = plan(state)
    values, probabilities = model.process(state, decision).nodes(shock_of(state))
    following = jax.vmap(lambda shock: model.transition(state, decision, shock))(values)
    found = {f"policies {name}": _finite(value) for name, value in decision._asdict().items()}
    found |= {f"set {name}": _wide(one) for name, one in model.policies(state).items()}
    found |= {f"transition {field}": _finite(value) for _, field, value in entries(following)}
    if not model.shock.deterministic:
        same = jax.tree.map(lambda a, b: jnp.all(jnp.abs(a - b) <= SAME * (1 + jnp.abs(b))), following.shock, values)
        found["shock"] = jnp.all(jnp.stack(jax.tree.leaves(same)))
        found["process"] = jnp.abs(jnp.sum(probabilities) - 1) <= MOVING_TOLERANCE
        found["process"] &= jnp.all(jnp.stack([_finite(leaf) for leaf in jax.tree.leaves(values)]))
        if model.shock.chains:
            found["process"] &= jnp.all(probabilities >= 0)
    errors = model.errors(state, decision, expectation(plan, state, decision))
    found |= {f"errors {name}": _finite(value) for name, value in errors.items()}
    for name, own in model.weights(state, decision).items():
        own = jnp.asarray(own)
        found[f"weights {name}"] = _finite(own) & jnp.all(own >= 0) & (jnp.sum(own) > 0)
    definitions = model.definitions(state, decision)
    found |= {f"definitions {name}": _finite(value) for name, value in definitions.items()}
    if "consumption" in definitions:
        found["consumption"] = jnp.all(jnp.asarray(definitions["consumption"]) > 0)
    found["features"] = _finite(model.features(state))
    return found, decision


def _wide(feasible: FeasibleSet) -> Array:
    """Return whether a set's lower bound is below its upper one; true where it has not both."""
    lower, upper = getattr(feasible, "lower", None), getattr(feasible, "upper", None)
    return jnp.asarray(True) if lower is None or upper is None else jnp.all(jnp.asarray(lower) < upper)


def _finite(value: Any) -> Array:
    return jnp.all(jnp.isfinite(jnp.asarray(value)))


def _words(name: str) -> str:
    """Return in words what is wrong."""
    method, _, what = name.partition(" ")
    return {
        "policies": f"the policy {what} is not finite",
        "set": f"the set of {what} is empty",
        "transition": f"next period's State.{what} is not finite",
        "errors": f"the error {what!r} is not finite or is a power of a negative number",
        "weights": f"weights of {what!r} are not finite, negative or all zero",
        "shock": "next period's State.shock is not the new shock",
        "process": "the probabilities or the parameters of next period's shock are none",
        "consumption": "consumption is not positive",
    }.get(method, name)


def _report(model: Model, found: dict[str, Any], at: int, where: str, repair: str) -> None:
    """Say what is wrong with a fresh network."""
    for name in sorted(found, key=lambda name: name != "process"):  # what else is wrong may follow from it
        good = found[name]
        if good[at].all():
            continue
        state = int(np.argmin(good[at]))
        when = "in the initial state" if state < KEYS else "within a few periods"
        method, _, what = name.partition(" ")
        if name == "shock":
            raise UserError(
                f"{model.name}.transition: State.shock must be the new shock, the argument `shock`, as it is given."
            )
        if name == "process":
            raise UserError(
                f"{model.name}.process: the probabilities of next period's shock are negative, not finite or do not "
                f"sum to one, or a parameter of it is out of its range, {when} with a fresh network{where}."
            )
        if method == "set":
            raise UserError(
                f"{model.name}.policies: the set of {what} is empty {when} with a fresh network (lower bound not below "
                "upper)."
            )
        if method == "weights":
            raise UserError(
                f"{model.name}.weights: those of {what!r} are not finite, negative or all zero {when} with a fresh "
                f"network{where}."
            )
        if name == "consumption":
            raise UserError(
                f"{model.name}.definitions: consumption is not positive {when} with a fresh network{where}."
            )
        said = {"errors": repr(what), "transition": f"State.{what}"}.get(method, what or "the vector")
        raise UserError(f"{model.name}.{method}: {said} is not finite {when} with a fresh network{where}; {repair}.")


def _said(sets: dict[str, FeasibleSet], blamed: str, policies: Any) -> str:
    """Return the values of the policies of a set, or of all, in words."""
    names = sets[blamed].names(blamed) if blamed else policies._fields
    said = []
    for name in names:
        value = getattr(policies, name)
        span = f"{value.min():.3g}" if value.size == 1 else f"{value.min():.3g} to {value.max():.3g}"
        said.append(f"{name} = {span}" if value.size else name)
    return ", ".join(said)
