"""Deep deterministic policy gradients (Lillicrap et al., 2016), with the remedies of TD3 (Fujimoto et al., 2018).

The action is a number, so max_a Q(s, a) cannot be looked up: a second network, the actor mu, learns to climb it.

    y = r + bootstrap min_i Q'_i(s', mu'(s') + e),   loss = sum_i mean (Q_i(s, a) - y)^2 - mean Q_1(s, mu(s))

each player with the other one held fixed; Q' and mu' follow slowly, theta' <- theta' + rate (theta - theta'). Plain
DDPG has one critic and e = 0. The remedies, each a setting: `critics = 2` (the lower of two values, against
overestimation), `smoothing` (e normal, cut at twice its standard deviation, against peaks of Q that are errors),
`delay` (the actor moves in every so many-th step). The agent acts with normal noise; a time limit is bootstrapped
through.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from equilearn.networks import MLP
from equilearn.optimizers import adam, constant, every
from equilearn.reinforcement.acting import Actors, Experience
from equilearn.reinforcement.agent import Agent, Begun, Playing, Stage, World
from equilearn.reinforcement.environment import Features, box_of
from equilearn.reinforcement.policies import Perceptron
from equilearn.reinforcement.replay import Replay, Sample


class Actor(eqx.Module):
    """What is done in a state: within the bounds by a hyperbolic tangent."""

    network: Perceptron
    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)

    @property
    def half(self) -> Float[Array, " A"]:
        """Half widths of the bounds."""
        return (jnp.asarray(self.high) - jnp.asarray(self.low)) / 2

    def __call__(self, observation: Array) -> Float[Array, "B A"]:
        """Return the actions."""
        return jnp.asarray(self.low) + self.half * (1 + jnp.tanh(self.network(observation)))

    def near(self, observation: Array, noise: Float[Array, "B A"]) -> Float[Array, "B A"]:
        """Return the actions moved by noise, in half widths, within the bounds."""
        return jnp.clip(self(observation) + self.half * noise, jnp.asarray(self.low), jnp.asarray(self.high))


class Critic(eqx.Module):
    """Q(s, a)."""

    network: MLP
    features: Features = eqx.field(static=True)
    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)

    def __call__(self, observation: Array, action: Float[Array, "B A"]) -> Float[Array, " B"]:
        """Return the values; actions are scaled to [-1, 1] first."""
        low, high = jnp.asarray(self.low), jnp.asarray(self.high)
        scaled = (2 * action - low - high) / (high - low)
        return self.network(jnp.concatenate([self.features(observation), scaled], axis=1))[:, 0]


class Memory(eqx.Module):
    """What the agent keeps in the world."""

    replay: Replay
    target: PyTree[Any]
    """Actor and critics that follow slowly."""


@dataclass(frozen=True, kw_only=True)
class DDPG(Agent):
    """A deterministic actor and its critic; the settings are those for Pendulum."""

    steps: int = 20_000
    games: int = 4
    learning_rate: float = 1e-3
    critic_rate: float = 1e-3
    hidden: tuple[int, ...] = (128, 128)
    round: int = 8
    """Steps of every game in a round."""
    updates: int = 32
    """Gradient steps in a round."""
    batch: int = 128
    """Samples of a gradient step."""
    replay: int = 20_000
    """Steps that the replay holds."""
    warmup: int = 1_000
    """Steps of random play before learning begins."""
    follow: float = 0.01
    """Rate at which the targets follow, in a gradient step."""
    noise: float = 0.1
    """Standard deviation of the noise that the agent acts with, in half widths of the bounds."""
    critics: int = 1
    smoothing: float = 0.0
    """Standard deviation of the noise in the target's action."""
    delay: int = 1
    """Critics' steps for each step of the actor."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive("critic_rate", "round", "updates", "batch", "critics", "delay")
        self._shares("follow")
        self._remembers(warmup=self.warmup, replay=self.replay, rows=self.round)

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return a fresh actor and fresh critics."""
        box, space = box_of(stage.action_space), stage.observation_space
        low, high = (tuple(float(one) for one in side) for side in (box.low, box.high))
        actor_key, *critic_keys = jax.random.split(key, 1 + self.critics)
        features = Features.of(space)
        sizes = (features.size + len(low), *self.hidden, 1)
        made = Perceptron(space, len(low), self.hidden, last=0.01, activation=jax.nn.relu, key=actor_key)
        critics = tuple(
            Critic(MLP(sizes, initialiser=jax.nn.initializers.he_uniform(), key=one), features, low, high)
            for one in critic_keys
        )
        return {"actor": Actor(made, low, high), "critics": critics}

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Play at random until there is something to learn from."""
        network_key, begin_key, play_key = jax.random.split(key, 3)
        networks = self.networks(stage, key=network_key)
        rows = max(-(-self.warmup // self.games), 1)
        actors, seen = stage.play(
            eqx.Partial(anything, networks["actor"]), stage.begin(key=begin_key), rows, key=play_key
        )
        replay = Replay.like(seen, self.replay // self.games).add(seen)
        target = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, networks)
        world = World(actors, jnp.asarray(rows * self.games, jnp.int32), Memory(replay, target))
        settings = self.settings(self.round * self.games, taken=rows * self.games, batch=self.batch)
        optimizer = _players(self.learning_rate, self.critic_rate, self.delay)
        return Begun(Deterministic(self, stage, judge), networks, world, optimizer, settings)

    def best(self, networks: PyTree[Any], observation: Array) -> Array:
        """Return the actor's actions."""
        return networks["actor"](observation)


