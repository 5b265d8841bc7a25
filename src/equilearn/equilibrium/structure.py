"""What a model leaves out: read off the traces of its methods, before anything is computed.

- a table that does not fit the chain: too few entries (JAX takes the nearest one) or entries that no state reaches;
- a law of motion that gives a state the same number whatever happens, or never moves it;
- a policy that no equation depends on, so that nothing determines it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.equilibrium.model import Model, applied
from equilearn.equilibrium.sets import FeasibleSet
from equilearn.equilibrium.shocks import entries, shock_of
from equilearn.equilibrium.tracing import Lookup, influences, lookups, passed_on, trace
from equilearn.errors import UserError


def check_structure(model: Model, starts: Any, decision: Any, sets: Mapping[str, FeasibleSet]) -> None:
    """Check what a model's methods depend on.

    Args:
        model: the model.
        starts: initial states of several keys, leading axis.
        decision: the policies in an initial state, or their shapes.
        sets: their feasible sets.

    Raises:
        UserError: something is left out.
    """
    state = jax.tree.map(lambda leaf: leaf[0], starts)
    _check_movement(model, starts, state, decision)
    _check_policies_count(model, state, decision, sets)
    for chain, size in model.shock.chains.items():
        _check_tables(model, chain, size, state, decision)


def everything(model: Model, state: Any, decision: Any, then: Any) -> tuple[Any, Any, Any]:
    """Return all that a model says in one state: errors, next period's states, and the rest.

    Args:
        model: the model.
        state: a state.
        decision: the policies in it.
        then: the policies in all states of next period.
    """
    values, probabilities = model.process(state, decision).nodes(shock_of(state))
    following = jax.vmap(lambda shock: model.transition(state, decision, shock))(values)

    def elsewhere(other: Any) -> Any:
        reached = sum(jnp.sum(jnp.asarray(leaf, jnp.float32)) for leaf in jax.tree.leaves(other))
        return jax.tree.map(lambda leaf: leaf + 0 * reached, then)

    def expect(function: Any) -> Any:
        results = jax.vmap(lambda one: applied(function, one, then, elsewhere))(following)
        return jax.tree.map(lambda leaf: jnp.tensordot(probabilities, leaf, axes=1), results)

    rest = (
        model.features(state),
        model.policies(state),
        model.definitions(state, decision),
        model.safeguards(state, decision),
        model.weights(state, decision),
    )
    return model.errors(state, decision, expect), following, rest


def _check_movement(model: Model, starts: Any, state: Any, decision: Any) -> None:
    """Check that every state moves, or differs between economies."""
    name = model.name

    def new(state: Any, decision: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[0], model.process(state, decision).nodes(shock_of(state))[0])

    value = jax.eval_shape(new, state, decision)
    program = trace(model.transition, state, decision, value)
    reached, place = influences(program), len(program.jaxpr.invars) - len(jax.tree.leaves(value))
    for i, (_, field, start) in enumerate(entries(starts)):
        shock = field.partition(".")[0] == "shock"
        if (shock and model.shock.deterministic) or start.size == 0:
            continue
        if shock and place not in reached[i]:
            raise UserError(f"{name}.transition: State.{field} must be the new shock, the argument `shock`.")
        place += shock
        if not reached[i]:
            raise UserError(
                f"{name}.transition: State.{field} is the same next period whatever happens; it must follow from "
                "state, policy and shock."
            )
        if passed_on(program, i) == i and np.all(np.asarray(start) == np.asarray(start[0])):
            raise UserError(
                f"{name}.transition: State.{field} never moves from what it is in the initial state; let `transition` "
                "move it, or make it a parameter."
            )


def _check_policies_count(model: Model, state: Any, decision: Any, sets: Mapping[str, FeasibleSet]) -> None:
    """Check that every feasible set has a policy that some equation depends on."""
    leaves, kind = jax.tree.flatten(decision)

    def errors(today: list[Any], later: list[Any]) -> Any:
        found = everything(model, state, jax.tree.unflatten(kind, today), jax.tree.unflatten(kind, later))
        return list(found[0].values())

    reached = frozenset().union(*influences(trace(errors, leaves, leaves)))
    counted = {name for i, name in enumerate(type(decision)._fields) if {i, i + len(leaves)} & reached}
    for key, feasible in sets.items():
        if not counted & set(feasible.names(key)):
            raise UserError(
                f"{model.name}.errors: no equation depends on the policy {', '.join(feasible.names(key))}, so that "
                "nothing determines it."
            )


def _check_tables(model: Model, chain: str, states: int, state: Any, decision: Any) -> None:
    """Check that what is looked up by a chain's state has an entry for each state, and no more."""
    place = list(model.shock.chains).index(chain)

    def at(index: Any, state: Any, decision: Any) -> Any:
        indices = list(model.shock.indices(state.shock))
        indices[place] = index
        return everything(
            model, state._replace(shock=model.shock.with_indices(state.shock, indices)), decision, decision
        )

    program = trace(jax.vmap(at, in_axes=(0, None, None)), jnp.arange(states, dtype=jnp.int32), state, decision)
    found = lookups(program, {0: np.arange(states, dtype=np.int32)})
    tables = {name: np.asarray(value) for name, value in _tables_of(model)}
    for one in found:
        if one.positions.min() < 0 or one.positions.max() >= one.size:
            shock = f"shock {one.positions.max()}" if len(one.positions) == states else f"entry {one.positions.max()}"
            raise UserError(
                f"{_called(model, one, tables)} has {one.size} entries, too few for a chain of {states} states: "
                f"there is none for {shock}."
            )
    for one in found:
        direct = np.array_equal(one.positions, np.arange(states)) and one.size > states
        if direct and (one.array is not None or _parameter(one, tables)) and not _seen(one, found):
            raise UserError(
                f"{_called(model, one, tables)} has {one.size} entries, too many for a chain of {states} states."
            )


def _seen(one: Lookup, found: list[Lookup]) -> bool:
    """Return whether look-ups elsewhere reach the entries of this table that are left over here."""
    alike = [other for other in found if other.size == one.size]
    return len(np.unique(np.concatenate([other.positions for other in alike]))) == one.size


def _tables_of(model: Any) -> list[tuple[str, Any]]:
    """Return the parameters that are tables of numbers, by name; of a model with uncertain parameters its own."""
    inner = getattr(model, "model", model)
    values = [(f.name, getattr(inner, f.name)) for f in dataclasses.fields(inner)]
    return [(name, value) for name, value in values if isinstance(value, tuple) and name != "ranges"]


def _parameter(one: Lookup, tables: dict[str, np.ndarray]) -> str | None:
    """Return the name of the parameter that is looked up, as far as it can be told."""
    for name, table in tables.items():
        alike = one.array is not None and table.dtype.kind in "fi" and table.shape == one.array.shape
        if alike and np.allclose(table, one.array):  # pyright: ignore[reportArgumentType]
            return name
    for name, table in tables.items():
        if one.array is None and table.dtype.kind in "fi" and one.size in table.shape:
            return name
    return None


def _called(model: Model, one: Lookup, tables: dict[str, np.ndarray]) -> str:
    name = _parameter(one, tables)
    return f"{model.name}.{name}:" if name else f"{model.name}: an array that is indexed by the shock"
