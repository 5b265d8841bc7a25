"""What comes next in a text: a recurrent network beside n-grams, in bits a symbol on a part that neither has read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.data import load_text
from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.learn import key_of
from equilearn.networks.recurrent import CELLS
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.sequences import NGrams, Vocabulary
from equilearn.sequences.language import bits, fit_language, write
from equilearn.sequences.vocabulary import words_of
from equilearn.style import COLOURS, new_figure

SHARES = (0.9, 0.95)
"""Where the training and the validation part end."""
STEPS, TRACKS = 64, 32
BLOCKS = 40
"""Of the test part, for the standard error of the difference."""
LENGTH = {False: 400, True: 100}
"""Symbols of a sample: letters, or words."""
LEAST = 1000
"""Symbols of a text."""


class Cut(NamedTuple):
    """A text's three parts, one after the other, as codes."""

    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Text(Lab):
    """The next character or word of Shakespeare's plays or your own file, by a recurrent network and by n-grams."""

    data: str = "shakespeare"
    """shakespeare, or path/to/text.txt."""
    words: bool = False
    """Foretell words (and signs) instead of characters."""
    vocabulary: int = 5000
    """Words at most; others, and those that are there once, count as one unknown word."""
    order: int = 5
    """Longest n-grams: the symbol that is foretold and the n - 1 before it."""
    cell: str = "gru"
    hidden: int = 256
    """Units of every layer."""
    layers: int = 1
    passes: int = 5
    """Over the training part; the learning rate falls over them."""
    temperatures: tuple[float, ...] = (0.5, 0.8, 1.0)
    """Of the samples: 1 as the network believes, less is safer, more is bolder."""
    seeds: int = 1
    """Random starts."""
    seed: int = 0

    seconds = 260
    bounds: ClassVar = {"vocabulary": (10, 100_000), "order": (1, 8), "hidden": (1, 4096), "layers": (1, 8),
                        "passes": (1, 1000), "temperatures": (0.01, 100), "seeds": (1, 100)}  # fmt: skip
    choices: ClassVar = {"cell": tuple(CELLS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data != "shakespeare" and not {".", "/", "\\"} & set(self.data):
            raise self._wrong("data", f"must be shakespeare or path/to/text.txt, not {self.data!r}")

    def learns_from(self) -> Any:
        """Return the text, as codes and symbols."""
        cut = self._cut()
        return (cut.vocabulary.symbols, *cut[1:])

    def parts(self) -> dict[str, Part]:
        """Count the n-grams, then train from every start."""
        parts: dict[str, Part] = {"n-grams": lambda _: self._ngrams()}
        return parts | from_starts("start", self.seeds, self._network)

    def _cut(self) -> Cut:
        """Return the text in three parts; the vocabulary is that of the first."""
        text = load_text(self.data)
        symbols = words_of(text) if self.words else list(text)
        if len(symbols) < LEAST:
            raise UserError(
                f"{self.data}: {len(symbols)} {self._unit}s are too few to learn from; give at least {LEAST:,}."
            )
        a, b = (int(share * len(symbols)) for share in SHARES)
        most, least = (self.vocabulary, 2) if self.words else (None, 1)
        vocabulary = Vocabulary.of(symbols[:a], most=most, least=least)
        return Cut(vocabulary, *(vocabulary.encode(part) for part in (symbols[:a], symbols[a:b], symbols[b:])))

    @property
    def _unit(self) -> str:
        return "word" if self.words else "character"

    def _ngrams(self) -> dict[str, Any]:
        """Return bits a symbol of every order, and those of blocks by the longest."""
        cut = self._cut()
        each = {}
        for k in range(1, self.order + 1):
            counted = NGrams(cut.train, len(cut.vocabulary), k).smooth(cut.validation)
            each[k] = -np.log2(counted.probabilities(cut.test))
        return {"bits": {str(k): one.mean() for k, one in each.items()}, "blocks": _blocks(each[self.order])}

    def _network(self, folder: Path | None, start: int) -> dict[str, Any]:
        """Return what a network that was trained from one start makes of the test part, and samples of its own."""
        cut = self._cut()
        network, run = fit_language(
            cut.train, cut.validation, len(cut.vocabulary), passes=self.passes, cell=self.cell, hidden=self.hidden,  # pyright: ignore[reportArgumentType]
            layers=self.layers, tracks=max(1, min(TRACKS, len(cut.train) // (8 * STEPS))), steps=STEPS,
            optimizer=adam(4e-3), seed=self.seed + start, folder=folder, resume=folder is not None,
        )  # fmt: skip
        each = bits(network, cut.test, cut.validation)
        begun = jnp.asarray(cut.validation[-100:])
        drawn = {
            f"{t:g}": write(network, begun, LENGTH[self.words], jnp.asarray(t), key=key)
            for t, key in zip(self.temperatures, jax.random.split(key_of(self.seed + start), len(self.temperatures)),
                              strict=True)
        }  # fmt: skip
        join = " " if self.words else ""
        return {
            "bits": each.mean(), "blocks": _blocks(each),
            "history": [row["errors/bits/mean"] for row in run.history],
            "samples": {t: join.join(cut.vocabulary.decode(np.asarray(codes))) for t, codes in drawn.items()},
        }  # fmt: skip

    def report(self, made: Figures) -> Findings:
        """Return bits and perplexity of all, the difference with its standard error, the curve and the samples."""
        cut, unit, name = self._cut(), self._unit, CELLS[self.cell]
        findings = Findings(f"What comes next: the next {unit}, by counting and by a network that remembers.")
        unknown = float((cut.test == 0).mean())
        findings.text(
            f"{len(cut.train):,} {unit}s to learn from, then {len(cut.validation):,} to choose by (the network's pass, "
            f"the n-grams' discounts), the last {len(cut.test):,} to test on. {len(cut.vocabulary) - 1:,} {unit}s are "
            f"known; {unknown:.1%} of the test part are others, which count as one unknown {unit}."
        )
        runs = [made[f"start {start + 1}"] for start in range(self.seeds)]
        ours = np.array([run["bits"] for run in runs])
        uniform = float(np.log2(len(cut.vocabulary)))
        names = {1: f"how often a {unit} is there"}
        counted = {names.get(int(k), f"{k}-grams"): value for k, value in made["n-grams"]["bits"].items()}
        rows = [[one, f"{value:.3f}", f"{2**value:.2f}"] for one, value in ({"uniform": uniform} | counted).items()]
        shown = [spread(ours), spread(2**ours)] if self.seeds > 1 else [f"{ours[0]:.3f}", f"{2 ** ours[0]:.2f}"]
        findings.table(
            f"Test part: bits a {unit} and perplexity (of how many {unit}s, all as likely, one would have to choose); "
            + ("one start" if self.seeds == 1 else f"median (lowest to highest) of {self.seeds} starts"),
            ["", f"bits a {unit}", "perplexity"],
            [*rows, [f"{name}({self.hidden})" + (f", {self.layers} layers" if self.layers > 1 else ""), *shown]],
        )
        best = min(counted, key=lambda one: counted[one])
        middle = int(np.argsort(ours)[len(ours) // 2])
        longest = list(counted)[-1]
        gap = np.array(runs[middle]["blocks"]) - np.array(made["n-grams"]["blocks"])
        error = float(gap.std(ddof=1) / np.sqrt(len(gap)))
        difference = float(ours[middle] - counted[longest])
        sure = abs(difference) > 2 * error
        verdict = f"needs {'fewer' if difference < 0 else 'more'} bits than" if sure else "is not to be told from"
        findings.text(
            f"The network {verdict} the {longest}: {difference:+.3f} bits a {unit}, standard error {error:.3f} "
            f"over {len(gap)} blocks of the test part."
            + (f" The best n-grams here are {best}." if best != longest else "")
        )  # fmt: skip
        self._curve(findings, runs, counted[longest], longest)
        findings.heading("What it writes")
        for t, sample in runs[middle]["samples"].items():
            lines = " / ".join(line for line in sample.split("\n") if line.strip())
            findings.text(f"Temperature {t}, going on from the end of the validation part: {lines}")
        findings.result |= {
            "unit": unit, "bits": {"uniform": uniform} | counted | {name: ours.tolist()}, "difference": difference,
            "standard error": error, "history": [run["history"] for run in runs], "samples": runs[middle]["samples"],
        }  # fmt: skip
        return findings

    def _curve(self, findings: Findings, runs: list[Any], counted: float, longest: str) -> None:
        """Draw what the validation part costs after every pass."""
        figure, axis = new_figure()
        for start, run in enumerate(runs):
            axis.plot(range(1, 1 + len(run["history"])), run["history"], "o-", markersize=3, color=COLOURS[0],
                      label="validation part" if start == 0 else None)  # fmt: skip
        axis.axhline(np.median([run["bits"] for run in runs]), color=COLOURS[0], linestyle=":", label="test part")
        axis.axhline(counted, color=COLOURS[1], linestyle="--", label=f"{longest}, test part")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set(xlabel="passes over the training part", ylabel=f"bits a {self._unit}")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("Bits while it learns", figure)


def _blocks(each: np.ndarray) -> list[float]:
    """Return the means over stretches of a text."""
    return [float(block.mean()) for block in np.array_split(each, min(BLOCKS, len(each)))]
