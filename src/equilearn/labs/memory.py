"""How long recurrent networks remember: simple, LSTM and GRU as the gap grows, and waves of changing frequency."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from equilearn.labs import Figures, Lab, Part
from equilearn.networks.recurrent import CELLS
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.sequences.recall import NOISE, SEEN, SYMBOLS, guess, linear, remember, steps_of
from equilearn.style import COLOURS, new_figure

ALL = CELLS | {"open": "LSTM, forget gate opened to the gap"}
RECALLED = 0.95
"""A start has remembered if so many symbols are right."""


class Memory(Lab):
    """How long networks remember: simple RNN, LSTM and GRU recall a symbol as the gap grows, and foretell waves."""

    gaps: tuple[int, ...] = (5, 20, 60)
    """Steps between the symbol and the question."""
    waves: tuple[int, ...] = (1, 5, 15)
    """Steps from the last value seen of a wave to the one that is foretold."""
    hidden: int = 16
    """Units of every cell."""
    updates: int = 300
    """Gradient steps."""
    seeds: int = 3
    """Random starts."""
    seed: int = 0

    seconds = 120
    bounds: ClassVar = {"gaps": (1, 2000), "waves": (1, 1000), "hidden": (1, 1024), "seeds": (1, 100)}

    def parts(self) -> dict[str, Part]:
        """Train every cell on both tasks, for all gaps and starts at once."""
        recall = {f"recall, {name}": lambda _, cell=cell: self._cell("recall", cell) for cell, name in ALL.items()}
        waves = {f"waves, {name}": lambda _, cell=cell: self._cell("waves", cell) for cell, name in CELLS.items()}
        return {"linear": lambda _: self._linear()} | recall | waves

    def _gaps(self, task: str) -> tuple[int, ...]:
        return tuple(sorted(set(self.gaps if task == "recall" else self.waves)))

    def _cell(self, task: Any, cell: Any) -> np.ndarray:
        return remember(
            task, self._gaps(task), cell="lstm" if cell == "open" else cell, hidden=self.hidden, updates=self.updates,
            starts=self.seeds, open_gate=cell == "open", seed=self.seed,
        )  # fmt: skip

    def _linear(self) -> dict[str, list[float]]:
        tasks: tuple[Any, ...] = ("recall", "waves")
        return {
            task: [linear(task, gap, steps_of(task, self._gaps(task)), seed=self.seed) for gap in self._gaps(task)]
            for task in tasks
        }

    def report(self, made: Figures) -> Findings:
        """Return what is remembered over which gap, the gap at which each cell fails, and the errors of the waves."""
        findings = Findings("How long does a recurrent network remember?")
        gaps = self._gaps("recall")
        findings.heading("Which symbol was it?")
        findings.text(
            f"One of {SYMBOLS} symbols in {gaps[-1] + 1} steps of noise; a gap later the network "
            f"is asked which it was. {self.updates} gradient steps on sequences that are always new. Least squares "
            "sees all steps at once, and so has nothing to remember: the difficulty is memory and nothing else."
        )
        recalled = {name: np.array(made[f"recall, {name}"]) for name in ALL.values()}
        findings.table(
            f"Share of right symbols by gap: median (lowest to highest) of {self.seeds} starts",
            ["", *(f"gap {gap}" for gap in gaps)],
            [
                ["guessing", *[guess("recall")] * len(gaps)],
                ["least squares that sees all steps", *made["linear"]["recall"]],
                *([name, *(spread(row) for row in values)] for name, values in recalled.items()),
            ],
        )
        fails = {name: _fails(values, gaps) for name, values in recalled.items()}
        said = "; ".join(
            f"{name}: {f'at {gap}' if gap else f'not up to {gaps[-1]}'}" for name, gap in fails.items()
        )  # fmt: skip
        findings.text(
            f"The first gap at which the median start has less than {RECALLED:.0%} right. {said}. A new LSTM forgets "
            "within a few steps (its forget gate is sigmoid(1) = 0.73, of which little is left after 20); it must "
            "first find out that remembering pays; with a gate that is open from the start it need not. The simple "
            "network's matrix is orthogonal at first, which neither shrinks nor stretches what it is applied to."
        )
        figure, axes = new_figure(1, 2, height=4.2)
        _lines(axes[0], gaps, recalled)
        axes[0].axhline(guess("recall"), color="#999999", linestyle=":", label="guessing")
        axes[0].set(xlabel="gap (steps)", ylabel="share of right symbols", ylim=(0, 1.05), title="Which symbol was it?")
        findings.heading("Waves of changing frequency")
        ahead = self._gaps("waves")
        foretold = {name: np.array(made[f"waves, {name}"]) for name in CELLS.values()}
        findings.text(
            f"{SEEN} noisy steps (standard deviation {NOISE}) of a wave whose frequency changes evenly; the value so "
            "many steps later. No single linear rule fits all frequencies; a network can find out which it is."
        )
        findings.table(
            f"Mean squared error by steps ahead: median (lowest to highest) of {self.seeds} starts",
            ["", *(f"{gap} ahead" for gap in ahead)],
            [
                ["the mean", *[guess("waves")] * len(ahead)],
                ["least squares", *made["linear"]["waves"]],
                *([name, *(spread(row) for row in values)] for name, values in foretold.items()),
            ],
        )
        best = [min(foretold, key=lambda name: np.median(foretold[name][j])) for j in range(len(ahead))]
        beaten = [np.median(foretold[name][j]) < made["linear"]["waves"][j] for j, name in enumerate(best)]
        findings.text(
            "; ".join(
                f"{gap} ahead: {name} is the best network, and {'better' if one else 'not better'} than least squares"
                for gap, name, one in zip(ahead, best, beaten, strict=True)
            )
            + "."
        )
        _lines(axes[1], ahead, foretold)
        axes[1].plot(ahead, made["linear"]["waves"], "s--", color="#777777", markersize=4, label="least squares")
        axes[1].set(xlabel="steps ahead", ylabel="mean squared error", yscale="log", title="Waves")
        for axis in axes:
            axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))
        findings.figure("Memory by the gap: dots are starts, lines their medians", figure)
        findings.result |= {
            "recall": {name: values.tolist() for name, values in recalled.items()}, "gaps": list(gaps),
            "fails at": fails,
            "waves": {name: values.tolist() for name, values in foretold.items()}, "ahead": list(ahead),
            "linear": made["linear"],
        }  # fmt: skip
        return findings


def _fails(values: np.ndarray, gaps: tuple[int, ...]) -> int | None:
    """Return the first gap over which the median start remembers too little, None if there is none."""
    return next((gap for gap, row in zip(gaps, values, strict=True) if np.median(row) < RECALLED), None)


def _lines(axis: Any, gaps: tuple[int, ...], values: dict[str, np.ndarray]) -> None:
    for colour, (name, one) in zip(COLOURS, values.items(), strict=False):
        axis.plot(gaps, np.median(one, axis=1), "-", color=colour, linewidth=1.4, label=name)
        axis.plot(gaps, one, "o", color=colour, markersize=3, alpha=0.6)
