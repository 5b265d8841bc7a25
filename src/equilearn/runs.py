"""Run folders: a solution from a command to `result.json` and `report.html`.

DIR/settings.json     model, parameters, settings and seed, resolved; written first
DIR/last.npz          last checkpoint, for resuming; best.npz is that of the best check
DIR/metrics.jsonl     one line a check
DIR/tensorboard/      the same as TensorBoard events
DIR/solution.npz      the solution, for `equilearn.load`
DIR/result.json       the final figures, for people's scripts; written last but the report
DIR/figures/*.png     the figures
DIR/report.html       one self-contained page that shows them
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from equilearn.economies import ECONOMIES, find, load
from equilearn.equilibrium import Model, Solution, SolveSettings, solve
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.encoding import decode, decode_model, encode
from equilearn.errors import UserError
from equilearn.learn.checkpoint import write_atomically
from equilearn.learn.devices import is_first
from equilearn.learn.recording import read_metrics
from equilearn.report import write_report

SETTINGS, RESULT = "settings.json", "result.json"


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def versions() -> dict[str, str]:
    """Return the versions a result depends on."""
    packages = ("equilearn", "jax", "jaxlib", "equinox", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def begin(
    target: str, model: Model, settings: SolveSettings, seed: int, folder: Path, *, live: bool = True
) -> tuple[Solution, dict[str, Any]]:
    """Solve a model in a new run folder.

    Raises:
        UserError: the folder holds a run already, or cannot be written.
    """
    if is_first() and (folder / SETTINGS).exists():
        raise UserError(f"{folder}: holds a run already; `equilearn resume {folder}`, or choose another --out.")
    check_model(model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}).") from None
    problem = target if target in ECONOMIES else target.rpartition(":")[2]
    if is_first():
        write_json(
            folder / SETTINGS,
            {"problem": problem, "model": encode(model), "settings": encode(settings), "seed": seed},
        )
    return finish(problem, solve(model, seed=seed, settings=settings, folder=folder, resume=True, live=live), folder)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return a run folder's settings.

    Raises:
        UserError: the folder is no run folder.
    """
    try:
        content = json.loads((folder / SETTINGS).read_text())
    except (OSError, ValueError):
        raise UserError(f"{folder}: is no run folder (no readable {SETTINGS} in it).") from None
    if not isinstance(content, dict) or {"problem", "model", "settings", "seed"} - content.keys():
        raise UserError(f"{folder / SETTINGS}: is damaged; start the run anew.")
    return content


def resume(folder: Path, target: str | None = None, *, live: bool = True) -> tuple[Solution, dict[str, Any]]:
    """Go on with a run from its last checkpoint; it ends where the uninterrupted run would have ended.

    Args:
        folder: the run folder.
        target: `path/to/model.py:Class` for a model of your own; a folder never says which code to run.
        live: show a live line where there is a terminal.

    Raises:
        UserError: the folder is no run folder; the model is not part of this package and not given.
    """
    stored = read_settings(folder)
    if target is None and stored["problem"] not in ECONOMIES:
        raise UserError(
            f"{folder}: is a run of {stored['problem']}, which is not part of this package; "
            f"add --model path/to/model.py:{stored['problem']}."
        )
    try:
        model = decode_model(stored["model"], find(target or stored["problem"]))
        settings = decode(stored["settings"])
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    solution = solve(model, seed=stored["seed"], settings=settings, folder=folder, resume=True, live=live)
    return finish(stored["problem"], solution, folder)


def finish(problem: str, solution: Solution, folder: Path) -> tuple[Solution, dict[str, Any]]:
    """Certify a solution; write it, its figures and its report; return it and the content of `result.json`.

    Of several processes only the first does this; the result of the others is empty.
    """
    if not is_first():
        return solution, {}
    solution.save(folder / "solution.npz")
    accuracy = solution.accuracy()
    result = {
        "problem": problem,
        "outcome": solution.outcome.value,
        "message": solution.message,
        "seconds": round(solution.seconds, 3),
        "episodes": solution.episodes,
        "gradient_steps": solution.gradient_steps,
        "accuracy": accuracy.summary(),
        "outside": accuracy.outside,
        "settings": json.loads((folder / SETTINGS).read_text()),
        "versions": versions(),
    }
    write_json(folder / RESULT, result)
    write_report(folder, result, solution, accuracy, read_metrics(folder))
    return solution, result


def open_run(path: Path, target: str | None = None) -> Solution:
    """Return the solution in a run folder or file.

    Raises:
        UserError: there is none, or its model is not part of this package and not given.
    """
    if path.is_dir() and (path / SETTINGS).exists() and not (path / "solution.npz").exists():
        raise UserError(f"{path}: has no solution yet; `equilearn resume {path}` finishes the run.")
    return load(path, find(target) if target else None)
