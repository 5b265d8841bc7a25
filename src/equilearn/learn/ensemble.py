"""Many learning problems of the same shape in one compiled program, side by side.

The episode of the loop is mapped over a leading axis of problems, networks, worlds and keys: seeds, functions,
hyper-parameters that are arrays. Every member is what `learn` would have given it alone, up to rounding. There is
no stopping, recording or checkpoint: for studies in which each member is small.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Key, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.learn.episode import one_episode
from equilearn.learn.problem import Networks, Problem, World
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState, start


def learn_many(
    problems: Problem,
    networks: Networks,
    worlds: World,
    optimizer: optax.GradientTransformation,
    settings: LearnSettings,
    *,
    keys: Key[Array, " members"],
) -> tuple[Networks, World, dict[str, np.ndarray]]:
    """Run all members for `settings.episodes` episodes.

    Args:
        problems: a problem whose arrays have a leading axis of members.
        networks: networks with that axis.
        worlds: worlds with that axis.
        optimizer: an Optax transformation.
        settings: of every member; targets, patience and budgets in seconds do not apply.
        keys: one key a member.

    Returns:
        Networks and worlds after the last episode, and the mean losses (members, episodes) by name.

    Raises:
        UserError: a number stopped being finite; the message says in how many members.
    """
    extra = optax.with_extra_args_support(optimizer)

    @eqx.filter_jit
    @eqx.filter_vmap
    def run(problem: Problem, networks: Networks, world: World, key: PRNGKeyArray) -> tuple[Any, Any, Any]:
        state = start(networks, world, extra, key=key)
        dynamic, static = eqx.partition(state, eqx.is_array)

        def body(dynamic: Any, _: None) -> tuple[Any, Any]:
            new, record = one_episode(problem, extra, settings, eqx.combine(dynamic, static))
            return eqx.filter(new, eqx.is_array), {k: v for k, v in record.items() if k.startswith("loss/")}

        dynamic, losses = jax.lax.scan(body, dynamic, length=settings.episodes)
        last: LearnState = eqx.combine(dynamic, static)
        return last.networks, last.world, losses

    networks, worlds, losses = run(problems, networks, worlds, keys)
    bad = sum(
        int(jnp.sum(~jnp.all(jnp.isfinite(leaf.reshape(leaf.shape[0], -1)), axis=1)) > 0)
        for leaf in jax.tree.leaves(eqx.filter(networks, eqx.is_inexact_array))
    )
    if bad:
        raise UserError("learn_many: a number stopped being finite in a member's networks; lower the learning rate.")
    return networks, worlds, {name.removeprefix("loss/"): np.asarray(value) for name, value in losses.items()}
