"""Genz's test functions: how the error of a network falls with the number of training points, by dimension."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from equilearn.data.genz import GENZ, draw_parameters, sample
from equilearn.labs import Lab
from equilearn.learn import LearnSettings, learn_many
from equilearn.networks import FeedForward
from equilearn.optimizers import adam, soap
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import Split, Supervised, regression_baselines

TEST_POINTS = 1000


@dataclass(frozen=True)
class Design:
    """A network and how it is trained."""

    hidden: tuple[int, ...] = (64, 32, 16)
    activation: Any = jax.nn.swish
    optimizer: Any = None


VARIANTS = {
    "64-32-16 Swish, Adam": Design(),
    "64-32-16 ReLU, Adam": Design(activation=jax.nn.relu),
    "64-32-16 tanh, Adam": Design(activation=jnp.tanh),
    "128 Swish, Adam": Design(hidden=(128,)),
    "128-128 Swish, Adam": Design(hidden=(128, 128)),
    "64-32-16 Swish, SOAP": Design(optimizer=soap(3e-3)),
}


class Genz(Lab):
    """Genz's six functions: mean and largest error against the number of points, in 2, 5 and 10 dimensions."""

    dimensions: tuple[int, ...] = (2, 5, 10)
    points: tuple[int, ...] = (10, 50, 100, 500)
    """Training points."""
    seeds: int = 10
    """Draws of c, w, points and weights for each cell of the study."""
    steps: int = 2000
    """Gradient steps of each network, on batches of at most 500 points."""
    seed: int = 0

    def run(self) -> Findings:
        """Do the whole study, then compare designs."""
        findings = Findings("Six families of functions, approximated from samples by one network each.")
        began = time.perf_counter()
        table = {
            (d, n): study(d, n, self.seeds, self.steps, Design(), seed=self.seed)
            for d in self.dimensions
            for n in self.points
        }
        seconds = time.perf_counter() - began
        networks = len(GENZ) * self.seeds * len(table)
        findings.text(
            f"{networks} networks (64-32-16 Swish, Adam, {self.steps} steps each) were trained as {len(table)} batched "
            f"programs in {seconds:.0f} seconds, compilation included. Errors are on {TEST_POINTS} fresh points, in "
            "units of each function's standard deviation over the cube: the training mean as an answer has a mean "
            "absolute error of about 0.8."
        )
        for d in self.dimensions:
            findings.figure(f"Dimension {d}: mean (full) and largest (dotted) error against training points",
                            self._figure(d, table))  # fmt: skip
        columns = ["function", "d", "points", "mean error", "largest", "least squares", "training mean"]
        rows = [
            [name, d, n, *(float(np.median(table[d, n][key][index])) for key in ("mae", "max", "linear", "naive"))]
            for index, name in enumerate(GENZ)
            for d in self.dimensions
            for n in self.points
        ]
        findings.table("Medians over seeds; the last two columns are mean errors of the baselines", columns, rows)
        self._lessons(findings, table)
        self._designs(findings)
        findings.result |= {
            "seconds": seconds,
            "networks": networks,
            "errors": [dict(zip(columns, row, strict=True)) for row in rows],
        }
        return findings

    def _figure(self, d: int, table: dict[tuple[int, int], dict[str, Any]]) -> Figure:
        figure, axis = new_figure()
        for index, (name, colour) in enumerate(zip(GENZ, COLOURS, strict=True)):
            for key, style in (("mae", "-o"), ("max", ":s")):
                middle = [np.median(table[d, n][key][index]) for n in self.points]
                axis.plot(self.points, middle, style, color=colour, markersize=3, label=name if key == "mae" else None)
        axis.set(xlabel="training points", ylabel="error / standard deviation", xscale="log", yscale="log")
        axis.legend(frameon=False, fontsize=7)
        return figure

    def _lessons(self, findings: Findings, table: dict[tuple[int, int], dict[str, Any]]) -> None:
        first, last = min(self.points), max(self.points)
        low, high = min(self.dimensions), max(self.dimensions)
        names = list(GENZ)

        def fall(name: str, d: int, key: str) -> float:
            index = names.index(name)
            return float(np.median(table[d, first][key][index]) / np.median(table[d, last][key][index]))

        worse = [
            f"{name} (d = {d}, {n} points)"
            for index, name in enumerate(names)
            for (d, n), cell in table.items()
            if np.median(cell["mae"][index]) > np.median(cell["linear"][index])
        ]
        findings.text(
            f"From {first} to {last} points in {low} dimensions the mean error of the oscillatory function falls by a "
            f"factor of {fall('oscillatory', low, 'mae'):.0f}, and that of the discontinuous one by "
            f"{fall('discontinuous', low, 'mae'):.1f}. The largest error of the discontinuous function falls by "
            f"{fall('discontinuous', low, 'max'):.1f} only: wherever the network puts its (continuous) step, some test "
            "points lie on the wrong side of the jump, and there the error is the jump itself; more points move "
            "the step closer but never remove it."
        )
        findings.text(
            f"What dimension does: with {last} points the mean error of the gaussian function is "
            f"{np.median(table[low, last]['mae'][names.index('gaussian')]):.3f} in {low} dimensions and "
            f"{np.median(table[high, last]['mae'][names.index('gaussian')]):.3f} in {high}."
        )
        findings.text(
            "Where the network loses to least squares (median mean error): " + (", ".join(worse) or "nowhere") + "."
        )
        findings.result["loses_to_least_squares"] = worse

    def _designs(self, findings: Findings) -> None:
        d, n = self.dimensions[len(self.dimensions) // 2], max(self.points)
        findings.heading("Designs compared")
        rows = []
        for label, design in VARIANTS.items():
            cell = study(d, n, min(self.seeds, 5), self.steps, design, seed=self.seed)
            rows.append([label, *(float(np.median(one)) for one in cell["mae"])])
        findings.table(f"Median mean error, d = {d}, {n} points", ["design", *GENZ], rows)


def study(
    dimension: int, points: int, seeds: int, steps: int, design: Design, *, seed: int
) -> dict[str, Float[np.ndarray, "functions seeds"]]:
    """Train all functions and seeds of one cell side by side; return errors on fresh points, and the baselines'.

    Errors are relative to the standard deviation of the function over the cube.
    """
    members, splits, units = [], [], []
    for f, name in enumerate(GENZ):
        for s in range(seeds):
            one = seed_of(seed, f, s, dimension)
            parameters = draw_parameters(name, dimension, seed=one)
            x, t = sample(name, dimension, points, parameters=parameters, seed=one + 1)
            x_test, t_test = sample(name, dimension, TEST_POINTS, parameters=parameters, seed=one + 2)
            wide = sample(name, dimension, 20_000, parameters=parameters, seed=one + 3)[1]
            mean, std = t.mean(), t.std() if t.std() > 1e-3 * wide.std() else 1.0  # ten points may all be zero
            units.append(max(float(wide.std()), 1e-12) / std)
            data = Split(x, (t - mean) / std, x, (t - mean) / std, x_test, (t_test - mean) / std)
            splits.append(data)
            members.append(Supervised.of(data))
    problems = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    keys = jax.random.split(jax.random.key(seed), len(members))

    def network(key: Any) -> FeedForward:
        return FeedForward((dimension, *design.hidden, 1), activation=design.activation, key=key)

    batch = min(points, 500)
    settings = LearnSettings(episodes=max(1, steps // (points // batch)), batch_size=batch)
    optimizer = design.optimizer or adam(5e-3)
    trained, _, _ = learn_many(problems, jax.vmap(network)(keys), (), optimizer, settings, keys=keys)
    x_test = jnp.asarray(np.stack([data.x_test for data in splits]), jnp.float32)
    predicted = np.asarray(jax.jit(jax.vmap(Supervised.outputs))(problems, trained, x_test), float)
    result: dict[str, list[float]] = {"mae": [], "max": [], "linear": [], "naive": []}
    for data, guess, unit in zip(splits, predicted, units, strict=True):
        gap, baselines = np.abs(guess - data.t_test) / unit, regression_baselines(data)
        row = (gap.mean(), gap.max(), baselines["least squares"]["mae"] / unit, baselines["mean"]["mae"] / unit)
        for key, value in zip(result, row, strict=True):
            result[key].append(float(value))
    return {key: np.array(values).reshape(len(GENZ), seeds) for key, values in result.items()}


def seed_of(*numbers: int) -> int:
    """Return a seed that is different for different tuples of numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
