"""What a solution's page shows: at once whether it can be trusted, then errors, coverage, figures, the run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from equilearn.equilibrium import Accuracy, Model, Solution
from equilearn.equilibrium.accuracy import COLUMNS
from equilearn.equilibrium.certificate import starts_again
from equilearn.equilibrium.figures import by_component, by_state, by_weight, error_distribution, paths, training
from equilearn.equilibrium.verdict import Verdict
from equilearn.errors import UserError
from equilearn.report.explorer import write_explorer
from equilearn.report.findings import Drawn, Findings, drawn

EXPLORER = "explorer.html"
MOST_ROWS = 64
"""States of a chain in the table of visits; of more, those visited least."""


class _Drawing:
    """Figures as they are drawn: one that fails is named and leaves the others as they are."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, Drawn]] = []
        self.failures: list[str] = []
        self.simulated: list[xr.Dataset] = []
        """The simulation that figures are drawn from, where there is one."""

    def add(self, what: str, make: Callable[[], Mapping[str, Figure | None]]) -> None:
        """Draw figures, by title; a failure is put down as that of `what`."""
        try:
            made = make()
            if not isinstance(made, Mapping):
                raise TypeError(f"must return a dictionary of figures by title, not {type(made).__name__}")
            for title, figure in made.items():
                if figure is not None:
                    self.pictures.append((str(title), drawn(figure)))
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0]
            self.failures.append(f"{what} failed: {type(error).__name__}: {reason}")


def _draw(solution: Solution, accuracy: Accuracy, history: list[dict[str, Any]]) -> _Drawing:
    """Draw what every solution has, and the model's own figures."""
    drawing, name = _Drawing(), solution.model.name
    drawing.add(
        "The figure of the training",
        lambda: {"Training: errors on fresh states at every check": training(history)},
    )
    every = {key + part.label: values for part in accuracy.parts for key, values in part.errors.items()}
    weights = {key + part.label: own for part in accuracy.parts for key, own in part.weights.items()}
    drawing.add(
        "The figure of the errors",
        lambda: {"Distribution of the errors: share of all that are larger": error_distribution(every, weights)},
    )
    drawing.add("The figure of weighted errors", lambda: by_weight(solution.model, accuracy))
    drawing.add("The figure of errors by component", lambda: by_component(solution.model, accuracy))
    drawing.add(
        "The figure of errors by state of the chain",
        lambda: {"Errors by state of the chain: of the policies (estimated) and of the equations": by_state(accuracy)},
    )
    drawing.add(
        f"Simulating ({name}.definitions, {name}.coordinates)",
        lambda: drawing.simulated.append(solution.simulate()) or {},
    )
    for simulation in drawing.simulated:
        drawing.add(f"{name}.figures", lambda s=simulation: solution.model.figures(solution, s, accuracy.errors))
        drawing.add("The figure of the simulation", lambda s=simulation: _simulated(solution, accuracy, s))
    return drawing


def _explored(folder: Path, problem: str, solution: Solution, drawing: _Drawing) -> str:
    """Write the explorer; return its file's name, or why there is none; nothing where it failed, which is put down."""
    said: list[str] = []

    def write(simulation: xr.Dataset) -> dict[str, Figure | None]:
        try:
            said.append(write_explorer(solution, folder / EXPLORER, problem=problem, simulation=simulation).name)
        except UserError as error:
            said.append(str(error))
        return {}

    (folder / EXPLORER).unlink(missing_ok=True)
    for simulation in drawing.simulated:
        drawing.add("The explorer", lambda s=simulation: write(s))
    return " ".join(said)


def _simulated(solution: Solution, accuracy: Accuracy, simulation: xr.Dataset) -> dict[str, Figure | None]:
    """Return the figure of a simulation: after burn-in, or from an initial state where a long path shows little."""
    if len(accuracy.parts) == 1 and not starts_again(solution.model):
        return {"Simulated economy: the first 200 periods after burn-in": paths(simulation)}
    start = solution.model.initial(jax.random.key(0))
    return {"Simulated economy: 200 periods from an initial state": paths(solution.simulate(200, start=start))}


