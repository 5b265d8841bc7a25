"""Gradient descent on one number, on fifteen crickets, and on half a million points; every optimiser on one surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.data import crickets
from equilearn.errors import UserError
from equilearn.labs import Lab
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.whitebox.descent import (
    AdaGrad,
    Adam,
    Decaying,
    LineSearch,
    Momentum,
    Nesterov,
    Newton,
    RMSProp,
    Rule,
    descend,
)

MINIMUM = 4 / 3


def cubic(x: Float[ndarray, " 1"]) -> float:
    """Return x^3 - 2 x^2 + 2, whose local minimum is at 4/3."""
    return float(x[0] ** 3 - 2 * x[0] ** 2 + 2)


def cubic_slope(x: Float[ndarray, " 1"]) -> Float[ndarray, " 1"]:
    """Return 3 x^2 - 4 x."""
    return 3 * x**2 - 4 * x


def rosenbrock(x: ndarray) -> ndarray:
    """Return (1 - x_1)^2 + 100 (x_2 - x_1^2)^2, a curved valley with its minimum at (1, 1)."""
    return (1 - x[..., 0]) ** 2 + 100 * (x[..., 1] - x[..., 0] ** 2) ** 2


def rosenbrock_slope(x: Float[ndarray, " 2"]) -> Float[ndarray, " 2"]:
    """Return the gradient of Rosenbrock's function."""
    a, b = x
    return np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


