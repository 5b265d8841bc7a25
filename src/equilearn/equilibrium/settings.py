"""The settings of a solution: those of the loop, and how the economy is simulated and the network built."""

from __future__ import annotations

from dataclasses import dataclass

from equilearn.errors import UserError
from equilearn.learn import LearnSettings
from equilearn.learn.settings import MOST_SAMPLES
from equilearn.parameters import within

MOST_UNITS = 65_536
MOST_STEPS = 100
MOST_LAYERS = 1_000
MOST_WEIGHTS = 1_000_000_000


@dataclass(frozen=True)
class SolveSettings(LearnSettings):
    """Settings of one solution."""

    episodes: int = 2000
    """Episodes (simulate, learn) at most; the learning-rate schedule spans them."""
    batch_size: int = 256
    """States per gradient step."""
    width: int = 64
    """Units per hidden layer."""
    depth: int = 2
    """Hidden layers."""
    steepness: float = 1.0
    """Of the activation, Swish: x sigmoid(steepness x); a larger one follows kinks of the policy more closely."""
    learning_rate: float = 3e-3
    """Learning rate after warm-up (SOAP)."""
    weight_decay: float = 0.0
    """Decay of weight matrices, per unit of learning rate."""
    tail: float = 0.02
    """Weight of the fourth moment of the errors in the loss, which lowers the largest errors."""
    sampled_nodes: int = 0
    """Nodes of the shock in each of the two expectations of a state in a gradient step, drawn anew each time; 0 takes
    all nodes. For models with many shocks. Checks and the certificate always take all nodes."""
    paths: int = 256
    """Economies simulated side by side and carried over from episode to episode."""
    periods: int = 4
    """Periods simulated per episode."""
    exploration: float = 0.2
    """Share of the paths whose shocks are drawn from a flatter distribution, so that rare states are learnt too."""
    restart: float = 0.0
    """Probability per period that a path starts again from an initial state. Models without shocks need it, and
    models whose states move slowly: their economies could else stay wherever an early policy took them, and a long
    run could forget the way from the initial state, where the certificate's path begins. That path restarts only
    where there are no shocks, or where time is a state."""
    early_restart: float = 0.0
    """The same at the first episode, from where it falls to `restart` within the first tenth of the episodes: a policy
    that has learnt nothing yet cannot carry economies to where numbers end."""
    check_periods: int = 8
    """Fresh periods per check on each path that follows the model's own shocks."""
    newton: int = 0
    """Steps of Newton's method in function space after the learning: the network is fitted to its own correction."""

    def __post_init__(self) -> None:
        super().__post_init__()
        within("settings", "width", self.width, 1, MOST_UNITS)
        within("settings", "depth", self.depth, 0, MOST_LAYERS)
        for name in ("paths", "periods", "check_periods"):
            within("settings", name, getattr(self, name), 1, MOST_SAMPLES)
        if self.width**2 * max(self.depth - 1, 0) > MOST_WEIGHTS:
            raise UserError(
                f"settings: width {self.width:,} and depth {self.depth:,} are more than a billion weights; make the "
                "network smaller."
            )
        if self.paths * max(self.periods, self.check_periods) > 100 * MOST_SAMPLES:
            raise UserError("settings: paths times periods are more than a billion states; take fewer.")
        if not self.steepness > 0:
            raise UserError(f"settings: steepness must be above 0, not {self.steepness}.")
        for name in ("learning_rate", "weight_decay", "tail"):
            within("settings", name, getattr(self, name), 0)
        within("settings", "newton", self.newton, 0, MOST_STEPS)
        within("settings", "sampled_nodes", self.sampled_nodes, 0, MOST_SAMPLES)
        if self.sampled_nodes % 2:
            raise UserError(
                f"settings: sampled_nodes must be even, for nodes are drawn in pairs, not {self.sampled_nodes}."
            )
        if not 0 <= self.exploration < 1:
            raise UserError(f"settings: exploration must be in [0, 1), not {self.exploration}.")
        for name in ("restart", "early_restart"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"settings: {name} must be in [0, 1], not {getattr(self, name)}.")