@functools.lru_cache
def _players(actor: float, critic: float, delay: int) -> optax.GradientTransformation:
    rates: dict[Hashable, optax.GradientTransformation] = {
        "actor": every(delay, adam(actor, schedule=constant)),
        "critics": adam(critic, schedule=constant, clip=10.0),
    }
    return optax.partition(rates, {"actor": "actor", "critics": "critics"})


def anything(actor: Actor, observation: Array, *, key: PRNGKeyArray) -> Float[Array, "B A"]:
    """Return actions drawn evenly between the bounds."""
    low, high = jnp.asarray(actor.low), jnp.asarray(actor.high)
    return jax.random.uniform(key, (observation.shape[0], len(actor.low)), minval=low, maxval=high)


def noisily(actor: Actor, noise: float, observation: Array, *, key: PRNGKeyArray) -> Float[Array, "B A"]:
    """Return the actor's actions with normal noise."""
    return actor.near(observation, noise * jax.random.normal(key, (observation.shape[0], len(actor.low))))


def _held(tree: PyTree[Any]) -> PyTree[Any]:
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf, tree)


class Deterministic(Playing):
    """DDPG's learning."""

    keeps_order = True  # samples come at random already

    def generate(self, networks: PyTree[Any], world: World, *, key: PRNGKeyArray) -> tuple[Sample, World]:
        """Play a round with noise, keep it, and draw what to learn from."""
        play_key, draw_key = jax.random.split(key)
        act = eqx.Partial(noisily, networks["actor"], self.agent.noise)
        actors, seen = self.stage.play(act, world.actors, self.agent.round, key=play_key)
        return _keep_and_draw(self.agent, world, actors, seen, draw_key)

    def loss(
        self, networks: PyTree[Any], world: World, batch: Sample, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the critics' squared errors less the value of the actor's actions."""
        agent: DDPG = self.agent
        memory: Memory = world.memory
        ahead = memory.replay.look(batch, steps=1, discount=agent.discount)
        size = agent.smoothing
        noise = jnp.clip(size * jax.random.normal(key, ahead.action.shape), -2 * size, 2 * size)
        after = memory.target["actor"].near(ahead.next_observation, noise)
        values = [critic(ahead.next_observation, after) for critic in memory.target["critics"]]
        target = jax.lax.stop_gradient(ahead.reward + ahead.bootstrap * jnp.min(jnp.stack(values), axis=0))
        said = [critic(ahead.observation, ahead.action) for critic in networks["critics"]]
        critics = sum((jnp.mean((one - target) ** 2) for one in said), jnp.zeros(()))
        actor = -jnp.mean(_held(networks["critics"][0])(ahead.observation, networks["actor"](ahead.observation)))
        return critics + actor, {"critics": critics, "actor": actor, "q": jnp.mean(said[0])}

    def after_step(self, networks: PyTree[Any], world: World, batch: Sample, parts: dict[str, Array]) -> World:
        """Let the targets follow."""
        rate = self.agent.follow
        target = jax.tree.map(
            lambda old, new: old + rate * (new - old) if eqx.is_inexact_array(old) else old,
            world.memory.target, networks,
        )  # fmt: skip
        return eqx.tree_at(lambda one: one.memory.target, world, target)


@eqx.filter_jit
def _keep_and_draw(
    agent: DDPG, world: World, actors: Actors, seen: Experience, key: PRNGKeyArray
) -> tuple[Sample, World]:
    replay = world.memory.replay.add(seen)
    sample = replay.draw(agent.updates * agent.batch, key=key)
    memory = eqx.tree_at(lambda one: one.replay, world.memory, replay)
    return sample, World(actors, world.played + agent.round * agent.games, memory)
