"""The course's application: what a tonne of CO2 should cost, solved by a network and checked against the exact path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

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
from equilearn.labs import Figures, Lab, Part
from equilearn.labs.parts import solve_in
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure

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
YEARS, FUTURE = 186, 136
"""Years drawn without shocks, and with them."""
SHOWN = {
    "warming": "temperature of the atmosphere (K)",
    "carbon_tax": "carbon tax ($/tCO2)",
    "social_cost_of_carbon": "social cost of carbon ($/tCO2)",
    "abatement": "share of emissions abated",
    "emissions": "emissions (GtCO2 a year)",
    "carbon": "carbon in the atmosphere (GtC)",
}
SHOCKED = ("social_cost_of_carbon", "warming")
BOX = {
    "climate_sensitivity": (2.0, 4.5),
    "time_preference": (0.01, 0.02),
    "ies": (0.6, 0.9),
    "damage": (0.001, 0.004),
}
"""What is not known, and between which bounds; drawn uniformly."""


class CarbonTax(Lab):
    """Optimal carbon taxation: temperature, tax and social cost of carbon, with the exact path beside."""

    variants: tuple[str, ...] = ("CDICE",)
    """Calibrations of the climate to solve."""
    episodes: int = 200
    """Episodes of training for each economy."""
    uncertain: bool = False
    """Also solve for a whole box of parameters at once, which takes thousands of episodes."""
    draws: int = 512
    """Draws (a power of two) for the Sobol indices of the uncertain parameters."""
    seed: int = 0

    seconds = 120
    full_seconds = 1200
    full: ClassVar = {
        "variants": ("CDICE", "CDICE-HadGEM2-ES", "CDICE-GISS-E2-R", "DICE-2016"),
        "episodes": 3000,
        "uncertain": True,
    }
    bounds: ClassVar = {"draws": (2, 2**16)}
    choices: ClassVar = {"variants": tuple(VARIANTS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws & (self.draws - 1):
            raise UserError(f"CarbonTax: draws must be a power of two, not {self.draws}.")

    def parts(self) -> dict[str, Part]:
        """Solve every calibration with and without abatement, then for a box of parameters, then with shocks."""
        cases: dict[str, Part] = {
            _case(name, usual): lambda folder, name=name, usual=usual: self._calibration(folder, name, usual)
            for name in self.variants
            for usual in (False, True)
        }
        cases |= {"the climate alone": lambda _: _physics(), "with shocks": self._shocks}
        return cases | ({"uncertain parameters": self._uncertainty} if self.uncertain else {})

    def _solve(self, model: Any, folder: Path | None, **changes: Any) -> Solution:
        return solve_in(folder, model, replace(model.settings(), episodes=self.episodes, **changes), self.seed)

    def _calibration(self, folder: Path | None, name: str, usual: bool) -> dict[str, Any]:
        """Return the network's path from 2015, the exact one, and how far they are apart."""
        cycle, temperature = VARIANTS[name]
        model = Climate(carbon_cycle=cycle, temperature=temperature, business_as_usual=usual)
        solution = self._solve(model, folder)
        start = model.state_2015()
        network, exact = solution.follow(start, 286), perfect_foresight(model, start, EXACT_YEARS)
        return {
            "seconds": solution.seconds,
            "error": max(figures["mean"] for figures in solution.accuracy().summary().values()),
            "gaps": distances(network, exact),
            "network": {key: network[key].values[:YEARS] for key in SHOWN},
            "exact": {key: exact[key].values[:YEARS] for key in SHOWN},
        }

    def _uncertainty(self, folder: Path | None) -> dict[str, Any]:
        """Return Sobol indices of the tax of 2020 over the box, and taxes drawn from it."""
        climate = Climate()
        model = Uncertain(climate, tuple((name, *bounds) for name, bounds in BOX.items()))
        solution = self._solve(model, folder, width=128)
        start = climate.state_2015()

        def tax(draws: Float[np.ndarray, "parameters draws"]) -> Float[np.ndarray, " draws"]:
            named = dict(zip(model.names, np.asarray(draws, np.float32), strict=True))
            return np.array(solution.follow(model.state(start, named), 6).carbon_tax.values[5])

        low, high = model.bounds.T
        box = [uniform(a, b - a) for a, b in zip(low, high, strict=True)]
        indices = sobol_indices(func=tax, n=self.draws, dists=box, rng=np.random.default_rng(self.seed))
        sample = np.random.default_rng(self.seed + 1).uniform(low, high, (4096, len(low)))
        middle = {name: (a + b) / 2 for name, (a, b) in BOX.items()}
        exact = perfect_foresight(replace(climate, **middle), start, EXACT_YEARS)  # the network's answer to one economy
        return {
            "seconds": solution.seconds,
            "taxes": tax(sample.T),
            "first": dict(zip(model.names, indices.first_order, strict=True)),
            "total": dict(zip(model.names, indices.total_order, strict=True)),
            "centre": float(tax(np.array([[middle[name]] for name in model.names]))[0]),
            "exact centre": float(exact.carbon_tax.values[5]),
        }

    def _shocks(self, folder: Path | None) -> dict[str, Any]:
        """Return percentiles of a thousand futures, and the exact path without shocks."""
        model = StochasticClimate()
        solution = self._solve(model, folder)
        start = model.state_2015()
        many = model.State(*(np.full(1000, x, np.float32) for x in start))  # pyright: ignore[reportArgumentType]
        paths = solution.follow(many, FUTURE, seed=self.seed + 1)
        exact = perfect_foresight(model, start, EXACT_YEARS)
        last = paths.social_cost_of_carbon.values[2100 - FIRST_YEAR]
        return {
            "seconds": solution.seconds,
            "error": max(figures["mean"] for figures in solution.accuracy().summary().values()),
            "percentiles": {key: np.percentile(paths[key].values, [5, 50, 95], axis=1) for key in SHOCKED},
            "exact": {key: exact[key].values[:FUTURE] for key in SHOCKED},
            "scc 2100": {"mean": float(last.mean()), "p5": np.percentile(last, 5), "p95": np.percentile(last, 95)},
        }

    def report(self, made: Figures) -> Findings:
        """Return the calibrations, the climate alone, the uncertainty and the shocks."""
        findings = Findings("What should it cost to emit a tonne of CO2? An economy with a climate, solved globally.")
        findings.text(
            "A planner decides every year how much to consume, to invest and to abate. Emissions stay in the "
            "atmosphere for centuries and warm it; warming destroys output. The social cost of carbon is what one "
            "more tonne of CO2 in the air costs everybody, now and later, in dollars of today. The optimal carbon "
            "tax is the price at which everyone emits what the planner would: it equals that cost a year on, until "
            "all emissions are abated. Without uncertainty the problem has an exact answer (stacked-time Newton "
            "iteration on the same equations), which is drawn dashed beside the network's answer."
        )
        self._report_calibrations(findings, made)
        _report_physics(findings, made["the climate alone"])
        _report_shocks(findings, made["with shocks"])
        if self.uncertain:
            _report_uncertainty(findings, made["uncertain parameters"])
        else:
            findings.text(
                "What the tax owes to what we do not know is left out; `--uncertain --episodes 3000` shows it."
            )
        return findings

    def _report_calibrations(self, findings: Findings, made: Figures) -> None:
        findings.heading("Optimal policy and business as usual")
        cases = {_case(name, usual): made[_case(name, usual)] for name in self.variants for usual in (False, True)}
        for key, label in SHOWN.items():
            findings.figure(f"{label.split(' (')[0].capitalize()}: optimal (full colour) and business as usual "
                            "(pale); the exact path is dashed", _fan(cases, key, label))  # fmt: skip
        rows = [[case, one["seconds"], one["error"], *one["gaps"].values()] for case, one in cases.items()]
        findings.table(
            f"Largest distance from the exact path, 2015 to 2100, after {self.episodes:,} episodes: relative for the "
            "social cost of carbon and the tax, absolute for abatement and temperature. Seconds of training; worst "
            "mean error of the equations",
            ["case", "seconds", "mean error", "SCC", "tax", "abatement", "T (K)"], rows,
        )  # fmt: skip
        worst = max(cases, key=lambda case: cases[case]["gaps"]["scc"])
        findings.text(
            f"The social cost of carbon is within {max(one['gaps']['scc'] for one in cases.values()):.1%} of the exact "
            f"one in every year to 2100 in every case; the farthest is {worst}."
        )
        findings.result["calibrations"] = {
            case: {"seconds": one["seconds"], **one["gaps"]}
            | {f"{key}_{year}": one["network"][key][year - FIRST_YEAR]
               for key in ("social_cost_of_carbon", "carbon_tax", "warming") for year in (2020, 2050, 2100)}
            for case, one in cases.items()
        }  # fmt: skip


