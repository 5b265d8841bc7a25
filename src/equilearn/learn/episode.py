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
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.learn.devices import gather, split_samples, splitting
from equilearn.learn.finite import finite_flags
from equilearn.learn.problem import Data, Networks, Note, Problem, Score
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState

Record = dict[str, Array]
Summaries = dict[str, dict[str, Array]]
Call = Callable[[Problem, LearnState, Int[Array, ""]], tuple[LearnState, Record, Summaries]]


def batches(
    samples: int, settings: LearnSettings, *, key: PRNGKeyArray, ordered: bool = False
) -> Int[Array, "steps batch"]:
    """Return the sample indices of an episode's mini-batches: each epoch is a random permutation, or the data's order.

    The last batch of an epoch is filled up with its first samples.
    """
    batch = min(settings.batch_size, samples)
    per_epoch = -(-samples // batch)

    def epoch(epoch_key: PRNGKeyArray) -> Int[Array, "per_epoch batch"]:
        order = jnp.arange(samples) if ordered else jax.random.permutation(epoch_key, samples)
        return jnp.resize(order, (per_epoch * batch,)).reshape(per_epoch, batch)

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
    samples = jax.tree.leaves(data)[0].shape[0]
    indices = batches(samples, settings, key=batch_key, ordered=problem.keeps_order)
    data = gather(data)  # once an episode, so that no step must fetch its batch from other devices
    steps = indices.shape[0]
    trained, fixed = eqx.partition(state.networks, eqx.is_inexact_array)
    moving, still = eqx.partition(state.world, eqx.is_array)

    def step(carry: Any, inputs: Any) -> tuple[Any, Record]:
        trained, optimizer_state, moving = carry
        index, one_key = inputs
        batch = split_samples(jax.tree.map(lambda leaf: leaf[index], data))
        world = eqx.combine(moving, still)

        def loss(trained: Networks) -> tuple[Array, Record]:
            return problem.loss(eqx.combine(trained, fixed), world, batch, key=one_key)

        def again(trained: Networks, progress: Any = None) -> Array:
            """Return the batch's loss elsewhere, for line searches, which pass on what else they are given."""
            del progress
            return loss(trained)[0]

        (value, parts), gradient = jax.value_and_grad(loss, has_aux=True)(trained)
        updates, optimizer_state = optimizer.update(
            gradient,
            optimizer_state,
            trained,
            progress=state.progress,
            value=value,
            grad=gradient,
            value_fn=again,
        )
        trained = optax.apply_updates(trained, updates)
        world = problem.after_step(eqx.combine(trained, fixed), world, batch, parts)
        return (trained, optimizer_state, eqx.filter(world, eqx.is_array)), {"loss": value, **parts}

    (trained, optimizer_state, moving), parts = jax.lax.scan(
        step, (trained, state.optimizer_state, moving), (indices, jax.random.split(loss_key, steps))
    )
    means = {name: jnp.mean(values) for name, values in parts.items() if values.ndim == 1}
    networks = eqx.combine(trained, fixed)
    episode = state.episode + 1
    new = LearnState(
        networks=networks,
        optimizer_state=optimizer_state,
        world=problem.absorb(networks, eqx.combine(moving, still), data, parts),
        key=state.key,
        episode=episode,
        step=state.step + steps,
        progress=jnp.maximum(state.progress, episode / settings.episodes),
    )
    finite = finite_flags("data", data) | finite_flags("loss", means) | finite_flags("networks", trained)
    said = {f"data/{name}": value for name, value in problem.says(data, new.world).items()}
    return new, {f"loss/{name}": value for name, value in means.items()} | said | finite


def summarise(measured: Float[Array, "..."] | Score | Note) -> dict[str, Float[Array, ""]]:
    """Return the figures of what a check measured, by which it is known again.

    An error has the mean, maximum and 99.9th percentile of its size, a score the mean, minimum and 0.1th percentile, a
    note the mean alone.
    """
    if isinstance(measured, Note):
        return {"note": jnp.mean(measured.values)}
    if isinstance(measured, Score):
        values = measured.values.reshape(-1)
        return {"mean": jnp.mean(values), "min": jnp.min(values), "p001": jnp.percentile(values, 0.1)}
    errors = jnp.abs(jnp.asarray(measured)).reshape(-1)
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
        measured = problem.check(state.networks, state.world, key=_keys(state)[2])
        return gather((state, records, {name: summarise(one) for name, one in measured.items()}))

    return call


def host_call(optimizer: optax.GradientTransformationExtraArgs, settings: LearnSettings) -> Call:
    """Like `compiled_call` where the problem generates on the host: only the learning is compiled.

    The world is given away to every step, not copied, and so cannot be had back: after an episode that went wrong the
    state is that before it, but for the world.
    """

    @eqx.filter_jit(donate="all-except-first")
    def learn_once(rest: Any, world: Any) -> tuple[LearnState, Record]:
        problem, state, data, key = rest
        state = eqx.tree_at(lambda s: s.world, state, world, is_leaf=lambda leaf: leaf is None)
        return learn_on(problem, optimizer, settings, state, data, key=key)

    def call(problem: Problem, state: LearnState, until: Int[Array, ""]) -> tuple[LearnState, Record, Summaries]:
        rows: list[Record] = []
        for _ in range(min(settings.check_every, int(until) - int(state.episode))):
            generate_key, learn_key, _ = _keys(state)
            data, world = problem.generate(state.networks, state.world, key=generate_key)
            before = eqx.tree_at(lambda s: s.world, state, None)
            with splitting():
                state, row = learn_once((problem, before, data, learn_key), world)
            rows.append(row | {"active": jnp.asarray(True)})
            if not all(row[name] for name in row if name.startswith("finite/")):
                state = eqx.tree_at(lambda s: s.world, before, state.world, is_leaf=lambda leaf: leaf is None)
                break
        measured = problem.check(state.networks, state.world, key=_keys(state)[2])
        records = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
        return state, records, {name: summarise(one) for name, one in measured.items()}

    return call
