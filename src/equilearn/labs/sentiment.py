"""Is a sentence in favour? A recurrent network beside bags of words, over several splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from equilearn.data import load_sentences
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.networks.recurrent import CELLS
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.sequences import Padded, Vocabulary, padded
from equilearn.sequences.sentences import fit_reader, judged
from equilearn.style import COLOURS, new_figure

LONGEST = 32
"""Words that are read of a sentence; one in fourteen has more."""
VALIDATION = 0.1
"""Share of what is not tested on, to choose the epoch and the penalty by."""
PENALTIES = (0.03, 0.1, 0.3, 1.0)
"""Inverse penalties of logistic regression, of which the validation part chooses."""
SHOWN = 6
"""Sentences whose attention is drawn: half of them those most surely in favour, half those most surely not."""


class Cut(NamedTuple):
    """Which sentences are in which part."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Sentiment(Lab):
    """Sentences of film reviews, for or against, or your own of two kinds: a recurrent network beside bags of words."""

    data: str = "reviews"
    """reviews, or path/to/table.csv:sentence:kind with the names of two columns."""
    cell: str = "gru"
    embedded: int = 32
    """Units of a word's embedding."""
    hidden: int = 32
    """Units of the cells in each direction."""
    epochs: int = 6
    """Passes over the training part; the best one on the validation part counts."""
    splits: int = 5
    """Folds: every sentence is tested on once."""
    seed: int = 0

    seconds = 110
    bounds: ClassVar = {"embedded": (1, 4096), "hidden": (1, 4096), "epochs": (1, 1000), "splits": (2, 50)}
    choices: ClassVar = {"cell": tuple(CELLS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data != "reviews" and self.data.count(":") < 2:
            raise self._wrong("data", f"must be reviews or path/to/table.csv:sentence:kind, not {self.data!r}")

    def learns_from(self) -> Any:
        """Return the sentences and their kinds."""
        found = load_sentences(self.data)
        return [" ".join(words) for words in found.words], found.labels, found.kinds

    def parts(self) -> dict[str, Part]:
        """Learn from every split."""
        return from_starts("split", self.splits, self._split)

    def _cut(self, sentences: int, number: int) -> Cut:
        """Return the sentences of a split's parts."""
        folds = np.array_split(np.random.default_rng(self.seed).permutation(sentences), self.splits)
        rest = np.concatenate([fold for i, fold in enumerate(folds) if i != number])
        cut = int(VALIDATION * len(rest))
        return Cut(rest[cut:], rest[:cut], folds[number])

    def _split(self, folder: Path | None, number: int) -> dict[str, Any]:
        """Return what every way gets right of one split's test part, sentence by sentence."""
        found = load_sentences(self.data)
        sentences, labels = found.words, np.array(found.labels)
        cut = self._cut(len(labels), number)
        made = _bags([[sentences[i] for i in part] for part in cut], [labels[part] for part in cut])
        vocabulary = Vocabulary.of((word for i in cut.train for word in sentences[i]), least=2)
        codes = padded([vocabulary.encode(words) for words in sentences], LONGEST)

        def part(which: np.ndarray) -> tuple[Padded, np.ndarray]:
            return Padded(codes.codes[which], codes.lengths[which]), labels[which]

        network, run = fit_reader(
            part(cut.train), part(cut.validation), len(vocabulary), cell=self.cell, embedded=self.embedded,  # pyright: ignore[reportArgumentType]
            hidden=self.hidden, epochs=self.epochs, optimizer=adam(3e-3), seed=self.seed + number, folder=folder,
            resume=folder is not None,
        )  # fmt: skip
        test, actual = part(cut.test)
        chances, seen = (np.asarray(one) for one in judged(network, jnp.asarray(test.codes), jnp.asarray(test.lengths)))
        made[CELLS[self.cell]] = (chances > 0.5) == (actual == 1)
        middling = np.flatnonzero((test.lengths >= 6) & (test.lengths <= 14))
        ordered = middling[np.argsort(chances[middling])]
        surest = np.unique(np.concatenate([ordered[: SHOWN // 2], ordered[-SHOWN // 2 :]]))
        shown = [
            {"words": vocabulary.decode(test.codes[i, : test.lengths[i]]), "seen": seen[i, : test.lengths[i]],
             "chance": chances[i], "label": actual[i]}
            for i in surest
        ]  # fmt: skip
        longer = test.lengths > np.median(test.lengths)
        return {
            "right": {name: [int(one) for one in right] for name, right in made.items()},
            "by length": {one: [hit[~longer].tolist(), hit[longer].tolist()] for one, hit in made.items()},
            "words": len(vocabulary) - 1, "train": len(cut.train), "epoch": int(run.state.episode), "shown": shown,
        }  # fmt: skip

    def report(self, made: Figures) -> Findings:
        """Return the shares that are right, the differences, and what the network looked at."""
        runs = [made[f"split {number + 1}"] for number in range(self.splits)]
        names, name = list(runs[0]["right"]), CELLS[self.cell]
        shares = {one: np.array([np.mean(run["right"][one]) for run in runs]) for one in names}
        tested = sum(len(run["right"][name]) for run in runs)
        found = load_sentences(self.data)
        findings = Findings(f"{' or '.join(found.kinds).capitalize()}: does it help to read a sentence in order?")
        what = "sentences of film reviews (Pang and Lee, 2005)" if self.data == "reviews" else "sentences"
        longer = float(np.mean([len(words) > LONGEST for words in found.words]))
        share = f"{np.mean(found.labels):.0%} of them '{found.kinds[1]}'"
        findings.text(
            f"{tested:,} {what}, {share}, in {self.splits} folds: each is tested on once, by what was learnt from the "
            f"others ({runs[0]['train']:,} to learn from, the rest to choose the epoch and the penalty by). The "
            f"network knows about {runs[0]['words']:,} words; those that are there once are unknown to it. It reads "
            f"the first {LONGEST} words of a sentence, the bags all: {longer:.1%} have more."
        )
        findings.table(
            f"Share that is right, mean over {self.splits} folds (lowest to highest); of the shorter and longer half",
            ["", "right", "shorter half", "longer half"],
            [
                [
                    one if one != name else f"{name}({self.hidden}) both ways, attention",
                    f"{values.mean():.1%} ({values.min():.1%} to {values.max():.1%})",
                    *(_half([run["by length"][one][j] for run in runs]) for j in (0, 1)),
                ]
                for one, values in shares.items()
            ],
        )
        best = max((one for one in names if one != name), key=lambda one: shares[one].mean())
        gap = shares[name] - shares[best]
        half = _half_width(gap, runs)
        verdict = (
            f"the {name} is better" if gap.mean() > half else f"{best} is better" if gap.mean() < -half else
            "they cannot be told apart"
        )  # fmt: skip
        findings.text(
            f"Against the best bag of words, {best}: {100 * gap.mean():+.1f} percentage points, 95 % interval "
            f"{100 * (gap.mean() - half):+.1f} to {100 * (gap.mean() + half):+.1f} (corrected for training parts that "
            f"overlap, Nadeau and Bengio, 2003): {verdict}."
        )
        if self.data == "reviews":
            findings.text(
                f"{tested:,} sentences are few to learn a language from; networks that win here have read far more "
                "text before."
            )
        if found.notes:
            findings.text(found.notes)
        if runs[0]["shown"]:
            _attention(findings, runs[0]["shown"], found.kinds)
        findings.result |= {
            "right": {one: values.tolist() for one, values in shares.items()}, "best other": best,
            "difference": float(gap.mean()), "half width": half, "epochs": [run["epoch"] for run in runs],
        }  # fmt: skip
        return findings


def _half(runs: list[list[bool]]) -> str:
    """Return the mean over folds of the share that is right of one half; a dash where there are no sentences in it."""
    return f"{np.mean([np.mean(hits) for hits in runs]):.1%}" if all(runs) else "–"


def _bags(sentences: list[list[list[str]]], labels: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return which test sentences chance, naive Bayes and logistic regression get right."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    bag = CountVectorizer(analyzer=lambda words: [*dict.fromkeys(words)])  # pyright: ignore[reportArgumentType]
    train, validation, test = bag.fit_transform(sentences[0]), *(bag.transform(one) for one in sentences[1:])
    fits = [LogisticRegression(C=c, solver="liblinear").fit(train, labels[0]) for c in PENALTIES]
    logistic = max(fits, key=lambda fit: fit.score(validation, labels[1]))
    bayes = MultinomialNB().fit(train, labels[0])
    commonest = int(np.mean(labels[0]) > 0.5)
    return {
        "always the same": labels[2] == commonest,
        "naive Bayes, bag of words": bayes.predict(test) == labels[2],
        "logistic regression, bag of words": logistic.predict(test) == labels[2],
    }


def _half_width(gap: np.ndarray, runs: list[Any]) -> float:
    """Return half a 95 % interval of a mean over folds: variance (1 / k + tested / trained) s^2, Student's t."""
    from scipy.stats import t as student

    k, tested = len(gap), len(next(iter(runs[0]["right"].values())))
    return float(student.ppf(0.975, k - 1) * gap.std(ddof=1) * np.sqrt(1 / k + tested / runs[0]["train"]))


def _attention(findings: Findings, shown: list[Any], kinds: tuple[str, str]) -> None:
    """Draw the words of some sentences, darker the more the network looked at them."""
    figure, axis = new_figure()
    figure.set_size_inches(11, 0.7 + 0.5 * len(shown))
    longest = 0
    for row, one in enumerate(shown):
        place = 1
        for word, weight in zip(one["words"], one["seen"], strict=True):
            share = weight / max(one["seen"])
            box = {"boxstyle": "round", "facecolor": COLOURS[0], "alpha": 0.05 + 0.95 * share, "linewidth": 0}
            colour = "white" if share > 0.6 else "#222222"
            axis.text(place, row, word, va="center", fontsize=8, family="monospace", color=colour, bbox=box)
            place += len(word) + 2
        longest = max(longest, place)
    names = [f"{kinds[one['label']]}; {one['chance']:.1%}" for one in shown]
    axis.set_yticks(range(len(shown)), names, fontsize=8)
    axis.set(xlim=(0, max(longest, 110)), ylim=(len(shown) - 0.5, -0.5), xticks=[],
             xlabel="the sentence, word by word", ylabel=f"label; network's\nchance of '{kinds[1]}'")  # fmt: skip
    axis.grid(visible=False)
    findings.figure(
        "What it looks at: sentences of the first fold of which it is surest, darker where attention is", figure
    )
