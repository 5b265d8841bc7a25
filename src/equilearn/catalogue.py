"""What there is by name: a table of name -> "file:Class" in a folder, described without importing any of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def describe(places: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the first line of every class's docstring, by name.

    Args:
        places: name -> "file:Class", the file without its suffix.
        folder: where the files are.
    """
    return {name: (ast.get_docstring(one) or "").splitlines()[0] for name, one in _classes(places, folder).items()}


def constants(places: Mapping[str, str], folder: Path, attribute: str) -> dict[str, Any]:
    """Return an attribute that every class sets to a constant, by name; None where a class does not set it."""
    found: dict[str, Any] = dict.fromkeys(places)
    for name, one in _classes(places, folder).items():
        for node in one.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == attribute:
                    found[name] = ast.literal_eval(value)
    return found


def _classes(places: Mapping[str, str], folder: Path) -> dict[str, ast.ClassDef]:
    """Return the source tree of every class, by name."""
    classes = {}
    for name, place in places.items():
        file, kind = place.split(":")
        tree = ast.parse((folder / f"{file}.py").read_text())
        classes[name] = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind)
    return classes
