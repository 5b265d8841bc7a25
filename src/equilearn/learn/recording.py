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

from equilearn.errors import UserError
from equilearn.learn.files import refuse, write_atomically
from equilearn.learn.live import LiveLine, minutes

METRICS = "metrics.jsonl"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a run's `metrics.jsonl`, oldest first; empty where there is none.

    Raises:
        UserError: a line but the last, which a kill may have cut short, cannot be read.
    """
    path = folder / METRICS
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({(error.strerror or 'an error').lower()}).") from None
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        row = _row(line)
        if row is None and number < len(lines):
            raise UserError(
                f"{path}: line {number} is damaged; take it out, or delete the file: only the record is lost."
            )
        rows += [row] if row is not None else []
    return rows


def _row(line: bytes) -> dict[str, Any] | None:
    """Return the record of a check: numbers by name; None where the line is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not isinstance(row.get("episode"), int):
        return None
    return row if all(isinstance(value, (int, float)) for value in row.values()) else None


class Recorder:
    """Writes the record of one run; without a folder, keeps it in memory only."""

    def __init__(self, folder: Path | None, *, title: str, live: bool, from_episode: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self._folder, self._line = folder, LiveLine(title, live=live)
        self._metrics = self._events = None
        if folder is not None:
            try:
                self._open(folder, from_episode)
            except OSError as error:
                raise refuse(folder, error) from None

    def _open(self, folder: Path, from_episode: int) -> None:
        from tensorboardX import SummaryWriter

        self.rows = [row for row in read_metrics(folder) if row["episode"] <= from_episode]
        write_atomically(folder / METRICS, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        self._metrics = (folder / METRICS).open("a")
        purge = from_episode + 1 if from_episode else None
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def __enter__(self) -> Recorder:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.__exit__(kind, error, trace)
        if self._metrics is not None:
            self._metrics.close()
        if self._events is not None:
            self._events.close()

    def say(self, text: str) -> None:
        """Show one line where there is a terminal."""
        self._line.say(text)

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
            try:
                self._metrics.write(json.dumps(row) + "\n")
                self._metrics.flush()
            except OSError as error:
                raise refuse(Path(self._metrics.name), error) from None
            for name, value in row.items():
                if "/" in name:
                    self._events.add_scalar(name, value, episode)
            self._events.add_scalar("charts/gradient_steps", step, episode)
            self._events.flush()
        left = seconds * (1 - progress) / progress if progress > 0 else 0.0
        shown = "  ".join(f"{name} {figures['mean']:.2e}" for name, figures in errors.items())
        self.say(f"{progress:4.0%}  episode {episode:,}  mean error {shown}  {minutes(left)} left")
