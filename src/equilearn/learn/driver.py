"""The loop: until the errors are small enough, generate, learn, check.

The only training loop of the package. The work is in compiled calls of many episodes (`episode.py`); between two
calls the driver looks at the clock, the errors and the finite flags, records, and writes checkpoints. Whatever it
decides depends on the state alone, except where the user sets a budget in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

import equilearn.learn.devices as devices
from equilearn.errors import UserError
from equilearn.learn.checkpoint import load_tree, read_header, save_tree
from equilearn.learn.episode import Record, Summaries, compiled_call, host_call
from equilearn.learn.problem import Networks, Problem, World
from equilearn.learn.recording import Recorder
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState, start
from equilearn.learn.stopping import Outcome, score

LAST, BEST = "last.npz", "best.npz"


@dataclass(frozen=True)
class Run:
    """What a run of the loop gave."""

    outcome: Outcome
    state: LearnState
    """The final state: the last one, the best one with `keep_best`, the last good one after a divergence."""
    message: str
    """One sentence: why the run ended."""
    seconds: float
    """Seconds of learning, over all sittings of a resumed run."""
    errors: dict[str, dict[str, float]]
    """Summary of the check of the final state."""
    history: list[dict[str, Any]]
    """One row a check: what `metrics.jsonl` holds."""


@dataclass
class _Progress:
    """What the driver itself must remember across a restart."""

    seconds: float = 0.0
    best_score: float = float("inf")
    best_episode: int = 0
    stale: int = 0
    errors: dict[str, dict[str, float]] = field(default_factory=dict)


def origin(records: dict[str, np.ndarray], first_episode: int) -> str | None:
    """Return where the first non-finite number of a call came from; None where all were finite.

    `records` hold one row an episode; within an episode the order is data, loss, networks.
    """
    names = [name for name in records if name.startswith("finite/")]
    for row in np.flatnonzero(records["active"]):
        bad = [name.removeprefix("finite/") for name in names if not records[name][row]]
        for kind, what in (
            ("data", "the generated data"),
            ("loss", "the loss"),
            ("networks", "the networks, after a gradient step"),
        ):
            here = [name.removeprefix(kind) for name in bad if name.startswith(kind)]
            if here:
                return f"episode {first_episode + int(row) + 1}: {what} ({', '.join(here[:3])})"
    return None


def _fetch(
    made: tuple[LearnState, Record, Summaries],
) -> tuple[LearnState, dict[str, np.ndarray], dict[str, dict[str, float]]]:
    """Return what a call made, with record and errors on the host: this waits until the call is done."""
    state, record, summaries = made
    errors = {name: {figure: float(value) for figure, value in figures.items()} for name, figures in summaries.items()}
    return state, {name: np.asarray(values) for name, values in record.items()}, errors


def _mean_losses(rows: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the means of the named losses over the episodes that were run."""
    active = rows["active"]
    return {name: float(values[active].mean()) for name, values in rows.items() if name.startswith("loss/")}


def _validate(settings: LearnSettings, errors: list[str]) -> None:
    for target in settings.targets:
        if target.error not in errors:
            raise UserError(f"targets: there is no error named {target.error!r}; the errors are {', '.join(errors)}.")


Call = Callable[[Problem, LearnState], tuple[LearnState, Record, Summaries]]
_programs: dict[Any, Call] = {}
"""The last compiled calls, by all that they depend on: other seeds of a problem need not be compiled again."""
KEPT_PROGRAMS = 4


def _signature(tree: Any) -> Any:
    """Return what a compiled call depends on: shapes and types of arrays, and everything that is no array."""
    arrays, rest = eqx.partition(tree, lambda leaf: isinstance(leaf, (jax.Array, np.ndarray)))
    kinds = tuple(jax.typeof(leaf) for leaf in jax.tree.leaves(arrays))
    return kinds, jax.tree.structure(arrays), tuple(jax.tree.leaves(rest)), jax.tree.structure(rest)


