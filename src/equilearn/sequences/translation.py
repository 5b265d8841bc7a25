"""Sequence to sequence with attention (Bahdanau, Cho and Bengio, 2015; the order of things is Luong's, 2015).

An encoder reads the source in both directions. A decoder reads what has been written so far; what it remembers asks
the attention which of the encoder's states it needs, and the next symbol follows from both:

    h_t = GRU(y_{t-1}, h_{t-1}),   c_t = attention(h_t; keys),   p(y_t) = softmax(V tanh(W [h_t; c_t]))

Legend: n pairs, S symbols of the source, T of the target, V symbols of the target's vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.learn import LearnSettings, Problem, Run, Score, key_of, learn
from equilearn.networks import Attention, Recurrent
from equilearn.optimizers import adam

BEGIN, END = "<begin>", "<end>"


class Pairs(NamedTuple):
    """Sources and targets, padded with zeros; a target begins with BEGIN and ends with END."""

    source: Int[Any, "n S"]
    lengths: Int[Any, " n"]
    target: Int[Any, "n T"]


class Translator(eqx.Module):
    """Encoder, attention, decoder."""

    source: Float[Array, "U E"]
    target: Float[Array, "V E"]
    encoder: Recurrent
    decoder: Recurrent
    attention: Attention
    mix: Float[Array, "M H"]
    weights: Float[Array, "H V"]
    bias: Float[Array, " V"]

    def __init__(self, sources: int, targets: int, hidden: int, *, key: PRNGKeyArray) -> None:
        """Draw the weights: of U and V symbols, H units in the decoder, and in each of the encoder's directions."""
        keys, glorot = jax.random.split(key, 7), jax.nn.initializers.glorot_uniform()
        embedded = hidden // 2
        self.source = jax.random.normal(keys[0], (sources, embedded))
        self.target = jax.random.normal(keys[1], (targets, embedded))
        self.encoder = Recurrent("gru", embedded, hidden, both_directions=True, key=keys[2])
        self.decoder = Recurrent("gru", embedded, hidden, key=keys[3])
        self.attention = Attention(hidden, 2 * hidden, hidden, key=keys[4])
        self.mix = glorot(keys[5], (3 * hidden, hidden))
        self.weights, self.bias = glorot(keys[6], (hidden, targets)), jnp.zeros(targets)

    def decode(
        self, written: Int[Array, "B T"], keys: Float[Array, "B S D"], lengths: Int[Array, " B"], states: Any
    ) -> tuple[Float[Array, "B T V"], Float[Array, "B T S"], Any]:
        """Return the logits of the symbol after each one written, the attention, and what is remembered."""
        path, states = self.decoder(self.target[written], states=states)
        context, seen = jax.vmap(self.attention, in_axes=(1, None, None), out_axes=1)(path, keys, lengths)
        mixed = jnp.tanh(jnp.concatenate([path, context], axis=2) @ self.mix)
        return mixed @ self.weights + self.bias, seen, states

    def __call__(
        self, source: Int[Array, "B S"], lengths: Int[Array, " B"], written: Int[Array, "B T"]
    ) -> Float[Array, "B T V"]:
        """Return the logits of the symbol after each one written."""
        keys, _ = self.encoder(self.source[source], lengths=lengths)
        return self.decode(written, keys, lengths, None)[0]


@eqx.filter_jit
def translate(
    network: Translator, source: Int[Array, "B S"], lengths: Int[Array, " B"], begin: int, most: int
) -> tuple[Int[Array, "B most"], Float[Array, "B most S"]]:
    """Write the likeliest symbol after the other, `most` of them; return them, and where the attention was at each."""
    keys, _ = network.encoder(network.source[source], lengths=lengths)

    def step(carry: Any, _: None) -> tuple[Any, Any]:
        last, states = carry
        logits, seen, states = network.decode(last[:, None], keys, lengths, states)
        code = jnp.argmax(logits[:, 0], axis=1).astype(jnp.int32)
        return (code, states), (code, seen[:, 0])

    first = (jnp.full(len(source), begin, jnp.int32), network.decoder.start(len(source)))
    codes, seen = jax.lax.scan(step, first, length=most)[1]
    return codes.T, jnp.swapaxes(seen, 0, 1)


class Translating(Problem):
    """Cross-entropy of every symbol given those before it; the check is the share of pairs wholly right."""

    train: Pairs
    validation: Pairs
    begin: int = eqx.field(static=True)

    def generate(self, networks: Translator, world: Any, *, key: PRNGKeyArray) -> tuple[Pairs, Any]:
        """Hand back the training pairs."""
        del networks, key
        return self.train, world

    def loss(
        self, networks: Translator, world: Any, batch: Pairs, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean over the symbols of a batch that are no padding."""
        del world, key
        logits, following = networks(batch.source, batch.lengths, batch.target[:, :-1]), batch.target[:, 1:]
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, following)
        return jnp.sum(nats * (following > 0)) / jnp.sum(following > 0), {}

    def check(self, networks: Translator, world: Any, *, key: PRNGKeyArray) -> dict[str, Score]:
        """Return which validation pairs are wholly right."""
        del world, key
        following = self.validation.target[:, 1:]
        codes, _ = translate(networks, self.validation.source, self.validation.lengths, self.begin, following.shape[1])
        return {"right": Score(right(codes, following).astype(float))}


def right(codes: Int[Any, "n T"], following: Int[Any, "n T"]) -> Any:
    """Return which translations are right in every symbol, up to and with the end."""
    return ((codes == following) | (following == 0)).all(axis=1)


def fit_translator(
    train: Pairs,
    validation: Pairs,
    sizes: tuple[int, int],
    *,
    begin: int,
    epochs: int,
    hidden: int = 64,
    batch: int = 64,
    optimizer: optax.GradientTransformation | None = None,
    seed: int = 0,
    **folders: Any,
) -> tuple[Translator, Run]:
    """Train a translator; the best of ten checks on the validation pairs is kept.

    Args:
        train: pairs.
        validation: others.
        sizes: symbols of the sources and of the targets.
        begin: code of BEGIN.
        epochs: passes over the training pairs.
        hidden: units.
        batch: pairs a gradient step.
        optimizer: an Optax transformation; by default Adam.
        seed: of the weights and the order.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: the folder holds another run.
    """
    network_key, learn_key = jax.random.split(key_of(seed))
    network = Translator(*sizes, hidden, key=network_key)
    problem = Translating(Pairs(*map(jnp.asarray, train)), Pairs(*map(jnp.asarray, validation)), begin)
    settings = LearnSettings(episodes=epochs, check_every=max(1, epochs // 10), batch_size=batch, keep_best=True)
    run = learn(
        problem, network, (), optimizer or adam(3e-3), settings, key=learn_key, title="translate", **folders
    ).sound("translate")
    return run.state.networks, run
