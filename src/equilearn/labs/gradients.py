"""Vanishing and exploding gradients, measured layer by layer.

    h_l = a_{l-1} W_l,  a_l = g(h_l),   delta_l = d cost / d h_l = (delta_{l+1} W_{l+1}') * g'(h_l)

The weights' gradient, a_{l-1}' delta_l, mixes two trends: signals that grow with depth can hide errors that shrink on
their way back. What a layer far from the output is told is delta alone, so that is what is measured, in double
precision.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import numpy as np
from matplotlib.ticker import MaxNLocator

from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure
from equilearn.whitebox.activations import ACTIVATIONS
from equilearn.whitebox.initialisation import glorot, he, normal
from equilearn.whitebox.mlp import MLP

CASES: dict[str, tuple[str, Any]] = {
    "sigmoid, normal(0, 1)": ("sigmoid", normal),
    "sigmoid, Glorot": ("sigmoid", glorot),
    "tanh, normal(0, 0.01)": ("tanh", lambda i, o, rng: normal(i, o, rng, sigma=0.01)),
    "tanh, Glorot": ("tanh", glorot),
    "ReLU, normal(0, 1)": ("relu", normal),
    "ReLU, He": ("relu", he),
}
SAMPLES = 100
FAR = 100.0
"""An error that is so many times larger or smaller in the first layer than in the last has exploded or vanished."""


def verdict(ratio: float) -> str:
    """Return what a ratio of the first hidden layer's error to the last one's means."""
    return "vanishes" if ratio < 1 / FAR else "explodes" if ratio > FAR else "stays"


def root_mean_square(x: np.ndarray) -> float:
    """Return the root of the mean square, also of numbers whose squares are too large or too small."""
    largest = float(np.abs(x).max()) or 1.0
    return largest * float(np.sqrt(np.mean((x / largest) ** 2)))


class Gradients(Lab):
    """Vanishing and exploding gradients: sizes of signals and of back-propagated errors in every layer at the start."""

    depth: int = 20
    """Hidden layers."""
    width: int = 100
    seeds: int = 10

    seconds = 10
    bounds: ClassVar = {"depth": (2, 300), "width": (1, 2000), "seeds": (1, 1000)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0.5 * self.depth * math.log10(max(self.width, 10)) > 290:
            raise UserError(
                f"Gradients: {self.depth} layers of {self.width} units: their numbers exceed double precision."
            )

    def parts(self) -> dict[str, Part]:
        """Measure every case."""
        return {name: lambda _, name=name: self._measure(*CASES[name]) for name in CASES}

    def _measure(self, activation: str, initialiser: Any) -> dict[str, Any]:
        """Return root mean squares, a row a seed, by layer: of the signals, and of the errors sent back."""
        signals, errors = [], []
        sizes = [self.width] * (self.depth + 1) + [1]
        for seed in range(self.seeds):
            rng = np.random.default_rng(seed)
            net = MLP(
                [initialiser(i, o, rng) for i, o in itertools.pairwise(sizes)],
                [np.zeros(o) for o in sizes[1:]], ACTIVATIONS[activation], "linear",
            )  # fmt: skip
            hs, outs, _ = net.forward(rng.normal(size=(SAMPLES, self.width)))
            deltas: list[float] = []
            delta = rng.normal(size=(SAMPLES, 1))  # errors of size one at the output
            for layer in reversed(range(self.depth)):
                delta = (delta @ net.weights[layer + 1].T) * net.activation.derivative(hs[layer])
                deltas.insert(0, root_mean_square(delta))
            signals.append([root_mean_square(a) for a in outs[1:]])
            errors.append(deltas)
        return {"signals": signals, "errors": errors}

    def report(self, made: Figures) -> Findings:
        """Return the sizes by layer and a verdict for each case."""
        findings = Findings("Why deep networks could not be trained, and what an initialisation does about it.")
        figure, axes = new_figure(1, 2, height=4.2)
        rows, ratios = [], {}
        layers = np.arange(1, self.depth + 1)
        for name, colour in zip(CASES, COLOURS, strict=True):
            signals, errors = (np.array(made[name][key]) for key in ("signals", "errors"))
            for axis, sizes in zip(axes, (signals, errors), strict=True):
                axis.plot(layers, np.median(sizes, axis=0), color=colour, label=name)
                axis.fill_between(layers, sizes.min(axis=0), sizes.max(axis=0), color=colour, alpha=0.15, linewidth=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(errors[:, -1] > 0, errors[:, 0] / errors[:, -1], 0.0)
            middle = float(np.median(ratio))
            per_layer = middle ** (1 / (self.depth - 1))
            alike = sum(verdict(float(one)) == verdict(middle) for one in ratio)
            rows.append([name, float(np.median(signals[:, -1])), middle, float(ratio.min()), float(ratio.max()),
                         float(per_layer), verdict(middle), f"{alike} of {self.seeds}"])  # fmt: skip
            ratios[name] = middle
        for axis, label in zip(axes, ("signal", "error sent back"), strict=True):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set(xlabel="hidden layer", ylabel=f"root mean square of the {label}", yscale="log")
        axes[0].legend(frameon=False, fontsize=7)
        findings.figure(f"Sizes in {self.depth} hidden layers: signals forwards, errors of size one sent backwards; "
                        f"medians and range of {self.seeds} seeds", figure)  # fmt: skip
        findings.table(
            f"Signal in the last hidden layer; error in the first hidden layer over that in the last (median, lowest "
            f"and highest of {self.seeds} seeds); its factor a layer; 'vanishes' is below 1/{FAR:.0f}, 'explodes' "
            f"above {FAR:.0f}",
            ["activation, weights", "signal", "first / last error", "lowest", "highest", "a layer", "the error",
             "seeds that agree"], rows,
        )  # fmt: skip
        findings.text(self._words(rows))
        findings.result["ratio"] = ratios
        findings.result["verdict"] = {row[0]: row[6] for row in rows}
        return findings

    def _words(self, rows: list[list[Any]]) -> str:
        """Return what the verdicts say."""
        factors = {row[0]: row[5] for row in rows}
        by_verdict = {what: [row[0] for row in rows if row[6] == what] for what in ("vanishes", "explodes", "stays")}
        lists = "; ".join(
            f"it {what} with " + ", ".join(map(repr, names)) for what, names in by_verdict.items() if names
        )
        return (
            f"On its way back through {self.depth} layers the error is multiplied, in each, by the weights and by the "
            f"activation's slope, so it changes geometrically: {lists}. A sigmoid's slope is at most a quarter: with "
            "Glorot's weights, whose own factor is about one, each layer leaves "
            f"{factors['sigmoid, Glorot']:.2g} of the error. Behind a tanh, weights of N(0, 0.01) multiply it by "
            f"{factors['tanh, normal(0, 0.01)']:.2g} a layer; behind a ReLU, weights of N(0, 1) multiply it by "
            f"{factors['ReLU, normal(0, 1)']:.2g}. Glorot's variance for tanh and He's for ReLU are chosen so that the "
            f"factor is about one: here {factors['tanh, Glorot']:.2f} and {factors['ReLU, He']:.2f}."
        )