def _compile(
    problem: Problem, state: LearnState, optimizer: optax.GradientTransformation, settings: LearnSettings
) -> Call:
    """Return the call, compiled ahead, so that nothing can recompile during the run."""
    extra = optax.with_extra_args_support(optimizer)
    if problem.generates_on_host:
        if not devices.alone():
            raise UserError("an environment that steps on the host cannot be split over several processes.")
        return host_call(extra, settings)
    key = (optimizer, settings, *_signature((problem, state)))
    if key not in _programs:
        program: Any = eqx.filter_jit(compiled_call(extra, settings))
        if len(_programs) >= KEPT_PROGRAMS:
            _programs.pop(next(iter(_programs)))
        _programs[key] = program.lower(problem, state).compile()
    return _programs[key]


def learn(
    problem: Problem,
    networks: Networks,
    world: World,
    optimizer: optax.GradientTransformation,
    settings: LearnSettings,
    *,
    key: PRNGKeyArray,
    folder: Path | None = None,
    resume: bool = False,
    title: str = "learning",
    live: bool = True,
) -> Run:
    """Run the loop until the targets are met, the budget is spent or a number stops being finite.

    Args:
        problem: what to learn from.
        networks: pytree whose inexact arrays are trained.
        world: what `problem.generate` starts from.
        optimizer: an Optax transformation; it is given `progress`, the spent share of the budget, and what Optax's line
            searches ask for (`optax.lbfgs`): `value`, `grad` and `value_fn` of the batch.
        settings: how much, how often, until when.
        key: root of all randomness.
        folder: where checkpoints, `metrics.jsonl` and TensorBoard events go; None keeps nothing.
        resume: go on from the folder's last checkpoint, if it has one.
        title: what the live line begins with.
        live: show the live line where there is a terminal.

    Raises:
        UserError: a target names no error of the check; the checkpoint is of another problem.
    """
    state, so_far, best = start(networks, world, optimizer, key=key), _Progress(), None
    if folder is not None and resume and (folder / LAST).exists():
        state, so_far, best = _restore(folder, state)
    outcome = message = None
    problem, state = devices.everywhere(problem), devices.everywhere(state)
    written = folder if devices.is_first() else None

    def save(to: Path | None) -> None:
        if to is not None:
            save_tree(to / LAST, devices.here(state), _header(so_far))

    live = live and devices.is_first()
    with Recorder(written, title=title, live=live, from_episode=int(state.episode)) as recorder:
        if so_far.errors:
            outcome, message = _finished(state, so_far, settings)
        call, saved_at = None, time.perf_counter()
        while outcome is None:
            if call is None:
                recorder.say("compiling")
                call = _compile(problem, state, optimizer, settings)
            began = time.perf_counter()
            try:
                new, rows, errors = _fetch(call(problem, state))
                so_far.seconds = devices.agreed(so_far.seconds + time.perf_counter() - began)
            except jax.errors.JaxRuntimeError as error:
                if devices.alone():
                    raise
                save(folder)
                raise _lost_peer(error, state) from None
            where = origin(rows, int(state.episode)) or _bad_check(errors, int(new.episode))
            if where is not None:
                outcome = Outcome.DIVERGED
                message = f"A number stopped being finite in {where}. Kept: the state of episode {state.episode}."
                save(written)
                break
            if not so_far.errors:
                _validate(settings, list(errors))
            state = _spend(new, so_far.seconds, settings)
            so_far.errors = errors
            _record(recorder, state, so_far, rows)
            best = _keep_best(state, so_far, best, settings, written)
            outcome, message = _finished(state, so_far, settings)
            if outcome or time.perf_counter() - saved_at > settings.checkpoint_seconds:
                save(written)
                saved_at = time.perf_counter()
    if best and outcome is not Outcome.DIVERGED and (settings.keep_best or settings.patience is not None):
        state, so_far.errors = best
    assert outcome is not None and message is not None
    return Run(outcome, devices.here(state), message, so_far.seconds, so_far.errors, recorder.rows)


