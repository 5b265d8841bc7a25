"""The roll call: the processes of a run find each other, or each ends in one sentence.

The first process listens at the coordinator's address, and there only. Each other one says in one line of JSON who it
is, and waits for one line: null when all have come, or the sentence that ends all of them. Only then is JAX asked to
connect them: where somebody is missing, or comes twice, it would end the processes natively, without words.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import time
from collections.abc import Iterable
from typing import Any

from equilearn.errors import UserError, first_line

LINE = 4096
"""Bytes of a line at most."""
READING_SECONDS = 5.0
"""How long the first process listens to somebody who has connected, but says nothing."""
GRACE_SECONDS = 2.0
"""How much longer than its own patience a process waits for what the first one says."""
LEAVING_SECONDS = 1.0
"""How long a process that comes twice may take to leave the first time."""
PAUSE_SECONDS = 0.2
"""Between two attempts to reach the first process."""


def address_of(coordinator: str) -> tuple[str, int]:
    """Return host and port of `host:port`.

    Raises:
        UserError: it is not of this form, or there is no such port.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise UserError(f"--coordinator: must be host:port, not {coordinator!r}.")
    if not 0 < int(port) < 2**16:
        raise UserError(f"--coordinator: the port must be between 1 and {2**16 - 1}, not {port}.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def wait_for_all(host: str, port: int, me: dict[str, Any], *, patience: float) -> str:
    """Wait, as the first process, until all others have come; return the address on which it listened.

    Args:
        host: name or address, of this machine.
        port: of the roll call, and then of JAX.
        me: `rank`, `processes`, and what else must be the same for all.
        patience: seconds after which the roll call ends.

    Raises:
        UserError: the address cannot be used, somebody did not come, came twice or is started differently.
    """
    deadline, came = time.monotonic() + patience, dict[int, socket.socket]()
    server = _listen(host, port)
    where = server.getsockname()[0]
    with server, contextlib.ExitStack() as stack:
        try:
            while missing := [str(rank) for rank in range(1, me["processes"]) if rank not in came]:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"rank {', '.join(missing)} of {me['processes']} processes did not come to {host}:{port} "
                        f"({where}) within {patience:g} seconds; start all of them with the same --coordinator."
                    )
                _admit(server, came, me, stack)
                came = {rank: one for rank, one in came.items() if not _gone(one)}
        except UserError as error:
            _answer(came.values(), str(error))
            raise
        _answer(came.values(), None)
    return f"[{where}]:{port}" if ":" in where else f"{where}:{port}"


def come_to(host: str, port: int, me: dict[str, Any], *, patience: float) -> None:
    """Tell the first process that this one is here, and wait until all are.

    Raises:
        UserError: the host is unknown, the first process does not answer, or it says what is wrong.
    """
    deadline, answer, reached = time.monotonic() + patience, b"", False
    _resolve(host, port)
    while not answer.endswith(b"\n"):
        if (left := deadline - time.monotonic()) <= 0:
            missing = "not all processes of the run" if reached else "no process of rank 0"
            raise UserError(
                f"{missing} came to {host}:{port} within {patience:g} seconds; start all of them with the same "
                "--coordinator, on machines that can reach it."
            )
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=left) as line:
            if line.getsockname() != line.getpeername():  # the system may connect a free port of its own to itself
                reached = True
                line.sendall(json.dumps(me).encode() + b"\n")
                line.settimeout(left + GRACE_SECONDS)
                answer = line.makefile("rb").readline(LINE)
        time.sleep(0 if answer else PAUSE_SECONDS)
    try:
        error = json.loads(answer)
    except ValueError:
        error = "something else listens there; choose another port."
    if error is not None:
        raise UserError(f"the process of rank 0, at {host}:{port}, says: {error}")


def _resolve(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"--coordinator: there is no host {host!r} ({reason.lower()}).") from None


def _listen(host: str, port: int) -> socket.socket:
    family, *_, address = _resolve(host, port)[0]
    try:
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "is in use: another run, or another process of rank 0; choose another port",
            errno.EADDRNOTAVAIL: "is no address of this machine, on which rank 0 runs",
        }
        reason = reasons.get(error.errno or 0, f"cannot be listened on ({(error.strerror or str(error)).lower()})")
        raise UserError(f"--coordinator: {host}:{port} ({address[0]}) {reason}.") from None


def _admit(
    server: socket.socket, came: dict[int, socket.socket], me: dict[str, Any], stack: contextlib.ExitStack
) -> None:
    """Let in whoever knocks within a second, if it is a process of this run; strangers are left alone."""
    server.settimeout(1.0)
    try:
        line = stack.enter_context(server.accept()[0])
        line.settimeout(READING_SECONDS)
        who = json.loads(line.makefile("rb").readline(LINE))
        rank = who["rank"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    different = [name for name in me if name != "rank" and who.get(name) != me[name]]
    if different:
        error = f"{different[0]} is {me[different[0]]} for rank 0, but {who.get(different[0])} for rank {rank}."
    elif rank == 0 or (rank in came and not _gone(came[rank], within=LEAVING_SECONDS)):
        error = f"two processes have rank {rank}; give each its own, from 0 to {me['processes'] - 1}."
    else:
        came[rank] = line
        return
    _answer([line], error)
    raise UserError(error)


def _gone(line: socket.socket, within: float = 0.0) -> bool:
    """Return whether the process at the other end is gone, or goes `within` so many seconds."""
    line.settimeout(within)
    try:
        return line.recv(1, socket.MSG_PEEK) == b""
    except (BlockingIOError, TimeoutError):
        return False
    except OSError:
        return True


def _answer(lines: Iterable[socket.socket], error: str | None) -> None:
    for line in lines:
        with contextlib.suppress(OSError):
            line.sendall(json.dumps(error).encode() + b"\n")
