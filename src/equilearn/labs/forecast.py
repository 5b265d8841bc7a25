"""Forecasts of a series by a recurrent network, beside what it has to beat, with the test of the difference."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from equilearn.data import Series, load_series
from equilearn.data.series import NAMES
from equilearn.errors import UserError
from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.learn import LearnSettings
from equilearn.networks.recurrent import CELLS
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.sequences import Parts, chronological, diebold_mariano, forecast_baselines, returns
from equilearn.sequences.forecaster import fit_forecaster
from equilearn.style import COLOURS, new_figure

KINDS = {"start": False, "on top": True}
"""The network alone, and on top of linear autoregression, as the lab's parts name them."""
SHOWN = 200
"""Steps of the picture."""


class Usual(NamedTuple):
    """How a series is usually looked at."""

    every: int
    history: int
    horizons: tuple[int, ...]
    epochs: int


USUAL = {"ozone": Usual(1, 50, (1, 2), 8), "weather": Usual(6, 48, (6, 24), 24), "bitcoin": Usual(1, 24, (1,), 8)}
OTHERS = Usual(1, 50, (1,), 8)


class Forecast(Lab):
    """A series foretold by a recurrent network: ozone, S&P 500, weather, bitcoin, or a column of your own table."""

    series: str = "ozone"
    """ozone, sp500, weather, bitcoin, or path/to/table.csv:column, oldest first; that is foretold as it is, so give
    returns where it is a price."""
    beside: tuple[str, ...] = ()
    """Other columns of the same table that are seen too: sulphur_dioxide (ozone), volume (sp500), "p (mbar)" "rh (%)"
    (weather). Beside prices, what is above zero is seen as returns."""
    every: int = 0
    """Keep every so many-th step; 0: as is usual for the series (weather: hourly)."""
    history: int = 0
    """Steps that are seen; 0: as is usual for the series."""
    horizons: tuple[int, ...] = (0,)
    """Steps ahead; 0: as is usual for the series."""
    cell: str = "lstm"
    hidden: int = 64
    """Units of the cell."""
    epochs: int = 0
    """Passes over the training part, over which the learning rate falls; 0: as is usual for the series."""
    seeds: int = 3
    """Random starts, of the network alone and of the network on top of linear autoregression."""
    seed: int = 0

    seconds = 90
    bounds: ClassVar = {"every": (0, 100_000), "history": (0, 100_000), "horizons": (0, 100_000),
                        "epochs": (0, 100_000), "hidden": (1, 4096), "seeds": (1, 100)}  # fmt: skip
    choices: ClassVar = {"cell": tuple(CELLS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.series not in NAMES and ":" not in self.series:
            raise self._wrong("series", f"must be {', '.join(NAMES)} or path/to/table.csv:column, not {self.series!r}")

    def learns_from(self) -> Any:
        """Return the windows."""
        return [(part.x, part.y) for part in self._windows()[1]]

    def parts(self) -> dict[str, Part]:
        """Make the baselines' forecasts, then those of the network, alone and on top of the line, from every start."""
        parts: dict[str, Part] = {"baselines": lambda _: self._baselines()}
        for words, hybrid in KINDS.items():
            parts |= from_starts(words, self.seeds, functools.partial(self._network, hybrid=hybrid))
        return parts

    def _usual(self) -> Usual:
        """Return the settings with those of the series where none are given."""
        usual = USUAL.get(self.series, OTHERS)
        horizons = usual.horizons if self.horizons == (0,) else self.horizons
        if 0 in horizons:
            raise UserError("Forecast: horizons must each be at least 1.")
        return Usual(self.every or usual.every, self.history or usual.history, horizons, self.epochs or usual.epochs)

    def _windows(self) -> tuple[Series, Parts]:
        """Return the series, and its windows: of returns where it is a price."""
        series, usual = load_series(self.series, beside=self.beside), self._usual()
        columns = [column[:: usual.every] for column in (series.values, *series.beside.T)]
        if series.prices:
            columns = [returns(column) if column.min() > 0 else column[1:] for column in columns]
        values = np.stack(columns, axis=1)
        return series, chronological(values, history=usual.history, horizons=usual.horizons)

    def _period(self, series: Series) -> int | None:
        """Return the steps in a season, where one fits into the history."""
        usual = self._usual()
        period = series.period // usual.every if series.period and series.period % usual.every == 0 else None
        return period if period and period <= usual.history else None

    def _baselines(self) -> dict[str, Any]:
        series, parts = self._windows()
        made = forecast_baselines(parts, self._usual().horizons, period=self._period(series))
        if series.prices:
            made = {"zero": np.zeros(parts.test.y.shape)} | made
        return {"forecasts": made}

    def _network(self, folder: Path | None, start: int, *, hybrid: bool) -> dict[str, Any]:
        """Return one network's forecasts of the test part, its error on the validation part and the epoch."""
        series, parts = self._windows()
        settings = LearnSettings(episodes=self._usual().epochs, batch_size=64, check_every=1, keep_best=True)
        fitted = fit_forecaster(
            parts, settings, cell=self.cell, hidden=self.hidden,  # pyright: ignore[reportArgumentType]
            base="linear" if hybrid else "mean" if series.prices else "last",
            optimizer=adam(3e-3), seed=self.seed + start, folder=folder, resume=folder is not None,
        )  # fmt: skip
        return {"forecast": fitted.predict(parts.test), "epoch": int(fitted.run.state.episode)}

    def report(self, made: Figures) -> Findings:
        """Return the errors, the tests and the picture."""
        series, parts = self._windows()
        usual, name = self._usual(), CELLS[self.cell]
        actual = parts.test.y
        baselines = {one: np.array(values) for one, values in made["baselines"]["forecasts"].items()}
        names = {words: f"linear + {name}" if hybrid else name for words, hybrid in KINDS.items()}
        networks = {
            names[words]: [np.array(made[f"{words} {start + 1}"]["forecast"]) for start in range(self.seeds)]
            for words in KINDS
        }
        findings = Findings(
            f"{series.words[0].upper()}{series.words[1:]}: what a network can foretell, and what it cannot."
        )
        if series.notes:
            findings.text(series.notes)
        if series.prices:
            findings.text(
                "Prices are foretold as returns (changes of the logarithm). A price is nearly the last one, so a "
                "network that repeats it has a tiny error and an R2 near one, and knows nothing."
            )
        if self.beside:
            findings.text(
                f"Seen beside the series: {', '.join(self.beside)}. Whether they help is told by the two linear "
                "autoregressions, of the series alone and of all columns."
            )
        kept = "" if usual.every == 1 else f"One step in {usual.every} is kept. "
        findings.text(
            f"{kept}{usual.history} steps are seen; the target of horizon h is exactly h steps after the newest. "
            f"{len(parts.train.y):,} windows to train on, then {len(parts.validation.y):,} to choose the epoch by, the "
            f"last {len(actual):,} to test on. '{names['on top']}' learns what linear autoregression leaves."
        )
        errors = {one: ((values - actual) ** 2).mean(axis=0) for one, values in baselines.items()}
        ours = {
            one: np.array([((values - actual) ** 2).mean(axis=0) for values in all_]) for one, all_ in networks.items()
        }
        findings.table(
            f"Mean squared error on the test part; networks: median (lowest to highest) of {self.seeds} starts",
            ["forecast", *(f"{h} step{'s' if h > 1 else ''} ahead" for h in usual.horizons)],
            [[one, *(f"{value:.4g}" for value in values)] for one, values in errors.items()]
            + [[f"{one}({self.hidden})", *(spread(column) for column in values.T)] for one, values in ours.items()],
        )
        verdicts: dict[str, dict[str, Any]] = {}
        for j, h in enumerate(usual.horizons):
            best = min(errors, key=lambda one: errors[one][j])
            said = []
            verdicts[str(h)] = {"best other": best}
            for one, all_ in networks.items():
                middle = int(np.argsort(ours[one][:, j])[len(all_) // 2])
                test = diebold_mariano(
                    all_[middle][:, j] - actual[:, j], baselines[best][:, j] - actual[:, j], horizon=h
                )
                said.append(test.verdict(f"the {one}", repr(best)))
                verdicts[str(h)][one] = test._asdict()
            findings.text(
                f"At horizon {h} the best of the others is '{best}' ({errors[best][j]:.4g}). By Diebold and Mariano's "
                f"test, for the middle start: {'; '.join(said)}."
            )
        what = "return" if series.prices else series.words
        _picture(findings, parts, baselines, {one: all_[0] for one, all_ in networks.items()}, usual.horizons[-1], what)
        findings.result["mse"] = {one: values.tolist() for one, values in (errors | ours).items()}
        findings.result["horizons"] = list(usual.horizons)
        findings.result["test of the difference"] = verdicts
        findings.result["epochs"] = {
            names[words]: [made[f"{words} {start + 1}"]["epoch"] for start in range(self.seeds)] for words in KINDS
        }
        return findings


def _picture(
    findings: Findings,
    parts: Parts,
    baselines: dict[str, np.ndarray],
    networks: dict[str, np.ndarray],
    horizon: int,
    what: str,
) -> None:
    """Draw the end of the test part: what came, the linear forecast, the networks'."""
    figure, axis = new_figure(1, 1)
    figure.set_size_inches(9.6, 3.6)
    linear = next(one for one in baselines if one.startswith("linear"))
    steps = parts.test.last[-SHOWN:] + horizon
    axis.plot(steps, parts.test.y[-SHOWN:, -1], color="#999999", linewidth=1.2, label="what came")
    axis.plot(steps, baselines[linear][-SHOWN:, -1], color=COLOURS[1], linewidth=1, label=linear)
    for (name, made), colour in zip(networks.items(), (COLOURS[0], COLOURS[2]), strict=True):
        axis.plot(steps, made[-SHOWN:, -1], color=colour, linewidth=1, label=name)
    axis.set(xlabel="step", ylabel=what, title=f"Foretold {horizon} step{'s' if horizon > 1 else ''} ahead")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False)
    findings.figure("The end of the test part, foretold by the first start", figure)
