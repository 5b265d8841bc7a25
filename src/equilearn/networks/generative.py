"""Networks that draw pictures, and convolutions that end in dense layers.

Legend: B images, R rows, S columns, C channels, Z latent numbers, O outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.networks.convolutional import BatchNorm, Conv, Images
from equilearn.networks.mlp import MLP, Activation, Moments


class ConvDense(eqx.Module):
    """Convolutions, each followed by the activation, then a multi-layer perceptron on all that they see.

    Unlike a mean over places it keeps where things are: for positions, for the screens of games, for discriminators.
    """

    convs: list[Conv]
    dense: MLP
    activation: Activation = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, int, int],
        kernels: Sequence[tuple[int, int, int]],
        sizes: Sequence[int],
        *,
        activation: Activation = jax.nn.relu,
        key: PRNGKeyArray,
    ) -> None:
        """Draw He's weights.

        Args:
            shape: rows, columns and channels of an image.
            kernels: filters, size and stride of every convolution, without a margin.
            sizes: units of the dense layers, the outputs last.
            activation: of every layer but the last.
            key: random key.
        """
        keys = jax.random.split(key, len(kernels) + 1)
        (rows, columns, channels), self.convs = shape, []
        for (filters, size, stride), one in zip(kernels, keys[1:], strict=True):
            self.convs.append(Conv(channels, filters, size, stride=stride, key=one))
            rows, columns, channels = (rows - size) // stride + 1, (columns - size) // stride + 1, filters
        self.activation = activation
        he = jax.nn.initializers.he_normal()
        self.dense = MLP((rows * columns * channels, *sizes), activation=activation, initialiser=he, key=keys[0])

    def __call__(self, x: Images) -> Float[Array, "B O"]:
        """Return the outputs of a batch."""
        for conv in self.convs:
            x = self.activation(conv(x))
        return self.dense(x.reshape(x.shape[0], -1))


class Generator(eqx.Module):
    """Noise into pictures, as Radford, Metz and Chintala (2016) do it: a dense layer, then transposed convolutions.

    Every layer but the last is normalised over the batch and rectified; the last gives a sigmoid, since pixels are
    between 0 and 1. Each convolution (size 4) doubles the sides.
    """

    dense: MLP
    convs: list[Conv]
    norms: list[BatchNorm]
    start_shape: tuple[int, int, int] = eqx.field(static=True)

    def __init__(self, latent: int, side: int, filters: Sequence[int], *, key: PRNGKeyArray) -> None:
        """Draw the weights.

        Args:
            latent: Z.
            side: of the first small picture; the last has side * 2 ** len(filters).
            filters: channels of the pictures but the last, which has one; the first is that of the small picture.
            key: random key.
        """
        keys = jax.random.split(key, len(filters) + 1)
        self.start_shape = (side, side, filters[0])
        he = jax.nn.initializers.he_normal()
        self.dense = MLP((latent, side * side * filters[0]), initialiser=he, key=keys[0])
        pairs = list(zip(filters, [*filters[1:], 1], strict=True))
        self.convs = [
            Conv(before, after, 4, stride=2, margin=1, transposed=True, bias=after == 1, key=one)
            for (before, after), one in zip(pairs, keys[1:], strict=True)
        ]
        self.norms = [BatchNorm(channels) for channels in filters]

    def start(self) -> Moments:
        """Return moments to begin with: mean zero, variance one."""
        return tuple((jnp.zeros_like(norm.shift), jnp.ones_like(norm.scale)) for norm in self.norms)

    def __call__(self, z: Float[Array, "B Z"], moments: Moments | None = None) -> tuple[Images, Moments]:
        """Return a picture for every row of noise, and the batch's moments; None given normalises by those."""
        x = self.dense(z).reshape(z.shape[0], *self.start_shape)
        seen = []
        for layer, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            x, own = norm(x, None if moments is None else moments[layer])
            seen.append(own)
            x = conv(jax.nn.relu(x))
        return jax.nn.sigmoid(x), tuple(seen)
