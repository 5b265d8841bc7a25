"""One live line where there is a terminal: what is being done, and how far it is.

Whoever works inside somebody else's line (the loop inside a lab) adds its words to that line.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import ClassVar

from rich.console import Console
from rich.live import Live
from rich.text import Text


class LiveLine:
    """A line that begins with a title; shows nothing where there is no terminal."""

    _open: ClassVar[list[LiveLine]] = []
    """Lines of this process, the outermost first."""

    def __init__(self, title: str, *, live: bool, clock: bool = False) -> None:
        """Prepare the line.

        Args:
            title: what it begins with.
            live: whether to show it at all.
            clock: show the time since it began, and go on showing it while nothing is said.
        """
        self._title, self._live, self._clock, self._text = title, live, clock, ""
        self._shown: Live | None = None
        self._began = time.monotonic()

    def __enter__(self) -> LiveLine:
        console = Console(stderr=True)
        if self._live and console.is_terminal and not self._open:
            self._shown = Live(self, console=console, transient=True, auto_refresh=self._clock, refresh_per_second=2)
            self._shown.start()
        self._open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.remove(self)
        if self._shown is not None:
            self._shown.stop()

    def say(self, text: str) -> None:
        """Show these words after the title."""
        self._text = text
        if self._open and self._open[0]._shown is not None:
            self._open[0]._shown.refresh()

    def __rich__(self) -> Text:
        parts = [f"{line._title}: {line._text}" for line in self._open if line._live and line._text]
        clock = f"{minutes(time.monotonic() - self._began)}  " if self._clock else ""
        return Text(clock + "  ".join(parts), no_wrap=True, overflow="ellipsis")


def minutes(seconds: float) -> str:
    """Return a duration as `m:ss`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
