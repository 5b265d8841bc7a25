"""The gentle example: cos(pi x1 / 2) cos(pi x2 / 2) on the square, with variants, each tested."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import new_figure
from equilearn.supervised import Split, fit, regression_baselines

VARIANTS: dict[str, dict[str, Any]] = {
    "64-64 ReLU": {},
    "weights from N(0, 1)": {"initialiser": jax.nn.initializers.normal(1.0)},
    "He's weights": {"initialiser": jax.nn.initializers.he_normal()},
    "early stopping": {"patience": 3},
    "dropout 0.2": {"dropout": 0.2},
    "batch normalisation": {"batch_norm": True},
    "Swish": {"activation": jax.nn.swish},
}


class Regression(Lab):
    """The gentle example: a smooth function of two numbers, with variants each evaluated on test data."""

    samples: int = 10_000
    epochs: int = 10
    rate: float = 0.01
    """Learning rate of Adam, decaying."""
    seed: int = 0

    def run(self) -> Findings:
        """Fit every variant to the same data."""
        findings = Findings("A smooth function from ten thousand samples: what each recipe changes.")

        def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
            x = np.random.default_rng((self.seed, seed)).uniform(-1, 1, (n, 2))
            return x, np.cos(np.pi * x / 2).prod(axis=1, keepdims=True)

        data = Split(*draw(self.samples, 0), *draw(1000, 1), *draw(1000, 2))
        rows = [
            [name, one["mse"], one["mae"], one["max"], one["r2"]] for name, one in regression_baselines(data).items()
        ]
        for name, options in VARIANTS.items():
            chosen = {k: v for k, v in options.items() if k != "patience"}
            settings = LearnSettings(
                episodes=self.epochs, batch_size=32, check_every=1, patience=options.get("patience")
            )
            fitted = fit(data, (64, 64), settings, optimizer=adam(self.rate), seed=self.seed,
                         **({"activation": "relu"} | chosen))  # fmt: skip
            metrics = fitted.test(data)
            rows.append([name, *(metrics[key] for key in ("mse", "mae", "max", "r2"))])
            if name == "64-64 ReLU":
                _surface(findings, fitted)
        findings.table(f"Errors on 1,000 test points after at most {self.epochs} epochs",
                       ["model", "mse", "mae", "max", "R2"], rows)  # fmt: skip
        networks = rows[2:]
        best, worst = min(networks, key=lambda row: row[1]), max(networks, key=lambda row: row[1])
        findings.text(
            f"Best is '{best[0]}' with a mean squared error of {best[1]:.1e}, worst '{worst[0]}' with {worst[1]:.1e}. "
            "The function is smooth and without noise: there is nothing to over-fit, so what regularises only costs."
        )
        findings.result["test"] = {row[0]: {"mse": row[1], "mae": row[2], "max": row[3]} for row in rows}
        return findings


def _surface(findings: Findings, fitted: Any) -> None:
    """Draw the function learnt and its error."""
    grid = np.linspace(-1, 1, 81)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    learnt = fitted.predict(points)[:, 0].reshape(81, 81)
    exact = np.cos(np.pi * points / 2).prod(axis=1).reshape(81, 81)
    figure, axes = new_figure(1, 2)
    for axis, values, title in ((axes[0], learnt, "network"), (axes[1], learnt - exact, "error")):
        image = axis.imshow(values, extent=(-1, 1, -1, 1), origin="lower", cmap="viridis")
        axis.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        axis.grid(visible=False)
        figure.colorbar(image, ax=axis, shrink=0.8)
    findings.figure("What was learnt: the plain network and its error", figure)
