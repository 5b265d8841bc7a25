"""The loop: until the errors are small enough, generate, learn, check.

The only training loop of the package. The work is in compiled calls of many episodes (`episode.py`); between two
calls the driver looks at the clock, the errors and the finite flags, records, and writes checkpoints. Whatever it
decides depends on the state alone, except where the user sets a budget in seconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

import equilearn.interrupts as interrupts
import equilearn.learn.devices as devices
from equilearn.errors import DivergenceError, UserError
from equilearn.learn.checkpoint import load_tree, read_header, save_tree
from equilearn.learn.episode import Call, Record, Summaries
from equilearn.learn.files import writing
from equilearn.learn.finite import bad_check, origin
from equilearn.learn.identity import difference, identity_of
from equilearn.learn.problem import Networks, Problem, World
from equilearn.learn.programs import program_for
from equilearn.learn.recording import Recorder
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState, start
from equilearn.learn.stopping import Outcome, score

LAST, BEST = "last.npz", "best.npz"
Errors = dict[str, dict[str, float]]


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

    def sound(self, what: str, repair: str = "") -> Run:
        """Return the run where its numbers stayed finite.

        Args:
            what: was learnt, for the message.
            repair: a sentence that the message ends with.

        Raises:
            DivergenceError: they did not.
        """
        if self.outcome is Outcome.DIVERGED:
            raise DivergenceError(f"{what}: diverged. {self.message} {repair}".rstrip())
        return self


@dataclass
class _Progress:
    """What the driver itself must remember across a restart."""

    seconds: float = 0.0
    best_score: float = float("inf")
    best_episode: int = 0
    stale: int = 0
    errors: dict[str, dict[str, float]] = field(default_factory=dict)


def _fetch(
    made: tuple[LearnState, Record, Summaries],
) -> tuple[LearnState, dict[str, np.ndarray], dict[str, dict[str, float]]]:
    """Return what a call made, with record and errors on the host: this waits until the call is done."""
    state, record, summaries = made
    errors = {name: {figure: float(value) for figure, value in figures.items()} for name, figures in summaries.items()}
    return state, {name: np.asarray(values) for name, values in record.items()}, errors


def _means(rows: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the means of losses, and of what the data said, over the episodes that were run and said something."""
    recorded = {name: values[rows["active"]] for name, values in rows.items() if name.startswith(("loss/", "data/"))}
    said = {name: values[~np.isnan(values)] for name, values in recorded.items()}
    return {name: float(values.mean()) for name, values in said.items() if values.size}


