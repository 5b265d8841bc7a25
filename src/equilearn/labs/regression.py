"""The gentle example: cos(pi x1 / 2) cos(pi x2 / 2) on the square, with variants, each tested."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import numpy as np

from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam, constant
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import new_figure
from equilearn.supervised import Split, fit, regression_baselines

PLAIN, KEPT_RATE, STOPPING = "64-64 ReLU", "constant rate", "constant rate, early stopping"
VARIANTS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "weights from N(0, 1)": {"initialiser": jax.nn.initializers.normal(1.0)},
    "He's weights": {"initialiser": jax.nn.initializers.he_normal()},
    KEPT_RATE: {"constant": True},
    STOPPING: {"constant": True, "patience": 2},
    "dropout 0.2": {"dropout": 0.2},
    "batch normalisation": {"batch_norm": True},
    "Swish": {"activation": jax.nn.swish},
}
METRICS = ("mse", "mae", "max", "r2")
SIDE = 81
"""Points along each side of the picture."""


class Regression(Lab):
    """The gentle example: a smooth function of two numbers, with variants each evaluated on test data."""

    samples: int = 10_000
    """Training points."""
    epochs: int = 10
    rate: float = 0.01
    """Learning rate of Adam, falling unless a variant says otherwise."""
    seeds: int = 3
    """Random starts."""
    seed: int = 0

    seconds = 60
    bounds: ClassVar = {"samples": (32, 1_000_000), "rate": (1e-9, 10), "seeds": (1, 100)}

    def parts(self) -> dict[str, Part]:
        """Fit every variant to the same data."""
        return {name: lambda _, name=name: self._fit(name) for name in VARIANTS}

    def _fit(self, name: str) -> dict[str, Any]:
        """Return the test metrics by start, where each run ended, and for the plain network what it learnt."""
        options = dict(VARIANTS[name])
        schedule = {"schedule": constant} if options.pop("constant", False) else {}
        settings = LearnSettings(
            episodes=self.epochs, batch_size=32, check_every=1, patience=options.pop("patience", None)
        )
        data, rows = self._data(), []
        for start in range(self.seeds):
            fitted = fit(data, (64, 64), settings, optimizer=adam(self.rate, **schedule), seed=self.seed + start,
                         **({"activation": "relu"} | options))  # fmt: skip
            run = fitted.run
            lowest = min(run.history, key=lambda row: row["errors/validation/mean"])["episode"]
            rows.append(fitted.test(data) | {"epochs": run.history[-1]["episode"], "lowest": lowest})
        by_name = {key: [row[key] for row in rows] for key in rows[0]}
        return by_name | ({"surface": fitted.predict(_grid())[:, 0]} if name == PLAIN else {})

    def _data(self) -> Split:
        def draw(n: int, part: int) -> tuple[np.ndarray, np.ndarray]:
            x = np.random.default_rng((self.seed, part)).uniform(-1, 1, (n, 2))
            return x, np.cos(np.pi * x / 2).prod(axis=1, keepdims=True)

        return Split(*draw(self.samples, 0), *draw(1000, 1), *draw(1000, 2))

    def report(self, made: Figures) -> Findings:
        """Return the table of errors, the surface, and what they say."""
        findings = Findings(f"A smooth function from {self.samples:,} samples: what each recipe changes.")
        baselines = regression_baselines(self._data())
        rows = [[name, *(f"{one[key]:.3g}" for key in METRICS)] for name, one in baselines.items()]
        rows += [[name, *(spread(made[name][key]) for key in METRICS)] for name in VARIANTS]
        findings.table(
            f"Errors on 1,000 test points, median (lowest to highest) of {self.seeds} starts; at most {self.epochs} "
            "epochs in batches of 32; a variant changes what its name says of the plain 64-64 ReLU network",
            ["model", "mse", "mae", "max", "R2"], rows,
        )  # fmt: skip
        middles = {name: float(np.median(made[name]["mse"])) for name in VARIANTS}
        best, worst = min(middles, key=middles.__getitem__), max(middles, key=middles.__getitem__)
        findings.text(
            f"By the median, best is '{best}' with a mean squared error of {middles[best]:.1e}, worst '{worst}' with "
            f"{middles[worst]:.1e}. The function is smooth and without noise: there is nothing to over-fit, and what "
            f"regularises can only cost: {middles[PLAIN]:.1e} plain, {middles['dropout 0.2']:.1e} with dropout, "
            f"{middles['batch normalisation']:.1e} with batch normalisation."
        )
        ended, early = made[STOPPING]["epochs"], [n for n in made[STOPPING]["epochs"] if n < self.epochs]
        findings.text(
            f"In the plain runs, whose rate falls, the validation error is lowest at epoch "
            f"{_list(made[PLAIN]['lowest'])} of {self.epochs}: the nearer that is to the end, the less early stopping "
            "has to do. With a constant rate the error jumps up and down, and two epochs without a better one end the "
            f"run: it stopped in {len(early)} of {self.seeds} starts, after {_list(ended)} epochs, and restored the "
            f"weights of epoch {_list(made[STOPPING]['lowest'])}. Its error is {middles[STOPPING]:.1e}, that of the "
            f"whole runs {middles[KEPT_RATE]:.1e}."
        )
        _surface(findings, np.array(made[PLAIN]["surface"]))
        findings.result["test"] = {name: {k: one[k] for k in ("mse", "mae", "max")} for name, one in baselines.items()}
        findings.result["test"] |= {
            name: {key: float(np.median(made[name][key])) for key in ("mse", "mae", "max")} for name in VARIANTS
        }
        findings.result["by_seed"] = {
            name: {k: v for k, v in made[name].items() if k != "surface"} for name in VARIANTS
        }
        return findings


def _list(epochs: list[int]) -> str:
    return ", ".join(map(str, epochs))


def _grid() -> np.ndarray:
    grid = np.linspace(-1, 1, SIDE)
    return np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)


def _surface(findings: Findings, learnt: np.ndarray) -> None:
    """Draw the function learnt and its error, centred on zero."""
    gap = learnt - np.cos(np.pi * _grid() / 2).prod(axis=1)
    most = float(np.abs(gap).max())
    figure, axes = new_figure(1, 2)
    for axis, values, title, options in (
        (axes[0], learnt, "network", {"cmap": "viridis"}),
        (axes[1], gap, "network less function", {"cmap": "RdBu_r", "vmin": -most, "vmax": most}),
    ):
        image = axis.imshow(values.reshape(SIDE, SIDE), extent=(-1, 1, -1, 1), origin="lower", **options)
        axis.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        axis.grid(visible=False)
        figure.colorbar(image, ax=axis, shrink=0.8)
    findings.figure("What was learnt: the plain network of the last start, and its error", figure)
