"""The first losses of every economy in two processes, beside those in one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

PROGRAM = """
import dataclasses, json, sys
from equilearn import solve
from equilearn.economies import find
from equilearn.learn.devices import connect
names, *address = sys.argv[1:]
if address:
    connect(address[0], 2, int(address[1]))
for name in names.split(","):
    model = find(name)()
    small = dict(width=8, depth=1, paths=8, periods=8, batch_size=64, check_every=1, episodes=1)
    row = solve(model, settings=dataclasses.replace(model.settings(), **small)).history[0]
    print(json.dumps({key.removeprefix("loss/"): row[key] for key in row if key.startswith("loss/")}))
"""
Losses = list[dict[str, float]]


def first_losses(names: Sequence[str]) -> tuple[Losses, Losses, Losses]:
    """Return the losses of one episode of each economy: in one process, and as the first and the second of two see it.

    Raises:
        RuntimeError: a process failed; the message holds the end of what it said.
    """
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    quick = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # compilation takes longer than the work
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, ",".join(names), *more], stdout=pipe, stderr=pipe, text=True,
                         env=quick)
        for more in ((), (address, "0"), (address, "1"))
    ]  # fmt: skip
    said = [process.communicate() for process in running]
    for process, (_, error) in zip(running, said, strict=True):
        if process.returncode:
            raise RuntimeError(error[-1000:])
    alone, first, second = (
        [json.loads(line) for line in text.splitlines() if line.startswith("{")] for text, _ in said
    )
    return alone, first, second


def measure() -> dict:
    """Return the largest relative difference of the first losses, economy by economy."""
    from equilearn.economies import ECONOMIES

    rows = []
    for name, alone, split in zip(ECONOMIES, *first_losses(list(ECONOMIES))[:2], strict=True):
        gaps = {key: abs(split[key] / value - 1) if value else abs(split[key]) for key, value in alone.items()}
        worst = max(gaps, key=lambda key: gaps[key])
        rows.append([name, len(gaps), f"{gaps[worst]:.1e}", worst])
    return {
        "text": "One episode of a small network, the same seed, in one process and in two that share the samples. The "
        "order of summation differs, in single precision.",
        "columns": ["economy", "losses", "largest relative difference", "of"],
        "rows": rows,
    }
