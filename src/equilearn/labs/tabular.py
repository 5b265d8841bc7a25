"""Tables: the tour's synthetic cases beside least squares, credit grades beside boosted trees, or one's own."""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from equilearn.data import LEAKS, lending_club, own_table, random_network_data
from equilearn.errors import DivergenceError, UserError
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.parts import slug
from equilearn.learn import LearnSettings
from equilearn.learn.files import refuse
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import Split, classification_baselines, compare, fit, regression_baselines, split

GRADES = "ABCDEFG"
CASES = {
    "simple regression": ((20, 20), 1),
    "complex regression": ((200,) * 4, 1),
    "simple classification": ((20, 20), 3),
    "complex classification": ((200,) * 4, 3),
}
"""Case -> layers of the random network that makes it, and its outputs."""
PLAIN, WEIGHTED = "network", "network, classes weighted"
TREES = "gradient boosting"
SYNTHETIC = ("naive", "linear", TREES, "network, scaled", "network, raw")
METRICS = ("accuracy", "balanced_accuracy", "log_loss", "calibration_error")
SPELT = {"mse": "mean squared error", "mae": "mean absolute error", "max": "largest error", "r2": "R2"}
BINS = 10


class Tabular(Lab):
    """Tables: badly scaled inputs with and without scaling, credit grades and their calibration, or your own table."""

    data: str = "course"
    """course: the synthetic cases and the credit grades; or path/to/table.csv:column, which is to be foretold."""
    samples: int = 10_000
    """Of each synthetic case."""
    epochs: int = 10
    layout: str = "2014"
    """Of the credit data: 2014 (227,214 loans) or 2018 (10,000)."""
    tensorboard: str = ""
    """Folder for TensorBoard events of the credit run; empty keeps none."""
    seeds: int = 3
    """Splits of the synthetic cases and of your own table, and random starts of the credit networks."""
    seed: int = 0

    seconds = 120
    bounds: ClassVar = {"samples": (100, 1_000_000), "epochs": (1, 10_000), "seeds": (1, 100)}
    choices: ClassVar = {"layout": tuple(LEAKS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own and ":" not in self.data:
            raise self._wrong("data", f"must be course or path/to/table.csv:column, not {self.data!r}")
        if self.own:
            for name in ("samples", "epochs", "layout", "tensorboard"):
                if getattr(self, name) != getattr(type(self), name):
                    raise self._wrong(name, "is for the course's data; leave it out with a table of your own")

    @property
    def own(self) -> bool:
        """Whether the table is one's own."""
        return self.data != "course"

    def learns_from(self) -> Any:
        """Return one's own table."""
        if not self.own:
            return None
        table, target, _ = own_table(self.data)
        return target, {str(name): np.array(table[name].tolist()) for name in table}

    def parts(self) -> dict[str, Part]:
        """Do the synthetic cases, then the credit grades; or one's own table."""
        if self.own:
            return from_starts("split", self.seeds, self._own)
        parts: dict[str, Part] = {name: lambda _, name=name: self._synthetic(name) for name in CASES}
        if _missing(self.layout):
            return parts
        if self.tensorboard:
            try:
                Path(self.tensorboard).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise refuse(Path(self.tensorboard), error) from None
        return parts | {"credit: baselines": lambda _: classification_baselines(self._loans(), trees=True)} | {
            f"credit: {name}, start {start + 1}": lambda _, name=name, start=start: self._credit(name, start)
            for name in (PLAIN, WEIGHTED)
            for start in range(self.seeds)
        }  # fmt: skip

    def _own(self, _: Path | None, start: int) -> dict[str, Any]:
        """Return the test scores of every answer on one split of one's own table."""
        table, target, notes = own_table(self.data)
        fitted = fit(table, target=target, seed=self.seed + start)
        sizes = [len(x) for x in (fitted.data.x_train, fitted.data.x_validation, fitted.data.x_test)]
        return {
            "scores": compare(fitted), "classify": fitted.classify, "notes": notes, "target": target, "sizes": sizes,
            "columns": len(table.columns) - 1,
        }  # fmt: skip

    def _synthetic(self, name: str) -> dict[str, Any]:
        """Return the test scores of every answer, a number a split."""
        layers, outputs = CASES[name]
        x, t = random_network_data(self.samples, 10, layers, outputs, 0.1, seed=1234)
        classify, key = outputs > 1, "accuracy" if outputs > 1 else "mse"
        worst = 0.0 if classify else math.inf
        scores: dict[str, list[float]] = {answer: [] for answer in SYNTHETIC}
        for seed in range(self.seed, self.seed + self.seeds):
            data = split(x, t, (0.8, 0.1, 0.1), seed=seed)
            baselines = (classification_baselines if classify else regression_baselines)(data, trees=True)
            row = [one[key] for one in baselines.values()]
            for scale in (True, False):
                row.append(self._network(data, classify, scale, seed).get(key, worst))
            for answer, score in zip(SYNTHETIC, row, strict=True):
                scores[answer].append(score)
        return {"key": key, "scores": scores}

    def _network(self, data: Split, classify: bool, scale: bool, seed: int) -> dict[str, float]:
        """Return a network's test scores; none where it diverged."""
        settings = LearnSettings(episodes=self.epochs, batch_size=256, check_every=1, keep_best=True)
        try:
            fitted = fit(data, (64, 32), settings, classify=classify, optimizer=adam(5e-3), activation="relu",
                         scale=scale, seed=seed)  # fmt: skip
        except DivergenceError:
            return {}
        return fitted.test()

    def _loans(self) -> Split:
        x, t, _ = _table(self.layout)
        return split(x, t, (0.8, 0.1, 0.1), seed=self.seed)

    def _credit(self, name: str, start: int) -> dict[str, Any]:
        """Return a start's metrics, its confusion matrix, and how often it is right by stated confidence."""
        data = self._loans()
        settings = LearnSettings(episodes=self.epochs, batch_size=1024, check_every=1, keep_best=True)
        frequency = data.t_train.mean(axis=0)
        weights = 1 / np.maximum(frequency, 1e-3) / len(frequency) if name == WEIGHTED else None
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path((self.tensorboard if start == 0 else "") or scratch) / slug(name)
            fitted = fit(data, (64, 32), settings, classify=True, optimizer=adam(5e-3), activation="relu",
                         seed=self.seed + start, class_weights=weights, folder=folder, resume=True)  # fmt: skip
        probabilities, labels = fitted.predict(data.x_test), data.t_test.argmax(axis=1)
        confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        used = [b for b in range(BINS) if (bins == b).sum() >= 20]
        return {
            "metrics": fitted.test(data),
            "confusion": fitted.confusion(data),
            "stated": [confidence[bins == b].mean() for b in used],
            "true": [right[bins == b].mean() for b in used],
            "tested": len(labels),
            "loans": len(labels) + len(data.x_train) + len(data.x_validation),
            "inputs": data.x_test.shape[1],
        }

    def report(self, made: Figures) -> Findings:
        """Return the synthetic cases, then the credit grades; or one's own table."""
        if self.own:
            return self._report_own([made[f"split {start + 1}"] for start in range(self.seeds)])
        findings = Findings("Rows and columns: where a network helps, and where least squares is enough.")
        self._report_synthetic(findings, {name: made[name] for name in CASES})
        findings.heading("Credit grades")
        if "credit: baselines" in made:
            starts = {
                name: [made[f"credit: {name}, start {start + 1}"] for start in range(self.seeds)]
                for name in (PLAIN, WEIGHTED)
            }
            self._report_credit(findings, made["credit: baselines"], starts)
        else:
            findings.text(f"Left out: {_missing(self.layout)}")
        return findings

    def _report_own(self, splits: list[dict[str, Any]]) -> Findings:
        """Return the scores of every answer over the splits, and which is best."""
        first, file = splits[0], Path(self.data.rpartition(":")[0]).name
        others = f"{first['columns']} other column{'s' if first['columns'] > 1 else ''}"
        findings = Findings(f"{first['target']} of {file}, foretold from {others}.")
        names, keys = list(first["scores"]), list(next(iter(first["scores"].values())))
        train, validation, test = first["sizes"]
        findings.table(
            f"{train:,} rows to learn from, {validation:,} to choose by, {test:,} to test on; median (lowest to "
            f"highest) of {self.seeds} splits", ["answer", *map(_spelt, keys)],
            [[name, *(spread([one["scores"][name][key] for one in splits]) for key in keys)] for name in names],
        )  # fmt: skip
        key, sign = ("accuracy", -1) if first["classify"] else ("mse", 1)
        scores = {name: np.array([one["scores"][name][key] for one in splits]) for name in names}
        middles = {name: sign * float(np.median(one)) for name, one in scores.items()}
        best = [name for name in names if middles[name] == min(middles.values())]
        often = sum(min(sign * scores[name][i] for name in best) <= min(sign * one[i] for one in scores.values())
                    for i in range(self.seeds))  # fmt: skip
        findings.text(
            f"By the median {_spelt(key)}, best: {' and '.join(best)}; in {often} of {self.seeds} splits none is "
            "better."
        )
        if first["notes"]:
            findings.text(first["notes"])
        findings.result["own"] = {name: {key: [one["scores"][name][key] for one in splits] for key in keys}
                                  for name in names}  # fmt: skip
        return findings

    def _report_synthetic(self, findings: Findings, made: dict[str, Any]) -> None:
        findings.heading("Synthetic cases")
        findings.table(
            f"Test results, median (lowest to highest) of {self.seeds} splits; network 64-32 ReLU, {self.epochs} "
            "epochs, inputs (and targets) scaled or raw; one that diverged has an infinite error, or nothing right",
            ["case", "metric", *SYNTHETIC],
            [
                [name, one["key"], *(spread(one["scores"][answer]) for answer in SYNTHETIC)]
                for name, one in made.items()
            ],
        )
        middles = {name: {k: float(np.median(v)) for k, v in one["scores"].items()} for name, one in made.items()}

        def loses(name: str, to: str) -> bool:
            ours, theirs = middles[name]["network, scaled"], middles[name][to]
            return ours < theirs if made[name]["key"] == "accuracy" else ours > theirs

        lists = {to: ", ".join(name for name in CASES if loses(name, to)) or "none of these cases"
                 for to in ("linear", TREES)}  # fmt: skip
        hard = middles["complex regression"]
        findings.text(
            "The 'complex' regression is not complex: its inputs are a piecewise linear function of one number, only "
            f"enormous. Least squares does not mind the scale (mean squared error {hard['linear']:.3g}), a network "
            f"does: {hard['network, scaled']:.3g} scaled, {hard['network, raw']:.3g} raw, where the mean makes "
            f"{hard['naive']:.3g}. By the median, the scaled network loses to the linear answer in: {lists['linear']}; "
            f"to boosted trees in: {lists[TREES]}."
        )
        short = ("naive", "linear", TREES, "scaled", "raw")
        findings.result["synthetic"] = {
            name: dict(zip(short, one.values(), strict=True)) for name, one in middles.items()
        }

    def _report_credit(
        self, findings: Findings, baselines: dict[str, dict[str, float]], starts: dict[str, list[dict[str, Any]]]
    ) -> None:
        first = starts[PLAIN][0]
        scores = {
            name: {key: [one["metrics"][key] for one in runs] for key in METRICS} for name, runs in starts.items()
        }
        rows: list[list[Any]] = [
            [name, *(f"{one[key]:.3f}" for key in METRICS)] for name, one in baselines.items()
        ] + [[name, *(spread(one[key]) for key in METRICS)] for name, one in scores.items()]  # fmt: skip
        findings.table(
            f"{first['loans']:,} loans, {first['inputs']} inputs, tested on {first['tested']:,}; networks: median "
            f"(lowest to highest) of {self.seeds} starts",
            ["answer", "accuracy", "balanced accuracy", "log loss", "calibration error"], rows,
        )  # fmt: skip
        findings.text(_words(baselines, scores))
        findings.text(f"Left out because they reveal the grade or the future: {', '.join(LEAKS[self.layout])}.")
        for name, runs in starts.items():
            _confusion(findings, name, np.array(runs[0]["confusion"]))
        findings.figure("Calibration: share of right answers by stated confidence, first start", _calibration(starts))
        if self.tensorboard:
            findings.text(f"Loss curves in TensorBoard: tensorboard --logdir {self.tensorboard}")
        findings.result["credit"] = baselines | {
            name: {key: float(np.median(one[key])) for key in METRICS} for name, one in scores.items()
        }
        findings.result["credit by start"] = scores


def _spelt(key: str) -> str:
    """Return a metric's name as people read it."""
    return SPELT.get(key, key.replace("_", " "))


def _words(baselines: dict[str, dict[str, float]], scores: dict[str, dict[str, list[float]]]) -> str:
    """Return who grades best, and what weighting the classes does, from the figures."""
    plain, weighted = (
        {key: float(np.median(one[key])) for key in METRICS} for one in (scores[PLAIN], scores[WEIGHTED])
    )
    better = [name for name, one in baselines.items() if one["accuracy"] > plain["accuracy"]]
    order = ", ".join(f"{name} ({baselines[name]['accuracy']:.3f})" for name in better)
    verdict = (
        f"The network's accuracy is {plain['accuracy']:.3f}. "
        + (f"Better without any network: {order}. " if better else "None of the answers without a network is better. ")
        + f"Boosted trees have {baselines[TREES]['accuracy']:.3f}: on tables they are the answer to beat. "
    )

    def moves(key: str) -> str:
        return f"{plain[key]:.3f} to {weighted[key]:.3f}"

    return verdict + (
        f"Weighting the classes by how rare they are takes the network's balanced accuracy from "
        f"{moves('balanced_accuracy')}, its accuracy from {moves('accuracy')}, and its calibration error from "
        f"{moves('calibration_error')}."
    )


def _confusion(findings: Findings, name: str, matrix: np.ndarray) -> None:
    recall = np.diag(matrix) / np.maximum(matrix.sum(axis=1), 1)
    precision = np.diag(matrix) / np.maximum(matrix.sum(axis=0), 1)
    near = np.abs(np.subtract.outer(np.arange(7), np.arange(7))) <= 1
    findings.table(
        f"{name}, first start: rows actual, columns predicted; {matrix[near].sum() / matrix.sum():.1%} within one "
        "grade",
        ["", *GRADES, "recall", "precision"],
        [
            [g, *map(int, row), float(r), float(p)]
            for g, row, r, p in zip(GRADES, matrix, recall, precision, strict=True)
        ],
    )


def _calibration(starts: dict[str, list[dict[str, Any]]]) -> Figure:
    figure, axis = new_figure()
    for (name, runs), colour in zip(starts.items(), COLOURS, strict=False):
        error = runs[0]["metrics"]["calibration_error"]
        axis.plot(runs[0]["stated"], runs[0]["true"], "-o", color=colour, label=f"{name} (error {error:.3f})")
    axis.plot([0, 1], [0, 1], ":", color="black", label="as often right as stated")
    axis.set(xlabel="stated confidence", ylabel="share right")
    axis.legend(frameon=False, fontsize=8)
    return figure


@functools.cache
def _table(layout: str) -> tuple[Any, Any, list[str]]:
    return lending_club(layout)


@functools.cache
def _missing(layout: str) -> str:
    """Return why the loans are not to be had; empty where they are."""
    try:
        _table(layout)
    except UserError as error:
        return str(error)
    return ""
