"""A recurrent network that says what comes next in a text, on the loop.

The text is cut into B tracks that are read side by side, in chunks of T symbols. What the network remembers at a
chunk's end it has at the next one's beginning, but the gradient is cut there: truncated back-propagation through time.
A pass over the text is made in pieces of as many chunks each, an episode a piece, so that the learning rate falls
within a pass too. What fills no whole piece is left out at a pass's beginning and end, elsewhere in every pass.
Legend: B tracks, T steps of a chunk, n chunks, V symbols, H hidden units.
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Run, key_of, learn
from equilearn.networks import Recurrent
from equilearn.networks.recurrent import Cell, State
from equilearn.optimizers import adam

PIECES = 10
"""Of a pass, where it has as many chunks."""
WARMUP = 100
"""Symbols that are read before the first one that is scored, where there are as many."""


class LanguageModel(eqx.Module):
    """Embedding, recurrent layers, and the logits of the next symbol."""

    embedding: Float[Array, "V E"]
    reading: Recurrent
    weights: Float[Array, "H V"]
    bias: Float[Array, " V"]

    def __init__(
        self, cell: Cell, symbols: int, hidden: int, *, embedded: int = 64, layers: int = 1, key: PRNGKeyArray
    ) -> None:
        """Draw the weights; the last layer starts at zero: all symbols are equally likely."""
        embedding_key, reading_key = jax.random.split(key)
        self.embedding = jax.random.normal(embedding_key, (symbols, embedded))
        self.reading = Recurrent(cell, embedded, hidden, layers=layers, key=reading_key)
        self.weights, self.bias = jnp.zeros((hidden, symbols)), jnp.zeros(symbols)

    def __call__(
        self, codes: Int[Array, "B T"], states: list[State] | None = None
    ) -> tuple[Float[Array, "B T V"], list[State]]:
        """Return the logits of the symbol after each one, and what is remembered at the end."""
        path, states = self.reading(self.embedding[codes], states=states)
        return path @ self.weights + self.bias, states


def _nats(network: LanguageModel, rows: Int[Array, "B U"], states: Any) -> tuple[Float[Array, "B T"], list[State]]:
    """Return minus the log-probability of every symbol but the first of each row, and the states."""
    logits, states = network(rows[:, :-1], states)
    return optax.softmax_cross_entropy_with_integer_labels(logits, rows[:, 1:]), states


class World(eqx.Module):
    """What is carried from chunk to chunk."""

    states: list[State]
    piece: Int[Array, ""]
    """Of the pass, that comes next."""
    first: Int[Array, ""]
    """Where the pass began."""


class Reading(Problem):
    """Cross-entropy of the next symbol, in nats, with the state carried from chunk to chunk."""

    keeps_order: ClassVar[bool] = True
    text: Int[Array, " S"]
    validation: Int[Array, "B U"]
    tracks: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    pieces: int = eqx.field(static=True)
    chunks: int = eqx.field(static=True)
    """In a piece."""
    warmup: int = eqx.field(static=True)

    def generate(self, networks: LanguageModel, world: World, *, key: PRNGKeyArray) -> tuple[Any, World]:
        """Cut the next piece of the text into chunks; a new pass begins elsewhere, and forgets what was read before."""
        span = self.pieces * self.chunks * self.steps
        again = world.piece == 0
        first = jnp.where(again, jax.random.randint(key, (), 0, len(self.text) - self.tracks * span), world.first)
        begin = first + world.piece * self.chunks * self.steps + jnp.arange(self.tracks) * span
        starts = begin[None, :] + jnp.arange(self.chunks)[:, None] * self.steps
        data = self.text[starts[:, :, None] + jnp.arange(self.steps + 1)]
        states = jax.tree.map(lambda leaf: jnp.where(again, 0.0, leaf), world.states)
        return data, World(states, (world.piece + 1) % self.pieces, first)

    def loss(
        self, networks: LanguageModel, world: World, batch: Any, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean over a chunk; the states at its end are handed to `after_step`."""
        del key
        nats, states = _nats(networks, batch[0], world.states)
        return jnp.mean(nats), {"states": jnp.stack([part for state in states for part in state])}

    def after_step(self, networks: Any, world: Any, batch: Any, parts: dict[str, Array]) -> Any:
        """Carry the state."""
        del networks, batch
        states = jax.tree.unflatten(jax.tree.structure(world.states), list(parts["states"]))
        return World(states, world.piece, world.first)

    def check(self, networks: LanguageModel, world: Any, *, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return bits a symbol on the validation part."""
        del world, key
        return {"bits": _nats(networks, self.validation, None)[0][:, self.warmup :] / jnp.log(2.0)}


def rows_of(text: Int[np.ndarray, " S"], rows: int, warmup: int) -> Int[np.ndarray, "rows U"]:
    """Cut a text into rows; each begins `warmup` symbols early, to be read but not scored."""
    span = (len(text) - warmup - 1) // rows
    if span < 1:
        raise UserError(f"text: a part of {len(text)} symbols is too short; give a longer text.")
    return np.stack([text[i * span : i * span + span + warmup + 1] for i in range(rows)])


@eqx.filter_jit
def _scored(network: LanguageModel, row: Int[Array, "B U"]) -> Float[Array, "B T"]:
    return _nats(network, row, None)[0] / jnp.log(2.0)


def bits(
    network: LanguageModel, text: Int[np.ndarray, " S"], before: Int[np.ndarray, "..."]
) -> Float[np.ndarray, " S"]:
    """Return minus the binary logarithm of the probability of every symbol of a text, read in one go after `before`."""
    row = np.concatenate([before[-WARMUP:], text])
    return np.asarray(_scored(network, jnp.asarray(row[None])), float)[0, -len(text) :]


@eqx.filter_jit
def write(
    network: LanguageModel, begun: Int[Array, " P"], length: int, temperature: Float[Array, ""], *, key: PRNGKeyArray
) -> Int[Array, " length"]:
    """Go on with a text, symbol by symbol, drawn with the probabilities p^(1 / temperature); never the unknown one.

    Args:
        network: that has learnt to.
        begun: codes of the text's beginning.
        length: symbols to write.
        temperature: 1 draws as the network believes, less is safer, more is bolder.
        key: random key.
    """
    logits, states = network(begun[None])

    def step(carry: Any, key: PRNGKeyArray) -> tuple[Any, Array]:
        logits, states = carry
        code = jax.random.categorical(key, (logits / temperature).at[0].set(-jnp.inf))
        logits, states = network(code[None, None], states)
        return (logits[0, 0], states), code

    return jax.lax.scan(step, (logits[0, -1], states), jax.random.split(key, length))[1]


def fit_language(
    train: Int[np.ndarray, " S"],
    validation: Int[np.ndarray, " U"],
    symbols: int,
    *,
    passes: int,
    cell: Cell = "gru",
    hidden: int = 256,
    layers: int = 1,
    tracks: int = 64,
    steps: int = 64,
    optimizer: optax.GradientTransformation | None = None,
    seed: int = 0,
    **folders: Any,
) -> tuple[LanguageModel, Run]:
    """Train a network to say what comes next; the best pass on the validation part is kept.

    Args:
        train: codes of the training part.
        validation: codes of the part by which the best pass is chosen.
        symbols: V.
        passes: over the training part.
        cell: "simple", "lstm" or "gru".
        hidden: H of every layer.
        layers: how many.
        tracks: B.
        steps: T.
        optimizer: an Optax transformation; by default Adam.
        seed: of the weights.
        folders: `folder` and `resume` of the loop.

    Raises:
        DivergenceError: numbers stopped being finite.
        UserError: the text is too short, an argument is wrong, or the folder holds another run.
    """
    chunks = (len(train) - 2) // (tracks * steps)
    if chunks < 1:
        raise UserError(
            f"text: {len(train):,} symbols to train on are fewer than one chunk of {steps} in each of {tracks} tracks; "
            "give a longer text."
        )
    pieces = min(PIECES, chunks)
    network_key, learn_key = jax.random.split(key_of(seed))
    network = LanguageModel(cell, symbols, hidden, layers=layers, key=network_key)
    warmup = min(WARMUP, len(validation) // 4)
    rows = rows_of(validation, min(16, max(1, len(validation) // 1000)), warmup)
    problem = Reading(jnp.asarray(train), jnp.asarray(rows), tracks, steps, pieces, chunks // pieces, warmup)
    settings = LearnSettings(episodes=passes * pieces, check_every=pieces, batch_size=1, keep_best=True)
    zero = jnp.zeros((), jnp.int32)
    run = learn(problem, network, World(network.reading.start(tracks), zero, zero), optimizer or adam(3e-3), settings,
                key=learn_key, title="text", **folders).sound("text")  # fmt: skip
    return run.state.networks, run
