"""Finding environments by name, and our own ones for everybody else: as Gymnasium environments with ids of their own.

find("CartPole-v1")               its twin of pure functions: many games in one program
find("minatar-breakout")          a game of pgx's, compiled
find("ALE/Breakout-v5")           Atari, on the host
find("LunarLander-v3")            any other id: steps on the host
gymnasium.make("equilearn/Steering-v0")
"""

from __future__ import annotations

from typing import Any

import gymnasium
import jax
import numpy as np

from equilearn.errors import UserError
from equilearn.reinforcement.acting import CompiledStage
from equilearn.reinforcement.atari import PREFIX as ATARI
from equilearn.reinforcement.atari import Atari, AtariStage
from equilearn.reinforcement.classic import CartPole, Pendulum
from equilearn.reinforcement.environment import Environment
from equilearn.reinforcement.functional import Functional
from equilearn.reinforcement.gridworld import CLIFF, LAKE, RACE, Gridworld
from equilearn.reinforcement.host import HostStage
from equilearn.reinforcement.minatar import PREFIX, MinAtar
from equilearn.reinforcement.steering import Steering

Stage = CompiledStage | HostStage
Place = str | Environment | Atari
"""What can be played in: an id, an environment of pure functions, a game of Atari's."""
OWN: dict[str, Environment] = {
    "equilearn/Room-v0": Gridworld(),
    "equilearn/Lake-v0": Gridworld(rows=LAKE, slip=2 / 3, step_reward=0.0, hole=0.0, discount=0.99),
    "equilearn/Cliff-v0": Gridworld(rows=CLIFF, step_reward=-1.0, goal=-1.0, discount=0.99),
    "equilearn/Race-v0": Gridworld(rows=RACE),
    "equilearn/Steering-v0": Steering(),
    "equilearn/CartPole-v0": CartPole(),
    "equilearn/Pendulum-v0": Pendulum(),
}
"""Our own, registered with Gymnasium when this is imported."""
TWINS: dict[str, Environment] = {"CartPole-v1": CartPole(), "Pendulum-v1": Pendulum()}
"""Environments of Gymnasium that we have as pure functions: the same games, step for step."""


def find(environment: Place, games: int, *, on_host: bool = False, learning: bool = False) -> Stage:
    """Return N games of an environment.

    Args:
        environment: an id that Gymnasium knows, or an environment of one's own.
        games: number of games side by side N.
        on_host: step Gymnasium's own environment even where there is a twin of pure functions.
        learning: whether they are to learn from, where that makes a difference (Atari).

    Raises:
        UserError: there is no such environment, or it cannot be made.
    """
    if isinstance(environment, Environment):
        return CompiledStage(environment, games)
    if isinstance(environment, Atari):
        return AtariStage(environment, games, learning=learning)
    if not isinstance(environment, str):
        raise UserError(f"environment: must be an id like 'CartPole-v1', or an Environment, not {environment!r}.")
    twins = OWN | TWINS
    if environment in twins and not on_host:
        return CompiledStage(twins[environment], games)
    if environment.startswith("phys2d/") and not on_host:
        return CompiledStage(Functional.of(environment), games)
    if environment.startswith(PREFIX) and not on_host:
        return CompiledStage(MinAtar(environment.removeprefix(PREFIX)), games)
    if environment.startswith(ATARI):
        return AtariStage(Atari.of(environment), games, learning=learning)
    return HostStage(environment, games)


class AsGymnasium(gymnasium.Env[Any, Any]):
    """One game of an environment of pure functions, as Gymnasium plays it."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(self, environment: Environment, render_mode: str | None = None) -> None:
        """Keep the environment.

        Raises:
            UserError: there is no such way to render.
        """
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode: must be rgb_array, or none, not {render_mode!r}.")
        self.environment, self.render_mode = environment, render_mode
        self.observation_space, self.action_space = environment.observation_space, environment.action_space
        self._start, self._step, self._observe = (
            jax.jit(environment.start), jax.jit(environment.step), jax.jit(environment.observe)
        )  # fmt: skip
        self._key, self._state = jax.random.key(0), None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a game."""
        super().reset(seed=seed)
        if seed is not None or self._state is None:
            self._key = jax.random.key(int(self.np_random.integers(2**32)))
        self._key, key = jax.random.split(self._key)
        self._state = self._start(key)
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play one step; time limits are Gymnasium's wrapper's."""
        self._key, key = jax.random.split(self._key)
        self._state, reward, terminated = self._step(self._state, action, key=key)
        return self._seen(), float(reward), bool(terminated), False, {}

    def render(self) -> Any:
        """Return the picture of the state, (rows, columns, 3) bytes."""
        from equilearn.reinforcement.watching import picture

        return picture(self.environment, self._state) if self.render_mode else None

    def _seen(self) -> Any:
        seen = np.asarray(self._observe(self._state))
        return np.int64(seen) if isinstance(self.observation_space, gymnasium.spaces.Discrete) else seen


def register() -> None:
    """Register our own environments with Gymnasium, where they are not yet."""
    for name, environment in OWN.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point=lambda environment=environment, **more: AsGymnasium(environment, **more),
                max_episode_steps=environment.limit,
            )
