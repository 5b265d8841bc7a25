"""Starting from a solution: of the same model, or of a neighbour with the same states and policies.

The network goes on from the solution's weights with the solution's input scaling, in economies that have already been
simulated with it. A budget of a quarter is enough for a neighbour: what is left to learn is the difference.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax

from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.solution import Solution
from equilearn.errors import UserError

SHARE = 4
"""By what the recommended budget is divided where learning starts from a solution."""
OF_THE_NETWORK = ("width", "depth", "steepness")


def warm_settings(settings: SolveSettings, start: Any) -> SolveSettings:
    """Return recommended settings for going on from a solution: its network, and a quarter of the budget.

    Raises:
        UserError: it is no solution.
    """
    _check(start)
    network = {name: getattr(start.settings, name) for name in OF_THE_NETWORK}
    return dataclasses.replace(settings, episodes=max(settings.episodes // SHARE, 1), **network)


def started(model: Model, settings: SolveSettings, fresh: PolicyFunction, start: Any) -> PolicyFunction:
    """Return the policy function to start from, with the solution's weights and scaling.

    Args:
        model: the model to solve.
        settings: whose network must be the solution's.
        fresh: a fresh policy function of the model.
        start: the solution.

    Raises:
        UserError: it is no solution, or its network does not fit the model or the settings.
    """
    _check(start)
    for name in OF_THE_NETWORK:
        there, here = getattr(start.settings, name), getattr(settings, name)
        if there != here:
            raise UserError(f"start: its network has {name} {there}, but the settings say {here}; give it {there}.")
    own = start.policy_function
    if own.network.weights[0].dtype != fresh.network.weights[0].dtype:
        raise UserError(f"start: was made in {start.precision}; set JAX_ENABLE_X64 as it was then.")
    there, here = (_sizes(one) for one in (own, fresh))
    for name, number in here.items():
        if there[name] != number:
            raise UserError(
                f"start: is a solution of {start.model.name} with {there[name]} {name}, but {model.name} has {number}; "
                "only a model with the same features, policies and chains can start from it."
            )
    if not all(
        bool(jax.numpy.all(jax.numpy.isfinite(leaf))) for leaf in jax.tree.leaves(eqx.filter(own, eqx.is_array))
    ):
        raise UserError("start: holds numbers that are not finite; take another solution, or start afresh.")
    return PolicyFunction(own.network, own.scaling, model)


def _sizes(policy: PolicyFunction) -> dict[str, int]:
    network = policy.network
    outputs = network.weights[-1].shape[1] // network.heads
    return {
        "features": network.weights[0].shape[0],
        "states of the chain": network.heads,
        "numbers of the policies": outputs,
    }


def _check(start: Any) -> None:
    if not isinstance(start, Solution):
        raise UserError(f"start: must be a solution (`solve(...)`, `load(...)`), not {type(start).__name__}.")
