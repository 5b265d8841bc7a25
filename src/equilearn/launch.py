"""A command in several processes: the flags before it, joining the others, leaving them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from equilearn.errors import UserError

FLAGS = {"--coordinator": str, "--processes": int, "--rank": int}
"""Flags before the command."""
LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
"""Variables by which launchers tell that they started this process; no flags are needed then."""
SPLIT = ("solve", "resume")
"""Commands that several processes do together."""


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
