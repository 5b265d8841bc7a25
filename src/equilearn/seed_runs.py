"""Run folders of several seeds: a run folder for each, and what they say together.

DIR/settings.json     as of one run, with the number of `seeds` from the first one on; written first
DIR/seed-0/ ...       the run folders of the seeds, each with everything of its own
DIR/start.npz         the solution that all start from, where one was given
DIR/solution.npz      the best of their solutions
DIR/result.json       that of the best, and under `seeds` how far the others are from it
DIR/report.html       one page that compares them and leads to the reports of each
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from equilearn import runs
from equilearn.equilibrium import Model, Solution, SolveSettings
from equilearn.equilibrium.seeds import Figures, Seeds, compare, own_folder, seeds_of
from equilearn.errors import UserError
from equilearn.folders import RESULT, SETTINGS, begun, held, read_settings, refuse_taken
from equilearn.learn.devices import alone
from equilearn.learn.identity import difference
from equilearn.report import Findings, write_findings


def begin(
    target: str,
    model: Model,
    settings: SolveSettings,
    seeds: tuple[int, ...],
    folder: Path,
    *,
    start: Solution | None = None,
    live: bool = True,
) -> tuple[Solution, dict[str, Any]]:
    """Solve a model from several seeds, one after another in the same compiled program, in a new run folder.

    Raises:
        UserError: there are several processes; the folder holds a run already, or cannot be written.
    """
    if not alone():
        raise UserError("--seeds: several seeds are solved in one process; start a command for each seed.")
    refuse_taken(folder)
    stored = runs.stored_form(target, model, settings, seeds[0], start) | {"run": "seeds", "seeds": len(seeds)}
    with begun(folder, stored, runs.kept(start)):
        pairs = [
            runs.begin(target, model, settings, one, own_folder(folder, one), start=start, live=live) for one in seeds
        ]
        return _finish(folder, pairs)


def resume(folder: Path, target: str | None = None, *, live: bool = True) -> tuple[Solution, dict[str, Any]]:
    """Go on with the seed that was interrupted, and with those after it.

    Raises:
        UserError: as `equilearn.runs.resume`; or the first seed was never begun, and the model is not known.
    """
    stored = read_settings(folder, "seeds")
    with held(folder):
        pairs = []
        for one in _seeds(folder, stored):
            inside = own_folder(folder, one)
            if (inside / SETTINGS).exists():
                _check_own(inside, stored | {"seed": one})
            if (inside / RESULT).exists():
                pairs.append((runs.open_run(inside, target), _read(inside / RESULT)))
            elif (inside / SETTINGS).exists():
                pairs.append(runs.resume(inside, target, live=live))
            else:
                model, settings, _ = runs.decoded(folder, stored, target)
                start = runs.start_of(folder, type(model))
                name = target or stored["problem"]
                pairs.append(runs.begin(name, model, settings, one, inside, start=start, live=live))
        return _finish(folder, pairs)


def _seeds(folder: Path, stored: dict[str, Any]) -> tuple[int, ...]:
    try:
        return seeds_of(stored["seeds"], stored["seed"])
    except UserError as error:
        raise UserError(f"{folder / SETTINGS}: is damaged ({error}).") from None


def _check_own(inside: Path, wanted: dict[str, Any]) -> None:
    """Refuse the folder of a seed that is of another model or seed; its settings may have been changed on the way."""
    names = ("problem", "model", "seed")
    there = read_settings(inside, "economy")
    if found := difference({n: there[n] for n in names}, {n: wanted[n] for n in names}):
        raise UserError(f"{inside}: is not of these seeds: {found}; put it back as it was, or delete it.")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and resume: it is made again.") from None


def _finish(folder: Path, pairs: list[tuple[Solution, dict[str, Any]]]) -> tuple[Solution, dict[str, Any]]:
    """Compare the seeds; write the best and what they say together."""
    solutions, results = [one for one, _ in pairs], [result for _, result in pairs]
    try:
        seeds = compare(solutions, [Figures(one["accuracy"], one["policy_errors"]) for one in results])
    except UserError:  # every one diverged: the last one's message says so
        return pairs[-1]
    best, result = pairs[seeds.best]
    result = result | {"seeds": seeds.record()}
    result["notes"] = [*result["notes"], seeds.line()]
    if seeds.agree is False and result["verdict"]["accurate"]:
        words = "Not a solution to rely on: seeds disagree by more than their certificates explain."
        result["verdict"] = result["verdict"] | {"accurate": False, "words": words}
    best.save(folder / "solution.npz")
    findings = _page(seeds, results, result["verdict"]["words"])
    findings.result = result
    return replace(best, seeds=seeds), write_findings(folder, f"{best.model.name}: {len(pairs)} seeds", findings)


def _page(seeds: Seeds, results: list[dict[str, Any]], words: str) -> Findings:
    """Return the page that compares the seeds."""
    findings = Findings(seeds.line())
    findings.text(f"The best of them: {words}")
    rows = []
    for i, (solution, figures, result) in enumerate(zip(seeds.solutions, seeds.figures, results, strict=True)):
        euler = max((row["mean"] for row in figures.euler.values()), default=math.nan)
        policy = max((mean for mean, _ in figures.judged.values()), default=math.nan)
        rate = math.nan if figures.policy is None else figures.policy["rate"]
        name = f"{solution.seed}{' (best)' if i == seeds.best else ''}"
        rows.append(
            [
                name,
                euler,
                policy,
                rate,
                solution.episodes,
                solution.seconds,
                "yes" if result["verdict"]["accurate"] else "no",
            ]
        )
    columns = ["seed", "mean equilibrium error", "mean policy error", "rate", "episodes", "seconds", "accurate"]
    findings.table("Every seed; its report is in its own folder.", columns, rows)
    apart = [[name, *row.values()] for name, row in seeds.rows().items()]
    columns = ["policy", "mean", "99.9 %", "largest", "error of the best", "error of the other", "explained"]
    caption = (
        "How far the seed that disagrees most is from the best, relative to the mean of each policy, on a path of the "
        "best; beside it their estimated errors, and the distance that these explain, two standard errors included."
    )
    findings.table(caption, columns, apart)
    return findings
