"""Looser borrowing limits: who gains, and how consumption answers shocks (Azinovic et al., 2019, figures 7 to 9)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from equilearn.economies.olg import OLG
from equilearn.economies.olg_figures import means_by_shock
from equilearn.equilibrium import Solution
from equilearn.errors import UserError
from equilearn.labs import EconomyLab, solve_in
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure

PUBLISHED_IMPACT = {0.0: (-9.0, 9.6, -17.1, 4.1), -0.5: (-7.8, 8.6, -17.0, 3.6)}
"""Response of aggregate consumption on impact, in percent, by limit and shock (paper, figure 8)."""
PUBLISHED_BY_AGE = {(21, 0.0): 14.4, (21, -0.5): 4.1, (32, 0.0): 12.6, (32, -0.5): 21.6}
"""Response of consumption to the fourth shock on impact, in percent, by age and limit (paper, figure 9)."""
FOLLOWED_AGES = (21, 32, 45, 65)
SHOCK_NAMES = (
    "shock 1: low productivity",
    "shock 2: high productivity",
    "shock 3: low productivity, high depreciation",
    "shock 4: high productivity, high depreciation",
)


class Borrowing(EconomyLab):
    """Borrowing limits 0, -0.5 and -1 compared: wealth and consumption by age, responses to shocks."""

    limits: tuple[float, ...] = (0.0, -0.5, -1.0)
    """Borrowing limits, each at most 0."""
    paths: int = 50_000
    """Simulated economies that the responses are averages over (the paper's: 200,000)."""
    periods: int = 25
    """Periods after the shock."""
    episodes: int = 3000
    """Episodes of training for each limit."""
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(limit > 0 for limit in self.limits):
            raise UserError("borrowing: limits must be at most 0.")

    def run_in(self, folder: Path | None) -> Findings:
        """Solve the economy with each limit, simulate, and shock it."""
        findings = Findings("Sixty generations under tighter and looser limits on debt.")
        findings.text(
            "The same economy is solved with tighter and looser limits on debt. Wages rise until middle age, so the "
            "young want to borrow; a shock that lasts one period changes their wage at once but the value of other "
            "people's capital too. Responses are means over many simulated economies with and without the shock "
            "forced into one period, all other random numbers being the same."
        )
        solutions = {limit: self._solve(limit, folder) for limit in self.limits}
        self._accuracy(findings, solutions)
        simulations = {limit: solution.simulate() for limit, solution in solutions.items()}
        findings.heading("Wealth, income and consumption")
        for name, label in (
            ("financial_wealth", "financial wealth"),
            ("income", "income (cash on hand)"),
            ("consumption", "consumption"),
        ):
            findings.figure(f"Mean {label} by age and shock: one panel for each limit",
                            _profiles(simulations, name, label))  # fmt: skip
        least = {limit: float(s["capital"].min()) for limit, s in simulations.items()}
        findings.text(
            "Least wealth at the beginning of a period: "
            + ", ".join(f"{value:.3f} (limit {limit:g})" for limit, value in least.items())
            + "."
        )
        responses = {
            limit: [
                solution.impulse_response(z, periods=self.periods, paths=self.paths, seed=self.seed + 1)
                for z in range(4)
            ]
            for limit, solution in solutions.items()
        }
        self._responses(findings, responses)
        return findings

    def _solve(self, limit: float, folder: Path | None) -> Solution:
        model = OLG(borrowing_limit=limit)
        settings = replace(model.settings(), episodes=self.episodes, targets=())
        return solve_in(folder, f"limit{limit:g}", model, settings, self.seed)

    def _accuracy(self, findings: Findings, solutions: dict[float, Solution]) -> None:
        rows, result = [], {}
        for limit, solution in solutions.items():
            euler = solution.accuracy().summary()["euler"]
            rows.append([f"{limit:g}", solution.seconds, *(100 * euler[k] for k in ("mean", "99.9", "max"))])
            result[f"{limit:g}"] = {"seconds": solution.seconds, **euler}
        findings.table("Euler errors on 10,000 fresh periods, in percent of consumption",
                       ["limit", "seconds", "mean", "99.9 %", "max"], rows)  # fmt: skip
        findings.result["accuracy"] = result

    def _responses(self, findings: Findings, responses: dict[float, list[xr.Dataset]]) -> None:
        findings.heading("Responses to shocks")
        rows, result = [], {}
        for limit, by_shock in responses.items():
            ours = [float(one.aggregate_consumption_percent.values[0]) for one in by_shock]
            published = PUBLISHED_IMPACT.get(limit)
            rows.append([f"{limit:g}", *(f"{x:+.1f}" for x in ours)])
            if published:
                rows.append(["published", *(f"{x:+.1f}" for x in published)])
            result[f"{limit:g}"] = ours
        findings.table("Aggregate consumption on impact, in percent",
                       ["limit", *(name.split(":")[0] for name in SHOCK_NAMES)], rows)  # fmt: skip
        findings.figure("Aggregate consumption: response in percent, by shock", self._aggregate(responses))
        findings.figure("Consumption by age: response on impact in percent, by shock", self._by_age(responses))
        findings.figure("Consumption of four ages: response to the fourth shock in percent", self._four(responses))
        table = [
            [age, f"{limit:g}", f"{_at_age(responses[limit][3], age)[0]:+.1f}", f"{value:+.1f}"]
            for (age, limit), value in PUBLISHED_BY_AGE.items()
            if limit in responses
        ]
        if table:
            findings.table("Consumption on impact of the fourth shock, in percent",
                           ["age", "limit", "ours", "published"], table)  # fmt: skip
        findings.result["impact"] = result
        findings.result["impact_by_age"] = {
            f"{limit:g}": [one.consumption_percent.values[0].tolist() for one in by_shock]
            for limit, by_shock in responses.items()
        }

    def _aggregate(self, responses: dict[float, list[xr.Dataset]]) -> Figure:
        def draw(axis: Any, response: xr.Dataset, **style: Any) -> None:
            axis.plot(response.period, response.aggregate_consumption_percent, **style)
            axis.set(xlabel="periods after the shock", ylabel="percent")

        return _by_shock(responses, draw)

    def _by_age(self, responses: dict[float, list[xr.Dataset]]) -> Figure:
        def draw(axis: Any, response: xr.Dataset, **style: Any) -> None:
            axis.plot(response.age, response.consumption_percent.values[0], **style)
            axis.set(xlabel="age", ylabel="percent")

        return _by_shock(responses, draw)

    def _four(self, responses: dict[float, list[xr.Dataset]]) -> Figure:
        figure, axes = new_figure(2, 2, sharex=True)
        for axis, age in zip(axes.flat, FOLLOWED_AGES, strict=True):
            for (limit, by_shock), colour in zip(responses.items(), COLOURS, strict=False):
                axis.plot(_at_age(by_shock[3], age), color=colour, label=f"limit {limit:g}")
            axis.axhline(0, color="black", linewidth=0.6)
            axis.set(title=f"age {age}", ylabel="percent")
        for axis in axes[1]:
            axis.set_xlabel("periods after the shock")
        axes.flat[0].legend(frameon=False, fontsize=8)
        return figure


def _at_age(response: xr.Dataset, age: int) -> np.ndarray:
    return response.consumption_percent.sel(age=age).values


def _by_shock(responses: dict[float, list[xr.Dataset]], draw: Any) -> Figure:
    figure, axes = new_figure(2, 2, sharex=True)
    for z, axis in enumerate(axes.flat):
        for (limit, by_shock), colour in zip(responses.items(), COLOURS, strict=False):
            draw(axis, by_shock[z], color=colour, label=f"limit {limit:g}")
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set_title(SHOCK_NAMES[z], fontsize=9)
    for axis in axes[0]:
        axis.set_xlabel("")
    axes.flat[0].legend(frameon=False, fontsize=8)
    return figure


def _profiles(simulations: dict[float, xr.Dataset], name: str, label: str) -> Figure:
    figure, axes = new_figure(1, len(simulations), sharey=True, squeeze=False)
    for axis, (limit, simulation) in zip(axes.flat, simulations.items(), strict=True):
        for z, row in enumerate(means_by_shock(simulation, name)):
            axis.plot(simulation.age, row, color=COLOURS[z], label=f"shock {z + 1}")
        axis.axhline(0, color="black", linewidth=0.6)
        axis.set(title=f"limit {limit:g}", xlabel="age")
    axes.flat[0].set_ylabel(f"mean {label}")
    axes.flat[0].legend(frameon=False, fontsize=8)
    return figure
