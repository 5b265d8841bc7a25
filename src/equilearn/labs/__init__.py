"""The exercises of the course: settings in, tables and figures out.

A lab (`lab.py`) is a frozen dataclass whose fields are its settings; its work is done in named parts, which are kept
in its folder as they are finished (`parts.py`). Listing the labs imports none of them.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from equilearn.catalogue import constants, describe
from equilearn.errors import UserError
from equilearn.labs.lab import Figures, Lab, Part, from_starts

__all__ = ["LABS", "Figures", "Lab", "Part", "descriptions", "duration", "find", "from_starts"]

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
