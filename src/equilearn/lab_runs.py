"""Run folders of labs: from a command to `result.json` and `report.html`.

DIR/settings.json     the lab and its settings, resolved; written first
DIR/parts/NAME.json   figures of the parts that are done, kept by the lab itself
DIR/runs/NAME/        checkpoints of a part's own long work
DIR/figures/*, DIR/report.html, DIR/result.json: as of every run
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from equilearn.errors import UserError
from equilearn.folders import begun, held, read_settings
from equilearn.labs import Lab, find
from equilearn.report import Findings, write_findings


def begin(name: str, lab: Lab, folder: Path) -> Findings:
    """Do a lab in a new run folder.

    Raises:
        UserError: what it learns from is missing or wrong; the folder holds a run already, or cannot be written.
    """
    lab.learns_from()
    settings = dataclasses.asdict(lab)  # pyright: ignore[reportArgumentType]
    with begun(folder, {"run": "lab", "lab": name, "settings": settings}):
        return _do(name, lab, folder)


def resume(folder: Path) -> Findings:
    """Go on with a lab: what is done is kept, and it ends where the uninterrupted one would have ended.

    Raises:
        UserError: the folder is no run folder of a lab, or its settings are damaged or another version's; its parts are
            damaged, or not of these settings.
    """
    content = read_settings(folder, "lab")
    name, settings = content["lab"], content["settings"]
    try:
        lab = find(name)(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    except TypeError:
        raise UserError(f"{folder}: the lab {name} has other settings than this version's; do it anew.") from None
    with held(folder):
        return _do(name, lab, folder)


def _do(name: str, lab: Lab, folder: Path) -> Findings:
    findings = lab.run(folder, title=name)
    write_findings(folder, name, findings)
    return findings
