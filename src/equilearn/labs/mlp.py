"""The multi-layer perceptron, white box and fast: logic, a sine, irises, and handwritten digits."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from equilearn.data import image_split, load_images, load_small, logic
from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import (
    Split,
    classification_baselines,
    classification_metrics,
    confusion_matrix,
    fit,
    regression_baselines,
    regression_metrics,
    split,
)
from equilearn.whitebox import mlp as whitebox

HIDDEN = (1, 2, 5, 10, 20)
IRISES = ("setosa", "versicolor", "virginica")
LOGIC_EPOCHS = 5000
MORE, MORE_STARTS = (200, 1000, 5000), 3
"""Numbers of images with 20 hidden units, and starts of each."""
BEST_LINE = {"and": 4, "xor": 3}
"""Rows of the truth table that the best line has right."""


class MLP(Lab):
    """The multi-layer perceptron: logic functions, a sine, Iris, and MNIST with 200 and with many images."""

    seeds: int = 20
    """Random starts of the small problems."""
    images: int = 12_000
    """Training images of the last example, of 55,000."""
    hidden: tuple[int, ...] = (256,)
    """Its hidden units, by layer."""
    epochs: int = 10
    """Its passes over the images."""
    digits_seeds: int = 3
    """Its random starts."""

    seconds = 100
    full_seconds = 900
    full: ClassVar = {"seeds": 100, "images": 55_000, "hidden": (1024, 512), "epochs": 30}
    bounds: ClassVar = {"seeds": (1, 10_000), "images": (200, 55_000), "hidden": (1, 10_000), "epochs": (1, 10_000),
                        "digits_seeds": (1, 100)}  # fmt: skip

    def parts(self) -> dict[str, Part]:
        """Go through the examples of the course's second notebook, then use more data."""
        parts: dict[str, Part] = {
            f"logic: {name}": lambda _, name=name: [_logic(name, seed) for seed in range(self.seeds)]
            for name in BEST_LINE
        }
        parts["a noisy sine"] = lambda _: self._sine()
        parts["irises"] = lambda _: self._irises()
        if _missing():
            return parts
        parts |= {f"200 digits, {h} hidden": lambda _, h=h: [_few(h, seed) for seed in range(5)] for h in HIDDEN}
        parts |= {f"more digits: {n}": lambda _, n=n: _more(n) for n in MORE}
        parts["digits: baselines"] = lambda _: {
            "200 of each part": classification_baselines(_two_hundred(), scale=False),
            "many": classification_baselines(self._digits(0), scale=False),
        }
        return parts | {
            f"many digits, start {seed + 1}": lambda _, seed=seed: self._many(seed) for seed in range(self.digits_seeds)
        }

    def _sine(self) -> dict[str, Any]:
        """Return test errors by start, the baselines', and the last start's points and curve."""
        tests, baselines = [], []
        for seed in range(self.seeds):
            data = _sine(seed)
            net = whitebox.MLP.fresh([1, 3, 1], activation="sigmoid", seed=seed)
            net.train(data.x_train, data.t_train, epochs=5000, rate=0.25,
                      validation=(data.x_validation, data.t_validation), patience=500)  # fmt: skip
            tests.append(regression_metrics(net(data.x_test), data.t_test)["mse"])
            baselines.append([one["mse"] for one in regression_baselines(data).values()])
        return {"network": tests, "baselines": baselines, "curve": net(_line())[:, 0]}

    def _irises(self) -> dict[str, Any]:
        """Return test accuracies by split and start, the baselines', and the confusion matrix of all of them."""
        x, t = load_small("iris")
        scores, baselines, matrix = [], [], np.zeros((3, 3), int)
        for seed in range(self.seeds):
            data = split(x, t, (0.5, 0.25, 0.25), seed=seed)
            low, high = data.x_train.mean(axis=0), np.abs(data.x_train - data.x_train.mean(axis=0)).max(axis=0)
            scaled = data._replace(
                **{k: (getattr(data, k) - low) / high for k in ("x_train", "x_validation", "x_test")}
            )
            net = whitebox.MLP.fresh([4, 5, 3], output="softmax", seed=seed)
            net.train(scaled.x_train, scaled.t_train, epochs=3000, rate=0.1,
                      validation=(scaled.x_validation, scaled.t_validation), patience=200)  # fmt: skip
            labels = scaled.t_test.argmax(axis=1)
            scores.append(classification_metrics(net(scaled.x_test), labels)["accuracy"])
            baselines.append([one["accuracy"] for one in classification_baselines(scaled).values()])
            matrix += confusion_matrix(labels, net(scaled.x_test).argmax(axis=1), 3)
        return {"network": scores, "baselines": baselines, "confusion": matrix}

    def _digits(self, seed: int) -> Split:
        data = image_split("mnist", seed=seed)
        return data._replace(x_train=data.x_train[: self.images], t_train=data.t_train[: self.images])

    def _many(self, seed: int) -> dict[str, Any]:
        """Return the test accuracy and the confusion matrix of a start of the fast network."""
        data = self._digits(seed)
        settings = LearnSettings(episodes=self.epochs, batch_size=128, check_every=1, keep_best=True)
        fitted = fit(data, self.hidden, settings, classify=True, optimizer=adam(1e-3), scale=False, dropout=0.3,
                     batch_norm=True, activation="relu", seed=seed)  # fmt: skip
        return {"accuracy": fitted.test(data)["accuracy"], "confusion": fitted.confusion(data)}

    def report(self, made: Figures) -> Findings:
        """Return the examples in order."""
        findings = Findings("Hidden units: what back-propagation learns that one neuron cannot.")
        self._report_logic(findings, made)
        self._report_sine(findings, made["a noisy sine"])
        self._report_irises(findings, made["irises"])
        if "digits: baselines" in made:
            self._report_few(findings, made)
            self._report_many(findings, made)
        else:
            findings.text(f"MNIST is left out: {_missing()}")
        return findings

    def _report_logic(self, findings: Findings, made: Figures) -> None:
        findings.heading("Logic")
        right = {name: np.array(made[f"logic: {name}"]) for name in BEST_LINE}
        shares = {name: float((one == 4).mean()) for name, one in right.items()}
        rows = [
            [name.upper(), self.seeds, int((right[name] == 4).sum()), shares[name], f"{line} of 4",
             f"{max(int(logic(name)[1].sum()), 4 - int(logic(name)[1].sum()))} of 4"]
            for name, line in BEST_LINE.items()
        ]  # fmt: skip
        findings.table(f"Two hidden units, white box, {LOGIC_EPOCHS:,} epochs; beside it the rows that the best line "
                       "and the more frequent answer have right",
                       ["function", "starts", "solved", "share", "best line", "more frequent"], rows)  # fmt: skip
        failed = [int((right["xor"] == n).sum()) for n in (3, 2, 1, 0)]
        listed = ", ".join(f"{count} have {n} of 4 rows right" for n, count in zip((3, 2, 1, 0), failed, strict=True)
                           if count)  # fmt: skip
        findings.text(
            f"Of the starts that do not solve XOR in {LOGIC_EPOCHS:,} epochs, {listed}: the cost is not convex."
            if sum(failed)
            else "Every start solves XOR."
        )
        findings.result["logic"] = {name.upper(): share for name, share in shares.items()}

    def _report_sine(self, findings: Findings, made: dict[str, Any]) -> None:
        findings.heading("A noisy sine, 20 points to learn from")
        data, line = _sine(self.seeds - 1), _line()
        figure, axis = new_figure()
        axis.plot(data.x_train, data.t_train, "o", color=COLOURS[0], markersize=4, label="training")
        axis.plot(data.x_test, data.t_test, "s", color=COLOURS[3], markersize=4, label="test")
        axis.plot(line, made["curve"], color=COLOURS[2], label="network, 3 hidden units")
        axis.plot(line, _without_noise(line), ":", color="black", label="without noise")
        axis.set(xlabel="x", ylabel="t")
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.set_size_inches(6.6, 3.6)
        findings.figure("The sine: the last start's fit", figure)
        naive, linear = zip(*made["baselines"], strict=True)
        rows = [
            ["training mean", spread(naive)],
            ["least squares", spread(linear)],
            ["network", spread(made["network"])],
        ]
        findings.table(
            f"Mean squared test error, median (lowest to highest) of {self.seeds} draws of noise and weights; noise "
            "alone makes 0.04", ["answer", "mse"], rows,
        )  # fmt: skip
        findings.result["sine"] = {
            "training mean": float(np.median(naive)), "least squares": float(np.median(linear)),
            "network": float(np.median(made["network"])), "network, best": min(made["network"]),
            "network, worst": max(made["network"]),
        }  # fmt: skip

    def _report_irises(self, findings: Findings, made: dict[str, Any]) -> None:
        findings.heading("Irises")
        naive, linear = zip(*made["baselines"], strict=True)
        rows = [["majority", spread(naive)], ["logistic regression", spread(linear)],
                ["network, 5 hidden units", spread(made["network"])]]  # fmt: skip
        findings.table(f"Test accuracy, median (lowest to highest) of {self.seeds} splits and starts",
                       ["answer", "accuracy"], rows)  # fmt: skip
        ours, theirs = np.array(made["network"]), np.array(linear)
        findings.text(
            f"The network is better than logistic regression in {int((ours > theirs).sum())} of {self.seeds} splits, "
            f"worse in {int((ours < theirs).sum())}, equal in the others; means {ours.mean():.3f} and "
            f"{theirs.mean():.3f}."
        )
        matrix = [[name, *row] for name, row in zip(IRISES, made["confusion"], strict=True)]
        findings.table("The network's confusion matrix, all splits together: rows actual, columns predicted",
                       ["", *IRISES], matrix)  # fmt: skip
        findings.result["iris"] = {"network": float(ours.mean()), "logistic regression": float(theirs.mean())}

    def _report_few(self, findings: Findings, made: Figures) -> None:
        findings.heading("MNIST, 200 images of each part, as in the course")
        scores = {h: made[f"200 digits, {h} hidden"] for h in HIDDEN}
        baselines = made["digits: baselines"]["200 of each part"]
        rows = [[f"network, {h} hidden", spread(one)] for h, one in scores.items()]
        findings.table("Test accuracy, median (lowest to highest) of 5 starts", ["answer", "accuracy"],
                       [[name, f"{one['accuracy']:.3g}"] for name, one in baselines.items()] + rows)  # fmt: skip
        findings.result["mnist_200"] = {str(h): float(np.mean(one)) for h, one in scores.items()} | {
            "logistic regression": baselines["logistic regression"]["accuracy"]
        }
        table = []
        for n in MORE:
            one = made[f"more digits: {n}"]
            table.append([f"{n:,}", *(f"{base['accuracy']:.3g}" for base in one["baselines"].values()),
                          spread(one["network"])])  # fmt: skip
        findings.table(
            "Test accuracy on 2,000 images with more images to learn from; the network has 20 hidden units, median "
            f"(lowest to highest) of {MORE_STARTS} starts",
            ["images", "majority", "logistic regression", "network"], table,
        )  # fmt: skip

    def _report_many(self, findings: Findings, made: Figures) -> None:
        findings.heading(f"MNIST, {self.images:,} images, fast version")
        starts = [made[f"many digits, start {seed + 1}"] for seed in range(self.digits_seeds)]
        scores = [one["accuracy"] for one in starts]
        baselines = made["digits: baselines"]["many"]
        rows = [[name, f"{one['accuracy']:.4f}"] for name, one in baselines.items()]
        rows.append(["network", f"{np.median(scores):.4f} ({min(scores):.4f} to {max(scores):.4f})"])
        findings.table(f"Test accuracy on 10,000 images ({'-'.join(map(str, self.hidden))} ReLU, dropout, batch "
                       f"normalisation, {self.epochs} epochs); median (lowest to highest) of {self.digits_seeds} "
                       "starts",
                       ["answer", "accuracy"], rows)  # fmt: skip
        findings.table("Confusion matrix of the last start: rows actual, columns predicted", ["", *map(str, range(10))],
                       [[str(i), *row] for i, row in enumerate(starts[-1]["confusion"])])  # fmt: skip
        findings.result["mnist"] = {name: one["accuracy"] for name, one in baselines.items()} | {
            "network": float(np.median(scores)), "network by start": scores
        }  # fmt: skip


