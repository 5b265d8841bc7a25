"""Training an economy with a network, a beginning or a problem of one's own: what `solve` does, opened up."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp

from equilearn.economies.olg import OLG
from equilearn.equilibrium import Solution
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.model import PolicyFunction
from equilearn.equilibrium.problem import EquilibriumProblem
from equilearn.learn import learn


def train(network, settings, optimizer, *, model=None, seed=0) -> Solution:
    """Return the solution of an economy with a given fresh network."""
    model = model or OLG()
    problem = EquilibriumProblem(model, settings, check_model(model))
    keys = jax.random.split(jax.random.key(seed))
    world = eqx.filter_jit(problem.world)(network, {}, key=keys[0])
    run = learn(problem, network, world, optimizer, settings, key=keys[1], live=False)
    return _solution(run, PolicyFunction(run.state.networks, run.state.world.scaling, model), settings, seed)


def go_on(solution, settings, optimizer, *, kind=EquilibriumProblem) -> Solution:
    """Return a solution after more learning from where it ended, with its input scaling; optimiser states are new."""
    model, policy = solution.model, solution.policy_function
    problem = kind(model, settings, check_model(model))
    key = jax.random.key(solution.seed + 1)
    world = eqx.filter_jit(EquilibriumProblem.world)(problem, policy.network, {}, key=key)
    states = jax.tree.map(lambda leaf: leaf[0], solution.states(1, burn_in=500, paths=settings.paths))
    later = jnp.int32(10**6)  # past the episodes in which the scaling follows the data
    world = eqx.tree_at(lambda w: (w.states, w.scaling, w.episode), world, (states, policy.scaling, later))
    averaged = kind is not EquilibriumProblem
    run = learn(problem, policy.network, (world, policy.network) if averaged else world, optimizer, settings,
                key=key, live=False)  # fmt: skip
    network = run.state.world[1] if averaged else run.state.networks
    return _solution(run, PolicyFunction(network, policy.scaling, model), settings, solution.seed)


def _solution(run, policy, settings, seed) -> Solution:
    return Solution(policy.model, settings, policy, seed, run.outcome, run.message, run.seconds,
                    int(run.state.episode), int(run.state.step), run.history)  # fmt: skip


def at(settings, **changes):
    """Return settings without targets and with changes."""
    return replace(settings, targets=(), **changes)
