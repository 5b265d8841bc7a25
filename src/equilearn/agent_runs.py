"""Run folders of agents: from a command to `result.json` and `report.html`.

DIR/settings.json     agent, its settings, environment and seed, resolved; written first
DIR/last.npz          last checkpoint, for resuming; best.npz is that of the best check
DIR/metrics.jsonl     one line a check
DIR/tensorboard/      the same as TensorBoard events
DIR/agent.npz         the trained agent, for `equilearn.reinforcement.load`
DIR/figures/*, DIR/report.html, DIR/result.json: as of every run
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from equilearn.agents import find
from equilearn.economies import import_file
from equilearn.errors import UserError
from equilearn.folders import SETTINGS, begun, held, read_settings, refuse_taken
from equilearn.labs.learning import at_random, baseline, curves, half_width, interval
from equilearn.learn import key_of
from equilearn.reinforcement import Agent, Environment, Trained, train
from equilearn.reinforcement.registered import find as games_of
from equilearn.reinforcement.training import fits, tuples
from equilearn.report import Findings, write_findings

GAMES = 100
"""Games of the last judgement, none of which the agent has learnt from or been chosen by."""


@dataclass(frozen=True)
class Training:
    """What a run folder's settings say."""

    agent: Agent
    target: str
    """Id of the environment, or path/to/environment.py:Class."""
    seed: int = 0
    on_host: bool = False

    @property
    def own(self) -> bool:
        """Whether the environment is of a class of one's own."""
        return ".py:" in self.target

    @property
    def place(self) -> str:
        """What the environment is called: a folder never says which code to run."""
        return self.target.rpartition(":")[2] if self.own else self.target

    @property
    def title(self) -> str:
        """Agent and environment."""
        return f"{type(self.agent).__name__} on {self.place}"


def environment_of(target: str) -> str | Environment:
    """Return an environment: an id as it is, or an object of the class in path/to/environment.py:Class (run here).

    Raises:
        UserError: there is no such file or class, or it cannot be made.
    """
    path, _, kind = target.rpartition(":")
    if target.endswith(".py"):
        raise UserError(f"{target}: say which class of the file to train on: {target}:ClassName.")
    if not path.endswith(".py"):
        return target
    found = getattr(import_file(Path(path)), kind, None)
    if found is None:
        raise UserError(f"{path}: has no class {kind}.")
    if not (isinstance(found, type) and issubclass(found, Environment)):
        raise UserError(
            f"{path}: {kind} is no equilearn.reinforcement.Environment; derive it from that, or register it with "
            "Gymnasium and give its id as module:id."
        )
    try:
        return found()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{target}: cannot be made: {type(error).__name__}: {error}") from None


def begin(training: Training, folder: Path, *, live: bool = True) -> Findings:
    """Train an agent in a new run folder.

    Raises:
        UserError: the agent does not fit the environment; the folder holds a run already, or cannot be written.
    """
    environment = environment_of(training.target)
    fits(training.agent, environment, on_host=training.on_host)
    key_of(training.seed)
    refuse_taken(folder)
    content = {
        "run": "agent",
        "agent": type(training.agent).__name__.lower(),
        "settings": vars(training.agent),
        "environment": training.place,
        "own": training.own,
        "on_host": training.on_host,
        "seed": training.seed,
    }
    with begun(folder, content):
        return _learn(training, environment, folder, live=live)


def _stored(folder: Path) -> Training:
    """Return what the settings of a run folder say."""
    path, content = folder / SETTINGS, read_settings(folder, "agent")
    try:
        agent = find(content["agent"])(**tuples(content["settings"]))
    except TypeError:
        raise UserError(f"{path}: the agent has other settings than this version's; start the run anew.") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    place = content["environment"]
    return Training(agent, f".py:{place}" if content["own"] else place, content["seed"], content["on_host"])


def resume(folder: Path, target: str | None = None, *, live: bool = True) -> Findings:
    """Go on with a run from its last checkpoint; on compiled environments it ends where the uninterrupted one would.

    Args:
        folder: the run folder.
        target: path/to/environment.py:Class for an environment of one's own; a folder never says which code to run.
        live: show a live line where there is a terminal.

    Raises:
        UserError: the environment is needed, or is not the run's; the folder's files are not of one run, or are
            damaged, or of another version.
    """
    training = _stored(folder)
    if training.own:
        if target is None:
            raise UserError(
                f"{folder}: was trained on {training.place}, an environment of one's own; "
                f"add --model path/to/environment.py:{training.place}."
            )
        training = replace(training, target=target)
    elif target is not None:
        raise UserError(f"{folder}: was trained on {training.place}; leave --model out.")
    environment = environment_of(training.target)
    fits(training.agent, environment, on_host=training.on_host)
    with held(folder):
        return _learn(training, environment, folder, live=live)


def _learn(training: Training, environment: str | Environment, folder: Path, *, live: bool) -> Findings:
    """Train, judge, and write what was found."""
    trained = train(
        training.agent, environment, seed=training.seed, folder=folder, resume=True, on_host=training.on_host, live=live
    )
    trained.save(folder / "agent.npz")
    findings = found(trained, training)
    write_findings(folder, training.title, findings)
    return findings


def found(trained: Trained, training: Training) -> Findings:
    """Judge a trained agent on new games; return what a reader wants to see: returns, the curve, a game."""
    run, name = trained.run, type(trained.agent).__name__
    assert run is not None
    rows = run.history
    returns = trained.returns(GAMES, seed=10_000 + training.seed)
    stage = games_of(trained.environment, GAMES)
    chance = {"at random": baseline(stage, at_random(stage))}
    description = (type(trained.agent).__doc__ or "").splitlines()[0]
    findings = Findings(f"{name} on {training.place}: {description}")
    findings.text(
        f"{run.outcome.value}: {run.message} {rows[-1]['data/steps']:,.0f} environment steps, {int(run.state.step):,} "
        f"gradient steps, {run.seconds:.1f} seconds of learning, seed {training.seed}."
    )
    both = {"at random": np.asarray(chance["at random"]["returns"]), name: returns}
    findings.table(
        f"Return of {GAMES} new games without exploration: the mean with its 95 % interval over games (Student's t)",
        ["policy", "mean", "lowest", "highest"],
        [[one, interval(values), f"{values.min():.4g}", f"{values.max():.4g}"] for one, values in both.items()],
    )
    learnt = {"steps": [row["data/steps"] for row in rows], "curve": [row["scores/return/mean"] for row in rows]}
    curves(findings, "Learning: mean return of the games of every check, without exploration", chance, {name: [learnt]})
    try:
        findings.animation("A game: without exploration", trained.film(seed=training.seed))
    except UserError as error:
        findings.text(f"There is no picture of a game: {error}")
    findings.result |= {
        "outcome": run.outcome.value,
        "message": run.message,
        "seconds": round(run.seconds, 3),
        "environment_steps": int(rows[-1]["data/steps"]),
        "gradient_steps": int(run.state.step),
        "returns": {
            "mean": float(returns.mean()),
            "half_width": float(half_width(returns)),
            "lowest": float(returns.min()),
            "highest": float(returns.max()),
            "games": GAMES,
            "at_random": float(both["at random"].mean()),
        },
    }
    return findings