def _record(recorder: Recorder, state: LearnState, so_far: _Progress, rows: dict[str, np.ndarray]) -> None:
    """Record a check and the episodes before it."""
    recorder.write(
        episode=int(state.episode),
        step=int(state.step),
        seconds=so_far.seconds,
        progress=float(state.progress),
        losses=_mean_losses(rows),
        errors=so_far.errors,
    )


def _lost_peer(error: Exception, state: LearnState) -> UserError:
    """Return the message for a process whose partners no longer answer."""
    text = str(error).strip().splitlines()[0][:200]
    return UserError(
        f"another process of the run died or cannot be reached ({text}). The state of episode {state.episode} is "
        "kept: start all processes again with `equilearn resume DIR`."
    )


def _bad_check(errors: dict[str, dict[str, float]], episode: int) -> str | None:
    bad = [name for name, figures in errors.items() if not np.all(np.isfinite(list(figures.values())))]
    return f"episode {episode}: the check ({', '.join(bad)})" if bad else None


def _spend(state: LearnState, seconds: float, settings: LearnSettings) -> LearnState:
    """Return the state with the clock's share of the budget counted, where there is a budget in seconds."""
    if settings.seconds is None:
        return state
    spent = max(float(state.progress), min(1.0, seconds / settings.seconds))
    return eqx.tree_at(lambda s: s.progress, state, devices.everywhere(jnp.float32(spent)))


def _keep_best(
    state: LearnState,
    so_far: _Progress,
    best: tuple[LearnState, dict[str, dict[str, float]]] | None,
    settings: LearnSettings,
    folder: Path | None,
) -> tuple[LearnState, dict[str, dict[str, float]]] | None:
    """Return the best state so far, and write it to the folder when it is new."""
    now = score(settings.targets, so_far.errors)
    so_far.stale += 1
    if now < so_far.best_score:
        so_far.best_score, so_far.best_episode, so_far.stale = now, int(state.episode), 0
        if folder is not None:
            save_tree(folder / BEST, devices.here(state), _header(so_far))
        best = (state, so_far.errors)
    return best


def _finished(state: LearnState, so_far: _Progress, settings: LearnSettings) -> tuple[Outcome | None, str | None]:
    if settings.targets and score(settings.targets, so_far.errors) <= 1:
        return Outcome.REACHED, f"Every target was met at episode {state.episode}."
    if int(state.episode) >= settings.episodes:
        return Outcome.EXHAUSTED, f"The budget of {settings.episodes} episodes is spent."
    if settings.seconds is not None and so_far.seconds >= settings.seconds:
        return Outcome.EXHAUSTED, f"The budget of {settings.seconds:g} seconds is spent."
    if settings.patience is not None and so_far.stale >= settings.patience:
        return Outcome.EXHAUSTED, (
            f"No better check in {settings.patience} since episode {so_far.best_episode}, which is restored."
        )
    return None, None


def _header(so_far: _Progress) -> dict[str, Any]:
    return {"progress": vars(so_far)}


def _restore(
    folder: Path, template: LearnState
) -> tuple[LearnState, _Progress, tuple[LearnState, dict[str, dict[str, float]]] | None]:
    """Return the last state, the driver's memory and the best state from a run's checkpoints."""
    state = load_tree(folder / LAST, template)
    so_far = _Progress(**read_header(folder / LAST)["progress"])
    best = None
    if (folder / BEST).exists():
        errors = read_header(folder / BEST)["progress"]["errors"]
        best = (load_tree(folder / BEST, template), errors)
    return state, so_far, best


def key_of(seed: int) -> PRNGKeyArray:
    """Return the root key of a seed.

    Raises:
        UserError: the seed is negative or has more than 32 bits.
    """
    if not 0 <= seed < 2**32:
        raise UserError(f"seed: must be between 0 and {2**32 - 1}, not {seed}.")
    return jax.random.key(seed)
