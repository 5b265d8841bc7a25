"""The curse of dimensionality: grids explode, and the cube is nearly all corners."""

from __future__ import annotations

import math
import time
from typing import ClassVar

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.special import gammaln

from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure

DIMENSIONS, RANDOM_POINTS = 20, 200_000


def ball_share(dimension: int) -> float:
    """Return the volume of the unit ball over that of the cube [-1, 1]^d: pi^(d/2) / Gamma(d/2 + 1) / 2^d."""
    return math.exp(dimension / 2 * math.log(math.pi) - gammaln(dimension / 2 + 1) - dimension * math.log(2))


class Dimension(Lab):
    """The curse of dimensionality: points of a grid and the time they take, and the ball in the cube."""

    points: int = 10
    """Grid points in each dimension."""
    largest: int = 7
    """Largest dimension whose grid is really evaluated; of all grids the largest may have 100 million points."""
    seeds: int = 5
    """Draws of the random points."""
    seed: int = 0

    seconds = 10
    bounds: ClassVar = {"points": (2, 10_000), "largest": (1, 26), "seeds": (1, 100)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points**self.largest > 100_000_000:
            raise UserError(
                f"Dimension: points {self.points} and largest {self.largest} make a grid of "
                f"{float(self.points**self.largest):.0e} points; 100 million are the most."
            )

    def parts(self) -> dict[str, Part]:
        """Count, time and integrate."""
        return {"grids": lambda _: self._grids(), "the ball in the cube": lambda _: self._balls()}

    def _grids(self) -> list[dict[str, float]]:
        """Return, by dimension, the mean of a function over the grid and the shortest of three times."""
        result = []
        for d in range(1, self.largest + 1):
            times = []
            for _ in range(3):
                began = time.perf_counter()
                axes = np.meshgrid(*[np.linspace(0, 1, self.points)] * d, indexing="ij", sparse=True)
                mean = float(np.exp(-sum(axis**2 for axis in axes)).mean())
                times.append(time.perf_counter() - began)
            result.append({"mean": mean, "seconds": min(times)})
        return result

    def _balls(self) -> list[list[float]]:
        """Return, by dimension, the shares of random points that lie in the ball, a number a draw."""
        shares = []
        for d in range(1, DIMENSIONS + 1):
            rng = np.random.default_rng((self.seed, d))
            draws = [rng.uniform(-1, 1, (RANDOM_POINTS, d)) for _ in range(self.seeds)]
            shares.append([float((np.sum(x**2, axis=1) <= 1).mean()) for x in draws])
        return shares

    def report(self, made: Figures) -> Findings:
        """Return the tables and what they mean for economies."""
        findings = Findings("Why economies with sixty generations cannot be solved on full grids.")
        grids = made["grids"]
        rows = [[d, f"{self.points**d:,}", one["seconds"], one["mean"]] for d, one in enumerate(grids, start=1)]
        findings.table("The mean of exp(-|x|^2) over a full grid of the unit cube: points and measured time",
                       ["dimension", "points", "seconds", "mean"], rows)  # fmt: skip
        rate = grids[-1]["seconds"] / self.points**self.largest
        years = rate * float(self.points) ** 59 / 31_557_600
        findings.text(
            f"At {rate * 1e9:.2f} nanoseconds a point, the 59 capital holdings of sixty generations would take "
            f"{years:.0e} years with {self.points} points each."
        )
        balls = [[d, ball_share(d), spread(shares)] for d, shares in enumerate(made["the ball in the cube"], start=1)]
        findings.table(f"Share of the cube that lies in the ball it encloses, exact and by {RANDOM_POINTS:,} random "
                       f"points, median (lowest to highest) of {self.seeds} draws",
                       ["dimension", "exact", "random points"], balls)  # fmt: skip
        figure, axis = new_figure()
        dimensions = np.arange(1, DIMENSIONS + 1)
        middle = np.median(made["the ball in the cube"], axis=1)
        axis.plot(dimensions, [ball_share(int(d)) for d in dimensions], color=COLOURS[0], label="exact")
        axis.plot(dimensions, np.where(middle > 0, middle, np.nan), "o", color=COLOURS[3], markersize=4,
                  label="random points (none where none is inside)")  # fmt: skip
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel="dimension", ylabel="ball's share of the cube", yscale="log")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("The ball in the cube: in high dimensions nearly everything is corner", figure)
        findings.result |= {
            "seconds_a_point": rate, "seconds_for_59": years * 31_557_600, "ball_10": made["the ball in the cube"][9]
        }  # fmt: skip
        return findings
