"""What an agent acts in: a Markov decision process as pure functions, so that many run side by side in one program.

    s_0 ~ start,    o_t = observe(s_t),    (s_{t+1}, r_t, terminated) = step(s_t, a_t)

A game ends in two ways that are kept apart everywhere. It is *terminated* where the process itself ends (the pole has
fallen): nothing comes after, the value of what follows is zero. It is *truncated* where only the watching ends (the
time limit): the process would have gone on, and the value of what follows is that of the state in which it was cut.
Pardo et al. (2018) show what goes wrong where the two are mixed up.

Legend: N games side by side. Spaces are Gymnasium's (`Discrete`, `Box`).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from equilearn.errors import UserError, first_line

State = PyTree[Any]
Space = gymnasium.spaces.Discrete | gymnasium.spaces.Box


class Step(NamedTuple):
    """What one step gives."""

    state: State
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    """Whether the process has ended in this state."""


class Environment(abc.ABC):
    """An environment of pure functions; subclasses are frozen dataclasses, whose fields are its parameters."""

    limit: int
    """Steps after which a game is cut (truncated)."""

    @property
    @abc.abstractmethod
    def observation_space(self) -> Space:
        """What is observed."""

    @property
    @abc.abstractmethod
    def action_space(self) -> Space:
        """What can be done."""

    @abc.abstractmethod
    def start(self, key: PRNGKeyArray) -> State:
        """Return the state in which a game begins."""

    @abc.abstractmethod
    def observe(self, state: State) -> Array:
        """Return what the agent sees of a state: an element of the observation space."""

    @abc.abstractmethod
    def step(self, state: State, action: Array, *, key: PRNGKeyArray) -> Step:
        """Return what an action leads to."""

    def draw(self, axis: Any, state: State) -> None:
        """Draw a state on Matplotlib axes.

        Raises:
            UserError: this environment has no picture.
        """
        del axis, state
        raise UserError(f"{type(self).__name__}: has no picture of itself; give it a method draw(axis, state).")


def examine(environment: Environment) -> None:
    """Make sure that an environment does what it must, by tracing it once.

    Raises:
        UserError: a method raises something, or returns another thing than it must.
    """
    name = type(environment).__name__

    def traced(what: str, method: Any, *arguments: Any) -> Any:
        try:
            return jax.eval_shape(method, *arguments)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{name}: its {what} raises {type(error).__name__}: {first_line(error)}") from None

    if not isinstance(getattr(environment, "limit", None), int) or environment.limit < 1:
        raise UserError(f"{name}: limit must be a whole number of steps, at least 1.")
    spaces = environment.observation_space, environment.action_space
    if not all(isinstance(space, gymnasium.spaces.Discrete | gymnasium.spaces.Box) for space in spaces):
        raise UserError(f"{name}: its spaces must be Discrete or Box, of gymnasium.spaces.")
    key, action = jax.random.key(0), np.zeros(spaces[1].shape or (), spaces[1].dtype)
    state = traced("start", environment.start, key)
    seen = traced("observe", environment.observe, state)
    if getattr(seen, "shape", None) != spaces[0].shape:
        shape = getattr(seen, "shape", type(seen).__name__)
        raise UserError(f"{name}: its observe returns {shape}, but its observation_space has {spaces[0].shape}.")
    step = traced("step", lambda s, a, k: tuple(environment.step(s, a, key=k)), state, action, key)
    if len(step) != 3 or getattr(step[1], "shape", None) != () or getattr(step[2], "shape", None) != ():
        raise UserError(f"{name}: its step must return Step(state, reward, terminated), two single numbers.")
    kinds = [jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), one) for one in (state, step[0])]
    if kinds[0] != kinds[1]:
        raise UserError(f"{name}: its step returns another state than its start: {kinds[1]} instead of {kinds[0]}.")


@dataclass(frozen=True)
class Features:
    """How a network takes observations: a number as a one-hot vector of that size, a vector as it is."""

    size: int
    numbers: bool
    first: int = 0
    """The lowest of the numbers."""

    @staticmethod
    def of(space: Space) -> Features:
        """Return how observations of a space are taken.

        Raises:
            UserError: observations have more than one axis, or none.
        """
        if isinstance(space, gymnasium.spaces.Discrete):
            return Features(int(space.n), True, int(space.start))
        if len(space.shape) != 1:
            raise UserError(f"its observations, of shape {space.shape}, are neither numbers nor vectors.")
        return Features(int(space.shape[0]), False)

    def __call__(self, observation: Array) -> Float[Array, "N F"]:
        """Return N observations as vectors of features."""
        if self.numbers:
            return jax.nn.one_hot(observation - self.first, self.size)
        return jnp.asarray(observation, jnp.float32)


def actions_of(space: Space) -> int:
    """Return how many actions there are to choose from.

    Raises:
        UserError: actions are continuous, or do not begin at 0.
    """
    if not isinstance(space, gymnasium.spaces.Discrete):
        raise UserError("its actions are continuous: this agent chooses among a few; take DDPG, PPO or REINFORCE.")
    if int(space.start) != 0:
        raise UserError(f"its actions must begin at 0, not at {int(space.start)}.")
    return int(space.n)


def box_of(space: Space) -> gymnasium.spaces.Box:
    """Return the bounds of continuous actions.

    Raises:
        UserError: actions are not vectors with finite bounds.
    """
    if not isinstance(space, gymnasium.spaces.Box):
        raise UserError("its actions are a few to choose from: this agent acts by numbers; take DQN, PPO or REINFORCE.")
    if len(space.shape) != 1 or not (space.is_bounded("both")):
        raise UserError("its actions must be vectors with finite bounds.")
    return space
