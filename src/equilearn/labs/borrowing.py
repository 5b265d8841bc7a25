"""Looser borrowing limits: who gains, and how consumption answers shocks (Azinovic et al., 2019, figures 7 to 9)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from equilearn.economies.olg import OLG
from equilearn.economies.olg_figures import means_by_shock
from equilearn.labs import Figures, Lab, Part
from equilearn.labs.parts import solve_in
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure

PUBLISHED_IMPACT = {0.0: (-9.0, 9.6, -17.1, 4.1), -0.5: (-7.8, 8.6, -17.0, 3.6)}
"""Response of aggregate consumption on impact, in percent, by limit and shock (paper, figure 8)."""
PUBLISHED_BY_AGE = {(21, 0.0): 14.4, (21, -0.5): 4.1, (32, 0.0): 12.6, (32, -0.5): 21.6}
"""Response of consumption to the fourth shock on impact, in percent, by age and limit (paper, figure 9)."""
PROFILES = {"financial_wealth": "financial wealth", "income": "income (cash on hand)", "consumption": "consumption"}
FOLLOWED_AGES = (21, 32, 45, 65)
SHOCK_NAMES = (
    "shock 1: low productivity",
    "shock 2: high productivity",
    "shock 3: low productivity, high depreciation",
    "shock 4: high productivity, high depreciation",
)


class Borrowing(Lab):
    """Borrowing limits 0, -0.5 and -1 compared: wealth and consumption by age, responses to shocks."""

    limits: tuple[float, ...] = (0.0, -0.5)
    """Borrowing limits, each at most 0."""
    paths: int = 2_000
    """Simulated economies that the responses are averages over (the paper's: 200,000)."""
    periods: int = 25
    """Periods after the shock."""
    episodes: int = 300
    """Episodes of training for each limit."""
    seed: int = 0

    seconds = 120
    full_seconds = 600
    full: ClassVar = {"limits": (0.0, -0.5, -1.0), "paths": 50_000, "episodes": 3000}
    bounds: ClassVar = {"limits": (-100, 0), "paths": (1, 1_000_000), "periods": (1, 1000)}

    def parts(self) -> dict[str, Part]:
        """Solve the economy with each limit, simulate, and shock it."""
        return {_name(limit): lambda folder, limit=limit: self._one(limit, folder) for limit in self.limits}

    def _one(self, limit: float, folder: Path | None) -> dict[str, Any]:
        """Return accuracy, means by age and responses to every shock of the economy with one limit."""
        model = OLG(borrowing_limit=limit)
        settings = replace(model.settings(), episodes=self.episodes, targets=())
        solution = solve_in(folder, model, settings, self.seed, varying=("borrowing_limit",))
        simulation = solution.simulate()
        responses = [
            solution.impulse_response(z, periods=self.periods, paths=self.paths, seed=self.seed + 1) for z in range(4)
        ]
        return {
            "seconds": solution.seconds,
            "euler": solution.accuracy().summary()["euler"],
            "age": simulation.age.values,
            "profiles": {name: means_by_shock(simulation, name) for name in PROFILES},
            "least wealth": float(simulation["capital"].min()),
            "period": responses[0].period.values,
            "aggregate": [one.aggregate_consumption_percent.values for one in responses],
            "impact": [one.consumption_percent.values[0] for one in responses],
            "followed": {age: _at_age(responses[3], age) for age in FOLLOWED_AGES},
        }

    def report(self, made: Figures) -> Findings:
        """Return accuracy, profiles and responses."""
        findings = Findings("Sixty generations under tighter and looser limits on debt.")
        findings.text(
            "The same economy is solved with tighter and looser limits on debt. Wages rise until middle age, so the "
            "young want to borrow; a shock that lasts one period changes their wage at once but the value of other "
            "people's capital too. Responses are means over many simulated economies with and without the shock "
            "forced into one period, all other random numbers being the same."
        )
        cases = {limit: made[_name(limit)] for limit in self.limits}
        self._report_accuracy(findings, cases)
        findings.heading("Wealth, income and consumption")
        for name, label in PROFILES.items():
            findings.figure(f"Mean {label} by age and shock: one panel for each limit", _profiles(cases, name, label))
        findings.text(
            "Least wealth at the beginning of a period: "
            + ", ".join(f"{one['least wealth']:.3f} (limit {limit:g})" for limit, one in cases.items())
            + "."
        )
        self._report_responses(findings, cases)
        return findings

    def _report_accuracy(self, findings: Findings, cases: dict[float, Any]) -> None:
        rows = [
            [f"{limit:g}", one["seconds"], *(100 * one["euler"][k] for k in ("mean", "99.9", "max"))]
            for limit, one in cases.items()
        ]
        findings.table(f"Euler errors on 10,000 fresh periods, in percent of consumption, after {self.episodes:,} "
                       "episodes; seconds of training",
                       ["limit", "seconds", "mean", "99.9 %", "max"], rows)  # fmt: skip
        findings.result["accuracy"] = {
            f"{limit:g}": {"seconds": one["seconds"], **one["euler"]} for limit, one in cases.items()
        }

    def _report_responses(self, findings: Findings, cases: dict[float, Any]) -> None:
        findings.heading("Responses to shocks")
        rows, result = [], {}
        for limit, one in cases.items():
            ours = [float(curve[0]) for curve in one["aggregate"]]
            rows.append([f"{limit:g}", *(f"{x:+.1f}" for x in ours)])
            if published := PUBLISHED_IMPACT.get(limit):
                rows.append(["published", *(f"{x:+.1f}" for x in published)])
            result[f"{limit:g}"] = ours
        findings.table("Aggregate consumption on impact, in percent",
                       ["limit", *(name.split(":")[0] for name in SHOCK_NAMES)], rows)  # fmt: skip
        findings.figure("Aggregate consumption: response in percent, by shock",
                        _by_shock(cases, "period", "aggregate", "periods after the shock"))  # fmt: skip
        findings.figure("Consumption by age: response on impact in percent, by shock",
                        _by_shock(cases, "age", "impact", "age"))  # fmt: skip
        findings.figure("Consumption of four ages: response to the fourth shock in percent", _four(cases))
        table = [
            [age, f"{limit:g}", f"{cases[limit]['impact'][3][cases[limit]['age'].index(age)]:+.1f}", f"{value:+.1f}"]
            for (age, limit), value in PUBLISHED_BY_AGE.items()
            if limit in cases
        ]
        if table:
            findings.table("Consumption on impact of the fourth shock, in percent",
                           ["age", "limit", "ours", "published"], table)  # fmt: skip
        findings.result["impact"] = result
        findings.result["impact_by_age"] = {f"{limit:g}": one["impact"] for limit, one in cases.items()}


def _name(limit: float) -> str:
    return f"limit {limit:g}"


def _at_age(response: xr.Dataset, age: int) -> np.ndarray:
    return response.consumption_percent.sel(age=age).values


def _four(cases: dict[float, Any]) -> Figure:
    figure, axes = new_figure(2, 2, sharex=True)
    for axis, age in zip(axes.flat, FOLLOWED_AGES, strict=True):
        for (limit, one), colour in zip(cases.items(), itertools.cycle(COLOURS), strict=False):
            axis.plot(one["period"], one["followed"][str(age)], color=colour, label=_name(limit))
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set(title=f"age {age}", ylabel="percent")
    for axis in axes[1]:
        axis.set_xlabel("periods after the shock")
    axes.flat[0].legend(frameon=False, fontsize=8)
    return figure


def _by_shock(cases: dict[float, Any], x: str, y: str, label: str) -> Figure:
    figure, axes = new_figure(2, 2, sharex=True)
    for z, axis in enumerate(axes.flat):
        for (limit, one), colour in zip(cases.items(), itertools.cycle(COLOURS), strict=False):
            axis.plot(one[x], one[y][z], color=colour, label=_name(limit))
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set_title(SHOCK_NAMES[z], fontsize=9)
        axis.set(xlabel=label if z > 1 else "", ylabel="percent" if z % 2 == 0 else "")
    axes.flat[0].legend(frameon=False, fontsize=8)
    return figure


def _profiles(cases: dict[float, Any], name: str, label: str) -> Figure:
    figure, axes = new_figure(1, len(cases), sharey=True, squeeze=False)
    for axis, (limit, one) in zip(axes.flat, cases.items(), strict=True):
        for z, row in enumerate(one["profiles"][name]):
            axis.plot(one["age"], row, color=COLOURS[z], label=f"shock {z + 1}")
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set(title=_name(limit), xlabel="age")
    axes.flat[0].set_ylabel(f"mean {label}")
    axes.flat[0].legend(frameon=False, fontsize=8)
    return figure