def _case(name: str, usual: bool) -> str:
    return f"{name}, {'business as usual' if usual else 'optimal'}"


def _report_uncertainty(findings: Findings, made: dict[str, Any]) -> None:
    findings.heading("What we do not know")
    values = np.array(made["taxes"])
    findings.text(
        f"One network was trained for a whole box of parameters ({made['seconds']:.0f} seconds). Over the box the "
        f"tax of 2020 has mean {values.mean():.1f} dollars per tonne of CO2 and a range from "
        f"{np.percentile(values, 5):.1f} to {np.percentile(values, 95):.1f} (5th to 95th percentile). At the centre of "
        f"the box it is {made['centre']:.2f}; the exact answer there is {made['exact centre']:.2f}. The Sobol indices "
        "below say how much of its variance each parameter explains alone (first order) and together with the others "
        "(total)."
    )
    rows = [[name, *BOX[name], made["first"][name], made["total"][name]] for name in BOX]
    findings.table("Sobol indices of the carbon tax in 2020", ["parameter", "low", "high", "first", "total"], rows)
    findings.figure("Uncertainty of the tax: carbon tax in 2020 over the box", _histogram(values))
    findings.result["uncertainty"] = {
        "mean": float(values.mean()),
        "p5": float(np.percentile(values, 5)),
        "p95": float(np.percentile(values, 95)),
        "first_order": made["first"],
        "total_order": made["total"],
        "centre": made["centre"],
        "exact_centre": made["exact centre"],
    }


