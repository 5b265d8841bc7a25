"""Gymnasium's functional environments (`gymnasium.experimental.functional.FuncEnv`) as ours.

Those under `phys2d/` need Flax: `pip install "gymnasium[jax]"`. They are played as Gymnasium has them, and its
functional CartPole is not its CartPole-v1: `polemass_length` is the sum of the pole's mass and half length (0.6), not
their product (0.05).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.reinforcement.classic import CartPole, Pendulum
from equilearn.reinforcement.environment import Environment, Space, State, Step

KINDS: dict[str, tuple[str, int, Environment]] = {
    "phys2d/CartPole-v0": ("cartpole:CartPoleFunctional", 200, CartPole()),
    "phys2d/CartPole-v1": ("cartpole:CartPoleFunctional", 500, CartPole()),
    "phys2d/Pendulum-v0": ("pendulum:PendulumFunctional", 200, Pendulum()),
}
"""Where each is, the limit of its games, and which of ours has the same states, by which it is drawn."""


@dataclass(frozen=True)
class Functional(Environment):
    """A functional environment of Gymnasium's, or of one's own of that kind."""

    inner: Any
    limit: int
    drawn_as: Environment | None = None

    @staticmethod
    def of(name: str) -> Functional:
        """Return one of Gymnasium's own by its id.

        Raises:
            UserError: there is no such one, or Flax, which it needs, is not there.
        """
        if name not in KINDS:
            raise UserError(f"{name}: there is no such environment; there are {', '.join(KINDS)}.")
        place, limit, ours = KINDS[name]
        module, kind = place.split(":")
        try:
            found = importlib.import_module(f"gymnasium.envs.phys2d.{module}")
        except ImportError:
            raise UserError(f'{name}: needs Flax; pip install "gymnasium[jax]".') from None
        return Functional(getattr(found, kind)(), limit, ours)

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

    def draw(self, axis: Any, state: State) -> None:
        """Draw the state, where one of ours has the same.

        Raises:
            UserError: none has.
        """
        (super() if self.drawn_as is None else self.drawn_as).draw(axis, state)
