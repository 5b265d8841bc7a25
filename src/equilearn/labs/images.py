"""Pictures told apart: perceptron, LeNet-5 as published, and a small modern net, beside what they have to beat."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from equilearn.data import drawn_digit
from equilearn.data.pictures import ENDINGS, KNOWN, load_pictures, told_pictures
from equilearn.images import FittedClassifier, fit_classifier
from equilearn.images.classifier import NETWORKS
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.learn import LearnSettings
from equilearn.networks.convolutional import LeNet
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import Split, classification_baselines, classification_metrics, confusion_matrix

WORDS = {"mlp": "perceptron, 256 hidden", "lenet": "LeNet-5", "modern": "modern net"}
pictures = functools.lru_cache(maxsize=2)(load_pictures)
"""The parts of a data set, read once for all parts of a lab."""
METRICS = ("accuracy", "log_loss", "calibration_error")
MISTAKES = 10
"""That are drawn."""


class Recipe(NamedTuple):
    """How a network is trained."""

    epochs: int
    batch: int
    rate: float
    decay: float
    shift: int


RECIPES = {
    "mlp": Recipe(10, 128, 1e-3, 0.0, 0),
    "lenet": Recipe(15, 128, 2e-3, 0.01, 1),
    "modern": Recipe(3, 128, 4e-3, 0.05, 2),
}


class Images(Lab):
    """Pictures told apart by a perceptron, LeNet-5 and a modern net: MNIST, Fashion-MNIST, or a folder of your own."""

    data: str = "mnist"
    """mnist, fashion-mnist, or path/to/folder with a subfolder of pictures for every class."""
    networks: tuple[str, ...] = ("mlp", "lenet", "modern")
    images: int = 55_000
    """Training pictures at most."""
    epochs: int = 0
    """Passes over them; 0: as is usual for each network."""
    picture: str = ""
    """A file with a digit that you have drawn, for the networks to read."""
    seeds: int = 1
    """Random starts."""
    seed: int = 0

    seconds = 270
    full_seconds = 2400
    full: ClassVar = {"epochs": 12, "seeds": 3}
    bounds: ClassVar = {"images": (100, 10_000_000), "epochs": (0, 10_000), "seeds": (1, 100)}
    choices: ClassVar = {"networks": tuple(NETWORKS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.networks)) < len(self.networks):
            raise self._wrong("networks", "names one twice")
        if not told_pictures(self.data):
            raise self._wrong("data", f"must be {', '.join(KNOWN)} or path/to/folder, not {self.data!r}")
        if self.picture and Path(self.picture).suffix.lower() not in ENDINGS:
            raise self._wrong(
                "picture", f"must be a file that ends in {', '.join(sorted(ENDINGS))}, not {self.picture!r}"
            )
        if self.picture and self.data != "mnist":
            raise self._wrong("picture", "is a digit, which networks that learn from mnist can read")

    def learns_from(self) -> Any:
        """Return the pictures, and the digit of one's own."""
        return (*self._data()[0], drawn_digit(Path(self.picture)) if self.picture else None)

    def parts(self) -> dict[str, Part]:
        """Fit the baselines, then every network from every start."""
        parts: dict[str, Part] = {"baselines": lambda _: self._baselines()}
        for name in self.networks:
            parts |= from_starts(f"{name}, start", self.seeds, functools.partial(self._network, name))
        return parts

    def _data(self) -> tuple[Split, tuple[str, ...]]:
        data, classes = pictures(self.data, seed=self.seed)
        return data._replace(x_train=data.x_train[: self.images], t_train=data.t_train[: self.images]), classes

    def _baselines(self) -> dict[str, Any]:
        data, _ = self._data()
        return classification_baselines(data, scale=False)

    def _recipe(self, name: str) -> Recipe:
        recipe = RECIPES[name]
        return recipe._replace(epochs=self.epochs) if self.epochs else recipe

    def _network(self, name: str, folder: Path | None, start: int) -> dict[str, Any]:
        """Return the test metrics of a start, how it learnt, and for the first what there is to be seen."""
        (data, classes), recipe = self._data(), self._recipe(name)
        settings = LearnSettings(episodes=recipe.epochs, batch_size=recipe.batch, check_every=1, keep_best=True)
        fitted = fit_classifier(
            data, settings, network=name, shift=recipe.shift, mirror=self.data == "fashion-mnist" and name == "modern",
            optimizer=adam(recipe.rate, weight_decay=recipe.decay), seed=self.seed + start,
            folder=folder, resume=folder is not None,
        )  # fmt: skip
        said, labels = fitted.predict(data.x_test), data.t_test.argmax(axis=1)
        made = {
            "test": {key: value for key, value in classification_metrics(said, labels).items() if key in METRICS},
            "seconds": fitted.run.seconds,
            "weights": sum(leaf.size for leaf in jax.tree.leaves(fitted.network) if hasattr(leaf, "size")),
            "curve": [row["scores/accuracy/mean"] for row in fitted.run.history],
        }
        if self.picture:
            made["own"] = fitted.predict(drawn_digit(Path(self.picture))[None])[0]
        if start:
            return made
        wrong = np.flatnonzero(said.argmax(axis=1) != labels)
        surest = wrong[np.argsort(-said[wrong].max(axis=1))][:MISTAKES]
        made["confusion"] = confusion_matrix(labels, said.argmax(axis=1), len(classes))
        made["mistakes"] = [[int(i), int(said[i].argmax()), float(said[i].max())] for i in surest]
        return made | (_inside(fitted, data.x_test[:1]) if name == "lenet" else {})

    def report(self, made: Figures) -> Findings:
        """Return the table, the curves, what LeNet sees, and what is mistaken."""
        data, classes = self._data()
        findings = Findings(
            f"{len(classes)} kinds of pictures ({self.data}): what convolutions see that rows of pixels hide."
        )
        starts = {name: [made[f"{name}, start {n + 1}"] for n in range(self.seeds)] for name in self.networks}
        base = made["baselines"]
        rows = [[name, *(f"{one[key]:.4f}" for key in METRICS), "-", "-", "-"] for name, one in base.items()]
        for name, some in starts.items():
            cells = [
                f"{some[0]['test'][key]:.4f}" if self.seeds == 1 else spread([one["test"][key] for one in some])
                for key in METRICS
            ]
            rows.append([WORDS[name], *cells, f"{some[0]['weights']:,}", self._recipe(name).epochs,
                         f"{np.mean([one['seconds'] for one in some]):.0f}"])  # fmt: skip
        also = f"; median (lowest to highest) of {self.seeds} starts" if self.seeds > 1 else ""
        findings.table(
            f"{len(data.x_train):,} pictures to learn from, {len(data.x_validation):,} to choose the epoch by, "
            f"{len(data.x_test):,} to test on, which were used once{also}",
            ["", "accuracy", "log loss", "calibration error", "weights", "epochs", "seconds of learning"], rows,
        )  # fmt: skip
        self._words(findings, base, starts, len(data.x_test))
        _curves(findings, starts)
        if "lenet" in starts:
            _seen_by_lenet(findings, starts["lenet"][0], data)
        best = max(starts, key=lambda name: starts[name][0]["test"]["accuracy"])
        _mistakes(findings, starts[best][0], data, classes, WORDS[best])
        if self.picture:
            _own(findings, drawn_digit(Path(self.picture)), {name: some[0]["own"] for name, some in starts.items()})
        findings.result["test"] = base | {name: [one["test"] for one in some] for name, some in starts.items()}
        findings.result["validation accuracy by epoch"] = {
            name: [one["curve"] for one in some] for name, some in starts.items()
        }
        return findings

    def _words(self, findings: Findings, base: dict[str, Any], starts: dict[str, Any], tested: int) -> None:
        """Say who is wrong how often, with the uncertainty of the count."""
        wrong = {name: 1 - one["accuracy"] for name, one in base.items()}
        wrong |= {WORDS[name]: 1 - float(np.median([one["test"]["accuracy"] for one in some]))
                  for name, some in starts.items()}  # fmt: skip
        said = "; ".join(
            f"{name} {100 * share:.2f} % (give or take {196 * (share * (1 - share) / tested) ** 0.5:.2f})"
            for name, share in wrong.items()
        )
        findings.text(f"Wrong on the test part, with the interval of 95 % that its size alone makes: {said}.")


