"""Run folders of economies: a solution from a command to `result.json` and `report.html`.

DIR/settings.json     model, parameters, settings and seed, resolved; written first
DIR/start.npz         the solution that learning started from, where one was given
DIR/last.npz          last checkpoint, for resuming; best.npz is that of the best check
DIR/metrics.jsonl     one line a check
DIR/tensorboard/      the same as TensorBoard events
DIR/solution.npz      the solution, for `equilearn.load`
DIR/explorer.html     a page in which the reader moves the state of the economy
DIR/figures/*, DIR/report.html, DIR/result.json: as of every run
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax

from equilearn.economies import ECONOMIES, find, load
from equilearn.equilibrium import Model, Solution, SolveSettings, solve
from equilearn.equilibrium.encoding import decode, decode_model, encode
from equilearn.equilibrium.loading import load_solution
from equilearn.equilibrium.seeds import own_folder
from equilearn.equilibrium.solution import fresh_policy
from equilearn.equilibrium.solve import check_solvable
from equilearn.equilibrium.start import started
from equilearn.errors import UserError
from equilearn.folders import SETTINGS, begun, held, read_settings, refuse_taken, write_settings
from equilearn.learn.devices import is_first
from equilearn.learn.identity import difference
from equilearn.learn.recording import read_metrics
from equilearn.report import judge, solution_findings, write_findings

START = "start.npz"


def begin(
    target: str,
    model: Model,
    settings: SolveSettings,
    seed: int,
    folder: Path,
    *,
    start: Solution | None = None,
    live: bool = True,
) -> tuple[Solution, dict[str, Any]]:
    """Solve a model in a new run folder, from a solution where one is given; a copy of that goes to the folder.

    Raises:
        UserError: the folder holds a run already, or cannot be written.
    """
    refuse_taken(folder)
    stored = stored_form(target, model, settings, seed, start)
    with begun(folder, stored, kept(start)):
        solution = solve(model, seed=seed, settings=settings, start=start, folder=folder, resume=True, live=live)
        return finish(stored["problem"], solution, folder)


def kept(start: Solution | None) -> Callable[[Path], Any] | None:
    """Return what keeps a solution to start from in a folder; None where there is none."""
    return None if start is None else lambda folder: start.save(folder / START)


def stored_form(
    target: str, model: Model, settings: SolveSettings, seed: int, start: Solution | None = None
) -> dict[str, Any]:
    """Return what `settings.json` will hold.

    Raises:
        UserError: the model cannot be solved or stored, or the solution to start from does not fit.
    """
    _, model_stored = check_solvable(model, settings, seed)
    if start is not None:
        started(model, settings, fresh_policy(model, settings, key=jax.random.key(0)), start)
    problem = target if target in ECONOMIES else target.rpartition(":")[2]
    return {"run": "economy", "problem": problem, "model": model_stored, "settings": encode(settings), "seed": seed}


def resume(
    folder: Path, target: str | None = None, changes: Mapping[str, Any] | None = None, *, live: bool = True
) -> tuple[Solution, dict[str, Any]]:
    """Go on with a run from its last checkpoint; it ends where the uninterrupted run would have ended.

    Args:
        folder: the run folder.
        target: `path/to/model.py:Class` for a model of your own; a folder never says which code to run.
        changes: settings to go on with from here: a lower learning rate after a divergence, more episodes. The folder
            keeps what they were.
        live: show a live line where there is a terminal.

    Raises:
        UserError: the folder is no run folder, or its files are not of one run; the model is not part of this package
            and not given.
    """
    stored = read_settings(folder, "economy")
    model, settings, before = decoded(folder, stored, target)
    changes = {name: value for name, value in (changes or {}).items() if getattr(settings, name) != value}
    with held(folder):
        if changes:
            before |= {name: [*before.get(name, []), encode(getattr(settings, name))] for name in changes}
            settings = dataclasses.replace(settings, **changes)
            write_settings(folder, {**stored, "settings": encode(settings), "changed": before})
        start = start_of(folder, type(model))
        solution = solve(
            model, seed=stored["seed"], settings=settings, start=start, folder=folder, resume=before, live=live
        )
        return finish(stored["problem"], solution, folder)


def decoded(
    folder: Path, stored: dict[str, Any], target: str | None
) -> tuple[Model, SolveSettings, dict[str, list[Any]]]:
    """Return model, settings and what was changed on the way, from what a folder's `settings.json` holds.

    Raises:
        UserError: the file is damaged; the model is not part of this package and not given.
    """
    if target is None and stored["problem"] not in ECONOMIES:
        raise UserError(
            f"{folder}: is a run of {stored['problem']}, which is not part of this package; "
            f"add --model path/to/model.py:{stored['problem']}."
        )
    kind = find(target or stored["problem"])
    try:
        model, settings = decode_model(stored["model"], kind), decode(stored["settings"])
        if not isinstance(settings, SolveSettings):
            raise UserError("is damaged: it holds no settings.")
        return model, settings, {str(name): list(values) for name, values in stored.get("changed", {}).items()}
    except (UserError, AttributeError, TypeError) as error:
        raise UserError(f"{folder / SETTINGS}: {error}") from None


def start_of(folder: Path, kind: type[Model]) -> Solution | None:
    """Return the solution that a folder's learning starts from, where it has one."""
    return load_solution(folder / START, kind) if (folder / START).exists() else None


def finish(problem: str, solution: Solution, folder: Path) -> tuple[Solution, dict[str, Any]]:
    """Certify a solution; write it, its figures and its report; return it and the content of `result.json`.

    Of several processes only the first does this; the result of the others is empty.
    """
    if not is_first():
        return solution, {}
    solution.save(folder / "solution.npz")
    accuracy = solution.accuracy()
    verdict = judge(solution, accuracy)
    findings = solution_findings(folder, problem, solution, accuracy, verdict, read_metrics(folder))
    findings.result |= {
        "outcome": solution.outcome.value,
        "message": solution.message,
        "seconds": round(solution.seconds, 3),
        "episodes": solution.episodes,
        "gradient_steps": solution.gradient_steps,
        "accuracy": accuracy.summary(),
        "outside": accuracy.outside,
        "policy_errors": None if accuracy.policy is None else accuracy.policy.record(),
        "coverage": accuracy.coverage(),
        "notes": accuracy.notes(),
        "verdict": asdict(verdict),
    }
    return solution, write_findings(folder, problem, findings)


def open_run(path: Path, target: str | None = None) -> Solution:
    """Return the solution in a run folder or file.

    Raises:
        UserError: there is none, or its model is not part of this package and not given, or the folder's settings are
            not those that it was solved with.
    """
    if not (path.is_dir() and (path / SETTINGS).exists()):
        return load(path, find(target) if target else None)
    stored = read_settings(path, "economy", "seeds")
    if not (path / "solution.npz").exists():
        raise UserError(f"{path}: has no solution yet; `equilearn resume {path}` finishes the run.")
    solution = load(path, find(target) if target else None)
    if stored["run"] == "seeds":  # the best of several, whose settings may have been changed on the way
        own = own_folder(path, solution.seed)
        settings = read_settings(own)["settings"] if (own / SETTINGS).exists() else stored["settings"]
        stored |= {"seed": solution.seed, "settings": settings}
    header = {n: v for n, v in solution.header().items() if n in ("problem", "model", "settings", "seed")}
    if found := difference(stored, header | {n: v for n, v in stored.items() if n not in header}):
        raise UserError(f"{path / SETTINGS}: is not of this solution: {found}; put it back as it was.")
    return solution
