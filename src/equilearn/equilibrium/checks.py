"""Is the model well-formed? Checked before any training, with messages that name model, field and repair."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.equilibrium.model import (
    Model,
    PolicyFunction,
    assemble,
    expectation,
    heads,
    shock_of,
)
from equilearn.equilibrium.sets import FeasibleSet
from equilearn.equilibrium.shocks import Deterministic, Shock
from equilearn.errors import UserError
from equilearn.networks import MLP, Scaling


def check_model(model: Any) -> tuple[str, ...]:
    """Check a model on its initial state with a fresh network; return the names of its equations.

    Raises:
        UserError: something about the model is wrong.
    """
    if isinstance(model, type):
        raise UserError(f"{model.__name__}: pass an instance of the model, {model.__name__}(), not the class.")
    if not isinstance(model, Model):
        raise UserError(f"{type(model).__name__} is no equilearn.Model; derive your class from it.")
    try:
        hash(model)
    except TypeError as error:
        raise UserError(f"{model.name}: a parameter is mutable ({error}); use numbers, texts and tuples.") from None
    return _check(model)


@functools.lru_cache(maxsize=16)
def _check(model: Model) -> tuple[str, ...]:
    name = model.name
    for inner in ("State", "Policy"):
        kind = getattr(model, inner, None)
        if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
            raise UserError(
                f"{name}.{inner}: missing or no NamedTuple; write `class {inner}(NamedTuple): ...` inside the model."
            )
    if not isinstance(model.shock, Shock):
        raise UserError(
            f"{name}.shock: must be a shock (MarkovChain, AR1, Gaussian), not {type(model.shock).__name__}."
        )
    state = _run(name, "initial", lambda: model.initial(jax.random.key(0)))
    _check_state(model, "initial", state)
    state = jax.tree.map(jnp.asarray, state)
    raw_size = _check_policies(model, state)
    features = _run(name, "features", lambda: jax.jit(model.features)(state))
    if jnp.ndim(features) != 1:
        raise UserError(f"{name}.features: must return a vector, not an array of shape {jnp.shape(features)}.")
    _check_finite(name, "features", {"features": features})
    decision = _run(name, "policies", lambda: jax.jit(functools.partial(assemble, model))(state, jnp.zeros(raw_size)))
    _check_transition(model, state, decision)
    return _check_errors(model, state, features.shape[0], raw_size)


def _run(name: str, method: str, function: Callable[[], Any]) -> Any:
    """Call a method of the model; turn what it raises into one message."""
    try:
        return function()
    except UserError as error:
        raise UserError(f"{name}.{method}: {error}") from error
    except Exception as error:
        lines = str(error).splitlines()
        reason = lines[0] if lines else ""
        raise UserError(f"{name}.{method}: raised {type(error).__name__}: {reason}") from error


def _check_state(model: Model, method: str, state: Any) -> None:
    name = model.name
    if not isinstance(state, model.State):
        raise UserError(f"{name}.{method}: must return a {name}.State, not {type(state).__name__}.")
    for field, value in zip(state._fields, state, strict=True):  # pyright: ignore[reportAttributeAccessIssue]
        try:
            array = jnp.asarray(value)
        except (TypeError, ValueError):
            raise UserError(
                f"{name}.{method}: State.{field} must be an array of numbers, not {type(value).__name__}."
            ) from None
        _check_finite(name, method, {f"State.{field}": array})
    if isinstance(model.shock, Deterministic):
        return
    if not hasattr(state, "shock"):
        raise UserError(
            f"{name}.State: has no field `shock`; a model with a shock carries its current value in the state."
        )
    expected, given = model.shock.initial, jnp.asarray(state.shock)  # pyright: ignore[reportAttributeAccessIssue]
    if given.shape != expected.shape or jnp.issubdtype(given.dtype, jnp.integer) != jnp.issubdtype(
        expected.dtype, jnp.integer
    ):
        raise UserError(
            f"{name}.{method}: State.shock must be {expected.dtype}{list(expected.shape)} for a "
            f"{type(model.shock).__name__}, not {given.dtype}{list(given.shape)}; `self.shock.initial` has the "
            "right form."
        )


def _check_finite(name: str, method: str, arrays: Mapping[str, Any]) -> None:
    for field, value in arrays.items():
        if not np.all(np.isfinite(np.asarray(value, dtype=float))):
            raise UserError(f"{name}.{method}: {field} is not finite in the initial state.")


def _check_policies(model: Model, state: Any) -> int:
    name, sets = model.name, _run(model.name, "policies", lambda: model.policies(state))
    if not isinstance(sets, Mapping) or not all(isinstance(s, FeasibleSet) for s in sets.values()):
        raise UserError(
            f"{name}.policies: must return a dictionary of feasible sets (Interval, HalfLine, Real, Simplex, "
            "Complement), one for each policy."
        )
    given = [one for key, feasible in sets.items() for one in feasible.names(key)]
    _check_names(name, "policies", "Policy", given, model.Policy._fields)  # pyright: ignore[reportAttributeAccessIssue]
    for key, feasible in sets.items():
        for leaf in jax.tree.leaves(feasible):
            _check_finite(name, "policies", {f"a bound of {key}": leaf})
        lower, upper = getattr(feasible, "lower", None), getattr(feasible, "upper", None)
        if lower is not None and upper is not None and not np.all(np.asarray(lower) < np.asarray(upper)):
            raise UserError(
                f"{name}.policies: the set of {key} is empty in the initial state (lower bound not below upper)."
            )
    return sum(feasible.size for feasible in sets.values())


def _check_names(name: str, method: str, what: str, given: Iterable[str], expected: Iterable[str]) -> None:
    given, expected = list(given), list(expected)
    if missing := [one for one in expected if one not in given]:
        raise UserError(f"{name}.{method}: gives nothing for {what}.{missing[0]}.")
    if extra := [one for one in given if one not in expected]:
        raise UserError(f"{name}.{method}: gives {extra[0]}, which is no field of {name}.{what}.")


def _check_transition(model: Model, state: Any, decision: Any) -> None:
    name = model.name
    shock = model.shock.nodes(shock_of(state))[0][0]
    following = _run(name, "transition", lambda: jax.jit(model.transition)(state, decision, shock))
    _check_state(model, "transition", following)
    for field, old, new in zip(state._fields, state, following, strict=True):
        old, new = jnp.asarray(old), jnp.asarray(new)
        if old.shape != new.shape or old.dtype != new.dtype:
            raise UserError(
                f"{name}.transition: State.{field} is {old.dtype}{list(old.shape)} in the initial state but "
                f"{new.dtype}{list(new.shape)} a period later."
            )


def _check_errors(model: Model, state: Any, features: int, raw_size: int) -> tuple[str, ...]:
    name = model.name

    @jax.jit
    def evaluate(state: Any) -> dict[str, Any]:
        network = MLP(features, raw_size, width=4, depth=1, heads=heads(model), key=jax.random.key(0))
        x = model.features(state)
        policy = PolicyFunction(network, Scaling(x, jnp.ones_like(x)), model)
        decision = policy(state)
        errors = model.errors(state, decision, expectation(policy, state, decision))
        if not isinstance(errors, dict) or not errors:
            raise UserError("must return a dictionary of named errors with at least one entry.")
        return errors

    errors = _run(name, "errors", lambda: evaluate(state))
    for equation, value in errors.items():
        if not jnp.issubdtype(jnp.asarray(value).dtype, jnp.floating):
            raise UserError(f"{name}.errors: {equation!r} must be an array of real numbers.")
        if not np.all(np.isfinite(np.asarray(value))):
            raise UserError(
                f"{name}.errors: {equation!r} is not finite in the initial state with a fresh network; check that "
                "the initial state is feasible and that no set allows, say, negative consumption."
            )
    return tuple(errors)
