"""What a run writes while it runs: one live line, `metrics.jsonl`, TensorBoard events.

`metrics.jsonl` has one line a check; a line that a kill cut short, and lines after the checkpoint that a run
resumes from, are dropped on resuming, so that the file reads as if nothing had happened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from equilearn.errors import UserError
from equilearn.learn.files import refuse, write_atomically
from equilearn.learn.live import LiveLine, minutes
from equilearn.learn.stopping import is_score

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
        means: Mapping[str, float],
        measured: Mapping[str, Mapping[str, float]],
        pictures: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Record one check and show it.

        Args:
            episode: episodes done.
            step: gradient steps taken.
            seconds: of learning.
            progress: spent share of the budget.
            means: what was recorded of the episodes since the last check.
            measured: figures of the check.
            pictures: draws what has been learnt, where it is written down.
        """
        row = {"episode": episode, "step": step, "seconds": round(seconds, 3), **means}
        for name, figures in measured.items():
            row |= {_path(name, figure, is_score(figures)): value for figure, value in figures.items()}
        row = {name: value for name, value in row.items() if math.isfinite(value)}
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
            for name, figure in pictures().items():
                self._events.add_figure(name, figure, episode)
            self._events.flush()
        left = seconds * (1 - progress) / progress if progress > 0 else 0.0
        said = {name.removeprefix("data/"): value for name, value in means.items() if name.startswith("data/")}
        self.say(f"{progress:4.0%}  episode {episode:,}  {_shown(said, measured)}  {minutes(left)} left")


def _path(name: str, figure: str, score: bool) -> str:
    """Return the name of a figure in the record."""
    if figure == "note":
        return f"notes/{name}"
    return f"{'scores' if score else 'errors'}/{name}/{figure}"


def _shown(said: Mapping[str, float], measured: Mapping[str, Mapping[str, float]]) -> str:
    """Return the means of a check, and what the data said, for the live line."""
    scores = {name: figures["mean"] for name, figures in measured.items() if is_score(figures)}
    errors = {name: figures["mean"] for name, figures in measured.items() if "max" in figures}
    shown = [f"{name} {value:.4g}" for name, value in (scores | dict(said)).items()]
    return "  ".join([*shown, *(["mean error"] if errors else []), *(f"{n} {v:.2e}" for n, v in errors.items())])
