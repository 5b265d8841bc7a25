"""Several devices and processes: the same run as on one, a roll call in words, and an end in words."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import forking
import numpy as np
import pytest

from benchmarks.processes import first_losses
from equilearn import cli
from equilearn.errors import UserError
from equilearn.learn.rollcall import address_of, come_to, wait_for_all

QUICK = os.environ | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_backend_optimization_level=0"}
"""Environment of programs whose compilation takes longer than their work."""
SMALL = ["--width", "8", "--paths", "16", "--batch-size", "32", "--check-every", "1"]
OWN_MODEL = '''
from typing import NamedTuple
import jax
from equilearn import AR1, Interval, Model, SolveSettings, euler_error

class Cake(Model):
    """A cake that grows by chance, eaten a slice a period."""
    shock: AR1 = AR1(persistence=0.5, innovation_std=0.1)

    class State(NamedTuple):
        cake: jax.Array
        shock: jax.Array

    class Policy(NamedTuple):
        share: jax.Array

    def initial(self, key):
        return self.State(jax.random.uniform(key, minval=0.5, maxval=1.5), jax.numpy.zeros(()))

    def policies(self, state):
        return {"share": Interval(0.0, 1.0)}

    def transition(self, state, policy, shock):
        return self.State((state.cake * (1 - policy.share)) ** 0.5 * jax.numpy.exp(shock), shock)

    def errors(self, state, policy, expect):
        value = expect(lambda s, p: 0.5 * s.cake / (state.cake * (1 - policy.share)) / (s.cake * p.share))
        return {"euler": euler_error(0.9 * value, state.cake * policy.share, 1.0)}

    def settings(self):
        return SolveSettings(restart=0.1)
'''


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=QUICK)


def launch_pair(*arguments, second=()):
    """Start a command in two processes; the second may be given more flags."""
    flags = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--rank"]
    ranks = (("0", *arguments), ("1", *arguments, *second))
    return [forking.start(*flags, *rank, env=QUICK) for rank in ranks]


def ended(processes, seconds=300):
    """Return exit code and what was said on stderr of every process, without what JAX or the system add to it."""
    said = [process.communicate(timeout=seconds)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def rows_of(folder):
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_rows(folder, count, seconds=200):
    deadline = time.monotonic() + seconds
    while len(rows_of(folder)) < count:
        assert time.monotonic() < deadline, "the run does not begin"
        time.sleep(0.05)


@pytest.mark.slow
def test_four_devices_of_one_process_give_the_run_of_one_up_to_rounding(tmp_path):
    """The losses of the first steps agree to rounding; later steps magnify it, as they do any other difference."""
    flags = ["solve", "olg", "--generations", "3", "--width", "16", "--check-every", "1", "--episodes", "2"]
    four = QUICK | {"XLA_FLAGS": f"{QUICK['XLA_FLAGS']} --xla_force_host_platform_device_count=4"}
    for name, environment in (("one", QUICK), ("four", four)):
        forking.run(*flags, "--batch-size", "512", "--out", tmp_path / name, env=environment)  # two steps an episode
    one, four = rows_of(tmp_path / "one"), rows_of(tmp_path / "four")
    assert four[0]["loss/euler"] == pytest.approx(one[0]["loss/euler"], rel=1e-4)
    for reference, row in zip(one, four, strict=True):
        assert row["loss/loss"] == pytest.approx(reference["loss/loss"], rel=1e-3)
    assert one[1]["loss/loss"] != one[0]["loss/loss"]
    assert (tmp_path / "four" / "result.json").exists()


@pytest.mark.slow
def test_economies_start_on_two_processes_as_they_do_on_one():
    """Without a shock, with a chain, with normal shocks; `python -m benchmarks processes` compares every economy.

    The first losses agree to the order of summation: in single precision, through roots and powers.
    """
    alone, first, second = first_losses(["brock-mirman", "analytic-olg", "growth"])
    assert first == second and len(alone) == 3
    for one, split in zip(alone, first, strict=True):
        assert split == pytest.approx(one, rel=5e-4)


@pytest.mark.slow
def test_a_signal_to_one_process_ends_all_with_a_checkpoint_and_they_go_on_together(tmp_path):
    """With a model of one's own: what resumes after the signal is bit for bit the run that had none."""
    (tmp_path / "cake.py").write_text(OWN_MODEL)
    whole, folder, model = tmp_path / "whole", tmp_path / "run", f"{tmp_path / 'cake.py'}:Cake"
    pair = launch_pair("solve", model, *SMALL, "--episodes", "150", "--out", str(folder))
    wait_for_rows(folder, 3)
    pair[1].send_signal(signal.SIGTERM)
    for code, said in ended(pair, 60):
        assert code == 128 + signal.SIGTERM
        assert "interrupted" in said and "equilearn resume" in said and "Traceback" not in said
    done = len(rows_of(folder))
    assert 3 <= done < 150
    resumed = launch_pair("resume", str(folder), "--model", model)
    again = launch_pair("solve", model, *SMALL, "--episodes", "150", "--out", str(whole))
    for code, said in ended([*resumed, *again]):
        assert code == 0, said
    assert [row["episode"] for row in rows_of(folder)] == list(range(1, 151))
    clockless = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(run)] for run in (whole, folder)]
    assert clockless[0] == clockless[1]
    assert (folder / "result.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_peer_ends_the_run_in_words_with_a_checkpoint_to_resume_from(tmp_path, victim):
    folder = tmp_path / "run"
    pair = launch_pair("solve", "brock-mirman", *SMALL, "--episodes", "3000", "--out", str(folder))
    wait_for_rows(folder, 3)
    pair[victim].kill()
    code, said = ended(pair, 30)[1 - victim]
    assert code == 2
    assert said.count("\n") == 1
    assert "another process of the run ended" in said and "equilearn resume" in said
    done = len(rows_of(folder))
    with np.load(folder / "last.npz") as file:
        assert file.files
    forking.run("resume", folder, "--episodes", done + 2, env=QUICK)
    assert [row["episode"] for row in rows_of(folder)] == list(range(1, done + 3))
    assert (folder / "result.json").exists()


@pytest.mark.slow
def test_processes_that_cannot_begin_together_end_in_one_message_each(tmp_path):
    folder = tmp_path / "run"
    command = ["solve", "brock-mirman", *SMALL, "--episodes", "2", "--out"]
    other = launch_pair(*command, str(folder), second=["--discount", "0.9"])
    for rank, (code, said) in enumerate(ended(other)):
        assert code == 2
        assert said.count("\n") == 1
        assert f"the process of rank {1 - rank} was started differently: discount is" in said
    refused = launch_pair(*command, str(folder))  # the first process made a run of the folder
    (first, why), (second, lost) = ended(refused)
    assert (first, second) == (2, 2)
    assert why.count("\n") == lost.count("\n") == 1
    assert "holds a run already" in why and "another process of the run ended" in lost


@pytest.mark.parametrize(
    ("rank", "sentence"), [(0, "rank 1 of 2 processes did not come"), (1, "no process of rank 0 came")]
)
def test_a_peer_that_never_comes_ends_in_one_message(rank, sentence):
    code = (
        "from equilearn import cli; from equilearn.learn import devices; devices.PATIENCE_SECONDS = 1;"
        f"cli.main(['--coordinator=localhost:{free_port()}', '--processes=2', '--rank={rank}', 'solve', 'olg'])"
    )
    [(code, said)] = ended([start(sys.executable, "-c", code)], 60)
    assert code == 2
    assert said.count("\n") == 1
    assert sentence in said and "within 1 seconds" in said


def member(rank, processes=3, **more):
    return {"rank": rank, "processes": processes, **more}


def roll_call(*members, patience=10.0, port=None, before=lambda: None):
    """Return how the roll call ended for each: None, the first process's address, or the sentence.

    `before` happens once the first has started, and before the others do.
    """
    port, ends = port or free_port(), {}

    def take_part(place, me):
        call = wait_for_all if me["rank"] == 0 else come_to
        try:
            ends[place] = call("localhost", port, me, patience=patience)
        except UserError as error:
            ends[place] = str(error)

    threads = [threading.Thread(target=take_part, args=one) for one in enumerate(members)]
    threads[0].start()
    before()
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    return [ends[place] for place in range(len(members))], port


def test_all_come_and_the_first_listens_where_it_was_told_to():
    ends, port = roll_call(member(0), member(2), member(1))
    assert ends == [f"127.0.0.1:{port}", None, None]


def test_strangers_are_left_alone_and_those_who_left_may_come_again():
    port = free_port()

    def disturb():
        say = [b"GET / HTTP/1.1\n", json.dumps(member(1)).encode() + b"\n"]
        while say:
            try:
                with socket.create_connection(("127.0.0.1", port)) as line:
                    line.sendall(say.pop(0))
            except ConnectionRefusedError:
                time.sleep(0.01)

    ends, _ = roll_call(member(0), member(1), member(2), port=port, before=disturb)
    assert ends == [f"127.0.0.1:{port}", None, None]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ((member(0), member(1), member(1)), "two processes have rank 1"),
        ((member(0), member(1, processes=2)), "processes is 3 for rank 0, but 2 for rank 1"),
        ((member(0, jax="1"), member(1, jax="2")), "jax is 1 for rank 0, but 2 for rank 1"),
    ],
)
def test_mistakes_end_the_roll_call_for_everybody(members, sentence):
    ends, _ = roll_call(*members)
    assert all(sentence in one for one in ends)


