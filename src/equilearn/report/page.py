"""`report.html`: one page without outside references that shows at once whether a solution can be trusted."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment
from matplotlib.figure import Figure

from equilearn.equilibrium import Accuracy, Solution
from equilearn.equilibrium.accuracy import PERCENTILES, lost
from equilearn.learn import Outcome, Target
from equilearn.learn.files import write_atomically
from equilearn.report.figures import error_distribution, paths, training
from equilearn.report.style import CSS, png

TRUSTED = {"mean": 1e-3, "p999": 1e-2}
"""Where a model asks for nothing else: bounds on every error of a solution that is called accurate."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ problem }}: equilearn report</title>
<style>{{ css }}</style></head><body>
<h1>{{ problem }}</h1><p class="lead">{{ description }}</p>
<div class="verdict" style="border-color: {{ colour }}"><b>{{ verdict }}</b>
{% for line in reasons %}<br>{{ line }}{% endfor %}</div>
<h2>Errors in the equilibrium conditions</h2>
<p>Absolute errors on 10,000 fresh periods after 2,000 of burn-in, all components pooled, with conditional
expectations. Unit-free: an Euler error of 1e-3 is a mistake of one dollar in a thousand of consumption.</p>
<div class="wide"><table><tr><th>error</th>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for name, row in rows %}<tr><td>{{ name }}</td>
{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table></div>
<h2>Figures</h2>
<div class="figures">
{% for title, source, broad in figures %}<figure{% if broad %} class="broad"{% endif %}>
<img alt="{{ title }}" src="data:image/png;base64,{{ source }}"><figcaption>{{ title }}</figcaption></figure>
{% endfor %}</div>
<h2>The run</h2>
<p>{{ outcome }}: {{ message }} {{ episodes }} episodes, {{ steps }} gradient steps, {{ seconds }} seconds of
learning, seed {{ seed }}.</p>
<details><summary>Settings and versions</summary><pre>{{ details }}</pre></details>
</body></html>
"""


def verdict(solution: Solution, accuracy: Accuracy) -> tuple[bool, str, list[str]]:
    """Return whether the certificate vouches for the solution, the verdict in words, and why."""
    summary = accuracy.summary()
    reasons, good = [], solution.outcome is not Outcome.DIVERGED
    if not good:
        reasons.append(solution.message)
    asked = {target.error: target for target in solution.model.required()}
    for name, row in summary.items():
        target = asked.get(name, Target(name, **TRUSTED))
        figures = {"mean": row["mean"], "p999": row["99.9"], "max": row["max"]}
        met = target.ratio(figures) <= 1
        good &= met
        listed = ", ".join(
            f"{words} {figures[key]:.1e} (bound {bound:.1e})"
            for key, words in (("mean", "mean"), ("p999", "99.9th percentile"), ("max", "max"))
            if (bound := getattr(target, key)) < float("inf")
        )
        reasons.append(f"{name}: {listed}{'' if met else ': NOT within its bounds'}.")
    reasons += lost(accuracy.outside)
    words = (
        "Accurate: the errors are small on the whole simulated path."
        if good
        else ("Not accurate enough: do not rely on this solution yet.")
    )
    return good, words, reasons


def write_report(
    folder: Path,
    result: dict[str, Any],
    solution: Solution,
    accuracy: Accuracy,
    history: list[dict[str, Any]],
) -> None:
    """Write `figures/*.png` and `report.html` into a run folder."""
    simulation = solution.simulate()
    drawn: dict[str, Figure | None] = {
        "Training: errors on fresh states at every check": training(history),
        "Distribution of the errors on the certificate's path": error_distribution(accuracy.errors),
        **solution.model.figures(solution, simulation, accuracy.errors),
        "Simulated economy: the first 200 periods after burn-in": paths(simulation),
    }
    (folder / "figures").mkdir(exist_ok=True)
    embedded = []
    for title, figure in drawn.items():
        if figure is None:
            continue
        image = png(figure)
        name = re.sub(r"[^a-z0-9]+", "-", title.split(":")[0].lower()).strip("-")
        write_atomically(folder / "figures" / f"{name}.png", image)
        embedded.append((title, base64.b64encode(image).decode(), figure.get_figwidth() > 6))
    good, words, reasons = verdict(solution, accuracy)
    columns = ["mean", "max", *(f"{p:g}" for p in PERCENTILES)]
    description = (type(solution.model).__doc__ or "").strip().splitlines()
    page = (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            problem=result["problem"],
            description=description[0] if description else "",
            css=CSS,
            colour="#009e73" if good else "#cc3311",
            verdict=words,
            reasons=reasons,
            columns=[*columns[:2], *(f"{column} %" for column in columns[2:])],
            rows=[(name, [f"{row[c]:.1e}" for c in columns]) for name, row in result["accuracy"].items()],
            figures=embedded,
            outcome=result["outcome"],
            message=result["message"],
            episodes=f"{result['episodes']:,}",
            steps=f"{result['gradient_steps']:,}",
            seconds=f"{result['seconds']:.1f}",
            seed=solution.seed,
            details=json.dumps({"settings": result["settings"], "versions": result["versions"]}, indent=2),
        )
    )
    write_atomically(folder / "report.html", page.encode())
