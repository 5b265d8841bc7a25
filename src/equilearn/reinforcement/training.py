"""Agents for everybody: train on an environment, judge, save, load.

trained = train(DQN(), "CartPole-v1", seed=0)
trained.returns(100).mean()
trained.save("cart.npz");  load("cart.npz")
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from equilearn.agents import AGENTS
from equilearn.agents import find as find_agent
from equilearn.errors import UserError
from equilearn.learn import Run, key_of, learn
from equilearn.learn.checkpoint import load_tree, read_header, save_tree
from equilearn.learn.files import write_atomically
from equilearn.learn.identity import fingerprint
from equilearn.reinforcement.agent import Agent, Stage, returns_of, without_exploration
from equilearn.reinforcement.atari import Atari
from equilearn.reinforcement.classic import CartPole, Pendulum
from equilearn.reinforcement.environment import Environment, examine
from equilearn.reinforcement.gridworld import Gridworld
from equilearn.reinforcement.growth import Growth
from equilearn.reinforcement.minatar import MinAtar
from equilearn.reinforcement.registered import Place, find
from equilearn.reinforcement.steering import Steering
from equilearn.reinforcement.watching import film

KINDS: dict[str, type[Environment] | type[Atari]] = {
    one.__name__: one for one in (CartPole, Pendulum, Gridworld, Steering, Growth, MinAtar, Atari)
}


@dataclass(frozen=True)
class Trained:
    """An agent that has learnt."""

    agent: Agent
    environment: Place
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

    def save(self, path: Path | str) -> None:
        """Write the agent to one file: settings and arrays, nothing that could be run.

        Raises:
            UserError: the file cannot be written.
        """
        about = {
            "agent": type(self.agent).__name__,
            "settings": vars(self.agent),
            "environment": _named(self.environment),
        }
        save_tree(Path(path), self.networks, {"kind": "agent", **about})

    def film(self, *, seed: int = 2) -> bytes:
        """Return a game as an animated GIF.

        Raises:
            UserError: the environment has no picture of itself.
        """
        return film(find(self.environment, 1), without_exploration(self.agent, self.networks), key=key_of(seed))

    def watch(self, path: Path | str, *, seed: int = 2) -> None:
        """Write a game as an animated GIF.

        Raises:
            UserError: the environment has no picture of itself, or the file cannot be written.
        """
        write_atomically(Path(path), self.film(seed=seed))


def _named(environment: Place) -> dict[str, Any] | str:
    if isinstance(environment, str):
        return environment
    parameters = json.loads(json.dumps(vars(environment), default=repr))
    return {"kind": type(environment).__name__, "parameters": parameters}


def _rules(environment: Place) -> str | None:
    """Return by what the rules of an environment of pure functions are known again; None for others."""
    if not isinstance(environment, Environment):
        return None
    state = jax.eval_shape(environment.start, jax.random.key(0))
    action = np.zeros(environment.action_space.shape or (), environment.action_space.dtype or float)
    return fingerprint(lambda s, a, k: tuple(environment.step(s, a, key=k)), state, action, jax.random.key(0))


def tuples(value: Any) -> Any:
    """Return settings as they were before JSON made lists of tuples."""
    if isinstance(value, dict):
        return {name: tuples(one) for name, one in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def load(path: Path | str, environment: Environment | Atari | None = None) -> Trained:
    """Return an agent from its file.

    Args:
        path: of the file.
        environment: that it was trained on, where it is of a class of one's own.

    Raises:
        UserError: the file is none of an agent, or damaged; the environment is needed, or another one.
    """
    header = read_header(Path(path))
    try:
        kind, settings, place = find_agent(header["agent"]), header["settings"], header["environment"]
        agent = kind(**tuples(settings))
        if environment is None and not isinstance(place, str):
            environment = KINDS[place["kind"]](**tuples(place["parameters"])) if place["kind"] in KINDS else None
            if environment is None:
                raise UserError(f"{path}: was trained on {place['kind']}, an environment of one's own; give it.")
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: is no agent of this version's, or damaged.") from None
    where = environment if environment is not None else place
    stage = find(where, 1)
    like = eqx.filter_eval_shape(lambda: agent.networks(stage, key=jax.random.key(0)))
    return Trained(agent, where, load_tree(Path(path), like))


def fits(agent: Agent, environment: Place, *, on_host: bool = False) -> Stage:
    """Return the games in which an agent is to learn, after making sure that it can: nothing is learnt yet.

    Raises:
        UserError: there is no such environment, it does not do what it must, or the agent does not fit it.
    """
    if isinstance(environment, Environment):
        examine(environment)
    stage = find(environment, agent.games, on_host=on_host, learning=True)
    name = environment if isinstance(environment, str) else type(environment).__name__
    try:
        eqx.filter_eval_shape(lambda: agent.networks(stage, key=jax.random.key(0)))
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    return stage


def train(
    agent: Agent,
    environment: Place,
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
        DivergenceError: numbers stopped being finite.
        UserError: the agent does not fit the environment, or the folder holds another run.
    """
    if not isinstance(agent, Agent):
        names = ", ".join(place.partition(":")[2] for place in AGENTS.values())
        raise UserError(f"agent: must be one of {names} with its settings, like DQN(), not {agent!r}.")
    stage = fits(agent, environment, on_host=on_host)
    judge = find(environment, agent.check_games, on_host=on_host)
    begin_key, learn_key = jax.random.split(key_of(seed))
    begun = agent.begin(stage, judge, key=begin_key)
    whose = {"agent": type(agent).__name__, "parameters": vars(agent), "environment": _named(environment)}
    whose |= {"rules": _rules(environment), "seed": seed}
    run = learn(
        begun.problem, begun.networks, begun.world, begun.optimizer, begun.settings, key=learn_key,
        folder=None if folder is None else Path(folder), resume=resume, identity=whose, live=live,
        title=type(agent).__name__,
    ).sound(type(agent).__name__)  # fmt: skip
    return Trained(agent, environment, run.state.networks, run)
