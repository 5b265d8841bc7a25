"""Under-fit, fit, over-fit on one noisy problem, and three ways out."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam, soap
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import Split, fit, regression_baselines


class Overfitting(Lab):
    """Under-fit, fit and over-fit: capacity, early stopping, dropout and weight decay on one noisy problem."""

    samples: int = 30
    """Training points; as many for validation."""
    noise: float = 0.3
    """Standard deviation of the noise: its square is the best that can be done."""
    epochs: int = 4000
    seeds: int = 5

    def run(self) -> Findings:
        """Fit networks of different size, then one too large with each remedy."""
        findings = Findings("Thirty noisy points and more weights than points.")
        recipes: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
            "1 unit": ((1,), {}),
            "4 units": ((4,), {}),
            "128-128 units": ((128, 128), {}),
            "128-128, early stopping": ((128, 128), {"patience": 20}),
            "128-128, dropout 0.3": ((128, 128), {"dropout": 0.3}),
            "128-128, weight decay": ((128, 128), {"decay": 0.3}),
        }
        rows: list[list[Any]] = []
        figure, axes = new_figure(2, 3, height=2.6, sharex=True, sharey=True)
        grid = np.linspace(-1, 1, 300)[:, None]
        for axis, (name, (hidden, options)) in zip(axes.flat, recipes.items(), strict=True):
            train, test = [], []
            for seed in range(self.seeds):
                data = self._data(seed)
                settings = LearnSettings(episodes=self.epochs, batch_size=self.samples, check_every=50,
                                         patience=options.get("patience"))  # fmt: skip
                optimizer = soap(3e-3, weight_decay=options["decay"]) if "decay" in options else adam(5e-3)
                fitted = fit(data, hidden, settings, optimizer=optimizer, seed=seed, activation=jnp.tanh,
                             dropout=options.get("dropout", 0.0))  # fmt: skip
                train.append(float(np.mean((fitted.predict(data.x_train) - data.t_train) ** 2)))
                test.append(fitted.test(data)["mse"])
            rows.append([name, float(np.mean(train)), float(np.mean(test)), max(test)])
            axis.plot(data.x_train, data.t_train, "o", color=COLOURS[0], markersize=3)
            axis.plot(grid, np.sin(4 * grid), ":", color="black")
            axis.plot(grid, fitted.predict(grid), color=COLOURS[3])
            axis.set_title(name, fontsize=9, loc="left")
            axis.set_ylim(-2, 2)
        baselines = np.mean(
            [[m["mse"] for m in regression_baselines(self._data(s)).values()] for s in range(self.seeds)], 0
        )
        rows = [["training mean", float("nan"), float(baselines[0]), float("nan")],
                ["least squares", float("nan"), float(baselines[1]), float("nan")], *rows]  # fmt: skip
        findings.figure("Fits: the last seed; training points, the function (dotted) and the network (red)", figure)
        findings.table(
            f"Mean squared error over {self.seeds} seeds; the noise alone makes {self.noise**2:.3g} on test data",
            ["model", "training", "test", "test, worst"], rows,
        )  # fmt: skip
        findings.text(
            "A training error far below the noise together with a test error far above it is over-fitting; a training "
            "error above the noise is under-fitting. The remedies use the same network as the over-fitted one."
        )
        findings.result["mse"] = {row[0]: {"training": row[1], "test": row[2]} for row in rows}
        return findings

    def _data(self, seed: int) -> Split:
        def draw(n: int, part: int) -> tuple[np.ndarray, np.ndarray]:
            rng = np.random.default_rng((seed, part))
            x = rng.uniform(-1, 1, (n, 1))
            return x, np.sin(4 * x) + self.noise * rng.normal(size=x.shape)

        return Split(*draw(self.samples, 0), *draw(self.samples, 1), *draw(1000, 2))
