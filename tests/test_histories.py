"""Paths with given shocks and starts, and impulse responses from a state, against a closed form that is not trained."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn.equilibrium import Deterministic
from equilearn.equilibrium.solution import fresh_policy

SHARE, DISCOUNT = 0.36, 0.96
CHAIN = ((0.9, 0.1), (0.3, 0.7))


class Planner(eq.Model):
    """Growth with log utility and full depreciation: the share SHARE * DISCOUNT * (1 - tax) of output is saved.

    A tax on the yield of capital whose revenue is handed back is what makes another share than the planner's right.
    """

    capital_share: float = SHARE
    discount: float = DISCOUNT
    tax: float = 0.0
    kept: float = 1.0
    """Share of consumption that is left to the household."""
    shock: eq.Shock = eq.AR1(0.9, 0.02)
    by_state: tuple[float, ...] = (0.0, -0.1)

    class State(NamedTuple):
        shock: Any
        capital: Any

    class Policy(NamedTuple):
        savings_rate: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(0.2))

    def log_productivity(self, state):
        index = self.shock.index(state.shock)
        return jnp.sum(self.shock.numbers(state.shock)) + jnp.asarray(self.by_state)[index] * (self.shock.states > 1)

    def policies(self, state):
        return {"savings_rate": eq.Interval(0.0, 1.0, start=self.capital_share * self.discount * (1 - self.tax))}

    def output(self, state):
        return jnp.exp(self.log_productivity(state)) * state.capital**self.capital_share

    def consumption(self, state, policy):
        return (1 - policy.savings_rate) * self.output(state)

    def transition(self, state, policy, shock):
        return self.State(shock, policy.savings_rate * self.output(state))

    def errors(self, state, policy, expect):
        value = expect(lambda s, p: self.capital_share * self.output(s) / s.capital / self.consumption(s, p))
        value = self.discount * (1 - self.tax) * value
        return {"euler": eq.euler_error(value, self.consumption(state, policy), 1.0)}

    def definitions(self, state, policy):
        return {"output": self.output(state), "consumption": self.kept * self.consumption(state, policy)}

    def utility(self, state, policy, scale):
        return jnp.log(scale * self.kept * self.consumption(state, policy))


def exact(model, settings=None):
    """Return the exact solution of a planner: a network whose numbers are all zero leaves the sets' starts."""
    settings = settings or eq.SolveSettings(width=4, depth=1)
    policy = fresh_policy(model, settings, key=jax.random.key(0))
    policy = eqx.tree_at(lambda p: p.network, policy, jax.tree.map(jnp.zeros_like, policy.network))
    return eq.Solution(model, settings, policy, 0, eq.Outcome.EXHAUSTED, "Exact.", 0.0, 0, 0)


def by_hand(capital, log_productivity):
    """Return capital on a path with given productivity: one value more than productivity has."""
    path = [capital]
    for z in log_productivity:
        path.append(SHARE * DISCOUNT * np.exp(z) * path[-1] ** SHARE)
    return np.array(path)


SHOCKS = {
    "AR(1)": (eq.AR1(0.9, 0.02), np.array([0.05, -0.02, 0.0, 0.1])),
    "chain": (eq.MarkovChain(CHAIN), np.array([1, 1, 0, 1])),
    "vector": (eq.VAR(((0.5, 0.1), (0.0, 0.3)), ((1e-4, 0.0), (0.0, 1e-4))), np.arange(8.0).reshape(4, 2) / 100),
    "named": (
        eq.Shocks(trend=eq.AR1(0.9, 0.02), regime=eq.MarkovChain(CHAIN)),
        {"trend": [0.01, 0.0, -0.03, 0.02], "regime": [1, 0, 0, 1]},
    ),
}


def logs(model, shocks):
    """Return log productivity for given shocks."""
    values = model.shock.initial
    if hasattr(values, "_fields"):
        return np.asarray(shocks["trend"]) + np.take(model.by_state, shocks["regime"])
    return np.take(model.by_state, shocks) if model.shock.chains else np.asarray(shocks).reshape(4, -1).sum(axis=1)


