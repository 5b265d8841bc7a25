"""Figures of one solution, made when they are asked for: `solution.plot("policies")`.

| what | what it shows |
|---|---|
| policies | every policy over one state, all others at their mean on a simulated path; or by age or country |
| paths | simulated variables |
| response | responses to a shock, with bands over the paths |
| errors | how often errors of the equations, and of the policies, are larger than any size |
| training | the errors of every check |
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equilearn.equilibrium.accuracy import Accuracy
from equilearn.equilibrium.figures import share_above, training
from equilearn.equilibrium.labelling import components, label
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.observation import observe
from equilearn.equilibrium.shocks import entries
from equilearn.errors import UserError
from equilearn.style import COLOURS, bands, new_figure

POINTS = 201
RANGE = (0.5, 99.5)
"""Percentiles of a state on the path between which it is drawn."""
PANELS, LINES = 6, 6
"""So many variables are drawn where none are named, and so many lines in one of them."""


def draw(solution: Any, what: str, options: Mapping[str, Any]) -> Figure:
    """Return a figure of a solution.

    Raises:
        UserError: there is no such figure, option, variable or state.
    """
    kinds: dict[str, Callable[..., Figure]] = {
        "policies": _policies, "paths": _paths, "response": _response, "errors": _errors, "training": _training,
    }  # fmt: skip
    if what not in kinds:
        raise UserError(f"plot: there is no figure {what!r}; there are {', '.join(kinds)}.")
    known = list(inspect.signature(kinds[what]).parameters.values())[1:]
    names = [one.name for one in known if one.kind is not one.VAR_KEYWORD]
    unknown = [name for name in options if name not in names]
    if unknown and len(names) == len(known):
        raise UserError(f"plot: {what} has no option {unknown[0]!r}; it has {', '.join(names) or 'none'}.")
    return kinds[what](solution, **options)


def _policies(
    solution: Any, *, variables: Sequence[str] | None = None, over: Any = None, periods: int = 2_000, seed: int = 1
) -> Figure:
    """Draw policies (or definitions) over a state; `over` is its name, (name, component), or an axis: "age"."""
    model = solution.model
    states = jax.tree.map(lambda leaf: leaf[:, 0], solution.states(periods, burn_in=min(500, periods), seed=seed))
    axes = {name: axis for name, (axis, _) in model.coordinates().items()}
    seen = label(model, _observed(solution.policy_function, states), ("state",))
    names = _chosen(seen, variables, [name for name in model.Policy._fields if name in seen])
    over = _usual(model, states, [axes.get(name) for name in names]) if over is None else over
    if over in axes.values():
        return _along(seen, [name for name in names if axes.get(name) == over], str(over))
    field, component, values = _followed(states, over)
    low, high = np.percentile(values, RANGE)
    if not high > low:
        raise UserError(f"over: {over} does not move on the path; take another state.")
    grid = np.linspace(low, high, POINTS)
    indices = _indices(model, states)
    lines = {z: _observed(solution.policy_function, _line(model, states, field, component, grid, z)) for z in indices}
    figure, panels = _panels(len(names))
    for axis, name in zip(panels, names, strict=True):
        first = label(model, {name: lines[indices[0]][name]}, ("state",))[name]
        if first.ndim == 1:
            curves = {f"state {z}" if len(indices) > 1 else "": np.asarray(lines[z][name]) for z in sorted(indices)}
        else:
            every = list(components(first, ("state",)).items())
            curves = {key.removeprefix(name): value for key, value in _few(every)}
        _curves(axis, grid, curves)
        fixed = f", state {indices[0]} of the chain" if first.ndim > 1 and len(indices) > 1 else ""
        axis.set_title(name.replace("_", " ") + fixed, fontsize=10, loc="left")
        of = "" if component is None else f"[{component}]"
        axis.set_xlabel(field.removeprefix("shock.").replace("_", " ") + of)
    return figure


def _paths(
    solution: Any, *, variables: Sequence[str] | None = None, periods: int | None = None, **simulated: Any
) -> Figure:
    """Draw simulated variables, several paths with their median and 80 % of them; further options as in `simulate`."""
    length = periods if periods is not None or simulated.get("shocks") is not None else 200
    simulation = solution.simulate(length, **simulated)
    return _over_time(simulation, _chosen(simulation, variables, _plain(simulation)), {})


def _response(
    solution: Any,
    shock: float,
    *,
    variables: Sequence[str] | None = None,
    quantiles: Sequence[float] = (0.05, 0.95),
    **asked: Any,
) -> Figure:
    """Draw mean responses to a shock with bands between the outer quantiles; options as in `impulse_response`."""
    response = solution.impulse_response(shock, quantiles=quantiles, **asked)
    names = [name for name in _plain(response) if not name.endswith(("_percent", "_quantiles"))]
    chosen = _chosen(response, variables, names)
    order = [int(np.argmin(quantiles)), int(np.argmax(quantiles))] if len(quantiles) else []
    between = {name: response[f"{name}_quantiles"].values[order] for name in chosen} if len(quantiles) > 1 else {}
    band = f"{100 * min(quantiles):g} to {100 * max(quantiles):g} % of the paths" if between else ""
    figure = _over_time(response, chosen, between, band)
    for axis in figure.axes:
        if axis.get_visible():
            axis.axhline(0, color="#888888", linewidth=0.7)
            axis.set_xlabel("periods after the shock")
    return figure


def _errors(solution: Any, *, accuracy: Accuracy | None = None) -> Figure:
    """Draw the shares of the errors above every size, of the equations and of the policies."""
    looked: Accuracy = solution.accuracy() if accuracy is None else accuracy
    found = looked.policy
    judged = found is not None and bool(found.errors)
    figure, axes = new_figure(1, 1 + judged, squeeze=False)
    every = {key + part.label: values for part in looked.parts for key, values in part.errors.items()}
    share_above(
        axes[0, 0], every, {key + part.label: own for part in looked.parts for key, own in part.weights.items()}
    )
    axes[0, 0].set(xlabel="absolute error of the equation", ylabel="share of errors above")
    if found is not None and judged:
        relative = {name: np.abs(error) / found.size(name) for name, error in found.errors.items()}
        share_above(axes[0, 1], relative, {name: found.counts(name) for name in relative})
        axes[0, 1].set(xlabel="estimated relative error of the policy", ylabel="share of errors above")
    return figure


def _training(solution: Any) -> Figure:
    figure = training(solution.history)
    if figure is None:
        raise UserError("plot: there is no record of the training; a solution read from a file has none.")
    return figure


@eqx.filter_jit
def _observed(policy: PolicyFunction, states: Any) -> dict[str, jax.Array]:
    return jax.vmap(lambda state: observe(policy, state))(states)


def _usual(model: Model, states: Any, axes: Sequence[str | None]) -> Any:
    """Return over what policies are drawn unless it is said: a state of one number; else an axis; else a component."""
    real = [(one.name, one.value) for one in entries(states) if jnp.issubdtype(one.value.dtype, jnp.floating)]
    moving = [name for name, value in real if value.ndim == 1 and np.ptp(np.asarray(value)) > 0]
    own = [name for name in moving if name not in getattr(model.shock.initial, "_fields", ("shock",))]
    known = [axis for axis in axes if axis is not None]
    found = [*own, *known, *moving, *((name, 0) for name, value in real if value.ndim > 1)]
    if not found:
        raise UserError(f"plot: no state of {model.name} moves on the path.")
    return found[0]


def _followed(states: Any, over: Any) -> tuple[str, int | None, np.ndarray]:
    """Return the field, component and values of the state that policies are drawn over."""
    name, component = over if isinstance(over, tuple) and len(over) == 2 else (over, None)
    real = {one.name: one for one in entries(states) if jnp.issubdtype(one.value.dtype, jnp.floating)}
    if name not in real:
        raise UserError(f"over: there is no state {over!r} to draw over; there are {', '.join(real)}.")
    values = np.asarray(real[name].value, float)
    if values.ndim == 1:
        return real[name].field, None, values
    flat = values.reshape(len(values), -1)
    if not isinstance(component, int) or not 0 <= component < flat.shape[1]:
        raise UserError(f"over: {name} has {flat.shape[1]} components; say ({name!r}, 0), or another from 0.")
    return real[name].field, component, flat[:, component]


def _indices(model: Model, states: Any) -> list[int]:
    """Return joint states of the chain to draw, the one visited most first; [0] without a chain."""
    if not model.shock.chains:
        return [0]
    visits = np.bincount(np.asarray(model.shock.index(states.shock)), minlength=model.shock.states)
    most = int(visits.argmax())
    return [most, *(z for z in map(int, _few(list(range(model.shock.states)))) if z != most)]


def _line(model: Model, states: Any, field: str, component: int | None, grid: np.ndarray, z: int) -> Any:
    """Return states along a grid of one of their numbers, with all others at their mean on the path."""
    leaves, tree = jax.tree.flatten(states)
    drawn = []
    for one, leaf in zip(entries(states), leaves, strict=True):
        real = jnp.issubdtype(leaf.dtype, jnp.floating)
        middle = jnp.mean(leaf, axis=0) if real else jnp.median(leaf, axis=0).astype(leaf.dtype)
        column = jnp.broadcast_to(middle, (len(grid), *middle.shape))
        if one.field == field:
            flat = column.reshape(len(grid), -1).at[:, component or 0].set(jnp.asarray(grid, leaf.dtype))
            column = flat.reshape(column.shape)
        drawn.append(column)
    line = jax.tree.unflatten(tree, drawn)
    if not model.shock.chains:
        return line
    index = jnp.full(len(grid), z, jnp.int32)
    return line._replace(shock=model.shock.with_index(line.shock, index))


def _along(seen: xr.Dataset, names: Sequence[str], over: str) -> Figure:
    """Draw variables along an axis of their own: mean, median and bands over the states of the path."""
    figure, panels = _panels(len(names))
    for axis, name in zip(panels, names, strict=True):
        one = seen[name]
        inner = next(dim for dim in one.dims if dim != "state")
        bands(axis, np.asarray(one[inner].values), np.asarray(one.values, float))
        axis.set_title(name.replace("_", " "), fontsize=10, loc="left")
        axis.set_xlabel(over.replace("_", " "))
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def _over_time(data: xr.Dataset, names: Sequence[str], between: Mapping[str, np.ndarray], band: str = "") -> Figure:
    figure, panels = _panels(len(names))
    for axis, name in zip(panels, names, strict=True):
        one = data[name]
        if "path" in one.dims:
            for key, values in _few(list(components(one, ("period", "path")).items())):
                low, middle, high = np.percentile(values, [10, 50, 90], axis=1)
                of = key.removeprefix(name)
                axis.fill_between(
                    one.period.values, low, high, alpha=0.25, linewidth=0, label="" if of else "10 to 90 %"
                )
                axis.plot(one.period.values, middle, label=of or "median")
            axis.legend(frameon=False, fontsize=8)
        else:
            if name in between and one.ndim == 1:
                axis.fill_between(
                    one.period.values, *between[name], color=COLOURS[0], alpha=0.25, linewidth=0, label=band
                )
                axis.plot([], [], color=COLOURS[0], label="mean")
                axis.legend(frameon=False, fontsize=8)
            every = components(one, ("period",))
            _curves(
                axis, one.period.values, {key.removeprefix(name): values for key, values in _few(list(every.items()))}
            )
        axis.set_title(name.replace("_", " "), fontsize=10, loc="left")
        axis.set_xlabel("period")
        axis.ticklabel_format(axis="y", useOffset=False)
    return figure


def _curves(axis: Axes, x: np.ndarray, curves: Mapping[str, np.ndarray]) -> None:
    for (name, values), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
        axis.plot(x, values, color=colour, linewidth=1.3, label=name)
    if len(curves) > 1:
        axis.legend(frameon=False, fontsize=8, ncols=1 + (len(curves) > 3))


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    columns = min(2, number)
    figure, axes = new_figure(-(-number // columns), columns, height=2.6, squeeze=False)
    for axis in axes.flat[number:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:number])


def _few(items: list[Any]) -> list[Any]:
    """Return so many items that a panel can show them: the first, the last, and some between."""
    places = np.unique(np.linspace(0, len(items) - 1, min(LINES, len(items))).round().astype(int))
    return [items[place] for place in places]


def _plain(data: xr.Dataset) -> list[str]:
    """Return the variables of one number a period; where there are none, all."""
    plain = [str(name) for name in data.data_vars if set(data[name].dims) <= {"period", "path"} and name != "shock"]
    return plain or [str(name) for name in data.data_vars]


def _chosen(data: xr.Dataset, variables: Sequence[str] | None, usual: Sequence[str]) -> list[str]:
    """Return the variables to draw.

    Raises:
        UserError: there is no such variable.
    """
    if variables is None:
        return list(usual)[:PANELS]
    names = [variables] if isinstance(variables, str) else list(variables)
    for name in names:
        if name not in data:
            raise UserError(f"plot: there is no variable {name!r}; there are {', '.join(map(str, data.data_vars))}.")
    if not names:
        raise UserError("plot: name at least one variable.")
    return names