def learn(
    problem: Problem,
    networks: Networks,
    world: World,
    optimizer: optax.GradientTransformation,
    settings: LearnSettings,
    *,
    key: PRNGKeyArray,
    folder: Path | None = None,
    resume: bool | Mapping[str, Any] = False,
    identity: Mapping[str, Any] | None = None,
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
        resume: go on from the folder's last checkpoint, if it has one. It must be of this very run; a mapping names
            settings that differ on purpose, with the values they had: {"learning_rate": [3e-3]}.
        identity: what else the result depends on, as JSON: what `resume` compares beside settings, key, optimiser and
            the problem's data.
        title: what the live line begins with.
        live: show the live line where there is a terminal.

    Raises:
        UserError: a target names no error of the check; the folder holds another run, or cannot be written.
        Interrupted: a signal asked the loop to stop; the state is in the last checkpoint.
    """
    first = start(networks, world, optimizer, key=key)
    with contextlib.ExitStack() as stack:
        written = folder if devices.is_first() else None
        if written is not None:
            stack.enter_context(writing(written))
        sitting = _Sitting(problem, optimizer, settings, folder, first)
        if folder is not None or not devices.alone():
            sitting.whose = identity_of(problem, optimizer, settings, first.networks, key, identity)
            _compare_processes(sitting.whose)
        if folder is not None:
            sitting.open(folder, resume)
        live = live and devices.is_first()
        recorder = Recorder(written, title=title, live=live, from_episode=int(sitting.state.episode))
        return sitting.run(stack.enter_context(recorder))


@dataclass
class _Sitting:
    """A run from its start or its last checkpoint until it ends or is interrupted."""

    problem: Problem
    optimizer: optax.GradientTransformation
    settings: LearnSettings
    folder: Path | None
    state: LearnState
    so_far: _Progress = field(default_factory=_Progress)
    best: tuple[LearnState, Errors] | None = None
    whose: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    asked: int = 0
    """The signal that asked the loop to stop, in this process or another one."""

    @property
    def _keeps_best(self) -> bool:
        return self.settings.keep_best or self.settings.patience is not None

    def open(self, folder: Path, resume: bool | Mapping[str, Any]) -> None:
        """Go on from the folder's last checkpoint, or write the first."""
        if not devices.gathered([int((folder / LAST).exists())])[0, 0]:  # the first process's word
            self._save(LAST)
            return
        if resume is False:
            raise UserError(f"{folder}: holds a run already; resume=True goes on with it, or choose another folder.")
        path = folder / LAST
        header = read_header(path)
        differing = resume if isinstance(resume, Mapping) else {}
        if found := difference(header.get("identity"), self.whose, differing=differing):
            raise UserError(f"{folder}: holds another run: {found}; give the same, or choose another folder.")
        template = self.state
        self.state, self.so_far = load_tree(path, template), _progress_of(path, header)
        if self._keeps_best and (folder / BEST).exists():
            self._open_best(folder / BEST, template)
        if np.ptp(devices.gathered([int(self.state.episode)])):  # all have read before one writes
            raise UserError(f"{folder}: the processes do not see the same files there; give a folder that all share.")
        if header["identity"] != self.whose:
            self._save(LAST)

    def _open_best(self, path: Path, template: LearnState) -> None:
        """Read the best checkpoint; where it is damaged, the last state is the best that is known."""
        try:
            self.best = (load_tree(path, self._kept(template)), _progress_of(path, read_header(path)).errors)
        except UserError as error:
            self.best, self.so_far.best_episode = (self._kept(self.state), self.so_far.errors), int(self.state.episode)
            self.so_far.best_score = score(self.settings.targets, self.so_far.errors)
            self.note = f" The best checks before episode {self.state.episode} are lost ({error})"

    def run(self, recorder: Recorder) -> Run:
        """Call the compiled program again and again until the run has ended."""
        outcome, message = self._finished() if self.so_far.errors else (None, None)
        self.problem, self.state = devices.everywhere(self.problem), devices.everywhere(self.state)
        if outcome is None:
            recorder.say("compiling")
            with _memory():
                call = program_for(self.problem, self.state, self.optimizer, self.settings)
            with interrupts.learning():
                try:
                    outcome, message = self._learn(call, recorder)
                except KeyboardInterrupt:
                    self._save(LAST)
                    raise
        if self.best and outcome is not Outcome.DIVERGED and self._keeps_best:
            best, self.so_far.errors = self.best
            self.state = _with_world(best, self.problem.put_back(self.state.world, best.world))
        assert outcome is not None and message is not None
        seconds, errors = self.so_far.seconds, self.so_far.errors
        return Run(outcome, devices.here(self.state), message + self.note, seconds, errors, recorder.rows)

    def _learn(self, call: Call, recorder: Recorder) -> tuple[Outcome, str]:
        saved_at = time.perf_counter()
        while True:
            rows, errors, new = self._call(call)
            at = int(self.state.episode)
            if bad := origin(rows, at) or bad_check(errors, int(new.episode)):
                return Outcome.DIVERGED, self._keep_last_good(call, new, *bad)
            if not self.so_far.errors:
                for target in self.settings.targets:
                    target.check(errors)
            self.state = _spend(new, self.so_far.seconds, self.settings)
            self.so_far.errors = errors
            _record(recorder, self.problem, self.state, self.so_far, rows)
            self._compare_with_best()
            outcome, message = self._finished()
            if outcome or self.asked or time.perf_counter() - saved_at > self.settings.checkpoint_seconds:
                self._save(LAST)
                saved_at = time.perf_counter()
            if self.asked:  # by a signal in the last call too: what comes after the learning is left to a resume
                raise interrupts.Interrupted(self.asked)
            if outcome is not None and message is not None:
                return outcome, message

    def _call(self, call: Call) -> tuple[dict[str, np.ndarray], Errors, LearnState]:
        began = time.perf_counter()
        try:
            with devices.talking(), _memory():
                made = call(self.problem, self.state, devices.everywhere(jnp.int32(self.settings.episodes)))
                new, rows, errors = _fetch(made)
            seconds = self.so_far.seconds + time.perf_counter() - began
            said = devices.gathered([seconds, interrupts.requested() or 0])
        except devices.PeerLostError as lost:
            raise UserError(f"{lost} {self._keep()}") from None
        self.so_far.seconds, self.asked = float(said[0, 0]), int(said[:, 1].max())
        return rows, errors, new

    def _keep_last_good(self, call: Call, new: LearnState, good: int, where: str) -> str:
        """Go to the last good episode of a call that went wrong, keep it, and return what there is to say."""
        if self.problem.generates_on_host:
            self.state = new  # which ends before the bad episode, and has the only world there is
        elif good:
            until = devices.everywhere(jnp.int32(int(self.state.episode) + good))
            self.state = call(self.problem, self.state, until)[0]
        self._save(LAST)
        return (
            f"A number stopped being finite in {where}. Kept: the state of episode {self.state.episode}, the last good "
            "one. A lower learning rate may lead on from there; where it does not, an equation is not defined "
            "everywhere the data go."
        )

    def _keep(self) -> str:
        """Keep the state when another process is lost, whichever this one is; say how to go on."""
        if self.folder is None:
            return ""
        advice = f"start all processes again with `equilearn resume {self.folder}`"
        try:
            with writing(self.folder):
                self._write(self.folder / LAST)
        except UserError:
            return f"Others may have kept the last state: {advice}."
        return f"The state of episode {self.state.episode} is kept: {advice}."

    def _save(self, name: str) -> None:
        if self.folder is not None and devices.is_first():
            self._write(self.folder / name)

    def _write(self, path: Path) -> None:
        header = {"progress": vars(self.so_far), "identity": self.whose}
        state = self.best[0] if path.name == BEST and self.best else self.state
        save_tree(path, devices.here(state), header)

    def _compare_with_best(self) -> None:
        """Keep the state, in the folder too, where it is the best so far and somebody wants the best."""
        now = score(self.settings.targets, self.so_far.errors)
        self.so_far.stale += 1
        if now < self.so_far.best_score:
            self.so_far.best_score, self.so_far.best_episode, self.so_far.stale = now, int(self.state.episode), 0
            if self._keeps_best:
                self.best = (self._kept(self.state), self.so_far.errors)
                self._save(BEST)

    def _kept(self, state: LearnState) -> LearnState:
        """Return a state with that part of the world only which is kept with the best networks."""
        kept = self.problem.kept(state.world)
        if self.problem.generates_on_host:  # the next step is given the world, and uses up its memory
            kept = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, kept)
        return _with_world(state, kept)

    def _finished(self) -> tuple[Outcome | None, str | None]:
        settings, so_far, episode = self.settings, self.so_far, self.state.episode
        if settings.targets and score(settings.targets, so_far.errors) <= 1:
            return Outcome.REACHED, f"Every target was met at episode {episode}."
        if int(episode) >= settings.episodes:
            return Outcome.EXHAUSTED, f"The budget of {settings.episodes} episodes is spent."
        if settings.seconds is not None and so_far.seconds >= settings.seconds:
            return Outcome.EXHAUSTED, f"The budget of {settings.seconds:g} seconds is spent."
        if settings.patience is not None and so_far.stale >= settings.patience:
            return Outcome.EXHAUSTED, (
                f"No better check in {settings.patience} since episode {so_far.best_episode}, which is restored."
            )
        return None, None


