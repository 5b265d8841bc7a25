"""Deep Q-networks (Mnih et al., 2015), with what was added later as settings.

    y = R + bootstrap max_a Q_target(s', a),   loss = Huber(Q(s, a) - y)

Huber's loss is e^2 / 2 up to |e| = 1 and |e| - 1/2 beyond. What may be switched on:

    double       the online network chooses the action, the target network values it (van Hasselt et al., 2016)
    duelling     Q = V + A - mean A in one network with two heads (Wang et al., 2016)
    n_step       R over n steps (Sutton, 1988); biased, since the steps are of older policies, and faster
    prioritised  steps with large errors are drawn more often (Schaul et al., 2016)

A round is a few steps of all games, kept in the replay, and then a few gradient steps on samples of it. Priorities are
brought up to date after every gradient step; samples are drawn once a round.
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.optimizers import adam, linear
from equilearn.reinforcement.acting import Actors, Experience
from equilearn.reinforcement.agent import Agent, Begun, Playing, Stage, World
from equilearn.reinforcement.environment import actions_of
from equilearn.reinforcement.pixels import Pixels, value_network
from equilearn.reinforcement.policies import Perceptron
from equilearn.reinforcement.replay import Replay, Sample


class Values(eqx.Module):
    """Q(s, .) of a batch of observations."""

    network: Perceptron | Pixels
    duelling: bool = eqx.field(static=True, default=False)

    def __call__(self, observation: Array) -> Float[Array, "B A"]:
        """Return the value of every action."""
        out = self.network(observation)
        if not self.duelling:
            return out
        advantage = out[:, 1:]
        return out[:, :1] + advantage - jnp.mean(advantage, axis=1, keepdims=True)


class Memory(eqx.Module):
    """What the agent keeps in the world."""

    replay: Replay
    target: Values
    updates: Int[Array, ""]
    """Gradient steps so far."""


@dataclass(frozen=True, kw_only=True)
class QAgent(Agent):
    """What agents have in common that act by the values of a few actions: exploration, and the best action."""

    exploration: tuple[float, float] = (1.0, 0.05)
    """Share of random actions at the beginning, and from `explored` of the run on; linear between."""
    explored: float
    convolutions: tuple[tuple[int, int, int], ...] = ((16, 3, 1),)
    """Filters, size and stride of the convolutions before the hidden layers, where observations are pictures."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive("explored", "convolutions")
        self._shares("exploration")

    def best(self, networks: Values, observation: Array) -> Array:
        """Return the actions of the highest value."""
        return jnp.argmax(networks(observation), axis=1)

    def epsilon(self, played: Int[Array, ""]) -> Float[Array, ""]:
        """Return the share of random actions after so many environment steps."""
        first, last = self.exploration
        return first + (last - first) * jnp.minimum(played / (self.explored * self.steps), 1.0)


