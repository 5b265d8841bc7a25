"""The settings of the loop: how much, how often, until when."""

from __future__ import annotations

from dataclasses import dataclass

from equilearn.errors import UserError
from equilearn.learn.stopping import Target
from equilearn.parameters import fit_fields, within

MOST_EPISODES = 2**31 - 1
"""What counters of 32 bits can hold."""
MOST_SAMPLES = 10_000_000
"""More of anything side by side fits no machine's memory."""


@dataclass(frozen=True)
class LearnSettings:
    """Settings of one run of the loop."""

    episodes: int = 1000
    """Episodes (generate, learn) at most; the learning-rate schedule spans them."""
    seconds: float | None = None
    """Wall-clock seconds of learning at most; the schedule then ends with whichever budget is spent first."""
    epochs: int = 1
    """Passes over each episode's data."""
    batch_size: int = 256
    """Samples per gradient step; the last batch of an epoch is filled up with the first samples."""
    check_every: int = 50
    """Episodes per compiled call; the errors are checked after each call."""
    targets: tuple[Target, ...] = ()
    """Stop as reached when a check meets all of these."""
    patience: int | None = None
    """Stop as exhausted after this many checks without a better score, and restore the best networks."""
    keep_best: bool = False
    """End with the state of the best check instead of the last one (implied by `patience`)."""
    checkpoint_seconds: float = 10.0
    """Seconds between checkpoints of the last state."""

    def __post_init__(self) -> None:
        fit_fields(self, "settings")
        for target in self.targets:
            if not isinstance(target, Target):
                raise UserError(f"settings: targets must be Target(...), not {target!r}.")
        for name in ("episodes", "epochs", "patience"):
            within("settings", name, getattr(self, name), 1, MOST_EPISODES)
        for name in ("batch_size", "check_every"):
            within("settings", name, getattr(self, name), 1, MOST_SAMPLES)
        if self.seconds is not None and self.seconds <= 0:
            raise UserError(f"settings: seconds must be above 0, not {self.seconds}.")
        within("settings", "checkpoint_seconds", self.checkpoint_seconds, 0)
