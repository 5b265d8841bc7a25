"""Economies in which a bound binds now and then, with the settings that a user gets, against independent solutions."""

from dataclasses import replace

import numpy as np
import pytest
from oracles_of_kinks import (
    buffer_stock_by_endogenous_grid,
    new_keynesian_by_policy_iteration,
    search_by_value_iteration,
)

from equilearn.economies.buffer_stock import BufferStock
from equilearn.economies.growth import Growth
from equilearn.economies.new_keynesian import NewKeynesian
from equilearn.economies.search import Search
from equilearn.equilibrium import AR1, solve
from equilearn.equilibrium.verdict import judge


def seen(solution):
    """Return what happens in 40,000 periods of 20 economies, by name."""
    simulation = solution.simulate(2000, paths=20, burn_in=200)
    return {name: simulation[name].values.ravel().astype(float) for name in simulation}


def nearly_all(error):
    return np.percentile(np.abs(error), 99.9)


def test_steepness_is_recommended_where_a_bound_has_a_multiplier():
    assert BufferStock().settings().steepness > Growth().settings().steepness


@pytest.mark.slow
def test_buffer_stock_agrees_with_the_endogenous_grid_at_its_limit():
    model = BufferStock()
    path = seen(solve(model))
    exact = buffer_stock_by_endogenous_grid(model)(path["persistent"], path["cash"])
    at_limit = np.mean(path["cash"] - exact < 1e-9)
    assert 0.005 < at_limit < 0.1, "the limit must bind sometimes for this test to say anything"
    assert np.mean(path["savings"] <= 0) == pytest.approx(at_limit, abs=0.002)
    assert nearly_all(path["consumption"] / exact - 1) <= 1e-3


@pytest.mark.slow
def test_search_agrees_with_value_iteration_where_nobody_hires():
    model = Search()
    path = seen(solve(model))
    exact = search_by_value_iteration(model)(path["shock"])
    cost = model.cost_capital * np.exp(path["shock"]) + model.cost_labour * np.exp(model.cost_power * path["shock"])
    nobody = exact <= cost
    assert np.any(nobody), "hiring must stop sometimes for this test to say anything"
    assert np.mean((path["waiting"] <= 0) != nobody) <= 0.2 * np.mean(nobody)
    assert nearly_all(path["worth"] - exact) <= 1e-2 * np.mean(exact)


@pytest.mark.slow
def test_new_keynesian_agrees_with_policy_iteration_and_is_not_vouched_for_without_an_equilibrium():
    model = NewKeynesian()
    solution = solve(model)
    path = seen(solution)
    output, inflation = new_keynesian_by_policy_iteration(model)(path["shock"])
    assert np.mean(path["at_floor"]) == pytest.approx(0.03, abs=0.01)
    assert nearly_all(path["output"] / output - 1) <= 3e-3
    assert nearly_all(path["inflation"] / inflation - 1) <= 3e-3
    assert judge(solution, solution.accuracy()).accurate
    wild = solve(replace(model, shock=AR1(model.shock.persistence, 0.0035)))
    assert not judge(wild, wild.accuracy()).accurate
