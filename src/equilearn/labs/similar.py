"""Do two windows belong to the same series? A twin network beside distances and hand-made features."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from equilearn.data import load_series
from equilearn.data.series import NAMES
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.networks.recurrent import CELLS
from equilearn.report import Findings
from equilearn.sequences.twins import WindowPairs, distance, draw_pairs, fit_twins
from equilearn.sequences.windows import returns
from equilearn.style import COLOURS, new_figure

EVERY = {"weather": 6}
"""Ten minutes become hours."""
SHARES = (0.7, 0.8)
"""Where the training and the validation stretch of every series end."""
TESTS = 2000
FEATURES = ("smoothness at 1 step", "at 2 steps", "at 5 steps", "share of rises", "largest value", "smallest value",
            "kurtosis")  # fmt: skip


class Similar(Lab):
    """Whether two windows are of the same series, by a twin network, and by distances and hand-made features."""

    series: tuple[str, ...] = ("ozone", "sp500", "weather", "bitcoin")
    """At least two of ozone, sp500, weather, bitcoin or path/to/table.csv:column; of prices the returns."""
    window: int = 48
    """Steps of a window."""
    pairs: int = 6000
    """Of windows, to learn from; half of them belong together."""
    cell: str = "gru"
    hidden: int = 32
    epochs: int = 10
    """Passes over the pairs; the best one on the validation stretches counts."""
    seeds: int = 3
    """Random starts."""
    seed: int = 0

    seconds = 90
    bounds: ClassVar = {"window": (12, 1000), "pairs": (10, 1_000_000), "hidden": (1, 1024), "epochs": (1, 1000),
                        "seeds": (1, 100)}  # fmt: skip
    choices: ClassVar = {"cell": tuple(CELLS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        for one in self.series:
            if one not in NAMES and ":" not in one:
                raise self._wrong("series", f"must be {', '.join(NAMES)} or path/to/table.csv:column, not {one!r}")
        if len(set(self.series)) < max(2, len(self.series)):
            raise self._wrong("series", "must be at least two different ones")

    def learns_from(self) -> Any:
        """Return the pairs of windows."""
        return self._drawn(self.pairs)

    def parts(self) -> dict[str, Part]:
        """Compare by distances and features, then train from every start."""
        parts: dict[str, Part] = {"classical": lambda _: self._classical()}
        return parts | from_starts("start", self.seeds, self._network)

    def _drawn(self, pairs: int) -> tuple[WindowPairs, WindowPairs, WindowPairs]:
        """Return pairs of three stretches of time: no step is in two of them."""
        stretches: list[list[np.ndarray]] = [[], [], []]
        for name in self.series:
            one = load_series(name)
            values = one.values[:: EVERY.get(name, 1)]
            values = returns(values) if one.prices else values
            cuts = [0, *(int(share * len(values)) for share in SHARES), len(values)]
            for stretch, a, b in zip(stretches, cuts[:-1], cuts[1:], strict=True):
                stretch.append(values[a:b])
        rng = np.random.default_rng(self.seed)
        counts = (pairs, min(pairs, TESTS // 2), min(pairs, TESTS))
        made = [draw_pairs(one, self.window, n, rng=rng) for one, n in zip(stretches, counts, strict=True)]
        return made[0], made[1], made[2]

    def _classical(self) -> dict[str, Any]:
        """Return what the distance of the windows and logistic regression on features get right."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        train, validation, test = self._drawn(self.pairs)
        far = [np.linalg.norm(part.first - part.second, axis=1) for part in (train, validation, test)]
        scale = StandardScaler().fit(_features(train))
        logistic = LogisticRegression(max_iter=1000).fit(scale.transform(_features(train)), train.together)
        return {
            "right": {
                "always no": np.mean(test.together == 0),
                "distance of the windows": _right(far[1], validation.together, far[2], test.together),
                "logistic regression on features": logistic.score(scale.transform(_features(test)), test.together),
            },
        }

    def _network(self, folder: Path | None, start: int) -> dict[str, Any]:
        """Return what one network gets right, and the distances it sees."""
        train, validation, test = self._drawn(self.pairs)
        network, run = fit_twins(
            train, validation, cell=self.cell, hidden=self.hidden, epochs=self.epochs, seed=self.seed + start,  # pyright: ignore[reportArgumentType]
            folder=folder, resume=folder is not None,
        )  # fmt: skip
        far = [
            np.asarray(eqx.filter_jit(distance)(network, *(jnp.asarray(one, jnp.float32) for one in part[:2])), float)
            for part in (validation, test)
        ]
        return {
            "right": _right(far[0], validation.together, far[1], test.together), "epoch": int(run.state.episode),
            "distances": far[1] if start == 0 else [], "together": test.together if start == 0 else [],
        }  # fmt: skip

    def report(self, made: Figures) -> Findings:
        """Return the shares that are right, and the distances."""
        drawn, name = self._drawn(self.pairs), CELLS[self.cell]
        findings = Findings("Do two windows belong to the same series? By a network, and by hand.")
        tests = len(drawn[2].together)
        findings.text(
            f"Series: {', '.join(self.series)} (of prices the returns); windows of {self.window} steps, each "
            f"standardised by itself. {self.pairs:,} pairs of the first {SHARES[0]:.0%} of every series to learn from, "
            f"{len(drawn[1].together):,} of what follows to choose by (the epoch, and the distance up to which windows "
            f"count as belonging together), {tests:,} of the last {1 - SHARES[1]:.0%} to test on."
        )
        ours = np.array([made[f"start {start + 1}"]["right"] for start in range(self.seeds)])
        others = made["classical"]["right"]
        findings.table(
            f"Share of {tests:,} test pairs that is right; twins: median (lowest to highest) of {self.seeds} starts",
            ["", "right"],
            [
                *([one, f"{value:.1%}"] for one, value in others.items()),
                [f"twin {name}({self.hidden})", f"{np.median(ours):.1%} ({ours.min():.1%} to {ours.max():.1%})"],
            ],
        )
        best = max(others, key=lambda one: others[one])
        error = float(np.sqrt(2 * 0.25 / tests))
        gap = float(np.median(ours)) - others[best]
        verdict = f"better than {best}" if gap > 2 * error else f"worse than {best}" if gap < -2 * error else (
            f"not to be told from {best}")  # fmt: skip
        findings.text(
            f"The twins' median start is {verdict} ({100 * gap:+.1f} percentage points; the standard error of a "
            f"difference of two such shares is at most {100 * error:.1f}). The features of a window: "
            f"{', '.join(FEATURES)}; logistic regression sees their differences and sums. Two windows of one series "
            "are not alike point by point, so their plain distance says little."
        )
        first = made["start 1"]
        figure, axis = new_figure()
        far, together = np.array(first["distances"]), np.array(first["together"])
        edges = np.linspace(0, max(float(np.quantile(far, 0.995)), 1e-6), 40).tolist()
        for value, label in ((1, "same series"), (0, "two series")):
            axis.hist(far[together == value], edges, color=COLOURS[1 - value], alpha=0.6, label=label)
        axis.set(xlabel="distance between the twins' points", ylabel="test pairs")
        axis.legend(frameon=False)
        findings.figure("Distances: of test pairs, first start", figure)
        findings.result |= {"right": {**others, f"twin {name}": ours.tolist()}, "best other": best, "difference": gap}
        return findings


def _right(held: np.ndarray, held_together: np.ndarray, far: np.ndarray, together: np.ndarray) -> float:
    """Return the share that is right where pairs closer than a distance, the best on validation, belong together."""
    order = np.argsort(held)
    hits = np.cumsum(np.where(held_together[order] == 1, 1, -1))
    limit = held[order][int(np.argmax(hits))] if hits.max() > 0 else -np.inf
    return float(np.mean((far <= limit) == (together == 1)))


def _features(pairs: WindowPairs) -> np.ndarray:
    """Return how different the features of two windows are, and their sum."""
    a, b = (_of_window(one) for one in (pairs.first, pairs.second))
    return np.column_stack([np.abs(a - b), a + b])


def _of_window(x: np.ndarray) -> np.ndarray:
    """Return what a person would measure of a standardised window, as `FEATURES` names it."""
    smooth = [np.mean(x[:, lag:] * x[:, :-lag], axis=1) for lag in (1, 2, 5)]
    return np.stack(
        [*smooth, np.mean(np.diff(x, axis=1) > 0, axis=1), x.max(axis=1), x.min(axis=1), np.mean(x**4, axis=1)], axis=1
    )
