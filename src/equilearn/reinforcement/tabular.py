"""Q-learning (Watkins, 1989) and SARSA (Rummery and Niranjan, 1994): a table of values, learnt from steps alone.

    Q(s, a) <- Q(s, a) + eta [ y - Q(s, a) ]
    Q-learning   y = r + discount max_b Q(s', b)
    SARSA        y = r + discount sum_b pi(b | s') Q(s', b)      pi explores: a share epsilon of its actions is random

(this is expected SARSA, van Seijen et al., 2009, which has the same fixed point as SARSA and less variance). Many games
take a step at once; what several say about the same entry is averaged. eta = visits^-power, where visits counts
rounds in which the entry was seen: the conditions of stochastic approximation hold for powers in (1/2, 1].
On the loop the table is the network, and the step is plain gradient descent on the squares, weighted by eta.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.errors import UserError
from equilearn.reinforcement.acting import Experience
from equilearn.reinforcement.agent import Agent, Begun, Playing, Stage, World
from equilearn.reinforcement.environment import actions_of


class Table(eqx.Module):
    """Q(s, a) of numbered states."""

    values: Float[Array, "S A"]

    def __call__(self, observation: Int[Array, " B"]) -> Float[Array, "B A"]:
        """Return the values of all actions in every state."""
        return self.values[observation]


class Seen(NamedTuple):
    """Steps, and what they say."""

    observation: Int[Array, " B"]
    action: Int[Array, " B"]
    target: Float[Array, " B"]


@dataclass(frozen=True, kw_only=True)
class Tabular(Agent):
    """A table of values for numbered states."""

    steps: int = 1_000_000
    games: int = 32
    learning_rate: float = 1.0
    """Of the first visit; eta of the n-th is this times n^-power."""
    discount: float = 0.95
    power: float = 0.6
    exploration: float = 0.5
    """Share of random actions, all the time: SARSA's values are those of a policy that acts so."""
    sarsa: bool = False
    keep_best: bool = False
    optimizer: ClassVar = optax.sgd(1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("power", 0.5), ("exploration", 0.0)):
            if not low <= getattr(self, name) <= 1:
                raise UserError(f"Tabular: {name} must be between {low} and 1, not {getattr(self, name)}.")

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> Table:
        """Return a table of zeros."""
        del key
        space = stage.observation_space
        if not isinstance(space, gymnasium.spaces.Discrete) or int(space.start) != 0:
            raise UserError("its states are not numbers from 0: a table needs them to be; take DQN.")
        return Table(jnp.zeros((int(space.n), actions_of(stage.action_space))))

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Begin the games."""
        table = self.networks(stage, key=key)
        world = World(stage.begin(key=key), jnp.zeros((), jnp.int32), jnp.zeros(table.values.shape, jnp.int32))
        settings = self.settings(self.games, batch=self.games)
        return Begun(Trial(self, stage, judge), table, world, self.optimizer, settings)

    def best(self, networks: Table, observation: Array) -> Array:
        """Return the actions of the highest value."""
        return jnp.argmax(networks(observation), axis=1)


def explore_ties(table: Table, epsilon: float, observation: Array, *, key: PRNGKeyArray) -> Array:
    """Return the best actions, of several equally good ones any, a share `epsilon` of them replaced by random ones."""
    q = table(observation)
    which_key, random_key, tie_key = jax.random.split(key, 3)
    best = jnp.argmax(
        jnp.where(q == jnp.max(q, axis=1, keepdims=True), jax.random.uniform(tie_key, q.shape), -1.0), axis=1
    )
    anything = jax.random.randint(random_key, best.shape, 0, q.shape[1])
    return jnp.where(jax.random.bernoulli(which_key, epsilon, best.shape), anything, best)


class Trial(Playing):
    """Learning by trial and error."""

    keeps_order = True

    def generate(self, networks: Table, world: World, *, key: PRNGKeyArray) -> tuple[Seen, World]:
        """Take one step in every game."""
        act = eqx.Partial(explore_ties, networks, self.agent.exploration)
        actors, seen = self.stage.play(act, world.actors, 1, key=key)
        return _targets(self.agent, networks, seen), World(actors, world.played + self.agent.games, world.memory)

    def loss(self, networks: Table, world: World, batch: Seen, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Array]]:
        """Return half the weighted squares, whose gradient is -eta times the mean error of every entry."""
        where = (batch.observation, batch.action)
        now = jnp.zeros(world.memory.shape).at[where].add(1.0)[where]  # how often in this batch
        visits = world.memory[where] + 1.0
        error = jax.lax.stop_gradient(batch.target) - networks.values[where]
        eta = self.agent.learning_rate * visits**-self.agent.power
        return jnp.sum(eta / now * error**2) / 2, {"error": jnp.mean(jnp.abs(error))}

    def absorb(self, networks: Table, world: World, data: Seen, parts: dict[str, Array]) -> World:
        """Count the visits."""
        visits = world.memory.at[data.observation, data.action].max(world.memory[data.observation, data.action] + 1)
        return eqx.tree_at(lambda one: one.memory, world, visits)

    def says(self, data: Any, world: World) -> dict[str, Any]:
        """Return what ended while learning, and how many entries have been seen."""
        return super().says(data, world) | {"seen": jnp.mean(world.memory > 0)}


@eqx.filter_jit
def _targets(agent: Tabular, table: Table, seen: Experience) -> Seen:
    after = table(seen.next_observation[0])
    value = jnp.max(after, axis=1)
    if agent.sarsa:
        value = (1 - agent.exploration) * value + agent.exploration * jnp.mean(after, axis=1)
    target = seen.reward[0] + agent.discount * jnp.where(seen.terminated[0], 0.0, value)
    return Seen(seen.observation[0], seen.action[0], target)
