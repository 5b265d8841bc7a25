"""The compiled part of the loop: many episodes and a check in one program.

Nothing here looks at a clock or a file: the same state gives the same next state, bit for bit. Whether numbers
are finite is only recorded here; what to do about it is the driver's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from equilearn.learn.devices import gather, split_samples, splitting
from equilearn.learn.problem import Data, Networks, Problem
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState

Record = dict[str, Array]
Summaries = dict[str, dict[str, Array]]
Call = Callable[[Problem, LearnState, Int[Array, ""]], tuple[LearnState, Record, Summaries]]


def finite_flags(prefix: str, tree: PyTree[Any]) -> dict[str, Bool[Array, ""]]:
    """Return, under the path of every inexact array in the tree, whether all of it is finite."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {f"finite/{prefix}{jax.tree_util.keystr(path)}": jnp.all(jnp.isfinite(leaf)) for path, leaf in leaves}


def batches(samples: int, settings: LearnSettings, *, key: PRNGKeyArray) -> Int[Array, "steps batch"]:
    """Return the sample indices of an episode's mini-batches: each epoch is one random permutation."""
    batch = min(settings.batch_size, samples)
    per_epoch = samples // batch

    def epoch(epoch_key: PRNGKeyArray) -> Int[Array, "per_epoch batch"]:
        order = jax.random.permutation(epoch_key, samples)
        return order[: per_epoch * batch].reshape(per_epoch, batch)

    return jax.vmap(epoch)(jax.random.split(key, settings.epochs)).reshape(-1, batch)


def learn_on(
    problem: Problem,
    optimizer: optax.GradientTransformationExtraArgs,
    settings: LearnSettings,
    state: LearnState,
    data: Data,
    *,
    key: PRNGKeyArray,
) -> tuple[LearnState, Record]:
    """Take an episode's gradient steps on its data; return the new state and the means of the named losses."""
    batch_key, loss_key = jax.random.split(key)
    indices = batches(jax.tree.leaves(data)[0].shape[0], settings, key=batch_key)
    data = gather(data)  # once an episode, so that no step must fetch its batch from other devices
    steps = indices.shape[0]
    trained, fixed = eqx.partition(state.networks, eqx.is_inexact_array)

    def loss(trained: Networks, batch: Data, one_key: PRNGKeyArray) -> tuple[Array, Record]:
        return problem.loss(eqx.combine(trained, fixed), state.world, batch, key=one_key)

    def step(carry: Any, inputs: Any) -> tuple[Any, Record]:
        trained, optimizer_state = carry
        index, one_key = inputs
        batch = split_samples(jax.tree.map(lambda leaf: leaf[index], data))

        def again(trained: Networks, progress: Any = None) -> Array:
            """Return the batch's loss elsewhere, for line searches, which pass on what else they are given."""
            del progress
            return loss(trained, batch, one_key)[0]

        (value, parts), gradient = jax.value_and_grad(loss, has_aux=True)(trained, batch, one_key)
        updates, optimizer_state = optimizer.update(
            gradient,
            optimizer_state,
            trained,
            progress=state.progress,
            value=value,
            grad=gradient,
            value_fn=again,
        )
        return (optax.apply_updates(trained, updates), optimizer_state), {"loss": value, **parts}

    (trained, optimizer_state), losses = jax.lax.scan(
        step, (trained, state.optimizer_state), (indices, jax.random.split(loss_key, steps))
    )
    means = {name: jnp.mean(values) for name, values in losses.items()}
    networks = eqx.combine(trained, fixed)
    episode = state.episode + 1
    new = LearnState(
        networks=networks,
        optimizer_state=optimizer_state,
        world=problem.absorb(networks, state.world, means),
        key=state.key,
        episode=episode,
        step=state.step + steps,
        progress=jnp.maximum(state.progress, episode / settings.episodes),
    )
    finite = finite_flags("data", data) | finite_flags("loss", means) | finite_flags("networks", trained)
    return new, {f"loss/{name}": value for name, value in means.items()} | finite


def summarise(errors: Float[Array, ...]) -> dict[str, Float[Array, ""]]:
    """Return mean, maximum and 99.9th percentile of the absolute errors."""
    errors = jnp.abs(errors).reshape(-1)
    return {"mean": jnp.mean(errors), "max": jnp.max(errors), "p999": jnp.percentile(errors, 99.9)}


def _keys(state: LearnState) -> tuple[PRNGKeyArray, PRNGKeyArray, PRNGKeyArray]:
    """Return this episode's keys for generating, learning and checking."""
    generate, learn, check = jax.random.split(jax.random.fold_in(state.key, state.episode), 3)
    return generate, learn, check


def one_episode(
    problem: Problem,
    optimizer: optax.GradientTransformationExtraArgs,
    settings: LearnSettings,
    state: LearnState,
) -> tuple[LearnState, Record]:
    """Generate and learn once."""
    generate_key, learn_key, _ = _keys(state)
    data, world = problem.generate(state.networks, state.world, key=generate_key)
    state = eqx.tree_at(lambda s: s.world, state, world)
    state, record = learn_on(problem, optimizer, settings, state, data, key=learn_key)
    return state, record | {"active": jnp.asarray(True)}


def compiled_call(optimizer: optax.GradientTransformationExtraArgs, settings: LearnSettings) -> Call:
    """Return the program that runs `settings.check_every` episodes (fewer before the episode `until`) and a check.

    The record holds one row an episode; rows that were not run have `active` false.
    """

    def call(problem: Problem, state: LearnState, until: Int[Array, ""]) -> tuple[LearnState, Record, Summaries]:
        dynamic, static = eqx.partition(state, eqx.is_array)

        def run(dynamic: Any) -> tuple[Any, Record]:
            new, record = one_episode(problem, optimizer, settings, eqx.combine(dynamic, static))
            return eqx.filter(new, eqx.is_array), record

        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(run, dynamic)[1])

        def body(dynamic: Any, _: None) -> tuple[Any, Record]:
            return jax.lax.cond(dynamic.episode < until, run, lambda same: (same, empty), dynamic)

        dynamic, records = jax.lax.scan(body, dynamic, length=settings.check_every)
        state = eqx.combine(dynamic, static)
        errors = problem.check(state.networks, state.world, key=_keys(state)[2])
        return gather((state, records, {name: summarise(error) for name, error in errors.items()}))

    return call


def host_call(optimizer: optax.GradientTransformationExtraArgs, settings: LearnSettings) -> Call:
    """Like `compiled_call` where the problem generates on the host: only the learning is compiled."""

    @eqx.filter_jit
    def learn_once(problem: Problem, state: LearnState, data: Data, key: PRNGKeyArray) -> tuple[LearnState, Record]:
        return learn_on(problem, optimizer, settings, state, data, key=key)

    def call(problem: Problem, state: LearnState, until: Int[Array, ""]) -> tuple[LearnState, Record, Summaries]:
        rows: list[Record] = []
        for _ in range(min(settings.check_every, int(until) - int(state.episode))):
            generate_key, learn_key, _ = _keys(state)
            data, world = problem.generate(state.networks, state.world, key=generate_key)
            state = eqx.tree_at(lambda s: s.world, state, world)
            with splitting():
                state, row = learn_once(problem, state, data, learn_key)
            rows.append(row | {"active": jnp.asarray(True)})
        errors = problem.check(state.networks, state.world, key=_keys(state)[2])
        records = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
        return state, records, {name: summarise(jnp.asarray(error)) for name, error in errors.items()}

    return call
