"""The perceptron on logic functions: what one line can and cannot separate."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from equilearn.data import logic
from equilearn.labs import Figures, Lab, Part
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure
from equilearn.whitebox.perceptron import Perceptron as Layer
from equilearn.whitebox.perceptron import with_bias

FUNCTIONS = ("or", "and", "xor")


class Perceptron(Lab):
    """The perceptron: OR and AND are learnt, XOR never; the lines drawn."""

    seeds: int = 100
    """Random starts."""
    iterations: int = 1000
    """Iterations after which a start counts as failed."""
    rate: float = 0.25

    seconds = 10
    bounds: ClassVar = {"seeds": (1, 10_000), "iterations": (1, 1_000_000), "rate": (1e-6, 1e6)}

    def parts(self) -> dict[str, Part]:
        """Train on each truth table from many starts."""
        return {name: lambda _, name=name: self._train(name) for name in FUNCTIONS}

    def _train(self, name: str) -> dict[str, Any]:
        """Return the iterations that every start needed, and the best line that any of them drew on its way."""
        x, t = logic(name)
        needed, lines = [], []
        for seed in range(self.seeds):
            layer = Layer.fresh(2, 1, seed=seed)
            early = copy.deepcopy(layer)
            for _ in range(min(self.iterations, 20)):  # in steps of one, to see every line
                lines.append(early.weights[:, 0])
                early.train(x, t, rate=self.rate, iterations=1)
            needed.append(layer.train(x, t, rate=self.rate, iterations=self.iterations))
            lines.append(layer.weights[:, 0])
        best = max(lines, key=lambda weights: _merit(weights, x, t))
        return {"needed": needed, "line": best, "right": _merit(best, x, t)[0]}

    def report(self, made: Figures) -> Findings:
        """Return the table of starts and the lines."""
        findings = Findings("One neuron draws one straight line.")
        rows = []
        figure, axes = new_figure(1, 3)
        for axis, name in zip(axes, FUNCTIONS, strict=True):
            x, t = logic(name)
            needed, right = made[name]["needed"], made[name]["right"]
            solved = [n for n in needed if n < self.iterations]
            median = float(np.median(solved)) if solved else float("nan")
            majority = int(max(t.sum(), len(t) - t.sum()))
            most = max(solved) if solved else float("nan")
            rows.append([name.upper(), f"{len(solved)} of {self.seeds}", median, most, f"{right} of 4",
                         f"{majority} of 4"])  # fmt: skip
            _draw(axis, np.array(made[name]["line"]), x, t, f"{name.upper()}: {right} of 4 right")
        findings.table(
            "Starts solved, iterations needed by these, rows of the truth table that the best of all lines drawn has "
            "right, and those that the more frequent answer has right",
            ["function", "solved", "median", "most", "best line", "more frequent"], rows,
        )  # fmt: skip
        findings.figure(
            "Decision lines: of all that were drawn, random starts included, the one that is right most often and "
            "keeps the greatest distance from the points; blue where the neuron fires, crosses are wrong", figure
        )  # fmt: skip
        findings.text(
            "A line separates the true from the false points of OR and AND, so the rule stops after finitely many "
            "corrections (Rosenblatt's theorem), wherever it then is: nothing asks it to keep away from the points. No "
            "line separates XOR: of any line, at least one of the four points lies on the wrong side, and the rule "
            "corrects for ever."
        )
        findings.result["solved"] = {row[0]: row[1] for row in rows}
        findings.result["best_line_right"] = {name.upper(): made[name]["right"] for name in FUNCTIONS}
        return findings


def _merit(weights: np.ndarray, x: np.ndarray, t: np.ndarray) -> tuple[int, float]:
    """Return how many points a line has right, and its distance from the nearest."""
    sums = with_bias(x) @ weights
    return int(((sums > 0) == (t[:, 0] > 0)).sum()), float(np.abs(sums).min() / max(np.hypot(*weights[:2]), 1e-12))


def _draw(axis: Axes, line: np.ndarray, x: np.ndarray, t: np.ndarray, title: str) -> None:
    """Draw the points and the two sides of the line where the neuron's sum is zero."""
    grid = np.linspace(-0.5, 1.5, 201)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    sums = (with_bias(points) @ line).reshape(201, 201)
    axis.contourf(grid, grid, sums > 0, levels=[-0.5, 0.5, 1.5], cmap=ListedColormap(["#f7e4df", "#dcebf5"]))
    axis.contour(grid, grid, sums, levels=[0.0], colors="black", linewidths=1.2)
    for value, marker, colour in ((0, "o", COLOURS[3]), (1, "s", COLOURS[0])):
        chosen = t[:, 0] == value
        axis.plot(*x[chosen].T, marker, color=colour, markersize=9, label=str(value))
    wrong = (with_bias(x) @ line > 0) != (t[:, 0] > 0)
    axis.plot(*x[wrong].T, "x", color="black", markersize=13, markeredgewidth=2)
    axis.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xlabel="$x_1$", ylabel="$x_2$", title=title)
    axis.set(xticks=[0, 1], yticks=[0, 1], aspect="equal")
    axis.grid(visible=False)
    axis.legend(frameon=False, fontsize=8, loc="center", title="answer", title_fontsize=8)
