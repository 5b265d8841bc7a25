"""The certificate: errors in the equilibrium conditions on a fresh simulated path.

The path starts from an initial state, not from training data; shocks are the model's own; a burn-in is dropped; every
error uses conditional expectations (all nodes of the shock), never one realised shock. Figures pool periods and
components (ages, countries), as in Azinovic, Gaegauf and Scheidegger (2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from equilearn.equilibrium.model import PolicyFunction
from equilearn.equilibrium.problem import errors_on

PERCENTILES = (0.1, 10.0, 50.0, 90.0, 99.0, 99.9)
LOST = 0.1
"""A path of which at least this share lies outside what was learnt is called lost."""

_errors_on = eqx.filter_jit(errors_on)


@eqx.filter_jit
def _outside(policy: PolicyFunction, states: Any) -> Array:
    return jnp.mean(jax.vmap(lambda state: policy.scaling.blind(policy.model.features(state)))(states))


@dataclass(frozen=True)
class Accuracy:
    """Absolute errors of every equation, one row a simulated state."""

    errors: Mapping[str, Float[np.ndarray, "states ..."]]
    outside: float = 0.0
    """Share of the states, in [0, 1], that lie so far from all that the network learnt from that it cannot tell them
    apart."""

    def summary(self) -> dict[str, dict[str, float]]:
        """Return, for every error, mean, max and the percentiles 0.1, 10, 50, 90, 99 and 99.9."""
        rows: dict[str, dict[str, float]] = {}
        for name, values in self.errors.items():
            figures = np.percentile(values, PERCENTILES)
            rows[name] = {"mean": float(values.mean()), "max": float(values.max())}
            rows[name] |= {f"{p:g}": float(figure) for p, figure in zip(PERCENTILES, figures, strict=True)}
        return rows

    def __str__(self) -> str:
        """Return the summary as a table, with a warning where the path left what was learnt."""
        return "\n".join([table(self.summary()), *lost(self.outside)])


def table(summary: Mapping[str, Mapping[str, float]]) -> str:
    """Return a summary of errors as text: a line per error, a column per figure."""
    columns = ["mean", "max", *(f"{p:g}" for p in PERCENTILES)]
    width = max(map(len, summary), default=5)
    head = " " * width + "".join(f"{column:>11}" for column in columns)
    lines = [
        f"{name:<{width}}" + "".join(f"{row[column]:11.2e}" for column in columns) for name, row in summary.items()
    ]
    return "\n".join([head, *lines])


def lost(outside: float) -> list[str]:
    """Return in words what it means, and what to do, that this share of a path lies outside what was learnt.

    Nothing is said of a few extreme periods; a lost path hardly ever comes back.
    """
    if outside < LOST:
        return []
    return [
        f"{100 * outside:.3g} % of the path lies far outside all that the network learnt from: on its way from the "
        "initial state the economy met what the network never saw, or had forgotten. Let paths start again while "
        "learning (the setting `restart`, a small probability), or begin nearer to what is usual (`initial`)."
    ]


def accuracy_on(policy: PolicyFunction, states: Any) -> Accuracy:
    """Return the absolute errors in the given states (leading axis: states)."""
    errors = {name: np.abs(np.asarray(e)) for name, e in _errors_on(policy, states).items()}
    return Accuracy(errors, float(_outside(policy, states)))
