"""What XLA's options on a CPU cost and bring: seconds of first calls, with compilation, and of the same work again."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equilearn as eq
import equilearn.compiling
from equilearn.data import image_split, load_series
from equilearn.economies import find
from equilearn.images import fit_classifier
from equilearn.learn import LearnSettings
from equilearn.reinforcement import DDPG, DQN, train
from equilearn.sequences import chronological
from equilearn.sequences.forecaster import fit_forecaster

AGAIN = 3
"""Times that the same work is done once more; the quickest counts."""
EPISODES = {"growth": 300, "olg": 250, "buffer-stock": 300, "krusell-smith": 200}
"""Of learning, Newton's steps left out."""
AGENTS = {"DQN on CartPole": (DQN(steps=20_000), "CartPole-v1"), "DDPG on Pendulum": (DDPG(steps=6_000), "Pendulum-v1")}
CERTIFICATE, LSTM, LENET = "the certificate of growth", "LSTM on ozone", "LeNet-5 on MNIST"
PROGRAMS = [*EPISODES, LSTM, LENET, *AGENTS, CERTIFICATE]
WITHOUT = {"XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false"}


def _solving(name: str) -> Callable[[], Any]:
    model = find(name)()
    settings = replace(model.settings(), episodes=EPISODES[name], newton=0)
    return lambda: eq.solve(model, settings=settings, live=False)


def _work(name: str) -> Callable[[], Any]:
    """Return what is timed."""
    if name in EPISODES:
        return _solving(name)
    if name in AGENTS:
        agent, place = AGENTS[name]
        return lambda: train(agent, place)
    if name == CERTIFICATE:
        solution = _solving("growth")()
        return lambda: solution.accuracy().policy
    if name == LSTM:
        parts = chronological(load_series("ozone").values, history=50)
        return lambda: fit_forecaster(parts, LearnSettings(episodes=5, batch_size=64, check_every=5))
    split, settings = image_split("mnist", seed=0), LearnSettings(episodes=1, batch_size=128, check_every=1)
    return lambda: fit_classifier(split, settings, network="lenet")


def _timed(name: str, alike: bool) -> None:
    """Print the seconds of a first call and of the quickest of some more; what runs once compiled like the rest, or
    not."""
    if alike:
        equilearn.compiling.options_for = lambda once: {}
    work, seconds = _work(name), []
    for _ in range(1 + AGAIN):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    print(json.dumps([seconds[0], min(seconds[1:])]))


def _in_a_process(name: str, *, environment: dict[str, str] | None = None, alike: bool = False) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.compiling", name, *["alike"] * alike]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=os.environ | (environment or {}), text=True)
    if done.returncode:
        sys.exit(f"benchmarks: {name} failed; from JAX 0.12 on XLA has no other than its fusion emitters.")
    first, again = json.loads(done.stdout.splitlines()[-1])
    print(name, environment, alike, f"{first:.2f} {again:.2f}", flush=True)
    return first, again


def measure() -> dict:
    """Return the seconds of every program as it is compiled, and as it would be the other way."""
    rows = []
    for name in PROGRAMS:
        once = name == CERTIFICATE
        here = _in_a_process(name)
        other = _in_a_process(name, alike=True) if once else _in_a_process(name, environment=WITHOUT)
        way = "like programs that run long" if once else "without fusion emitters"
        rows.append([name, f"{here[0]:.1f}", f"{here[1]:.2f}", way, f"{other[0]:.1f}", f"{other[1]:.2f}",
                     f"{other[1] / here[1]:.2f}"])  # fmt: skip
    return {
        "columns": [
            "program",
            "s of the first call",
            "s again",
            "the other way",
            "s of the first call",
            "s again",
            "ratio, again",
        ],
        "rows": rows,
        "text": "Every program in a process of its own, with nothing in the cache; *again* is the quickest of "
        f"{AGAIN} more calls. What runs long is compiled with XLA's defaults, what runs once without its fusion "
        "emitters and at the first level of optimisation. Learning: "
        f"{', '.join(f'{n} episodes of {name}' for name, n in EPISODES.items())}; five epochs of an LSTM of 64 units, "
        f"one of LeNet-5; {', '.join(f'{agent.steps:,} steps of {name}' for name, (agent, _) in AGENTS.items())}.",
    }


if __name__ == "__main__":
    _timed(sys.argv[1], "alike" in sys.argv[2:])