def _inside(fitted: FittedClassifier, x: np.ndarray) -> dict[str, Any]:
    """Return LeNet's first filters, and its maps of a picture."""
    net: LeNet = fitted.network
    maps = net.maps(jnp.asarray(x.reshape(1, 28, 28, 1)))
    return {
        "filters": np.asarray(net.c1.weights).T.reshape(-1, 5, 5),
        "maps": {name: np.moveaxis(np.asarray(maps[i][0]), 2, 0) for name, i in (("C1", 0), ("S2", 1), ("C3", 2))},
    }


def _curves(findings: Findings, starts: dict[str, Any]) -> None:
    figure, axis = new_figure()
    for colour, (name, some) in zip(COLOURS, starts.items(), strict=False):
        for i, one in enumerate(some):
            epochs = np.arange(1, len(one["curve"]) + 1)
            axis.plot(epochs, 100 * (1 - np.array(one["curve"])), "o-", markersize=3, color=colour,
                      label=WORDS[name] if i == 0 else None)  # fmt: skip
    axis.set(xlabel="epoch", ylabel="wrong on the validation part, %", yscale="log")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.legend(frameon=False)
    figure.set_size_inches(6.4, 3.6)
    findings.figure("Learning: errors on the validation part by epoch", figure)


def _seen_by_lenet(findings: Findings, made: dict[str, Any], data: Split) -> None:
    """Draw the filters of the first layer, and what the layers make of the first test picture."""
    filters, maps = np.array(made["filters"]), {name: np.array(one) for name, one in made["maps"].items()}
    figure, axes = new_figure(4, 9, height=1.25)
    figure.set_size_inches(11, 5.2)
    for axis in axes.flat:
        axis.set_axis_off()
    axes[0, 0].imshow(data.x_test[0].reshape(28, 28), cmap="gray_r")
    axes[0, 0].set_title("picture", fontsize=9)
    largest = np.abs(filters).max()
    for i in range(6):
        axes[0, i + 1].imshow(filters[i], cmap="RdBu", vmin=-largest, vmax=largest)
        axes[1, i + 1].imshow(maps["C1"][i], cmap="gray_r")
        axes[0, i + 1].set_title(f"filter {i + 1}", fontsize=9)
        axes[1, i + 1].set_title(f"C1, map {i + 1}", fontsize=9)
    for i in range(16):
        axis = axes[2 + i // 8, i % 8 + 1]
        axis.imshow(maps["C3"][i], cmap="gray_r")
        axis.set_title(f"C3, map {i + 1}", fontsize=9)
    findings.figure(
        "What LeNet-5 sees: its six 5 by 5 filters (blue positive, red negative), and maps of a picture", figure
    )


def _mistakes(findings: Findings, made: dict[str, Any], data: Split, classes: tuple[str, ...], who: str) -> None:
    """Draw the mistakes of which a network is surest, and name the most frequent one."""
    matrix = np.array(made["confusion"])
    off = matrix - np.diag(np.diag(matrix))
    if not off.any():
        findings.text(f"The {who} makes no mistake on the test part.")
        return
    actual, taken = np.unravel_index(off.argmax(), off.shape)
    findings.text(
        f"The most frequent mistake of the {who}, {off.max()} times of {int(off.sum())}: {classes[int(actual)]} is "
        f"taken for {classes[int(taken)]}."
    )
    labels, shown = data.t_test.argmax(axis=1), made["mistakes"]
    figure, axes = new_figure(2, MISTAKES // 2, height=2.1)
    figure.set_size_inches(11, 4.8)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (index, answer, probability) in zip(axes.flat, shown, strict=False):
        axis.imshow(data.x_test[index].reshape(28, 28), cmap="gray_r")
        axis.set_title(f"{classes[labels[index]]}, said:\n{classes[answer]} ({probability:.2f})", fontsize=9)
    findings.figure(f"Mistakes of which the {who} is surest: the label, what it said and with what probability", figure)


def _own(findings: Findings, digit: np.ndarray, said: dict[str, Any]) -> None:
    """Draw one's own digit as the networks see it, and what each says."""
    figure, axes = new_figure(1, len(said) + 1, height=2.8)
    axes[0].imshow(digit.reshape(28, 28), cmap="gray_r")
    axes[0].set_axis_off()
    axes[0].set_title("as the networks see it")
    for axis, colour, (name, probabilities) in zip(axes[1:], COLOURS, said.items(), strict=False):
        axis.bar(range(10), probabilities, color=colour)
        axis.set(xticks=range(10), ylim=(0, 1), xlabel="digit", ylabel="probability", title=WORDS[name])
    findings.figure("Your own digit: what each network reads", figure)
    read = "; ".join(f"{WORDS[name]}: {int(np.argmax(one))} ({max(one):.2f})" for name, one in said.items())
    findings.text(f"Your own digit is read as {read}.")
    findings.result["own digit"] = {name: list(one) for name, one in said.items()}
