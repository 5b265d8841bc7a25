"""The course's application: what a tonne of CO2 should cost, solved by a network and checked against the exact path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.stats import sobol_indices, uniform

from equilearn.economies.climate import FIRST_YEAR, Climate, StochasticClimate
from equilearn.economies.climate_physics import (
    CARBON_CYCLES,
    TEMPERATURES,
    abrupt_quadrupling,
    one_percent_a_year,
    pulse_response,
)
from equilearn.equilibrium import Solution, Uncertain, perfect_foresight
from equilearn.errors import UserError
from equilearn.labs import EconomyLab, solve_in
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure

VARIANTS = {
    "CDICE": ("mmm", "mmm"),
    "CDICE-HadGEM2-ES": ("mmm", "hadgem2-es"),
    "CDICE-GISS-E2-R": ("mmm", "giss-e2-r"),
    "CDICE-MESMO": ("mesmo", "mmm"),
    "CDICE-LOVECLIM": ("loveclim", "mmm"),
    "MESMO-HadGEM2-ES": ("mesmo", "hadgem2-es"),
    "MESMO-GISS-E2-R": ("mesmo", "giss-e2-r"),
    "LOVECLIM-HadGEM2-ES": ("loveclim", "hadgem2-es"),
    "LOVECLIM-GISS-E2-R": ("loveclim", "giss-e2-r"),
    "DICE-2016": ("dice-2016", "dice-2016"),
}
"""Name -> calibration of carbon cycle and temperature."""
EXACT_YEARS = 700
"""Horizon of the exact path: its end does not touch the first three centuries."""
SHOWN = {
    "warming": "temperature of the atmosphere (K)",
    "carbon_tax": "carbon tax ($/tCO2)",
    "social_cost_of_carbon": "social cost of carbon ($/tCO2)",
    "abatement": "share of emissions abated",
    "emissions": "emissions (GtCO2 a year)",
    "carbon": "carbon in the atmosphere (GtC)",
}
BOX = {
    "climate_sensitivity": (2.0, 4.5),
    "time_preference": (0.01, 0.02),
    "ies": (0.6, 0.9),
    "damage": (0.001, 0.004),
}
"""What is not known, and between which bounds; drawn uniformly."""


class CarbonTax(EconomyLab):
    """Optimal carbon taxation: temperature, tax and social cost of carbon, with the exact path beside."""

    variants: tuple[str, ...] = ("CDICE", "CDICE-HadGEM2-ES", "CDICE-GISS-E2-R", "DICE-2016")
    """Calibrations of the climate to solve."""
    episodes: int = 3000
    """Episodes of training for each calibration."""
    draws: int = 512
    """Draws (a power of two) for the Sobol indices of the uncertain parameters."""
    seed: int = 0

    def run_in(self, folder: Path | None) -> Findings:
        """Solve every calibration with and without abatement, then for a box of parameters, then with shocks."""
        unknown = [name for name in self.variants if name not in VARIANTS]
        if unknown:
            raise UserError(f"carbon-tax: variants: {unknown[0]!r} is none of {', '.join(VARIANTS)}.")
        if self.draws < 2 or self.draws & (self.draws - 1):
            raise UserError(f"carbon-tax: draws must be a power of two, not {self.draws}.")
        findings = Findings("What should it cost to emit a tonne of CO2? An economy with a climate, solved globally.")
        findings.text(
            "A planner decides every year how much to consume, to invest and to abate. Emissions stay in the "
            "atmosphere for centuries and warm it; warming destroys output. The social cost of carbon is what one "
            "more tonne of CO2 in the air costs everybody, now and later, in dollars of today. The optimal carbon "
            "tax is the price at which everyone emits what the planner would: it equals that cost a year on, until "
            "all emissions are abated. Without uncertainty the problem has an exact answer (stacked-time Newton "
            "iteration on the same equations), which is drawn dashed beside the network's answer."
        )
        self._calibrations(findings, folder)
        _physics(findings)
        self._uncertainty(findings, folder)
        self._shocks(findings, folder)
        return findings

    def _solve(self, model: Any, folder: Path | None, name: str, **changes: Any) -> Solution:
        settings = replace(model.settings(), episodes=self.episodes, **changes)
        return solve_in(folder, name, model, settings, self.seed)

    def _calibrations(self, findings: Findings, folder: Path | None) -> None:
        findings.heading("Optimal policy and business as usual")
        paths, rows, result = {}, [], {}
        for name in self.variants:
            cycle, temperature = VARIANTS[name]
            for usual in (False, True):
                model = Climate(carbon_cycle=cycle, temperature=temperature, business_as_usual=usual)
                solution = self._solve(model, folder, name + ("-as-usual" if usual else ""))
                start = model.state_2015()
                network, exact = solution.follow(start, 286), perfect_foresight(model, start, EXACT_YEARS)
                case = f"{name}, {'business as usual' if usual else 'optimal'}"
                paths[case] = (network, exact)
                gaps = distances(network, exact)
                mean = max(row["mean"] for row in solution.accuracy().summary().values())
                rows.append([case, solution.seconds, mean, *gaps.values()])
                result[case] = {"seconds": solution.seconds, **gaps} | {
                    f"{key}_{year}": float(network[key].values[year - FIRST_YEAR])
                    for key in ("social_cost_of_carbon", "carbon_tax", "warming")
                    for year in (2020, 2050, 2100)
                }
        findings.result["calibrations"] = result
        for key, label in SHOWN.items():
            findings.figure(f"{label.split(' (')[0].capitalize()}: optimal (full colour) and business as usual "
                            "(pale); the exact path is dashed", _fan(paths, key, label))  # fmt: skip
        columns = ["case", "seconds", "mean error", "SCC", "tax", "abatement", "T (K)"]
        findings.table(
            "Largest distance from the exact path, 2015 to 2100: relative for the social cost of carbon and the tax, "
            "absolute for abatement and temperature. Seconds of training; worst mean error of the equations",
            columns, rows,
        )  # fmt: skip

    def _uncertainty(self, findings: Findings, folder: Path | None) -> None:
        findings.heading("What we do not know")
        climate = Climate()
        model = Uncertain(climate, tuple((name, *bounds) for name, bounds in BOX.items()))
        solution = self._solve(model, folder, "uncertain", width=128)
        start = climate.state_2015()

        def tax(draws: Float[np.ndarray, "parameters draws"]) -> Float[np.ndarray, " draws"]:
            named = dict(zip(model.names, np.asarray(draws, np.float32), strict=True))
            return np.array(solution.follow(model.state(start, named), 6).carbon_tax.values[5])

        low, high = model.bounds.T
        box = [uniform(a, b - a) for a, b in zip(low, high, strict=True)]
        indices = sobol_indices(func=tax, n=self.draws, dists=box, rng=np.random.default_rng(self.seed))
        sample = np.random.default_rng(self.seed + 1).uniform(low, high, (4096, len(low)))
        values = tax(sample.T)
        rows = [
            [name, a, b, float(first), float(total)]
            for (name, a, b), first, total in zip(model.ranges, indices.first_order, indices.total_order, strict=True)
        ]
        findings.text(
            f"One network was trained for a whole box of parameters ({solution.seconds:.0f} seconds). Over the box the "
            f"tax of 2020 has mean {values.mean():.1f} dollars per tonne of CO2 and a range from "
            f"{np.percentile(values, 5):.1f} to {np.percentile(values, 95):.1f} (5th to 95th percentile). The Sobol "
            "indices below say how much of its variance each parameter explains alone (first order) and together "
            "with the others (total)."
        )
        findings.table("Sobol indices of the carbon tax in 2020", ["parameter", "low", "high", "first", "total"], rows)
        findings.figure("Uncertainty of the tax: carbon tax in 2020 over the box", _histogram(values))
        findings.result["uncertainty"] = {
            "mean": float(values.mean()),
            "p5": float(np.percentile(values, 5)),
            "p95": float(np.percentile(values, 95)),
            "first_order": dict(zip(model.names, map(float, indices.first_order), strict=True)),
            "total_order": dict(zip(model.names, map(float, indices.total_order), strict=True)),
        }

    def _shocks(self, findings: Findings, folder: Path | None) -> None:
        findings.heading("Shocks to productivity")
        model = StochasticClimate()
        solution = self._solve(model, folder, "shocks")
        start = model.state_2015()
        many = model.State(*(np.full(1000, x, np.float32) for x in start))  # pyright: ignore[reportArgumentType]
        paths = solution.follow(many, 136, seed=self.seed + 1)
        exact = perfect_foresight(model, start, EXACT_YEARS)
        figure, axes = new_figure(1, 2)
        years = FIRST_YEAR + np.arange(136)
        for axis, key in zip(axes, ("social_cost_of_carbon", "warming"), strict=True):
            low, middle, high = np.percentile(paths[key].values, [5, 50, 95], axis=1)
            axis.fill_between(years, low, high, color=COLOURS[0], alpha=0.25, linewidth=0, label="5 to 95 %")
            axis.plot(years, middle, color=COLOURS[0], label="median")
            axis.plot(years, exact[key].values[:136], "--", color=COLOURS[3], label="without shocks, exact")
            axis.set(xlabel="year", ylabel=SHOWN[key])
        axes[0].legend(frameon=False, fontsize=8)
        findings.figure("With shocks: a thousand futures from 2015", figure)
        last = paths.social_cost_of_carbon.values[2100 - FIRST_YEAR]
        p5, p95 = np.percentile(last, [5, 95])
        findings.text(
            f"Persistent shocks to productivity spread the social cost of carbon of 2100 from {p5:.0f} to {p95:.0f} "
            f"dollars (5th to 95th percentile; mean {last.mean():.0f}, without shocks "
            f"{exact.social_cost_of_carbon.values[85]:.0f}): a richer world emits more, and has more to lose."
        )
        findings.result["shocks"] = {"scc_2100": {"mean": float(last.mean()), "p5": float(p5), "p95": float(p95)}}


def distances(network: xr.Dataset, exact: xr.Dataset, years: int = 86) -> dict[str, float]:
    """Return the largest distances between two paths in the first years, by name."""

    def values(key: str) -> tuple[Any, Any]:
        return network[key].values[:years], exact[key].values[:years]

    def relative(key: str) -> float:
        ours, theirs = values(key)
        return float(np.abs(ours / theirs - 1).max()) if np.all(theirs != 0) else float("nan")

    def absolute(key: str) -> float:
        ours, theirs = values(key)
        return float(np.abs(ours - theirs).max())

    return {
        "scc": relative("social_cost_of_carbon"),
        "tax": relative("carbon_tax"),
        "abatement": absolute("abatement"),
        "temperature": absolute("warming"),
    }


def _fan(paths: dict[str, tuple[xr.Dataset, xr.Dataset]], key: str, label: str) -> Figure:
    figure, axis = new_figure()
    years = FIRST_YEAR + np.arange(186)
    names = list(dict.fromkeys(case.split(",")[0] for case in paths))
    for case, (network, exact) in paths.items():
        name, usual = case.split(",")[0], "usual" in case
        if usual and key in ("carbon_tax", "abatement"):
            continue
        colour = COLOURS[names.index(name) % len(COLOURS)]
        alpha = 0.4 if usual else 1.0
        axis.plot(years, network[key].values[:186], color=colour, alpha=alpha, label=None if usual else name)
        axis.plot(years, exact[key].values[:186], "--", color="black", linewidth=0.8, alpha=alpha)
    axis.set(xlabel="year", ylabel=label)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _histogram(values: Float[np.ndarray, " draws"]) -> Figure:
    figure, axis = new_figure()
    axis.hist(values, bins=60, color=COLOURS[0], density=True)
    axis.set(xlabel="carbon tax in 2020 ($/tCO2)", ylabel="density")
    return figure


def _physics(findings: Findings) -> None:
    """Add the tests of the climate alone: no economy, no network."""
    findings.heading("The climate alone")
    tests = (
        (
            "share left of 100 GtC",
            "years after the pulse",
            {n: pulse_response(c, 250) for n, c in CARBON_CYCLES.items()},
        ),
        ("warming, 4 x CO2 (K)", "years", {n: abrupt_quadrupling(t, 250) for n, t in TEMPERATURES.items()}),
        ("warming, CO2 + 1 % a year (K)", "years", {n: one_percent_a_year(t, 140) for n, t in TEMPERATURES.items()}),
    )
    figure, axes = new_figure(1, 3)
    for axis, (label, x, curves) in zip(axes, tests, strict=True):
        for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
            axis.plot(curve, color=colour, label=name)
        axis.set(xlabel=x, ylabel=label)
        axis.legend(frameon=False, fontsize=8)
    findings.figure("Tests of the climate: a pulse of carbon, a sudden quadrupling, one per cent a year", figure)
