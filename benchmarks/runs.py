"""Runs of the command line in processes of their own, so that memory and start-up are counted too."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def solve(*flags: str, environment: dict[str, str] | None = None) -> dict:
    """Run `equilearn solve` with flags; return result.json, metrics, wall-clock seconds and peak memory (MB)."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        command = [sys.executable, "-m", "equilearn", "solve", *flags, "--out", str(folder)]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            sys.exit(f"benchmarks: {' '.join(command)} failed.")
        result = json.loads((folder / "result.json").read_text())
        metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return {"result": result, "metrics": metrics, "seconds": seconds, "memory": usage.ru_maxrss / 1024}


COST = ["outcome", "s of learning", "steps", "steps/s", "MB", "mean", "99.9 %", "max"]
"""What `cost` returns, in words."""


def cost(*flags: str) -> list:
    """Return what a run cost and how accurate its Euler errors are, and print it."""
    run = solve(*flags)
    result, euler = run["result"], run["result"]["accuracy"]["euler"]
    rate = result["gradient_steps"] / result["seconds"]
    row = [result["outcome"], f"{result['seconds']:.0f}", result["gradient_steps"], f"{rate:.0f}",
           f"{run['memory']:.0f}", *(percent(euler[key]) for key in ("mean", "99.9", "max"))]  # fmt: skip
    print(*flags, row, flush=True)
    return row


def percent(x: float) -> str:
    """Return a share in percent with two significant digits."""
    return f"{100 * x:.2g} %"


COLUMNS = ["s of learning", "steps", "mean", "99.9 %", "max"]
"""What `row` returns after the name."""


def row(name: str, solution) -> list:
    """Return what a solution cost and how accurate its Euler errors are, and print it."""
    euler = solution.accuracy().summary()["euler"]
    cells = [name, f"{solution.seconds:.0f}", solution.gradient_steps]
    cells += [percent(euler[key]) for key in ("mean", "99.9", "max")]
    print(cells, flush=True)
    return cells
