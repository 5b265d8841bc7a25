"""Kills and Ctrl-C: at any moment, by any signal, a run ends where the whole one does, and says how to go on."""

import json
import os
import random
import signal
import subprocess
import time

import jax.numpy as jnp
import numpy as np
import pytest
from forking import COMMAND, run, start

from equilearn.economies.brock_mirman import BrockMirman
from equilearn.equilibrium import SolveSettings, solve
from equilearn.interrupts import Interrupted
from equilearn.learn import LearnSettings, Problem, key_of, learn
from equilearn.learn.driver import LAST
from equilearn.optimizers import adam

KILLS = {"brock-mirman": 8, "growth": 2, "olg": 2, "lab": 3}
"""How often each run is killed: the way to a checkpoint and back is the same for all."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SMALL = ["--width", "16", "--check-every", "20", "--checkpoint-seconds", "0.02"]
RUNS = {
    "brock-mirman": ["solve", "brock-mirman", "--episodes", "1200", *SMALL],
    "growth": ["solve", "growth", "--episodes", "600", *SMALL],
    "olg": ["solve", "olg", "--generations", "4", "--episodes", "300", *SMALL],
    "lab": ["lab", "bellman", "--points", "20", "--cells", "20", "--games", "1000", "--steps", "2000"],
}


WARM = {"brock-mirman": 4, "growth": 9, "olg": 9, "lab": 5}
"""Seconds that each takes about once its programs are compiled; kills after the end are no kills."""


def same_results(whole, killed):
    """Every array, every line of the record and every final figure but the seconds."""
    for file in sorted(whole.rglob("*.npz")):
        with np.load(file) as a, np.load(killed / file.relative_to(whole)) as b:
            arrays = [key for key in a.files if key != "header"]
            assert arrays == [key for key in b.files if key != "header"]
            for key in arrays:
                assert a[key].tobytes() == b[key].tobytes(), (file.name, key)
    for file in sorted(whole.rglob("metrics.jsonl")):
        lines = [(folder / file.relative_to(whole)).read_text().splitlines() for folder in (whole, killed)]
        rows = [[json.loads(line) | {"seconds": 0} for line in some] for some in lines]
        assert rows[0] == rows[1]
    assert without_seconds(whole) == without_seconds(killed)


def without_seconds(folder):
    def take(value):
        if isinstance(value, dict):
            return {name: take(one) for name, one in value.items() if name != "seconds"}
        return value

    return take(json.loads((folder / "result.json").read_text()))


def newest(folder):
    return max((file.stat().st_mtime_ns for file in folder.rglob(LAST)), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_killed_again_and_again_a_run_ends_bit_for_bit_where_the_whole_one_ends(name, tmp_path):
    """Half of the moments lie just after a checkpoint, half anywhere from the start to the report.

    The whole run has an interpreter of its own, and with it another order of Python's sets.
    """
    whole, killed, moments = tmp_path / "whole", tmp_path / "killed", random.Random(name)
    subprocess.run([*COMMAND, *RUNS[name], "--out", str(whole)], check=True, capture_output=True)
    length, kills = WARM[name], 0

    def going_on():
        started = killed.joinpath("settings.json").exists()
        return ["resume", str(killed)] if started else [*RUNS[name], "--out", str(killed)]

    for kill in range(KILLS[name]):
        process = start(*going_on())
        before, until = newest(killed), time.monotonic() + (length if kill % 2 else moments.uniform(0.5, length))
        while process.poll() is None and time.monotonic() < until and not (kill % 2 and newest(killed) != before):
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.03))
        number = moments.choice(SIGNALS)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        if process.returncode == 0:
            continue  # it had come to its end
        kills += 1
        assert process.returncode in (-number, 128 + number), said  # the first before signals are answered
        assert "Traceback" not in said
        if process.returncode > 0 and newest(killed):
            assert f"equilearn resume {killed}` goes on" in said
    assert kills > KILLS[name] / 4
    run(*going_on())
    same_results(whole, killed)
    assert not list(killed.rglob(".*.part"))


def launch(folder, *, ready):
    """Start a run, and return it when a file is there."""
    flags = ["solve", "brock-mirman", "--episodes", "3000000", "--check-every", "30000", "--out", str(folder)]
    if ready == "solution.npz":
        flags[3], flags[5] = "100", "50"
    process = start(*flags)
    while not (folder / ready).exists() and process.poll() is None:
        time.sleep(0.005)
    return process


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_in_the_certificate_and_two_while_learning_end_at_once_and_in_words(number, code, tmp_path):
    certifying = launch(tmp_path / "certificate", ready="solution.npz")
    certifying.send_signal(number)
    learning = launch(tmp_path / "learning", ready="tensorboard")
    time.sleep(3.0)
    learning.send_signal(number)
    time.sleep(0.2)
    learning.send_signal(number)
    ended = time.monotonic()
    for process in (certifying, learning):
        _, said = process.communicate(timeout=60)
        assert process.returncode == code
        assert "` goes on" in said and "Traceback" not in said and said.count("\n") <= 2
    assert time.monotonic() - ended < 10, "a compiled call of 30,000 episodes was not waited for"


class Counting(Problem):
    """Learns nothing; the second check is interrupted, as by Ctrl-C in a notebook."""

    def generate(self, networks, world, *, key):
        return jnp.zeros((4, 1)), world + 1

    def loss(self, networks, world, batch, *, key):
        return jnp.sum(networks**2), {}

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(networks)}


def test_ctrl_c_in_python_leaves_a_checkpoint_too(tmp_path, monkeypatch):
    settings = LearnSettings(episodes=50, check_every=10, batch_size=4, checkpoint_seconds=1e6)

    def learnt(folder, resume=False):
        arguments = (Counting(), jnp.ones(2), jnp.zeros((), jnp.int32), adam(0.1), settings)
        return learn(*arguments, key=key_of(0), folder=folder, resume=resume).state

    whole = learnt(tmp_path / "whole")
    with monkeypatch.context() as patched:
        calls = iter(range(100))

        def interrupt(*arguments):
            if next(calls) == 2:
                raise KeyboardInterrupt

        patched.setattr("equilearn.learn.driver._record", interrupt)
        with pytest.raises(KeyboardInterrupt):
            learnt(tmp_path / "cut")
    with np.load(tmp_path / "cut" / LAST) as kept:
        assert os.path.getsize(tmp_path / "cut" / LAST) and kept.files
    again = learnt(tmp_path / "cut", resume=True)
    assert int(again.episode) == 50 and jnp.array_equal(again.networks, whole.networks)


def test_a_signal_in_the_last_call_leaves_the_rest_to_a_resume(tmp_path, monkeypatch):
    model, settings = BrockMirman(), SolveSettings(episodes=20, width=8, depth=1, check_every=20, restart=0.1)
    whole = solve(model, settings=settings, live=False)
    with monkeypatch.context() as asked:
        asked.setattr("equilearn.interrupts.requested", lambda: int(signal.SIGTERM))
        with pytest.raises(Interrupted) as said:
            solve(model, settings=settings, folder=tmp_path, live=False)
    assert said.value.code == 143 and (tmp_path / LAST).exists()
    again = solve(model, settings=settings, folder=tmp_path, resume=True, live=False)
    for one, other in zip(again.policy_function.network.weights, whole.policy_function.network.weights, strict=True):
        np.testing.assert_array_equal(one, other)
