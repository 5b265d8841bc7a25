"""What a sentence is: a recurrent network that reads it in both directions, with attention, on the loop.

Words are embedded, read forwards and backwards; the mean over the words' states, weighted by an attention that is
learnt, decides. In training whole words are left out at random (Iyyer et al., 2015) and so are units of the embedding
(dropout): ten thousand sentences are few, and a network soon knows them by heart.
Legend: n sentences, T words of the longest, V words, E units of the embedding, D of the state.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.learn import LearnSettings, Problem, Run, Score, key_of, learn
from equilearn.networks import Attention, Recurrent
from equilearn.networks.recurrent import Cell
from equilearn.optimizers import adam
from equilearn.sequences.vocabulary import Padded

LEFT_OUT, DROPPED = 0.2, 0.5
"""Shares of the words, and of the units of embedding and summary, that are left out in training."""


class Reader(eqx.Module):
    """Embedding, cells in both directions, attention, and the logit of the class 1."""

    embedding: Float[Array, "V E"]
    reading: Recurrent
    attention: Attention
    query: Float[Array, " Q"]
    weights: Float[Array, " D"]
    bias: Float[Array, ""]

    def __init__(self, cell: Cell, words: int, embedded: int, hidden: int, *, key: PRNGKeyArray) -> None:
        """Draw the weights; the last layer starts at zero."""
        keys = jax.random.split(key, 4)
        self.embedding = 0.1 * jax.random.normal(keys[0], (words, embedded))
        self.reading = Recurrent(cell, embedded, hidden, both_directions=True, key=keys[1])
        self.attention = Attention(hidden, 2 * hidden, hidden, key=keys[2])
        self.query = 0.1 * jax.random.normal(keys[3], (hidden,))
        self.weights, self.bias = jnp.zeros(2 * hidden), jnp.zeros(())

    def __call__(
        self, codes: Int[Array, "B T"], lengths: Int[Array, " B"], *, key: PRNGKeyArray | None = None
    ) -> tuple[Float[Array, " B"], Float[Array, "B T"]]:
        """Return the logits, and the attention on every word; a key leaves words and units out."""
        x = self.embedding[codes]
        if key is not None:
            word_key, unit_key, last_key = jax.random.split(key, 3)
            x = x * jax.random.bernoulli(word_key, 1 - LEFT_OUT, codes.shape)[:, :, None]
            x = _dropped(x, key=unit_key)
        path, _ = self.reading(x, lengths=lengths)
        query = jnp.broadcast_to(self.query, (len(codes), len(self.query)))
        summary, seen = self.attention(query, path, lengths)
        if key is not None:
            summary = _dropped(summary, key=last_key)
        return summary @ self.weights + self.bias, seen


def _dropped(x: Float[Array, "..."], *, key: PRNGKeyArray) -> Float[Array, "..."]:
    return jnp.where(jax.random.bernoulli(key, 1 - DROPPED, x.shape), x / (1 - DROPPED), 0.0)


class Judging(Problem):
    """Cross-entropy of the class; the check is the share of validation sentences that is right, and their loss."""

    codes: Int[Array, "n T"]
    lengths: Int[Array, " n"]
    labels: Int[Array, " n"]
    validation: tuple[Int[Array, "v T"], Int[Array, " v"], Int[Array, " v"]]

    def generate(self, networks: Reader, world: Any, *, key: PRNGKeyArray) -> tuple[Any, Any]:
        """Hand back the training sentences."""
        del networks, key
        return (self.codes, self.lengths, self.labels), world

    def loss(self, networks: Reader, world: Any, batch: Any, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean over a batch."""
        del world
        codes, lengths, labels = batch
        logits, _ = networks(codes, lengths, key=key)
        return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, labels.astype(float))), {}

    def check(self, networks: Reader, world: Any, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return which are right."""
        del world, key
        codes, lengths, labels = self.validation
        logits, _ = networks(codes, lengths)
        return {"right": Score(((logits > 0) == (labels > 0)).astype(float))}


@eqx.filter_jit
def judged(network: Reader, codes: Int[Array, "n T"], lengths: Int[Array, " n"]) -> tuple[Array, Array]:
    """Return the probability of class 1, and the attention on every word."""
    logits, seen = network(codes, lengths)
    return jax.nn.sigmoid(logits), seen


def fit_reader(
    train: tuple[Padded, Int[np.ndarray, " n"]],
    validation: tuple[Padded, Int[np.ndarray, " v"]],
    words: int,
    *,
    cell: Cell = "gru",
    embedded: int = 64,
    hidden: int = 32,
    epochs: int = 8,
    batch: int = 128,
    optimizer: optax.GradientTransformation | None = None,
    seed: int = 0,
    **folders: Any,
) -> tuple[Reader, Run]:
    """Train a reader; the best epoch on the validation part is kept.

    Args:
        train: sentences, and labels that are 0 or 1.
        validation: others.
        words: V.
        cell: "simple", "lstm" or "gru".
        embedded: E.
        hidden: units in each direction.
        epochs: passes over the training part.
        batch: sentences a gradient step.
        optimizer: an Optax transformation; by default Adam.
        seed: of the weights and the order.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: the folder holds another run.
    """
    network_key, learn_key = jax.random.split(key_of(seed))
    network = Reader(cell, words, embedded, hidden, key=network_key)
    (seen, labels), (held, held_labels) = train, validation
    problem = Judging(
        jnp.asarray(seen.codes), jnp.asarray(seen.lengths), jnp.asarray(labels),
        (jnp.asarray(held.codes), jnp.asarray(held.lengths), jnp.asarray(held_labels)),
    )  # fmt: skip
    settings = LearnSettings(episodes=epochs, check_every=1, batch_size=batch, keep_best=True)
    run = learn(
        problem, network, (), optimizer or adam(3e-3), settings, key=learn_key, title="sentiment", **folders
    ).sound("sentiment")
    return run.state.networks, run
