"""Several devices and processes: the same run as on one, and an end in words when one of them dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from equilearn import cli

COMMAND = [sys.executable, "-m", "equilearn"]
SOLVE = ["solve", "olg", "--generations", "6", "--width", "32", "--check-every", "1"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def launch(port, rank, *arguments):
    flags = ["--coordinator", f"127.0.0.1:{port}", "--processes", "2", "--rank", str(rank)]
    return subprocess.Popen([*COMMAND, *flags, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def first_rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_one_device_four_devices_and_two_processes_give_the_same_run_up_to_rounding(tmp_path):
    """The losses of the first steps agree to rounding; later steps magnify it, as they do any other difference."""
    flags = [*SOLVE, "--episodes", "2", "--batch-size", "512", "--out"]  # two steps an episode
    four = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    for name, environment in (("one", os.environ), ("four", four)):
        subprocess.run([*COMMAND, *flags, str(tmp_path / name)], check=True, capture_output=True, env=environment)
    port = free_port()
    pair = [launch(port, rank, *flags, str(tmp_path / "two")) for rank in (0, 1)]
    for process in pair:
        output = process.communicate(timeout=300)
        assert process.returncode == 0, output
    one = first_rows(tmp_path / "one")
    for name in ("four", "two"):
        for reference, row in zip(one, first_rows(tmp_path / name), strict=True):
            assert row["loss/loss"] == pytest.approx(reference["loss/loss"], rel=1e-3)
        assert row["loss/loss"] != first_rows(tmp_path / name)[0]["loss/loss"]
        assert first_rows(tmp_path / name)[0]["loss/euler"] == pytest.approx(one[0]["loss/euler"], rel=1e-4)
        assert (tmp_path / name / "result.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_peer_ends_the_run_in_words_with_a_checkpoint_to_resume_from(tmp_path, victim):
    folder, port = tmp_path / "run", free_port()
    flags = [*SOLVE, "--episodes", "400", "--out", str(folder)]
    pair = [launch(port, rank, *flags) for rank in (0, 1)]
    deadline = time.monotonic() + 200
    while not ((folder / "metrics.jsonl").exists() and len(first_rows(folder)) > 3) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(pair[victim].pid, signal.SIGKILL)
    survivor = pair[1 - victim]
    _, said = survivor.communicate(timeout=30)
    pair[victim].communicate()
    assert survivor.returncode == 2
    assert "another process of the run died" in said and "equilearn resume" in said and "Traceback" not in said
    done = len(first_rows(folder))
    with np.load(folder / "last.npz") as file:
        assert file.files
    subprocess.run([*COMMAND, "resume", str(folder)], check=True, capture_output=True)
    episodes = [row["episode"] for row in first_rows(folder)]
    assert episodes == list(range(1, len(episodes) + 1)) and len(episodes) > done
    assert (folder / "result.json").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--coordinator", "127.0.0.1:1"], "belong together"),
        (["--rank", "one"], "--rank: needs a whole number"),
        (["--coordinator", "nowhere", "--processes", "2", "--rank", "0"], "must be host:port"),
        (["--coordinator", "127.0.0.1:1", "--processes", "2", "--rank", "2"], "--rank: must be between 0"),
    ],
)
def test_wrong_launch_flags_are_named(flags, said, capsys):
    assert cli.run([*flags, "list"]) == 2
    assert said in capsys.readouterr().err
