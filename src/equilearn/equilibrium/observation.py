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
    policy: PolicyFunction, states: Any, periods: int, random: bool, key: PRNGKeyArray, shocks: Any = None
) -> tuple[dict[str, Array], Bool[Array, "periods paths"]]:
    """Return what `observe` sees on paths from the given states, leading axes (T, P), and where they are outside.

    Args:
        policy: the policy function.
        states: where the paths start, leading axis P.
        periods: periods T followed, the first included.
        random: draw the shocks; else they follow their conditional means.
        key: random key.
        shocks: take these values on every path instead, leading axis T - 1: those of the second period, the third, ...
    """
    model = policy.model

    def next_state(state: Any, one_key: PRNGKeyArray, given: Any) -> Any:
        current, decision = shock_of(state), policy(state)
        process = model.process(state, decision)
        drawn = process.draw(current, key=one_key) if random else process.mean(current)
        return model.transition(state, decision, drawn if given is None else given)

    def step(states: Any, inputs: tuple[PRNGKeyArray, Any]) -> tuple[Any, Any]:
        one_key, given = inputs
        keys = jax.random.split(one_key, jax.tree.leaves(states)[0].shape[0])
        following = jax.vmap(next_state, in_axes=(0, 0, None))(states, keys, given)
        return following, jax.vmap(lambda state: see(policy, state))(states)

    if shocks is not None:  # what follows the last period is not looked at
        shocks = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[-1:]]), shocks)
    return jax.lax.scan(step, states, (jax.random.split(key, periods), shocks))[1]


@compiled_once
def responses(
    policy: PolicyFunction,
    before: Any,
    shock: float,
    component: Any,
    periods: int,
    quantiles: tuple[float, ...],
    key: PRNGKeyArray,
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], Float[Array, " periods"]]:
    """Return what a shock forced in period 0 does on P paths, leading axis: periods.

    Returns:
        The means of every variable without and with it, quantiles over the paths of the difference it makes (second
        axis: quantiles), and the share of the paths that are outside with it.
    """
    model = policy.model

    def draw(state: Any, one_key: PRNGKeyArray) -> Any:
        return model.process(state, policy(state)).draw(shock_of(state), key=one_key)

    def move(states: Any, shocks: Any) -> Any:
        return jax.vmap(lambda state, one: model.transition(state, policy(state), one))(states, shocks)

    def compare(without: Any, hit: Any) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], Array]:
        seen, _ = jax.vmap(lambda state: see(policy, state))(without)
        after, outside = jax.vmap(lambda state: see(policy, state))(hit)
        means = [jax.tree.map(lambda leaf: jnp.mean(leaf, 0), one) for one in (seen, after)]
        gaps = {name: after[name] - seen[name] for name in after} if quantiles else {}
        bands = {name: jnp.quantile(gap, jnp.asarray(quantiles), axis=0) for name, gap in gaps.items()}
        return *means, bands, jnp.mean(outside)

    def step(sides: tuple[Any, Any], keys: Key[Array, " paths"]) -> tuple[tuple[Any, Any], Any]:
        following = tuple(move(states, jax.vmap(draw)(states, keys)) for states in sides)
        return following, compare(*following)

    keys = jax.random.split(key, (periods, jax.tree.leaves(before)[0].shape[0]))
    drawn = jax.vmap(draw)(before, keys[0])
    forced = jax.vmap(lambda value: model.shock.impulse(value, shock, component))(drawn)
    impact = move(before, drawn), move(before, forced)
    _, later = jax.lax.scan(step, impact, keys[1:])
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), compare(*impact), later)
