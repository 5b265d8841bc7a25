"""The economy with a bond and the continuum of agents: market clearing, independent solvers, published figures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import stationary_continuum
from scipy.optimize import brentq

from equilearn.economies.bond import LEAST_CONSUMPTION, PRICES, BondOLG, clearing
from equilearn.economies.continuum import INNER_NODES, Continuum
from equilearn.equilibrium import solve
from equilearn.errors import UserError


def test_the_clearing_price_is_the_root_and_its_slope_is_right():
    rng = np.random.default_rng(0)
    most, z = rng.uniform(0.5, 5, 20), rng.normal(size=20)
    demand = lambda y: np.maximum(most * (1 - y * np.exp(-z)), 0).sum()  # noqa: E731
    for supply in (0.2, 5.0, 0.9 * most.sum()):
        exact = brentq(lambda y, supply=supply: demand(y) - supply, 0, 100, xtol=1e-12)
        with jax.enable_x64(True):
            ours = lambda s: clearing(jnp.asarray(most), jnp.asarray(z), jnp.asarray(s))  # noqa: E731
            assert float(ours(supply)) == pytest.approx(exact, rel=1e-9)
            step = 1e-6
            slope = (float(ours(supply + step)) - float(ours(supply - step))) / (2 * step)
            assert float(jax.grad(ours)(float(supply))) == pytest.approx(slope, rel=1e-5)


def test_labour_and_collateral_have_the_published_values():
    model = BondOLG()
    assert model.labour.sum() == pytest.approx(57.77664592, abs=1e-6)
    assert model.labour[[0, 28, 55]] == pytest.approx([0.6, 1.362, 0.64163648], abs=1e-7)
    assert model.kappa == pytest.approx(1.1235955, abs=1e-7)
    with pytest.raises(UserError, match=r"BondOLG\.depreciation: must have 4 values"):
        BondOLG(depreciation=(0.1, 0.2))


@pytest.mark.slow
def test_the_bond_economy_is_solved_to_the_aim():
    model = BondOLG()
    solution = solve(model)
    summary, path = solution.accuracy().summary(), solution.simulate()
    assert summary["capital"]["mean"] <= 1e-3 and summary["bond"]["mean"] <= 1e-3
    assert summary["market"]["max"] <= 1e-3
    assert path.aggregate_capital.values.mean() == pytest.approx(142, abs=2), "the published program's level"
    slack = path.savings.values + model.kappa * path.bonds.values
    assert path.savings.values.min() >= 0 and slack.min() > -1e-5
    assert np.abs(path.savings.values * path.capital_multiplier.values).max() < 1e-3
    assert (path.collateral_multiplier.values > 0).mean() > 0.1, "the young borrow up to their collateral"
    assert path.consumption.values.min() > 5 * LEAST_CONSUMPTION
    price = path.bond_price.values
    assert PRICES[0] + 0.1 < price.min() and price.max() < PRICES[1] - 0.05
    assert (path.savings.values.max(axis=0) < 0.95 * model.most_capital).all()
    capital, z = path.aggregate_capital.values.astype(float), np.asarray(model.productivity)[path.shock.values]
    d = np.asarray(model.depreciation)[path.shock.values]
    returned = path.gross_return.values[:, None] * path.capital.values
    saved = np.concatenate([path.savings.values, np.zeros((len(capital), 1))], axis=1)
    cost = 0.25 * ((saved - returned) ** 2).sum(axis=1)
    output = z * capital**0.3 * model.labour.sum() ** 0.7 + (1 - d) * capital
    spent = path.aggregate_consumption.values + saved.sum(axis=1) + cost
    np.testing.assert_allclose(spent, output, rtol=1e-4)


def test_savers_hold_the_supply_and_keep_their_number():
    model = Continuum()
    state = model.initial(jax.random.key(0))
    raw = jax.random.normal(jax.random.key(1), (2, 2, INNER_NODES + 2))
    policy = model.Policy(**model.policies(state)["market"].values("market", raw))
    following = model.transition(state, policy, jnp.asarray(3))
    mass, mean = following.histogram.sum(axis=1), float(jnp.sum(following.histogram * model.assets))
    np.testing.assert_allclose(mass, 0.5, atol=1e-6)
    assert mean == pytest.approx(1, abs=1e-4), "the price clears the market for every policy"


@pytest.mark.slow
def test_without_aggregate_risk_the_continuum_agrees_with_the_endogenous_grid_method():
    model = Continuum(income=(1.0,) * 6)
    path = solve(model).simulate(500, burn_in=1000)
    price, deviation, without = stationary_continuum(model)
    assert path.price.values == pytest.approx(price, abs=5e-4)
    assert path.std_assets.values == pytest.approx(deviation, rel=2e-2)
    assert path.share_without_assets.values == pytest.approx(without, abs=5e-3)


@pytest.mark.slow
def test_the_continuum_is_solved_to_the_aim():
    solution = solve(Continuum())
    summary, path = solution.accuracy(2000).summary(), solution.simulate(3000)
    assert summary["euler"]["mean"] <= 1e-3 and summary["bellman"]["mean"] <= 1e-3
    assert summary["market"]["max"] <= 1e-3
    assert np.abs(path.mean_assets.values - 1).max() < 1e-3
    mass = path.histogram.values.mean(axis=0).sum(axis=0)
    quantiles = np.interp([0.25, 0.5, 0.75, 0.9, 0.99], np.cumsum(mass),
                          solution.model.assets)  # fmt: skip
    np.testing.assert_allclose(quantiles, [0.36, 0.80, 1.33, 1.87, 2.90], rtol=0.06)  # the published program's
    assert mass[-1] < 1e-6, "nobody reaches the end of the histogram"
