"""Is the model well-formed? Checked before any training, with messages that name model, field and repair."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.equilibrium.hooks import check_hooks, check_names
from equilearn.equilibrium.model import Model, assemble
from equilearn.equilibrium.probing import check_numbers, starts_of
from equilearn.equilibrium.sets import Complement, FeasibleSet
from equilearn.equilibrium.shocks import Shock, entries, named, shock_of
from equilearn.equilibrium.structure import check_structure, everything
from equilearn.errors import UserError, first_line

LEAF = jax.tree.structure(0)
"""Of a value that is one array."""


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
        raise UserError(f"{name}.shock: must be a shock (MarkovChain, AR1, Shocks), not {type(model.shock).__name__}.")
    state = _run(name, "initial", lambda: model.initial(jax.random.key(0)))
    _check_state(model, "initial", state)
    state = jax.tree.map(jnp.asarray, state)
    sets = _check_policies(model, state)
    decision = _check_features_and_decision(model, state, sets)
    _check_transition(model, state, decision)
    equations, definitions = _check_equations(model, state, decision)
    check_names(model, state, definitions)
    starts = _run(name, "initial", lambda: starts_of(model))
    check_structure(model, starts, decision, sets)
    check_numbers(model, starts, sets)
    check_hooks(model, equations, {**named(state), **decision._asdict(), **definitions})
    return equations


def _run(name: str, method: str, function: Callable[[], Any]) -> Any:
    """Call a method of the model; turn what it raises into one message."""
    try:
        return function()
    except UserError as error:
        raise UserError(f"{name}.{method}: {error}") from error
    except jax.errors.TracerIntegerConversionError as error:
        raise UserError(
            f"{name}.{method}: looks up a tuple by a number that is only known when it runs; make the tuple an array "
            "first: jnp.asarray(self.NAME)[state.shock]."
        ) from error
    except Exception as error:
        raise UserError(f"{name}.{method}: raised {type(error).__name__}: {first_line(error)}") from error


def _check_state(model: Model, method: str, state: Any) -> None:
    name = model.name
    if not isinstance(state, model.State):
        raise UserError(f"{name}.{method}: must return a {name}.State, not {type(state).__name__}.")
    nested = jax.tree.structure(model.shock.initial)
    for field, value in zip(state._fields, state, strict=True):  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(value, jax.ShapeDtypeStruct) or (
            field == "shock" and jax.tree.structure(value) == nested != LEAF
        ):
            continue
        try:
            array = jnp.asarray(value)
        except (TypeError, ValueError):
            raise UserError(
                f"{name}.{method}: State.{field} must be an array of numbers, not {type(value).__name__}."
            ) from None
        _check_finite(name, method, {f"State.{field}": array})
    if model.shock.deterministic:
        return
    if not hasattr(state, "shock"):
        raise UserError(
            f"{name}.State: has no field `shock`; a model with a shock carries its current value in the state."
        )
    shock: Any = state.shock  # pyright: ignore[reportAttributeAccessIssue]
    if jax.tree.structure(shock) != nested:
        raise UserError(f"{name}.{method}: State.shock must have the form of `self.shock.initial`, a value of each.")
    values = [(field, value) for _, field, value in entries(state) if field.partition(".")[0] == "shock"]
    for (field, value), expected in zip(values, jax.tree.leaves(model.shock.initial), strict=True):
        given = jax.eval_shape(jnp.asarray, value)
        if given.shape != expected.shape or jnp.issubdtype(given.dtype, jnp.integer) != jnp.issubdtype(
            expected.dtype, jnp.integer
        ):
            raise UserError(
                f"{name}.{method}: State.{field} must be {expected.dtype}{list(expected.shape)} for a "
                f"{type(model.shock).__name__}, not {given.dtype}{list(given.shape)}; `self.shock.initial` has the "
                "right form."
            )


def _check_finite(name: str, method: str, arrays: Mapping[str, Any]) -> None:
    for field, value in arrays.items():
        if not np.all(np.isfinite(np.asarray(value, dtype=float))):
            raise UserError(f"{name}.{method}: {field} is not finite in the initial state.")


def _check_policies(model: Model, state: Any) -> dict[str, FeasibleSet]:
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
        start, scale = getattr(feasible, "start", None), getattr(feasible, "scale", None)
        share = -np.inf if isinstance(feasible, Complement) else 0
        if start is not None and not np.all((share < np.asarray(start)) & (np.asarray(start) < 1)):
            raise UserError(f"{name}.policies: the start of {key} must be a share of the interval, below 1.")
        if scale is not None and not np.all(np.asarray(scale) > 0):
            raise UserError(f"{name}.policies: the scale of {key} must be above 0.")
    return dict(sets)


def _check_features_and_decision(model: Model, state: Any, sets: dict[str, FeasibleSet]) -> Any:
    """Check the shape of the features; return the policies' shapes."""
    name, raw = model.name, sum(feasible.size for feasible in sets.values())
    features = _run(name, "features", lambda: jax.eval_shape(model.features, state))
    if jnp.ndim(features) != 1:
        raise UserError(f"{name}.features: must return a vector, not an array of shape {jnp.shape(features)}.")
    if not jnp.issubdtype(features.dtype, jnp.floating):
        raise UserError(f"{name}.features: must return real numbers, not {features.dtype}.")
    return _run(name, "policies", lambda: jax.eval_shape(functools.partial(assemble, model), state, jnp.zeros(raw)))


