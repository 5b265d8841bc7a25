"""Deep equilibrium nets as a learning problem: the data of an episode are a simulation of the economy.

Azinovic, Gaegauf and Scheidegger (2022), Algorithm 1: simulate with the current policy, descend on the squared errors
in the equilibrium conditions at the states visited, go on from where the simulation ended. The loss is

    sum over equations e of w_e (m2_e + tail m4_e / m2_e),   m_k the k-th moment of log(1 + error),

over states and components; where a model weighs these, nine tenths of each moment are weighted, for what nobody owns
today must be learnt too. The denominator is held fixed in the gradient: the second term has the same units and lowers
the largest errors. For small errors the logarithm changes nothing; a relative error of a bad policy would else saturate
at -1, where nothing is left to descend on. With `sampled_nodes` squares are products of two independent estimates, see
`sampling`. Legend: P parallel paths, T periods an episode.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, Scalar

from equilearn.compiling import compiled_once, in_batches
from equilearn.equilibrium.balancing import ReLoBRaLo, Weights, fixed
from equilearn.equilibrium.model import (
    Model,
    PolicyFunction,
    component_weights,
    equation_errors,
    estimated_errors,
    square_counts,
)
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.simulation import initial_states, simulate_paths
from equilearn.equilibrium.varying import closed
from equilearn.learn import Problem
from equilearn.networks import MLP, Scaling

SCALING_SHARE = 0.2
"""Share of the episodes during which the input scaling follows the data; later it stays as it is."""
SCALING_RATE = 0.1
"""How fast it follows: the weight of an episode's data, so that a wild beginning is forgotten."""
EARLY = 0.1
"""Share of the episodes within which the probability of starting again falls from `early_restart` to `restart`."""
WARM = 100
"""Periods that economies are simulated before learning where it starts from a solution."""
BATCH = 256
"""States computed at once outside the learning: so many fit the cache."""


class Economies(eqx.Module):
    """The world of the problem: P economies, the input scaling and the equations' weights."""

    states: Any
    scaling: Scaling
    weights: Weights
    episode: Int[Array, ""]
    """Episodes seen; where learning starts from a solution whose scaling fits, that is kept: all of them."""


