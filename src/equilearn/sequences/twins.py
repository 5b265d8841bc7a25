"""Twin networks: do two windows of series belong together?

Both windows go through the same recurrent network to a point each (Bromley et al., 1993); the distance d between the
points is trained with the contrastive loss of Hadsell, Chopra and LeCun (2006),

    y d^2 + (1 - y) max(m - d, 0)^2,    y = 1 where they belong together,    m = 1

The windows are standardised each by itself, so that neither level nor size tells anything, only what a series does.
Legend: n pairs, L steps of a window, P dimensions of the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Run, key_of, learn
from equilearn.networks import Recurrent
from equilearn.networks.recurrent import Cell
from equilearn.optimizers import adam

MARGIN = 1.0


class WindowPairs(NamedTuple):
    """Pairs of windows."""

    first: Float[np.ndarray, "n L"]
    second: Float[np.ndarray, "n L"]
    together: Int[np.ndarray, " n"]
    """1 where both are of the same series, 0 where they are of two."""


def standardised(windows: Float[np.ndarray, "n L"]) -> Float[np.ndarray, "n L"]:
    """Return windows with mean 0 and standard deviation 1, each by itself; one that does not vary becomes zeros."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.where(deviation > 1e-12, centred / np.where(deviation > 1e-12, deviation, 1.0), 0.0)


def draw_pairs(
    series: Sequence[Float[np.ndarray, "..."]], length: int, pairs: int, *, rng: np.random.Generator
) -> WindowPairs:
    """Draw pairs, half of them of one series (windows that do not overlap), half of two.

    Args:
        series: stretches, each of at least three windows.
        length: L.
        pairs: n.
        rng: of the draws.

    Raises:
        UserError: there are fewer than two series, or one is too short.
    """
    if len(series) < 2:
        raise UserError("similar: needs at least two series.")
    if short := [i for i, one in enumerate(series) if len(one) < 3 * length]:
        raise UserError(
            f"similar: a part of series {short[0] + 1} has {len(series[short[0]])} steps, fewer than three windows of "
            f"{length}; give a shorter window or a longer series."
        )
    together = (np.arange(pairs) % 2).astype(np.int32)
    rows: list[list[np.ndarray]] = [[], []]
    for same in together:
        a = int(rng.integers(len(series)))
        b = a if same else int((a + rng.integers(1, len(series))) % len(series))
        start = int(rng.integers(len(series[a]) - length + 1))
        other = start
        while other == start or (same and abs(other - start) < length):
            other = int(rng.integers(len(series[b]) - length + 1))
            if not same:
                break
        rows[0].append(series[a][start : start + length])
        rows[1].append(series[b][other : other + length])
    return WindowPairs(standardised(np.array(rows[0])), standardised(np.array(rows[1])), together)


class Twin(eqx.Module):
    """A recurrent network over a window, and a linear layer from the mean of its states to a point."""

    reading: Recurrent
    weights: Float[Array, "H P"]

    def __init__(self, cell: Cell, hidden: int, points: int, *, key: PRNGKeyArray) -> None:
        """Draw the weights."""
        reading_key, weights_key = jax.random.split(key)
        self.reading = Recurrent(cell, 2, hidden, key=reading_key)
        self.weights = jax.nn.initializers.glorot_uniform()(weights_key, (hidden, points))

    def __call__(self, windows: Float[Array, "B L"]) -> Float[Array, "B P"]:
        """Return the points; the network sees values and their changes."""
        changes = jnp.diff(windows, axis=1, prepend=windows[:, :1])
        return self.reading(jnp.stack([windows, changes], axis=2))[0].mean(axis=1) @ self.weights


def distance(network: Twin, first: Float[Array, "B L"], second: Float[Array, "B L"]) -> Float[Array, " B"]:
    """Return how far apart the network puts the windows of pairs."""
    gap = network(first) - network(second)
    return jnp.sqrt(jnp.sum(gap**2, axis=1) + 1e-8)


def contrastive(d: Float[Array, " B"], together: Any) -> Float[Array, " B"]:
    """Return the loss of every pair."""
    return jnp.where(together > 0, d**2, jnp.maximum(MARGIN - d, 0.0) ** 2)


class Comparing(Problem):
    """The contrastive loss; the check is the same on the validation pairs."""

    train: tuple[Float[Array, "n L"], Float[Array, "n L"], Int[Array, " n"]]
    validation: tuple[Float[Array, "v L"], Float[Array, "v L"], Int[Array, " v"]]

    def generate(self, networks: Twin, world: Any, *, key: PRNGKeyArray) -> tuple[Any, Any]:
        """Hand back the training pairs."""
        del networks, key
        return self.train, world

    def loss(self, networks: Twin, world: Any, batch: Any, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean over a batch."""
        del world, key
        first, second, together = batch
        return jnp.mean(contrastive(distance(networks, first, second), together)), {}

    def check(self, networks: Twin, world: Any, *, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return the loss of every validation pair."""
        del world, key
        first, second, together = self.validation
        return {"validation": contrastive(distance(networks, first, second), together)}


def fit_twins(
    train: WindowPairs,
    validation: WindowPairs,
    *,
    cell: Cell = "gru",
    hidden: int = 32,
    points: int = 8,
    epochs: int = 10,
    seed: int = 0,
    **folders: Any,
) -> tuple[Twin, Run]:
    """Train twins; the best epoch on the validation pairs is kept.

    Args:
        train: pairs.
        validation: others.
        cell: "simple", "lstm" or "gru".
        hidden: units.
        points: P.
        epochs: passes over the pairs.
        seed: of the weights and the order.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: the folder holds another run.
    """

    def arrays(pairs: WindowPairs) -> Any:
        return (
            jnp.asarray(pairs.first, jnp.float32),
            jnp.asarray(pairs.second, jnp.float32),
            jnp.asarray(pairs.together),
        )

    network_key, learn_key = jax.random.split(key_of(seed))
    settings = LearnSettings(episodes=epochs, check_every=1, batch_size=64, keep_best=True)
    run = learn(Comparing(arrays(train), arrays(validation)), Twin(cell, hidden, points, key=network_key), (),
                adam(3e-3), settings, key=learn_key, title="similar", **folders).sound("similar")  # fmt: skip
    return run.state.networks, run
