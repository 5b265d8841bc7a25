"""`report.html`: one page without outside references that shows at once whether a solution can be trusted."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jinja2 import Environment
from matplotlib.figure import Figure

from equilearn.equilibrium import Accuracy, Model, Solution
from equilearn.equilibrium.accuracy import COLUMNS
from equilearn.equilibrium.certificate import starts_again
from equilearn.equilibrium.figures import by_component, by_state, by_weight, error_distribution, paths, training
from equilearn.equilibrium.verdict import Verdict
from equilearn.errors import UserError
from equilearn.learn.files import write_atomically
from equilearn.report.explorer import write_explorer
from equilearn.style import CSS, png

EXPLORER = "explorer.html"
MOST_ROWS = 64
"""States of a chain in the table of visits; of more, those visited least."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ problem }}: equilearn report</title>
<style>{{ css }}</style></head><body>
<h1>{{ problem }}</h1><p class="lead">{{ description }}{% if changed %} Here: {{ changed }}.{% endif %}</p>
<div class="verdict" style="border-color: {{ colour }}"><b>{{ verdict.words }}</b>
{% for line in verdict.reasons %}<br>{{ line }}{% endfor %}</div>
{% for line in failures %}<p><b>{{ line }}</b></p>{% endfor %}
<h2>Errors in the equilibrium conditions</h2>
<p>Absolute errors on {{ where }}: all components (ages, countries) pooled, with conditional expectations. Unit-free: an
Euler error of 1e-3 is a mistake of one dollar in a thousand of consumption. Columns with % are percentiles.</p>
<div class="wide"><table><tr><th>error</th>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for name, row in rows %}<tr><td>{{ name }}</td>
{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% if policies %}<h2>Errors of the policies</h2>
<p>How far each policy is from the exact one, estimated by Newton's method along {{ paths }} simulated paths from each
of {{ states }} states, without any reference solution: to first order, in the policy's own units, and relative to its
mean absolute value. The standard error is that of a single estimate. {{ policy_line }}</p>
<div class="wide"><table><tr><th>policy</th>{% for column in policy_columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for name, row in policies %}<tr><td>{{ name }}</td>
{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table></div>{% endif %}
{% if chain %}<h2>What the errors cover</h2>
<p>How often each state of the chain was visited, beside its probability in the long run, and the mean errors there.
{% if left %} Of {{ left }} states, those visited least.{% endif %}</p>
<div class="wide"><table><tr><th>state of the chain</th><th>in the long run</th>
{% for name in by_state %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in chain %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}
</table></div>{% endif %}
{% if explorer %}<h2>The solution itself</h2><p>{% if explorer == page %}<a href="{{ explorer }}">Explore it</a>:
move the state and the shock, and see policies, prices and the coming periods at once; the page lies beside this one.
{% else %}{{ explorer }}{% endif %}</p>{% endif %}
<h2>Figures</h2>
<div class="figures">
{% for title, source, broad in figures %}<figure{% if broad %} class="broad"{% endif %}>
<img alt="{{ title }}" src="data:image/png;base64,{{ source }}"><figcaption>{{ title }}</figcaption></figure>
{% endfor %}</div>
<h2>The run</h2>
<p>{{ outcome }}: {{ message }} {{ effort }}, seed {{ seed }}.</p>
<details><summary>Settings and versions</summary><pre>{{ details }}</pre></details>
</body></html>
"""


class _Drawing:
    """Figures as they are drawn: one that fails is named and leaves the others as they are."""

    def __init__(self) -> None:
        self.images: list[tuple[str, bytes, bool]] = []
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
                    self.images.append((str(title), png(figure), figure.get_figwidth() > 6))
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


def _chain(accuracy: Accuracy) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of the table of visits."""
    labels = [part.label for part in accuracy.parts]
    visits, means = accuracy.visits_by_part, accuracy.mean_by_state()
    order = np.argsort(accuracy.visits, kind="stable")[:MOST_ROWS]
    rows = [
        [
            str(z),
            "unknown" if math.isnan(accuracy.long_run[z]) else f"{100 * accuracy.long_run[z]:.3g} %",
            *(f"{counts[z]:,} ({100 * counts[z] / sum(counts):.3g} %)" if counts[z] else "never" for counts in visits),
            *(_shown(float(row[z])) for row in means.values()),
        ]
        for z in sorted(order.tolist())
    ]
    return [*(f"visits{label}" for label in labels), *(f"mean {name}" for name in means)], rows


def _policies(accuracy: Accuracy) -> dict[str, Any]:
    """Return what the page says of the errors of the policies."""
    found = accuracy.policy
    rows = {} if found is None else found.summary()
    if found is None or not rows:
        return {"policies": []}
    columns = list(next(iter(rows.values())))
    return {
        "policies": [(name.replace("_", " "), [_shown(row[c]) for c in columns]) for name, row in rows.items()],
        "policy_columns": [column.replace("99.9", "99.9 %") for column in columns],
        "policy_line": f"Rate {found.rate:.3f}, standard error {found.rate_error:.3f}.",
        "states": len(found.weights),
        "paths": found.paths,
    }


def _changed(model: Model) -> str:
    """Return which parameters a model has other than its class, in words."""
    fields = [f for f in dataclasses.fields(model) if f.name != "shock"]  # pyright: ignore[reportArgumentType]
    changed = [(f.name, getattr(model, f.name)) for f in fields if getattr(model, f.name) != f.default]
    return ", ".join(f"{name} = {value!r}" for name, value in changed if not isinstance(value, Model))


def _shown(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "–"


def write_report(
    folder: Path,
    result: dict[str, Any],
    solution: Solution,
    accuracy: Accuracy,
    verdict: Verdict,
    history: list[dict[str, Any]],
) -> list[str]:
    """Write figures, `explorer.html` and `report.html` into a run folder; return what of it failed, in sentences."""
    drawing = _draw(solution, accuracy, history)
    (folder / "figures").mkdir(exist_ok=True)
    embedded, taken = [], set()
    for title, image, broad in drawing.images:
        stem = re.sub(r"[^a-z0-9]+", "-", title.split(":")[0].lower()).strip("-") or "figure"
        name = next(n for i in range(len(taken) + 1) if (n := stem if i == 0 else f"{stem}-{i + 1}") not in taken)
        taken.add(name)
        write_atomically(folder / "figures" / f"{name}.png", image)
        embedded.append((title, base64.b64encode(image).decode(), broad))
    visits, chain = _chain(accuracy)
    explorer = _explored(folder, result["problem"], solution, drawing)
    described = getattr(solution.model, "model", solution.model)  # the one whose parameters are uncertain
    description = (type(described).__doc__ or "").strip().splitlines()
    page = (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            problem=result["problem"],
            description=description[0] if description else "",
            changed=_changed(solution.model),
            css=CSS,
            colour="#009e73" if verdict.accurate else "#cc3311",
            verdict=verdict,
            failures=drawing.failures,
            where=accuracy.where,
            columns=[*COLUMNS[:2], *(f"{column} %" for column in COLUMNS[2:])],
            rows=[(name, [_shown(row[c]) for c in COLUMNS]) for name, row in accuracy.summary().items()],
            **_policies(accuracy),
            by_state=visits,
            chain=chain,
            left=len(accuracy.visits) if len(accuracy.visits) > MOST_ROWS else 0,
            explorer=explorer,
            page=EXPLORER,
            figures=embedded,
            outcome=result["outcome"],
            message=result["message"],
            effort=solution.effort,
            seed=solution.seed,
            details=json.dumps({"settings": result["settings"], "versions": result["versions"]}, indent=2),
        )
    )
    write_atomically(folder / "report.html", page.encode())
    return drawing.failures
