"""The exercises of the course: settings in, tables and figures out.

A lab is a frozen dataclass whose fields are its settings and whose `run` returns `Findings`. Listing the labs imports
none of them. Labs that solve economies keep those runs in their folder, so that they resume; the others take seconds.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, dataclass_transform

from equilearn.catalogue import describe
from equilearn.errors import UserError

if TYPE_CHECKING:
    from equilearn.equilibrium import Model, Solution, SolveSettings
    from equilearn.report import Findings

LABS = {
    "gradient-descent": "gradient_descent:GradientDescent",
    "perceptron": "perceptron:Perceptron",
    "mlp": "mlp:MLP",
    "approximation": "approximation:Approximation",
    "regression": "regression:Regression",
    "classification": "classification:Classification",
    "genz": "genz:Genz",
    "gradients": "gradients:Gradients",
    "landscape": "landscape:Landscape",
    "overfitting": "overfitting:Overfitting",
    "tabular": "tabular:Tabular",
    "dimension": "dimension:Dimension",
    "carbon-tax": "carbon_tax:CarbonTax",
    "borrowing": "borrowing:Borrowing",
}
"""Name -> file of this folder and class in it."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Lab(abc.ABC):
    """An exercise; subclasses are frozen dataclasses whose fields are its settings."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        """Check that what counts something counts at least one.

        Raises:
            UserError: a whole number (but the seed) is below one.
        """
        for name, value in vars(self).items():
            for number in value if isinstance(value, tuple) else (value,):
                if type(number) is int and number < (0 if name == "seed" else 1):
                    raise UserError(f"{type(self).__name__}: {name} must be at least 1, not {number}.")

    @abc.abstractmethod
    def run(self) -> Findings:
        """Do the exercise; return what it found."""


class EconomyLab(Lab):
    """An exercise that solves economies: its runs are kept in a folder, and resume from there."""

    @abc.abstractmethod
    def run_in(self, folder: Path | None) -> Findings:
        """Do the exercise with runs kept in a folder; None keeps nothing."""

    def run(self) -> Findings:
        """Do the exercise without a folder."""
        return self.run_in(None)


def solve_in(folder: Path | None, name: str, model: Model, settings: SolveSettings, seed: int) -> Solution:
    """Solve a model; with a folder, keep the run there under its name, and go on with it where it is there already."""
    from equilearn.equilibrium import solve

    kept = None if folder is None else folder / "runs" / name
    return solve(model, seed=seed, settings=settings, folder=kept, resume=True)


def descriptions() -> dict[str, str]:
    """Return the first line of every lab's docstring, by name, without importing the labs."""
    return describe(LABS, Path(__file__).parent)


def find(name: str) -> type[Lab]:
    """Return a lab's class by its name.

    Raises:
        UserError: there is no such lab.
    """
    if name not in LABS:
        raise UserError(f"{name}: no such lab; there are {', '.join(LABS)}.")
    file, kind = LABS[name].split(":")
    return getattr(importlib.import_module(f"equilearn.labs.{file}"), kind)


def run(name: str, lab: Lab, folder: Path) -> Findings:
    """Run a lab in a new run folder, or go on in its own; write settings, result, figures and report.

    Raises:
        UserError: the folder holds another run, or cannot be written.
    """
    from equilearn.learn.files import write_atomically
    from equilearn.report import write_findings
    from equilearn.runs import SETTINGS, versions

    settings = {"lab": name, "settings": dataclasses.asdict(lab)}  # pyright: ignore[reportArgumentType]
    text = json.dumps(settings, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / SETTINGS).exists() and (folder / SETTINGS).read_text() != text:
            raise UserError(f"{folder}: holds another run already; choose another --out.")
        write_atomically(folder / SETTINGS, text.encode())
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}).") from None
    findings = lab.run_in(folder) if isinstance(lab, EconomyLab) else lab.run()
    write_findings(folder, name, findings, {"settings": settings["settings"], "versions": versions()})
    return findings


def stored(folder: Path) -> tuple[str, Lab] | None:
    """Return the name and the settings of the lab in a run folder; None where it holds none.

    Raises:
        UserError: the folder's lab has other settings than this version's.
    """
    from equilearn.runs import SETTINGS

    try:
        content = json.loads((folder / SETTINGS).read_text())
        name, settings = content["lab"], content["settings"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    try:
        return name, find(name)(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except (TypeError, AttributeError):
        raise UserError(f"{folder}: the lab {name} has other settings than this version's; do it anew.") from None