def _report_shocks(findings: Findings, made: dict[str, Any]) -> None:
    findings.heading("Shocks to productivity")
    figure, axes = new_figure(1, 2)
    years = FIRST_YEAR + np.arange(FUTURE)
    for axis, key in zip(axes, SHOCKED, strict=True):
        low, middle, high = made["percentiles"][key]
        axis.fill_between(years, low, high, color=COLOURS[0], alpha=0.25, linewidth=0, label="5 to 95 %")
        axis.plot(years, middle, color=COLOURS[0], label="median")
        axis.plot(years, made["exact"][key], "--", color=COLOURS[3], label="without shocks, exact")
        axis.set(xlabel="year", ylabel=SHOWN[key])
    axes[0].legend(frameon=False, fontsize=8)
    findings.figure("With shocks: a thousand futures from 2015", figure)
    last, without = made["scc 2100"], made["exact"]["social_cost_of_carbon"][2100 - FIRST_YEAR]
    findings.text(
        f"Persistent shocks to productivity spread the social cost of carbon of 2100 from {last['p5']:.0f} to "
        f"{last['p95']:.0f} dollars (5th to 95th percentile; mean {last['mean']:.0f}, without shocks {without:.0f}): a "
        f"richer world emits more, and has more to lose. (Worst mean error of the equations: {made['error']:.1e}.)"
    )
    findings.result["shocks"] = {"scc_2100": last}


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


def _fan(cases: dict[str, Any], key: str, label: str) -> Figure:
    figure, axis = new_figure()
    years = FIRST_YEAR + np.arange(YEARS)
    names = list(dict.fromkeys(case.split(",")[0] for case in cases))
    for case, one in cases.items():
        name, usual = case.split(",")[0], "usual" in case
        if usual and key in ("carbon_tax", "abatement"):
            continue
        colour = COLOURS[names.index(name) % len(COLOURS)]
        alpha = 0.4 if usual else 1.0
        axis.plot(years, one["network"][key], color=colour, alpha=alpha, label=None if usual else name)
        axis.plot(years, one["exact"][key], "--", color="black", linewidth=0.8, alpha=alpha)
    axis.set(xlabel="year", ylabel=label)
    axis.legend(frameon=False, fontsize=8)
    return figure


def _histogram(values: Float[np.ndarray, " draws"]) -> Figure:
    figure, axis = new_figure()
    axis.hist(values, bins=60, color=COLOURS[0], density=True)
    axis.set(xlabel="carbon tax in 2020 ($/tCO2)", ylabel="density")
    return figure


def _physics() -> dict[str, dict[str, Any]]:
    """Return the tests of the climate alone: no economy, no network."""
    return {
        "pulse": {n: pulse_response(c, 250) for n, c in CARBON_CYCLES.items()},
        "quadrupling": {n: abrupt_quadrupling(t, 250) for n, t in TEMPERATURES.items()},
        "one per cent": {n: one_percent_a_year(t, 140) for n, t in TEMPERATURES.items()},
    }


def _report_physics(findings: Findings, made: dict[str, dict[str, Any]]) -> None:
    findings.heading("The climate alone")
    labels = {
        "pulse": ("years after the pulse", "share left of 100 GtC"),
        "quadrupling": ("years", "warming, 4 x CO2 (K)"),
        "one per cent": ("years", "warming, CO2 + 1 % a year (K)"),
    }
    figure, axes = new_figure(1, 3)
    for axis, (test, (x, label)) in zip(axes, labels.items(), strict=True):
        for (name, curve), colour in zip(made[test].items(), COLOURS, strict=False):
            axis.plot(curve, color=colour, label=name)
        axis.set(xlabel=x, ylabel=label)
        axis.legend(frameon=False, fontsize=8)
    findings.figure("Tests of the climate: a pulse of carbon, a sudden quadrupling, one per cent a year", figure)
