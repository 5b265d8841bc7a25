"""The multi-layer perceptron, white box and fast: logic, a sine, irises, and handwritten digits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.data import image_split, load_images, load_small, logic
from equilearn.errors import UserError
from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure
from equilearn.supervised import (
    Split,
    classification_baselines,
    classification_metrics,
    compare,
    fit,
    regression_baselines,
    regression_metrics,
    split,
)
from equilearn.whitebox import mlp as whitebox

HIDDEN = (1, 2, 5, 10, 20)


class MLP(Lab):
    """The multi-layer perceptron: logic functions, a sine, Iris, and MNIST with 200 and with all images."""

    seeds: int = 20
    """Random starts of the small problems."""
    digits_seeds: int = 3
    """Random starts with all images."""
    epochs: int = 30
    """Passes over all images."""

    def run(self) -> Findings:
        """Go through the examples of the course's second notebook, then use all the data."""
        findings = Findings("Hidden units: what back-propagation learns that one neuron cannot.")
        self._logic(findings)
        self._sine(findings)
        self._iris(findings)
        try:
            self._few_digits(findings)
            self._all_digits(findings)
        except UserError as error:
            findings.text(f"MNIST is left out: {error}")
        return findings

    def _logic(self, findings: Findings) -> None:
        findings.heading("Logic")
        rows = []
        for name in ("and", "xor"):
            x, t = logic(name)
            solved = 0
            for seed in range(5 * self.seeds):
                net = whitebox.MLP.fresh([2, 2, 1], output="logistic", seed=seed)
                net.train(x, t, epochs=5000, rate=0.25)
                solved += np.array_equal(net(x) > 0.5, t > 0.5)
            rows.append([name.upper(), 5 * self.seeds, solved, solved / (5 * self.seeds)])
        findings.table("Two hidden units, white box, 5,000 epochs", ["function", "starts", "solved", "share"], rows)
        findings.text(
            "The starts that fail at XOR are stuck where two of the four points are right: the cost is not convex."
        )
        findings.result["logic"] = {row[0]: row[3] for row in rows}

    def _sine(self, findings: Findings) -> None:
        findings.heading("A noisy sine, 20 points to learn from")
        tests, baselines = [], []
        x = (np.linspace(0, 1, 40)[:, None] - 0.5) * 2
        for seed in range(self.seeds):
            rng = np.random.default_rng(seed)
            u = x / 2 + 0.5
            t = np.sin(2 * np.pi * u) + np.cos(4 * np.pi * u) + 0.2 * rng.normal(size=u.shape)
            data = Split(x[0::2], t[0::2], x[3::4], t[3::4], x[1::4], t[1::4])
            net = whitebox.MLP.fresh([1, 3, 1], activation="sigmoid", seed=seed)
            net.train(data.x_train, data.t_train, epochs=5000, rate=0.25,
                      validation=(data.x_validation, data.t_validation), patience=500)  # fmt: skip
            tests.append(regression_metrics(net(data.x_test), data.t_test)["mse"])
            baselines.append([one["mse"] for one in regression_baselines(data).values()])
        grid = np.linspace(-1, 1, 200)[:, None]
        figure, axis = new_figure()
        axis.plot(data.x_train, data.t_train, "o", color=COLOURS[0], markersize=4, label="training")
        axis.plot(data.x_test, data.t_test, "s", color=COLOURS[3], markersize=4, label="test")
        axis.plot(grid, net(grid), color=COLOURS[2], label="network, 3 hidden units")
        axis.plot(
            grid, np.sin(np.pi * (grid + 1)) + np.cos(2 * np.pi * (grid + 1)), ":", color="black", label="without noise"
        )
        axis.set(xlabel="x", ylabel="t")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("The sine: the last start's fit", figure)
        naive, linear = np.median(baselines, axis=0)
        rows = [["training mean", float(naive)], ["least squares", float(linear)], ["network", float(np.median(tests))],
                ["network, best", min(tests)], ["network, worst", max(tests)]]  # fmt: skip
        findings.table(f"Mean squared test error over {self.seeds} starts (medians; noise alone: 0.04)",
                       ["answer", "mse"], rows)  # fmt: skip
        findings.result["sine"] = {row[0]: row[1] for row in rows}

    def _iris(self, findings: Findings) -> None:
        findings.heading("Irises")
        x, t = load_small("iris")
        scores, baselines = [], []
        for seed in range(self.seeds):
            data = split(x, t, (0.5, 0.25, 0.25), seed=seed)
            low, high = data.x_train.mean(axis=0), np.abs(data.x_train - data.x_train.mean(axis=0)).max(axis=0)
            scaled = data._replace(
                **{k: (getattr(data, k) - low) / high for k in ("x_train", "x_validation", "x_test")}
            )
            net = whitebox.MLP.fresh([4, 5, 3], output="softmax", seed=seed)
            net.train(scaled.x_train, scaled.t_train, epochs=3000, rate=0.1,
                      validation=(scaled.x_validation, scaled.t_validation), patience=200)  # fmt: skip
            scores.append(classification_metrics(net(scaled.x_test), scaled.t_test.argmax(axis=1))["accuracy"])
            baselines.append([one["accuracy"] for one in classification_baselines(scaled).values()])
        naive, linear = np.mean(baselines, axis=0)
        findings.table(
            f"Test accuracy over {self.seeds} splits and starts: mean, lowest and highest",
            ["answer", "mean", "lowest", "highest"],
            [
                ["majority", float(naive), min(b[0] for b in baselines), max(b[0] for b in baselines)],
                ["logistic regression", float(linear), min(b[1] for b in baselines), max(b[1] for b in baselines)],
                ["network, 5 hidden units", float(np.mean(scores)), min(scores), max(scores)],
            ],
        )
        findings.result["iris"] = {"network": float(np.mean(scores)), "logistic regression": float(linear)}

    def _few_digits(self, findings: Findings) -> None:
        findings.heading("MNIST, 200 images of each part, as in the course")
        x, labels = load_images("mnist", "train")
        x_test, labels_test = load_images("mnist", "t10k")
        rows: list[list[object]] = []
        for hidden in HIDDEN:
            scores = [_digits(x, labels, x_test, labels_test, hidden, seed) for seed in range(5)]
            rows.append([hidden, float(np.mean(scores)), min(scores), max(scores)])
        eye = np.eye(10)
        few = Split(x[:200], eye[labels[:200]], x[50_000:50_200], eye[labels[50_000:50_200]], x_test[:200],
                    eye[labels_test[:200]])  # fmt: skip
        baselines = classification_baselines(few)
        findings.table("Test accuracy by hidden units, 5 starts", ["hidden", "mean", "lowest", "highest"], rows)
        findings.text(
            f"Logistic regression on the same 200 images reaches {baselines['logistic regression']['accuracy']:.3f}, "
            f"the majority class {baselines['majority']['accuracy']:.3f}."
        )
        findings.result["mnist_200"] = {str(row[0]): row[1] for row in rows} | {
            "logistic regression": baselines["logistic regression"]["accuracy"]
        }
        held = x[50_000:51_000], labels[50_000:51_000]
        table = []
        for n in (200, 1000, 5000):
            data = x[:n], labels[:n], x_test[:2000], labels_test[:2000]
            scores = [_digits(*data, 20, seed, epochs=100, batch=50, held=held) for seed in range(3)]
            table.append([n, float(np.mean(scores))])
        findings.table("More images, 20 hidden units, 2,000 test images", ["images", "mean accuracy"], table)

    def _all_digits(self, findings: Findings) -> None:
        findings.heading("MNIST, all images, fast version")
        scores = []
        for seed in range(self.digits_seeds):
            data = image_split("mnist", seed=seed)
            settings = LearnSettings(episodes=self.epochs, batch_size=128, check_every=1, keep_best=True)
            fitted = fit(data, (1024, 512), settings, classify=True, optimizer=adam(1e-3), scale=False, dropout=0.3,
                         batch_norm=True, activation="relu", seed=seed)  # fmt: skip
            scores.append(fitted.test(data)["accuracy"])
        rows = [[name, one["accuracy"]] for name, one in compare(fitted, data, "network, last start").items()]
        rows.append([f"network, mean of {self.digits_seeds} starts", float(np.mean(scores))])
        findings.table("Test accuracy on 10,000 images (1024-512 ReLU, dropout, batch normalisation)",
                       ["answer", "accuracy"], rows)  # fmt: skip
        findings.table("Confusion matrix of the last start: rows actual, columns predicted", ["", *map(str, range(10))],
                       [[str(i), *map(int, row)] for i, row in enumerate(fitted.confusion(data))])  # fmt: skip
        findings.result["mnist"] = {str(row[0]): row[1] for row in rows}


def _digits(
    x: Float[ndarray, "n 784"], labels: ndarray, x_test: Float[ndarray, "m 784"], labels_test: ndarray, hidden: int,
    seed: int, *, epochs: int = 3000, batch: int | None = None, held: tuple[ndarray, ndarray] | None = None,
) -> float:  # fmt: skip
    """Return the white box's test accuracy; by default the course's setting: the first 200 images of each part."""
    eye = np.eye(10)
    if held is None:
        held = x[50_000:50_200], labels[50_000:50_200]
        x, labels, x_test, labels_test = x[:200], labels[:200], x_test[:200], labels_test[:200]
    x, x_held, x_test = (np.asarray(one, float) for one in (x, held[0], x_test))
    net = whitebox.MLP.fresh([784, hidden, 10], output="softmax", seed=seed)
    net.train(x, eye[labels], epochs=epochs, rate=0.1, batch=batch, validation=(x_held, eye[held[1]]), patience=20,
              seed=seed)  # fmt: skip
    return float((net(x_test).argmax(axis=1) == labels_test).mean())
