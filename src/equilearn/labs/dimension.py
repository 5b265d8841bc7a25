"""The curse of dimensionality: grids explode, and the cube is nearly all corners."""

from __future__ import annotations

import math
import time

import numpy as np
from scipy.special import gammaln

from equilearn.labs import Lab
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure


def ball_share(dimension: int) -> float:
    """Return the volume of the unit ball over that of the cube [-1, 1]^d: pi^(d/2) / Gamma(d/2 + 1) / 2^d."""
    return math.exp(dimension / 2 * math.log(math.pi) - gammaln(dimension / 2 + 1) - dimension * math.log(2))


class Dimension(Lab):
    """The curse of dimensionality: points of a grid and the time they take, and the ball in the cube."""

    points: int = 10
    """Grid points in each dimension."""
    largest: int = 7
    """Largest dimension whose grid is really evaluated."""
    seed: int = 0

    def run(self) -> Findings:
        """Count, time and integrate."""
        findings = Findings("Why economies with sixty generations cannot be solved on grids.")
        rows, seconds = [], {}
        for d in range(1, self.largest + 1):
            began = time.perf_counter()
            axes = np.meshgrid(*[np.linspace(0, 1, self.points)] * d, indexing="ij", sparse=True)
            total = float(np.exp(-sum(axis**2 for axis in axes)).sum())
            seconds[d] = time.perf_counter() - began
            rows.append([d, f"{self.points**d:,}", seconds[d], total / self.points**d])
        findings.table("A function on a full grid: points and measured time",
                       ["dimension", "points", "seconds", "mean"], rows)  # fmt: skip
        rate = seconds[self.largest] / self.points**self.largest
        years = rate * float(self.points) ** 59 / 31_557_600
        findings.text(
            f"At {rate * 1e9:.2f} nanoseconds a point, the 59 capital holdings of sixty generations would take "
            f"{years:.0e} years with {self.points} points each."
        )
        rng, balls = np.random.default_rng(self.seed), []
        for d in range(1, 21):
            inside = float((np.sum(rng.uniform(-1, 1, (200_000, d)) ** 2, axis=1) <= 1).mean())
            balls.append([d, ball_share(d), inside])
        findings.table("Share of the cube that lies in the ball it encloses, exact and by 200,000 random points",
                       ["dimension", "exact", "random points"], balls)  # fmt: skip
        figure, axis = new_figure()
        axis.plot([r[0] for r in balls], [r[1] for r in balls], color=COLOURS[0], label="exact")
        axis.plot([r[0] for r in balls], [r[2] or np.nan for r in balls], "o", color=COLOURS[3], markersize=3,
                  label="random points")  # fmt: skip
        axis.set(xlabel="dimension", ylabel="ball's share of the cube", yscale="log")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("The ball in the cube: in high dimensions nearly everything is corner", figure)
        findings.result |= {"nanoseconds_a_point": rate * 1e9, "years_for_59": years, "ball_10": balls[9][1]}
        return findings
