"""What was tried for accuracy per second: one change at a time from the default settings, at equal gradient steps."""

from dataclasses import replace

import equinox as eqx

from benchmarks.runs import percent
from equilearn.economies.olg import MULTIPLIER_SLOPE, OLG
from equilearn.equilibrium import solve
from equilearn.optimizers import adam

EPISODES = 1500
VARIANTS = {
    "default": {},
    "multiplier's slope 1": {"slope": 1.0},
    "multiplier's slope 2": {"slope": 2.0},
    "multiplier's slope 8": {"slope": 8.0},
    "Adam, 1e-3": {"optimizer": adam(1e-3)},
    "Adam, 3e-3": {"optimizer": adam(3e-3)},
    "SOAP, 1e-3": {"learning_rate": 1e-3},
    "SOAP, 6e-3": {"learning_rate": 6e-3},
    "width 64": {"width": 64},
    "width 128": {"width": 128},
    "depth 2": {"depth": 2},
    "Swish of steepness 3": {"steepness": 3.0},
    "no tail in the loss": {"tail": 0.0},
    "tail 0.1": {"tail": 0.1},
    "batches of 128 (twice the steps)": {"batch_size": 128},
    "batches of 512 (half the steps)": {"batch_size": 512},
    "no exploration": {"exploration": 0.0},
}


class Sloped(OLG):
    """The economy with another slope of the multiplier."""

    slope: float = MULTIPLIER_SLOPE

    def policies(self, state):
        """Return the set with its scale changed."""
        savings = super().policies(state)["savings"]
        return {"savings": eqx.tree_at(lambda one: one.scale, savings, savings.scale * self.slope / MULTIPLIER_SLOPE)}


def measure() -> dict:
    """Return seconds and certificate of every variant."""
    rows = []
    for name, change in VARIANTS.items():
        change = dict(change)
        optimizer, slope = change.pop("optimizer", None), change.pop("slope", None)
        model = OLG() if slope is None else Sloped(slope=slope)
        settings = replace(model.settings(), episodes=EPISODES, targets=(), **change)
        solution = solve(model, settings=settings, optimizer=optimizer, live=False)
        euler = solution.accuracy().summary()["euler"]
        rows.append([name, f"{solution.seconds:.0f}", solution.gradient_steps,
                     *(percent(euler[k]) for k in ("mean", "99.9", "max"))])  # fmt: skip
        print(rows[-1], flush=True)
    return {
        "columns": ["variant", "s of learning", "steps", "mean", "99.9 %", "max"],
        "rows": rows,
        "text": f"The economy with sixty generations, {EPISODES} episodes (the learning rate is annealed over them), "
        "seed 0, targets off. Relative Euler errors on 10,000 fresh periods.",
    }
