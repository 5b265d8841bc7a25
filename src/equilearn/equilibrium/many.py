"""Many calibrations, many seeds: `solve` mapped over them, in this process or on an executor of the user's.

An executor is whatever has `submit(function, *arguments)` that returns something with `result()`: one of
`concurrent.futures`, Dask's client, submitit's executor for Slurm. What is sent there are models, settings and paths;
what comes back is a row of the table. The solutions stay in their folders, one for each run:

    FOLDER/Saver-discount=0.9-seed=0/last.npz, metrics.jsonl, ...   what `solve(folder=...)` keeps, for resuming
                                     solution.npz                   for `equilearn.load(folder, Saver)`
                                     row.json                       whose run it is, and its row; written last
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from equilearn.equilibrium.arguments import seed_of
from equilearn.equilibrium.encoding import encode
from equilearn.equilibrium.fingerprint import equations_of
from equilearn.equilibrium.model import Model
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.solution import Solution
from equilearn.equilibrium.solve import check_solvable, solve
from equilearn.equilibrium.start import warm_settings
from equilearn.equilibrium.varying import names_of
from equilearn.equilibrium.verdict import judge
from equilearn.errors import UserError, first_line
from equilearn.learn.files import refuse, write_atomically, writing
from equilearn.learn.identity import difference, digest

ROW = "row.json"
LONGEST = 120
"""Characters of a folder's name made from parameters; of longer ones the end is replaced by a digest."""


