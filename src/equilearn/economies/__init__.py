"""Economies, one file each, and how they are found by name.

Listing them imports none of them: a name is enough to find the file, whose text holds the description.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from equilearn.catalogue import describe
from equilearn.errors import UserError

if TYPE_CHECKING:
    from equilearn.equilibrium import Model, Solution

ECONOMIES = {
    "olg": "olg:OLG",
    "olg-bond": "bond:BondOLG",
    "analytic-olg": "analytic_olg:AnalyticOLG",
    "brock-mirman": "brock_mirman:BrockMirman",
    "growth": "growth:Growth",
    "irbc": "irbc:IRBC",
    "irbc-irreversible": "irbc:IrreversibleIRBC",
    "continuum": "continuum:Continuum",
    "climate": "climate:Climate",
    "climate-stochastic": "climate:StochasticClimate",
}
"""Name -> file of this folder and class in it."""


def descriptions() -> dict[str, str]:
    """Return the first line of every economy's docstring, by name, without importing the economies."""
    return describe(ECONOMIES, Path(__file__).parent)


def find(target: str) -> type[Model]:
    """Return the model class of a name, or of `path/to/model.py:Class` (which runs that file).

    Raises:
        UserError: there is no such economy, file or class, or the file cannot be imported.
    """
    if target in ECONOMIES:
        file, kind = ECONOMIES[target].split(":")
        return getattr(importlib.import_module(f"equilearn.economies.{file}"), kind)
    path, separator, kind = target.rpartition(":")
    if not separator:
        if target.endswith(".py"):
            raise UserError(f"{target}: say which class of the file to solve: {target}:ClassName.")
        raise UserError(
            f"{target}: no such economy. There are {', '.join(ECONOMIES)}; a model of your own is "
            "path/to/model.py:ClassName."
        )
    return _class_of(_import_file(Path(path)), Path(path), kind)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: is no Python file (its name must end in .py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:
        raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _class_of(module: ModuleType, path: Path, kind: str) -> type[Model]:
    from equilearn.equilibrium import Model

    found = getattr(module, kind, None)
    models = [n for n, v in vars(module).items() if _is_model(v) and v is not Model]
    if found is None:
        raise UserError(f"{path}: has no class {kind}; its models are: {', '.join(models) or 'none'}.")
    if not _is_model(found):
        raise UserError(f"{path}: {kind} is no equilearn.Model; derive it from equilearn.Model.")
    return found


def _is_model(value: Any) -> bool:
    from equilearn.equilibrium import Model

    return isinstance(value, type) and issubclass(value, Model)


def load(path: str | Path, model: type[Model] | None = None) -> Solution:
    """Return a saved solution: of an economy of this package, or of your own model class.

    Args:
        path: a file that `Solution.save` wrote, or a run folder.
        model: your model's class; not needed for the economies of this package. The file never says which code to
            run, so opening somebody else's file is safe.

    Raises:
        UserError: the file is missing or damaged, or the model is not one of this package and not given.
    """
    from equilearn.equilibrium import load_solution
    from equilearn.equilibrium.solution import solution_path
    from equilearn.learn.checkpoint import read_header

    if model is None:
        stored = read_header(solution_path(path)).get("model", {})
        kind = stored.get("model", stored).get("kind")  # the model itself, or the one whose parameters are uncertain
        name = next((n for n, place in ECONOMIES.items() if place.split(":")[1] == kind), None)
        if name is None:
            raise UserError(
                f"{path}: holds a solution of {kind}, which is not part of this package; give its class "
                f"(load(path, {kind}), or --model path/to/model.py:{kind})."
            )
        model = find(name)
    return load_solution(path, model)
