"""Agents for everybody: train on an environment, judge, save, load.

    trained = train(DQN(), "CartPole-v1", seed=0)
    trained.returns(100).mean()
    trained.save("cart.npz");  load("cart.npz")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from equilearn.learn import Run, key_of, learn
from equilearn.reinforcement.agent import Agent, returns_of
from equilearn.reinforcement.environment import Environment
from equilearn.reinforcement.registered import find


@dataclass(frozen=True)
class Trained:
    """An agent that has learnt."""

    agent: Agent
    environment: str | Environment
    networks: PyTree[Any]
    run: Run | None = None
    """How it learnt; None where it comes from a file."""

    def act(self, observation: Array) -> Array:
        """Return what it does, without exploration, in N observations (N, ...)."""
        return self.agent.best(self.networks, observation)

    def returns(self, games: int = 100, *, seed: int = 1) -> Float[np.ndarray, " games"]:
        """Return the undiscounted returns of whole games without exploration."""
        judge = find(self.environment, games)
        return np.asarray(returns_of(self.agent, self.networks, judge, key=key_of(seed)))


def train(
    agent: Agent,
    environment: str | Environment,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    resume: bool = False,
    on_host: bool = False,
    live: bool = True,
) -> Trained:
    """Let an agent learn on an environment.

    Args:
        agent: its settings.
        environment: an id that Gymnasium knows, or an environment of one's own.
        seed: of all randomness.
        folder: where checkpoints and the record go; None keeps nothing.
        resume: go on from the folder's last checkpoint, if it has one.
        on_host: step Gymnasium's own environment even where there is a twin of pure functions.
        live: show the live line where there is a terminal.

    Raises:
        UserError: the agent does not fit the environment, or the folder holds another run.
    """
    stage = find(environment, agent.games, on_host=on_host)
    judge = find(environment, agent.check_games, on_host=on_host)
    begin_key, learn_key = jax.random.split(key_of(seed))
    begun = agent.begin(stage, judge, key=begin_key)
    whose = {"agent": type(agent).__name__, "parameters": vars(agent), "environment": str(environment)}
    run = learn(
        begun.problem, begun.networks, begun.world, begun.optimizer, begun.settings, key=learn_key,
        folder=None if folder is None else Path(folder), resume=resume, identity=whose, live=live,
        title=type(agent).__name__,
    )  # fmt: skip
    return Trained(agent, environment, run.state.networks, run)
