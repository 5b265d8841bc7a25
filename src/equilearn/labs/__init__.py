"""The exercises of the course: settings in, tables and figures out.

A lab is a frozen dataclass whose fields are its settings and whose `run` returns `Findings`. Listing the labs imports
none of them.
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
    """Run a lab in a new run folder, or anew in its own; write settings, result, figures and report.

    Raises:
        UserError: the folder holds another run, or cannot be written.
    """
    from equilearn.learn.checkpoint import write_atomically
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
    findings = lab.run()
    write_findings(folder, name, findings, {"settings": settings["settings"], "versions": versions()})
    return findings
