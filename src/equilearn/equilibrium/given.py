"""States and shocks that a user gives: of the right form, possible, and not far outside what was learnt.

How far a state is from what was learnt is measured as the network sees it: in every feature the distance from the mean,
in spreads of the input scaling. Beyond `BOUND` spreads inputs are clipped, and the answer is a guess.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from equilearn.compiling import compiled_once
from equilearn.equilibrium.accuracy import LOST
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.shocks import entries
from equilearn.errors import UserError
from equilearn.networks.scaling import BOUND

NAMED = 3
"""So many features are named in a warning."""


class OutsideWarning(UserWarning):
    """A state is far outside all that the network learnt from."""


def given(model: Model, state: Any, *, axes: int = 1) -> tuple[Any, int]:
    """Return a state with arrays of the model's types, and how many leading axes it has (at most so many).

    Traced values (under `jax.vmap`, `jax.grad` or `jax.jit`) have no numbers yet and are checked for their shapes only.

    Raises:
        UserError: it is no state of this model, its shapes are wrong, or it is impossible.
    """
    if not isinstance(state, model.State):
        raise UserError(f"needs a {model.name}.State, not {type(state).__name__}.")
    form = jax.eval_shape(model.initial, jax.random.key(0))
    tree, names = jax.tree.structure(form), [field for _, field, _ in entries(form)]
    if [field for _, field, _ in entries(state)] != names:
        raise UserError(f"{model.name}.State.shock must have the form of the model's `shock.initial`.")
    like = jax.tree.leaves(form)
    kind = f"{model.name}.State"
    values = [
        _array(f"{kind}.{field}", value, one) for (_, field, value), one in zip(entries(state), like, strict=True)
    ]
    _check_indices(model, jax.tree.unflatten(tree, values).shock if model.shock.chains else None, f"{kind}.shock")
    leads = {value.shape[: max(value.ndim - one.ndim, 0)] for value, one in zip(values, like, strict=True)}
    inner = all(value.shape[value.ndim - one.ndim :] == one.shape for value, one in zip(values, like, strict=True))
    lead = next(iter(leads))
    if not inner or len(leads) > 1 or len(lead) > axes or 0 in lead:
        raise UserError(
            f"the fields of {model.name}.State must have shapes "
            f"{', '.join(f'{n}{list(one.shape)}' for n, one in zip(names, like, strict=True))}, "
            f"all of them with the same {'leading axis' if axes == 1 else 'leading axes'} more or none, "
            f"not {', '.join(f'{n}{list(value.shape)}' for n, value in zip(names, values, strict=True))}."
        )
    arrays = [value.astype(one.dtype) if isinstance(value, Tracer) else jnp.asarray(value, one.dtype)
              for value, one in zip(values, like, strict=True)]  # fmt: skip
    return jax.tree.unflatten(tree, arrays), len(lead)


def given_shocks(model: Model, shocks: Any) -> tuple[Any, int]:
    """Return values of a model's shock, one a period, as arrays of its types with a leading axis, and how many.

    Args:
        model: the model.
        shocks: indices of a chain, (periods,); numbers of an AR(1), (periods,); vectors, (periods, d); for several
            shocks such values of each by its name, in a dictionary or as the value of `Shocks`.

    Raises:
        UserError: the model has no shock; a name, a shape or a value is wrong.
    """
    if model.shock.deterministic:
        raise UserError(f"shocks: {model.name} has none; leave them out.")
    form = model.shock.initial
    fields = getattr(form, "_fields", None)
    if fields is None:
        named = {"shocks": shocks}
    else:
        asdict = getattr(shocks, "_asdict", None)
        given = asdict() if asdict is not None else shocks
        if not isinstance(given, Mapping):
            raise UserError(
                f"shocks: give the values of each by its name, like {{{fields[0]!r}: [...]}}, not "
                f"{type(shocks).__name__}."
            )
        if set(given) != set(fields):
            raise UserError(
                f"shocks: needs values of {', '.join(fields)}, not of {', '.join(map(str, given)) or 'nothing'}."
            )
        named = {f"shocks: {name}": given[name] for name in fields}
    like = jax.tree.leaves(form)
    values = [_array(name, value, one) for (name, value), one in zip(named.items(), like, strict=True)]
    for name, value, one in zip(named, values, like, strict=True):
        if value.ndim != one.ndim + 1 or value.shape[1:] != one.shape or len(value) == 0:
            wanted = ", ".join(["periods", *map(str, one.shape)])
            raise UserError(f"{name}: must have the shape ({wanted}{',' * (one.ndim == 0)}), not {value.shape}.")
    lengths = {len(value) for value in values}
    if len(lengths) > 1:
        listed = ", ".join(f"{name.partition(': ')[2]} {len(value)}" for name, value in zip(named, values, strict=True))
        raise UserError(f"shocks: all must be for the same number of periods, not {listed}.")
    tree = jax.tree.structure(form)
    _check_indices(model, jax.tree.unflatten(tree, values), "shocks")
    arrays = [jnp.asarray(value, one.dtype) for value, one in zip(values, like, strict=True)]
    return jax.tree.unflatten(tree, arrays), lengths.pop()


def _array(field: str, value: Any, like: Any) -> Any:
    """Return a field's values as an array, if they are possible."""
    if isinstance(value, Tracer):
        return value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise UserError(f"{field} must be an array of real numbers, not {type(value).__name__}.")
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.result_type(like.dtype, np.float32)))
    if not np.all(finite):
        raise UserError(f"{field} must be finite; it holds {array[~finite].flat[0]}.")
    if jnp.issubdtype(like.dtype, jnp.integer) and np.any(array != np.round(array)):
        raise UserError(f"{field} must be whole, not {array[array != np.round(array)].flat[0]}.")
    return array


