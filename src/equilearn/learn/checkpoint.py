"""Pytrees of arrays on disk: one file that appears whole or not at all, and runs no code when it is opened.

The file is an uncompressed NumPy archive without pickled objects: array `i` of the tree under the name `i`, and
a JSON header (format, a line per array with its path in the tree, and what the caller adds). Typed random keys
are stored as their data. Reading needs a template: a tree of the same structure, whose arrays are replaced.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from equilearn.errors import UserError

FORMAT = 1
Tree = TypeVar("Tree")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment either the old or the new content is there, also after a power cut."""
    rank = jax.process_index()  # of several processes that lost each other, more than one may write
    temporary = path.with_name(f".{path.name}.{f'{rank}.' if rank else ''}part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_numpy(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _arrays(tree: PyTree[Any]) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_array))
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves]


def save_tree(path: Path, tree: PyTree[Any], header: dict[str, Any]) -> None:
    """Write the arrays of a tree and a JSON-serialisable header to one file, atomically."""
    leaves = _arrays(tree)
    meta = {"format": FORMAT, "paths": [name for name, _ in leaves], **header}
    buffer = io.BytesIO()
    arrays = {str(i): _to_numpy(leaf) for i, (_, leaf) in enumerate(leaves)}
    np.savez(buffer, header=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())


def read_header(path: Path) -> dict[str, Any]:
    """Return a file's header.

    Raises:
        UserError: the file is missing, or is none of ours.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file.") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        raise UserError(f"{path}: not a file written by equilearn, or damaged.") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise UserError(f"{path}: written by another version of equilearn (this one reads format {FORMAT}).")
    return header


def load_tree(path: Path, template: Tree) -> Tree:
    """Return the template with its arrays replaced by those of the file.

    Raises:
        UserError: the file's arrays do not have the template's paths, shapes and types.
    """
    header = read_header(path)
    expected = _arrays(template)
    if header["paths"] != [name for name, _ in expected]:
        different = set(header["paths"]) ^ {name for name, _ in expected}
        raise UserError(
            f"{path}: was written for another problem or other settings (arrays that differ: "
            f"{', '.join(sorted(different)[:4]) or 'their order'})."
        )
    new = []
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        for i, (name, leaf) in enumerate(expected):
            array, like = archive[str(i)], _to_numpy(leaf)
            if array.shape != like.shape or array.dtype != like.dtype:
                raise UserError(
                    f"{path}: {name} is {array.dtype}{list(array.shape)} in the file but "
                    f"{like.dtype}{list(like.shape)} here: other settings than those of the run."
                )
            new.append(jax.random.wrap_key_data(array) if _is_key(leaf) else jax.numpy.asarray(array, array.dtype))
    dynamic, static = eqx.partition(template, eqx.is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(dynamic), new), static)