@pytest.mark.parametrize("name", SHOCKS)
def test_a_path_with_given_shocks_from_a_given_start_is_the_one_computed_by_hand(name):
    shock, values = SHOCKS[name]
    solution = exact(Planner(shock=shock))
    start = solution.model.State(shock.initial, jnp.asarray(0.3))
    path = solution.simulate(shocks=values, start=start)
    z = np.append(logs(solution.model, jax.tree.map(np.zeros_like, values)).flat[0], logs(solution.model, values))
    np.testing.assert_allclose(path.capital.values, by_hand(0.3, z[:-1]), rtol=1e-5)
    assert path.sizes == {"period": 5} | {d: n for d, n in path.sizes.items() if d != "period"}
    given = values if isinstance(values, dict) else {"shock": values}
    for own, wanted in given.items():
        np.testing.assert_allclose(path[own].values[1:], wanted, rtol=1e-6)


def test_paths_with_given_shocks_start_in_the_long_run_and_forget_it():
    solution = exact(Planner())
    shocks = 0.02 * np.sin(np.arange(30))
    paths = solution.simulate(shocks=shocks, paths=3, burn_in=50)
    assert paths.capital.dims == ("period", "path") and paths.sizes["period"] == 31
    np.testing.assert_allclose(paths.shock.values[1:], np.repeat(shocks[:, None], 3, axis=1), rtol=1e-5)
    first = paths.capital.values[0]
    assert np.ptp(first) > 1e-3 and np.ptp(paths.capital.values[-1]) < 1e-6
    again = solution.simulate(shocks=shocks, paths=3, burn_in=50, start=None)
    assert again.equals(paths)


def test_paths_from_a_start_draw_their_own_shocks():
    solution = exact(Planner())
    start = solution.model.State(jnp.asarray(0.1), jnp.asarray(0.25))
    one = solution.simulate(40, start=start)
    assert one.capital.values[0] == np.float32(0.25) and one.shock.values[0] == np.float32(0.1)
    np.testing.assert_allclose(one.capital.values, by_hand(0.25, one.shock.values[:-1]), rtol=1e-5)
    many = solution.simulate(40, start=start, paths=400, seed=2)
    assert np.all(many.capital.values[0] == np.float32(0.25)) and np.std(many.shock.values[1]) > 0.015
    exact_mean = 0.1 * 0.9 ** np.arange(40)
    assert np.abs(many.shock.values.mean(axis=1) - exact_mean).max() < 4 * 0.046 / 20
    several = solution.simulate(5, start=jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), start))
    np.testing.assert_array_equal(several.capital.values[0], np.float32([0.25, 0.5]))