def _check_indices(model: Model, value: Any, where: str) -> None:
    """Check that what numbers the states of a chain is below their number."""
    if not model.shock.chains:
        return
    for (name, size), index in zip(model.shock.chains.items(), model.shock.indices(value), strict=True):
        array = np.zeros(0, int) if isinstance(index, Tracer) else np.asarray(index)
        wrong = array[(array < 0) | (array >= size)]
        if wrong.size:
            raise UserError(
                f"{where}{name and '.'}{name} must be the index of a state of the chain, 0 to {size - 1}, not "
                f"{wrong.flat[0]:g}."
            )


def warn_outside(policy: PolicyFunction, states: Any, what: str, *, level: int = 4) -> None:
    """Warn where states (one leading axis) are far outside what was learnt; name the fields and how far.

    Raises:
        UserError: what the network sees of a state is no finite number.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(states)):
        return
    spreads = np.asarray(_spreads(policy, states))
    bad = ~np.isfinite(spreads)
    far = bad if bad.any() else np.abs(spreads) > BOUND
    if not far.any():
        return
    row = int(np.argmax(bad.any(axis=1) if bad.any() else np.abs(spreads).max(axis=1)))
    columns = np.flatnonzero(far[row])
    columns = columns[np.argsort(-np.abs(np.nan_to_num(spreads[row, columns])), kind="stable")]
    sources = _sources(policy.model, jax.tree.map(lambda leaf: leaf[row], states), columns[:NAMED])
    number = far.any(axis=1).sum()
    which = "the state" if len(far) == 1 else f"{number:,} of the {len(far):,} states"
    if bad.any():
        raise UserError(f"{what}: {which} cannot be: what the network sees of {sources[0]} is no finite number.")
    far_off = ", ".join(
        f"{source} is {_size(float(spreads[row, column]))} spreads from the mean"
        for source, column in zip(sources, columns, strict=False)
    )
    if columns.size > NAMED:
        far_off += f" and {columns.size - NAMED} features more"
    verb, worst = ("is", "") if len(far) == 1 else ("lie", "in the worst, ")
    warnings.warn(
        f"{what}: {which} {verb} far outside what was learnt ({worst}{far_off}); the answer there is a guess.",
        OutsideWarning,
        stacklevel=level,
    )


def warn_lost(what: str, outside: float, *, level: int = 4) -> None:
    """Warn where so large a share of simulated states is far outside what was learnt, as the certificate does."""
    if outside >= LOST:
        said = f"{100 * outside:.3g} % of the states lie far outside what was learnt; the answers there are guesses."
        warnings.warn(f"{what}: {said}", OutsideWarning, stacklevel=level)


def _size(spreads: float) -> str:
    return f"{abs(spreads):.2g}" if abs(spreads) < 100 else f"{abs(spreads):,.0f}"


@compiled_once
def _spreads(policy: PolicyFunction, states: Any) -> Float[Array, "states features"]:
    scaling = policy.scaling
    return jax.vmap(lambda state: (policy.model.features(state) - scaling.mean) / scaling.spread)(states)


def _sources(model: Model, state: Any, columns: np.ndarray) -> list[str]:
    """Return, for some features, the fields of the state that they are made of."""
    leaves, tree = jax.tree.flatten(state)
    names = [field for _, field, _ in entries(state)]
    real = {n: x for n, x in zip(names, leaves, strict=True) if jnp.issubdtype(x.dtype, jnp.floating)}

    def features(moved: dict[str, Array]) -> Array:
        values = [moved.get(name, leaf) for name, leaf in zip(names, leaves, strict=True)]
        return model.features(jax.tree.unflatten(tree, values))

    slopes = jax.jacrev(features)(real)
    moves = {name: np.asarray(slope).reshape(len(slope), -1) != 0 for name, slope in slopes.items()}
    sources = []
    for column in columns:
        own = [name for name, moved in moves.items() if moved[column].any()]
        sources.append(" and ".join(own[:2]) if 0 < len(own) <= 2 else f"feature {column}")
    return sources
