"""Tables: the tour's synthetic cases beside least squares, and credit grades."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from equilearn.data import LEAKS, lending_club, random_network_data
from equilearn.errors import UserError
from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import Fitted, Split, classification_metrics, compare, fit, split

GRADES = "ABCDEFG"
CASES = {
    "simple regression": ((20, 20), 1),
    "complex regression": ((200,) * 4, 1),
    "simple classification": ((20, 20), 3),
    "complex classification": ((200,) * 4, 3),
}


class Tabular(Lab):
    """Tables: badly scaled inputs with and without scaling, credit grades with class weights and calibration."""

    samples: int = 10_000
    """Of each synthetic case."""
    epochs: int = 20
    layout: str = "2014"
    """Of the credit data: 2014 (227,214 loans) or 2018 (10,000)."""
    tensorboard: str = ""
    """Folder for TensorBoard events of the credit run; empty keeps none."""
    seed: int = 0

    def run(self) -> Findings:
        """Do the synthetic cases, then the credit grades."""
        findings = Findings("Rows and columns: where a network helps, and where least squares is enough.")
        self._synthetic(findings)
        try:
            self._credit(findings)
        except UserError as error:
            findings.text(f"The credit grades are left out: {error}")
        return findings

    def _synthetic(self, findings: Findings) -> None:
        findings.heading("Synthetic cases")
        rows, losses = [], []
        for name, (layers, outputs) in CASES.items():
            x, t = random_network_data(self.samples, 10, layers, outputs, 0.1, seed=1234)
            data = split(x, t, (0.9, 0.05, 0.05), seed=self.seed)
            classify, key = outputs > 1, "accuracy" if outputs > 1 else "mse"
            settings = LearnSettings(episodes=self.epochs, batch_size=256, check_every=1, keep_best=True)
            scores = {}
            for scale in (True, False):
                fitted = fit(
                    data,
                    (64, 32),
                    settings,
                    classify=classify,
                    optimizer=adam(5e-3),
                    scale=scale,
                    activation="relu",
                    seed=self.seed,
                )
                scores[scale] = fitted.test(data)[key]
            naive, linear = (m[key] for m in list(compare(fitted, data).values())[:2])
            rows.append([name, key, naive, linear, scores[True], scores[False]])
            best = max(scores.values()) if classify else min(scores.values())
            if (best < linear) if classify else (best > linear):
                losses.append(name)
        findings.table(f"Test results, network 64-32 ReLU, {self.epochs} epochs",
                       ["case", "metric", "naive", "linear", "network, scaled", "network, raw"], rows)  # fmt: skip
        findings.text(
            "The 'complex' regression is not complex: its inputs are a piecewise linear function of one number, only "
            "enormous. Least squares does not mind the scale; a network does. The network loses to the linear answer "
            "in: "
            + (", ".join(losses) or "none of these cases") + "."
        )  # fmt: skip
        findings.result["synthetic"] = {row[0]: dict(zip(("naive", "linear", "scaled", "raw"), row[2:], strict=True))
                                        for row in rows}  # fmt: skip

    def _credit(self, findings: Findings) -> None:
        findings.heading("Credit grades")
        x, t, names = lending_club(self.layout)
        data = split(x, t, (0.8, 0.1, 0.1), seed=self.seed)
        settings = LearnSettings(episodes=self.epochs, batch_size=1024, check_every=1, keep_best=True)
        frequency = data.t_train.mean(axis=0)
        weights = {"network": None, "network, classes weighted": 1 / np.maximum(frequency, 1e-3) / len(frequency)}
        fits: dict[str, Fitted] = {}
        for name, one in weights.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(self.tensorboard or scratch) / name.replace(", ", "-").replace(" ", "-")
                folder.mkdir(parents=True, exist_ok=True)
                fits[name] = fit(data, (64, 32), settings, classify=True, optimizer=adam(5e-3), seed=self.seed,
                                 activation="relu", class_weights=one, folder=folder)  # fmt: skip
        results = compare(fits["network"], data) | {n: f.test(data) for n, f in fits.items()}
        keys = ("accuracy", "balanced_accuracy", "log_loss", "calibration_error")
        findings.table(
            f"{len(x):,} loans, {len(names)} inputs, tested on {len(data.x_test):,}",
            ["answer", "accuracy", "balanced accuracy", "log loss", "calibration error"],
            [[name, *(one[key] for key in keys)] for name, one in results.items()],
        )
        findings.text(
            f"Left out because they reveal the grade or the future: {', '.join(LEAKS[self.layout])}. Weighting the "
            "classes raises the recall of rare grades and costs accuracy and calibration."
        )
        for name, one in fits.items():
            matrix = one.confusion(data)
            recall = np.diag(matrix) / np.maximum(matrix.sum(axis=1), 1)
            precision = np.diag(matrix) / np.maximum(matrix.sum(axis=0), 1)
            near = np.abs(np.subtract.outer(np.arange(7), np.arange(7))) <= 1
            findings.table(
                f"{name}: rows actual, columns predicted; {matrix[near].sum() / matrix.sum():.1%} within one grade",
                ["", *GRADES, "recall", "precision"],
                [
                    [g, *map(int, row), float(r), float(p)]
                    for g, row, r, p in zip(GRADES, matrix, recall, precision, strict=True)
                ],
            )
        findings.figure("Calibration: share of right answers by stated confidence", _calibration(fits, data))
        if self.tensorboard:
            findings.text(f"Loss curves in TensorBoard: tensorboard --logdir {self.tensorboard}")
        findings.result["credit"] = results


def _calibration(fits: dict[str, Fitted], data: Split) -> Any:
    figure, axis = new_figure()
    labels = data.t_test.argmax(axis=1)
    for (name, fitted), colour in zip(fits.items(), COLOURS, strict=False):
        probabilities = fitted.predict(data.x_test)
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        bins = np.minimum((confidence * 10).astype(int), 9)
        used = [b for b in range(10) if (bins == b).sum() >= 20]
        error = classification_metrics(probabilities, labels)["calibration_error"]
        stated, true = ([one[bins == b].mean() for b in used] for one in (confidence, right))
        axis.plot(stated, true, "-o", color=colour,
                  label=f"{name} (error {error:.3f})")  # fmt: skip
    axis.plot([0, 1], [0, 1], ":", color="black")
    axis.set(xlabel="stated confidence", ylabel="share right")
    axis.legend(frameon=False, fontsize=8)
    return figure