WRONG = [
    ({"shocks": [0.0, np.nan]}, "shocks must be finite; it holds nan"),
    ({"shocks": [[0.0, 1.0]]}, r"shocks: must have the shape \(periods,\), not \(1, 2\)"),
    ({"shocks": []}, r"shocks: must have the shape"),
    ({"shocks": ["a"]}, "shocks must be an array of real numbers"),
    ({"shocks": [0.0], "periods": 5}, "periods: 1 shocks make 2 periods, not 5; leave it out"),
    ({"start": 3.0}, r"needs a Planner\.State, not float"),
    ({"start": Planner.State(0.0, 0.2), "burn_in": 4}, "burn_in: a path from a given start has none"),
    ({"start": Planner.State(np.zeros(2), np.ones(2)), "paths": 2}, "paths: one path starts from each"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[said[:30] for _, said in WRONG])
def test_what_cannot_be_simulated_is_refused_in_a_sentence(arguments, said):
    with pytest.raises(eq.UserError, match=said):
        exact(Planner()).simulate(**arguments)


def test_shocks_of_chains_and_of_several_by_name_are_checked():
    chain, named = exact(Planner(shock=SHOCKS["chain"][0])), exact(Planner(shock=SHOCKS["named"][0]))
    with pytest.raises(eq.UserError, match="shocks must be the index of a state of the chain, 0 to 1, not 2"):
        chain.simulate(shocks=[0, 2])
    with pytest.raises(eq.UserError, match=r"shocks must be whole, not 0\.5"):
        chain.simulate(shocks=[0, 0.5])
    with pytest.raises(eq.UserError, match=r"shocks\.regime must be the index of a state of the chain"):
        named.simulate(shocks={"trend": [0.0], "regime": [-1]})
    with pytest.raises(eq.UserError, match="needs values of trend, regime, not of trend"):
        named.simulate(shocks={"trend": [0.0]})
    with pytest.raises(eq.UserError, match="same number of periods, not trend 1, regime 2"):
        named.simulate(shocks={"trend": [0.0], "regime": [0, 1]})
    with pytest.raises(eq.UserError, match=r"by its name, like \{'trend': \[...\]\}, not list"):
        named.simulate(shocks=[0.0])
    with pytest.raises(eq.UserError, match="shocks: Still has none"):
        exact(Still()).simulate(shocks=[0.0])


class Still(Planner):
    """The planner without shocks."""

    shock: eq.Shock = Deterministic()

    class State(NamedTuple):
        capital: Any

    def initial(self, key):
        return self.State(jnp.asarray(0.2))

    def log_productivity(self, state):
        return 0.0

    def transition(self, state, policy, shock):
        return self.State(policy.savings_rate * self.output(state))


def test_a_response_from_a_state_is_the_closed_form_on_every_path():
    """Log capital moves by the sum of SHARE^(t-1-s) 0.9^s times the impulse, from any state and on every path."""
    solution = exact(Planner())
    state = solution.model.State(jnp.asarray(0.1), jnp.asarray(0.05))
    response = solution.impulse_response(0.05, state=state, quantiles=(0.05, 0.5, 0.95), periods=8, paths=500)
    moved = [0.05 * sum(SHARE ** (t - 1 - s) * 0.9**s for s in range(t)) for t in range(8)]
    np.testing.assert_allclose(response.shock.values, 0.05 * 0.9 ** np.arange(8), rtol=1e-4)
    percent = 100 * np.expm1(moved)
    np.testing.assert_allclose(response.capital_percent.values, percent, rtol=1e-3, atol=1e-4)
    bands = response.capital_quantiles
    assert bands.dims == ("quantile", "period") and response["quantile"].values.tolist() == [0.05, 0.5, 0.95]
    assert bands.sel(quantile=0.05).values[0] == 0, "capital is given in the first period"
    low, middle, high = bands.values
    assert np.all(low[2:] < middle[2:]) and np.all(middle[2:] < high[2:]), "it moves in percent, so by more above"
    assert np.all((low < response.capital.values + 1e-7) & (response.capital.values < high + 1e-7))
    elsewhere = solution.impulse_response(0.05, state=state._replace(capital=0.2), periods=8, paths=500)
    assert elsewhere.capital.values[1] == pytest.approx(4 ** (SHARE**2) * response.capital.values[1], rel=1e-3)


def test_bands_are_the_quantiles_over_simulated_paths():
    solution = exact(Planner(shock=SHOCKS["named"][0]))
    state = solution.model.State(solution.model.shock.initial, jnp.asarray(0.2))
    response = solution.impulse_response(
        1, component="regime", state=state, quantiles=[0.1, 0.9], periods=3, paths=4000, seed=3
    )
    # on impact the regime becomes 1 where it was drawn to be 0, which has probability 0.9
    np.testing.assert_allclose(response.regime_quantiles.values[:, 0], [0, 1])
    assert response.regime.values[0] == pytest.approx(0.9, abs=4 * 0.3 / 63)
    assert response.regime.values[1] == pytest.approx(0.9 * (0.7 - 0.1), abs=0.04)
    with pytest.raises(eq.UserError, match="shares between 0 and 1"):
        solution.impulse_response(1, component="regime", quantiles=[5.0, 95.0])
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)
    with pytest.raises(eq.UserError, match="state: must be one state"):
        solution.impulse_response(1, component="regime", state=many)


def test_a_start_far_outside_what_was_learnt_is_named():
    solution = exact(Planner())
    far = solution.model.State(0.0, 1e3)
    with pytest.warns(eq.OutsideWarning, match=r"simulate: the state is far outside .*capital is 1,000 spreads"):
        solution.simulate(1, start=far)
    with pytest.warns(eq.OutsideWarning, match="impulse_response: the state is far outside"):
        solution.impulse_response(0.1, state=far, periods=1, paths=1)
