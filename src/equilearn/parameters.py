"""Parameters as people have them, in one plain form: Python numbers, strings and tuples of them.

Numbers come from NumPy, JAX, pandas, lists and in single precision; a parameter is a Python number or a tuple, whatever
it was given as, so that models can be compared, hashed and stored. A number in single precision becomes the one that
its shortest decimal says: what was written 0.92 is 0.92.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

import jax
import jax.core
import jaxtyping
import numpy as np

from equilearn.errors import UserError


def traced(value: Any) -> bool:
    """Return whether a value is only known inside a compiled program (a parameter that is a state)."""
    return isinstance(value, jax.core.Tracer)


def namespace(*values: Any) -> types.ModuleType:
    """Return the module to compute with: NumPy for numbers that are known, JAX's where one is an array of JAX."""
    return jax.numpy if any(isinstance(value, jax.Array) for value in values) else np


def plain(value: Any) -> Any:
    """Return numbers of NumPy and JAX as Python's, lists and arrays as tuples, everything else as it is."""
    if traced(value):
        return value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return tuple(plain(item) for item in value)
    if not hasattr(value, "__array__") or isinstance(value, type):
        return value
    try:
        array = np.asarray(value)
    except TypeError:  # a random key
        return value
    if array.ndim > 0:
        return tuple(plain(item) for item in array)
    if jax.numpy.issubdtype(array.dtype, np.floating):
        return float(str(array)) if array.dtype.itemsize < 8 else float(array)
    return array.item()


def fitted(value: Any, kind: Any, where: str) -> Any:
    """Return a value in plain form, as a field of this kind holds it.

    Args:
        value: what was given.
        kind: the field's type; kinds that are not known here leave the value as it is.
        where: the beginning of a message, "OLG.discount:".

    Raises:
        UserError: the value is of another kind, or not a number (nan).
    """
    value = plain(value)
    if traced(value):
        return value
    if get_origin(kind) in (Union, types.UnionType):
        return _one_of(value, get_args(kind), where)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"{where} must be one of {', '.join(map(str, get_args(kind)))}, not {value!r}.")
        return value
    if get_origin(kind) is tuple and get_args(kind):
        return _tuple(value, get_args(kind), where)
    if kind in _SIMPLE:
        value = _SIMPLE[kind](value, where)
    ours = isinstance(kind, type) and (dataclasses.is_dataclass(kind) or inspect.isabstract(kind))
    if ours and not isinstance(value, kind):
        raise UserError(f"{where} must be a {kind.__name__}, not {type(value).__name__}.")
    _refuse_nan(value, where)
    return value


def _one_of(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    """Return a value that fits one of several kinds."""
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None) and not _traced_kind(kind))
    for kind in kinds[:-1]:
        try:
            return fitted(value, kind, where)
        except UserError:
            continue
    return fitted(value, kinds[-1], where)


def _traced_kind(kind: Any) -> bool:
    """Return whether a kind stands for values that are only known inside a compiled program."""
    return isinstance(kind, type) and issubclass(kind, jaxtyping.AbstractArray)