def _say_errors(findings: Findings, accuracy: Accuracy) -> None:
    """Add the errors of the equations, and those of the policies where they were estimated."""
    findings.heading("Errors in the equilibrium conditions")
    findings.text(
        f"Absolute errors on {accuracy.where}: all components (ages, countries) pooled, with conditional expectations. "
        "Unit-free: an Euler error of 1e-3 is a mistake of one dollar in a thousand of consumption. Columns with % are "
        "percentiles."
    )
    rows = [[name, *(_shown(row[c]) for c in COLUMNS)] for name, row in accuracy.summary().items()]
    findings.table("", ["error", *COLUMNS[:2], *(f"{column} %" for column in COLUMNS[2:])], rows)
    found = accuracy.policy
    if found is None or not (every := found.summary()):
        return
    names = ", ".join(name.replace("_", " ") for name in sorted(found.components))
    counted = f"By the weights that the model gives their components: {names}. " if names else ""
    findings.heading("Errors of the policies")
    findings.text(
        f"How far each policy is from the exact one, estimated by Newton's method along {found.paths} simulated paths "
        f"from each of {len(found.weights)} states, without any reference solution: to first order, in the policy's "
        "own units, and relative to its mean absolute value. The standard error is that of a single estimate. "
        f"{counted}Rate {found.rate:.3f}, standard error {found.rate_error:.3f}."
    )
    columns = list(next(iter(every.values())))
    rows = [[name.replace("_", " "), *(_shown(row[c]) for c in columns)] for name, row in every.items()]
    findings.table("", ["policy", *(column.replace("99.9", "99.9 %") for column in columns)], rows)


def _say_coverage(findings: Findings, accuracy: Accuracy) -> None:
    """Add how often each state of the chain was visited, where there is one."""
    visits, means = accuracy.visits_by_part, accuracy.mean_by_state()
    order = np.argsort(accuracy.visits, kind="stable")[:MOST_ROWS]
    if not len(order):
        return
    rows = [
        [
            str(z),
            "unknown" if math.isnan(accuracy.long_run[z]) else f"{100 * accuracy.long_run[z]:.3g} %",
            *(f"{counts[z]:,} ({100 * counts[z] / sum(counts):.3g} %)" if counts[z] else "never" for counts in visits),
            *(_shown(float(row[z])) for row in means.values()),
        ]
        for z in sorted(order.tolist())
    ]
    states = len(accuracy.visits)
    findings.heading("What the errors cover")
    findings.text(
        "How often each state of the chain was visited, beside its probability in the long run, and the mean errors "
        f"there.{f' Of {states} states, those visited least.' if states > MOST_ROWS else ''}"
    )
    labels = [f"visits{part.label}" for part in accuracy.parts]
    findings.table("", ["state of the chain", "in the long run", *labels, *(f"mean {name}" for name in means)], rows)


def _changed(model: Model) -> str:
    """Return which parameters a model has other than its class, in words."""
    fields = [f for f in dataclasses.fields(model) if f.name != "shock"]  # pyright: ignore[reportArgumentType]
    changed = [(f.name, getattr(model, f.name)) for f in fields if getattr(model, f.name) != f.default]
    return ", ".join(f"{name} = {value!r}" for name, value in changed if not isinstance(value, Model))


def _shown(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "–"


def solution_findings(
    folder: Path,
    problem: str,
    solution: Solution,
    accuracy: Accuracy,
    verdict: Verdict,
    history: list[dict[str, Any]],
) -> Findings:
    """Return what a solution's page shows, and write `explorer.html` into its run folder.

    What of the drawing failed is said in sentences, and kept under `failures`.
    """
    drawing = _draw(solution, accuracy, history)
    explorer = _explored(folder, problem, solution, drawing)
    described = getattr(solution.model, "model", solution.model)  # the one whose parameters are uncertain
    description, changed = (type(described).__doc__ or "").strip().splitlines()[:1], _changed(solution.model)
    findings = Findings(" ".join([*description, *([f"Here: {changed}."] if changed else [])]))
    findings.verdict(verdict.words, verdict.reasons, good=verdict.accurate)
    for line in drawing.failures:
        findings.text(line)
    if drawing.failures:
        findings.result["failures"] = drawing.failures
    _say_errors(findings, accuracy)
    _say_coverage(findings, accuracy)
    if explorer:
        findings.heading("The solution itself")
    if explorer == EXPLORER:
        findings.link("Explore it", EXPLORER, ": move the state and the shock, and see policies, prices and the coming "
                      "periods at once; the page lies beside this one.")  # fmt: skip
    elif explorer:
        findings.text(explorer)
    findings.heading("Figures")
    for title, picture in drawing.pictures:
        findings.figure(title, picture)
    findings.heading("The run")
    findings.text(f"{solution.outcome.value}: {solution.message} {solution.effort}, seed {solution.seed}.")
    return findings