def _check_names(name: str, method: str, what: str, given: Iterable[str], expected: Iterable[str]) -> None:
    given, expected = list(given), list(expected)
    if twice := [one for one in given if given.count(one) > 1]:
        raise UserError(
            f"{name}.{method}: two sets give {twice[0]}; a Complement's multiplier is named by `multiplier=`."
        )
    if missing := [one for one in expected if one not in given]:
        raise UserError(f"{name}.{method}: gives nothing for {what}.{missing[0]}.")
    if extra := [one for one in given if one not in expected]:
        raise UserError(f"{name}.{method}: gives {extra[0]}, which is no field of {name}.{what}.")


def _check_process(model: Model, state: Any, decision: Any) -> Any:
    """Check what the shock becomes in a state; return the form of next period's value."""
    name, where = model.name, "process" if type(model).process is not Model.process else "shock"

    def value(state: Any, decision: Any) -> Any:
        process = model.process(state, decision)
        if not isinstance(process, Shock):
            raise UserError(f"must return a shock, like self.shock.given((1 - p, p)), not {type(process).__name__}.")
        if dict(process.chains) != dict(model.shock.chains):
            raise UserError(
                f"must return a process with the chains of the model's shock, of {_sizes(model.shock)} states, not of "
                f"{_sizes(process)}."
            )
        return jax.tree.map(lambda leaf: leaf[0], process.nodes(shock_of(state))[0])

    shock = _run(name, where, lambda: jax.eval_shape(value, state, decision))
    expected = jax.eval_shape(lambda: model.shock.initial)
    same = jax.tree.structure(shock) == jax.tree.structure(expected)
    if not same or any(a.shape != b.shape for a, b in zip(*map(jax.tree.leaves, (shock, expected)), strict=True)):
        raise UserError(f"{name}.{where}: gives values of another form than the model's shock has.")
    return shock


def _sizes(shock: Shock) -> str:
    """Return the numbers of states of a shock's chains, in words."""
    return " and ".join(map(str, shock.chains.values())) or "no"


def _check_transition(model: Model, state: Any, decision: Any) -> None:
    name = model.name
    shock = _check_process(model, state, decision)
    following = _run(name, "transition", lambda: jax.eval_shape(model.transition, state, decision, shock))
    _check_state(model, "transition", following)
    for (_, field, old), (_, _, new) in zip(entries(state), entries(following), strict=True):
        if old.shape != new.shape or old.dtype != new.dtype:
            raise UserError(
                f"{name}.transition: State.{field} is {old.dtype}{list(old.shape)} in the initial state but "
                f"{new.dtype}{list(new.shape)} a period later."
            )


def _check_equations(model: Model, state: Any, decision: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Check what errors and definitions return; return the equations' names and the definitions' shapes."""
    name = model.name

    def errors(state: Any, decision: Any) -> dict[str, Any]:
        return _named("errors", everything(model, state, decision, decision)[0])

    def definitions(state: Any, decision: Any) -> dict[str, Any]:
        return _named("variables", model.definitions(state, decision))

    def safeguards(state: Any, decision: Any) -> dict[str, Any]:
        return _named("clamps", model.safeguards(state, decision))

    def weights(state: Any, decision: Any) -> dict[str, Any]:
        return _named("weights", model.weights(state, decision))

    equations = _run(name, "errors", lambda: jax.eval_shape(errors, state, decision))
    _run(name, "safeguards", lambda: jax.eval_shape(safeguards, state, decision))
    if not equations:
        raise UserError(f"{name}.errors: must return a dictionary of named errors with at least one entry.")
    for equation, value in equations.items():
        if not jnp.issubdtype(value.dtype, jnp.floating) or value.size == 0:
            raise UserError(f"{name}.errors: {equation!r} must be an array of real numbers.")
    shapes = {key: jnp.shape(value) for key, value in decision._asdict().items()}
    shapes |= {equation: value.shape for equation, value in equations.items()}
    for key, value in _run(name, "weights", lambda: jax.eval_shape(weights, state, decision)).items():
        if key not in shapes:
            known = ", ".join(shapes)
            raise UserError(f"{name}.weights: there is no error or policy named {key!r}; there are {known}.")
        if key in equations and key in decision._fields:
            raise UserError(f"{name}.weights: {key!r} is an error and a policy; give one of them another name.")
        if value.shape != shapes[key]:
            kind = "error" if key in equations else "policy"
            raise UserError(
                f"{name}.weights: those of {key!r} are of shape {value.shape}, but the {kind} is of shape "
                f"{shapes[key]}."
            )
    return tuple(equations), _run(name, "definitions", lambda: jax.eval_shape(definitions, state, decision))


def _named(what: str, given: Any) -> dict[str, Any]:
    """Return a dictionary of arrays as it is, having looked at its names and entries."""
    if not isinstance(given, dict):
        raise UserError(f"must return a dictionary of named {what}, not {type(given).__name__}.")
    for key, value in given.items():
        if not isinstance(key, str) or not key.strip():
            raise UserError(f"the names of {what} must be texts, not {key!r}.")
        try:
            array = jnp.asarray(value)
        except (TypeError, ValueError):
            array = None
        if value is None or array is None:
            raise UserError(f"{key!r} must be an array of numbers, not {type(value).__name__}.")
    return {key: jnp.asarray(value) for key, value in given.items()}