@dataclass(frozen=True, kw_only=True)
class DQN(QAgent):
    """A deep Q-network; the settings are those for CartPole."""

    steps: int = 50_000
    games: int = 8
    learning_rate: float = 2.5e-3
    hidden: tuple[int, ...] = (128, 128)
    round: int = 16
    """Steps of every game in a round."""
    updates: int = 64
    """Gradient steps in a round."""
    batch: int = 64
    """Samples of a gradient step."""
    replay: int = 50_000
    """Steps that the replay holds."""
    warmup: int = 1_000
    """Steps of random play before learning begins."""
    target_every: int = 100
    """Gradient steps after which the target network is brought up to date."""
    explored: float = 0.2
    double: bool = True
    duelling: bool = False
    n_step: int = 5
    prioritised: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive("round", "updates", "batch", "target_every", "n_step")
        self._remembers(warmup=self.warmup, replay=self.replay, rows=self.round + self.n_step)

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> Values:
        """Return a fresh network."""
        outputs = actions_of(stage.action_space) + self.duelling
        network = value_network(stage.observation_space, outputs, self.convolutions, self.hidden, key=key)
        return Values(network, self.duelling)

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Play at random until there is something to learn from."""
        network_key, begin_key, play_key = jax.random.split(key, 3)
        values = self.networks(stage, key=network_key)
        rows = max(-(-self.warmup // self.games), self.n_step)
        act = eqx.Partial(explore, values, jnp.ones(()))
        actors, seen = stage.play(act, stage.begin(key=begin_key), rows, key=play_key)
        replay = Replay.like(seen, self.replay // self.games, prioritised=self.prioritised).add(seen)
        played = jnp.asarray(rows * self.games, jnp.int32)
        target = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, values)
        world = World(actors, played, Memory(replay, target, jnp.zeros((), jnp.int32)))
        settings = self.settings(self.round * self.games, taken=rows * self.games, batch=self.batch)
        optimizer = adam(self.learning_rate, schedule=linear, clip=10.0)
        return Begun(DeepQ(self, stage, judge), values, world, optimizer, settings)


def explore(values: Values, epsilon: Float[Array, ""], observation: Array, *, key: PRNGKeyArray) -> Array:
    """Return the actions of the highest value, a share `epsilon` of them replaced by random ones."""
    q = values(observation)
    which_key, random_key = jax.random.split(key)
    anything = jax.random.randint(random_key, q.shape[:1], 0, q.shape[1])
    return jnp.where(jax.random.bernoulli(which_key, epsilon, q.shape[:1]), anything, jnp.argmax(q, axis=1))


class DeepQ(Playing):
    """A deep Q-network's learning."""

    keeps_order = True  # samples come at random already

    def generate(self, networks: Values, world: World, *, key: PRNGKeyArray) -> tuple[Sample, World]:
        """Play a round, keep it, and draw what to learn from."""
        agent: DQN = self.agent
        play_key, draw_key = jax.random.split(key)
        act = eqx.Partial(explore, networks, agent.epsilon(world.played))
        actors, seen = self.stage.play(act, world.actors, agent.round, key=play_key)
        return _keep_and_draw(agent, world, actors, seen, draw_key)

    def loss(
        self, networks: Values, world: World, batch: Sample, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the weighted mean of Huber's loss of the temporal differences."""
        agent: DQN = self.agent
        memory: Memory = world.memory
        ahead = memory.replay.look(batch, steps=agent.n_step, discount=agent.discount)
        q = jnp.take_along_axis(networks(ahead.observation), ahead.action[:, None], axis=1)[:, 0]
        after = memory.target(ahead.next_observation)
        choice = networks(ahead.next_observation) if agent.double else after
        value = jnp.take_along_axis(after, jnp.argmax(choice, axis=1)[:, None], axis=1)[:, 0]
        error = q - jax.lax.stop_gradient(ahead.reward + ahead.bootstrap * value)
        loss = jnp.mean(batch.weight * optax.losses.huber_loss(error))
        return loss, {"q": jnp.mean(q), "temporal_difference": jnp.mean(jnp.abs(error)), "error": error}

    def after_step(self, networks: Values, world: World, batch: Sample, parts: dict[str, Array]) -> World:
        """Rate the samples, and bring the target network up to date where it is time."""
        memory: Memory = world.memory
        updates = memory.updates + 1
        now = updates % self.agent.target_every == 0
        target = jax.tree.map(
            lambda old, new: jnp.where(now, new, old) if eqx.is_array(old) else old, memory.target, networks
        )
        return eqx.tree_at(
            lambda one: one.memory, world, Memory(memory.replay.rate(batch, parts["error"]), target, updates)
        )


@eqx.filter_jit
def _keep_and_draw(
    agent: DQN, world: World, actors: Actors, seen: Experience, key: PRNGKeyArray
) -> tuple[Sample, World]:
    replay = world.memory.replay.add(seen)
    played = world.played + agent.round * agent.games
    correction = 0.4 + 0.6 * jnp.minimum(played / agent.steps, 1.0)
    sample = replay.draw(agent.updates * agent.batch, steps=agent.n_step, correction=correction, key=key)
    return sample, World(actors, played, eqx.tree_at(lambda one: one.replay, world.memory, replay))
