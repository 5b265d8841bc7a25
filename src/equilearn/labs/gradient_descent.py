"""Gradient descent on one number, on fifteen crickets, and on half a million points; every optimiser on one surface."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.data import crickets
from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure
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
    starts: int = 10
    """Starting points of the comparison of all optimisers."""
    seed: int = 0

    seconds = 15
    bounds: ClassVar = {"samples": (50, 10_000_000), "rate": (1e-12, 2e-4), "starts": (1, 1000)}
    """A rate of 2 / (1 + 100^2) or more makes single steps overshoot until nothing is finite."""

    def parts(self) -> dict[str, Part]:
        """Go through the examples of the course's first notebook."""
        parts: dict[str, Part] = {"one number": lambda _: _one_number()}
        if not _missing():
            parts["crickets"] = lambda _: _crickets()
        parts["one sample at a time"] = lambda _: self._stochastic()
        return parts | {f"all optimisers: {surface}": lambda _, s=surface: self._surface(s) for surface in SURFACES}

    def _stochastic(self) -> dict[str, Any]:
        """Return the mean costs of windows of stochastic descent, where it ended, and least squares."""
        rng = np.random.default_rng(self.seed)
        x = rng.uniform(0, 100, self.samples)
        y = 4 * x + 10 + 10 * rng.normal(size=self.samples)
        a, b, costs, window = 1.0, 1.0, [], self.samples // 50
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
        least = 0.5 * float(np.mean((slope * x + intercept - y) ** 2))
        naive = 0.5 * float(np.var(y))
        return {"descent": [a, b], "costs": costs, "window": window, "least squares": [intercept, slope],
                "least cost": least, "naive cost": naive}  # fmt: skip

    def _surface(self, surface: str) -> dict[str, Any]:
        """Return, by rule, the steps that every start needs, its last gap, and the first start's gaps on the way."""
        cost, slope, first, best, _ = SURFACES[surface]
        others = np.random.default_rng(self.seed).uniform(-1.2, 1.2, (self.starts - 1, 2))
        result = {}
        for name, rule in _rules(surface).items():
            needed, last, drawn = [], [], []
            for start in [first, *others.tolist()]:
                path = np.array(list(descend(rule, slope, start, steps=STEPS)))
                gap = cost(path) - cost(best[None])
                near = np.flatnonzero(gap < NEAR)
                needed.append(int(near[0]) if near.size else None)
                last.append(float(gap[-1]))
                drawn = drawn or np.maximum(gap[:1000], 1e-12).tolist()
            result[name] = {"needed": needed, "last": last, "drawn": drawn}
        return result

    def report(self, made: Figures) -> Findings:
        """Return the four examples."""
        findings = Findings("Following the slope downhill: what the length of a step decides.")
        _report_one_number(findings, made["one number"])
        findings.heading("Crickets: temperature from chirps, by batch gradient descent")
        if "crickets" in made:
            _report_crickets(findings, made["crickets"])
        else:
            findings.text(f"Left out: {_missing()}")
        self._report_stochastic(findings, made["one sample at a time"])
        self._report_surfaces(findings, {surface: made[f"all optimisers: {surface}"] for surface in SURFACES})
        return findings

    def _report_stochastic(self, findings: Findings, made: dict[str, Any]) -> None:
        findings.heading("One sample at a time: y = 4 x + 10 + noise of variance 100")
        costs, window = made["costs"], made["window"]
        figure, axis = new_figure()
        axis.plot(np.arange(1, len(costs) + 1) * window / 1000, costs, color=COLOURS[0], label="cost, mean of a window")
        axis.axhline(50, color=COLOURS[3], linestyle="--", label="noise floor, 50")
        axis.set(xlabel="thousand steps", ylabel="cost", ylim=(min(40.0, 0.9 * min(costs)), 2 * max(costs[1:])))
        axis.legend(frameon=False, fontsize=8)
        findings.figure("Stochastic descent: mean cost of every window, and half the variance of the noise", figure)
        rows = [["stochastic descent, four epochs", *made["descent"], costs[-1]],
                ["least squares", *made["least squares"], made["least cost"]],
                ["the mean of y", float("nan"), float("nan"), made["naive cost"]]]  # fmt: skip
        findings.table(f"Coefficients and cost: descent's over the last window of {window:,} steps, the others' over "
                       f"all {self.samples:,} points", ["", "intercept", "slope", "cost"], rows)  # fmt: skip
        below = sum(cost < 50 for cost in costs)
        findings.text(
            f"The noise floor of 50 is an expectation: no line has an expected cost below half the variance of the "
            f"noise. The mean over a finite sample can: over a window it scatters around its expectation with a "
            f"standard deviation of {50 * np.sqrt(2 / window):.2g}, and {below} of {len(costs)} windows are below 50. "
            f"The last window's cost is {costs[-1]:.1f}."
        )
        findings.result["stochastic"] = {"intercept": made["descent"][0], "slope": made["descent"][1],
                                         "last_cost": costs[-1], "windows_below_floor": below}  # fmt: skip

    def _report_surfaces(self, findings: Findings, made: dict[str, Any]) -> None:
        findings.heading("All optimisers on the same surfaces")
        rows, result = [], []
        for surface, by_rule in made.items():
            figure, axis = new_figure()
            for (name, one), colour in zip(by_rule.items(), COLOURS, strict=True):
                axis.plot(one["drawn"], color=colour, label=name)
                came = [steps for steps in one["needed"] if steps is not None]
                middle = float(np.median([STEPS + 1 if n is None else n for n in one["needed"]]))
                least, most = (str(min(came)), str(max(came))) if came else ("-", "-")
                rate, typical = f"{_rules(surface)[name].eta:g}", f"{middle:.0f}" if middle <= STEPS else "-"
                rows.append([surface, name, rate, f"{len(came)} of {self.starts}", typical, least, most,
                             float(np.median(one["last"]))])  # fmt: skip
                result.append({"surface": surface, "rule": name, "steps": one["needed"], "gap": one["last"]})
            axis.set(xlabel="step", ylabel="cost above the minimum", yscale="log")
            axis.legend(frameon=False, fontsize=7)
            findings.figure(f"{surface}: cost above the minimum, from the first start", figure)
        findings.table(
            f"Starts that come within {NEAR:g} of the lowest cost in {STEPS:,} steps; the steps needed, median over "
            "all starts, lowest and highest of those that arrive; median gap at the end. Rates are chosen by hand, one "
            "for each rule and surface",
            ["surface", "rule", "rate", "arrive", "steps", "lowest", "highest", "last gap"], rows,
        )  # fmt: skip
        findings.result["surfaces"] = result


