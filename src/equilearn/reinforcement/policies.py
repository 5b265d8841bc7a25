"""Policies as networks: what is chosen in a state, by chance or at its best, and how probable it was.

    Softmax    P(a | s) = exp(z_a(s)) / sum_b exp(z_b(s))                      a few actions
    Gaussian   a = middle + half (mu(s) + sigma e), e standard normal          numbers between bounds

The Gaussian's spread sigma does not depend on the state; its log is trained too. What it draws may lie outside the
bounds, where the environment takes the bound; its probability is that of what was drawn.
Legend: B observations, F features, A actions (numbers of an action).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.networks import MLP
from equilearn.networks.mlp import Activation
from equilearn.reinforcement.environment import Features, Space, actions_of, box_of

ORTHOGONAL = jax.nn.initializers.orthogonal(np.sqrt(2))


class Perceptron(eqx.Module):
    """A multi-layer perceptron on observations, orthogonal: gain sqrt(2), the last layer with its own."""

    network: MLP
    features: Features = eqx.field(static=True)

    def __init__(
        self, space: Space, outputs: int, hidden: Sequence[int], *, last: float, activation: Activation,
        layer_norm: bool = False, key: PRNGKeyArray,
    ) -> None:  # fmt: skip
        """Draw the weights.

        Args:
            space: of the observations.
            outputs: number of outputs.
            hidden: units of the hidden layers.
            last: gain of the last layer.
            activation: of the hidden layers.
            layer_norm: normalise the hidden layers.
            key: random key.
        """
        self.features = Features.of(space)
        sizes = (self.features.size, *hidden, outputs)
        options = {"initialiser": ORTHOGONAL, "last": last / math.sqrt(2), "layer_norm": layer_norm}
        self.network = MLP(sizes, activation=activation, **options, key=key)

    def __call__(self, observation: Array) -> Float[Array, "B outputs"]:
        """Return the outputs of a batch of observations."""
        return self.network(self.features(observation))


class Softmax(eqx.Module):
    """A few actions, each with a probability."""

    network: Perceptron

    def _log_probabilities(self, observation: Array) -> Float[Array, "B A"]:
        return jax.nn.log_softmax(self.network(observation))

    def sample(self, observation: Array, *, key: PRNGKeyArray) -> Array:
        """Return actions drawn at random."""
        return jax.random.categorical(key, self._log_probabilities(observation))

    def best(self, observation: Array) -> Array:
        """Return the most probable actions."""
        return jnp.argmax(self._log_probabilities(observation), axis=1)

    def log_probability(self, observation: Array, action: Array) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
        """Return the log-probability of actions, and the entropy of the distributions."""
        logs = self._log_probabilities(observation)
        chosen = jnp.take_along_axis(logs, action[:, None].astype(int), axis=1)[:, 0]
        return chosen, -jnp.sum(jnp.exp(logs) * logs, axis=1)


class Gaussian(eqx.Module):
    """Numbers between bounds, with independent normal noise."""

    network: Perceptron
    log_spread: Float[Array, " A"]
    """log sigma, in half widths of the bounds."""
    low: tuple[float, ...] = eqx.field(static=True)
    high: tuple[float, ...] = eqx.field(static=True)

    @property
    def _middle_and_half(self) -> tuple[Array, Array]:
        low, high = jnp.asarray(self.low), jnp.asarray(self.high)
        return (low + high) / 2, (high - low) / 2

    def sample(self, observation: Array, *, key: PRNGKeyArray) -> Float[Array, "B A"]:
        """Return actions drawn at random."""
        middle, half = self._middle_and_half
        mean = self.network(observation)
        return middle + half * (mean + jnp.exp(self.log_spread) * jax.random.normal(key, mean.shape))

    def best(self, observation: Array) -> Float[Array, "B A"]:
        """Return the means, within the bounds."""
        middle, half = self._middle_and_half
        return middle + half * jnp.clip(self.network(observation), -1, 1)

    def log_probability(self, observation: Array, action: Array) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
        """Return the log-density of actions (in half widths), and the entropy."""
        middle, half = self._middle_and_half
        mean = self.network(observation)
        drawn = ((action - middle) / half - mean) / jnp.exp(self.log_spread)
        log = -0.5 * drawn**2 - self.log_spread - 0.5 * jnp.log(2 * jnp.pi)
        entropy = jnp.sum(self.log_spread + 0.5 * jnp.log(2 * jnp.pi * jnp.e))
        return jnp.sum(log, axis=1), jnp.broadcast_to(entropy, log.shape[:1])


def policy_for(
    observations: Space, actions: Space, hidden: Sequence[int], *, activation: Activation = jnp.tanh,
    spread: float = 0.6, key: PRNGKeyArray,
) -> Softmax | Gaussian:  # fmt: skip
    """Return a fresh policy for these spaces: nearly the same probability for all actions, or nearly the middle.

    Raises:
        UserError: the spaces are of another kind.
    """
    if isinstance(actions, gymnasium.spaces.Discrete):
        made = Perceptron(observations, actions_of(actions), hidden, last=0.01, activation=activation, key=key)
        return Softmax(made)
    box = box_of(actions)
    size = int(box.shape[0])
    network = Perceptron(observations, size, hidden, last=0.01, activation=activation, key=key)
    low, high = (tuple(float(one) for one in side) for side in (box.low, box.high))
    return Gaussian(network, jnp.full(size, float(np.log(spread))), low, high)
