"""Pictures told apart by a network: perceptron, LeNet-5 or a small modern net, on the loop.

While training, pictures may be moved by a few pixels and mirrored. Batch normalisation uses a batch's moments while
training and fixed ones in use; those are in the world and follow the batches with every step.
Legend: n pictures, R rows, S columns, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar, UInt8

from equilearn.compiling import in_batches
from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Run, key_of, learn
from equilearn.learn.problem import Score
from equilearn.networks import MLP
from equilearn.networks.convolutional import ConvNet, LeNet, follow
from equilearn.networks.mlp import Moments
from equilearn.optimizers import adam
from equilearn.supervised import Split

Bytes = UInt8[Array, "B R S"]
AT_ONCE = 250
"""Pictures that are looked at together outside training: gathered patches take memory."""
NETWORKS: dict[str, Callable[[int, int, PRNGKeyArray], Any]] = {
    "mlp": lambda side, classes, key: MLP((side * side, 256, classes), dropout=0.2, key=key),
    "lenet": lambda side, classes, key: LeNet(classes, key=key),
    "modern": lambda side, classes, key: ConvNet(1, classes, filters=(16, 32, 64), key=key),
}
"""Name -> network of a side, a number of classes and a key."""


def logits(
    network: Any, x: Bytes, moments: Moments | None, key: PRNGKeyArray | None = None
) -> tuple[Float[Array, "B K"], Moments]:
    """Return what a network says of pictures, and the moments of its batch; None given is training."""
    scaled = x[..., None].astype(jnp.float32) / 255
    if isinstance(network, ConvNet):
        return network(scaled, moments)
    if isinstance(network, MLP):
        return network(scaled.reshape(len(x), x.shape[1] * x.shape[2]), key=key), ()
    return network(scaled), ()


def moved(x: Bytes, shift: int, mirror: bool, *, key: PRNGKeyArray) -> Bytes:
    """Return every picture moved by up to `shift` pixels each way, empty where it came from, and mirrored or not."""
    move_key, mirror_key = jax.random.split(key)
    if shift:
        framed = jnp.pad(x, ((0, 0), (shift, shift), (shift, shift)))
        corners = jax.random.randint(move_key, (len(x), 2), 0, 2 * shift + 1)
        x = jax.vmap(lambda one, at: jax.lax.dynamic_slice(one, (at[0], at[1]), x.shape[1:]))(framed, corners)
    if mirror:
        x = jnp.where(jax.random.bernoulli(mirror_key, 0.5, (len(x), 1, 1)), x[:, :, ::-1], x)
    return x


class Classifying(Problem):
    """Cross-entropy of pictures; the check is that on the validation part, and the accuracy there."""

    x: UInt8[Array, "n R S"]
    label: Int[Array, " n"]
    x_validation: UInt8[Array, "v R S"]
    label_validation: Int[Array, " v"]
    shift: int = eqx.field(static=True)
    mirror: bool = eqx.field(static=True)

    def generate(self, networks: Any, world: Moments, *, key: PRNGKeyArray) -> tuple[Any, Moments]:
        """Hand back the training part."""
        del networks, key
        return (self.x, self.label), world

    def loss(self, networks: Any, world: Moments, batch: Any, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean cross-entropy of a batch, and its moments."""
        del world
        x, label = batch
        move_key, drop_key = jax.random.split(key)
        said, own = logits(networks, moved(x, self.shift, self.mirror, key=move_key), None, drop_key)
        parts = {f"moments {i}": jnp.stack(pair) for i, pair in enumerate(own)}
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(said, label)), parts

    def after_step(self, networks: Any, world: Moments, batch: Any, parts: dict[str, Array]) -> Moments:
        """Let the moments of use follow those of the batch."""
        del networks, batch
        return follow(world, tuple((parts[f"moments {i}"][0], parts[f"moments {i}"][1]) for i in range(len(world))))

    def check(self, networks: Any, world: Moments, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return the cross-entropy of every validation picture, and whether it is told right."""
        del key
        said = said_of(networks, world, self.x_validation)
        right = (jnp.argmax(said, axis=1) == self.label_validation).astype(jnp.float32)
        return {
            "validation": optax.softmax_cross_entropy_with_integer_labels(said, self.label_validation),
            "accuracy": Score(right),
        }


def said_of(network: Any, moments: Moments, x: UInt8[Array, "n R S"]) -> Float[Array, "n K"]:
    """Return the logits of many pictures, some at a time."""
    return in_batches(lambda some: logits(network, some, moments)[0], x, AT_ONCE, whole=True)


@dataclass(frozen=True)
class FittedClassifier:
    """A trained network with its fixed moments."""

    network: Any
    moments: Moments
    run: Run
    side: int
    """Rows, and columns, of its pictures."""

    def predict(self, x: Float[np.ndarray, "n pixels"]) -> Float[np.ndarray, "n K"]:
        """Return the probabilities of the classes of square pictures, pixels in [0, 1].

        Raises:
            UserError: the pictures are not of the form of those that it learnt from.
        """
        pictures = as_bytes(x)
        if pictures.shape[1] != self.side:
            own = pictures.shape[1]
            raise UserError(f"images: must be {self.side} by {self.side} pixels, as in learning, not {own} by {own}.")
        said = eqx.filter_jit(said_of)(self.network, self.moments, jnp.asarray(pictures))
        return np.asarray(jax.nn.softmax(said), float)


def as_bytes(x: Float[np.ndarray, "n pixels"]) -> UInt8[np.ndarray, "n side side"]:
    """Return square pictures of pixels in [0, 1] as they are kept: a byte a pixel.

    Raises:
        UserError: they are no such pictures.
    """
    x = np.asarray(x)
    if x.ndim != 2:
        raise UserError(f"images: must be rows of pixels, one for each picture, not of shape {x.shape}.")
    if not np.all((x >= 0) & (x <= 1)):
        raise UserError(
            f"images: pixels must be numbers in [0, 1], not from {x.min():g} to {x.max():g}; divide bytes by 255."
        )
    side = round(x.shape[1] ** 0.5)
    if side * side != x.shape[1]:
        raise UserError(f"images: {x.shape[1]} pixels make no square picture.")
    return np.round(255 * x).astype(np.uint8).reshape(len(x), side, side)


def fit_classifier(
    data: Split,
    settings: LearnSettings,
    *,
    network: str = "lenet",
    shift: int = 0,
    mirror: bool = False,
    optimizer: optax.GradientTransformation | None = None,
    seed: int = 0,
    **folders: Any,
) -> FittedClassifier:
    """Train on the training part; settings with `keep_best` or `patience` look at the validation part.

    Args:
        data: square pictures as rows of pixels in [0, 1], with one-hot classes; LeNet-5 takes 28 by 28.
        settings: of the loop; an episode is `epochs` passes over the training part.
        network: one of `NETWORKS`.
        shift: pixels by which pictures are moved at most while training.
        mirror: mirror every second picture while training, left to right.
        optimizer: an Optax transformation; by default Adam.
        seed: of the weights, the order and the moves.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: an argument is wrong, or the folder holds another run.
    """
    if network not in NETWORKS:
        raise UserError(f"network: there is no {network!r}; there are {', '.join(NETWORKS)}.")
    if not 0 <= shift <= 8:
        raise UserError(f"shift: must be between 0 and 8 pixels, not {shift}.")
    x, x_validation = as_bytes(data.x_train), as_bytes(data.x_validation)
    if network == "lenet" and x.shape[1] != 28:
        raise UserError(f"network: LeNet-5 takes pictures of 28 by 28 pixels, not {x.shape[1]} by {x.shape[1]}.")
    labels = (np.argmax(t, axis=1).astype(np.int32) for t in (data.t_train, data.t_validation))
    network_key, learn_key = jax.random.split(key_of(seed))
    net = NETWORKS[network](x.shape[1], data.t_train.shape[1], network_key)
    arrays = [jnp.asarray(one) for one in (x, next(labels), x_validation, next(labels))]
    run = learn(
        Classifying(*arrays, shift=shift, mirror=mirror),
        net,
        net.start() if isinstance(net, ConvNet) else (),
        optimizer or adam(1e-3),
        settings,
        key=learn_key,
        title=network,
        **folders,
    ).sound(network)
    return FittedClassifier(run.state.networks, run.state.world, run, x.shape[1])
