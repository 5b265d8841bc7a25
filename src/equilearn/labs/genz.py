"""Genz's test functions: how the error of a network falls with the number of training points, by dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from equilearn.data.genz import GENZ, draw_parameters, sample
from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings, learn_many
from equilearn.networks import MLP
from equilearn.optimizers import adam, soap
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
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
    points: tuple[int, ...] = (10, 50, 250)
    """Training points."""
    seeds: int = 5
    """Draws of c, w, points and weights for each cell of the study."""
    steps: int = 1000
    """Gradient steps of each network, on batches of at most 500 points."""
    seed: int = 0

    seconds = 80
    full_seconds = 400
    full: ClassVar = {"points": (10, 50, 100, 500), "seeds": 10, "steps": 2000}
    bounds: ClassVar = {"dimensions": (2, 100), "points": (2, 100_000), "seeds": (1, 200), "steps": (1, 1_000_000)}

    def parts(self) -> dict[str, Part]:
        """Do the study cell by cell, then compare designs."""
        d, n, few = self.compared()
        cells: dict[str, Part] = {
            f"d = {d}, {n} points": lambda _, d=d, n=n: study(d, n, self.seeds, self.steps, Design(), seed=self.seed)
            for d in self.dimensions
            for n in self.points
        }
        return cells | {
            label: lambda _, design=design: study(d, n, few, self.steps, design, seed=self.seed)
            for label, design in VARIANTS.items()
        }

    def compared(self) -> tuple[int, int, int]:
        """Return dimension, points and seeds of the comparison of designs."""
        return sorted(self.dimensions)[len(self.dimensions) // 2], max(self.points), min(self.seeds, 3)

    def report(self, made: Figures) -> Findings:
        """Return the study, the lessons and the designs compared."""
        findings = Findings("Six families of functions, approximated from samples by one network each.")
        table = {(d, n): _arrays(made[f"d = {d}, {n} points"]) for d in self.dimensions for n in self.points}
        networks = len(GENZ) * self.seeds * len(table)
        naive = {(name, d): float(np.median([table[d, n]["naive"][i] for n in self.points]))
                 for i, name in enumerate(GENZ) for d in self.dimensions}  # fmt: skip
        low, high = min(naive, key=naive.__getitem__), max(naive, key=naive.__getitem__)
        findings.text(
            f"{networks} networks (64-32-16 Swish, Adam, {self.steps} steps each) were trained as {len(table)} batched "
            f"programs. Errors are on {TEST_POINTS} fresh points, in units of each function's standard deviation over "
            "the cube. What one may hope to beat, the training mean as an answer, has a mean absolute error between "
            f"{naive[low]:.2f} ({low[0]}, d = {low[1]}) and {naive[high]:.2f} ({high[0]}, d = {high[1]}) of them; what "
            "it is depends on how the function is distributed."
        )
        for d in self.dimensions:
            findings.figure(f"Dimension {d}: mean (full) and largest (dotted) error against training points, medians",
                            self._figure(d, table))  # fmt: skip
        columns = ["function", "d", "points", "mean error", "largest", "least squares", "training mean"]
        keys = ("mae", "max", "linear", "naive")
        cells = [(name, index, d, n) for index, name in enumerate(GENZ) for d in self.dimensions for n in self.points]
        findings.table(
            f"Median (lowest to highest) over {self.seeds} seeds; the last two columns are mean errors of the "
            "baselines",
            columns, [[name, d, n, *(spread(table[d, n][key][i]) for key in keys)] for name, i, d, n in cells],
        )  # fmt: skip
        self._lessons(findings, table)
        self._designs(findings, {label: _arrays(made[label]) for label in VARIANTS})
        findings.result |= {
            "seconds": made["seconds"],
            "networks": networks,
            "errors": [
                dict(zip(columns, [name, d, n, *(float(np.median(table[d, n][k][i])) for k in keys)], strict=True))
                for name, i, d, n in cells
            ],
        }  # fmt: skip
        return findings

    def _figure(self, d: int, table: dict[tuple[int, int], dict[str, Any]]) -> Figure:
        figure, axis = new_figure()
        points = sorted(self.points)
        for index, (name, colour) in enumerate(zip(GENZ, COLOURS, strict=True)):
            for key, style in (("mae", "-o"), ("max", ":s")):
                middle = [np.median(table[d, n][key][index]) for n in points]
                axis.plot(points, middle, style, color=colour, markersize=3, label=name if key == "mae" else None)
        axis.set(xlabel="training points", ylabel="error / standard deviation", xscale="log", yscale="log")
        axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.set_size_inches(6.4, 3.6)
        return figure

    def _lessons(self, findings: Findings, table: dict[tuple[int, int], dict[str, Any]]) -> None:
        first, last = min(self.points), max(self.points)
        low, high = min(self.dimensions), max(self.dimensions)
        names = list(GENZ)

        def middle(name: str, d: int, n: int, key: str = "mae") -> float:
            return float(np.median(table[d, n][key][names.index(name)]))

        def fall(name: str, key: str) -> str:
            return f"{middle(name, low, first, key) / middle(name, low, last, key):.2g}"

        worse = [
            f"{name} (d = {d}, {n} points)"
            for name in names
            for d, n in table
            if middle(name, d, n) > middle(name, d, n, "linear")
        ]
        if last > first:
            findings.text(
                f"From {first} to {last} points in {low} dimensions the mean error of the oscillatory function is "
                f"divided by {fall('oscillatory', 'mae')}, and its largest by {fall('oscillatory', 'max')}; those of "
                f"the discontinuous function by {fall('discontinuous', 'mae')} and {fall('discontinuous', 'max')}. "
                "Wherever a network puts its (continuous) step, points close to the jump lie on the wrong side, and "
                "there the error is the jump itself: more points move the step closer but never remove it."
            )
        if high > low:
            findings.text(
                f"What dimension does: with {last} points the mean error of the gaussian function is "
                f"{middle('gaussian', low, last):.3g} in {low} dimensions and {middle('gaussian', high, last):.3g} in "
                f"{high}; that of the product peak {middle('product peak', low, last):.3g} and "
                f"{middle('product peak', high, last):.3g}. (The difficulty of all functions but the product peak is "
                "the same in all dimensions: their c is scaled to a fixed sum.)"
            )
        findings.text(
            "Where the network loses to least squares (median mean error): " + (", ".join(worse) or "nowhere") + "."
        )
        findings.result["loses_to_least_squares"] = worse

    def _designs(self, findings: Findings, made: dict[str, dict[str, Any]]) -> None:
        d, n, few = self.compared()
        findings.heading("Designs compared")
        rows = [[label, *(spread(one) for one in cell["mae"])] for label, cell in made.items()]
        cell = next(iter(made.values()))
        rows += [["training mean", *map(spread, cell["naive"])], ["least squares", *map(spread, cell["linear"])]]
        findings.table(f"Mean error, d = {d}, {n} points: median (lowest to highest) of {few} seeds",
                       ["design", *GENZ], rows)  # fmt: skip
        best = {name: min(made, key=lambda label, i=i: np.median(made[label]["mae"][i])) for i, name in enumerate(GENZ)}
        findings.text(
            "Best by the median: " + "; ".join(f"{label} for {name}" for name, label in best.items()) + ". Where the "
            "ranges of two designs overlap, the seeds decide."
        )


def _arrays(cell: dict[str, Any]) -> dict[str, Float[np.ndarray, "functions seeds"]]:
    return {key: np.array(values) for key, values in cell.items()}


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

    def network(key: Any) -> MLP:
        return MLP((dimension, *design.hidden, 1), activation=design.activation, key=key)

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
