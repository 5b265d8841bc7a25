"""Convolutional networks on whole batches of images, written so that they are fast inside a compiled loop.

A convolution is the product of gathered patches with one matrix: inside a `scan`, where the training loop puts it,
XLA's own convolution is many times slower on a CPU, this is not. Images are (B, R, S, C): channels last. Where steps
are one place wide, `rows` does the same in less time, in an order of the axes of its own.

Batch normalisation uses the moments of its batch while training; in use it needs fixed ones, which the caller keeps
(the world of a learning problem) and lets follow those of the batches (`follow`).
Legend: B images, R rows, S columns, C channels, F filters, K size of the kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

import equilearn.networks.rows as rows
from equilearn.networks.mlp import Moments

Images = Float[Array, "B R S C"]
Resized = Float[Array, "B r s C"]
Maps = Float[Array, "B r s F"]
EPSILON = 1e-5


def patches(x: Images, size: int, stride: int = 1) -> Float[Array, "B r s P"]:
    """Return, for every place of a kernel, the P = size^2 C numbers under it, in the order (row, column, channel)."""
    rows, columns = ((side - size) // stride + 1 for side in x.shape[1:3])
    ends = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    shifted = [x[:, u : u + ends[0] : stride, v : v + ends[1] : stride] for u in range(size) for v in range(size)]
    return jnp.concatenate(shifted, axis=3)


def padded(x: Images, margin: int) -> Resized:
    """Return the images in a frame of zeros."""
    return jnp.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0))) if margin else x


def overlaid(columns: Float[Array, "B r s P"], size: int, stride: int) -> Float[Array, "B R S F"]:
    """Return the image that has the sum of all that is laid on it: the transpose of `patches`."""
    batch, rows, columns_, width = columns.shape
    sides = (rows - 1) * stride + size, (columns_ - 1) * stride + size
    image = jax.ShapeDtypeStruct((batch, *sides, width // size**2), columns.dtype)
    return jax.linear_transpose(lambda x: patches(x, size, stride), image)(columns)[0]


class Conv(eqx.Module):
    """A convolution: weights (K K C, F) and, unless it is normalised afterwards, a bias."""

    weights: Float[Array, "P F"]
    bias: Float[Array, " F"] | None
    size: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)
    margin: int = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)

    def __init__(
        self,
        channels: int,
        filters: int,
        size: int,
        *,
        stride: int = 1,
        margin: int = 0,
        transposed: bool = False,
        bias: bool = True,
        key: PRNGKeyArray,
    ) -> None:
        """Draw He's weights.

        Args:
            channels: C.
            filters: F.
            size: K.
            stride: places between two kernels.
            margin: of zeros round the image.
            transposed: enlarge the image by the stride, as the gradient of a convolution does, instead of shrinking it.
            bias: whether there is one, zero at the start.
            key: random key.
        """
        self.weights = jax.nn.initializers.he_normal()(key, (size * size * channels, filters))
        self.bias = jnp.zeros(filters) if bias else None
        self.size, self.stride, self.margin, self.transposed = size, stride, margin, transposed

    def __call__(self, x: Images) -> Maps:
        """Return the feature maps."""
        if self.transposed:
            kernel = self.weights.reshape(self.size, self.size, x.shape[3], -1)[::-1, ::-1]
            laid = x @ jnp.moveaxis(kernel, 2, 0).reshape(x.shape[3], -1)
            whole = overlaid(laid, self.size, self.stride)
            out = whole[:, self.margin : whole.shape[1] - self.margin, self.margin : whole.shape[2] - self.margin]
        else:
            framed = padded(x, self.margin)
            whole = framed.shape[1:3] == (self.size, self.size)  # one place only: its patch is the image
            seen = framed.reshape(len(x), 1, 1, -1) if whole else patches(framed, self.size, self.stride)
            out = seen @ self.weights
        return out if self.bias is None else out + self.bias

    def in_rows(self, x: Float[Array, "R C S B"]) -> Float[Array, "r F s B"]:
        """Return the feature maps of images in the form of `rows`; for a stride of one."""
        framed = jnp.pad(x, ((self.margin,) * 2, (0, 0), (self.margin,) * 2, (0, 0))) if self.margin else x
        out: Array = rows.convolved(self.weights, framed, self.size)  # pyright: ignore[reportAssignmentType]
        return out if self.bias is None else out + self.bias[:, None, None]


class BatchNorm(eqx.Module):
    """Batch normalisation over all axes but that of the filters (Ioffe and Szegedy, 2015)."""

    scale: Float[Array, " F"]
    shift: Float[Array, " F"]

    def __init__(self, filters: int) -> None:
        """Begin with scale one and shift zero."""
        self.scale, self.shift = jnp.ones(filters), jnp.zeros(filters)

    def __call__(
        self, x: Float[Array, "..."], moments: tuple[Array, Array] | None, *, axis: int = -1
    ) -> tuple[Float[Array, "..."], tuple[Array, Array]]:
        """Return what is normalised by these moments (None: the batch's own), and the batch's own.

        Args:
            x: of any shape.
            moments: mean and variance of every filter.
            axis: that of the filters.
        """
        axis %= x.ndim
        others = tuple(i for i in range(x.ndim) if i != axis)
        own = jnp.mean(x, axis=others), jnp.var(x, axis=others)
        mean, variance, scale, shift = (
            jnp.expand_dims(one, others) for one in (*(own if moments is None else moments), self.scale, self.shift)
        )
        return scale * (x - mean) / jnp.sqrt(variance + EPSILON) + shift, own


def follow(moments: Moments, batch: Moments, rate: float = 0.01) -> Moments:
    """Return moments moved towards those of a batch."""
    return jax.tree.map(lambda old, new: old + rate * (jax.lax.stop_gradient(new) - old), moments, batch)


def squash(a: Array) -> Array:
    """Return 1.7159 tanh(2 a / 3), which maps 1 to 1 (LeCun et al., 1998, appendix A)."""
    return 1.7159 * jnp.tanh(2 * a / 3)


CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Which of the six maps of S2 each of the sixteen maps of C3 sees (LeCun et al., 1998, table I)."""


class LeNet(eqx.Module):
    """LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998) for images of 28 by 28 pixels, framed to 32 by 32.

    C1: 6 maps, 5 x 5. S2: sums of 2 x 2, times a trained coefficient, plus a bias. C3: 16 maps that see some of those.
    S4: as S2. C5: 120 units. F6: 84 units. Every layer is squashed by 1.7159 tanh(2 a / 3). The published output
    (distances to drawn characters) is a softmax here, as in every later use: these are its logits.
    """

    c1: Conv
    s2: tuple[Float[Array, " F"], Float[Array, " F"]]
    c3: Conv
    s4: tuple[Float[Array, " F"], Float[Array, " F"]]
    c5: Conv
    f6: tuple[Float[Array, "I U"], Float[Array, " U"]]
    output: tuple[Float[Array, "U O"], Float[Array, " O"]]

    def __init__(self, classes: int = 10, *, key: PRNGKeyArray) -> None:
        """Draw the weights, uniform within 2.4 / fan-in as published."""
        keys = iter(jax.random.split(key, 5))

        def uniform(shape: tuple[int, int], fan_in: int | np.ndarray) -> Array:
            return jax.random.uniform(next(keys), shape, minval=-1.0) * 2.4 / fan_in

        def conv(channels: int, filters: int, seen: int | np.ndarray) -> Conv:
            weights = uniform((25 * channels, filters), 25 * seen)
            return eqx.tree_at(lambda c: c.weights, Conv(channels, filters, 5, key=key), weights)

        self.c1 = conv(1, 6, 1)
        self.s2 = (jnp.full(6, 0.25), jnp.zeros(6))
        self.c3 = conv(6, 16, np.array([len(seen) for seen in CONNECTIONS]))
        self.s4 = (jnp.full(16, 0.25), jnp.zeros(16))
        self.c5 = conv(16, 120, 16)
        self.f6 = (uniform((120, 84), 120), jnp.zeros(84))
        self.output = (uniform((84, classes), 84), jnp.zeros(classes))

    @staticmethod
    @functools.cache
    def _seen() -> np.ndarray:
        """Return which weights of C3 exist."""
        seen = np.array([[float(channel in row) for row in CONNECTIONS] for channel in range(6)], np.float32)
        return np.tile(seen, (25, 1))

    def maps(self, x: Float[Array, "B 28 28 1"]) -> list[Array]:
        """Return what comes out of C1, S2, C3, S4, C5 and F6."""
        c1 = squash(self.c1.in_rows(rows.batch_last(padded(x, 2))))
        s2 = squash(self.s2[0][:, None, None] * 4 * rows.average_pool(c1) + self.s2[1][:, None, None])
        c3 = squash(eqx.tree_at(lambda c: c.weights, self.c3, self.c3.weights * self._seen()).in_rows(s2))
        s4 = squash(self.s4[0][:, None, None] * 4 * rows.average_pool(c3) + self.s4[1][:, None, None])
        seen = [rows.channels_last(maps) for maps in (c1, s2, c3, s4)]
        c5 = squash(self.c5(seen[3]))
        return [*seen, c5, squash(c5[:, 0, 0] @ self.f6[0] + self.f6[1])]

    def __call__(self, x: Float[Array, "B 28 28 1"]) -> Float[Array, "B O"]:
        """Return the logits of a batch."""
        return self.maps(x)[-1] @ self.output[0] + self.output[1]


class ConvNet(eqx.Module):
    """A small modern net: blocks of normalised 3 x 3 convolutions and a pool; the mean over places; a layer.

    The first block has one convolution, the others two: at full size a second one would cost as much as all the rest.
    """

    blocks: list[list[tuple[Conv, BatchNorm]]]
    output: tuple[Float[Array, "F O"], Float[Array, " O"]]

    def __init__(
        self, channels: int, classes: int, *, filters: Sequence[int] = (32, 64, 128), key: PRNGKeyArray
    ) -> None:
        """Draw He's weights; `filters` are those of the blocks."""
        keys = iter(jax.random.split(key, 2 * len(filters)))
        self.blocks = []
        for width in filters:
            block = []
            for _ in range(2 if self.blocks else 1):
                conv = Conv(channels, width, 3, margin=1, bias=False, key=next(keys))
                block.append((conv, BatchNorm(width)))
                channels = width
            self.blocks.append(block)
        self.output = (jax.nn.initializers.glorot_uniform()(next(keys), (channels, classes)), jnp.zeros(classes))

    def start(self) -> Moments:
        """Return moments to begin with: mean zero, variance one."""
        norms = [norm for block in self.blocks for _, norm in block]
        return tuple((jnp.zeros_like(norm.shift), jnp.ones_like(norm.scale)) for norm in norms)

    def __call__(self, x: Images, moments: Moments | None = None) -> tuple[Float[Array, "B O"], Moments]:
        """Return the logits of a batch, and its own moments; None of them given normalises by those (training)."""
        seen, maps = [], rows.batch_last(x)
        for block in self.blocks:
            for conv, norm in block:
                maps, own = norm(conv.in_rows(maps), None if moments is None else moments[len(seen)], axis=1)
                seen.append(own)
                maps = jax.nn.relu(maps)
            maps = rows.max_pool(maps)
        return jnp.mean(maps, axis=(0, 2)).T @ self.output[0] + self.output[1], tuple(seen)