class EquilibriumProblem(Problem):
    """Find the policy that makes a model's equilibrium conditions hold."""

    template: Model = eqx.field(static=True)
    settings: SolveSettings = eqx.field(static=True)
    equations: tuple[str, ...] = eqx.field(static=True)
    balancing: ReLoBRaLo | None = eqx.field(static=True, default=None)
    numbers: dict[str, Any] = eqx.field(default_factory=dict)
    """Of the template's parameters those that are arguments of the program, by name."""

    def policy(self, network: MLP, scaling: Scaling) -> PolicyFunction:
        """Return the policy function that a network stands for."""
        return PolicyFunction(network, scaling, self.template, self.numbers)

    @property
    def model(self) -> Any:
        """The model, which is traced where its numbers are."""
        return closed(self.template, self.numbers)

    def world(
        self, network: MLP, weights: dict[str, float], learnt: Scaling | None = None, *, key: PRNGKeyArray
    ) -> Economies:
        """Return P economies in initial states, with a scaling found on a first simulation.

        Args:
            network: fresh, or that of a solution to start from.
            weights: of the equations.
            learnt: the scaling of that solution; it is kept where it fits the model's own states.
            key: random key.
        """
        start_key, path_key = jax.random.split(key)
        states = initial_states(self.model, self.settings.paths, key=start_key)
        fixed_weights = fixed(jnp.asarray([weights.get(name, 1.0) for name in self.equations], jnp.float32))
        if learnt is not None:
            policy = self.policy(network, learnt)
            states, path = simulate_paths(policy, states, WARM, key=path_key, restart=self.settings.restart)
            now = Scaling.of(jax.vmap(self.model.features)(flatten_path(path)))
            fits = jnp.all(jnp.abs(now.mean - learnt.mean) < learnt.spread) & jnp.all(now.spread < 2 * learnt.spread)
            scaling = jax.tree.map(lambda a, b: jnp.where(fits, a, b), learnt, learnt.blend(now, 0.5))
            episode = jnp.where(fits, self.settings.episodes, 0).astype(jnp.int32)
            return Economies(states, scaling, fixed_weights, episode)
        features = jax.vmap(self.model.features)(states)
        first = Scaling.of(features)
        wide = Scaling(first.mean, jnp.hypot(first.deviation, 0.3 * first.mean))
        policy = self.policy(network, wide)
        _, path = simulate_paths(policy, states, 20, key=path_key)
        return Economies(
            states=states,
            scaling=wide.follow(jax.vmap(self.model.features)(flatten_path(path)), 0.5),
            weights=fixed_weights,
            episode=jnp.zeros((), jnp.int32),
        )

    def generate(self, networks: MLP, world: Economies, *, key: PRNGKeyArray) -> tuple[Any, Economies]:
        """Simulate T periods on P paths; return the T * P states and the economies at the end."""
        policy = self.policy(networks, world.scaling)
        explored = jnp.arange(self.settings.paths) >= self._faithful
        states, path = simulate_paths(
            policy,
            world.states,
            self.settings.periods,
            key=key,
            flat=explored.astype(jnp.float32),
            restart=self._restart(world.episode),
        )
        data = flatten_path(path)
        states = self._bring_back(states, world.scaling, key=jax.random.fold_in(key, 1))
        follows = world.episode < SCALING_SHARE * self.settings.episodes
        rate = jnp.where(follows, SCALING_RATE, 0.0)
        scaling = world.scaling.follow(jax.vmap(self.model.features)(data), rate)
        return data, Economies(states, scaling, world.weights, world.episode + 1)

    def loss(
        self, networks: MLP, world: Economies, batch: Any, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Scalar]]:
        """Return the weighted sum of the equations' losses, and the mean squared error of each equation."""
        policy = self.policy(networks, world.scaling)
        squared = {name: self._squared(logs) for name, logs in self._logs(policy, batch, key).items()}
        given = jax.vmap(lambda state: square_counts(policy, state))(batch)
        counts = {name: given.get(name, 1.0) for name in self.equations}
        squares = {name: jnp.mean(counts[name] * square) for name, (square, _) in squared.items()}
        tails = {
            name: jnp.mean(counts[name] * square**2) / (jax.lax.stop_gradient(jnp.mean(counts[name] * size)) + 1e-20)
            for name, (square, size) in squared.items()
        }
        terms = jnp.stack([squares[name] + self.settings.tail * tails[name] for name in self.equations])
        return jnp.sum(world.weights.values * terms), squares

    def _logs(self, policy: PolicyFunction, batch: Any, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return log(1 + error) of every equation in every state; two estimates where nodes are sampled."""
        count = self.settings.sampled_nodes
        if count == 0:
            errors = jax.vmap(lambda state: equation_errors(policy, state))(batch)
        else:
            keys = jax.random.split(key, jax.tree.leaves(batch)[0].shape[0])
            errors = jax.vmap(lambda state, own: estimated_errors(policy, state, count, key=own))(batch, keys)
        return {name: symmetric(errors[name]) for name in self.equations}

    def _squared(self, logs: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Return the squares of the errors, right on average, and their size, which is never negative."""
        if self.settings.sampled_nodes == 0:
            return logs**2, logs**2
        return logs[:, 0] * logs[:, 1], 0.5 * jnp.sum(logs**2, axis=1)

    def absorb(self, networks: MLP, world: Economies, data: Any, parts: dict[str, Array]) -> Economies:
        """Adapt the equations' weights where a balancing is given."""
        if self.balancing is None:
            return world
        losses = jnp.stack([jnp.abs(jnp.mean(parts[name])) for name in self.equations])
        return eqx.tree_at(lambda w: w.weights, world, self.balancing.update(world.weights, losses))

    def check(self, networks: MLP, world: Economies, *, key: PRNGKeyArray) -> dict[str, Float[Array, "..."]]:
        """Return the absolute errors on fresh periods of the paths that follow the model's own shocks."""
        policy = self.policy(networks, world.scaling)
        states = jax.tree.map(lambda leaf: leaf[: self._faithful], world.states)
        _, path = simulate_paths(policy, states, self.settings.check_periods, key=key, restart=self.settings.restart)
        return jax.tree.map(jnp.abs, errors_on(policy, flatten_path(path)))

    def _bring_back(self, states: Any, scaling: Scaling, *, key: PRNGKeyArray) -> Any:
        """Return the economies, where others stand in for those that a policy still learning made run away."""
        lost = jax.vmap(lambda state: scaling.blind(self.model.features(state)))(states)
        other = jax.random.randint(key, lost.shape, 0, lost.shape[0])
        source = jnp.where(lost & ~lost[other], other, jnp.arange(lost.shape[0]))
        return jax.tree.map(lambda leaf: leaf[source], states)

    def _restart(self, episode: Int[Array, ""]) -> float | Float[Array, ""]:
        """Return the probability that a path starts again."""
        early, later = self.settings.early_restart, self.settings.restart
        if early <= later:
            return later
        return jnp.maximum(later, early * (1 - episode / (EARLY * self.settings.episodes)))

    @property
    def _faithful(self) -> int:
        """Number of paths whose shocks are the model's own."""
        return max(1, round(self.settings.paths * (1 - self.settings.exploration)))


def symmetric(error: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return log(1 + error), continued with slope one below -0.999."""
    edge = -0.999
    return jnp.log1p(jnp.maximum(error, edge)) + jnp.minimum(error - edge, 0.0)


def flatten_path(path: Any) -> Any:
    """Merge the axes (T, P) of a path of states into one."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), path)


@compiled_once
def weights_on(policy: PolicyFunction, states: Any) -> dict[str, Float[Array, "S ..."]]:
    """Return the weights of components in S states, for the errors and policies that the model weighs."""
    return in_batches(lambda state: component_weights(policy, state), states, BATCH)


def errors_on(policy: PolicyFunction, states: Any) -> dict[str, Float[Array, "S ..."]]:
    """Return the equilibrium errors in S states, computed in batches that fit the cache."""
    return in_batches(lambda state: equation_errors(policy, state), states, BATCH)
