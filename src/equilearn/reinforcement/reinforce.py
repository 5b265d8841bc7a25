"""REINFORCE (Williams, 1992): raise the probability of what was followed by a high return.

    loss = - mean_t log P(a_t | s_t) (G_t - b(s_t)) / s,   G_t = sum_{k >= t} discount^(k - t) r_k

over whole games; s is a running standard deviation of the returns, so that rewards may be of any size. A baseline b
is a second network that learns to tell G from the state by least squares: it changes the gradient's variance, not its
mean, since the mean of log P's gradient is zero in every state. Without one the return of a game that was cut
(truncated) stops at the cut; with one it is continued by the baseline's value there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Scalar

from equilearn.optimizers import adam, linear
from equilearn.reinforcement.acting import Actors, Experience, fresh
from equilearn.reinforcement.agent import Agent, Begun, Playing, Stage, World, flat
from equilearn.reinforcement.policies import Perceptron, policy_for


class Scale(eqx.Module):
    """Running mean and standard deviation of the returns."""

    mean: Float[Array, ""]
    square: Float[Array, ""]
    """Mean of the squares."""
    weight: Float[Array, ""]
    """How much of the means is data, and not the zeros that they began with."""

    def follow(self, values: Array, within: Array, rate: float = 0.1) -> Scale:
        """Return the scale moved towards the values that count."""
        total = jnp.maximum(jnp.sum(within), 1)
        first, second = (jnp.sum(jnp.where(within, values**power, 0.0)) / total for power in (1, 2))
        return Scale(
            *(one + rate * (new - one) for one, new in ((self.mean, first), (self.square, second), (self.weight, 1.0)))
        )

    @property
    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (1 where there is nearly none)."""
        mean = self.mean / self.weight
        deviation = jnp.sqrt(jnp.maximum(self.square / self.weight - mean**2, 0.0))
        return mean, jnp.where(deviation > 1e-6, deviation, 1.0)


class Played(NamedTuple):
    """Steps of whole games, for the loss."""

    observation: Array
    action: Array
    advantage: Float[Array, " B"]
    target: Float[Array, " B"]
    """What the baseline is to say, in units of the scale."""
    within: Bool[Array, " B"]
    """Whether the step belongs to a game, or comes after its end."""


@dataclass(frozen=True, kw_only=True)
class Reinforce(Agent):
    """REINFORCE; the settings are those for CartPole."""

    steps: int = 1_000_000
    """Environment steps at most: rounds times the games' limit."""
    games: int = 16
    """Whole games of a round."""
    learning_rate: float = 5e-3
    baseline: bool = True
    spread: float = 0.6
    """Standard deviation of continuous actions at first, in half widths of their bounds."""

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return a fresh policy, and a baseline."""
        policy_key, baseline_key = jax.random.split(key)
        space = stage.observation_space
        policy = policy_for(space, stage.action_space, self.hidden, spread=self.spread, key=policy_key)
        baseline = Perceptron(space, 1, self.hidden, last=1.0, activation=jnp.tanh, key=baseline_key)
        return {"policy": policy} | ({"baseline": baseline} if self.baseline else {})

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Begin with a fresh policy."""
        networks = self.networks(stage, key=key)
        scale = Scale(*(jnp.zeros(()) for _ in range(3)))
        world = World(fresh(jnp.zeros(self.games), self.games), jnp.zeros((), jnp.int32), scale)
        size = stage.limit * self.games
        optimizer = adam(self.learning_rate, schedule=linear)
        settings = self.settings(size, batch=size)
        return Begun(WholeGames(self, stage, judge), networks, world, optimizer, settings)

    def best(self, networks: PyTree[Any], observation: Array) -> Array:
        """Return the most probable action."""
        return networks["policy"].best(observation)


def draw(policy: Any, observation: Array, *, key: PRNGKeyArray) -> Array:
    """Return actions drawn from a policy."""
    return policy.sample(observation, key=key)


def returns_to_go(
    reward: Float[Array, "T N"], last: Float[Array, "T N"], done: Bool[Array, "T N"], discount: float
) -> Float[Array, "T N"]:
    """Return G_t of every step; where a game ends, `last` is what comes after it."""

    def back(after: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        reward, last, done = inputs
        new = reward + discount * jnp.where(done, last, after)
        return new, new

    return jax.lax.scan(back, jnp.zeros(reward.shape[1]), (reward, last, done), reverse=True)[1]


class WholeGames(Playing):
    """REINFORCE's learning."""

    keeps_order = True  # one batch: the order is of no interest

    def generate(self, networks: PyTree[Any], world: World, *, key: PRNGKeyArray) -> tuple[Played, World]:
        """Play whole games."""
        seen, within = self.stage.whole(eqx.Partial(draw, networks["policy"]), key=key)
        return _with_returns(self.agent, networks, world, seen, within)

    def loss(
        self, networks: PyTree[Any], world: World, batch: Played, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return -log P times the advantage, and the baseline's squared error."""
        logs, entropy = networks["policy"].log_probability(batch.observation, batch.action)
        share = batch.within / jnp.maximum(jnp.sum(batch.within), 1)
        policy = -jnp.sum(share * logs * batch.advantage)
        parts = {"policy": policy, "entropy": jnp.sum(share * entropy)}
        if not self.agent.baseline:
            return policy, parts
        said = networks["baseline"](batch.observation)[:, 0]
        baseline = jnp.sum(share * (said - batch.target) ** 2) / 2
        return policy + baseline, parts | {"baseline": baseline}


@eqx.filter_jit
def _with_returns(
    agent: Reinforce, networks: PyTree[Any], world: World, seen: Experience, within: Bool[Array, "T N"]
) -> tuple[Played, World]:
    shape = seen.reward.shape
    mean, deviation = world.memory.moments
    known = world.memory.weight > 0
    mean, deviation = jnp.where(known, mean, 0.0), jnp.where(known, deviation, 1.0)

    def value(observation: Array) -> Array:
        said = networks["baseline"](flat(observation))[:, 0]
        return mean + deviation * said.reshape(shape)

    after = value(seen.next_observation) if agent.baseline else jnp.zeros(shape)
    done = seen.terminated | seen.truncated
    to_go = returns_to_go(seen.reward, jnp.where(seen.terminated, 0.0, after), done, agent.discount)
    scale = world.memory.follow(to_go, within)
    new_mean, new_deviation = scale.moments
    ahead = to_go - (value(seen.observation) if agent.baseline else 0.0)
    data = Played(seen.observation, seen.action, ahead / new_deviation, (to_go - new_mean) / new_deviation, within)
    actors = Actors(
        world.actors.state, world.actors.elapsed, world.actors.collected,
        jnp.asarray(shape[1], jnp.int32), jnp.sum(jnp.where(within, seen.reward, 0.0)),
        jnp.sum(within, dtype=jnp.int32),
    )  # fmt: skip
    return flat(data), World(actors, world.played + jnp.sum(within, dtype=jnp.int32), scale)
