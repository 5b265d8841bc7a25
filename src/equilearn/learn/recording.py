"""What a run writes while it runs: one live line, `metrics.jsonl`, TensorBoard events.

`metrics.jsonl` has one line a check; a line that a kill cut short, and lines after the checkpoint that a run
resumes from, are dropped on resuming, so that the file reads as if nothing had happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from equilearn.learn.checkpoint import write_atomically

METRICS = "metrics.jsonl"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a run's `metrics.jsonl`, oldest first; empty where there is none."""
    rows: list[dict[str, Any]] = []
    path = folder / METRICS
    if not path.exists():
        return rows
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def minutes(seconds: float) -> str:
    """Return a duration as `m:ss`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Recorder:
    """Writes the record of one run; without a folder, keeps it in memory only."""

    def __init__(self, folder: Path | None, *, title: str, live: bool, from_episode: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self._folder, self._title = folder, title
        console = Console(stderr=True)
        self._live = Live(console=console, transient=True, auto_refresh=False) if live else None
        if console.is_terminal is False:
            self._live = None
        self._metrics = self._events = None
        if folder is not None:
            from tensorboardX import SummaryWriter

            self.rows = [row for row in read_metrics(folder) if row["episode"] <= from_episode]
            write_atomically(folder / METRICS, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
            self._metrics = (folder / METRICS).open("a")
            self._events = SummaryWriter(
                str(folder / "tensorboard"), purge_step=from_episode + 1 if from_episode else None
            )

    def __enter__(self) -> Recorder:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self._metrics is not None:
            self._metrics.close()
        if self._events is not None:
            self._events.close()

    def say(self, text: str) -> None:
        """Show one line where there is a terminal."""
        if self._live is not None:
            self._live.update(Text(f"{self._title}: {text}", no_wrap=True, overflow="ellipsis"), refresh=True)

    def write(
        self,
        *,
        episode: int,
        step: int,
        seconds: float,
        progress: float,
        losses: Mapping[str, float],
        errors: Mapping[str, Mapping[str, float]],
    ) -> None:
        """Record one check and show it."""
        row = {"episode": episode, "step": step, "seconds": round(seconds, 3), **losses}
        row |= {f"errors/{n}/{k}": v for n, figures in errors.items() for k, v in figures.items()}
        self.rows.append(row)
        if self._metrics is not None and self._events is not None:
            self._metrics.write(json.dumps(row) + "\n")
            self._metrics.flush()
            for name, value in row.items():
                if "/" in name:
                    self._events.add_scalar(name, value, episode)
            self._events.add_scalar("charts/gradient_steps", step, episode)
            self._events.flush()
        left = seconds * (1 - progress) / progress if progress > 0 else 0.0
        shown = "  ".join(f"{name} {figures['mean']:.2e}" for name, figures in errors.items())
        self.say(f"{progress:4.0%}  episode {episode:,}  mean error {shown}  {minutes(left)} left")
