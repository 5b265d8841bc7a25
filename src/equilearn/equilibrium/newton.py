"""Newton's method in function space: the last steps of a solution, in which the network is fitted to its correction.

Learning lowers the errors of the equations. Errors of the policy that hardly show there (where roots are near one, an
Euler error of 1e-5 may belong to a policy that is some per cent off) fall slowly. Newton's step does not care: let e be
the correction of `policy_error`, to first order what the network's numbers r lack. Along one simulated path its
recursion gives e in every period, in which what comes later on that path stands for its expectation: noise of mean
zero, which a regression averages. So

    from S of the states learnt from, follow a path each, over K + T periods;
    the first K periods of each are samples (x, r(x) + e(x)), K S of them;
    fit the network to these by least squares, from where it is.

A step is taken if the corrections along fresh paths are then smaller (root mean square of each number, geometric mean
over the numbers), else the network stays; errors of the equations may rise all the same, where a kink or a rare state
is fitted less well. Near the solution the error is squared with every step, until the fit stands in the way. Cf. policy
iteration, which is Newton's method for dynamic programming (Puterman and Brumelle, 1979).

Legend: S paths, K periods kept, T periods beyond them, m raw numbers.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.compiling import compiled, compiled_once
from equilearn.equilibrium.model import PolicyFunction
from equilearn.equilibrium.policy_error import corrections, double
from equilearn.equilibrium.policy_estimate import kept_components, why_not
from equilearn.equilibrium.problem import EquilibriumProblem, errors_on
from equilearn.errors import UserError, first_line
from equilearn.learn.live import LiveLine
from equilearn.networks import MLP, Scaling
from equilearn.optimizers import soap

KEPT = 8
"""Periods kept of each path: few, so that states stay those of the learning, which covers more than the long run."""
STEPS, BATCH = 2000, 1024
"""Gradient steps of a fit, and samples in each."""
SLOWER = 0.3
"""Of the settings' learning rate: the fit begins near its end."""
LARGEST = 10.0
"""Corrections beyond so many times their 90th percentile, near kinks and on wild paths, count as that large."""
WILD = 0.01
"""Share of corrections that are not finite above which there is no step."""


class Samples(NamedTuple):
    """Where the network is to go."""

    states: Any
    target: Float[Array, "samples m"]
    scale: Float[Array, " m"]
    """Root mean square of the corrections."""


def check_newton(policy: PolicyFunction) -> None:
    """Refuse equations that Newton's step cannot follow.

    Raises:
        UserError: they ask for the policy elsewhere, or the shock's rule has negative weights.
    """
    state = jax.tree.map(jnp.asarray, policy.model.initial(jax.random.key(0)))
    if reason := why_not(policy, state):
        raise UserError(f"settings: newton must be 0 for {policy.model.name}: {reason}.")


def refine(
    problem: EquilibriumProblem, network: MLP, world: Any, *, key: PRNGKeyArray, live: bool = False
) -> tuple[MLP, str]:
    """Return the network after `settings.newton` steps, and in a sentence what they did.

    Args:
        problem: what was learnt.
        network: as it was learnt.
        world: the economies at the end of the learning.
        key: random key.
        live: show a live line where there is a terminal.
    """
    with LiveLine(problem.template.name, live=live, clock=True) as line:
        try:
            return _refined(problem, network, world, key, line)
        except Exception as error:  # equations that cannot be differentiated or be in double precision
            return network, f"Newton's method failed: {type(error).__name__}: {first_line(error)}"


def _refined(
    problem: EquilibriumProblem, network: MLP, world: Any, key: PRNGKeyArray, line: LiveLine
) -> tuple[MLP, str]:
    line.say("Newton's method: looking for corrections")
    keys = jax.random.split(key, problem.settings.newton + 1)
    samples = _samples(problem, network, world, key=keys[0])
    taken, left, why = 0, 1.0, ""
    for own in keys[1:]:
        if not np.isfinite(samples.scale).all():
            why = "they are not finite"
            break
        line.say(f"Newton's method, step {taken + 1} of {problem.settings.newton}")
        draw_key, fit_key = jax.random.split(own)
        better = _fit()(problem, network, world.scaling, samples, fit_key)
        then = _samples(problem, better, world, key=draw_key)
        if not (ratio := _ratio(then, samples)) < 1:
            why = "a step made them no smaller"
            break
        network, samples, taken, left = better, then, taken + 1, left * ratio
    if taken == 0:
        return network, f"Newton's method was no help with the corrections: {why}."
    done = f"{taken} step{'' if taken == 1 else 's'} of Newton's method left {100 * left:.2g} % of the corrections"
    return network, f"{done}; then {why}." if why else f"{done}."


