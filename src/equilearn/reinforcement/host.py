"""Environments that are no pure functions: any id that Gymnasium knows, stepped on the host between compiled steps.

What an emulator holds cannot be saved in general. A run that goes on after a restart has its networks, its replay, its
counters and its random numbers back, bit for bit, but begins new games.
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.vector import AutoresetMode
from jaxtyping import Array, Bool, Float, PRNGKeyArray, UInt8

from equilearn.errors import UserError, first_line
from equilearn.reinforcement.acting import Act, Actors, Experience, count, fresh
from equilearn.reinforcement.environment import Space


class HostStage:
    """N games of a registered environment, one after the other in every step."""

    on_host: ClassVar[bool] = True

    def __init__(self, name: str, games: int, **options: Any) -> None:
        """Make the games.

        Args:
            name: id of a registered environment.
            games: number of games N.
            options: of the environment.

        Raises:
            UserError: the environment cannot be made, has no time limit, or spaces of another kind.
        """
        self.name, self.games, self._options = name, games, options
        self._seen: np.ndarray | None = None
        """What was seen last of the games under way; None where there are none."""
        try:
            self._games = gymnasium.make_vec(
                name,
                games,
                vectorization_mode="sync",
                vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
                **options,
            )
        except (gymnasium.error.Error, ImportError, TypeError) as error:
            reason = first_line(error) or type(error).__name__
            raise UserError(f"{name}: Gymnasium cannot make it: {reason}") from None
        self.observation_space = _space(name, self._games.single_observation_space)
        self.action_space = _space(name, self._games.single_action_space)
        limit = getattr(self._games.spec, "max_episode_steps", None)
        if limit is None:
            raise UserError(f"{name}: has no time limit; register it with max_episode_steps.")
        self.limit: int = limit

    def begin(self, *, key: PRNGKeyArray) -> Actors:
        """Begin N games."""
        seen = self._reset(int(jax.random.randint(key, (), 0, 2**31 - 1 - self.games)))
        self._seen = seen
        return fresh(jnp.array(seen), self.games)

    def _reset(self, seed: int) -> np.ndarray:
        """Begin all games; return what is seen."""
        return np.array(self._games.reset(seed=seed)[0])

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, ...]:
        """Step all games; return what was done, what is seen, the reward, what was seen before any new game, flags."""
        seen, reward, terminated, truncated, info = self._games.step(action)
        after = np.array(seen)
        for i in np.flatnonzero(terminated | truncated):
            after[i] = info["final_obs"][i]
        return action, np.array(seen), reward, after, terminated, truncated

    def play(self, act: Act, actors: Actors, steps: int, *, key: PRNGKeyArray) -> tuple[Actors, Experience]:
        """Play on for T steps; begin new games where these are not under way here (after a restart)."""
        begin_key, play_key = jax.random.split(key)
        if self._seen is None or not np.array_equal(self._seen, actors.state):
            actors = self.begin(key=begin_key)
        rows: list[tuple[np.ndarray, ...]] = []
        seen = np.asarray(actors.state)
        for number, one_key in enumerate(jax.random.split(play_key, steps)):
            chosen = np.asarray(choose(act, jnp.asarray(seen), one_key))
            action, new, reward, after, terminated, truncated = self._step(chosen)
            reward = np.asarray(reward, np.float32)
            rows.append((seen, action, reward, after, terminated, truncated & ~terminated))
            actors = count(actors, new, jnp.asarray(reward), jnp.asarray(terminated | truncated), number == 0)
            seen = new
        self._seen = seen
        actors = eqx.tree_at(lambda one: one.state, actors, jnp.array(seen))  # a copy: the world is given away
        return actors, Experience(*(jnp.asarray(np.stack(column)) for column in zip(*rows, strict=True)))

    def returns(self, act: Act, *, key: PRNGKeyArray) -> Float[Array, " N"]:
        """Return the undiscounted returns of N whole games."""
        begin_key, play_key = jax.random.split(key)
        seen, steps = np.asarray(self.begin(key=begin_key).state), 0
        total, over = np.zeros(self.games), np.zeros(self.games, bool)
        while not over.all():
            chosen = np.asarray(choose(act, jnp.asarray(seen), jax.random.fold_in(play_key, steps)))
            _, seen, reward, _, terminated, truncated = self._step(chosen)
            total += np.where(over, 0.0, reward)
            over, steps = over | terminated | truncated, steps + 1
        self._seen = None
        return jnp.asarray(total, jnp.float32)

    def whole(self, act: Act, *, key: PRNGKeyArray) -> tuple[Experience, Bool[Array, "T N"]]:
        """Play N games from beginning to end; return T = limit steps, and which of them belong to the games."""
        begin_key, play_key = jax.random.split(key)
        actors, parts = self.begin(key=begin_key), []
        over = np.zeros(self.games, bool)
        while not over.all():
            actors, seen = self.play(act, actors, 1, key=jax.random.fold_in(play_key, len(parts)))
            over |= np.asarray(seen.terminated | seen.truncated)[0]
            parts.append(seen)
        self._seen = None
        parts += [parts[-1]] * (self.limit - len(parts))  # of a fixed length, so that nothing compiles anew
        seen = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
        done = seen.terminated | seen.truncated
        return seen, jnp.cumsum(done, axis=0) - done == 0

    def frames(self, act: Act, *, key: PRNGKeyArray) -> list[UInt8[np.ndarray, "rows columns 3"]]:
        """Play one game and return what Gymnasium draws of it.

        Raises:
            UserError: it draws nothing, or needs a package for it that is not there.
        """
        try:
            one = gymnasium.make(self.name, render_mode="rgb_array", **self._options)
            seen, _ = one.reset(seed=int(jax.random.randint(key, (), 0, 2**31 - 1)))
            frames, over = [one.render()], False
            while not over:
                action = choose(act, jnp.asarray(seen)[None], jax.random.fold_in(key, len(frames)))
                seen, _, terminated, truncated, _ = one.step(np.asarray(action)[0])
                over = terminated or truncated
                frames.append(one.render())
            one.close()
        except (gymnasium.error.Error, ImportError, TypeError, NotImplementedError) as error:
            raise UserError(f"{self.name}: Gymnasium cannot draw it: {first_line(error)}") from None
        if not isinstance(frames[0], np.ndarray) or frames[0].ndim != 3:
            raise UserError(f"{self.name}: does not draw itself as pictures (render_mode rgb_array).")
        return [np.asarray(frame, np.uint8) for frame in frames]


@eqx.filter_jit
def choose(act: Act, seen: Array, key: PRNGKeyArray) -> Array:
    """Return what a policy does, in one compiled program."""
    return act(seen, key=key)


def _space(name: str, space: Any) -> Space:
    if isinstance(space, (gymnasium.spaces.Discrete, gymnasium.spaces.Box)):
        return space
    raise UserError(f"{name}: its spaces must be Discrete or Box, not {type(space).__name__}.")
