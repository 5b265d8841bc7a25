"""The international business cycle against its steady state, its budget, and its bounds."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.economies.irbc import IRBC, LEAST_CONSUMED, MOST_CAPITAL, IrreversibleIRBC
from equilearn.equilibrium import solve


def steady(model):
    return model.State(jnp.zeros(model.countries), jnp.zeros(model.countries))


def test_the_steady_state_solves_the_equations():
    for model in (IRBC(countries=3), IrreversibleIRBC(countries=3)):
        policy = model.Policy(*[jnp.full(3, 0.01), jnp.zeros(3)][: len(model.Policy._fields)])
        errors = model.errors(steady(model), policy, lambda f, m=model, p=policy: f(steady(m), p))
        assert max(float(jnp.abs(error).max()) for error in errors.values()) < 1e-6
        assert float(model.log_multiplier(steady(model), policy)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("log_capital", [-1.0, 0.0, 0.7])
def test_consumption_exhausts_the_budget(log_capital):
    model = IRBC(countries=5)
    state = model.State(0.1 * jax.random.normal(jax.random.key(0), (5,)), jnp.full(5, log_capital))
    policy = model.Policy(0.02 * jnp.exp(state.log_capital))
    np.testing.assert_allclose(
        model.consumption(state, policy).sum(), model.world_consumption(state, policy), rtol=1e-5
    )


def far_from_bounds(model, path):
    most = 0.9 * path.output.values
    assert (path.investment.values / most).max() < 0.8
    assert path.capital.values.max() < 0.8 * MOST_CAPITAL
    assert (path.world_consumption / path.output.sum("country")).min() > 5 * LEAST_CONSUMED


@pytest.mark.slow
def test_two_countries_are_solved_to_the_aim():
    model = IRBC()
    solution = solve(model)
    accuracy = solution.accuracy()
    summary = accuracy.summary()["euler"]
    assert summary["mean"] <= 1e-4 and summary["max"] <= 1e-3
    assert accuracy.policy.summary()["investment"]["relative mean"] <= 1e-3
    far_from_bounds(model, solution.simulate())
    state = steady(model)
    for _ in range(3):
        state = model.State(*(leaf[-1] for leaf in _follow(solution, state)))
    np.testing.assert_allclose(np.exp(state.log_capital), 1.0, atol=1e-3)


def _follow(solution, state):
    path = solution.follow(state, 1000)
    return path.shock.values, path.log_capital.values


@pytest.mark.slow
def test_irreversible_investment_binds_and_is_complementary():
    model = IrreversibleIRBC()
    solution = solve(model, settings=replace(model.settings(), episodes=1500))
    path, summary = solution.simulate(), solution.accuracy().summary()
    assert ((path.irreversibility > 0).mean() > 1e-3) and (path.investment.values >= 0).all()
    assert np.all(path.investment.values * path.irreversibility.values == 0)
    assert summary["complementarity"]["mean"] < 1e-4
    assert summary["euler"]["mean"] < 3e-4
    far_from_bounds(model, path)


def test_with_many_countries_learning_sees_few_nodes():
    """All nodes and Newton's steps for few; the two together would cost more than they bring for many."""
    few, many = IRBC(countries=4).settings(), [IRBC(countries=n).settings() for n in (5, 50, 100)]
    assert few.sampled_nodes == 0 and few.newton > 0
    assert all(one.sampled_nodes == 2 and one.newton == 0 and one.tail == 0 for one in many)
    assert [one.episodes for one in many] == [2000, 5000, 5000]
