"""Pictures told apart by the course's network and variants, each evaluated on test data."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import numpy as np

from equilearn.data.pictures import KNOWN, told_pictures
from equilearn.labs import Figures, Lab, Part
from equilearn.labs.images import pictures
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import Split, classification_baselines, fit

PLAIN, STOPPING = "128 ReLU (the course's)", "early stopping"
VARIANTS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "He's weights": {"initialiser": jax.nn.initializers.he_normal()},
    STOPPING: {"patience": 2},
    "dropout 0.2": {"dropout": 0.2},
    "batch normalisation": {"batch_norm": True},
}
METRICS = ("accuracy", "log_loss", "calibration_error")
SHOWN = 8
"""Test images that are drawn."""


class Classification(Lab):
    """Fashion-MNIST or pictures of your own: the course's network and variants, each evaluated on test data."""

    data: str = "fashion-mnist"
    """fashion-mnist, mnist, or path/to/folder with a subfolder of pictures for every class."""
    images: int = 12_000
    """Training images at most, of 55,000; 5,000 more are for validation."""
    epochs: int = 20
    """Passes over the training images, at most."""
    rate: float = 1e-3
    """Learning rate of Adam, falling."""
    seeds: int = 3
    """Random starts."""
    seed: int = 0

    seconds = 90
    full_seconds = 300
    full: ClassVar = {"images": 55_000}
    bounds: ClassVar = {"images": (100, 55_000), "epochs": (1, 10_000), "rate": (1e-9, 1), "seeds": (1, 100)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not told_pictures(self.data):
            raise self._wrong("data", f"must be {', '.join(KNOWN)} or path/to/folder, not {self.data!r}")

    def learns_from(self) -> Any:
        """Return the images."""
        return self._data()[0]

    def parts(self) -> dict[str, Part]:
        """Fit the baselines and every variant."""
        return {"baselines": lambda _: classification_baselines(self._data()[0], scale=False)} | {
            name: lambda _, name=name: self._fit(name) for name in VARIANTS
        }

    def _data(self) -> tuple[Split, tuple[str, ...]]:
        """Return the images, and the classes' names."""
        data, classes = pictures(self.data, seed=self.seed)
        return data._replace(x_train=data.x_train[: self.images], t_train=data.t_train[: self.images]), classes

    def _fit(self, name: str) -> dict[str, Any]:
        """Return the test metrics by start, where each run ended, and for the plain network some answers."""
        options = dict(VARIANTS[name])
        settings = LearnSettings(
            episodes=self.epochs, batch_size=32, check_every=1, patience=options.pop("patience", None)
        )
        (data, _), rows, answers = self._data(), [], {}
        for start in range(self.seeds):
            fitted = fit(data, (128,), settings, classify=True, optimizer=adam(self.rate), scale=False,
                         seed=self.seed + start, activation="relu", **options)  # fmt: skip
            run = fitted.run
            lowest = min(run.history, key=lambda row: row["errors/validation/mean"])["episode"]
            ended = {"seconds": run.seconds, "epochs": run.history[-1]["episode"], "lowest": lowest}
            rows.append(fitted.test(data) | ended)
            if name == PLAIN and not answers:
                answers = {"confusion": fitted.confusion(data), "shown": fitted.predict(data.x_test[:SHOWN])}
        return {key: [row[key] for row in rows] for key in rows[0]} | answers

    def report(self, made: Figures) -> Findings:
        """Return the table of variants, the mistakes of the plain network, and what they say."""
        data, classes = self._data()
        what = {"fashion-mnist": "Ten kinds of clothing", "mnist": "Ten digits"}.get(self.data)
        findings = Findings(f"{what or f'{len(classes)} kinds of pictures'}, told apart by 784 pixels.")
        rows: list[list[Any]] = [
            [name, *(f"{one[key]:.3f}" for key in METRICS), "-"] for name, one in made["baselines"].items()
        ]
        rows += [
            [name, *(spread(made[name][key]) for key in METRICS), f"{np.mean(made[name]['seconds']):.1f}"]
            for name in VARIANTS
        ]
        findings.table(
            f"{len(data.x_train):,} images to learn from, {len(data.x_test):,} test images; median (lowest to "
            f"highest) of {self.seeds} starts; at most {self.epochs} epochs in batches of 32; mean seconds of learning",
            ["model", "accuracy", "log loss", "calibration error", "seconds"], rows,
        )  # fmt: skip
        self._words(findings, made)
        matrix = np.array(made[PLAIN]["confusion"])
        findings.table("Confusion matrix of the first plain network: rows actual, columns predicted", ["", *classes],
                       [[classes[i], *map(int, row)] for i, row in enumerate(matrix)])  # fmt: skip
        off = matrix - np.diag(np.diag(matrix))
        actual, taken = np.unravel_index(off.argmax(), off.shape)
        if off.max() > 0:
            findings.text(
                f"Its most frequent mistake, {off.max()} times: {classes[actual]} is taken for {classes[taken]}."
            )
        _examples(findings, data, classes, np.array(made[PLAIN]["shown"]))
        findings.result["test"] = {
            name: {key: one[key] for key in ("accuracy", "log_loss")} for name, one in made["baselines"].items()
        } | {name: {key: float(np.median(made[name][key])) for key in ("accuracy", "log_loss")} for name in VARIANTS}
        findings.result["by_seed"] = {
            name: {key: made[name][key] for key in (*METRICS, "epochs", "lowest", "seconds")} for name in VARIANTS
        }
        return findings

    def _words(self, findings: Findings, made: Figures) -> None:
        """Add what the figures say of early stopping, and whether the variants differ by more than starts do."""
        ended, lowest, plain = (
            ", ".join(map(str, made[name][key]))
            for name, key in ((STOPPING, "epochs"), (STOPPING, "lowest"), (PLAIN, "lowest"))
        )
        early = sum(n < self.epochs for n in made[STOPPING]["epochs"])
        loss = {name: float(np.median(made[name]["log_loss"])) for name in (PLAIN, STOPPING)}
        findings.text(
            f"The validation loss of the plain network is lowest at epoch {plain} of {self.epochs}. Early stopping, "
            f"after two epochs without a better one, ended {early} of {self.seeds} runs before the last epoch: after "
            f"{ended} epochs, with the weights of epoch {lowest}; its log loss on test images is {loss[STOPPING]:.3f} "
            f"against {loss[PLAIN]:.3f}."
        )
        low, high = min(made[PLAIN]["accuracy"]), max(made[PLAIN]["accuracy"])
        apart = [
            name
            for name in list(VARIANTS)[1:]
            if min(made[name]["accuracy"]) > high or max(made[name]["accuracy"]) < low
        ]
        findings.text(
            f"The starts of the plain network alone differ in accuracy from {low:.3f} to {high:.3f}; of the variants, "
            f"all starts of {' and '.join(apart) or 'none'} lie outside of that. The linear answer, logistic "
            f"regression, has {made['baselines']['logistic regression']['accuracy']:.3f}."
        )


def _examples(findings: Findings, data: Split, classes: tuple[str, ...], probabilities: np.ndarray) -> None:
    """Draw the first test images with their probabilities."""
    labels, places = data.t_test[: len(probabilities)].argmax(axis=1), range(len(classes))
    figure, axes = new_figure(2, len(labels), height=2.2, sharey="row", squeeze=False)
    for i in range(len(labels)):
        axes[0, i].imshow(data.x_test[i].reshape(28, 28), cmap="gray_r")
        axes[0, i].set_title(classes[labels[i]], fontsize=9)
        axes[0, i].set_axis_off()
        colours = [COLOURS[2] if c == labels[i] else COLOURS[3] for c in places]
        axes[1, i].barh(places, probabilities[i], color=colours)
        axes[1, i].set(xlim=(0, 1), xticks=[0, 1], yticks=places, xlabel="probability")
        axes[1, i].set_yticks(places, classes, fontsize=8)
    axes[1, 0].invert_yaxis()
    axes[1, 0].set_ylabel("class")
    figure.set_size_inches(13, 4.6)
    findings.figure("The first test images: probabilities of the classes, the right one green", figure)
