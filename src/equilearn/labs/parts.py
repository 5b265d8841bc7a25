"""The parts of a lab, done one after the other; what is finished is kept.

DIR/parts/NAME.json holds a part's figures with the lab's name and settings, a digest of the data and a checksum,
written atomically when the part is finished. A lab that goes on takes them from there: it ends where the uninterrupted
one would have ended.
DIR/runs/NAME/ is where a part's own long work may keep checkpoints.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from equilearn.errors import UserError
from equilearn.learn.files import refuse, write_atomically
from equilearn.learn.identity import difference
from equilearn.learn.live import LiveLine

if TYPE_CHECKING:
    from equilearn.equilibrium import Model, Solution, SolveSettings
    from equilearn.labs.lab import Figures, Lab


def identity(lab: Lab) -> dict[str, Any]:
    """Return the lab's class and settings, as JSON gives them back."""
    settings = dataclasses.asdict(lab)  # pyright: ignore[reportArgumentType]
    return json.loads(json.dumps({"lab": type(lab).__name__, "settings": settings}))


def do(lab: Lab, title: str, folder: Path | None, *, live: bool) -> Figures:
    """Do the parts of a lab that are not in the folder yet; return the figures of all, and the seconds they took.

    Raises:
        UserError: the folder holds parts of other settings or other data, or damaged ones, or cannot be written.
    """
    parts, mine, data = lab.parts(), identity(lab), digest(lab.learns_from())
    assert len({slug(name) for name in parts}) == len(parts), "two parts would share a file"
    kept = {} if folder is None else {name: file for name in parts if (file := _file(folder, name)).exists()}
    made = {name: _read(file, name, mine, data) for name, file in kept.items()}
    with LiveLine(title, live=live, clock=True) as line:
        for number, (name, part) in enumerate(parts.items(), start=1):
            if name in made:
                continue
            line.say(f"{number} of {len(parts)}: {name}")
            began = time.perf_counter()
            figures = part(None if folder is None else folder / "runs" / slug(name))
            text = json.dumps(figures, default=plain)
            made[name] = {"figures": json.loads(text), "seconds": time.perf_counter() - began}
            if folder is not None:
                _write(_file(folder, name), mine, data, made[name])
    return {name: made[name]["figures"] for name in parts} | {"seconds": sum(one["seconds"] for one in made.values())}


def digest(data: Any) -> str:
    """Return by what arrays and texts are known again."""
    whole = hashlib.sha256()
    for leaf in jax.tree.leaves(data):
        array = np.ascontiguousarray(leaf)
        whole.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return whole.hexdigest()[:16]


def slug(name: str) -> str:
    """Return a name as that of a file."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")


def plain(value: Any) -> Any:
    """Return an array or a number of NumPy or JAX as JSON can hold it."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return np.asarray(value).tolist()
    raise TypeError(f"{type(value).__name__} is no figure")


def _file(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{slug(name)}.json"


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _write(file: Path, mine: dict[str, Any], data: str, made: dict[str, Any]) -> None:
    content = {"lab": mine, "data": data, "made": made}
    text = json.dumps({**content, "checksum": _checksum(content)})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())
    except OSError as error:
        raise refuse(file, error) from None


def _read(file: Path, name: str, mine: dict[str, Any], data: str) -> dict[str, Any]:
    """Return what a part's file holds."""
    try:
        content = json.loads(file.read_bytes())
        checksum = content.pop("checksum")
        whole = _checksum(content) == checksum
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{file}: is damaged; delete it, and `equilearn resume` does this part anew.")
    if found := difference(content["lab"], mine):
        raise UserError(f"{file}: is of another lab: {found}; put the settings back as they were, or start anew.")
    if content["data"] != data:
        raise UserError(f"{mine['lab']}: what it learns from has changed since '{name}' was done; start anew.")
    return content["made"]


def solve_in(
    folder: Path | None, model: Model, settings: SolveSettings, seed: int, *, varying: tuple[str, ...] = ()
) -> Solution:
    """Solve a model; with a folder, keep the run there, and go on with it where it is there already.

    Models that differ in the parameters named by `varying` share their compiled programs.
    """
    from equilearn.equilibrium import solve

    return solve(model, seed=seed, settings=settings, varying=varying, folder=folder, resume=True)
