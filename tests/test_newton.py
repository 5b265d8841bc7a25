"""Newton's steps: nearer to known answers, taken only where they help, reproducible, resumable, refused in words."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from oracles import growth_by_endogenous_grid
from tempted import Tempted
from test_policy_error import Price

import equilearn as eq
from equilearn import cli
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.growth import Growth

QUICK = eq.SolveSettings(episodes=60, width=16, check_every=20, restart=0.1)


def same(one, other):
    pairs = zip(jax.tree.leaves(one.policy_function), jax.tree.leaves(other.policy_function), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_a_step_takes_growth_a_digit_nearer_to_the_endogenous_grid():
    model, gaps = Growth(), []
    for newton in (0, 1):
        solution = eq.solve(model, settings=replace(model.settings(), episodes=200, newton=newton))
        path = solution.simulate(5000, burn_in=100)
        capital = np.exp(path.log_capital.values)
        resources = np.exp(path.shock.values) * capital**model.capital_share + (1 - model.depreciation) * capital
        exact = 1 - growth_by_endogenous_grid(model)(capital, path.shock.values) / resources
        gaps.append(np.abs(path.savings_rate.values - exact))
    assert gaps[1].mean() < gaps[0].mean() / 5
    assert gaps[1].max() < gaps[0].max()
    assert "1 step of Newton's method left" in solution.message


@pytest.mark.slow
def test_a_linear_model_is_solved_by_one_step_and_one_without_a_solution_is_left_alone():
    settings = replace(QUICK, episodes=10, check_every=10)
    gaps = {}
    for newton in (0, 2):
        path = eq.solve(Price(), settings=replace(settings, newton=newton)).simulate(2000)
        gaps[newton] = np.abs(path.p.values - path.shock.values / (1 - 0.9 * 0.5)).mean()
    assert gaps[2] < gaps[0] / 10
    explosive = Price(a=1.05)
    before, after = (eq.solve(explosive, settings=replace(settings, newton=newton)) for newton in (0, 3))
    assert "Newton's method was no help with the corrections: " in after.message
    assert same(before, after)


@pytest.mark.slow
def test_a_run_with_steps_is_reproducible_and_resumes_and_says_so(tmp_path, capsys):
    model, settings = BrockMirman(), replace(QUICK, newton=2)
    once = eq.solve(model, settings=settings, folder=tmp_path / "run", live=False)
    exact = model.capital_share * model.discount
    assert np.abs(once.simulate(50, burn_in=0, paths=20).savings_rate.values / exact - 1).mean() < 1e-4
    assert same(once, eq.solve(model, settings=settings, live=False))
    assert same(once, eq.solve(model, settings=settings, folder=tmp_path / "run", resume=True, live=False))
    with pytest.raises(eq.UserError, match="newton is 2 there, but 0 here"):
        eq.solve(model, settings=QUICK, folder=tmp_path / "run", resume=True, live=False)
    flags = ["--episodes", "40", "--width", "8", "--newton", "2"]
    assert cli.run(["solve", "brock-mirman", *flags, "--out", str(tmp_path / "cli")]) == 0
    assert "Newton's method" in eq.load(tmp_path / "cli").message


@pytest.mark.slow
def test_parameters_that_vary_have_steps_too():
    settings = replace(QUICK, newton=2)
    for discount in (0.9, 0.95):
        solution = eq.solve(BrockMirman(discount=discount), settings=settings, varying=("discount",), live=False)
        exact = discount * BrockMirman().capital_share
        assert np.abs(solution.simulate(50, burn_in=0, paths=20).savings_rate.values / exact - 1).mean() < 1e-4


def test_what_steps_cannot_follow_is_refused_before_the_work(tmp_path, capsys):
    with pytest.raises(eq.UserError, match="newton must be 0 for Tempted: the equations ask for tomorrow's policy"):
        eq.solve(Tempted(), settings=replace(QUICK, newton=1))
    tempted = f"{Path(__file__).parents[1] / 'examples' / 'tempted.py'}:Tempted"
    assert cli.run(["solve", tempted, "--newton", "1", "--out", str(tmp_path / "refused")]) == 2
    assert "newton must be 0 for Tempted" in capsys.readouterr().err and not (tmp_path / "refused").exists()
    negative = Price(a=0.8, shock=eq.Gaussian(tuple(map(tuple, np.eye(6))), persistence=0.5, rule=eq.Monomial(5)))
    with pytest.raises(eq.UserError, match=r"newton must be 0 for Price: .* negative weights"):
        eq.solve(negative, settings=replace(QUICK, newton=1))
    with pytest.raises(eq.UserError, match="newton must be at least 0, not -1"):
        replace(QUICK, newton=-1)


@pytest.mark.slow
def test_what_goes_wrong_in_a_step_costs_the_step_only(monkeypatch):
    def wrong(*arguments):
        raise TypeError("has no derivative")

    monkeypatch.setattr("equilearn.equilibrium.newton.corrections", wrong)
    settings = replace(QUICK, episodes=20)
    plain, tried = (eq.solve(BrockMirman(), settings=replace(settings, newton=newton)) for newton in (0, 1))
    assert tried.message.endswith("Newton's method failed: TypeError: has no derivative")
    assert same(plain, tried)
