"""The first losses of every economy in two processes, beside those in one."""

import json
import os
import socket
import subprocess
import sys

PROGRAM = """
import dataclasses, json, sys
from equilearn import solve
from equilearn.economies import ECONOMIES, find
from equilearn.learn.devices import connect
if sys.argv[1:]:
    connect(sys.argv[1], 2, int(sys.argv[2]))
for name in ECONOMIES:
    model = find(name)()
    small = dict(width=8, depth=1, paths=8, periods=8, batch_size=64, check_every=1, episodes=1)
    row = solve(model, settings=dataclasses.replace(model.settings(), **small)).history[0]
    print(json.dumps({"name": name, **{key: value for key, value in row.items() if key.startswith("loss/")}}))
"""


def measure() -> dict:
    """Return the largest relative difference of the first losses, economy by economy."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, *more], stdout=subprocess.PIPE, text=True, env=environment)
        for more in ((), (address, "0"), (address, "1"))
    ]
    said = [process.communicate()[0] for process in running]
    alone, split, _ = ([json.loads(line) for line in text.splitlines() if line.startswith("{")] for text in said)
    rows = []
    for one, two in zip(alone, split, strict=True):
        name = one.pop("name")
        gaps = {key: abs(two[key] / value - 1) if value else abs(two[key]) for key, value in one.items()}
        worst = max(gaps, key=lambda key: gaps[key])
        rows.append([name, len(gaps), f"{gaps[worst]:.1e}", worst.removeprefix("loss/")])
    return {
        "text": "One episode of a small network, the same seed, in one process and in two that share the samples. The "
        "order of summation differs, in single precision.",
        "columns": ["economy", "losses", "largest relative difference", "of"],
        "rows": rows,
    }
