"""What was seen, kept to learn from again (Lin, 1992; Mnih et al., 2015), uniformly or by priority (Schaul et al.,
2016).

The buffer is a ring of rows, one row a step of all N games, so that what followed a step in its game is the next row:
the return over n steps is computed when a sample is drawn,

    R = sum_{k < m} discount^k r_{t+k},   m = n, or fewer where the game ended,   bootstrap discount^m (1 - terminated)

A game that was cut (truncated) bootstraps from the state in which it was cut; one that ended (terminated) does not.
By priority, step i is drawn with P(i) = p_i^a / sum p^a and its loss weighted by (M P(i))^-b over the largest weight.
Observations are kept as they come: bytes stay bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.reinforcement.acting import Experience


class Sample(NamedTuple):
    """Where in the buffer samples are, and what their losses count."""

    row: Int[Array, " B"]
    game: Int[Array, " B"]
    weight: Float[Array, " B"]


class Outlook(NamedTuple):
    """What followed steps that were drawn."""

    observation: Array
    action: Array
    reward: Float[Array, " B"]
    """Discounted rewards of up to n steps."""
    next_observation: Array
    """After them."""
    bootstrap: Float[Array, " B"]
    """What the value of `next_observation` is multiplied by."""


class Replay(eqx.Module):
    """A ring of R rows of N games."""

    content: Experience
    """Leaves (R, N, ...)."""
    row: Int[Array, ""]
    """Where the next row goes."""
    filled: Int[Array, ""]
    """Rows that hold something."""
    priority: Float[Array, "R P"]
    """p of every step, P = N; P = 0 where samples are drawn uniformly."""

    @staticmethod
    def like(seen: Experience, rows: int, *, prioritised: bool = False) -> Replay:
        """Return an empty buffer of so many rows for what looks like `seen`, leaves (T, N, ...)."""
        content = jax.tree.map(lambda leaf: jnp.zeros((rows, *leaf.shape[1:]), leaf.dtype), seen)
        games = seen.reward.shape[1] if prioritised else 0
        zero = jnp.zeros((), jnp.int32)
        return Replay(content, zero, zero, jnp.zeros((rows, games)))

    @property
    def rows(self) -> int:
        """Rows R that there is room for."""
        return self.content.reward.shape[0]

    def add(self, seen: Experience) -> Replay:
        """Return the buffer with T more rows, the oldest overwritten; new steps have the highest priority."""
        steps = seen.reward.shape[0]
        where = (self.row + jnp.arange(steps)) % self.rows
        content = jax.tree.map(lambda leaf, new: leaf.at[where].set(new.astype(leaf.dtype)), self.content, seen)
        highest = jnp.max(self.priority, initial=0.0)
        priority = self.priority.at[where].set(jnp.where(highest > 0, highest, 1.0))
        filled = jnp.minimum(self.filled + steps, self.rows)
        return Replay(content, (self.row + steps) % self.rows, filled, priority)

    def draw(
        self, samples: int, *, steps: int = 1, power: float = 0.6, correction: Float[Array, ""] | float = 1.0,
        key: PRNGKeyArray,
    ) -> Sample:  # fmt: skip
        """Draw steps after which at least n rows are there.

        Args:
            samples: number of samples B.
            steps: n.
            power: a of the priorities.
            correction: b of the weights.
            key: random key.
        """
        age = (jnp.arange(self.rows) - self.row) % self.rows - (self.rows - self.filled)  # 0: the oldest
        whole = (age >= 0) & (age <= self.filled - steps)
        games = self.content.reward.shape[1]
        if self.priority.shape[1] == 0:
            row_key, game_key = jax.random.split(key)
            nth = jax.random.randint(row_key, (samples,), 0, jnp.maximum(self.filled - steps + 1, 1))
            row = (self.row - self.filled + nth) % self.rows
            return Sample(row, jax.random.randint(game_key, (samples,), 0, games), jnp.ones(samples))
        chances = jnp.where(whole[:, None], self.priority**power, 0.0).reshape(-1)
        sums = jnp.cumsum(chances)
        drawn = jnp.searchsorted(sums, jax.random.uniform(key, (samples,)) * sums[-1], side="right")
        drawn = jnp.minimum(drawn, chances.size - 1)
        count = jnp.sum(whole) * games
        weight = (count * chances[drawn] / sums[-1]) ** -correction
        return Sample(drawn // games, drawn % games, weight / jnp.max(weight))

    def look(self, sample: Sample, *, steps: int, discount: float) -> Outlook:
        """Return what followed the samples over up to n steps."""
        rows = (sample.row[:, None] + jnp.arange(steps)) % self.rows  # (B, n)
        there = jax.tree.map(
            lambda leaf: leaf[rows, sample.game[:, None]],
            (self.content.reward, self.content.terminated, self.content.truncated),
        )
        reward, terminated, truncated = there
        over = terminated | truncated
        before = jnp.cumsum(over, axis=1) - over  # games that ended before each step
        reward = jnp.sum(jnp.where(before == 0, discount ** jnp.arange(steps) * reward, 0.0), axis=1)
        last = jnp.sum(before == 0, axis=1) - 1
        end = (sample.row + last) % self.rows
        content = self.content
        ended = jnp.take_along_axis(terminated, last[:, None], axis=1)[:, 0]
        return Outlook(
            content.observation[sample.row, sample.game],
            content.action[sample.row, sample.game],
            reward,
            content.next_observation[end, sample.game],
            discount ** (last + 1) * (1.0 - ended),
        )

    def rate(self, sample: Sample, error: Float[Array, " B"]) -> Replay:
        """Return the buffer with the priorities of samples set by how wrong they were."""
        if self.priority.shape[1] == 0:
            return self
        priority = self.priority.at[sample.row, sample.game].set(jnp.abs(error) + 1e-6)
        return eqx.tree_at(lambda one: one.priority, self, priority)
