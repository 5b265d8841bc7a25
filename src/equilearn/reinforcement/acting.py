"""Many games side by side: what an agent plays in, compiled or on the host, with one and the same answer.

A *stage* plays N games for a number of steps with a policy and returns what was seen. A game that ends begins anew in
the same step (Gymnasium's `AutoresetMode.SAME_STEP`), so no step is lost and none is made up; `next_observation` is
that in which the game ended, never the first one of the next game.

Legend: T steps, N games, O and A the axes of observations and actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from equilearn.reinforcement.environment import Environment, Space

Act = Callable[..., Array]
"""(observations (N, ...), key=) -> actions (N, ...); a pytree that a compiled program can be given."""


class Experience(NamedTuple):
    """Steps that were seen, as arrays with leading axes of steps T and games N."""

    observation: Array
    action: Array
    reward: Float[Array, "T N"]
    next_observation: Array
    """What was seen after the step, before any new game."""
    terminated: Bool[Array, "T N"]
    truncated: Bool[Array, "T N"]


class Actors(eqx.Module):
    """N games under way: part of the world, so that a run that goes on goes on in the middle of them."""

    state: PyTree[Any]
    """Of the environment, with a leading axis of games; on the host, what is seen of it."""
    elapsed: Int[Array, " N"]
    """Steps since the games began."""
    collected: Float[Array, " N"]
    """Rewards since the games began."""
    ended: Int[Array, ""]
    """Games that ended in the last play."""
    returns: Float[Array, ""]
    """Sum of their returns."""
    lengths: Int[Array, ""]
    """Sum of their lengths."""

    @property
    def said(self) -> dict[str, Float[Array, ""]]:
        """Mean return and length of the games that ended in the last play; nan where none did."""
        return {
            "return": jnp.where(self.ended > 0, self.returns / jnp.maximum(self.ended, 1), jnp.nan),
            "length": jnp.where(self.ended > 0, self.lengths / jnp.maximum(self.ended, 1), jnp.nan),
        }


def fresh(state: PyTree[Any], games: int) -> Actors:
    """Return games that have just begun."""
    none = jnp.zeros((), jnp.int32)
    return Actors(state, jnp.zeros(games, jnp.int32), jnp.zeros(games), none, jnp.zeros(()), none)


def count(
    actors: Actors, state: PyTree[Any], reward: Float[Array, " N"], done: Bool[Array, " N"], first: bool | Array
) -> Actors:
    """Return the games after a step; `first` begins the count of games that end anew."""
    collected, elapsed = actors.collected + reward, actors.elapsed + 1
    keep = jnp.where(first, 0, 1)
    return Actors(
        state,
        jnp.where(done, 0, elapsed),
        jnp.where(done, 0.0, collected),
        keep * actors.ended + jnp.sum(done),
        keep * actors.returns + jnp.sum(jnp.where(done, collected, 0.0)),
        keep * actors.lengths + jnp.sum(jnp.where(done, elapsed, 0)),
    )


@dataclass(frozen=True)
class CompiledStage:
    """N games of an environment of pure functions; everything is one program."""

    environment: Environment
    games: int
    on_host: ClassVar[bool] = False

    @property
    def limit(self) -> int:
        """Steps after which a game is cut."""
        return self.environment.limit

    @property
    def observation_space(self) -> Space:
        """What is observed in one game."""
        return self.environment.observation_space

    @property
    def action_space(self) -> Space:
        """What can be done in one game."""
        return self.environment.action_space

    def begin(self, *, key: PRNGKeyArray) -> Actors:
        """Begin N games."""
        return fresh(jax.vmap(self.environment.start)(jax.random.split(key, self.games)), self.games)

    def play(self, act: Act, actors: Actors, steps: int, *, key: PRNGKeyArray) -> tuple[Actors, Experience]:
        """Play on for T steps; return the games after them, and what was seen."""
        return _play(self, act, actors, steps, key)

    def whole(self, act: Act, *, key: PRNGKeyArray) -> tuple[Experience, Bool[Array, "T N"]]:
        """Play N games from beginning to end; return T = limit steps, and which of them belong to the games."""
        begin_key, play_key = jax.random.split(key)
        _, seen = self.play(act, self.begin(key=begin_key), self.environment.limit, key=play_key)
        done = seen.terminated | seen.truncated
        return seen, jnp.cumsum(done, axis=0) - done == 0

    def returns(self, act: Act, *, key: PRNGKeyArray) -> Float[Array, " N"]:
        """Return the undiscounted returns of N whole games."""
        return _returns(self, act, key)


@eqx.filter_jit
def _returns(stage: CompiledStage, act: Act, key: PRNGKeyArray) -> Float[Array, " N"]:
    seen, within = stage.whole(act, key=key)
    return jnp.sum(jnp.where(within, seen.reward, 0.0), axis=0)


@eqx.filter_jit
def _play(stage: CompiledStage, act: Act, actors: Actors, steps: int, key: PRNGKeyArray) -> tuple[Actors, Experience]:
    environment, games = stage.environment, stage.games

    def one(actors: Actors, inputs: tuple[Array, PRNGKeyArray]) -> tuple[Actors, Experience]:
        first, one_key = inputs
        act_key, step_key, start_key = jax.random.split(one_key, 3)
        seen = jax.vmap(environment.observe)(actors.state)
        action = act(seen, key=act_key)
        keys = jax.random.split(step_key, games)
        state, reward, terminated = jax.vmap(lambda s, a, k: environment.step(s, a, key=k))(actors.state, action, keys)
        after = jax.vmap(environment.observe)(state)
        truncated = ~terminated & (actors.elapsed + 1 >= environment.limit)
        done = terminated | truncated
        new = jax.vmap(environment.start)(jax.random.split(start_key, games))
        state = jax.tree.map(lambda a, b: jnp.where(beside(done, a), b, a), state, new)
        reward = reward.astype(jnp.float32)
        return count(actors, state, reward, done, first), Experience(seen, action, reward, after, terminated, truncated)

    return jax.lax.scan(one, actors, (jnp.arange(steps) == 0, jax.random.split(key, steps)))


def beside(flags: Bool[Array, " N"], values: Array) -> Array:
    """Return flags with as many axes as values."""
    return flags.reshape(flags.shape + (1,) * (values.ndim - 1))
