"""Simulating an economy with a policy: many paths side by side, one compiled program.

Legend: P paths, T periods; a path of states is a pytree whose leaves have leading axes (T, P).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.compiling import compiled_once
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.shocks import choose, shock_of
from equilearn.learn.devices import split_samples


def initial_states(model: Model, paths: int, *, key: PRNGKeyArray) -> Any:
    """Return initial states for so many paths, each drawn with its own key."""
    return jax.vmap(model.initial)(jax.random.split(key, paths))


def advance(
    policy: PolicyFunction,
    states: Any,
    *,
    flat: Float[Array, " P"] | None = None,
    restart: float | Float[Array, ""] = 0.0,
    key: PRNGKeyArray,
) -> Any:
    """Return next period's states of P paths.

    Args:
        policy: the policy function.
        states: today's states, leading axis P.
        flat: 1 for the paths whose shocks come from the flatter distribution, 0 for the others.
        restart: probability that a path starts again from an initial state.
        key: random key.
    """
    model = policy.model
    shock_key, restart_key, initial_key = jax.random.split(key, 3)
    paths = jax.tree.leaves(states)[0].shape[0]
    explore = jnp.zeros(paths) if flat is None else flat

    def one(state: Any, explored: Array, one_key: PRNGKeyArray) -> Any:
        current, decision = shock_of(state), policy(state)
        process = model.process(state, decision)
        shock = process.draw(current, key=one_key)
        if flat is not None:
            shock = choose(explored > 0, process.flat(current, key=one_key), shock)
        return model.transition(state, decision, shock)

    following = jax.vmap(one)(*split_samples((states, explore, jax.random.split(shock_key, paths))))
    if not isinstance(restart, jax.Array) and restart == 0:
        return following
    again = jax.random.bernoulli(restart_key, restart, (paths,))
    fresh = initial_states(model, paths, key=initial_key)
    return jax.tree.map(
        lambda new, old: jnp.where(again.reshape(-1, *[1] * (new.ndim - 1)), new, old), fresh, following
    )


def simulate_paths(
    policy: PolicyFunction, states: Any, periods: int, *, key: PRNGKeyArray, **options: Any
) -> tuple[Any, Any]:
    """Return the states after so many periods, and all states on the way, leading axes (T, P)."""

    def step(states: Any, one_key: PRNGKeyArray) -> tuple[Any, Any]:
        following = advance(policy, states, key=one_key, **options)
        return following, following

    return jax.lax.scan(step, states, jax.random.split(key, periods))


@compiled_once
def path_after_burn_in(
    policy: PolicyFunction, periods: int, burn_in: int, paths: int, restart: float, key: PRNGKeyArray
) -> Any:
    """Return states on fresh paths from initial states, burn-in dropped, leading axes (T, P)."""
    start_key, burn_key, path_key = jax.random.split(key, 3)
    states = initial_states(policy.model, paths, key=start_key)
    states, _ = jax.lax.fori_loop(
        0,
        burn_in,
        lambda i, carry: (
            advance(policy, carry[0], restart=restart, key=jax.random.fold_in(carry[1], i)),
            carry[1],
        ),
        (states, burn_key),
    )
    return simulate_paths(policy, states, periods, key=path_key, restart=restart)[1]
