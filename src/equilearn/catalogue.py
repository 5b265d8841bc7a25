"""What there is by name: a table of name -> "file:Class" in a folder, described without importing any of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path


def describe(places: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the first line of every class's docstring, by name.

    Args:
        places: name -> "file:Class", the file without its suffix.
        folder: where the files are.
    """
    texts = {}
    for name, place in places.items():
        file, kind = place.split(":")
        tree = ast.parse((folder / f"{file}.py").read_text())
        node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == kind)
        texts[name] = (ast.get_docstring(node) or "").splitlines()[0]
    return texts