SURFACES: dict[str, tuple[Any, Any, list[float], ndarray, float]] = {
    "long bowl": (lambda x: 0.5 * np.sum(CURVATURES * x**2, -1), lambda x: CURVATURES * x, [-2.0, 1.0], np.zeros(2),
                  0.03),
    "Rosenbrock's valley": (rosenbrock, rosenbrock_slope, [-1.2, 1.0], np.ones(2), 5e-4),
}  # fmt: skip
"""Name -> cost, slope, first start, minimum, and the rate of the rules without adaptation."""
CURVATURES = np.array([1.0, 30.0])
STEPS, NEAR = 3000, 1e-4


def _rules(surface: str) -> dict[str, Rule]:
    """Return every rule with its rate for a surface."""
    rate = SURFACES[surface][-1]
    return {
        "gradient descent": Rule(rate),
        "momentum": Momentum(rate, m=0.9),
        "Nesterov": Nesterov(rate, m=0.9),
        "AdaGrad": AdaGrad(0.5),
        "RMSProp": RMSProp(0.01),
        "Adam": Adam(0.05),
    }


def _one_number() -> dict[str, Any]:
    """Return every rule's path on the cubic, and the path of a step that is too long."""
    rules: dict[str, Rule] = {
        "fixed 0.1": Rule(0.1),
        "line search": LineSearch(0.3, cost=cubic),
        "decaying 0.17 / (1 + 0.1 t)": Decaying(0.17, decay=0.1),
        "Newton-Raphson": Newton(hessian=lambda x: np.diag(6 * x - 4)),
        "fixed 0.005 (crawls)": Rule(0.005),
    }
    paths = {
        name: np.array(list(descend(rule, cubic_slope, [2.0], steps=5000, tolerance=1e-10)))[:, 0]
        for name, rule in rules.items()
    }
    return {"paths": paths, "far": [x[0] for x in descend(Rule(0.6), cubic_slope, [2.0], steps=6)]}


