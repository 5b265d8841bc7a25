"""Simulations with labels: arrays by name become a data set whose axes have the model's names and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from equilearn.equilibrium.model import Model


def label(model: Model, values: dict[str, Any], lead: tuple[str, ...]) -> xr.Dataset:
    """Return arrays as a data set; the axes after the leading ones get the model's names and labels.

    Args:
        model: whose `coordinates` name the axes.
        values: arrays by name; `x_percent` and `x_quantiles` have the axes of `x`.
        lead: names of the leading axes; of these, `period` is numbered from 0.
    """
    axes = model.coordinates()
    data, coordinates = {}, {}
    for name, value in values.items():
        array = np.asarray(value)
        own = name.removesuffix("_quantiles").removesuffix("_percent")
        first = ("quantile",) if name.endswith("_quantiles") else ()
        first = (*first, *lead)
        inner = [f"{own}_{i}" for i in range(array.ndim - len(first))]
        known = axes.get(own)
        if known is not None and len(inner) == 1:
            inner = [known[0]]
            full = coordinates.get(known[0])
            if full is not None and not np.array_equal(full, known[1]):
                inner = [f"{known[0]}_{own}"]
            coordinates[inner[0]] = known[1]
        data[name] = ((*first, *inner), array)
    if "period" in lead:
        periods = {np.shape(data[name][1])[data[name][0].index("period")] for name in data}
        coordinates["period"] = np.arange(periods.pop())
    return xr.Dataset(data, coords=coordinates)


def components(one: xr.DataArray, lead: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the components of a labelled variable by name, `consumption[21]`; without an axis of its own, it alone.

    Args:
        one: the variable.
        lead: names of leading axes, which every component keeps in this order.
    """
    inner = [dim for dim in one.dims if dim not in lead]
    values = one.transpose(*lead, *inner).values
    if not inner:
        return {str(one.name): values}
    grids = np.meshgrid(*(one[d].values if d in one.coords else np.arange(one.sizes[d]) for d in inner), indexing="ij")
    places = zip(*(grid.ravel() for grid in grids), strict=True)
    flat = values.reshape(*values.shape[: len(lead)], -1)
    return {f"{one.name}[{', '.join(map(str, place))}]": flat[..., i] for i, place in enumerate(places)}