def _with_world(state: LearnState, world: World) -> LearnState:
    return dataclasses.replace(state, world=world)


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """Turn an exhausted memory into a message."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise UserError("there is not enough memory for this; use smaller networks, batches or samples.") from None
        raise


def _progress_of(path: Path, header: dict[str, Any]) -> _Progress:
    """Return what the driver remembered when it wrote a checkpoint."""
    try:
        return _Progress(**header["progress"])
    except (KeyError, TypeError):
        raise UserError(f"{path}: is no checkpoint of a run, or damaged; delete it to start anew.") from None


def _record(
    recorder: Recorder, problem: Problem, state: LearnState, so_far: _Progress, rows: dict[str, np.ndarray]
) -> None:
    """Record a check and the episodes before it."""
    recorder.write(
        episode=int(state.episode),
        step=int(state.step),
        seconds=so_far.seconds,
        progress=float(state.progress),
        means=_means(rows),
        measured=so_far.errors,
        pictures=lambda: problem.pictures(devices.here(state.networks), devices.here(state.world)),
    )


def _compare_processes(whose: dict[str, Any]) -> None:
    """Refuse a run whose processes were started differently."""
    for rank, other in enumerate(devices.texts(json.dumps(whose))):
        if found := difference(json.loads(other), whose):
            raise UserError(f"the process of rank {rank} was started differently: {found}; start all alike.")


def _spend(state: LearnState, seconds: float, settings: LearnSettings) -> LearnState:
    """Return the state with the clock's share of the budget counted, where there is a budget in seconds."""
    if settings.seconds is None:
        return state
    spent = max(float(state.progress), min(1.0, seconds / settings.seconds))
    return eqx.tree_at(lambda s: s.progress, state, devices.everywhere(jnp.float32(spent)))


def key_of(seed: Any) -> PRNGKeyArray:
    """Return the root key of a seed.

    Raises:
        UserError: the seed is no whole number, is negative or has more than 32 bits.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise UserError(f"seed: must be a whole number, not {seed!r}.")
    if not 0 <= seed < 2**32:
        raise UserError(f"seed: must be between 0 and {2**32 - 1}, not {seed}.")
    return jax.random.key(int(seed))
