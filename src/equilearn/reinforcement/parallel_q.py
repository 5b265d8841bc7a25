"""A Q-network without replay and without target network, from many games at once (Gallici et al., 2025).

    G_t = r_t + discount [ (1 - lambda) max_a Q(s_{t+1}, a) + lambda G_{t+1} ],   loss = (Q(s_t, a_t) - G_t)^2 / 2

What keeps it stable is that hidden layers are normalised and that many games make the steps of a batch unlike each
other. At the end of a round, and where a game was cut, G is continued by max Q; where it ended, by nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from equilearn.optimizers import adam, linear
from equilearn.reinforcement.acting import Actors, Experience
from equilearn.reinforcement.agent import Begun, Playing, Stage, World, flat
from equilearn.reinforcement.deep_q import QAgent, Values, explore
from equilearn.reinforcement.environment import actions_of
from equilearn.reinforcement.pixels import value_network


class Targets(NamedTuple):
    """Steps of a round, for the loss."""

    observation: Array
    action: Array
    target: Float[Array, " B"]


@dataclass(frozen=True, kw_only=True)
class PQN(QAgent):
    """A Q-network of many games; the settings are those for CartPole."""

    steps: int = 400_000
    games: int = 32
    learning_rate: float = 5e-4
    round: int = 32
    """Steps of every game in a round."""
    epochs: int = 2
    """Passes over a round's steps."""
    batch: int = 128
    """Samples of a gradient step."""
    trace: float = 0.9
    """lambda: 0 trusts the values, 1 the returns."""
    explored: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive("round", "epochs", "batch")
        self._shares("trace")

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> Values:
        """Return a fresh network with normalised layers."""
        outputs = actions_of(stage.action_space)
        return Values(
            value_network(stage.observation_space, outputs, self.convolutions, self.hidden, layer_norm=True, key=key)
        )

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Begin the games."""
        network_key, begin_key = jax.random.split(key)
        world = World(stage.begin(key=begin_key), jnp.zeros((), jnp.int32))
        settings = self.settings(self.round * self.games, epochs=self.epochs, batch=self.batch)
        networks = self.networks(stage, key=network_key)
        optimizer = adam(self.learning_rate, schedule=linear, clip=10.0)
        return Begun(ParallelQ(self, stage, judge), networks, world, optimizer, settings)


class ParallelQ(Playing):
    """Its learning."""

    def generate(self, networks: Values, world: World, *, key: PRNGKeyArray) -> tuple[Targets, World]:
        """Play a round."""
        act = eqx.Partial(explore, networks, self.agent.epsilon(world.played))
        actors, seen = self.stage.play(act, world.actors, self.agent.round, key=key)
        return _with_targets(self.agent, networks, world, actors, seen)

    def loss(
        self, networks: Values, world: World, batch: Targets, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return half the mean squared error."""
        q = jnp.take_along_axis(networks(batch.observation), batch.action[:, None], axis=1)[:, 0]
        return jnp.mean((q - batch.target) ** 2) / 2, {"q": jnp.mean(q)}


@eqx.filter_jit
def _with_targets(
    agent: PQN, networks: Values, world: World, actors: Actors, seen: Experience
) -> tuple[Targets, World]:
    best = jnp.max(networks(flat(seen.next_observation)), axis=1).reshape(seen.reward.shape)

    def back(after: Array, inputs: tuple[Array, ...]) -> tuple[Array, Array]:
        reward, best, terminated, truncated = inputs
        ahead = jnp.where(truncated, best, (1 - agent.trace) * best + agent.trace * after)
        new = reward + agent.discount * jnp.where(terminated, 0.0, ahead)
        return new, new

    steps = (seen.reward, best, seen.terminated, seen.truncated)
    targets = jax.lax.scan(back, best[-1], steps, reverse=True)[1]
    data = Targets(flat(seen.observation), flat(seen.action), flat(targets))
    return data, World(actors, world.played + seen.reward.size)