class GradientDescent(Lab):
    """Gradient descent: three step rules, crickets, the noise floor of stochastic steps, all optimisers compared."""

    samples: int = 500_000
    """Points of the stochastic example."""
    rate: float = 5e-6
    """Learning rate of the stochastic example."""
    seed: int = 0

    def run(self) -> Findings:
        """Go through the examples of the course's first notebook."""
        findings = Findings("Following the slope downhill: what the length of a step decides.")
        self._one_number(findings)
        self._crickets(findings)
        self._stochastic(findings)
        self._surfaces(findings)
        return findings

    def _one_number(self, findings: Findings) -> None:
        findings.heading("One number: x^3 - 2 x^2 + 2 from x = 2")
        rules: dict[str, Rule] = {
            "fixed 0.1": Rule(0.1),
            "line search": LineSearch(0.3, cost=cubic),
            "decaying 0.17 / (1 + 0.1 t)": Decaying(0.17, decay=0.1),
            "Newton-Raphson": Newton(hessian=lambda x: np.diag(6 * x - 4)),
            "fixed 0.005 (crawls)": Rule(0.005),
        }
        rows, figure_axis = [], new_figure()
        figure, axis = figure_axis
        for (name, rule), colour in zip(rules.items(), COLOURS, strict=False):
            path = np.array(list(descend(rule, cubic_slope, [2.0], steps=5000, tolerance=1e-10)))[:, 0]
            error = np.abs(path - MINIMUM)
            rows.append([name, len(path) - 1, float(path[-1]), float(error[-1])])
            axis.plot(np.maximum(error[:60], 1e-16), "-o", markersize=2, color=colour, label=name)
        axis.set(xlabel="step", ylabel="distance from 4/3", yscale="log")
        axis.legend(frameon=False, fontsize=7)
        findings.table("Steps until the slope is below 1e-10", ["rule", "steps", "x", "error"], rows)
        findings.figure("Convergence on one number: distance from the minimum", figure)
        far = list(descend(Rule(0.6), cubic_slope, [2.0], steps=6))
        findings.text(
            f"With a step of 0.6 the path is {', '.join(f'{x[0]:.3g}' for x in far)}: it leaves the valley for good, "
            "since the cubic has no lowest point."
        )
        findings.result["one_number"] = {row[0]: {"steps": row[1], "x": row[2]} for row in rows}

    def _crickets(self, findings: Findings) -> None:
        findings.heading("Crickets: temperature from chirps, by batch gradient descent")
        try:
            chirps, degrees = crickets()
        except UserError as error:
            findings.text(f"Left out: {error}")
            return
        design = np.stack([np.ones_like(chirps), chirps], axis=1)
        exact = np.linalg.lstsq(design, degrees, rcond=None)[0]
        hessian = design.T @ design / len(chirps)
        values = np.linalg.eigvalsh(hessian)
        theta, steps = raw_descent(design, degrees, rate=1e-3, tolerance=1e-3)
        z = np.stack([np.ones_like(chirps), (chirps - chirps.mean()) / chirps.std()], axis=1)
        _, quick = raw_descent(z, degrees, rate=1.0, tolerance=1e-3)
        findings.table(
            "Least squares is the exact answer; both descents stop at a gradient of 1e-3",
            ["method", "intercept", "slope", "steps"],
            [
                ["least squares", float(exact[0]), float(exact[1]), 0],
                ["descent, rate 0.001", float(theta[0]), float(theta[1]), steps],
            ],
        )
        findings.text(
            f"The curvatures are {values[0]:.5f} and {values[1]:.2f}: a condition number of "
            f"{values[1] / values[0]:,.0f}, so steps above {2 / values[1]:.4f} diverge and the flat direction takes "
            f"{steps:,} steps. With the chirps standardised both curvatures are one, and {quick} "
            f"step{'s' if quick > 1 else ''} of length one suffice."
        )
        findings.result["crickets"] = {"intercept": theta[0], "slope": theta[1], "steps": steps, "standardised": quick}

    def _stochastic(self, findings: Findings) -> None:
        findings.heading("One sample at a time: y = 4 x + 10 + noise of variance 100")
        rng = np.random.default_rng(self.seed)
        x = rng.uniform(0, 100, self.samples)
        y = 4 * x + 10 + 10 * rng.normal(size=self.samples)
        a, b, costs, window = 1.0, 1.0, [], max(1, self.samples // 50)
        for _ in range(4):
            order = rng.permutation(self.samples)  # a new order every epoch
            total = 0.0
            for i, (xi, yi) in enumerate(zip(x[order].tolist(), y[order].tolist(), strict=True), start=1):
                gap = a + b * xi - yi
                total += 0.5 * gap * gap
                a, b = a - self.rate * gap, b - self.rate * gap * xi
                if i % window == 0:
                    costs.append(total / window)
                    total = 0.0
        slope, intercept = np.polyfit(x, y, 1)
        figure, axis = new_figure()
        axis.plot(np.arange(1, len(costs) + 1) * window, costs, color=COLOURS[0], label="cost, mean of a window")
        axis.axhline(50, color=COLOURS[3], linestyle="--", label="noise floor, 50")
        axis.set(xlabel="steps", ylabel="cost", yscale="log")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("Stochastic descent: the cost falls to half the variance of the noise", figure)
        findings.table("After four epochs", ["", "intercept", "slope"],
                       [["stochastic descent", a, b], ["least squares", float(intercept), float(slope)]])  # fmt: skip
        findings.text(f"The last window's cost is {costs[-1]:.1f}; no line can get below 50.")
        findings.result["stochastic"] = {"intercept": a, "slope": b, "last_cost": costs[-1]}

    def _surfaces(self, findings: Findings) -> None:
        findings.heading("All optimisers on the same surfaces")
        quadratic = np.array([1.0, 30.0])
        surfaces: dict[str, tuple[Any, Any, list[float], ndarray]] = {
            "long bowl": (lambda x: 0.5 * np.sum(quadratic * x**2, -1), lambda x: quadratic * x, [-2.0, 1.0],
                          np.zeros(2)),
            "Rosenbrock's valley": (rosenbrock, rosenbrock_slope, [-1.2, 1.0], np.ones(2)),
        }  # fmt: skip
        rates = {"long bowl": 0.03, "Rosenbrock's valley": 1e-3}
        rows = []
        for surface, (cost, slope, start, best) in surfaces.items():
            rate = rates[surface]
            rules = {
                "gradient descent": Rule(rate),
                "momentum": Momentum(rate, m=0.9),
                "Nesterov": Nesterov(rate, m=0.9),
                "AdaGrad": AdaGrad(0.5),
                "RMSProp": RMSProp(0.01),
                "Adam": Adam(0.05),
            }
            figure, axis = new_figure()
            for (name, rule), colour in zip(rules.items(), COLOURS, strict=True):
                path = np.array(list(descend(rule, slope, start, steps=3000)))
                gap = cost(path) - cost(best[None])
                near = np.flatnonzero(gap < 1e-4)
                rows.append([surface, name, int(near[0]) if near.size else "-", float(gap[-1])])
                axis.plot(np.maximum(gap[:1000], 1e-12), color=colour, label=name)
            axis.set(xlabel="step", ylabel="cost above the minimum", yscale="log")
            axis.legend(frameon=False, fontsize=7)
            findings.figure(f"{surface}: cost above the minimum", figure)
        findings.table("Steps to come within 1e-4 of the lowest cost, and the gap after 3,000",
                       ["surface", "rule", "steps", "last gap"], rows)  # fmt: skip
        findings.result["surfaces"] = [dict(zip(("surface", "rule", "steps", "gap"), row, strict=True)) for row in rows]


def raw_descent(
    design: Float[ndarray, "n 2"], target: Float[ndarray, " n"], *, rate: float, tolerance: float
) -> tuple[Float[ndarray, " 2"], int]:
    """Return the coefficients and the steps of batch descent on 1/(2 n) sum (h - y)^2 from (1, 1)."""
    h, g = design.T @ design / len(target), design.T @ target / len(target)
    (a, b), (h00, h01, h11), (g0, g1) = (1.0, 1.0), (h[0, 0], h[0, 1], h[1, 1]), g.tolist()
    for step in range(10_000_000):
        d0, d1 = h00 * a + h01 * b - g0, h01 * a + h11 * b - g1
        if d0 * d0 + d1 * d1 <= tolerance**2:
            return np.array([a, b]), step
        a, b = a - rate * d0, b - rate * d1
    raise UserError(f"gradient-descent: no convergence with a rate of {rate}.")