def _tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise UserError(f"{where} must be a sequence, like (1.0, 2.0), not {value!r}.")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise UserError(f"{where} must have {len(kinds)} entries, not {len(value)}.")
    return tuple(
        fitted(item, kind, f"{where} entry {i}") for i, (item, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _real(value: Any, where: str) -> float:
    if not _is_number(value):
        raise UserError(f"{where} must be a number, not {value!r}.")
    try:
        return float(value)
    except OverflowError:
        raise UserError(f"{where} is too large a number.") from None


def _whole(value: Any, where: str) -> int:
    if not _is_number(value) or (isinstance(value, float) and not value.is_integer()) or int(value) != value:
        raise UserError(f"{where} must be a whole number, not {value!r}.")
    return int(value)


def _exactly(kind: type, words: str) -> Callable[[Any, str], Any]:
    def check(value: Any, where: str) -> Any:
        if not isinstance(value, kind):
            raise UserError(f"{where} must be {words}, not {value!r}.")
        return value

    return check


_SIMPLE: dict[Any, Callable[[Any, str], Any]] = {
    float: _real,
    int: _whole,
    bool: _exactly(bool, "True or False"),
    str: _exactly(str, "a text"),
}


def _refuse_nan(value: Any, where: str) -> None:
    if isinstance(value, tuple):
        for item in value:
            _refuse_nan(item, where)
    elif isinstance(value, float) and math.isnan(value):
        raise UserError(f"{where} must be a number, not nan.")


def finite(value: Any) -> bool:
    """Return whether a plain value holds no infinite number."""
    if isinstance(value, tuple):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def kind_of(field: dataclasses.Field[Any], owner: type) -> Any:
    """Return the type of a field of a dataclass; Any where its annotation is a text that cannot be read."""
    if not isinstance(field.type, str):
        return field.type
    for base in owner.__mro__:
        if field.name in inspect.get_annotations(base):
            names = vars(sys.modules.get(base.__module__, types.ModuleType("none")))
            try:
                return eval(field.type, dict(names), dict(vars(base)))
            except Exception:
                return Any
    return Any


def fit_fields(instance: Any, name: str | None = None) -> None:
    """Bring the fields of a frozen dataclass to plain form; for its `__post_init__`.

    Args:
        instance: the dataclass's instance.
        name: what messages call it; by default the name of its class.

    Raises:
        UserError: a value is not of its field's type, or nan, or infinite where its default is not.
    """
    for field in dataclasses.fields(instance):
        where = f"{name or type(instance).__name__}: {field.name}"
        value = fit_field(field, getattr(instance, field.name), type(instance), where)
        object.__setattr__(instance, field.name, value)


def fit_field(field: dataclasses.Field[Any], value: Any, owner: type, where: str) -> Any:
    """Return a value as a field of a dataclass holds it; see `fit_fields`."""
    value = fitted(value, kind_of(field, owner), where)
    if not finite(value) and (field.default is dataclasses.MISSING or finite(plain(field.default))):
        raise UserError(f"{where} must be finite, not {value!r}.")
    return value


def plain_defaults(owner: type) -> None:
    """Bring the defaults in a class body, of fields with a type, to plain form."""
    for name, kind in inspect.get_annotations(owner).items():
        if name in owner.__dict__ and get_origin(kind) is not ClassVar and not str(kind).startswith("ClassVar"):
            setattr(owner, name, plain(owner.__dict__[name]))


def given_fields(owner: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all fields of a dataclass that is made with these arguments, in plain form.

    Raises:
        UserError: a name is unknown, a value is missing or wrong.
    """
    fields = {field.name: field for field in dataclasses.fields(owner) if field.init}
    for name in given:
        if name in fields:
            continue
        if isinstance(inspect.getattr_static(owner, name, None), property):
            raise UserError(f"{owner.__name__}.{name}: follows from the parameters and cannot be given.")
        raise UserError(f"{owner.__name__}: has no parameter {name!r}; it has {', '.join(fields) or 'none'}.")
    return {
        name: fit_field(field, _value(owner, field, given), owner, f"{owner.__name__}.{name}:")
        for name, field in fields.items()
    }


def _value(owner: type, field: dataclasses.Field[Any], given: Mapping[str, Any]) -> Any:
    """Return what was given for a field, or its default."""
    if field.name in given:
        return given[field.name]
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise UserError(f"{owner.__name__}.{field.name}: has no default; give a value.")


def within(name: str, field: str, value: int | float | None, low: int | float, high: int | float = math.inf) -> None:
    """Check that a number, where there is one, lies between bounds, both included.

    Raises:
        UserError: it does not.
    """
    if value is None or low <= value <= high:
        return
    if high == math.inf or value < low:
        raise UserError(f"{name}: {field} must be at least {low:,}, not {value:,}.")
    raise UserError(f"{name}: {field} must be between {low:,} and {high:,}, not {value}.")
