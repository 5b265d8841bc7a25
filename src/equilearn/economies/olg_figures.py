"""Figures of the overlapping-generations economy, as in the course and the paper (its figures 4 to 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

from equilearn.economies.olg import OLG
from equilearn.style import COLOURS, bands, new_figure

PUBLISHED_AGES = (21, 25, 30, 35, 40, 45, 50, 55, 60, 65, 67, 70, 75, 80)
PUBLISHED = {
    "financial_wealth": (
        (0.000, 0.005, 0.010, 0.015, 0.025, 0.073, 0.162, 0.430, 0.941, 1.507, 1.561, 1.423, 0.762, 0.126),
        (0.000, 0.006, 0.012, 0.018, 0.029, 0.086, 0.192, 0.507, 1.104, 1.763, 1.826, 1.662, 0.889, 0.148),
        (0.000, 0.002, 0.005, 0.009, 0.016, 0.051, 0.106, 0.245, 0.494, 0.748, 0.756, 0.665, 0.338, 0.058),
        (0.000, 0.003, 0.007, 0.012, 0.021, 0.069, 0.145, 0.328, 0.647, 0.970, 0.980, 0.861, 0.441, 0.077),
    ),
    "consumption": (
        (0.279, 0.358, 0.456, 0.554, 0.654, 0.693, 0.673, 0.636, 0.603, 0.569, 0.556, 0.537, 0.502, 0.452),
        (0.373, 0.471, 0.593, 0.714, 0.823, 0.826, 0.785, 0.736, 0.693, 0.648, 0.633, 0.611, 0.580, 0.588),
        (0.250, 0.319, 0.404, 0.489, 0.572, 0.584, 0.560, 0.527, 0.493, 0.442, 0.422, 0.394, 0.366, 0.350),
        (0.338, 0.426, 0.536, 0.644, 0.736, 0.731, 0.696, 0.654, 0.604, 0.539, 0.513, 0.480, 0.454, 0.473),
    ),
}
"""Means by shock at `PUBLISHED_AGES` for the default calibration (Azinovic et al., 2019, figure 7)."""
PUBLISHED_CAPITAL = (28.74, 28.86, 20.01, 20.27)
"""Mean aggregate capital by shock on the published path, from its mean wages."""


def means_by_shock(simulation: xr.Dataset, name: str) -> Float[np.ndarray, "shocks ages"]:
    """Return the mean of a variable by age over the periods of each shock; NaN for a shock that never came."""
    shock = simulation["shock"].values
    values = simulation[name].values
    return np.stack(
        [
            values[shock == z].mean(axis=0) if np.any(shock == z) else np.full(values.shape[1], np.nan)
            for z in range(int(shock.max()) + 1)
        ]
    )


def _profile(model: OLG, samples: Any, label: str, *, log: bool = False) -> Figure:
    figure, axis = new_figure()
    bands(axis, model.ages[: samples.shape[1]], samples, log=log)
    axis.set(xlabel="age", ylabel=label)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _savings(model: OLG, simulation: xr.Dataset) -> Figure:
    """Return savings against income at three ages, coloured by shock."""
    ages = [a for a in (31, 61, 79) if a in model.ages[:-1]] if model.generations >= 12 else []
    shown = ages or sorted({int(model.ages[0]), int(model.ages[len(model.ages) // 2]), int(model.ages[-2])})
    figure, axes = new_figure(1, len(shown), squeeze=False)
    every = slice(None, None, 4)
    shock = simulation["shock"].values[every]
    for axis, age in zip(axes.flat, shown, strict=True):
        income = simulation["income"].sel(age=age).values[every]
        savings = simulation["savings"].sel(saver_age=age).values[every]
        for z in range(model.shock.states):
            here = shock == z
            axis.plot(income[here], savings[here], ".", markersize=2.5, color=COLOURS[z % 6], label=f"shock {z + 1}")
        axis.set(xlabel="income (cash on hand)", ylabel="savings", title=f"age {age}")
    axes.flat[0].legend(frameon=False, fontsize=8, markerscale=4)
    return figure


def _by_shock(model: OLG, simulation: xr.Dataset) -> Figure:
    """Return mean wealth and consumption by age and shock, with the published means where there are any."""
    published = model == OLG()
    figure, axes = new_figure(1, 2)
    for axis, name in zip(axes, ("financial_wealth", "consumption"), strict=True):
        for z, row in enumerate(means_by_shock(simulation, name)):
            axis.plot(model.ages, row, color=COLOURS[z % 6], label=f"shock {z + 1}")
            if published:
                label = "published" if z == model.shock.states - 1 else None
                axis.plot(PUBLISHED_AGES, PUBLISHED[name][z], "k+", markersize=6, label=label)
        axis.set(xlabel="age", ylabel=f"mean {name.replace('_', ' ')}")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def figures(
    model: OLG, simulation: xr.Dataset, errors: Mapping[str, Float[np.ndarray, "periods savers"]]
) -> dict[str, Figure]:
    """Return the economy's figures by title."""
    shown = "lines ours, crosses published" if model == OLG() else "on the simulated path"
    return {
        "Euler errors by age: log10 of the absolute relative error": _profile(
            model, errors["euler"], "log10 |Euler error|", log=True
        ),
        f"Mean wealth and consumption by age and shock: {shown}": _by_shock(model, simulation),
        "Savings against income: ages of the course's figure, by shock": _savings(model, simulation),
        "Capital by age: holdings at the beginning of the period": _profile(
            model, simulation["capital"].values, "capital"
        ),
        "Multipliers by age: of the borrowing limit": _profile(model, simulation["multiplier"].values, "multiplier"),
        "Consumption by age: all shocks pooled": _profile(model, simulation["consumption"].values, "consumption"),
    }
