"""A model's real numbers by name, and models in which some of them are arguments of the compiled programs.

Usually a parameter is a constant of a program, and another value is another program. A calibration loop opens those
that it changes: what all its models share is a template, and their values go into one program for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from equilearn.errors import UserError

OPEN = "open"
"""Stands in a template where a number was: whatever computes with it fails."""
T = TypeVar("T")


def real_numbers(model: Any) -> list[str]:
    """Return the names of a model's real numbers, and of those of its shock, which are called shock.NAME."""
    fields = dataclasses.fields(model)
    names = [f.name for f in fields if isinstance(getattr(model, f.name), float)]
    if any(f.name == "shock" for f in fields):
        names += [f"shock.{name}" for name in model.shock.real_parameters()]
    return names


def bare(instance: T) -> T:
    """Return a copy of a dataclass's instance with its fields alone: nothing that was computed from them before."""
    new = object.__new__(type(instance))
    for field in dataclasses.fields(instance):  # pyright: ignore[reportArgumentType]
        object.__setattr__(new, field.name, getattr(instance, field.name))
    return new


def forged(model: Any, values: Mapping[str, Any]) -> Any:
    """Return the model with parameters that may be traced, and that nobody checks."""
    new = bare(model)
    for name, value in values.items():
        if name.startswith("shock."):
            name, value = "shock", new.shock.forged(name.removeprefix("shock."), value)
        object.__setattr__(new, name, value)
    return new


def closed(template: Any, numbers: Mapping[str, Any]) -> Any:
    """Return the model of a template and its numbers, which is traced where they are."""
    return forged(template, numbers) if numbers else template


def names_of(varying: Any) -> tuple[str, ...]:
    """Return the names of parameters that vary, each once.

    Raises:
        UserError: they are no names.
    """
    listed = isinstance(varying, Sequence) and not isinstance(varying, str)
    if not listed or not all(isinstance(name, str) for name in varying):
        raise UserError(f'varying: must be names of parameters, like ("discount",), not {varying!r}.')
    return tuple(sorted(set(varying)))


def opened(model: Any, names: Iterable[str]) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the template of all models that differ in these numbers only, and this one's values.

    Raises:
        UserError: the model has no real number of such a name.
    """
    known, values = real_numbers(model), {}
    for name in names:
        if name not in known:
            raise UserError(
                f"varying: {model.name} has no real number {name!r} (sizes, tuples, words and chains cannot vary "
                f"within one program); it has {', '.join(known) or 'none'}."
            )
        own = model.shock if name.startswith("shock.") else model
        for part in name.removeprefix("shock.").split("."):
            own = getattr(own, part)
        values[name] = np.asarray(own, np.float64)
    return closed(model, dict.fromkeys(values, OPEN)), values
