"""Under-fit, fit, over-fit on one noisy problem, and three ways out."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import Split, fit, regression_baselines

LARGE = "128-128 units"
RECIPES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "1 unit": ((1,), {}),
    "4 units": ((4,), {}),
    LARGE: ((128, 128), {}),
    "128-128, early stopping": ((128, 128), {"patience": 20}),
    "128-128, dropout 0.1": ((128, 128), {"dropout": 0.1}),
    "128-128, weight decay": ((128, 128), {"decay": 1.0}),
}
"""Name -> hidden layers and the remedy; all are trained by Adam at the same rate."""
RATE, CHECK_EVERY = 5e-3, 20
GRID = np.linspace(-1, 1, 300)[:, None]


class Overfitting(Lab):
    """Under-fit, fit and over-fit: capacity, early stopping, dropout and weight decay on one noisy problem."""

    samples: int = 30
    """Training points; as many for validation."""
    noise: float = 0.3
    """Standard deviation of the noise: its square is the lowest expected error on test data."""
    epochs: int = 3000
    seeds: int = 5
    """Draws of the data and of the weights."""

    seconds = 60
    bounds: ClassVar = {"samples": (2, 100_000), "noise": (0, 100), "seeds": (1, 100)}

    def parts(self) -> dict[str, Part]:
        """Fit networks of different size, then one too large with each remedy."""
        return {name: lambda _, name=name: self._fit(*RECIPES[name]) for name in RECIPES}

    def _fit(self, hidden: tuple[int, ...], options: dict[str, Any]) -> dict[str, Any]:
        """Return training and test errors by seed, where each run ended, and the last seed's curve."""
        result: dict[str, Any] = {"training": [], "test": [], "epochs": [], "restored": []}
        settings = LearnSettings(episodes=self.epochs, batch_size=self.samples, check_every=CHECK_EVERY,
                                 patience=options.get("patience"))  # fmt: skip
        optimizer = adam(RATE, weight_decay=options.get("decay", 0.0))
        for seed in range(self.seeds):
            data = self._data(seed)
            fitted = fit(data, hidden, settings, optimizer=optimizer, seed=seed, activation=jnp.tanh,
                         dropout=options.get("dropout", 0.0))  # fmt: skip
            result["training"].append(float(np.mean((fitted.predict(data.x_train) - data.t_train) ** 2)))
            result["test"].append(fitted.test(data)["mse"])
            result["epochs"].append(fitted.run.history[-1]["episode"])
            result["restored"].append(int(fitted.run.state.episode))
        return result | {"curve": fitted.predict(GRID)[:, 0]}

    def report(self, made: Figures) -> Findings:
        """Return the table of errors, the curves, and what they say."""
        findings = Findings(f"{self.samples} noisy points, and networks from too small to too large for them.")
        data = self._data(self.seeds - 1)
        figure, axes = new_figure(2, 3, height=2.6, sharex=True, sharey=True)
        for axis, name in zip(axes.flat, RECIPES, strict=True):
            axis.plot(data.x_train, data.t_train, "o", color=COLOURS[0], markersize=3)
            axis.plot(GRID, np.sin(4 * GRID), ":", color="black")
            axis.plot(GRID, made[name]["curve"], color=COLOURS[3])
            axis.set_title(name, fontsize=9, loc="left")
            axis.set_ylim(-2, 2)
        for axis in axes[1]:
            axis.set_xlabel("x")
        for axis in axes[:, 0]:
            axis.set_ylabel("t")
        findings.figure("Fits: the last seed; training points, the function (dotted) and the network (red)", figure)
        baselines = [regression_baselines(self._data(seed)) for seed in range(self.seeds)]
        rows: list[list[Any]] = [
            [name, "-", spread([one[key]["mse"] for one in baselines])]
            for name, key in (("training mean", "mean"), ("least squares", "least squares"))
        ]
        rows += [[name, spread(made[name]["training"]), spread(made[name]["test"])] for name in RECIPES]
        findings.table(
            f"Mean squared error, median (lowest to highest) of {self.seeds} seeds; the noise alone makes "
            f"{self.noise**2:.3g} on test data. All networks: tanh, Adam at {RATE:g}, {self.epochs:,} epochs at most",
            ["model", "training", "test"], rows,
        )  # fmt: skip
        self._words(findings, made)
        findings.result["mse"] = {
            name: {key: float(np.mean(made[name][key])) for key in ("training", "test")} for name in RECIPES
        } | {name: {"test": float(np.mean([one[key]["mse"] for one in baselines]))}
             for name, key in (("training mean", "mean"), ("least squares", "least squares"))}  # fmt: skip
        findings.result["by_seed"] = {name: {k: v for k, v in made[name].items() if k != "curve"} for name in RECIPES}
        return findings

    def _words(self, findings: Findings, made: Figures) -> None:
        """Add what the errors say: they are compared with the noise, and the remedies with the plain network."""

        def words(name: str) -> str:
            training, test = np.median(made[name]["training"]), np.median(made[name]["test"])
            floor = self.noise**2
            what = ("under-fits (its training error is above the noise)" if training > 1.3 * floor else
                    "over-fits (its training error is below the noise, its test error far above)"
                    if training < floor and test > 1.3 * floor else
                    "does neither by these figures")  # fmt: skip
            return f"'{name}' {what}"

        findings.text(
            "A training error above the noise is under-fitting; one below the noise together with a test error far "
            "above it is over-fitting: " + "; ".join(words(name) for name in ("1 unit", "4 units", LARGE)) + "."
        )
        plain = np.array(made[LARGE]["test"])
        wins = [
            f"{name.removeprefix('128-128, ')} in {int((np.array(made[name]['test']) < plain).sum())}"
            for name in list(RECIPES)[3:]
        ]
        stopped = [f"{epoch:,}" for epoch in made["128-128, early stopping"]["epochs"]]
        restored = [f"{epoch:,}" for epoch in made["128-128, early stopping"]["restored"]]
        findings.text(
            f"The remedies use the same network, optimiser and rate as '{LARGE}'. Of {self.seeds} seeds the test "
            f"error is lower with {', '.join(wins)}. Early stopping ended after {', '.join(stopped)} epochs of "
            f"{self.epochs:,} and restored the weights of epoch {', '.join(restored)}."
        )

    def _data(self, seed: int) -> Split:
        def draw(n: int, part: int) -> tuple[np.ndarray, np.ndarray]:
            rng = np.random.default_rng((seed, part))
            x = rng.uniform(-1, 1, (n, 1))
            return x, np.sin(4 * x) + self.noise * rng.normal(size=x.shape)

        return Split(*draw(self.samples, 0), *draw(self.samples, 1), *draw(1000, 2))
