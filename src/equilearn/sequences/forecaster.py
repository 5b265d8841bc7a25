"""A recurrent network that foretells a series at several horizons, on the loop.

The network learns what is left of a forecast that costs nothing, its base: the newest value, or linear autoregression.
So it starts from there and has only the rest to find. Inputs and that rest are standardised by the training part.
Legend: B windows, L steps of history, C columns, H horizons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Run, key_of, learn
from equilearn.networks import Recurrent
from equilearn.networks.recurrent import Cell
from equilearn.optimizers import adam
from equilearn.sequences.baselines import Forecast, fit_autoregression, persistence
from equilearn.sequences.windows import Parts, Windows

Base = Literal["mean", "last", "linear"]


class Forecaster(eqx.Module):
    """A recurrent net over the window, and a linear layer from what it remembers at its end."""

    reading: Recurrent
    weights: Float[Array, "D H"]
    bias: Float[Array, " H"]

    def __init__(self, cell: Cell, columns: int, hidden: int, horizons: int, *, key: PRNGKeyArray) -> None:
        """Draw the weights; the last layer starts at zero."""
        self.reading = Recurrent(cell, columns, hidden, key=key)
        self.weights, self.bias = jnp.zeros((hidden, horizons)), jnp.zeros(horizons)

    def __call__(self, x: Float[Array, "B L C"]) -> Float[Array, "B H"]:
        """Return the outputs at the sequence's end."""
        return self.reading(x)[0][:, -1] @ self.weights + self.bias


class Forecasting(Problem):
    """Mean squared error of the forecasts; the check is that on the validation part."""

    x: Float[Array, "n L C"]
    y: Float[Array, "n H"]
    x_validation: Float[Array, "v L C"]
    y_validation: Float[Array, "v H"]

    def generate(self, networks: Forecaster, world: Any, *, key: PRNGKeyArray) -> tuple[Any, Any]:
        """Hand back the training windows."""
        del networks, key
        return (self.x, self.y), world

    def loss(
        self, networks: Forecaster, world: Any, batch: Any, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean squared error of a batch."""
        del world, key
        x, y = batch
        return jnp.mean((networks(x) - y) ** 2), {}

    def check(self, networks: Forecaster, world: Any, *, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return the squared error of every validation window."""
        del world, key
        return {"validation": jnp.mean((networks(self.x_validation) - self.y_validation) ** 2, axis=1)}


@dataclass(frozen=True)
class FittedForecaster:
    """A trained network with the units of its series, and the forecast whose rest it has learnt."""

    network: Forecaster
    base: Callable[[Windows], Forecast]
    center: Float[np.ndarray, " C"]
    spread: Float[np.ndarray, " C"]
    rest_spread: Float[np.ndarray, " H"]
    run: Run

    def predict(self, seen: Windows) -> Float[np.ndarray, "n H"]:
        """Return the forecasts of some windows, in the series' units."""
        x = jnp.asarray((seen.x - self.center) / self.spread, jnp.float32)
        return self.base(seen) + np.asarray(eqx.filter_jit(self.network)(x), float) * self.rest_spread


def fit_forecaster(
    parts: Parts,
    settings: LearnSettings,
    *,
    cell: Cell = "lstm",
    hidden: int = 64,
    target: int = 0,
    base: Base = "last",
    optimizer: optax.GradientTransformation | None = None,
    seed: int = 0,
    **folders: Any,
) -> FittedForecaster:
    """Train on the training part; settings with `keep_best` or `patience` look at the validation part.

    Args:
        parts: of the series.
        settings: of the loop; an episode is `epochs` passes over the training windows.
        cell: "simple", "lstm" or "gru".
        hidden: its units.
        target: which column is foretold.
        base: what the network learns the rest of: "last", the newest value (for levels); "mean", that of the training
            part (for returns); "linear", least squares on the window, fitted on the training part (a hybrid: no worse
            than that where there is nothing more to learn and the epoch is well chosen).
        optimizer: an Optax transformation; by default Adam.
        seed: of the weights and the order of the windows.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: an argument is wrong, or the folder holds another run.
    """
    columns = parts.train.x.shape[2]
    flat = parts.train.x[:, -1]  # every step of the training stretch, once
    center, deviation = flat.mean(axis=0), flat.std(axis=0)
    spread = np.where(deviation > 0, deviation, 1.0)
    start = _base(base, parts.train, target)
    left = (parts.train.y - start(parts.train)).std(axis=0)
    rest_spread = np.where(left > 0, left, 1.0)

    def scaled(some: Windows) -> tuple[Array, Array]:
        y = (some.y - start(some)) / rest_spread
        return jnp.asarray((some.x - center) / spread, jnp.float32), jnp.asarray(y, jnp.float32)

    network_key, learn_key = jax.random.split(key_of(seed))
    network = Forecaster(cell, columns, hidden, parts.train.y.shape[1], key=network_key)
    problem = Forecasting(*scaled(parts.train), *scaled(parts.validation))
    run = learn(
        problem, network, (), optimizer or adam(1e-3), settings, key=learn_key, title="forecast", **folders
    ).sound("forecast")
    return FittedForecaster(run.state.networks, start, center, spread, rest_spread, run)


def _base(base: Base, train: Windows, target: int) -> Callable[[Windows], Forecast]:
    """Return the forecast whose rest is learnt."""
    if base == "last":
        return lambda seen: persistence(seen, target=target)
    if base == "linear":
        return fit_autoregression(train)
    if base == "mean":
        mean = train.y.mean(axis=0)
        return lambda seen: np.broadcast_to(mean, seen.y.shape)
    raise UserError(f"fit_forecaster: base must be one of {', '.join(get_args(Base))}, not {base!r}.")
