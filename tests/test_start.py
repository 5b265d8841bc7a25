"""Starting from a solution: nearer to a neighbour's closed form than from nothing, resumable, on the command line."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

import equilearn as eq
from equilearn import cli
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.growth import Growth
from equilearn.equilibrium.start import warm_settings

SMALL = eq.SolveSettings(episodes=200, width=16, check_every=50, restart=0.1)


@functools.cache
def first():
    return eq.solve(BrockMirman(), settings=SMALL, live=False)


def savings_error(solution):
    """Largest error of the savings rate, which is capital share times discount factor."""
    exact = solution.model.capital_share * solution.model.discount
    rates = solution.simulate(50, burn_in=0, paths=20).savings_rate.values
    return np.abs(rates / exact - 1).max()


@pytest.mark.slow
def test_a_neighbour_is_nearer_from_a_solution_than_from_nothing():
    near, few = BrockMirman(discount=first().model.discount - 0.02), replace(SMALL, episodes=50)
    cold, warm = eq.solve(near, settings=few, live=False), eq.solve(near, settings=few, start=first(), live=False)
    assert savings_error(warm) < savings_error(cold) / 3
    assert savings_error(warm) < 2e-3


@pytest.mark.slow
def test_a_run_from_a_solution_resumes_and_knows_what_it_started_from(tmp_path):
    settings = warm_settings(SMALL, first())
    assert (settings.episodes, settings.width) == (50, 16)
    once = eq.solve(BrockMirman(), settings=settings, start=first(), folder=tmp_path, live=False)
    again = eq.solve(BrockMirman(), settings=settings, start=first(), folder=tmp_path, resume=True, live=False)
    for one, other in zip(once.policy_function.network.weights, again.policy_function.network.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(eq.UserError, match="its start changed since"):
        eq.solve(BrockMirman(), settings=settings, start=once, folder=tmp_path, resume=True, live=False)


@pytest.mark.slow
def test_the_command_line_continues_from_a_folder(tmp_path, capsys):
    start = first().save(tmp_path / "first.npz")
    out = tmp_path / "second"
    assert (
        cli.run(["solve", "brock-mirman", "--continue-from", str(start), "--discount", "0.93", "--out", str(out)]) == 0
    )
    stored = json.loads((out / "settings.json").read_text())
    assert stored["model"]["discount"] == 0.93
    assert (stored["settings"]["width"], stored["settings"]["episodes"]) == (16, BrockMirman().settings().episodes // 4)
    assert (out / "start.npz").exists()
    assert savings_error(eq.load(out / "solution.npz")) < 1e-3
    assert cli.run(["resume", str(out)]) == 0
    assert cli.run(["solve", "growth", "--continue-from", str(start), "--out", str(tmp_path / "third")]) == 2
    assert "not of equilearn.economies.growth.Growth" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


@pytest.mark.slow
def test_what_cannot_be_started_from_is_refused():
    for start, settings, said in (
        (first(), SMALL, "with 1 features, but Growth has 2"),
        (first(), eq.SolveSettings(width=32), "its network has width 16, but the settings say 32; give it 16"),
    ):
        with pytest.raises(eq.UserError, match=said):
            eq.solve(Growth(), settings=settings, start=start, live=False)
