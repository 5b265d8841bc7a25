"""What was tried for accuracy per second: one change at a time from the default settings, at equal gradient steps."""

from dataclasses import replace

from benchmarks.runs import percent
from equilearn.economies.olg import OLG
from equilearn.equilibrium import solve
from equilearn.optimizers import adam, soap

EPISODES = 1500
VARIANTS = {
    "default": {},
    "Adam, 1e-3": {"optimizer": adam(1e-3)},
    "Adam, 3e-3": {"optimizer": adam(3e-3)},
    "SOAP, 1e-3": {"optimizer": soap(1e-3)},
    "SOAP, 6e-3": {"optimizer": soap(6e-3)},
    "width 64": {"width": 64},
    "width 160": {"width": 160},
    "depth 2": {"depth": 2},
    "depth 4": {"depth": 4},
    "Swish of steepness 1": {"steepness": 1.0},
    "Swish of steepness 10": {"steepness": 10.0},
    "no tail in the loss": {"tail": 0.0},
    "tail 0.1": {"tail": 0.1},
    "batches of 256 (twice the steps)": {"batch_size": 256},
    "batches of 1024 (half the steps)": {"batch_size": 1024},
    "no exploration": {"exploration": 0.0},
}


def measure() -> dict:
    """Return seconds and certificate of every variant."""
    rows = []
    for name, change in VARIANTS.items():
        change = dict(change)
        optimizer = change.pop("optimizer", None)
        settings = replace(OLG().settings(), episodes=EPISODES, targets=(), **change)
        solution = solve(OLG(), settings=settings, optimizer=optimizer, live=False)
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
