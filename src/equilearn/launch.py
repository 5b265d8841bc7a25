"""Before and after a command: where compiled programs are kept; joining other processes and leaving them."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from equilearn.errors import UserError

FLAGS = {"--coordinator": str, "--processes": int, "--rank": int}
"""Flags before the command."""
LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
"""Variables by which launchers tell that they started this process; no flags are needed then."""
SPLIT = ("solve", "resume")
"""Commands that several processes do together."""


def keep_programs() -> None:
    """Let JAX keep compiled programs in the user's cache folder, unless its own variable names another.

    A program belongs to the processor that it was compiled for: machines that share a home have a folder each by what
    their processors can do. Where the folder cannot be written, every command compiles anew.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.is_file() else []
    able = next((line for line in lines if line.startswith(("flags", "Features"))), platform.node())
    machine = hashlib.sha256(f"{platform.machine()} {able}".encode()).hexdigest()[:12]
    folder = platformdirs.user_cache_path("equilearn") / "programs" / machine
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def join(arguments: list[str]) -> tuple[list[str], bool]:
    """Take the flags before the command off, and join the other processes; return whether there are any.

    Raises:
        UserError: a flag is wrong, the command is not for several processes, or the others did not come.
    """
    given: dict[str, Any] = {}
    while arguments and (name := arguments[0].partition("=")[0]) in FLAGS:
        arguments = [*arguments[0].split("=", 1), *arguments[1:]]
        try:
            given[name.removeprefix("--")] = FLAGS[name](arguments[1])
        except (IndexError, ValueError):
            kind = "a whole number" if FLAGS[name] is int else "an address"
            raise UserError(f"{name}: needs {kind} after it.") from None
        arguments = arguments[2:]
    split = bool(arguments) and arguments[0] in SPLIT
    if given and not split:
        raise UserError(f"{', '.join(f'--{name}' for name in given)}: several processes are for `solve` and `resume`.")
    if not split or not (given or os.environ.keys() & set(LAUNCHERS)):
        return arguments, False
    from equilearn.learn.devices import alone, connect

    connect(**given)
    return arguments, not alone()


def leave(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run a command and return its exit code; where it fails, end at once: the others may be gone."""
    try:
        code = command(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except Exception:
        traceback.print_exc()
        code = 1
    if code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
