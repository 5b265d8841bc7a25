"""Solutions: round trips, labels, simulations and impulse responses; a user's own model and its oracle."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from saver import Saver

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.growth import Growth
from equilearn.economies.olg import OLG

QUICK = eq.SolveSettings(episodes=200, width=16, depth=1, check_every=50)


@pytest.fixture(scope="module")
def olg():
    return eq.solve(OLG(generations=6, discount=0.9, borrowing_limit=-0.1), settings=QUICK, seed=3)


@pytest.mark.slow
def test_a_loaded_solution_is_the_same_function_of_the_same_parameters(olg, tmp_path):
    path = olg.save(tmp_path / "somewhere" / "six")
    assert path.name == "six.npz"
    back = eq.load(tmp_path / "somewhere" / "six")
    assert back.model == olg.model and back.settings == olg.settings and back.seed == 3
    a, b = olg.simulate(200, burn_in=20), back.simulate(200, burn_in=20)
    assert a.equals(b)
    assert olg.accuracy(50, burn_in=5).summary() == back.accuracy(50, burn_in=5).summary()


@pytest.mark.slow
def test_a_path_that_leaves_what_was_learnt_is_named(olg):
    accuracy = olg.accuracy(50, burn_in=5)
    assert accuracy.outside == 0.0 and "outside" not in str(accuracy)
    scaling = olg.policy_function.scaling
    moved = eqx.tree_at(lambda s: s.mean, scaling, scaling.mean + 100 * scaling.spread)
    elsewhere = replace(olg, policy_function=eqx.tree_at(lambda p: p.scaling, olg.policy_function, moved))
    accuracy = elsewhere.accuracy(50, burn_in=5)
    assert accuracy.outside == 1.0
    assert "100 % of the path lies far outside" in str(accuracy) and "restart" in str(accuracy)
    few = replace(accuracy, parts=(replace(accuracy.parts[0], outside=0.004),))
    assert "outside" not in str(few), "a few extreme periods are no lost path"


@pytest.mark.slow
def test_nested_parameters_survive(tmp_path):
    model = Growth(shock=eq.AR1(persistence=0.5, innovation_std=0.01, rule=eq.Monomial(3)), depreciation=0.2)
    eq.solve(model, settings=QUICK).save(tmp_path / "g")
    assert eq.load(tmp_path / "g").model == model


@pytest.mark.slow
def test_the_wrong_model_is_refused(olg, tmp_path):
    path = olg.save(tmp_path / "six")
    with pytest.raises(eq.UserError, match=r"holds a solution of .*\.OLG, not of .*\.Growth"):
        eq.load(path, Growth)
    own = eq.solve(Saver(), settings=QUICK).save(tmp_path / "own")
    with pytest.raises(eq.UserError, match="not part of this package; give its class"):
        eq.load(own)
    assert eq.load(own, Saver).model == Saver()


def test_policies_in_one_state_and_in_many(olg):
    states = jax.tree.map(lambda leaf: leaf[:, 0], olg.states(7, burn_in=3))
    many = olg.policy(states)
    one = olg.policy(jax.tree.map(lambda leaf: leaf[4], states))
    np.testing.assert_allclose(many.savings[4], one.savings, rtol=1e-5)
    with pytest.raises(eq.UserError, match=r"must have shapes shock\[\], capital\[6\]"):
        olg.policy(olg.model.State(jnp.asarray(0), jnp.zeros((2, 6))))
    with pytest.raises(eq.UserError, match=r"needs a OLG\.State"):
        olg.policy((0, 1))


def test_simulations_are_labelled_and_consistent(olg):
    path = olg.simulate(50, burn_in=10)
    assert path.capital.dims == ("period", "age")
    assert path.savings.dims == ("period", "saver_age")
    assert path.age.values.tolist() == list(range(21, 27))
    np.testing.assert_allclose(path.capital.values[1:, 1:], path.savings.values[:-1], atol=1e-6)
    several = olg.simulate(50, burn_in=10, paths=3)
    assert several.capital.dims == ("period", "path", "age")
    assert not np.array_equal(several.capital.values[:, 0], several.capital.values[:, 1])


def test_a_burn_in_of_zero_starts_at_the_initial_state(olg):
    first = olg.simulate(1, burn_in=0).capital.values[0]
    initial = olg.model.initial(jax.random.key(0))
    np.testing.assert_allclose(first[1:], np.asarray(olg.policy(initial).savings), rtol=1e-6)


@pytest.mark.slow
def test_impulse_responses_of_a_closed_form():
    """Brock-Mirman: log capital moves by capital_share^(t-1) times the impulse to log productivity (persistence 0)."""
    model = Growth(depreciation=1.0, shock=eq.AR1(persistence=0.0, innovation_std=0.02))
    solution = eq.solve(model, settings=replace(model.settings(), episodes=400))
    response = solution.impulse_response(0.1, periods=6, paths=2000, burn_in=50)
    exact = [0.0, *(0.1 * 0.36**t for t in range(5))]
    np.testing.assert_allclose(response.log_capital.values, exact, atol=2e-4)
    assert response.output_percent.values[0] == pytest.approx(100 * (np.exp(0.1) - 1), rel=1e-3)


def test_an_impulse_of_a_chain_is_an_index_of_it(olg):
    response = olg.impulse_response(2, periods=3, paths=100)
    assert response.consumption_percent.dims == ("period", "age")
    with pytest.raises(eq.UserError, match="index below 4, not 7"):
        olg.impulse_response(7)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_solution_and_another_another():
    one, same, other = (eq.solve(BrockMirman(), settings=QUICK, seed=s) for s in (5, 5, 6))
    weights = [s.policy_function.network.weights[0] for s in (one, same, other)]
    assert jnp.array_equal(weights[0], weights[1])
    assert not jnp.array_equal(weights[0], weights[2])


class Unbalanced(BrockMirman):
    """The same Euler equation twice, once scaled up."""

    def errors(self, state, policy, expect):
        euler = super().errors(state, policy, expect)["euler"]
        return {"euler": euler, "scaled": 0.01 * euler}


@pytest.mark.slow
def test_weights_balancing_and_optimizers_are_values():
    for options in (
        {"weights": {"scaled": 100.0}},
        {"balancing": eq.ReLoBRaLo()},
        {"optimizer": optax.adam(1e-2)},
    ):
        solution = eq.solve(Unbalanced(), settings=replace(QUICK, episodes=600, restart=0.1), **options)
        assert solution.accuracy(500).summary()["euler"]["mean"] < 5e-3, options
    with pytest.raises(eq.UserError, match="weights: there is no error named 'eler'"):
        eq.solve(Unbalanced(), settings=QUICK, weights={"eler": 1.0})


class ByMultiplier(Saver):
    """The saver with savings and multiplier predicted apart and Fischer and Burmeister's function between them."""

    def policies(self, state):
        return {"savings": eq.Interval(0.0, self.cash(state), start=0.1), "multiplier": eq.HalfLine(scale=0.1)}

    def errors(self, state, policy, expect):
        consumption = self.cash(state) - policy.savings
        slack = eq.fischer_burmeister(policy.multiplier * consumption, policy.savings / consumption)
        return super().errors(state, policy, expect) | {"slackness": slack}


