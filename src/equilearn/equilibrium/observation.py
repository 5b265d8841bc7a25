"""What is seen of an economy on its paths: states, policies and definitions by name, means of them after an impulse.

Legend: P paths, T periods.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from equilearn.compiling import compiled_once
from equilearn.equilibrium.model import PolicyFunction
from equilearn.equilibrium.shocks import named, shock_of


def observe(policy: PolicyFunction, state: Any) -> dict[str, Array]:
    """Return states, policies and definitions in one state, by name."""
    decision = policy(state)
    return named(state) | decision._asdict() | policy.model.definitions(state, decision)


def see(policy: PolicyFunction, state: Any) -> tuple[dict[str, Array], Bool[Array, ""]]:
    """Return what `observe` sees in one state, and whether that is far outside what was learnt."""
    return observe(policy, state), policy.scaling.blind(policy.model.features(state))


@compiled_once
def observed(policy: PolicyFunction, states: Any) -> tuple[dict[str, Array], Bool[Array, "periods paths"]]:
    """Return what `see` sees in states with leading axes (T, P)."""
    return jax.vmap(jax.vmap(lambda state: see(policy, state)))(states)


@compiled_once
def follow(
    policy: PolicyFunction, states: Any, periods: int, random: bool, key: PRNGKeyArray
) -> tuple[dict[str, Array], Bool[Array, "periods paths"]]:
    """Return what `observe` sees on paths from the given states, leading axes (T, P), and where they are outside."""
    model = policy.model

    def next_state(state: Any, one_key: PRNGKeyArray) -> Any:
        current, decision = shock_of(state), policy(state)
        process = model.process(state, decision)
        shock = process.draw(current, key=one_key) if random else process.mean(current)
        return model.transition(state, decision, shock)

    def step(states: Any, one_key: PRNGKeyArray) -> tuple[Any, Any]:
        keys = jax.random.split(one_key, jax.tree.leaves(states)[0].shape[0])
        return jax.vmap(next_state)(states, keys), jax.vmap(lambda state: see(policy, state))(states)

    return jax.lax.scan(step, states, jax.random.split(key, periods))[1]


@compiled_once
def responses(
    policy: PolicyFunction, before: Any, shock: float, component: Any, periods: int, key: PRNGKeyArray
) -> tuple[dict[str, Array], dict[str, Array], Float[Array, " periods"]]:
    """Return the means of every variable without and with the shock forced in period 0, and what is outside with it."""
    model = policy.model
    paths = jax.tree.leaves(before)[0].shape[0]

    def draw(state: Any, one_key: PRNGKeyArray) -> Any:
        return model.process(state, policy(state)).draw(shock_of(state), key=one_key)

    def means(states: Any) -> tuple[dict[str, Array], Array]:
        return jax.tree.map(lambda leaf: jnp.mean(leaf, 0), jax.vmap(lambda state: see(policy, state))(states))

    def step(states: Any, keys: Key[Array, " paths"]) -> tuple[Any, tuple[dict[str, Array], Array]]:
        shocks = jax.vmap(draw)(states, keys)
        following = jax.vmap(lambda s, e: model.transition(s, policy(s), e))(states, shocks)
        return following, means(following)

    keys = jax.random.split(key, (periods, paths))
    drawn = jax.vmap(draw)(before, keys[0])
    forced = jax.vmap(lambda value: model.shock.impulse(value, shock, component))(drawn)
    results = []
    for impact in (drawn, forced):
        states = jax.vmap(lambda s, e: model.transition(s, policy(s), e))(before, impact)
        _, later = jax.lax.scan(step, states, keys[1:])
        results.append(jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), means(states), later))
    (without, _), (hit, outside) = results
    return without, hit, outside
