"""What a recurrent network can remember: two tasks whose answer lies `gap` steps away, many networks in one program.

    recall   one of K symbols is shown in a stretch of noise; `gap` steps later: which one was it?
    waves    a noisy wave whose frequency changes as it goes on; what will it be `gap` steps after the last one seen?

        x_t = sin(p + 2 pi (f t + s t^2 / 2)),   f from 0.02 to 0.06 waves a step at first, from 0.02 to 0.06 at last

All sequences are drawn anew for every gradient step, so that nothing can be learnt by heart. A program trains the
networks of all gaps and all starts side by side: gaps are arrays, and sequences equally long for all of them.
Legend: B sequences, T steps, I inputs, O outputs, G gaps.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.learn import LearnSettings, Problem, Score, key_of, learn_many
from equilearn.networks.recurrent import Cell
from equilearn.optimizers import adam
from equilearn.sequences.forecaster import Forecaster

Task = Literal["recall", "waves"]
SYMBOLS = 8
SEEN, NOISE, FREQUENCIES = 40, 0.05, (0.02, 0.06)
"""Of the waves: steps that are seen, standard deviation of the noise on them, waves a step."""
STEPS_AN_EPISODE = 10
TESTED = 1000
"""Fresh sequences."""


class Drawn(NamedTuple):
    """Sequences, and what is asked of each."""

    x: Float[Array, "B T I"]
    y: Float[Array, "B O"]
    """The symbol as zeros and a one, or the wave's value."""


def draw(task: Task, gap: Int[Array, ""], steps: int, samples: int, *, key: PRNGKeyArray) -> Drawn:
    """Draw sequences.

    Args:
        task: "recall": I is K + 1, O is K; or "waves": both are 1.
        gap: steps between what must be known and when it is asked for; of "recall" below `steps`.
        steps: T.
        samples: B.
        key: random key.
    """
    first_key, second_key, noise_key = jax.random.split(key, 3)
    noise = jax.random.normal(noise_key, (samples, steps, 1))
    if task == "recall":
        symbol = jax.nn.one_hot(jax.random.randint(first_key, (samples,), 0, SYMBOLS), SYMBOLS)
        shown = (jnp.arange(steps) == steps - 1 - gap)[None, :, None]
        return Drawn(jnp.concatenate([jnp.where(shown, symbol[:, None], 0.0), jnp.where(shown, 0.0, noise)], 2), symbol)
    low, high = FREQUENCIES
    begin, end = jax.random.uniform(first_key, (2, samples, 1), minval=low, maxval=high)
    phase = jax.random.uniform(second_key, (samples, 1), maxval=2 * jnp.pi)
    last = steps - 1 + gap
    t = jnp.append(jnp.arange(steps), last)
    wave = jnp.sin(phase + 2 * jnp.pi * (begin * t + (end - begin) / last * t**2 / 2))
    return Drawn(wave[:, :-1, None] + NOISE * noise, wave[:, -1:])


def guess(task: Task) -> float:
    """Return the share that guessing gets right, or the squared error of the waves' mean, 1 / 2."""
    return 1 / SYMBOLS if task == "recall" else 0.5


def judge(task: Task, made: Any, y: Any) -> Float[Array, " B"]:
    """Return 1 for every symbol that is right and 0 for others, or the squared error of every wave."""
    if task == "recall":
        return (jnp.argmax(made, axis=1) == jnp.argmax(y, axis=1)).astype(float)
    return jnp.mean((made - y) ** 2, axis=1)


