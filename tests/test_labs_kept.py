"""What a lab keeps: finished parts survive a kill, belong to their settings, and have one writer; flags are checked."""

import copy
import dataclasses
import io
import json
import math
import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest
from forking import COMMAND, start
from rich.console import Console

from equilearn import cli, lab_runs, labs
from equilearn.errors import UserError
from equilearn.labs.dimension import Dimension
from equilearn.labs.gradients import Gradients
from equilearn.learn.live import LiveLine

SMALL = ["--depth", "4", "--width", "8", "--seeds", "2"]


def without_seconds(value):
    """Return a result without what a clock measured."""
    if isinstance(value, dict):
        return {name: without_seconds(one) for name, one in value.items() if "seconds" not in name}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


def result_of(folder):
    return without_seconds(json.loads((folder / "result.json").read_text()))


@pytest.fixture
def done(tmp_path):
    folder = tmp_path / "done"
    assert cli.run(["lab", "gradients", *SMALL, "--out", str(folder)]) == 0
    return folder


def test_an_interrupted_lab_goes_on_with_the_part_it_was_at(tmp_path, monkeypatch, done):
    folder, measure, calls = tmp_path / "stopped", Gradients._measure, []

    def stop_at_the_third(self, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(self, *arguments)

    monkeypatch.setattr(Gradients, "_measure", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        lab_runs.begin("gradients", Gradients(depth=4, width=8, seeds=2), folder)
    assert len(list((folder / "parts").iterdir())) == 2 and not (folder / "result.json").exists()
    assert cli.run(["resume", str(folder)]) == 0
    assert len(calls) == 3 + 4, "the two finished parts are not done again"
    assert result_of(folder) == result_of(done)
    assert (folder / "figures").is_dir() and "<table>" in (folder / "report.html").read_text()


def test_a_lab_that_is_done_is_not_done_again(done, monkeypatch):
    whole = (done / "result.json").read_bytes()
    monkeypatch.setattr(Gradients, "_measure", None)
    assert cli.run(["resume", str(done)]) == 0
    assert (done / "result.json").read_bytes() == whole


def test_a_folder_that_holds_a_run_is_not_begun_anew(done, capsys):
    whole = (done / "settings.json").read_bytes()
    for command in (
        ["lab", "gradients", *SMALL],
        ["lab", "dimension"],
        ["solve", "brock-mirman"],
        ["solve", "brock-mirman", "--seeds", "2"],
        ["train", "dqn", "CartPole-v1"],
    ):
        capsys.readouterr()
        assert cli.run([*command, "--out", str(done)]) == 2
        assert f"holds a run already; `equilearn resume {done}`" in capsys.readouterr().err
    for command, words in (
        (["resume", "--episodes", "3"], "is a lab, which goes on as it was begun"),
        (["resume", "--model", "own.py:Own"], "is a lab, which goes on as it was begun"),
        (["evaluate"], "holds a lab, not an economy"),
        (["simulate"], "holds a lab, not an economy"),
    ):
        assert cli.run([command[0], str(done), *command[1:]]) == 2
        assert words in capsys.readouterr().err
    assert (done / "settings.json").read_bytes() == whole


def test_settings_changed_after_the_run_do_not_pass_its_parts_off_as_theirs(done, capsys):
    settings = json.loads((done / "settings.json").read_text())
    settings["settings"]["width"] = 9
    (done / "settings.json").write_text(json.dumps(settings))
    capsys.readouterr()
    assert cli.run(["resume", str(done)]) == 2
    assert "width is 8 there, but 9 here" in capsys.readouterr().err
    for bad, words in (
        ({"width": 0}, "width must be at least"),
        ({"girth": 9}, "other settings than this version's"),
    ):
        (done / "settings.json").write_text(json.dumps({"run": "lab", "lab": "gradients", "settings": bad}))
        assert cli.run(["resume", str(done)]) == 2
        assert words in capsys.readouterr().err


def test_a_damaged_part_is_named_and_done_anew_where_it_is_deleted(done, capsys):
    whole = result_of(done)
    part = sorted((done / "parts").iterdir())[1]
    content = part.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"[]",
        b"{}",
        b"\xff" + content,
        content.replace(b"0.", b"1.", 1),
    ):
        part.write_bytes(damaged)
        capsys.readouterr()
        assert cli.run(["resume", str(done)]) == 2
        assert f"{part.name}: is damaged; delete it" in capsys.readouterr().err
    part.unlink()
    assert cli.run(["resume", str(done)]) == 0
    assert result_of(done) == whole


def test_a_lab_does_not_go_on_where_what_it_learns_from_has_changed(tmp_path, monkeypatch):
    lab, data = Gradients(depth=4, width=8, seeds=2), [np.arange(3.0), "a text"]
    monkeypatch.setattr(Gradients, "learns_from", lambda self: data)
    lab.run(tmp_path, live=False)
    lab.run(tmp_path, live=False)
    for other in ([np.arange(3.0), "a test"], [np.arange(3), "a text"], [np.arange(3.0)[:, None], "a text"], None):
        data = other
        with pytest.raises(UserError, match=r"Gradients: what it learns from has changed since '.*' was done"):
            lab.run(tmp_path, live=False)
    with pytest.raises(UserError, match="width is 8 there, but 9 here"):
        dataclasses.replace(lab, width=9).run(tmp_path, live=False)


@pytest.mark.slow
def test_killed_at_random_moments_a_lab_ends_where_the_whole_one_ends(tmp_path):
    flags = ["--epochs", "150", "--seeds", "1", "--samples", "10"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*COMMAND, "lab", "overfitting", *flags, "--out", str(whole)], check=True, capture_output=True)
    moments, signals = random.Random(0), [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    kept = 0
    for attempt in range(6):
        command = ["resume", killed] if attempt else ["lab", "overfitting", *flags, "--out", killed]
        process = start(*command)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(killed.glob("parts/*.json"))) > kept:
                break
            time.sleep(0.01)
        if attempt == 0:  # while it lives, nobody else may
            os.kill(process.pid, signal.SIGSTOP)
            second = start("resume", killed)
            assert "another process is writing to it" in second.communicate()[1] and second.returncode == 2
            os.kill(process.pid, signal.SIGCONT)
        time.sleep(moments.uniform(0, 0.3))
        kept = len(list(killed.glob("parts/*.json")))
        if attempt < 3 and process.poll() is None:
            os.kill(process.pid, signals[attempt])
            process.communicate()
            assert process.returncode != 0
            continue
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        break
    assert not list(killed.rglob(".*.part"))
    assert result_of(killed) == result_of(whole)


