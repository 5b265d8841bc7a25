"""Started by `test_devices.py`: first losses of every economy, in one process or in several.

    python every_economy.py HOST:PORT PROCESSES RANK FILE

Economies and networks are as small as they can be: what is compared is how the work is split, not what is learnt.
"""

import dataclasses
import json
import sys
from pathlib import Path

from equilearn.economies import ECONOMIES, find
from equilearn.equilibrium import solve
from equilearn.learn.devices import connect, is_first
from equilearn.optimizers import adam

SMALL = {
    "olg": {"generations": 5},
    "olg-bond": {"generations": 4},
    "analytic-olg": {"generations": 4},
    "continuum": {"points": 12},
}
SETTINGS = {
    "episodes": 2,
    "check_every": 1,
    "paths": 8,
    "periods": 1,
    "check_periods": 1,
    "batch_size": 8,
    "width": 4,
    "depth": 1,
    "targets": (),
    "patience": None,
}


def first_losses(name):
    """Return the mean losses of the first two episodes; each is one gradient step."""
    model = find(name)(**SMALL.get(name, {}))
    settings = dataclasses.replace(model.settings(), **SETTINGS)
    solution = solve(model, settings=settings, optimizer=adam(), live=False)
    solution.simulate(4, burn_in=0, paths=2)  # by each process for itself
    return [row["loss/loss"] for row in solution.history]


if __name__ == "__main__":
    coordinator, processes, rank, file = sys.argv[1:]
    connect(coordinator, int(processes), int(rank))
    losses = {name: first_losses(name) for name in ECONOMIES}
    if is_first():
        Path(file).write_text(json.dumps(losses))
