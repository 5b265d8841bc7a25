"""Gymnasium's functional environments (`gymnasium.experimental.functional.FuncEnv`) as ours.

Those under `phys2d/` need Flax: `pip install "gymnasium[jax]"`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.reinforcement.environment import Environment, Space, State, Step

KINDS = {
    "phys2d/CartPole-v0": ("cartpole:CartPoleFunctional", 200),
    "phys2d/CartPole-v1": ("cartpole:CartPoleFunctional", 500),
    "phys2d/Pendulum-v0": ("pendulum:PendulumFunctional", 200),
}


@dataclass(frozen=True)
class Functional(Environment):
    """A functional environment of Gymnasium's, or of one's own of that kind."""

    inner: Any
    limit: int

    @staticmethod
    def of(name: str) -> Functional:
        """Return one of Gymnasium's own by its id.

        Raises:
            UserError: there is no such one, or Flax, which it needs, is not there.
        """
        if name not in KINDS:
            raise UserError(f"{name}: there is no such environment; there are {', '.join(KINDS)}.")
        (module, kind), limit = KINDS[name][0].split(":"), KINDS[name][1]
        try:
            found = importlib.import_module(f"gymnasium.envs.phys2d.{module}")
        except ImportError:
            raise UserError(f'{name}: needs Flax; pip install "gymnasium[jax]".') from None
        return Functional(getattr(found, kind)(), limit)

    @property
    def observation_space(self) -> Space:
        """What is observed."""
        return self.inner.observation_space

    @property
    def action_space(self) -> Space:
        """What can be done."""
        return self.inner.action_space

    def start(self, key: PRNGKeyArray) -> State:
        """Return the state in which a game begins."""
        return self.inner.initial(key)

    def observe(self, state: State) -> Array:
        """Return what is seen of a state."""
        return self.inner.observation(state, None)

    def step(self, state: State, action: Array, *, key: PRNGKeyArray) -> Step:
        """Return what an action leads to."""
        move_key, reward_key, end_key = jax.random.split(key, 3)
        new = self.inner.transition(state, action, move_key)
        reward = jnp.asarray(self.inner.reward(state, action, new, reward_key), jnp.float32)
        return Step(new, reward.reshape(()), jnp.asarray(self.inner.terminal(new, end_key), bool))
