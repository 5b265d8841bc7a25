"""Numbers in English words turned into French ones: sequence to sequence with attention, beside classical ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from equilearn.data.numerals import joined, pieces, spell
from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.sequences import Vocabulary, padded
from equilearn.sequences.dictionary import Dictionary, nearest
from equilearn.sequences.translation import BEGIN, END, Pairs, fit_translator, right, translate
from equilearn.style import new_figure

VALIDATION = 500


class Made(NamedTuple):
    """Numbers, both spellings as words, and the same as codes; the training part first, then validation, then test."""

    numbers: np.ndarray
    english: list[list[str]]
    french: list[list[str]]
    from_: Vocabulary
    to: Vocabulary
    coded: Pairs

    def part(self, which: slice) -> Pairs:
        """Return some pairs."""
        return Pairs(*(field[which] for field in self.coded))


class Translate(Lab):
    """Numbers spelt in English to French, by sequence to sequence with attention, whose attention is drawn."""

    largest: int = 999_999
    """Largest number."""
    pairs: int = 16_000
    """Numbers to learn from."""
    tests: int = 2000
    """Numbers to test on, none of which is learnt from."""
    hidden: int = 64
    """Units of encoder (in each direction) and decoder."""
    epochs: int = 3
    """Passes over the training pairs."""
    seeds: int = 3
    """Random starts."""
    seed: int = 0

    seconds = 120
    bounds: ClassVar = {"largest": (999, 999_999_999), "pairs": (100, 1_000_000), "tests": (10, 100_000),
                        "hidden": (2, 2048), "epochs": (1, 10_000), "seeds": (1, 100)}  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if (needed := self.pairs + VALIDATION + self.tests) > (self.largest + 1) // 2:
            raise UserError(
                f"Translate: {needed:,} different numbers are needed (pairs, {VALIDATION} to choose by, tests), more "
                f"than half of all up to largest ({self.largest:,}); give fewer, or a larger one."
            )

    def learns_from(self) -> Any:
        """Return both spellings: a library's, of which there are versions."""
        made = self._make()
        return [joined(words) for words in (*made.english, *made.french)]

    def parts(self) -> dict[str, Part]:
        """Translate word by word and by the nearest number, then train from every start."""
        parts: dict[str, Part] = {"classical": lambda _: self._classical()}
        return parts | from_starts("start", self.seeds, self._network)

    def _make(self) -> Made:
        """Draw different numbers, every other one uniformly over the digits it has, and spell them."""
        rng = np.random.default_rng(self.seed)
        needed = self.pairs + VALIDATION + self.tests
        found: dict[int, None] = {}
        while len(found) < needed:
            short = np.exp(rng.uniform(0, np.log(self.largest + 1), needed)).astype(int)
            long = rng.integers(0, self.largest + 1, needed)
            found |= dict.fromkeys(np.minimum(np.stack([short, long], 1), self.largest).ravel().tolist())
        numbers = rng.permutation(list(found)[:needed])
        english, french = ([pieces(one) for one in spell(numbers.tolist(), language)] for language in ("en", "fr"))
        from_ = Vocabulary.of(word for words in english[: self.pairs] for word in words)
        to = Vocabulary.of(word for words in french[: self.pairs] for word in [BEGIN, *words, END])
        source = padded([from_.encode(words) for words in english])
        target = padded([to.encode([BEGIN, *words, END]) for words in french])
        return Made(numbers, english, french, from_, to, Pairs(source.codes, source.lengths, target.codes))

    def _slices(self) -> tuple[slice, slice, slice]:
        cut = self.pairs + VALIDATION
        return slice(0, self.pairs), slice(self.pairs, cut), slice(cut, cut + self.tests)

    def _classical(self) -> dict[str, Any]:
        """Return the share of test numbers that the classical ways get wholly right, and their first ones."""
        made, (train, _, test) = self._make(), self._slices()
        dictionary = Dictionary(made.english[train], made.french[train])
        ways = {
            "word by word": [dictionary(words) for words in made.english[test]],
            "nearest number": [
                made.french[train][i] for i in nearest(made.english[train], made.english[test])
            ],
        }  # fmt: skip
        actual = made.french[test]
        return {
            "right": {name: np.mean([a == b for a, b in zip(way, actual, strict=True)]) for name, way in ways.items()},
            "words": {name: np.mean([*map(_overlap, way, actual)]) for name, way in ways.items()},
            "first": {name: joined(way[0]) for name, way in ways.items()},
        }  # fmt: skip

    def _network(self, folder: Path | None, start: int) -> dict[str, Any]:
        """Return what one network gets right, its mistakes, and its attention for two numbers."""
        made, (train, validation, test) = self._make(), self._slices()
        begin = made.to.codes[BEGIN]
        network, run = fit_translator(
            made.part(train), made.part(validation), (len(made.from_), len(made.to)), begin=begin, epochs=self.epochs,
            hidden=self.hidden, optimizer=adam(4e-3), seed=self.seed + start, folder=folder, resume=folder is not None,
        )  # fmt: skip
        asked = made.part(test)
        following = asked.target[:, 1:]
        codes, seen = translate(
            network, jnp.asarray(asked.source), jnp.asarray(asked.lengths), begin, following.shape[1]
        )
        codes, seen = np.asarray(codes), np.asarray(seen)
        good = np.asarray(right(codes, following))
        numbers = made.numbers[test]
        written = [joined(_until_end(made.to.decode(row))) for row in codes]
        shown = {}
        for i in self._drawn(numbers, asked.lengths):
            words = [*_until_end(made.to.decode(codes[i])), END]
            shown[str(numbers[i])] = {
                "english": made.english[test][i], "french": words, "seen": seen[i, : len(words), : asked.lengths[i]]
            }  # fmt: skip
        overlap = [_overlap(pieces(a), b) for a, b in zip(written, made.french[test], strict=True)]
        wrong = np.flatnonzero(~good)[:10]
        return {
            "right": good.mean(), "words": np.mean(overlap), "attention": shown,
            "first": written[0],
            "mistakes": [[int(numbers[i]), joined(made.french[test][i]), written[i]] for i in wrong],
            "history": [row["scores/right/mean"] for row in run.history],
        }  # fmt: skip

    def _drawn(self, numbers: np.ndarray, lengths: np.ndarray) -> list[int]:
        """Return which two numbers of the test part have their attention drawn: the longest, and a middling one."""
        order = np.argsort(lengths, kind="stable")
        return [int(order[-1]), int(order[len(order) // 2])] if len(numbers) > 1 else [0]

    def report(self, made: Figures) -> Findings:
        """Return how many numbers are exactly right, the mistakes and the attention."""
        data = self._make()
        runs = [made[f"start {start + 1}"] for start in range(self.seeds)]
        findings = Findings("Numbers in English words, translated into French by a network that looks where it must.")
        findings.text(
            f"{self.pairs:,} numbers up to {self.largest:,} to learn from, {VALIDATION} to choose the pass by, "
            f"{self.tests:,} others to test on; no number is in two parts. A number counts as right where every word "
            f"and every hyphen is. {len(data.from_) - 1} English words and signs, {len(data.to) - 3} French."
        )
        exact = {name: [value] for name, value in made["classical"]["right"].items()}
        words = {name: [value] for name, value in made["classical"]["words"].items()}
        rows = [
            [name, f"{exact[name][0]:.2%}", f"{words[name][0]:.1%}", made["classical"]["first"][name]] for name in exact
        ]
        ours, near = np.array([run["right"] for run in runs]), np.array([run["words"] for run in runs])
        rows.append([f"network with attention ({self.hidden})", _percent(ours, 2), _percent(near, 1), runs[0]["first"]])
        findings.table(
            f"{self.tests:,} numbers that were not learnt from; the network: "
            + ("one start" if self.seeds == 1 else f"median (lowest to highest) of {self.seeds} starts"),
            ["", "wholly right", "words in their place", f"{data.numbers[self._slices()[2]][0]:,} becomes"], rows,
        )  # fmt: skip
        findings.text(
            "Word by word: every English word becomes the French one that goes with it most often (IBM's model 1, by "
            "expectation and maximisation). Nearest number: the French of that learnt number whose English shares most "
            "words with it, in order; of a number that was never learnt it can only be wrong."
        )
        mistakes = runs[0]["mistakes"]
        if mistakes:
            findings.table("Mistakes of the first start (ten at most)", ["number", "right", "network"], mistakes)
        for number, one in runs[0]["attention"].items():
            figure, axis = new_figure()
            figure.set_size_inches(1.8 + 0.42 * len(one["english"]), 1.6 + 0.3 * len(one["french"]))
            image = axis.imshow(np.array(one["seen"]), cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axis.set_xticks(range(len(one["english"])), one["english"], rotation=60, ha="right")
            axis.set_yticks(range(len(one["french"])), one["french"])
            axis.set(xlabel="English, read", ylabel="French, written downwards")
            axis.grid(visible=False)
            figure.colorbar(image, ax=axis, label="attention")
            findings.figure(f"Attention at {int(number):,}".replace(",", " ") + ": where the network looks", figure)
        findings.result |= {
            "right": exact | {"network": ours.tolist()}, "words": words | {"network": near.tolist()},
            "mistakes": [run["mistakes"] for run in runs], "history": [run["history"] for run in runs],
        }  # fmt: skip
        return findings


def _until_end(words: list[str]) -> list[str]:
    return words[: words.index(END)] if END in words else words


def _overlap(a: list[str], b: list[str]) -> float:
    """Return the share of places, of the longer one's, at which both have the same word."""
    return sum(x == y for x, y in zip(a, b, strict=False)) / max(len(a), len(b), 1)


def _percent(values: np.ndarray, digits: int) -> str:
    """Return the median of several starts, with the lowest and the highest, as per cents."""
    if len(values) == 1:
        return f"{values[0]:.{digits}%}"
    return f"{np.median(values):.{digits}%} ({values.min():.{digits}%} to {values.max():.{digits}%})"