def wrong_values():
    """Every setting of every lab with values that make no sense there."""
    for name in labs.LABS:
        kind = labs.find(name)
        for field in dataclasses.fields(kind):
            default = getattr(kind(), field.name)
            if default == ():  # names of columns, which only the table can judge
                yield from ((kind, field.name, wrong) for wrong in (None, "p", ["p"], (3,), (None,)))
                continue
            one = default[0] if isinstance(default, tuple) else default
            if isinstance(one, bool):
                values = ["yes", 2, None]
            elif isinstance(one, int):
                least = 0 if field.name == "seed" else kind.bounds.get(field.name, (1, 1))[0]
                values = [-1, 10**12, 2.5, math.nan, "many", None, True] + ([0] if least > 0 else [])
            elif isinstance(one, float):
                values = [math.nan, math.inf, -math.inf, 1e300, "much", None, True]
            else:
                values = [3, None] + ([] if field.name == "tensorboard" else ["no such thing"])
            if isinstance(default, tuple):
                yield from ((kind, field.name, wrong) for wrong in ((), None, one, [one], *((v,) for v in values)))
            else:
                yield from ((kind, field.name, wrong) for wrong in (*values, (one,), [one]))


WRONG = list(wrong_values())


def test_three_hundred_wrong_settings_end_in_one_message():
    assert len(WRONG) > 300
    for kind, name, value in WRONG:
        lab = copy.copy(kind())
        object.__setattr__(lab, name, value)  # past the checks of types that the tests, and only they, put before it
        with pytest.raises(UserError, match=f"^{kind.__name__}: {name} "):
            lab.__post_init__()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["gradient-descent", "--rate", "1"], "rate must be at most"),
        (["gradient-descent", "--rate", "nan"], "rate must be a number, not nan"),
        (["dimension", "--points", "1000", "--largest", "6"], "1e+18 points"),
        (["gradients", "--depth", "300", "--width", "2000"], "exceed double precision"),
        (["borrowing", "--limits", "0.5"], "limits must be at most"),
        (["borrowing", "--limits"], "at least one value"),
        (["carbon-tax", "--variants", "CDICE", "MARS"], "variants must be one of"),
        (["carbon-tax", "--draws", "100"], "power of two"),
        (["tabular", "--layout", "2025"], "layout must be one of"),
        (["genz", "--full", "--points", "1"], "points must be at least"),
        (["nothing"], "no such lab"),
    ],
)
def test_wrong_flags_end_before_a_folder_is_made(flags, words, tmp_path, capsys):
    assert cli.run(["lab", *flags, "--out", str(tmp_path / "new")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("equilearn: ") and words in error
    assert not (tmp_path / "new").exists()


def test_flags_beside_full_win():
    kind = labs.find("genz")
    assert kind.in_full(seeds=3) == kind(**{**kind.full, "seeds": 3})


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal was shown."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=200)
    monkeypatch.setattr("equilearn.learn.live.Console", lambda **_: console)
    return shown


def test_a_lab_shows_what_it_does_and_how_far_it_is(terminal):
    Dimension(points=2, largest=2, seeds=1).run(title="dimension")
    assert "0:00  dimension: 1 of 2: grids" in terminal.getvalue()
    assert "dimension: 2 of 2: the ball in the cube" in terminal.getvalue()


def test_the_loop_inside_a_lab_adds_to_its_line(terminal):
    with LiveLine("lab", live=True) as outer:
        outer.say("1 of 3: digits")
        with LiveLine("fit", live=True) as inner:
            inner.say("12%")
        with LiveLine("silent", live=False) as inner:
            inner.say("nothing")
        outer.say("2 of 3: irises")
    assert "lab: 1 of 3: digits  fit: 12%" in terminal.getvalue()
    assert "lab: 2 of 3: irises" in terminal.getvalue() and "nothing" not in terminal.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal(capsys):
    Dimension(points=2, largest=2, seeds=1).run(title="dimension")
    assert capsys.readouterr() == ("", "")
