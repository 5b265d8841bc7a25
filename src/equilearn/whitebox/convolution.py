"""Convolution and pooling of images, forwards and backwards (LeCun et al., 1998).

    y[n, f, r, s] = b[f] + sum_{c, u, v} w[f, c, u, v] x[n, c, r + u, s + v]

As every library does, this is a correlation: the kernel is not turned round. For each place (u, v) of the kernel the
shifted image is multiplied by one matrix (F, C), so the only loop is over the kernel. Backwards, what was read is
written to:  dx[r + u, s + v] += w[u, v]' dy[r, s],  dw[u, v] = sum dy[r, s] x[r + u, s + v]'.
Legend: N images, C channels, F filters, R rows, S columns, K size of the kernel or of the pool.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

Images = Float[ndarray, "N C R S"]
Maps = Float[ndarray, "N F r s"]
Filters = Float[ndarray, "F C K K"]
Pooled = Float[ndarray, "N C r s"]


def convolve(x: Images, w: Filters, b: Float[ndarray, " F"]) -> Maps:
    """Return the feature maps, R - K + 1 by S - K + 1; pad the images first (`np.pad`) to keep their size."""
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    y = np.zeros((len(x), len(w), rows, columns)) + b[:, None, None]
    for u, v in itertools.product(range(w.shape[2]), range(w.shape[3])):
        y += np.einsum("fc,ncrs->nfrs", w[:, :, u, v], x[:, :, u : u + rows, v : v + columns])
    return y


def convolve_backwards(x: Images, w: Filters, dy: Maps) -> tuple[Images, Filters, Float[ndarray, " F"]]:
    """Return a loss's derivatives with respect to images, filters and biases, from those with respect to the maps."""
    rows, columns = dy.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for u, v in itertools.product(range(w.shape[2]), range(w.shape[3])):
        window = np.s_[:, :, u : u + rows, v : v + columns]
        dx[window] += np.einsum("fc,nfrs->ncrs", w[:, :, u, v], dy)
        dw[:, :, u, v] = np.einsum("nfrs,ncrs->fc", dy, x[window])
    return dx, dw, dy.sum(axis=(0, 2, 3))


def max_pool(x: Images, size: int = 2) -> tuple[Pooled, Bool[ndarray, "N C R S"]]:
    """Return the largest value of every size-by-size block, and where it stood (the first where several are equal).

    Rows and columns that do not fill a block are left out.
    """
    n, c, rows, columns = x.shape[0], x.shape[1], x.shape[2] // size, x.shape[3] // size
    blocks = x[:, :, : rows * size, : columns * size].reshape(n, c, rows, size, columns, size).swapaxes(3, 4)
    flat = blocks.reshape(n, c, rows, columns, size * size)
    first = flat.argmax(axis=-1)[..., None] == np.arange(size * size)
    where = np.zeros(x.shape, bool)
    back = first.reshape(n, c, rows, columns, size, size).swapaxes(3, 4).reshape(n, c, rows * size, columns * size)
    where[:, :, : rows * size, : columns * size] = back
    return flat.max(axis=-1), where


def max_pool_backwards(where: Bool[ndarray, "N C R S"], dy: Pooled, size: int = 2) -> Images:
    """Return a loss's derivatives with respect to the images: each goes to where the largest value stood."""
    dx = np.zeros(where.shape)
    spread = dy.repeat(size, axis=2).repeat(size, axis=3)
    dx[:, :, : spread.shape[2], : spread.shape[3]] = spread
    return dx * where


def average_pool(x: Images, size: int = 2) -> Pooled:
    """Return the mean of every size-by-size block, as the first convolutional nets took it."""
    n, c, rows, columns = x.shape[0], x.shape[1], x.shape[2] // size, x.shape[3] // size
    return x[:, :, : rows * size, : columns * size].reshape(n, c, rows, size, columns, size).mean(axis=(3, 5))