def _logic(name: str, seed: int) -> int:
    """Return how many rows of a truth table a trained network with two hidden units has right."""
    x, t = logic(name)
    net = whitebox.MLP.fresh([2, 2, 1], output="logistic", seed=seed)
    net.train(x, t, epochs=LOGIC_EPOCHS, rate=0.25)
    return int(((net(x) > 0.5) == (t > 0.5)).sum())


def _without_noise(x: Float[ndarray, "n 1"]) -> Float[ndarray, "n 1"]:
    return np.sin(np.pi * (x + 1)) + np.cos(2 * np.pi * (x + 1))


def _sine(seed: int) -> Split:
    x = np.linspace(-1, 1, 40)[:, None]
    t = _without_noise(x) + 0.2 * np.random.default_rng(seed).normal(size=x.shape)
    return Split(x[0::2], t[0::2], x[3::4], t[3::4], x[1::4], t[1::4])


def _line() -> Float[ndarray, "n 1"]:
    return np.linspace(-1, 1, 200)[:, None]


@functools.cache
def _images(part: str) -> tuple[Float[ndarray, "n 784"], Int[ndarray, " n"]]:
    return load_images("mnist", part)


@functools.cache
def _missing() -> str:
    """Return why the digits are not to be had; empty where they are."""
    try:
        for part in ("train", "t10k"):
            _images(part)
    except UserError as error:
        return str(error)
    return ""


