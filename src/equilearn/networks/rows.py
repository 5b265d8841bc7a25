"""Convolutions of few channels, a row of their output at a time, with the batch as the last axis.

    out[i] = W' P_i,   P_i: what the kernel sees along row i, (K K C, s B)

Where there are one or six channels, patches of a whole batch are millions of runs of a few numbers to copy, and much
more than a processor's cache. The patches of one row fit into it, runs over the batch are long, and the gradient forms
them anew instead of keeping them: on a CPU, LeNet-5 learns several times as fast. Images are (R, C, S, B).
Legend: B images, R rows, S columns, C channels, F filters, K size of the kernel, r and s rows, columns of the output.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def batch_last(x: Float[Array, "B R S C"]) -> Float[Array, "R C S B"]:
    """Return images as they are kept here."""
    return jnp.transpose(x, (1, 3, 2, 0))


def channels_last(x: Float[Array, "R C S B"]) -> Float[Array, "B R S C"]:
    """Return images as they are kept elsewhere."""
    return jnp.transpose(x, (3, 0, 2, 1))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolved(weights: Float[Array, "P F"], x: Float[Array, "R C S B"], size: int) -> Float[Array, "r F s B"]:
    """Return the convolution, of stride one and without a margin; P = K K C in the order (row, column, channel)."""

    def row(i: Array) -> Float[Array, "F sB"]:
        return weights.T @ _seen(jax.lax.dynamic_slice_in_dim(x, i, size), size)

    rows = jax.lax.map(row, jnp.arange(x.shape[0] - size + 1))
    return rows.reshape(*rows.shape[:2], x.shape[2] - size + 1, x.shape[3])


def _seen(x: Float[Array, "K C S B"], size: int) -> Float[Array, "P sB"]:
    """Return what the kernel sees along one row."""
    width = x.shape[2] - size + 1
    shifted = [x[u, :, v : v + width] for u in range(size) for v in range(size)]
    return jnp.concatenate(shifted).reshape(size * size * x.shape[1], -1)


def _forwards(weights: Array, x: Array, size: int) -> tuple[Array, tuple[Array, Array]]:
    return convolved(weights, x, size), (weights, x)


def _backwards(size: int, kept: tuple[Array, Array], slope: Float[Array, "r F s B"]) -> tuple[Array, Array]:
    """Return the gradients: W grows by P_i slope_i', and W slope_i is laid on the rows that row i has seen."""
    weights, x = kept
    _, channels, columns, batch = x.shape
    width = columns - size + 1

    def row(carry: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        to_weights, to_x = carry
        i, one = inputs
        one = one.reshape(one.shape[0], -1)
        to_weights += _seen(jax.lax.dynamic_slice_in_dim(x, i, size), size) @ one.T
        laid = (weights @ one).reshape(size, size, channels, width, batch)
        under = jax.lax.dynamic_slice_in_dim(to_x, i, size)
        for v in range(size):
            under += jnp.pad(laid[:, v], ((0, 0), (0, 0), (v, size - 1 - v), (0, 0)))
        return (to_weights, jax.lax.dynamic_update_slice_in_dim(to_x, under, i, 0)), None

    start = jnp.zeros_like(weights), jnp.zeros_like(x)
    return jax.lax.scan(row, start, (jnp.arange(slope.shape[0]), slope))[0]


convolved.defvjp(_forwards, _backwards)


def max_pool(x: Float[Array, "R C S B"]) -> Float[Array, "r C s B"]:
    """Return the largest value of every 2-by-2 block; a last row or column that does not fill one is left out."""
    return _over_blocks(jnp.maximum, x)


def average_pool(x: Float[Array, "R C S B"]) -> Float[Array, "r C s B"]:
    """Return the mean of every 2-by-2 block."""
    return _over_blocks(jnp.add, x) / 4


def _over_blocks(both: Callable[[Array, Array], Array], x: Float[Array, "R C S B"]) -> Float[Array, "r C s B"]:
    """Join rows by pairs, then columns: whole slices at once, where a reduction over short axes would be slow."""
    rows, channels, columns, batch = x.shape[0] // 2, x.shape[1], x.shape[2] // 2, x.shape[3]
    halves = x[: rows * 2, :, : columns * 2].reshape(rows, 2, channels, columns * 2, batch)
    blocks = both(halves[:, 0], halves[:, 1]).reshape(rows, channels, columns, 2, batch)
    return both(blocks[:, :, :, 0], blocks[:, :, :, 1])
