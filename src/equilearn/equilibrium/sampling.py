"""Some of a shock's nodes, drawn anew for every state and gradient step: expectations that scale.

With many shocks no gradient step need see every node. Two groups of nodes are drawn, independent of each other, and
each gives an estimate of the equations' errors; the product of the two is right on average for the square of an error,
where the square of one estimate is too large by its variance (Maliar, Maliar and Winant, 2021, call this the all-in-one
expectation). Where a rule's nodes come in pairs x, -x around the mean, a group is

    f(mean) + sum over drawn pairs i of w_i / chance_i (f(mean + x_i) + f(mean - x_i) - 2 f(mean)),

which is on average the rule's own sum. What is odd in the shock is exact in every draw; what is left to chance is the
curvature, and pairs are drawn with chances in proportion to what they add to the variance of the shock. Those that are
in every draw (common innovations, say) are computed once for both groups, as is the mean.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

GROUPS = 2


def drawn_from(
    weights: Float[Array, " nodes"], count: int, *, key: PRNGKeyArray
) -> tuple[Int[Array, " drawn"], Float[Array, "2 drawn"]]:
    """Draw two groups of so many nodes with chances in proportion to the size of their weights, some maybe negative.

    Returns:
        Indices of the nodes, and the weights of each group on all that were drawn. Where there are no more nodes than
        `count`, both groups have them all.
    """
    number = weights.shape[0]
    if number <= count:
        return jnp.arange(number), jnp.broadcast_to(weights, (GROUPS, number))
    sizes = jax.lax.stop_gradient(jnp.abs(weights))  # probabilities may follow from a policy: their slopes stay
    chances = count * sizes / jnp.sum(sizes)
    drawn = jnp.concatenate([systematic(chances, count, key=k) for k in jax.random.split(key, GROUPS)])
    return drawn, jnp.repeat(jnp.eye(GROUPS, dtype=weights.dtype), count, axis=1) * (weights / chances)[drawn]


def around_mean(
    nodes: Float[np.ndarray, "nodes d"],
    weights: Float[np.ndarray, " nodes"],
    factor: Float[np.ndarray, "d d"],
    count: int,
    *,
    key: PRNGKeyArray,
) -> tuple[Float[Array, "drawn d"], Float[Array, "2 drawn"]] | None:
    """Draw two groups of so many nodes, in pairs, and the mean.

    Args:
        nodes: of a rule for independent standard normal shocks.
        weights: of the nodes; some may be negative.
        factor: what the nodes are multiplied by: factor @ factor.T is the covariance.
        count: nodes of each group without the mean; even.
        key: random key.

    Returns:
        Steps from the mean, the first of them zero, and the weights of each group, which sum to one. None where the
        rule has no more than so many nodes, or is not symmetric.
    """
    first, second = pairs(nodes, weights)
    number = count // 2
    if len(first) <= number or 2 * len(first) + len(nodes) % 2 < len(nodes):
        return None
    steps = nodes @ factor.T
    importance = np.abs(weights[first]) * np.sum(steps[first] ** 2, axis=1)
    chances = inclusion(importance, number)
    sure, rest = np.flatnonzero(chances >= 1), np.flatnonzero(chances < 1)
    left = number - len(sure)
    drawn = [systematic(jnp.asarray(chances[rest], jnp.float32), left, key=k) for k in jax.random.split(key, GROUPS)]
    chosen = jnp.concatenate([jnp.asarray(sure), *(jnp.asarray(rest)[one] for one in drawn)]).astype(jnp.int32)
    single = jnp.asarray(weights[first] / chances, jnp.float32)[chosen]
    own = jnp.repeat(jnp.eye(GROUPS), left, axis=1) * single[len(sure) :]
    each = jnp.concatenate([jnp.broadcast_to(single[: len(sure)], (GROUPS, len(sure))), own], axis=1)
    plus, minus = (jnp.asarray(steps[side], jnp.float32)[chosen] for side in (first, second))
    middle = 1 - 2 * jnp.sum(each, axis=1, keepdims=True)
    nothing = jnp.zeros((1, steps.shape[1]))
    return jnp.concatenate([nothing, plus, minus]), jnp.concatenate([middle, each, each], axis=1)


def pairs(
    nodes: Float[np.ndarray, "nodes d"], weights: Float[np.ndarray, " nodes"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Return the indices of nodes x and of their mirror images -x of the same weight."""
    rounded = np.round(np.column_stack([nodes, weights]), 9) + 0.0
    places = {tuple(row): i for i, row in enumerate(rounded)}
    mirrored = np.column_stack([-rounded[:, :-1], rounded[:, -1]]) + 0.0
    images = [places.get(tuple(row), -1) for row in mirrored]
    both = np.array([(i, j) for i, j in enumerate(images) if j > i], int).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def inclusion(importance: Float[np.ndarray, " n"], number: int) -> Float[np.ndarray, " n"]:
    """Return chances in proportion to the importance, none above one, that sum to a number below n."""
    sure = np.zeros(len(importance), bool)
    while True:
        left = np.where(sure, 0.0, importance + 1e-9 * importance.max())
        chances = np.where(sure, 1.0, left * (number - sure.sum()) / left.sum())
        if not np.any(above := (chances >= 1) & ~sure):
            return chances
        sure |= above


def systematic(chances: Float[Array, " n"], number: int, *, key: PRNGKeyArray) -> Int[Array, " number"]:
    """Draw so many indices, each as often on average as its chance says; the chances sum to the number.

    Where none is above one, no index is drawn twice.
    """
    marks = jax.random.uniform(key) + jnp.arange(number)
    drawn = jnp.searchsorted(jnp.cumsum(chances), marks, side="right")
    return jnp.minimum(drawn, chances.shape[0] - 1)
