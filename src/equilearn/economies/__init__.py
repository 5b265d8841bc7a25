"""Economies, one file each, and how they are found by name.

    from equilearn.economies import OLG, Growth

Listing them imports none of them: a name is enough to find the file, whose text holds the description.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from equilearn.catalogue import describe
from equilearn.errors import UserError

if TYPE_CHECKING:
    from equilearn.equilibrium import Model, Solution

STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
"""Where Python's own library lies."""
HOME = Path(__file__).resolve().parents[1]
"""Where this package lies."""
ECONOMIES = {
    "olg": "olg:OLG",
    "olg-bond": "bond:BondOLG",
    "analytic-olg": "analytic_olg:AnalyticOLG",
    "brock-mirman": "brock_mirman:BrockMirman",
    "growth": "growth:Growth",
    "buffer-stock": "buffer_stock:BufferStock",
    "new-keynesian": "new_keynesian:NewKeynesian",
    "search": "search:Search",
    "irbc": "irbc:IRBC",
    "irbc-irreversible": "irbc:IrreversibleIRBC",
    "continuum": "continuum:Continuum",
    "krusell-smith": "krusell_smith:KrusellSmith",
    "climate": "climate:Climate",
    "climate-stochastic": "climate:StochasticClimate",
}
"""Name -> file of this folder and class in it."""


if TYPE_CHECKING:
    from equilearn.economies.analytic_olg import AnalyticOLG
    from equilearn.economies.bond import BondOLG
    from equilearn.economies.brock_mirman import BrockMirman
    from equilearn.economies.buffer_stock import BufferStock
    from equilearn.economies.climate import Climate, StochasticClimate
    from equilearn.economies.continuum import Continuum
    from equilearn.economies.growth import Growth
    from equilearn.economies.irbc import IRBC, IrreversibleIRBC
    from equilearn.economies.krusell_smith import KrusellSmith
    from equilearn.economies.new_keynesian import NewKeynesian
    from equilearn.economies.olg import OLG
    from equilearn.economies.search import Search

__all__ = [
    "ECONOMIES",
    "IRBC",
    "OLG",
    "AnalyticOLG",
    "BondOLG",
    "BrockMirman",
    "BufferStock",
    "Climate",
    "Continuum",
    "Growth",
    "IrreversibleIRBC",
    "KrusellSmith",
    "NewKeynesian",
    "Search",
    "StochasticClimate",
    "descriptions",
    "find",
    "import_file",
    "load",
]


def __getattr__(name: str) -> Any:
    for target, place in ECONOMIES.items():
        if place.partition(":")[2] == name:
            return find(target)
    raise AttributeError(f"module 'equilearn.economies' has no attribute {name!r}")


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
    return _class_of(import_file(Path(path)), Path(path), kind)


def import_file(path: Path) -> ModuleType:
    """Run a user's file, with the modules beside it, and return its module.

    Raises:
        UserError: there is no such file, or it cannot be imported.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    _refuse_a_librarys_name(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path}: is no Python file (its name must end in .py).")
    module = importlib.util.module_from_spec(spec)
    with _beside(path.resolve().parent):
        sys.modules[path.stem] = module
        try:
            spec.loader.exec_module(module)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Within: modules that lie in the folder are found first, also where another folder's go by the same name.

    Later imports, in the methods of a model, still find them, after everything else.
    """
    here = {file.stem for file in folder.glob("*.py")} | {file.parent.name for file in folder.glob("*/__init__.py")}
    others = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in here and not _is_library(module) and not _lies_in(module, folder)
    }
    for name in others:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _file_of(module: Any) -> Path | None:
    file = getattr(module, "__file__", None) or getattr(module, "origin", None)
    return Path(file).resolve() if file and file not in ("built-in", "frozen") else None


def _lies_in(module: Any, folder: Path) -> bool:
    file = _file_of(module)
    return file is not None and folder in file.parents


def _is_library(module: Any) -> bool:
    """Return whether a module (or its spec) is Python's own or an installed one."""
    file = _file_of(module)
    if file is None:
        return True
    installed = {"site-packages", "dist-packages"} & set(file.parts)
    return bool(installed) or any(place in file.parents for place in (STANDARD, HOME))


def _refuse_a_librarys_name(path: Path) -> None:
    elsewhere = [place for place in sys.path if Path(place or ".").resolve() != path.resolve().parent]
    spec = PathFinder.find_spec(path.stem, elsewhere)
    if path.stem in sys.stdlib_module_names or (spec is not None and spec.origin and _is_library(spec)):
        raise UserError(f"{path}: has the name of a Python library, {path.stem}; give the file another name.")


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


def load(path: str | Path, model: type[Model] | Model | None = None) -> Solution:
    """Return a saved solution: of an economy of this package, or of your own model class.

    Args:
        path: a file that `Solution.save` wrote, or a run folder.
        model: your model's class (or a model, whose parameters the solution's must then be); not needed for the
            economies of this package. The file never says which code to run, so opening somebody else's file is safe.

    Raises:
        UserError: the file is missing or damaged, is a solution of another model, or the model is not one of this
            package and not given.
    """
    from equilearn.equilibrium import Model, load_solution
    from equilearn.equilibrium.solution import solution_path
    from equilearn.learn.checkpoint import read_header

    if model is None:
        model = _of_this_package(path, read_header(solution_path(path)).get("model"))
    elif not isinstance(model, Model) and not _is_model(model):
        raise UserError(f"load: the second argument is your model's class, not a {type(model).__name__}.")
    return load_solution(path, model)


def _of_this_package(path: str | Path, stored: Any) -> type[Model]:
    """Return the class of a stored model, where it is one of this package's economies."""
    stored = stored if isinstance(stored, dict) else {}
    inner = stored.get("model")
    stored = inner if isinstance(inner, dict) else stored  # the one whose parameters are uncertain
    kind, module = stored.get("kind"), str(stored.get("module"))
    for name, place in ECONOMIES.items():
        if (module, kind) == (f"equilearn.economies.{place.split(':')[0]}", place.split(":")[1]):
            return find(name)
    raise UserError(
        f"{path}: holds a solution of {kind} (from {module}), which is not part of this package; give its class "
        f"(load(path, {kind}), or --model path/to/model.py:{kind})."
    )
