"""Files and folders of a run: a file appears whole or not at all, and a folder has one writer at a time."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from equilearn.errors import UserError

LOCK = ".lock"


def refuse(path: Path, error: OSError) -> UserError:
    """Return the message for a file or folder that the system did not let us write."""
    reason = (error.strerror or str(error)).lower()
    return UserError(f"{path}: cannot be written ({reason}); free space, change its rights, or choose another place.")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment either the old or the new content is there, also after a power cut.

    Raises:
        UserError: the file cannot be written: no space, no right.
    """
    rank = jax.process_index()  # of several processes that lost each other, more than one may write
    temporary = path.with_name(f".{path.name}.{f'{rank}.' if rank else ''}part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise refuse(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, atomically; what is not finite becomes null, as JSON knows no other word for it."""
    write_atomically(path, (json.dumps(_finite(value), indent=2, allow_nan=False) + "\n").encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a folder where there is none, and be its only writer until the block ends.

    The system gives the lock back when a process ends, however it ends: a killed writer blocks nobody. A process may
    enter its own folder again.

    Raises:
        UserError: the folder cannot be written, or another process is writing to it.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.resolve() / LOCK, timeout=0, is_singleton=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: another process is writing to it; wait until it is done, or choose another folder."
        ) from None
    except OSError as error:
        raise refuse(folder, error) from None
    try:
        yield
    finally:
        lock.release()
