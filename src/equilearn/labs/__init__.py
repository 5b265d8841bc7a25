"""The exercises of the course: settings in, tables and figures out.

A lab (`lab.py`) is a frozen dataclass whose fields are its settings; its work is done in named parts, which are kept
in its folder as they are finished (`parts.py`). Listing the labs imports none of them.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from equilearn.catalogue import constants, describe
from equilearn.errors import UserError
from equilearn.labs.lab import Figures, Lab, Part, from_starts

if TYPE_CHECKING:
    from equilearn.report import Findings

__all__ = ["LABS", "Figures", "Lab", "Part", "descriptions", "duration", "find", "from_starts", "run", "stored"]

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
    "forecast": "forecast:Forecast",
    "images": "images:Images",
    "ball": "ball:Ball",
    "gan": "gan:GAN",
    "memory": "memory:Memory",
    "text": "text:Text",
    "translate": "translate:Translate",
    "sentiment": "sentiment:Sentiment",
    "similar": "similar:Similar",
    "gridworld": "gridworld:GridworldLab",
    "bellman": "bellman:Bellman",
    "cartpole": "cartpole:CartPoleLab",
    "pendulum": "pendulum:PendulumLab",
    "steering": "steering:SteeringLab",
    "breakout": "breakout:Breakout",
    "reward": "reward:Reward",
    "selfplay": "selfplay:SelfPlayLab",
    "carbon-tax": "carbon_tax:CarbonTax",
    "borrowing": "borrowing:Borrowing",
}
"""Name -> file of this folder and class in it."""


def descriptions() -> dict[str, str]:
    """Return the first line of every lab's docstring and how long it takes, by name, without importing the labs."""
    folder = Path(__file__).parent
    seconds, longer = (constants(LABS, folder, attribute) for attribute in ("seconds", "full_seconds"))
    return {
        name: f"{text.rstrip('.')} ({duration(seconds[name], longer[name])})."
        for name, text in describe(LABS, folder).items()
    }


def duration(seconds: int, longer: int | None) -> str:
    """Return what a lab takes, in words."""

    def words(seconds: int) -> str:
        return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min"

    return f"about {words(seconds)}" + (f", with --full {words(longer)}" if longer else "")


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
    from equilearn.labs.parts import identity
    from equilearn.learn.files import write_atomically, writing
    from equilearn.learn.identity import difference
    from equilearn.report import write_findings
    from equilearn.runs import SETTINGS, versions

    lab.learns_from()
    settings = dataclasses.asdict(lab)  # pyright: ignore[reportArgumentType]
    with writing(folder):
        if (folder / SETTINGS).exists():
            there = stored(folder)
            if there is None:
                raise UserError(f"{folder}: holds another run already; choose another --out.")
            if found := difference(identity(there[1]), identity(lab)):
                raise UserError(f"{folder}: holds another run already: {found}; choose another --out.")
        else:
            text = json.dumps({"lab": name, "settings": settings}, indent=2) + "\n"
            write_atomically(folder / SETTINGS, text.encode())
        findings = lab.run(folder, title=name)
        write_findings(folder, name, findings, {"settings": settings, "versions": versions()})
    return findings


def stored(folder: Path) -> tuple[str, Lab] | None:
    """Return the name and the settings of the lab in a run folder; None where it holds none.

    Raises:
        UserError: the folder's lab has other settings than this version's, or wrong ones.
    """
    from equilearn.runs import SETTINGS

    try:
        content = json.loads((folder / SETTINGS).read_text())
        name, settings = content["lab"], content["settings"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    try:
        return name, find(name)(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    except (TypeError, AttributeError):
        raise UserError(f"{folder}: the lab {name} has other settings than this version's; do it anew.") from None
