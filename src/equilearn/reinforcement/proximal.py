"""Proximal policy optimisation (Schulman et al., 2017) with generalised advantages (Schulman et al., 2016).

    delta_t = r_t + discount (1 - terminated_t) V(s_{t+1}) - V(s_t)
    A_t     = delta_t + discount lambda (1 - done_t) A_{t+1}
    loss    = - mean min(w A, clip(w, 1 - c, 1 + c) A) + (V(s) - V_t - A_t)^2 / 4 - entropy_bonus H,  w = P / P_old

s_{t+1} is the state in which a game was cut, never the first one of the next. Advantages are normalised in every batch;
the value's loss is not clipped; a few epochs of batches on every round's steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Scalar

from equilearn.optimizers import adam, linear
from equilearn.reinforcement.acting import Actors, Experience
from equilearn.reinforcement.agent import Agent, Begun, Playing, Stage, World, flat
from equilearn.reinforcement.policies import Perceptron, policy_for
from equilearn.reinforcement.reinforce import draw


class Rollout(NamedTuple):
    """Steps of a round, for the loss."""

    observation: Array
    action: Array
    log_probability: Float[Array, " B"]
    """Under the policy that acted."""
    advantage: Float[Array, " B"]
    target: Float[Array, " B"]
    """V + A: what the value is to be."""


@dataclass(frozen=True, kw_only=True)
class PPO(Agent):
    """Proximal policy optimisation; the settings are those for CartPole."""

    steps: int = 200_000
    games: int = 8
    learning_rate: float = 1e-3
    discount: float = 0.98
    round: int = 128
    """Steps of every game in a round."""
    epochs: int = 10
    """Passes over a round's steps."""
    batch: int = 256
    """Samples of a gradient step."""
    trace: float = 0.8
    """lambda: 0 trusts the values, 1 the returns."""
    clip: float = 0.2
    """How far the probability of an action may move, as a share, before it stops to pay."""
    entropy_bonus: float = 0.0
    spread: float = 0.6
    """Standard deviation of continuous actions at first, in half widths of their bounds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._positive("round", "epochs", "batch", "clip")
        self._shares("trace")

    def networks(self, stage: Stage, *, key: PRNGKeyArray) -> dict[str, Any]:
        """Return a fresh policy and a fresh value."""
        policy_key, value_key = jax.random.split(key)
        space = stage.observation_space
        policy = policy_for(space, stage.action_space, self.hidden, spread=self.spread, key=policy_key)
        value = Perceptron(space, 1, self.hidden, last=1.0, activation=jnp.tanh, key=value_key)
        return {"policy": policy, "value": value}

    def begin(self, stage: Stage, judge: Stage, *, key: PRNGKeyArray) -> Begun:
        """Begin the games."""
        network_key, begin_key = jax.random.split(key)
        world = World(stage.begin(key=begin_key), jnp.zeros((), jnp.int32))
        optimizer = adam(self.learning_rate, schedule=linear, clip=0.5, epsilon=1e-5)
        settings = self.settings(self.round * self.games, epochs=self.epochs, batch=self.batch)
        networks = self.networks(stage, key=network_key)
        return Begun(Proximal(self, stage, judge), networks, world, optimizer, settings)

    def best(self, networks: PyTree[Any], observation: Array) -> Array:
        """Return the most probable action."""
        return networks["policy"].best(observation)


def advantages(
    delta: Float[Array, "T N"], done: Bool[Array, "T N"], decay: float | Float[Array, ""]
) -> Float[Array, "T N"]:
    """Return A_t = delta_t + decay (1 - done_t) A_{t+1}."""

    def back(after: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        delta, done = inputs
        new = delta + decay * jnp.where(done, 0.0, after)
        return new, new

    return jax.lax.scan(back, jnp.zeros(delta.shape[1]), (delta, done), reverse=True)[1]


class Proximal(Playing):
    """Proximal policy optimisation's learning."""

    def generate(self, networks: PyTree[Any], world: World, *, key: PRNGKeyArray) -> tuple[Rollout, World]:
        """Play a round."""
        actors, seen = self.stage.play(eqx.Partial(draw, networks["policy"]), world.actors, self.agent.round, key=key)
        return _with_advantages(self.agent, networks, world, actors, seen)

    def loss(
        self, networks: PyTree[Any], world: World, batch: Rollout, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the clipped loss of the policy, the value's squared error and the entropy's bonus."""
        agent: PPO = self.agent
        logs, entropy = networks["policy"].log_probability(batch.observation, batch.action)
        ratio = jnp.exp(logs - batch.log_probability)
        advantage = (batch.advantage - jnp.mean(batch.advantage)) / (jnp.std(batch.advantage) + 1e-8)
        clipped = jnp.clip(ratio, 1 - agent.clip, 1 + agent.clip)
        policy = -jnp.mean(jnp.minimum(ratio * advantage, clipped * advantage))
        said = networks["value"](batch.observation)[:, 0]
        value = jnp.mean((said - batch.target) ** 2) / 2
        parts = {
            "policy": policy,
            "value": value,
            "entropy": jnp.mean(entropy),
            "divergence": jnp.mean(ratio - 1 - (logs - batch.log_probability)),
            "clipped": jnp.mean(jnp.abs(ratio - 1) > agent.clip),
        }
        return policy + value / 2 - agent.entropy_bonus * parts["entropy"], parts


@eqx.filter_jit
def _with_advantages(
    agent: PPO, networks: PyTree[Any], world: World, actors: Actors, seen: Experience
) -> tuple[Rollout, World]:
    shape = seen.reward.shape
    steps: Experience = flat(seen)

    def value(observation: Array) -> Float[Array, "T N"]:
        return networks["value"](observation)[:, 0].reshape(shape)

    now, after = value(steps.observation), value(steps.next_observation)
    delta = seen.reward + agent.discount * jnp.where(seen.terminated, 0.0, after) - now
    ahead = advantages(delta, seen.terminated | seen.truncated, agent.discount * agent.trace)
    logs = networks["policy"].log_probability(steps.observation, steps.action)[0]
    data = Rollout(steps.observation, steps.action, logs, flat(ahead), flat(now + ahead))
    return data, World(actors, world.played + seen.reward.size)
