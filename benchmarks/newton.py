"""What Newton's steps after the learning do, and what they cost: every economy without and with them, one sitting."""

import time

from benchmarks.training import at
from equilearn.economies.buffer_stock import BufferStock
from equilearn.economies.growth import Growth
from equilearn.economies.irbc import IRBC
from equilearn.economies.new_keynesian import NewKeynesian
from equilearn.economies.olg import OLG
from equilearn.economies.search import Search
from equilearn.equilibrium import solve

RUNS = [
    (Growth(), 300, (0, 1, 2)),
    (BufferStock(), 800, (0, 2)),
    (NewKeynesian(), 600, (0, 2)),
    (Search(), 800, (0, 2)),
    (IRBC(), 400, (0, 4)),
    (OLG(), 300, (0, 1)),
]


def measure() -> dict:
    """Return seconds and certificate of every economy, by episodes and steps."""
    rows = []
    for model, episodes, tried in RUNS:
        for newton in tried:
            began = time.monotonic()
            solution = solve(model, settings=at(model.settings(), episodes=episodes, newton=newton), live=False)
            seconds = time.monotonic() - began
            accuracy = solution.accuracy()
            euler = max(accuracy.summary().values(), key=lambda one: one["mean"])
            found = accuracy.policy.summary()
            policy = next(iter(found.values()))
            percent = [f"{100 * x:.2g}" for x in (euler["mean"], euler["99.9"], policy["relative mean"],
                                                 policy["relative 99.9"])]  # fmt: skip
            rows.append([model.name, episodes, newton, round(seconds), next(iter(found)), *percent])
            print(rows[-1], flush=True)
    columns = [
        "economy",
        "episodes",
        "steps",
        "s of `solve`",
        "policy",
        "Euler mean %",
        "99.9 %",
        "policy mean %",
        "99.9 % of it",
    ]
    text = (
        "`solve(model, settings=...)` with `newton` steps, seed 0, compilation included. The errors are the "
        "certificate's, those of the policy estimated."
    )
    return {"columns": columns, "rows": rows, "text": text}
