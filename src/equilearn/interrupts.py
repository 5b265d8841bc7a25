"""Ctrl-C and SIGTERM on the command line: the first ends with a checkpoint, a second at once.

While the loop learns, the first signal only asks it to stop: it writes its checkpoint after the compiled call that is
under way, and raises `Interrupted`. Anywhere else (compiling, certifying, drawing) everything worth keeping is in files
that are whole, so the process ends there and then. A Python handler runs only between two steps of Python, and would
wait for a compiled call to end; so the system's signal wakes a thread of its own, which answers at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked the loop to stop, and it did, with a checkpoint."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = exit_code(number)


def exit_code(number: int) -> int:
    """Return the exit code by which a shell knows that a signal ended a process."""
    return 128 + number


_asked: int | None = None
"""The first signal that came while the loop was learning."""
_learning = 0
_advice = ""


def requested() -> int | None:
    """Return the signal that asked the loop to stop; None where none came."""
    return _asked


def advise(text: str) -> None:
    """Say what a user should do after an interruption, from now on: how to go on."""
    global _advice
    _advice = text


def interrupted() -> str:
    """Return the message of an interrupted command."""
    return f"equilearn: interrupted{f'; {_advice}' if _advice else ''}."


@contextlib.contextmanager
def learning() -> Iterator[None]:
    """Within: the first signal asks the loop to stop, which looks at `requested` between two calls."""
    global _learning
    _learning += 1
    try:
        yield
    finally:
        _learning -= 1


def install() -> None:
    """Answer signals from now on; for the command line, whose process is its own."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_listen, args=(ear, mouth), daemon=True, name="signals").start()


def _listen(ear: socket.socket, mouth: socket.socket) -> None:
    global _asked
    del mouth  # held by the thread, so that it stays open
    while True:
        for number in ear.recv(64):
            if number not in SIGNALS:
                continue
            if _learning and _asked is None:
                _asked = number
                _say("equilearn: stopping with a checkpoint; once more stops at once.")
            else:
                _say(interrupted())
                os._exit(exit_code(number))


def _say(text: str) -> None:
    """Write a line past the live line, whose terminal gets its cursor back."""
    show = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{show}{text}\n".encode())
