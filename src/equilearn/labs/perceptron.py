"""The perceptron on logic functions: what one line can and cannot separate."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from equilearn.data import logic
from equilearn.labs import Lab
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.whitebox.perceptron import Perceptron as Layer
from equilearn.whitebox.perceptron import confusion


class Perceptron(Lab):
    """The perceptron: OR and AND are learnt, XOR never; the lines drawn."""

    seeds: int = 100
    """Random starts."""
    iterations: int = 1000
    """Iterations after which a start counts as failed."""
    rate: float = 0.25

    def run(self) -> Findings:
        """Train on each truth table from many starts."""
        findings = Findings("One neuron draws one straight line.")
        rows = []
        figure, axes = new_figure(1, 3)
        for axis, name in zip(axes, ("or", "and", "xor"), strict=True):
            x, t = logic(name)
            needed = []
            for seed in range(self.seeds):
                layer = Layer.fresh(2, 1, seed=seed)
                needed.append(layer.train(x, t, rate=self.rate, iterations=self.iterations))
            solved = [n for n in needed if n < self.iterations]
            matrix = confusion(t[:, 0].astype(int), layer.recall(x)[:, 0].astype(int), 2)
            median = float(np.median(solved)) if solved else float("nan")
            rows.append(
                [name.upper(), f"{len(solved)} of {self.seeds}", median, max(solved, default=0), str(matrix.tolist())]
            )
            _line(axis, layer, x, t, name.upper())
        findings.table("Starts solved, iterations needed, and the last start's confusion matrix (rows actual)",
                       ["function", "solved", "median", "most", "confusion"], rows)  # fmt: skip
        findings.figure("Decision lines: the last start of each function", figure)
        findings.text(
            "A plane separates the true from the false points of OR and AND, so the rule stops after finitely many "
            "corrections (Rosenblatt's theorem). No line separates XOR: of any line, at least one of the four "
            "points lies on the wrong side, and the rule corrects for ever. Always answering the more frequent "
            "class is right in three of four rows of OR and AND, and in two of four of XOR."
        )
        findings.result["solved"] = {row[0]: row[1] for row in rows}
        return findings


def _line(axis: Axes, layer: Layer, x: np.ndarray, t: np.ndarray, title: str) -> None:
    """Draw points and the line where the neuron's sum is zero."""
    for value, marker, colour in ((0, "o", COLOURS[3]), (1, "s", COLOURS[0])):
        chosen = t[:, 0] == value
        axis.plot(*x[chosen].T, marker, color=colour, markersize=9, label=str(value))
    w1, w2, bias = layer.weights[:, 0]
    grid = np.linspace(-0.5, 1.5, 2)
    axis.plot(grid, (bias - w1 * grid) / w2, color="black", linewidth=1)
    axis.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5), xlabel="$x_1$", ylabel="$x_2$", title=title)
    axis.legend(frameon=False, fontsize=8, loc="center")
