"""Run folders: what they have in common, whatever is run in them.

DIR/settings.json     which kind of run it is, and all that it was begun with, resolved; written first
DIR/figures/*         the figures, as PNG, and pictures that move, as GIF
DIR/report.html       one self-contained page that shows them
DIR/result.json       the final figures, for people's scripts, with settings and versions; written last

What else is there is said where it is written: `runs`, `seed_runs`, `agent_runs`, `lab_runs`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from equilearn.errors import UserError
from equilearn.learn.devices import is_first
from equilearn.learn.driver import LAST
from equilearn.learn.files import refuse, write_atomically, writing

SETTINGS, RESULT = "settings.json", "result.json"

_SOLVED = {"problem": str, "model": dict, "settings": dict, "seed": int}
KINDS: dict[str, dict[str, type]] = {
    "economy": _SOLVED,
    "seeds": _SOLVED | {"seeds": int},
    "agent": {"agent": str, "settings": dict, "environment": str, "own": bool, "on_host": bool, "seed": int},
    "lab": {"lab": str, "settings": dict},
}
"""What the settings of each kind of run hold beside its name (`run`), and of which type."""
WORDS = {"economy": "an economy", "seeds": "several seeds", "agent": "an agent's training", "lab": "a lab"}


def versions() -> dict[str, str]:
    """Return the versions a result depends on."""
    packages = ("equilearn", "jax", "jaxlib", "equinox", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def refuse_taken(folder: Path) -> None:
    """Refuse a folder that holds a run.

    Raises:
        UserError: it does, or cannot be looked into.
    """
    try:
        taken = any((folder / name).exists() for name in (SETTINGS, LAST)) and is_first()
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise refuse(folder, error) from None
    if taken:
        raise UserError(f"{folder}: holds a run already; `equilearn resume {folder}`, or choose another --out.")


@contextlib.contextmanager
def begun(folder: Path, content: dict[str, Any], first: Callable[[Path], Any] | None = None) -> Iterator[None]:
    """Be the only writer of a new run folder until the block ends; its settings are written.

    Args:
        folder: the run folder.
        content: of `settings.json`.
        first: writes into the folder what the settings cannot hold, before them: a run that has settings has that too.

    Raises:
        UserError: the folder holds a run already, another process writes to it, or it cannot be written.
    """
    refuse_taken(folder)
    with held(folder):
        refuse_taken(folder)
        if first is not None and is_first():
            first(folder)
        write_settings(folder, content)
        yield


def held(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Be the only writer of a run folder; of several processes the first is it for all."""
    return writing(folder) if is_first() else contextlib.nullcontext()


def write_settings(folder: Path, content: dict[str, Any]) -> None:
    """Write `settings.json`; it keeps infinite bounds of targets, which Python reads again."""
    assert content.keys() >= {"run", *KINDS[content["run"]]}
    if is_first():
        write_atomically(folder / SETTINGS, (json.dumps(content, indent=2) + "\n").encode())


def read_settings(folder: Path, *kinds: str) -> dict[str, Any]:
    """Return a run folder's settings.

    Args:
        folder: the run folder.
        kinds: those that are expected here; none expects any.

    Raises:
        UserError: the folder is no run folder, or holds another kind of run, or its settings are damaged.
    """
    path = folder / SETTINGS
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{folder}: is no run folder (no {SETTINGS} in it).") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({error}); put it back as it was, or start the run anew.") from None
    run = str(content.get("run")) if isinstance(content, dict) else ""
    wrong = ["run"] if run not in KINDS else [n for n, kind in KINDS[run].items() if type(content.get(n)) is not kind]
    if wrong:
        raise UserError(f"{path}: is damaged (its {wrong[0]!r}); put it back as it was, or start the run anew.")
    if kinds and run not in kinds:
        raise UserError(f"{folder}: holds {WORDS[run]}, not {WORDS[kinds[0]]}.")
    return content