def test_who_is_missing_is_told_to_all_who_came():
    ends, _ = roll_call(member(0), member(2), patience=1.0)
    assert all("rank 1 of 3 processes did not come" in one for one in ends)


def test_an_address_in_use_or_of_another_machine_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match="is in use"):
            wait_for_all("localhost", port, member(0), patience=1.0)
    with pytest.raises(UserError, match="no address of this machine"):
        wait_for_all("192.0.2.1", port, member(0), patience=1.0)
    with pytest.raises(UserError, match="there is no host"):
        come_to("nowhere.invalid", port, member(1), patience=1.0)


def test_addresses_are_read_as_people_write_them():
    assert address_of("localhost:80") == ("localhost", 80)
    assert address_of("[::1]:65535") == ("::1", 65535)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--coordinator", "127.0.0.1:1"], "belong together"),
        (["--rank", "one"], "--rank: needs a whole number"),
        (["--processes=2.5"], "--processes: needs a whole number"),
        (["--coordinator"], "--coordinator: needs an address"),
        (["--coordinator", "nowhere", "--processes", "2", "--rank", "0"], "must be host:port"),
        (["--coordinator", "localhost:0", "--processes", "2", "--rank", "0"], "the port must be between"),
        (["--coordinator", "localhost:70000", "--processes", "2", "--rank", "0"], "the port must be between"),
        (["--coordinator", "127.0.0.1:1", "--processes", "2", "--rank", "2"], "--rank: must be between 0"),
        (["--coordinator", "127.0.0.1:1", "--processes", "0", "--rank", "0"], "--rank: must be between 0"),
    ],
)
def test_wrong_launch_flags_are_named(flags, said, capsys):
    assert cli.run([*flags, "solve", "olg"] if flags[-1] != "--coordinator" else flags) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["lab", "list", "evaluate", "simulate"])
def test_other_commands_are_not_for_several_processes(command, capsys):
    assert cli.run(["--coordinator", "127.0.0.1:1", "--processes", "2", "--rank", "0", command]) == 2
    assert "several processes are for `solve` and `resume`" in capsys.readouterr().err
