"""What depth, width and activation buy, and why a non-linearity is needed at all."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import Split, fit, regression_baselines
from equilearn.whitebox.approximation import staircase

DEPTHS = {1: (64,), 2: (64, 64), 4: (32, 32, 32, 32)}
WIDTHS = (4, 16, 64, 256)
ACTIVATIONS: dict[str, Any] = {
    "linear": lambda h: h,
    "ReLU": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "Swish": jax.nn.swish,
}


class Approximation(Lab):
    """What depth, width and activation buy; linear activations stay linear however deep."""

    epochs: int = 300
    samples: int = 1000
    seed: int = 0

    def run(self) -> Findings:
        """Fit a wiggly function with every design."""
        findings = Findings("One hidden layer can approximate anything; how well depends on the design.")
        x = np.linspace(0.02, 0.98, 500)
        rows: list[list[Any]] = []
        for bumps in (5, 20, 80):
            gap = np.abs(staircase(np.sin, x * 6, 0.0, 6.0, bumps, steepness=40.0 * bumps) - np.sin(x * 6))
            rows.append([bumps, float(gap.mean()), float(gap.max())])
        findings.table(
            "By construction: a sum of bumps of two sigmoids each, for a sine", ["bumps", "mean", "largest"], rows
        )

        data = self._data()
        baselines = regression_baselines(data)
        self._compare(findings, data, "activation", {n: ((64, 64), a) for n, a in ACTIVATIONS.items()}, baselines)
        self._compare(
            findings, data, "hidden layers", {str(n): (h, jax.nn.swish) for n, h in DEPTHS.items()}, baselines
        )
        self._compare(findings, data, "units", {str(n): ((n,), jax.nn.swish) for n in WIDTHS}, baselines)
        linear = findings.result["activation"]["linear"]
        findings.text(
            "Three linear maps in a row are one linear map: with linear activations the network's error "
            f"({linear:.4f}) is that of least squares ({baselines['least squares']['mse']:.4f}), whatever its depth."
        )
        return findings

    def _data(self) -> Split:
        def draw(n: int, part: int) -> tuple[np.ndarray, np.ndarray]:
            x = np.random.default_rng((self.seed, part)).uniform(-1, 1, (n, 2))
            return x, np.sin(5 * x[:, :1]) * np.abs(x[:, 1:]) + x[:, :1]

        return Split(*draw(self.samples, 0), *draw(200, 1), *draw(1000, 2))

    def _compare(
        self, findings: Findings, data: Split, title: str, designs: dict[str, tuple[tuple[int, ...], Any]],
        baselines: dict[str, dict[str, float]],
    ) -> None:  # fmt: skip
        rows = [[name, 0, one["mse"], one["max"]] for name, one in baselines.items()]
        figure, axis = new_figure()
        for (name, (hidden, activation)), colour in zip(designs.items(), COLOURS, strict=False):
            settings = LearnSettings(episodes=self.epochs, batch_size=100, check_every=10)
            fitted = fit(data, hidden, settings, optimizer=adam(5e-3), activation=activation, seed=self.seed)
            metrics = fitted.test(data)
            size = sum(leaf.size for leaf in jax.tree.leaves(fitted.network))
            rows.append([name, size, metrics["mse"], metrics["max"]])
            history = fitted.run.history
            axis.plot([row["episode"] for row in history], [row["errors/validation/mean"] for row in history],
                      color=colour, label=name)  # fmt: skip
        axis.set(xlabel="epoch", ylabel="validation error", yscale="log")
        axis.legend(frameon=False, fontsize=8, title=title)
        findings.figure(f"Learning by {title}: validation error", figure)
        findings.table(
            "sin(5 x1) |x2| + x1: errors on 1,000 test points", [title, "parameters", "mse", "largest"], rows
        )
        findings.result[title] = {row[0]: row[2] for row in rows}