def _ratio(later: Samples, before: Samples) -> float:
    """Return the geometric mean, over the network's numbers, of how much smaller corrections are now."""
    old, new = (np.asarray(one.scale, float) for one in (before, later))
    return float(np.exp(np.mean(np.log(np.maximum(new, 1e-300)[old > 0] / old[old > 0])))) if old.any() else 1.0


def _samples(problem: EquilibriumProblem, network: MLP, world: Any, *, key: PRNGKeyArray) -> Samples:
    """Return states as the learning sees them, what the network should say there, and how far that is."""
    policy = problem.policy(network, world.scaling)
    raw = jax.eval_shape(policy.raw, jax.tree.map(lambda leaf: leaf[0], world.states)).shape[0]
    paths, periods = sizes(raw)
    seen, errors = _seen(problem, network, world, paths, key)
    kept, _ = kept_components(jax.tree.map(np.asarray, errors), raw)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    draws = generator.random((paths, KEPT + periods))
    with jax.enable_x64(True):
        found = corrections(double(policy), double(seen), kept, jax.device_put(draws), KEPT)
        states, now, moves = jax.tree.map(np.asarray, found)
    wild = ~np.isfinite(moves).all(axis=1)
    moves = np.where(wild[:, None], 0.0, moves)
    bound = LARGEST * np.percentile(np.abs(moves), 90, axis=0)
    moves = np.clip(moves, -bound, bound)
    scale = np.sqrt(np.mean(moves**2, axis=0)) if wild.mean() <= WILD else np.full(raw, np.nan)
    kind = network.weights[0].dtype
    states = jax.tree.map(lambda leaf, like: jnp.asarray(leaf.astype(like.dtype)), states, seen)
    with np.errstate(over="ignore"):
        target, scale = (now + moves).astype(kind), scale.astype(kind)
    return Samples(states, jnp.asarray(target), jnp.asarray(scale))


def sizes(raw: int) -> tuple[int, int]:
    """Return how many paths are followed, and over how many periods beyond those kept."""
    return (1024, 100) if raw <= 10 else (256, 64)


@compiled_once
def _seen(problem: EquilibriumProblem, network: MLP, world: Any, paths: int, key: PRNGKeyArray) -> Any:
    """Return states of the learning's own paths, explored ones among them, and the errors there."""
    data_key, pick_key = jax.random.split(key)
    data, _ = problem.generate(network, world, key=data_key)
    total = jax.tree.leaves(data)[0].shape[0]
    chosen = jax.random.choice(pick_key, total, (paths,), replace=total < paths)
    states = jax.tree.map(lambda leaf: leaf[chosen], data)
    return states, errors_on(problem.policy(network, world.scaling), states)


@functools.cache
def _fit() -> Any:
    return compiled(_fitted)


def _fitted(problem: EquilibriumProblem, network: MLP, scaling: Scaling, samples: Samples, key: PRNGKeyArray) -> MLP:
    """Return the network fitted to the samples: SOAP on random batches, from where it is."""
    optimizer = optax.with_extra_args_support(soap(SLOWER * problem.settings.learning_rate))
    trained, fixed = eqx.partition(network, eqx.is_inexact_array)
    number = samples.target.shape[0]

    def step(carry: Any, count: Int[Array, ""]) -> tuple[Any, None]:
        trained, state = carry
        picked = jax.random.randint(jax.random.fold_in(key, count), (BATCH,), 0, number)
        batch = jax.tree.map(lambda leaf: leaf[picked], samples._replace(scale=None))

        def loss(trained: MLP) -> Float[Array, ""]:
            policy = problem.policy(eqx.combine(trained, fixed), scaling)
            gap = jax.vmap(policy.raw)(batch.states) - batch.target
            return jnp.mean((gap / jnp.where(samples.scale > 0, samples.scale, 1.0)) ** 2)

        gradient = jax.grad(loss)(trained)
        updates, state = optimizer.update(gradient, state, trained, progress=count / STEPS)
        return (optax.apply_updates(trained, updates), state), None

    (trained, _), _ = jax.lax.scan(step, (trained, optimizer.init(trained)), jnp.arange(STEPS))
    return eqx.combine(trained, fixed)
