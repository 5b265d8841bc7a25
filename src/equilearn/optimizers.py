"""Optimisers as values: Optax transformations whose learning rate follows the spent share of the budget.

The loop passes `progress`, in [0, 1], to the optimiser, so that one schedule serves a budget in episodes and one
in seconds. The learning rate at progress p is `learning_rate * annealing(p)`, with a short linear warm-up
and then a half cosine down to a thousandth (Loshchilov and Hutter, 2017):

    annealing(p) = min(p / warmup, 1) * (0.001 + 0.999 * (1 + cos(pi p)) / 2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

Schedule = Callable[[Float[Array, ""]], Float[Array, ""]]


def cosine(progress: Float[Array, ""], *, warmup: float = 0.02, final: float = 1e-3) -> Float[Array, ""]:
    """Return the factor on the learning rate at a spent share of the budget: warm-up, then a half cosine."""
    rise = jnp.minimum((progress + 1e-3) / warmup, 1.0)
    return rise * (final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(progress, 1.0))))


def constant(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Return 1: a learning rate that does not change."""
    return jnp.ones_like(progress)


def scale_by_progress(learning_rate: float, schedule: Schedule) -> optax.GradientTransformationExtraArgs:
    """Return the transformation u -> learning_rate * schedule(progress) * u.

    The sign is left to the transformation it is chained to.
    """

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params
        rate = learning_rate * schedule(jnp.asarray(extra["progress"], jnp.float32))
        return jax.tree.map(lambda u: rate.astype(u.dtype) * u, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def adam(
    learning_rate: float = 1e-3, *, schedule: Schedule = cosine, clip: float = 1.0
) -> optax.GradientTransformationExtraArgs:
    """Adam (Kingma and Ba, 2015) on gradients clipped to the global norm `clip`."""
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(1.0), scale_by_progress(learning_rate, schedule))


def muon(
    learning_rate: float = 0.015,
    *,
    weight_decay: float = 0.1,
    schedule: Schedule = cosine,
    clip: float = 1.0,
) -> optax.GradientTransformationExtraArgs:
    """Muon (Jordan, 2024) on weight matrices, Adam on the rest, on gradients clipped to the global norm `clip`.

    The update of a matrix is its momentum with all singular values set to about one; the weight decay bounds the
    matrices' spectral norms, without which the policy extrapolates wildly in directions that data rarely take.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip),
        optax.contrib.muon(1.0, weight_decay=weight_decay, muon_weight_dimension_numbers=_matrix_layout),
        scale_by_progress(learning_rate, schedule),
    )


def _matrix_layout(parameters: Any) -> Any:
    """Return Muon's reading of Equinox's weights, (outputs, inputs); None for what is no matrix."""
    layout = optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=0)
    return jax.tree.map(lambda leaf: layout if leaf.ndim == 2 else None, parameters)
