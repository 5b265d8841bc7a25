"""One live line where there is a terminal or a notebook: what is being done, and how far it is.

Whoever works inside somebody else's line (the loop inside a lab) adds its words to that line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar

from rich.console import Console
from rich.live import Live
from rich.text import Text


class LiveLine:
    """A line that begins with a title; shows nothing where there is neither a terminal nor a notebook."""

    _open: ClassVar[list[LiveLine]] = []
    """Lines of this process, the outermost first."""

    def __init__(self, title: str, *, live: bool, clock: bool = False) -> None:
        """Prepare the line.

        In a notebook it is one line of the cell's output that is replaced at most twice a second, whenever something is
        said, and gone at the end.

        Args:
            title: what it begins with.
            live: whether to show it at all.
            clock: show the time since it began, and go on showing it while nothing is said.
        """
        self._title, self._live, self._clock, self._text = title, live, clock, ""
        self._shown: Live | _Cell | None = None
        self._began = time.monotonic()

    def __enter__(self) -> LiveLine:
        console = Console(stderr=True)
        if self._live and console.is_terminal and not self._open:
            self._shown = Live(self, console=console, transient=True, auto_refresh=self._clock, refresh_per_second=2)
            self._shown.start()
        elif self._live and not self._open and (display := _notebook()) is not None:
            self._shown = _Cell(self, display)
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


class _Cell:
    """The line in the output of a notebook's cell, which the frontend replaces."""

    def __init__(self, line: LiveLine, display: Callable[..., Any]) -> None:
        self._line, self._last = line, 0.0
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def refresh(self) -> None:
        """Show the line, unless it was shown less than half a second ago."""
        if time.monotonic() - self._last >= 0.5:
            self._last = time.monotonic()
            self._handle.update({"text/plain": self._line.__rich__().plain}, raw=True)

    def stop(self) -> None:
        """Show nothing any more."""
        self._handle.update({"text/plain": ""}, raw=True)


def _notebook() -> Callable[..., Any] | None:
    """Return what displays in a notebook's cell, where this runs in one."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython import get_ipython  # pyright: ignore[reportMissingImports]
    from IPython.display import display  # pyright: ignore[reportMissingImports]

    return display if getattr(get_ipython(), "kernel", None) is not None else None


def minutes(seconds: float) -> str:
    """Return a duration as `m:ss`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