def solve_many(
    models: Model | Sequence[Model] | Mapping[str, Model],
    *,
    folder: str | Path,
    seeds: Sequence[int] = (0,),
    settings: SolveSettings | None = None,
    start: Solution | None = None,
    varying: Sequence[str] = (),
    executor: Any = None,
    live: bool = True,
) -> pd.DataFrame:
    """Solve models with seeds, every combination a run in its own folder; return one table.

    Called again, it reads finished runs, goes on with those that were interrupted, and tries again what failed.

    Args:
        models: one, or several; with names of your own in a dictionary, else they are called by the parameters that are
            not the class's defaults.
        folder: where the runs' folders are.
        seeds: of each model.
        settings: of all; by default what each model recommends.
        start: a solution that all start from, as in `solve`.
        varying: parameters in which the models differ, by name, that one compiled program is to serve, as in `solve`.
        executor: with `submit(function, *arguments)` and results with `result()`: `ProcessPoolExecutor(mp_context=
            multiprocessing.get_context("spawn"))`, a Dask client, a submitit executor. Models must be classes of a file
            that its workers can import. None solves one after the other, here.
        live: show a live line where runs are solved here, in a terminal.

    Returns:
        One row a run, by its name: the parameters that differ, `seed`, `accurate` and `verdict`, `NAME mean` and
        `NAME 99.9` of every equation's errors, `NAME error` for the mean relative one of every policy, `seconds` of
        learning, `outcome`, `message` and `folder`. A run that failed has its message and nothing found.

    Raises:
        UserError: an argument is wrong. What goes wrong in one run is in its row.
    """
    runs = _runs(models, seeds)
    if settings is not None and not isinstance(settings, SolveSettings):
        raise UserError(f"settings: must be SolveSettings, not {type(settings).__name__}.")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise UserError(f"executor: needs a method `submit(function, *arguments)`, which {executor!r} has not.")
    names = names_of(varying)
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(place, error) from None
    calls = {name: (model, seed, settings, start, names, str(place / name)) for name, (model, seed) in runs.items()}
    if executor is None:
        found = {name: solve_one(*call, live) for name, call in calls.items()}
    else:
        submitted = {name: executor.submit(solve_one, *call, False) for name, call in calls.items()}
        found = {name: _result(one) for name, one in submitted.items()}
    columns = _differing({name: model for name, (model, _) in runs.items()})
    rows = {
        name: columns[name] | {"seed": seed, "accurate": None} | found[name] | {"folder": str(place / name)}
        for name, (_, seed) in runs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def solve_one(
    model: Model,
    seed: int,
    settings: SolveSettings | None,
    start: Solution | None,
    varying: tuple[str, ...],
    folder: str,
    live: bool,
) -> dict[str, Any]:
    """Solve a model in a folder, or read what was found there; return its row. It never raises."""
    try:
        with writing(Path(folder)):
            return _solved(model, seed, settings, start, varying, Path(folder), live)
    except UserError as error:
        return {"outcome": "failed", "message": str(error)}
    except Exception as error:
        return {"outcome": "failed", "message": f"{type(error).__name__}: {first_line(error)}"}


def _solved(
    model: Model,
    seed: int,
    settings: SolveSettings | None,
    start: Solution | None,
    varying: tuple[str, ...],
    folder: Path,
    live: bool,
) -> dict[str, Any]:
    if settings is None:
        settings = model.settings() if start is None else warm_settings(model.settings(), start)
    check_solvable(model, settings, seed)
    own = {
        "parameters": encode(model),
        "equations": equations_of(model),
        "settings": encode(settings),
        "seed": seed,
        "start": None if start is None else digest(start.policy_function),
        "varying": list(varying) or None,
    }
    own = json.loads(json.dumps(own))
    if (folder / ROW).exists():
        try:
            kept = json.loads((folder / ROW).read_text())
            there, row = kept["run"], dict(kept["row"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{folder / ROW}: is damaged; delete it, and the run is certified again.") from None
        if found := difference(there, own):
            raise UserError(f"{folder}: holds another run: {found}; choose another folder.")
        return row
    solution = solve(
        model, seed=seed, settings=settings, start=start, varying=varying, folder=folder, resume=True, live=live
    )
    solution.save(folder / "solution.npz")
    row = _row(solution)
    write_atomically(folder / ROW, (json.dumps({"run": own, "row": row}, indent=2) + "\n").encode())
    return row


def _row(solution: Solution) -> dict[str, Any]:
    """Return what the certificate says of a solution, as plain numbers and words."""
    began = time.monotonic()
    accuracy = solution.accuracy()
    verdict = judge(solution, accuracy)
    row: dict[str, Any] = {"accurate": verdict.accurate, "verdict": verdict.words}
    for name, figures in accuracy.summary().items():
        row |= {f"{name} {column}": figures[column] for column in ("mean", "99.9")}
    if accuracy.policy is not None:
        row |= {f"{name} error": one["relative mean"] for name, one in accuracy.policy.summary().items()}
    return row | {
        "seconds": round(solution.seconds, 2),
        "certificate seconds": round(time.monotonic() - began, 2),
        "outcome": solution.outcome.value,
        "message": solution.message,
    }


def _result(submitted: Any) -> dict[str, Any]:
    """Return the row that a worker found; where it died, that is the row."""
    try:
        return dict(submitted.result())
    except Exception as error:
        return {"outcome": "failed", "message": f"the worker failed: {type(error).__name__}: {first_line(error)}"}


def _runs(models: Any, seeds: Any) -> dict[str, tuple[Model, int]]:
    """Return model and seed of every run by the name of its folder.

    Raises:
        UserError: something is no model or no seed; a name cannot be that of a folder, or is that of two.
    """
    if isinstance(models, Mapping):
        named = [(str(name), model) for name, model in models.items()]
    else:
        named = [(None, one) for one in ([models] if isinstance(models, Model) else models)]
    if isinstance(seeds, (str, int)) or not named or not list(seeds):
        raise UserError("solve_many: needs at least one model, and seeds like range(3).")
    runs: dict[str, tuple[Model, int]] = {}
    for own, model in named:
        if not isinstance(model, Model):
            raise UserError(f"models: must be models, like Growth(discount=0.9), not {type(model).__name__}.")
        for seed in map(seed_of, seeds):
            name = f"{_name(model) if own is None else own}-seed={seed}"
            if not re.fullmatch(r"[\w=+,. -]+", name) or name.startswith("."):
                raise UserError(f"models: {own!r} cannot be the name of a folder; use letters, digits, _ and -.")
            if name in runs:
                raise UserError(f"models: there are two runs called {name}; give each model and seed once.")
            runs[name] = model, seed
    return runs


def _name(model: Model) -> str:
    """Return a model's name with the parameters that are not its class's defaults: the same in every table."""
    own = _flat(encode(model))
    try:
        usual = _flat(encode(type(model)()))
    except UserError:
        usual = {}
    changed = {name: value for name, value in own.items() if value != usual.get(name)}
    text = "-".join([model.name, *(f"{name}={value}" for name, value in changed.items())])
    plain = re.sub(r"[^\w=+,.-]+", "_", text)
    if plain == text and len(plain) <= LONGEST:
        return plain
    return f"{plain[: LONGEST - 9]}-{_short(own)}"


def _short(value: Any) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _flat(encoded: Any, prefix: str = "") -> dict[str, Any]:
    """Return the numbers and words of an encoded model by dotted names: shock.persistence."""
    flat: dict[str, Any] = {}
    for name, value in encoded.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif prefix + name != "module":
            flat["model" if prefix + name == "kind" else prefix + name] = value
    return flat


def _differing(models: Mapping[str, Model]) -> dict[str, dict[str, Any]]:
    """Return, for every run, the parameters in which not all models are the same."""
    flat = {name: _flat(encode(model)) for name, model in models.items()}
    names = dict.fromkeys(parameter for one in flat.values() for parameter in one)
    varied = [p for p in names if len({json.dumps(one.get(p)) for one in flat.values()}) > 1]
    return {name: {p: one.get(p) for p in varied} for name, one in flat.items()}
