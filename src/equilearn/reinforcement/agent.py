"""What all agents have in common: how long they play, in how many games, and how they are judged.

An agent is a frozen dataclass of settings. On an environment it becomes a `Playing`, a problem of the one loop: its
`generate` plays, its `check` plays whole games without exploration, its world holds the games under way and whatever
must survive a restart. One *round* (episode of the loop) is a few steps of all games and the gradient steps after them.

What is recorded: `scores/return` (games of a check, without exploration: mean, lowest), `data/return` and `data/length`
(games that ended while learning, with exploration), `data/steps` (environment steps so far), `loss/...` (each agent's).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, Problem, Score
from equilearn.parameters import fit_fields, within
from equilearn.reinforcement.acting import Act, Actors, CompiledStage
from equilearn.reinforcement.host import HostStage

Stage = CompiledStage | HostStage


MOST = 2**31 - 1
"""What counters of 32 bits can hold."""


class Begun(NamedTuple):
    """An agent on an environment before its first round: what `learn` needs."""

    problem: Playing
    networks: PyTree[Any]
    world: World
    optimizer: optax.GradientTransformation
    settings: LearnSettings


class World(eqx.Module):
    """What survives a restart beside the networks."""

    actors: Actors
    played: Int[Array, ""]
    """Environment steps so far."""
    memory: PyTree[Any] = None
    """Of the agent: replay, target networks."""


@dataclass(frozen=True, kw_only=True)
class Agent(abc.ABC):
    """Settings of an agent."""

    steps: int
    """Environment steps of learning, over all games."""
    games: int
    """Games side by side."""
    learning_rate: float
    discount: float = 0.99
    hidden: tuple[int, ...] = (64, 64)
    """Units of the hidden layers."""
    checks: int = 20
    """How often the agent is judged while it learns."""
    check_games: int = 20
    """Games of a check."""
    keep_best: bool = True
    """End with the networks of the best check, and not with the last ones."""
    checkpoint_seconds: float = 10.0
    """Seconds between checkpoints, where there is a folder for them."""

    def __post_init__(self) -> None:
        fit_fields(self)
        for name in ("steps", "games", "checks", "check_games"):
            within(type(self).__name__, name, getattr(self, name), 1, MOST)
        within(type(self).__name__, "checkpoint_seconds", self.checkpoint_seconds, 0)
        self._positive("learning_rate", "hidden")
        self._shares("discount")

    def _positive(self, *names: str) -> None:
        """Refuse settings that are not above zero."""
        for name in names:
            if not np.all(np.asarray(getattr(self, name)) > 0):
                raise UserError(f"{type(self).__name__}: {name} must be above 0, not {getattr(self, name)}.")

    def _shares(self, *names: str) -> None:
        """Refuse settings that are not between zero and one."""
        for name in names:
            value = np.asarray(getattr(self, name))
            if not np.all((value >= 0) & (value <= 1)):
                raise UserError(f"{type(self).__name__}: {name} must be between 0 and 1, not {getattr(self, name)}.")

    def _remembers(self, *, warmup: int, replay: int, rows: int) -> None:
        """Refuse a replay that does not hold so many steps of every game, and a run that ends before it learns."""
        name = type(self).__name__
        if replay // self.games < rows:
            raise UserError(f"{name}: a replay of {replay} steps does not hold a round of {self.games} games.")
        if not 0 <= warmup < self.steps:
            raise UserError(f"{name}: warmup must be below the {self.steps} steps of the run, not {warmup}.")

    @abc.abstractmethod
    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> PyTree[Any]:
        """Return fresh networks for what the stage plays.

        Raises:
            UserError: they do not fit its spaces.
        """

    @abc.abstractmethod
    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Return what `learn` needs to let the agent play on a stage, judged on another."""

    @abc.abstractmethod
    def best(self, networks: PyTree[Any], observation: Array) -> Array:
        """Return what trained networks do, without exploration, (N, ...)."""

    def settings(self, round_steps: int, *, taken: int = 0, epochs: int = 1, batch: int) -> LearnSettings:
        """Return the loop's settings for rounds of so many environment steps, some of which are taken before."""
        rounds = max(1, (self.steps - taken) // round_steps)
        return LearnSettings(
            episodes=rounds,
            epochs=epochs,
            batch_size=batch,
            check_every=max(1, -(-rounds // self.checks)),
            keep_best=self.keep_best,
            checkpoint_seconds=self.checkpoint_seconds,
        )


def _best(agent: Agent, networks: PyTree[Any], observation: Array, *, key: PRNGKeyArray) -> Array:
    del key
    return agent.best(networks, observation)


def without_exploration(agent: Agent, networks: PyTree[Any]) -> Act:
    """Return the policy of trained networks."""
    return eqx.Partial(_best, agent, networks)


def returns_of(agent: Agent, networks: PyTree[Any], judge: Stage, *, key: PRNGKeyArray) -> Float[Array, " N"]:
    """Return the undiscounted returns of N whole games without exploration."""
    return judge.returns(without_exploration(agent, networks), key=key)


class Playing(Problem):
    """An agent's learning as a problem of the loop."""

    agent: Any = eqx.field(static=True)
    stage: Stage = eqx.field(static=True)
    judge: Stage = eqx.field(static=True)

    @property
    def generates_on_host(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the games are played on the host."""
        return self.stage.on_host

    def check(self, networks: PyTree[Any], world: World, *, key: PRNGKeyArray) -> dict[str, Score]:
        """Play whole games without exploration."""
        del world
        return {"return": Score(returns_of(self.agent, networks, self.judge, key=key))}

    def says(self, data: Any, world: World) -> dict[str, Any]:
        """Return what ended while learning."""
        del data
        return world.actors.said | {"steps": world.played.astype(jnp.float32)}

    def kept(self, world: World) -> Any:
        """Nothing of the world belongs to the best networks."""
        del world
        return ()

    def put_back(self, world: World, kept: Any) -> World:
        """Keep the world as it is."""
        del kept
        return world


def flat(tree: PyTree[Any]) -> PyTree[Any]:
    """Return arrays (T, N, ...) as (T N, ...)."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)
