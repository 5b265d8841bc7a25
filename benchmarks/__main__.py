"""Measure and write the table: `python -m benchmarks [PART ...]`.

Each part's figures are kept in `docs/benchmarks.json`, so that parts can be measured one at a time, on a quiet machine;
`docs/benchmarks.md` is made from all of them anew.
"""

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from equilearn.folders import versions
from equilearn.learn.checkpoint import write_atomically

PARTS = {
    "accuracy": "Time to accuracy: the economy with sixty generations",
    "means": "The published means, and how much such means scatter",
    "minutes": "How far five minutes go",
    "search": "What was tried",
    "finish": "The last digits",
    "newton": "Newton's steps",
    "known": "Estimated errors of policies beside the true ones",
    "recipes": "Steps per second on recipes with identical work",
    "generations": "Cost as the number of generations grows",
    "countries": "The international business cycle",
    "compiling": "How programs are compiled",
    "devices": "Several host devices on the same cores",
    "processes": "Two processes",
    "genz": "Genz's study against a Keras loop",
    "fashion": "Fashion-MNIST against Keras",
    "sequences": "An LSTM against Keras and PyTorch",
    "lenet": "LeNet-5 against Keras and PyTorch",
    "cartpole": "DQN on CartPole against stable-baselines3",
    "pendulum": "DDPG on Pendulum against stable-baselines3",
    "gallery": "Every economy of the package",
}
DOCS = Path(__file__).parents[1] / "docs"
STORE, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Made by the commands below; each part says when, on which machine and with which versions it was measured. The machines
are shared and noisy: compare figures within one part only. Figures called *published* or *theirs* are those of other
people's programs on other machines, as their authors or our notes have them.
"""


def machine() -> str:
    """Return the processor's name and the number of cores that the measurement may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    if not names:
        return platform.processor()
    return f"{len(os.sched_getaffinity(0))} of {len(names)} cores of an {names[0]}"


def render(store: dict) -> str:
    """Return the page."""
    page = [INTRODUCTION]
    for name, title in PARTS.items():
        if name not in store:
            continue
        part = store[name]
        page += [f"\n## {title}\n", f"    python -m benchmarks {name}\n", f"*{part['when']}, {part['machine']}, "
                 f"jax {part['versions']['jax']}.* {part['text']}\n"]  # fmt: skip
        page.append("| " + " | ".join(part["columns"]) + " |")
        page.append("|" + "---|" * len(part["columns"]))
        page += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in part["rows"]]
    return "\n".join(page) + "\n"


def main(names: list[str]) -> None:
    """Measure the parts named, or all."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"benchmarks: there is no part {unknown[0]!r}; there are {', '.join(PARTS)}.")
    for name in names or PARTS:
        print(f"measuring {name}", flush=True)
        try:
            part = importlib.import_module(f"benchmarks.{name}").measure()
        except ModuleNotFoundError as error:
            sys.exit(f'benchmarks: {name} needs {error.name}; pip install -e ".[bench]".')
        part |= {"when": time.strftime("%Y-%m-%d"), "machine": machine(), "versions": versions()}
        store = json.loads(STORE.read_text()) if STORE.exists() else {}
        store[name] = part
        write_atomically(STORE, (json.dumps(store, indent=1) + "\n").encode())
        write_atomically(PAGE, render(store).encode())
    print(PAGE.read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
