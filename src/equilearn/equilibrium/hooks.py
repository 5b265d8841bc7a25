"""What a model says about itself for reports, tried once before the training: a hook that fails would spoil its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from xarray.backends.netcdf3 import is_valid_nc3_name

from equilearn.equilibrium.model import Model
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.shocks import entries
from equilearn.equilibrium.solution import Solution, fresh_policy
from equilearn.errors import UserError, first_line
from equilearn.learn import Outcome, Target

AXES = ("period", "path")
"""Axes of every simulation."""


def check_names(model: Model, state: Any, definitions: Mapping[str, Any]) -> None:
    """Check that no two things that a simulation reports have the same name.

    Raises:
        UserError: two have, or a name cannot be stored.
    """
    taken: dict[str, str] = {}
    for name, field, _ in entries(state):
        if name in taken:
            raise UserError(f"{model.name}: {taken[name]} and State.{field} have the same name; call one otherwise.")
        taken[name] = f"State.{field}"
    for name in model.Policy._fields:  # pyright: ignore[reportAttributeAccessIssue]
        if name in taken:
            raise UserError(f"{model.name}: State and Policy both have a field {name!r}; call one of them otherwise.")
        taken[name] = f"Policy.{name}"
    for name in definitions:
        if name in taken:
            raise UserError(
                f"{model.name}.definitions: {name!r} is the name of {taken[name]} already; call it otherwise."
            )
        taken[name] = f"the definition {name!r}"
    for name, what in taken.items():
        if name in AXES:
            raise UserError(f"{model.name}: {what} has the name of an axis of simulations; call it otherwise.")
        if name.removesuffix("_percent") != name and name.removesuffix("_percent") in taken:
            raise UserError(f"{model.name}: {what} has the name of a response in percent; call it otherwise.")
        if not is_valid_nc3_name(name):
            raise UserError(f"{model.name}: {what} has a name that no file can hold; use letters, digits and _.")


def check_hooks(model: Model, equations: tuple[str, ...], variables: Mapping[str, Any]) -> None:
    """Check coordinates, units, settings, required accuracy and figures.

    Args:
        model: the model.
        equations: names of its errors.
        variables: what simulations report, arrays or their shapes, by name.

    Raises:
        UserError: a hook fails or returns something else than it should.
    """
    _check_coordinates(model, variables)
    _check_units(model, equations)
    settings = _try(model, "settings", model.settings)
    if not isinstance(settings, SolveSettings):
        raise UserError(f"{model.name}.settings: must return SolveSettings(...), not {type(settings).__name__}.")
    required = _try(model, "required", model.required)
    if not isinstance(required, (tuple, list)) or not all(isinstance(one, Target) for one in required):
        raise UserError(f"{model.name}.required: must return a tuple of Target(...), () for none.")
    for hook, targets in (("settings", settings.targets), ("required", required)):
        for target in targets:
            if target.error not in equations:
                raise UserError(
                    f"{model.name}.{hook}: there is no error named {target.error!r}; there are {', '.join(equations)}."
                )
    _check_figures(model, settings)


def _try(model: Model, hook: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except UserError as error:
        raise UserError(f"{model.name}.{hook}: {error}") from error
    except Exception as error:
        raise UserError(f"{model.name}.{hook}: raised {type(error).__name__}: {first_line(error)}") from error


def _check_units(model: Model, equations: tuple[str, ...]) -> None:
    units = _try(model, "units", model.units)
    if not isinstance(units, Mapping) or not all(isinstance(text, str) and text.strip() for text in units.values()):
        raise UserError(f'{model.name}.units: must return words by error, like {{"euler": "consumption, relative"}}.')
    for name in units:
        if name not in equations:
            raise UserError(f"{model.name}.units: there is no error named {name!r}; there are {', '.join(equations)}.")


def _check_coordinates(model: Model, variables: Mapping[str, Any]) -> None:
    given = _try(model, "coordinates", model.coordinates)
    if not isinstance(given, Mapping):
        raise UserError(f"{model.name}.coordinates: must return a dictionary, not {type(given).__name__}.")
    for name, pair in given.items():
        where = f"{model.name}.coordinates: {name!r}"
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UserError(f'{where} must be an axis and its labels, ("age", ages).')
        axis, labels = pair[0], np.asarray(pair[1])
        if axis in AXES or axis in variables or not is_valid_nc3_name(axis):
            raise UserError(f"{where}: the axis cannot be called {axis!r}; call it otherwise.")
        if labels.ndim != 1:
            raise UserError(f"{where}: the labels of {axis} must be a vector.")
        shape = np.shape(variables[name]) if name in variables else labels.shape
        if len(shape) == 1 and shape != labels.shape:
            raise UserError(f"{where} has {shape[0]} entries, but {axis} has {len(labels)} labels.")


def _check_figures(model: Model, settings: SolveSettings) -> None:
    """Draw a model's own figures once, from the simulation of a fresh network; those of this package are tested."""
    inner = getattr(model, "model", model)
    ours = type(inner).__module__.startswith("equilearn.")
    if type(model).figures is Model.figures or ours:
        return
    solution = Solution(
        model=model,
        settings=settings,
        policy_function=fresh_policy(model, settings, key=jax.random.key(0)),
        seed=0,
        outcome=Outcome.EXHAUSTED,
        message="",
        seconds=0.0,
        episodes=0,
        gradient_steps=0,
    )
    simulation = solution.simulate(burn_in=0)
    if not all(np.all(np.isfinite(simulation[name].values)) for name in simulation.data_vars):
        return  # a policy that has not learnt is no reason to refuse figures
    errors = solution.accuracy(100, burn_in=0).errors
    figures = _try(model, "figures", lambda: model.figures(solution, simulation, errors))
    if not isinstance(figures, Mapping):
        raise UserError(
            f"{model.name}.figures: must return a dictionary of figures by title, not {type(figures).__name__}."
        )
    for title, figure in figures.items():
        if not isinstance(title, str) or not (figure is None or hasattr(figure, "savefig")):
            raise UserError(f"{model.name}.figures: {title!r} must be a figure of Matplotlib.")
