"""Networks on pictures: convolutions written as products, then fully connected layers.

Every convolution is followed, where it is asked for, by layer normalisation over the channels of each place (Gallici et
al., 2025), and by max(0, x). Pictures are (B, rows, columns, channels); a first axis that is the shortest is taken for
that of the channels, as Atari's frames have it. Values are divided by the largest there can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.networks import MLP
from equilearn.networks.convolutional import Conv
from equilearn.reinforcement.environment import Space
from equilearn.reinforcement.policies import ORTHOGONAL, Perceptron

Layers = tuple[tuple[int, int, int], ...]
"""Filters, size of the kernel and stride of every convolution."""


def are_pictures(space: Space) -> bool:
    """Return whether observations are pictures: three axes."""
    return isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 3


class Pixels(eqx.Module):
    """A convolutional network on pictures."""

    convolutions: list[Conv]
    norms: list[tuple[Float[Array, " F"], Float[Array, " F"]]]
    """gamma and beta of the normalisation, where there is one."""
    network: MLP
    highest: float = eqx.field(static=True)
    channels_first: bool = eqx.field(static=True)

    def __init__(
        self, space: Space, outputs: int, convolutions: Layers, hidden: Sequence[int], *, last: float,
        layer_norm: bool = False, key: PRNGKeyArray,
    ) -> None:  # fmt: skip
        """Draw the weights.

        Args:
            space: of the pictures.
            outputs: number of outputs.
            convolutions: filters, size and stride of each.
            hidden: units of the layers after them.
            last: gain of the last layer.
            layer_norm: normalise after every layer but the last.
            key: random key.

        Raises:
            UserError: a kernel is larger than what is left of the picture, or the picture has no largest value.
        """
        assert space.shape is not None
        shape = space.shape
        self.channels_first = shape[0] < min(shape[1:])
        rows, columns, channels = (*shape[1:], shape[0]) if self.channels_first else shape
        self.highest = float(np.max(space.high))  # pyright: ignore[reportAttributeAccessIssue]
        if not 0 < self.highest < math.inf:
            raise UserError(
                f"observation_space: pictures are divided by their largest value, which must be above 0 and finite, "
                f"not {self.highest:g}; give the Box its bounds."
            )
        *keys, last_key = jax.random.split(key, len(convolutions) + 1)
        self.convolutions = []
        for (filters, size, stride), one in zip(convolutions, keys, strict=True):
            if size > min(rows, columns):
                raise UserError(f"convolutions: a kernel of {size} does not fit what is left, {rows} by {columns}.")
            self.convolutions.append(Conv(channels, filters, size, stride=stride, bias=not layer_norm, key=one))
            rows, columns, channels = (rows - size) // stride + 1, (columns - size) // stride + 1, filters
        self.norms = [(jnp.ones(one), jnp.zeros(one)) for one, *_ in convolutions] if layer_norm else []
        sizes = (math.prod((rows, columns, channels)), *hidden, outputs)
        options = {"initialiser": ORTHOGONAL, "last": last / math.sqrt(2), "layer_norm": layer_norm}
        self.network = MLP(sizes, **options, key=last_key)

    def __call__(self, observation: Array) -> Float[Array, "B outputs"]:
        """Return the outputs of a batch of pictures."""
        x = jnp.asarray(observation, jnp.float32) / self.highest
        if self.channels_first:
            x = jnp.moveaxis(x, 1, 3)
        for layer, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if self.norms:
                x = self.norms[layer][0] * normalised(x) + self.norms[layer][1]
            x = jax.nn.relu(x)
        return self.network(x.reshape(x.shape[0], -1))


def normalised(x: Float[Array, "*B F"]) -> Float[Array, "*B F"]:
    """Return x with mean zero and variance one over the last axis."""
    mean, variance = jnp.mean(x, axis=-1, keepdims=True), jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5)


def value_network(
    space: Space, outputs: int, convolutions: Layers, hidden: Sequence[int], *, layer_norm: bool = False,
    key: PRNGKeyArray,
) -> Perceptron | Pixels:  # fmt: skip
    """Return a fresh network for values: convolutions where observations are pictures, none elsewhere."""
    if are_pictures(space):
        return Pixels(space, outputs, convolutions, hidden, last=0.1, layer_norm=layer_norm, key=key)
    return Perceptron(space, outputs, hidden, last=0.1, activation=jax.nn.relu, layer_norm=layer_norm, key=key)
