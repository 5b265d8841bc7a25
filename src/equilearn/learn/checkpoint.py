"""Pytrees of arrays on disk: one file that appears whole or not at all, and runs no code when it is opened.

The file is an uncompressed NumPy archive without pickled objects: array `i` of the tree under the name `i`, and
a JSON header (format, a line per array with its path in the tree, and what the caller adds). Typed random keys
are stored as their data. Reading needs a template: a tree of the same structure (arrays, or only their shapes and
types), whose arrays are replaced. Nothing is read before its size is known to be what the template says.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from equilearn.errors import UserError
from equilearn.learn.files import write_atomically

FORMAT = 3
Tree = TypeVar("Tree")


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_numpy(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _arrays(tree: PyTree[Any]) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_array))
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in leaves]


def save_tree(path: Path, tree: PyTree[Any], header: dict[str, Any]) -> None:
    """Write the arrays of a tree and a JSON-serialisable header to one file, atomically.

    Raises:
        UserError: the file cannot be written.
    """
    leaves = _arrays(tree)
    meta = {"format": FORMAT, "paths": [name for name, _ in leaves], **header}
    buffer = io.BytesIO()
    arrays = {str(i): _to_numpy(leaf) for i, (_, leaf) in enumerate(leaves)}
    np.savez(buffer, header=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())


class _Archive:
    """The members of an archive, each read only when asked for, and only at the size expected."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"{path}: no such file.") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({(error.strerror or 'an error').lower()}).") from None
        try:
            self.header = json.loads(self._read("header", np.dtype(np.uint8), None).tobytes())
        except (_UnlikeError, ValueError, RecursionError) as error:
            if isinstance(error, UserError):
                raise
            raise self._damaged() from None
        if not isinstance(self.header, dict) or self.header.get("format") != FORMAT:
            raise UserError(f"{path}: written by another version of equilearn (this one reads format {FORMAT}).")
        if not _is_list_of_text(self.header.get("paths")):
            raise self._damaged()

    def _damaged(self) -> UserError:
        return UserError(f"{self.path}: not a file written by equilearn, or damaged; take another copy, or delete it.")

    def _read(self, name: str, dtype: np.dtype, shape: tuple[int, ...] | None) -> np.ndarray:
        """Return a member of this type and shape (None: any vector that is not huge); others are not read."""
        try:
            with zipfile.ZipFile(io.BytesIO(self._bytes)) as archive:
                info = archive.getinfo(f"{name}.npy")
                if info.compress_type != zipfile.ZIP_STORED:
                    raise self._damaged()  # ours are never compressed: this could inflate to anything
                with archive.open(info) as member:
                    found, kind = _shape_and_type(member)
                    if kind != dtype or (found != shape if shape is not None else len(found) != 1):
                        raise _UnlikeError(found, kind)
                    content = member.read(len(self._bytes))
                    return np.frombuffer(content, dtype).reshape(found).copy()
        except (UserError, _UnlikeError):
            raise
        except Exception:  # whatever a damaged archive makes its readers raise
            raise self._damaged() from None

    def array(self, index: int, name: str, like: Any) -> np.ndarray:
        """Return the array of an index, which must be like the template's."""
        shape, dtype = tuple(like.shape), np.dtype(like.dtype)
        try:
            return self._read(str(index), dtype, shape)
        except _UnlikeError as found:
            raise UserError(
                f"{self.path}: {name} is {found.dtype}{list(found.shape)} in the file but {dtype}{list(shape)} here: "
                "other settings than those of the run."
            ) from None


class _UnlikeError(Exception):
    """An array of another shape or type than expected."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().__init__()
        self.shape, self.dtype = shape, dtype


def _shape_and_type(member: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of an array from the beginning of its member."""
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError("another version of NumPy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    if dtype.hasobject or (fortran and len(shape) > 1):
        raise ValueError("objects, or another order")
    return shape, dtype


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def read_header(path: Path) -> dict[str, Any]:
    """Return a file's header.

    Raises:
        UserError: the file is missing, damaged, or is none of ours.
    """
    return _Archive(path).header


def load_tree(path: Path, template: Tree) -> Tree:
    """Return the template with its arrays replaced by those of the file.

    Raises:
        UserError: the file's arrays do not have the template's paths, shapes and types.
    """
    archive, expected = _Archive(path), _arrays(template)
    paths = archive.header["paths"]
    if paths != [name for name, _ in expected]:
        different = set(paths) ^ {name for name, _ in expected}
        raise UserError(
            f"{path}: was written for another problem or other settings (arrays that differ: "
            f"{', '.join(sorted(different)[:4]) or 'their order'})."
        )
    new = []
    for i, (name, leaf) in enumerate(expected):
        if _is_key(leaf):
            like = jax.eval_shape(jax.random.key_data, leaf)
            new.append(jax.random.wrap_key_data(jax.numpy.asarray(archive.array(i, name, like))))
        else:
            array = archive.array(i, name, leaf)
            new.append(jax.numpy.asarray(array, array.dtype))
    dynamic, static = eqx.partition(template, _is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(dynamic), new), static)
