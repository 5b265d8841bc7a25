"""Many runs in one call: the table, the folders, failures and resuming, here and on executors."""

import concurrent.futures
import multiprocessing
import os
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import jax
import levels
import pytest
from saver import Saver

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman

QUICK = eq.SolveSettings(episodes=60, width=8, depth=1, check_every=20, restart=0.1)


class Serial:
    """A stand-in for an executor: runs at once, and keeps count."""

    def __init__(self):
        self.calls = 0

    def submit(self, function, *arguments):
        self.calls += 1
        future: Any = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


class Broken(BrockMirman):
    """A model that raises."""

    def errors(self, state, policy, expect):
        return {"euler": state.wages}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, executor = tmp_path_factory.mktemp("many"), Serial()
    models = [BrockMirman(discount=0.95), Broken()]
    table = eq.solve_many(models, seeds=(0, 1), folder=folder, settings=QUICK, executor=executor)
    return folder, models, table, executor


@pytest.mark.slow
def test_a_table_has_a_row_for_every_run_with_what_differs(runs):
    folder, _, table, executor = runs
    assert executor.calls == len(table) == 4
    names = ["BrockMirman-discount=0.95-seed=0", "BrockMirman-discount=0.95-seed=1", "Broken-seed=0", "Broken-seed=1"]
    assert table.index.tolist() == names
    assert table.discount.tolist() == [0.95, 0.95, 0.99, 0.99] and "capital_share" not in table
    assert table.seed.tolist() == [0, 1] * 2 and table.model.tolist() == ["BrockMirman"] * 2 + ["Broken"] * 2
    assert (table["euler mean"][:2] > 0).all() and table["euler mean"][:2].nunique() == 2
    assert (table.seconds[:2] > 0).all()
    alone = eq.solve(BrockMirman(discount=0.95), settings=QUICK, seed=1)
    assert table["euler mean"].iloc[1] == pytest.approx(alone.accuracy().summary()["euler"]["mean"])
    again = eq.load(table.folder.iloc[1])
    assert again.model == BrockMirman(discount=0.95) and again.seed == 1
    leaves = zip(jax.tree.leaves(again.policy_function), jax.tree.leaves(alone.policy_function), strict=True)
    assert all((a == b).all() for a, b in leaves)
    assert {path.name for path in folder.iterdir()} == set(table.index)


def test_a_failure_is_a_row_with_its_message(runs):
    failed = runs[2][runs[2].model == "Broken"]
    assert failed.outcome.tolist() == ["failed"] * 2 and failed["euler mean"].isna().all()
    assert failed.message.str.contains("wages").all() and not failed.accurate.any()


def test_called_again_it_reads_what_is_finished_and_tries_again_what_failed(runs, monkeypatch):
    folder, models, table, _ = runs
    import equilearn.equilibrium.many as many

    tried = []
    monkeypatch.setattr(many, "solve", lambda model, **named: tried.append(model) or 1 / 0)
    again = eq.solve_many([*models, BrockMirman(discount=0.9)], seeds=(0, 1), folder=folder, settings=QUICK)
    assert tried == [BrockMirman(discount=0.9)] * 2, "Broken fails before"
    assert again[:2].drop(columns="message").equals(table[:2].drop(columns="message"))
    assert again.message.iloc[-1] == "ZeroDivisionError: division by zero"


def test_an_interrupted_run_is_resumed_and_another_is_refused(runs):
    folder, models, table, _ = runs
    place = folder / table.index[0]
    checkpoint = (place / "last.npz").read_bytes()
    (place / "row.json").unlink()
    (place / "solution.npz").unlink()
    again = eq.solve_many(models[:1], folder=folder, settings=QUICK)
    assert again["euler mean"].iloc[0] == table["euler mean"].iloc[0]
    assert (place / "last.npz").read_bytes() == checkpoint, "nothing was learnt again"
    other = eq.solve_many(models[:1], folder=folder, settings=eq.SolveSettings(episodes=61, width=8, depth=1))
    assert "holds another run" in other.message.iloc[0] and "episodes" in other.message.iloc[0]


class Dying(Serial):
    """An executor whose workers die."""

    def submit(self, function, *arguments):
        future: Any = concurrent.futures.Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future


def test_wrong_arguments_and_dying_workers(tmp_path):
    table = eq.solve_many(Saver(), folder=tmp_path, settings=QUICK, executor=Dying())
    assert table.message.iloc[0] == "the worker failed: BrokenProcessPool: killed"
    for arguments, said in (
        ({"models": []}, "at least one model"),
        ({"models": [Saver(), Saver()]}, "two runs called Saver-seed=0"),
        ({"models": {"../up": Saver()}}, "cannot be the name of a folder"),
        ({"models": Saver(), "seeds": [-1]}, "seed must be at least 0"),
        ({"models": Saver(), "executor": 3}, "executor: needs a method"),
    ):
        with pytest.raises(eq.UserError, match=said):
            eq.solve_many(**({"folder": tmp_path / "new", "settings": QUICK} | arguments))
    assert not (tmp_path / "new").exists(), "refused before anything is written"


def test_names_say_what_is_not_usual_and_are_the_same_in_every_table():
    from equilearn.equilibrium.many import _name

    assert _name(Saver()) == "Saver" and _name(Saver(discount=0.9)) == "Saver-discount=0.9"
    long = _name(Saver(income=(0.5, 1.5)))
    assert long.startswith("Saver-income=") and long == _name(Saver(income=(0.5, 1.5)))
    assert long != _name(Saver(income=(0.5, 1.25)))


@pytest.mark.slow
def test_a_pool_of_processes_finds_the_same(runs, tmp_path, monkeypatch):
    folder, models, table, _ = runs
    start = eq.load(folder / table.index[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, ["src", os.environ.get("PYTHONPATH")])))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn, initializer=levels.choose) as pool:
        found = eq.solve_many(models[:1], folder=tmp_path / "a", settings=QUICK, executor=pool)
        warm = eq.solve_many(models[0], folder=tmp_path / "b", settings=QUICK, start=start, executor=pool)
    assert found["euler mean"].iloc[0] == pytest.approx(table["euler mean"].iloc[0], rel=1e-4)
    assert warm.outcome.iloc[0] == "exhausted" and warm["euler mean"].iloc[0] < found["euler mean"].iloc[0]