def _two_hundred() -> Split:
    """Return the course's setting: the first 200 images of each part."""
    (x, labels), (x_test, labels_test), eye = _images("train"), _images("t10k"), np.eye(10)
    held = slice(50_000, 50_200)
    return Split(x[:200], eye[labels[:200]], x[held], eye[labels[held]], x_test[:200], eye[labels_test[:200]])


def _few(hidden: int, seed: int) -> float:
    """Return the white box's test accuracy in the course's setting."""
    return _white_box(_two_hundred(), hidden, seed, epochs=3000, batch=None)


def _more(images: int) -> dict[str, Any]:
    """Return the white box's test accuracies with so many images, and the baselines'."""
    (x, labels), (x_test, labels_test), eye = _images("train"), _images("t10k"), np.eye(10)
    held = slice(50_000, 51_000)
    data = Split(x[:images], eye[labels[:images]], x[held], eye[labels[held]], x_test[:2000], eye[labels_test[:2000]])
    scores = [_white_box(data, 20, seed, epochs=50, batch=50) for seed in range(MORE_STARTS)]
    return {"network": scores, "baselines": classification_baselines(data, scale=False)}


def _white_box(data: Split, hidden: int, seed: int, *, epochs: int, batch: int | None) -> float:
    """Return the white box's test accuracy on digits."""
    data = Split(*(np.asarray(one, float) for one in data))
    net = whitebox.MLP.fresh([784, hidden, 10], output="softmax", seed=seed)
    net.train(data.x_train, data.t_train, epochs=epochs, rate=0.1, batch=batch,
              validation=(data.x_validation, data.t_validation), patience=20, seed=seed)  # fmt: skip
    return float((net(data.x_test).argmax(axis=1) == data.t_test.argmax(axis=1)).mean())