def _report_one_number(findings: Findings, made: dict[str, Any]) -> None:
    findings.heading("One number: x^3 - 2 x^2 + 2 from x = 2")
    rows = []
    figure, axis = new_figure()
    for (name, path), colour in zip(made["paths"].items(), COLOURS, strict=False):
        error = np.abs(np.array(path) - MINIMUM)
        rows.append([name, len(path) - 1, float(path[-1]), float(error[-1])])
        axis.plot(np.maximum(error[:60], 1e-16), "-o", markersize=2, color=colour, label=name)
    axis.set(xlabel="step", ylabel="distance from 4/3", yscale="log")
    axis.legend(frameon=False, fontsize=7)
    findings.table("Steps until the slope is below 1e-10", ["rule", "steps", "x", "error"], rows)
    findings.figure("Convergence on one number: distance from the minimum", figure)
    findings.text(
        f"With a step of 0.6 the path is {', '.join(f'{x:.3g}' for x in made['far'])}: it leaves the valley for good, "
        "since the cubic has no lowest point."
    )
    findings.result["one_number"] = {row[0]: {"steps": row[1], "x": row[2]} for row in rows}


@functools.cache
def _missing() -> str:
    """Return why the crickets are not to be had; empty where they are."""
    try:
        crickets()
    except UserError as error:
        return str(error)
    return ""


def _crickets() -> dict[str, Any]:
    """Return the exact coefficients and those of descents on raw and on standardised chirps, with their steps."""
    chirps, degrees = crickets()
    design = np.stack([np.ones_like(chirps), chirps], axis=1)
    theta, steps = raw_descent(design, degrees, rate=1e-3, tolerance=1e-3)
    z = np.stack([np.ones_like(chirps), (chirps - chirps.mean()) / chirps.std()], axis=1)
    (a, b), quick = raw_descent(z, degrees, rate=1.0, tolerance=1e-3)
    return {
        "exact": np.linalg.lstsq(design, degrees, rcond=None)[0],
        "curvatures": np.linalg.eigvalsh(design.T @ design / len(chirps)),
        "raw": [*theta.tolist(), steps],
        "standardised": [float(a - b * chirps.mean() / chirps.std()), float(b / chirps.std()), quick],
    }


def _report_crickets(findings: Findings, made: dict[str, Any]) -> None:
    (low, high), steps, quick = made["curvatures"], made["raw"][-1], made["standardised"][-1]
    findings.table(
        "Least squares is the exact answer; both descents stop at a gradient of 1e-3",
        ["method", "intercept", "slope", "steps"],
        [
            ["least squares", *made["exact"], "-"],
            ["descent, rate 0.001", *made["raw"]],
            ["descent on standardised chirps, rate 1", *made["standardised"]],
        ],
    )
    findings.text(
        f"The curvatures are {low:.5f} and {high:.2f}: a condition number of {high / low:,.0f}, so steps longer than "
        f"{2 / high:.4f} diverge and the flat direction takes {steps:,} steps. With the chirps standardised both "
        f"curvatures are one, and {quick} step{'s' if quick > 1 else ''} of length one "
        f"{'suffice' if quick > 1 else 'suffices'}."
    )
    findings.result["crickets"] = {"intercept": made["raw"][0], "slope": made["raw"][1], "steps": steps,
                                   "standardised": quick}  # fmt: skip


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