class Remembering(Problem):
    """Cross-entropy of the symbol, or squared error of the wave, at a sequence's end."""

    gap: Int[Array, "..."]
    """A number; with an axis before it where many problems stand side by side."""
    task: Task = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    samples: int = eqx.field(static=True)

    def generate(self, networks: Forecaster, world: Any, *, key: PRNGKeyArray) -> tuple[Drawn, Any]:
        """Draw anew."""
        del networks
        return draw(self.task, self.gap, self.steps, self.samples, key=key), world

    def loss(
        self, networks: Forecaster, world: Any, batch: Drawn, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the mean over a batch."""
        del world, key
        made = networks(batch.x)
        if self.task == "recall":
            return jnp.mean(optax.softmax_cross_entropy(made, batch.y)), {}
        return jnp.mean((made - batch.y) ** 2), {}

    def check(self, networks: Forecaster, world: Any, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return which fresh symbols are right, or the squared errors of fresh waves."""
        del world
        fresh = draw(self.task, self.gap, self.steps, self.samples, key=key)
        measured = judge(self.task, networks(fresh.x), fresh.y)
        return {"right": Score(measured)} if self.task == "recall" else {"wrong": measured}


@functools.lru_cache
def _fresh(task: Task, cell: Cell, hidden: int) -> Any:
    """Return the program that makes networks of keys and of the biases of their forget gates (nan: as usual)."""
    columns, outputs = (SYMBOLS + 1, SYMBOLS) if task == "recall" else (1, 1)

    def one(key: PRNGKeyArray, opened: Float[Array, ""]) -> Forecaster:
        network = Forecaster(cell, columns, hidden, outputs, key=key)
        usual = network.reading.layers[0].bias
        forget = (jnp.arange(len(usual)) < hidden) & (cell == "lstm") & jnp.isfinite(opened)
        return eqx.tree_at(lambda n: n.reading.layers[0].bias, network, jnp.where(forget, opened, usual))

    return eqx.filter_jit(eqx.filter_vmap(one))


@eqx.filter_jit
def _tested(networks: Forecaster, gaps: Int[Array, " m"], task: Task, steps: int, *, key: PRNGKeyArray) -> Array:
    def one(network: Forecaster, gap: Array) -> Array:
        test = draw(task, gap, steps, TESTED, key=key)
        return jnp.mean(judge(task, network(test.x), test.y))

    return eqx.filter_vmap(one)(networks, gaps)


def steps_of(task: Task, gaps: Sequence[int]) -> int:
    """Return T, the same for all gaps."""
    return max(gaps) + 1 if task == "recall" else SEEN


def remember(
    task: Task,
    gaps: Sequence[int],
    *,
    cell: Cell,
    hidden: int = 32,
    updates: int = 300,
    batch: int = 32,
    starts: int = 3,
    open_gate: bool = False,
    seed: int = 0,
) -> Float[np.ndarray, "G starts"]:
    """Train networks for every gap from several starts in one program, and test them on 1,000 fresh sequences.

    Args:
        task: "recall" or "waves".
        gaps: steps.
        cell: "simple", "lstm" or "gru".
        hidden: units.
        updates: gradient steps.
        batch: sequences in each.
        starts: random starts.
        open_gate: start the forget gate of an LSTM with a bias of log(gap + 1), so that it remembers for about so long
            before it has learnt anything (Tallec and Ollivier, 2018), instead of one.
        seed: of all that is drawn.

    Returns:
        The share of symbols that is right, or the waves' mean squared error.

    Raises:
        UserError: a number stopped being finite.
    """
    network_key, learn_key, test_key = jax.random.split(key_of(seed), 3)
    all_gaps, members = jnp.repeat(jnp.asarray(gaps), starts), len(gaps) * starts
    opened = jnp.log(all_gaps + 1.0) if open_gate else jnp.full(members, jnp.nan)
    networks = _fresh(task, cell, hidden)(jax.random.split(network_key, members), opened)
    steps = steps_of(task, gaps)
    settings = LearnSettings(episodes=max(1, updates // STEPS_AN_EPISODE), batch_size=batch)
    networks, _, _ = learn_many(
        Remembering(all_gaps, task, steps, batch * STEPS_AN_EPISODE), networks, jnp.zeros(members), adam(5e-3),
        settings, keys=jax.random.split(learn_key, members),
    )  # fmt: skip
    return np.asarray(_tested(networks, all_gaps, task, steps, key=test_key), float).reshape(len(gaps), starts)


def linear(task: Task, gap: int, steps: int, *, samples: int = 2000, seed: int = 0) -> float:
    """Return how good least squares is that sees all steps of a sequence at once, and so has nothing to remember."""
    train_key, test_key = jax.random.split(key_of(seed))
    drawn = eqx.filter_jit(draw)
    train = drawn(task, jnp.asarray(gap), steps, samples, key=train_key)
    test = drawn(task, jnp.asarray(gap), steps, TESTED, key=test_key)

    def flat(x: Any) -> np.ndarray:
        return np.column_stack([np.ones(len(x)), np.asarray(x, float).reshape(len(x), -1)])

    weights = np.linalg.lstsq(flat(train.x), np.asarray(train.y, float), rcond=None)[0]
    return float(jnp.mean(judge(task, jnp.asarray(flat(test.x) @ weights), test.y)))
