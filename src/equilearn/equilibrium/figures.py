"""Figures that every solution has: training, errors, and what the economy looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equilearn.equilibrium.accuracy import Accuracy
from equilearn.equilibrium.model import Model
from equilearn.style import COLOURS, new_figure

LEAST_SHARE = 1e-7
"""Of errors, below which none is drawn: where they count by mass, the last ones are those of nobody."""
PERIODS = 1_000
"""So many periods of a weighted error are drawn."""


def training(history: list[dict[str, Any]]) -> Figure | None:
    """Return the errors of every check against episodes, mean and max; None without a history."""
    keys = {key for row in history for key in row if key.startswith("errors/")}
    names = sorted({key.removeprefix("errors/").rpartition("/")[0] for key in keys})
    curves = {name: [_curve(history, f"errors/{name}/{figure}") for figure in ("mean", "max")] for name in names}
    shown = {name: both for name, both in curves.items() if np.any(both[1] > 0)}
    if not shown:
        return None
    figure, axis = new_figure()
    episodes = [row["episode"] for row in history]
    for (name, (mean, largest)), colour in zip(shown.items(), COLOURS * len(shown), strict=False):
        axis.plot(episodes, mean, color=colour, label=f"{name}, mean")
        axis.plot(episodes, largest, ":", color=colour, label=f"{name}, max")
    axis.set(xlabel="episode", ylabel="error on fresh states", yscale="log")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _curve(history: list[dict[str, Any]], key: str) -> Float[np.ndarray, " checks"]:
    """Return a figure of every check; NaN where there is none, or no finite number."""
    values = np.array([row[key] if isinstance(row.get(key), (int, float)) else np.nan for row in history], float)
    return np.where(np.isfinite(values), values, np.nan)


def error_distribution(
    errors: Mapping[str, Float[np.ndarray, "..."]], weights: Mapping[str, Float[np.ndarray, "..."]]
) -> Figure | None:
    """Return, for each error, the share of its finite values above every size; None where all are zero."""
    if not any(np.any(values[np.isfinite(values)] > 0) for values in errors.values()):
        return None
    figure, axis = new_figure()
    share_above(axis, errors, weights)
    axis.set(xlabel="absolute error", ylabel="share of errors above")
    return figure


def share_above(
    axis: Axes, errors: Mapping[str, Float[np.ndarray, "..."]], weights: Mapping[str, Float[np.ndarray, "..."]]
) -> None:
    """Draw, for each error that is not zero everywhere, the share of its finite values above every size.

    Args:
        axis: where.
        errors: absolute errors by name, leading axis: rows.
        weights: by name, of the rows or of all values; the values of an error without weights count the same.
    """
    for (name, values), colour in zip(errors.items(), COLOURS * len(errors), strict=False):
        flat = values.ravel()
        own = weights.get(name, np.ones(len(values)))
        own = np.repeat(own.ravel(), flat.size // own.size)[np.isfinite(flat)]
        flat = flat[np.isfinite(flat)]
        if not np.any(flat > 0):
            continue
        order = np.argsort(-flat, kind="stable")
        share = np.cumsum(own[order]) / own.sum()
        index = np.unique(np.geomspace(1, flat.size, 2000).astype(int)) - 1
        axis.plot(np.maximum(flat[order][index], 1e-9), share[index], color=colour, label=name.replace("_", " "))
    axis.set(xscale="log", yscale="log")
    axis.set_ylim(bottom=max(axis.get_ylim()[0], LEAST_SHARE))
    axis.legend(frameon=False, fontsize=8)


def by_component(model: Model, accuracy: Accuracy) -> dict[str, Figure]:
    """Return, for every axis of the policies (age, country), the mean errors along it: of policies and of equations."""
    found = accuracy.policy
    axes: dict[tuple[str, tuple[Any, ...]], list[str]] = {}
    for name, error in ({} if found is None else found.errors).items():
        if error.ndim == 2 and error.shape[1] > 1:
            axis, labels = model.coordinates().get(name, (f"component of {name}", np.arange(1, error.shape[1] + 1)))
            axes.setdefault((axis, tuple(np.asarray(labels).tolist())), []).append(name)
    figures = {}
    for (axis, labels), names in axes.items():
        figure, plot = new_figure()
        curves = {f"{name}, estimated relative error": found.by_component(name) for name in names if found}
        for name, values in accuracy.errors.items():
            if values.ndim == 2 and values.shape[1] == len(labels):
                curves[f"equation {name}"] = values.mean(axis=0, dtype=np.float64)
        _log_curves(plot, labels, curves)
        plot.set(xlabel=axis.replace("_", " "), ylabel="mean absolute error")
        if all(isinstance(label, int) for label in labels):
            plot.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        figures[f"Errors by {axis.replace('_', ' ')}: of the policies (estimated) and of the equations"] = figure
    return figures


def by_weight(model: Model, accuracy: Accuracy) -> dict[str, Figure]:
    """Return, for every weighted error, where it is beside the weights, and its weighted mean in every period."""
    figures = {}
    for name, weights in accuracy.parts[0].weights.items():
        errors, labels = accuracy.errors[name], model.coordinates().get(name)
        if not np.any(errors > 0):  # holds by construction
            continue
        figure, (left, right) = new_figure(1, 2)
        x = np.arange(errors.shape[-1]) if labels is None else labels[1]
        for at, colour in zip(np.ndindex(errors.shape[1:-1]), COLOURS * errors[0].size, strict=False):
            label = "error" + "".join(f" [{i}]" for i in at)
            left.plot(x, errors[(slice(None), *at)].mean(axis=0), color=colour, linewidth=1.1, label=label)
        mass = left.twinx()
        share = weights.reshape(len(weights), -1, len(x)).sum(axis=1).mean(axis=0)
        mass.fill_between(x, share / share.sum(), color="#888888", alpha=0.25, linewidth=0)
        mass.set(ylabel="weight", ylim=(0, None))
        left.set(xlabel="component" if labels is None else labels[0].replace("_", " "), yscale="log")
        left.set_ylabel(f"mean absolute error, {name}")
        left.legend(frameon=False, fontsize=8)
        over = (errors * weights).reshape(len(errors), -1).mean(axis=1)[:PERIODS]
        right.plot(over, color=COLOURS[0], linewidth=0.9)
        right.set(xlabel="period", ylabel="weighted mean of the error", yscale="log")
        figures[f"Where and when {name} errs: the mean of every component beside its weight, and over time"] = figure
    return figures


def by_state(accuracy: Accuracy) -> Figure | None:
    """Return the mean errors of policies and equations in every state of the chain; None without a chain."""
    found, states = accuracy.policy, len(accuracy.long_run)
    if found is None or not found.errors or not states:
        return None
    figure, plot = new_figure()
    curves = {f"{name}, estimated relative error": row for name, row in found.by_state(states).items()}
    curves |= {f"equation {name}": row for name, row in accuracy.mean_by_state().items()}
    _log_curves(plot, np.arange(states), curves, marker="o")
    plot.set(xlabel="state of the chain (the first is 0)", ylabel="mean absolute error")
    plot.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _log_curves(plot: Any, x: Any, curves: Mapping[str, Float[np.ndarray, " x"]], **style: Any) -> None:
    """Draw what is above zero of each curve, equations dashed."""
    for (name, values), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
        if np.any(values > 0):
            line = "--" if name.startswith("equation") else "-"
            shown = np.where(values > 0, values, np.nan)
            plot.plot(x, shown, line, color=colour, label=name.replace("_", " "), markersize=4, **style)
    plot.set_yscale("log")
    plot.legend(frameon=False, fontsize=8)


def paths(simulation: xr.Dataset, *, periods: int = 200, most: int = 6) -> Figure | None:
    """Return the first periods of the simulation's scalar variables; None where there are none."""
    names = [str(n) for n in simulation.data_vars if simulation[n].dims == ("period",) and n != "shock"][:most]
    if not names:
        return None
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure, axes = new_figure(rows, columns, height=2.3, sharex=True, squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        axis.plot(simulation[name].values[:periods], color=COLOURS[0], linewidth=0.9)
        axis.set_title(name.replace("_", " "), fontsize=10, loc="left")
        axis.ticklabel_format(useOffset=False)
        values = simulation[name].values.astype(float)
        if np.isfinite(values).all() and np.ptp(values) < 1e-3 * np.abs(values).max():  # do not magnify rounding
            axis.set_ylim(sorted((0.9 * values.mean(), 1.1 * values.mean())))
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes.flat[max(len(names) - columns, 0) : len(names)]:  # the lowest of every column
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("period")
    return figure