def saver_by_time_iteration(model):
    """Savings of the saver (shock, cash) by the endogenous grid method."""
    saved = np.linspace(0, 12, 2000)
    cash = [saved + 0.5, saved + 0.5]
    consumption = [0.5 + 0.5 * saved, 0.5 + 0.5 * saved]
    for _ in range(2000):
        new_cash, new_consumption = [], []
        for z in range(2):
            value = 0.0
            for f in range(2):
                at = model.gross_return * saved + model.income[f]
                c = np.minimum(np.interp(at, cash[f], consumption[f]), at)
                value = value + model.shock.transition[z][f] * model.gross_return / c
            new_consumption.append(1 / (model.discount * value))
            new_cash.append(new_consumption[-1] + saved)
        gap = max(np.abs(a - b).max() for a, b in zip(new_consumption, consumption, strict=True))
        cash, consumption = new_cash, new_consumption
        if gap < 1e-10:
            break
    return lambda shock, m: np.where(shock == 0, np.interp(m, cash[0], saved), np.interp(m, cash[1], saved))


@pytest.mark.slow
@pytest.mark.parametrize("model", [Saver(), ByMultiplier()], ids=["complement", "fischer-burmeister"])
def test_a_users_model_agrees_with_the_endogenous_grid_method(model):
    solution = eq.solve(model, settings=replace(model.settings(), episodes=1500, width=32, restart=0.02))
    path = solution.simulate(5000)
    cash = model.gross_return * path.assets.values + np.asarray(model.income)[path.shock.values]
    exact = saver_by_time_iteration(model)(path.shock.values, cash)
    assert 0.1 < np.mean(exact == 0) < 0.9, "the limit must bind sometimes for this test to say anything"
    assert np.abs(path.savings.values - exact).max() < (2e-3 if type(model) is Saver else 1e-2)


class InUnits(Saver):
    """The saver's economy, counted in another unit."""

    unit: float = 1.0

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(0.5 * self.unit))

    def cash(self, state):
        return self.gross_return * state.assets + self.unit * jnp.asarray(self.income)[state.shock]


@pytest.mark.slow
def test_an_economy_in_units_of_any_size_is_solved_equally_well():
    """From the same random start the three solutions differ by rounding only, which the steps magnify."""
    settings = replace(QUICK, episodes=300, width=32, depth=2, check_every=100)
    found = []
    for unit in (1e-8, 1.0, 1e8):
        solution = eq.solve(InUnits(unit=unit), settings=settings)
        path = solution.simulate(2000)
        found.append((float(path.assets.mean()) / unit, solution.accuracy(2000).summary()["euler"]["mean"]))
    tiny, plain, huge = found
    assert plain[1] < 2e-3
    for other in (tiny, huge):
        assert other[0] == pytest.approx(plain[0], rel=2e-3)
        assert other[1] == pytest.approx(plain[1], rel=0.2)
