"""Fashion-MNIST with the course's network and variants, each tested on the publisher's test images."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from equilearn.data import FASHION, image_split
from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import compare, fit

VARIANTS: dict[str, dict[str, Any]] = {
    "128 ReLU (the course's)": {},
    "He's weights": {"initialiser": jax.nn.initializers.he_normal()},
    "early stopping": {"patience": 2},
    "dropout 0.2": {"dropout": 0.2},
    "batch normalisation": {"batch_norm": True},
}


class Classification(Lab):
    """Fashion-MNIST: the course's network and variants, each evaluated on test data."""

    epochs: int = 10
    rate: float = 1e-3
    """Learning rate of Adam, decaying."""
    seed: int = 0

    def run(self) -> Findings:
        """Fit every variant, then look at the mistakes of the first."""
        findings = Findings("Ten kinds of clothing, told apart by 784 pixels.")
        data = image_split("fashion-mnist", seed=self.seed)
        rows, first = [], None
        for name, options in VARIANTS.items():
            chosen = {k: v for k, v in options.items() if k != "patience"}
            settings = LearnSettings(
                episodes=self.epochs, batch_size=32, check_every=1, patience=options.get("patience")
            )
            fitted = fit(data, (128,), settings, classify=True, optimizer=adam(self.rate), scale=False, seed=self.seed,
                         activation="relu", **chosen)  # fmt: skip
            first = first or fitted
            metrics = fitted.test(data)
            rows.append(
                [name, metrics["accuracy"], metrics["log_loss"], metrics["calibration_error"], fitted.run.seconds]
            )
        assert first is not None
        baselines = list(compare(first, data).items())[:2]
        rows = [[n, m["accuracy"], m["log_loss"], m["calibration_error"], float("nan")] for n, m in baselines] + rows
        findings.table(f"10,000 test images, at most {self.epochs} epochs in batches of 32",
                       ["model", "accuracy", "log loss", "calibration error", "seconds"], rows)  # fmt: skip
        matrix = first.confusion(data)
        findings.table("Confusion matrix of the first network: rows actual, columns predicted", ["", *FASHION],
                       [[FASHION[i], *map(int, row)] for i, row in enumerate(matrix)])  # fmt: skip
        off = matrix - np.diag(np.diag(matrix))
        actual, taken = np.unravel_index(off.argmax(), off.shape)
        findings.text(
            f"The most frequent mistake: {off.max()} times a {FASHION[actual]} is taken for a {FASHION[taken]}."
        )
        _examples(findings, first, data)
        findings.result["test"] = {row[0]: {"accuracy": row[1], "log_loss": row[2]} for row in rows}
        return findings


def _examples(findings: Findings, fitted: Any, data: Any) -> None:
    """Draw the first test images with their probabilities."""
    probabilities, labels = fitted.predict(data.x_test[:8]), data.t_test[:8].argmax(axis=1)
    figure, axes = new_figure(2, 8, height=1.6)
    for i in range(8):
        axes[0, i].imshow(data.x_test[i].reshape(28, 28), cmap="gray_r")
        axes[0, i].set_axis_off()
        colours = [COLOURS[2] if c == labels[i] else COLOURS[3] for c in range(10)]
        axes[1, i].bar(range(10), probabilities[i], color=colours)
        axes[1, i].set(ylim=(0, 1), xticks=range(10), yticks=[0, 1])
        axes[1, i].tick_params(labelsize=6)
    figure.set_size_inches(10, 3.2)
    findings.figure("The first test images: probabilities of the ten classes, the right one green", figure)
