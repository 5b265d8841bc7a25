"""What a run is at one moment: everything that must survive a restart, and nothing else."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from equilearn.learn.problem import Networks, World


class LearnState(eqx.Module):
    """State of the loop between two episodes."""

    networks: Networks
    optimizer_state: PyTree[Any]
    world: World
    key: PRNGKeyArray
    """Root key; episode `e` draws from `fold_in(key, e)`, so no key is ever used twice."""
    episode: Int[Array, ""]
    step: Int[Array, ""]
    """Gradient steps taken."""
    progress: Float[Array, ""]
    """Share of the budget that is spent, in [0, 1]: what learning-rate schedules see."""


def start(
    networks: Networks, world: World, optimizer: optax.GradientTransformation, *, key: PRNGKeyArray
) -> LearnState:
    """Return the state before the first episode, with arrays of the types that they have when read from a file."""
    memory = optimizer.init(eqx.filter(networks, eqx.is_inexact_array))
    return LearnState(
        networks=networks,
        optimizer_state=jax.tree.map(_strong, memory),
        world=world,
        key=key,
        episode=jnp.zeros((), jnp.int32),
        step=jnp.zeros((), jnp.int32),
        progress=jnp.zeros((), jnp.float32),
    )


def _strong(leaf: Any) -> Any:
    """Return an array with a type of its own, not one that follows what it is added to."""
    return jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf
