"""Welfare and moments of planners whose solutions, lifetimes and moments are known exactly."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from test_histories import DISCOUNT, SHARE, Planner, exact

import equilearn as eq
from equilearn.equilibrium.moments import trend


@pytest.fixture(scope="module")
def planner():
    return exact(Planner())


def lifetime(capital, z, savings_rate, persistence=0.9):
    """E sum DISCOUNT^t log c_t with c = (1 - s) y and log k' = log s + log y: linear in log capital and z."""
    on_capital = SHARE / (1 - DISCOUNT * SHARE)
    on_z = (1 + DISCOUNT * on_capital) / (1 - DISCOUNT * persistence)
    constant = (np.log(1 - savings_rate) + DISCOUNT * on_capital * np.log(savings_rate)) / (1 - DISCOUNT)
    return constant + on_capital * np.log(capital) + on_z * z


def test_lifetime_utility_from_a_state_is_the_closed_form_within_its_standard_error(planner):
    found = eq.welfare(planner, planner, start=planner.model.State(0.1, 0.05), paths=400)
    wanted = lifetime(0.05, 0.1, SHARE * DISCOUNT)
    assert found.lifetime[0] == found.lifetime[1]
    assert 0.01 < found.lifetime_errors[0] < 0.2
    assert found.lifetime[0] == pytest.approx(wanted, abs=4 * found.lifetime_errors[0])
    assert (found.equivalent, found.standard_error) == (0, 0)


def test_a_share_of_consumption_that_is_taken_away_is_found_exactly(planner):
    for kept in (0.9, 1.25):
        found = eq.welfare(planner, exact(Planner(kept=kept)), paths=20, burn_in=50)
        assert found.equivalent == pytest.approx(kept - 1, abs=2e-6)
        assert found.standard_error < 1e-6
        assert 0 < found.remainder < 2e-2


def test_what_a_tax_costs_is_the_closed_form(planner):
    """The shocks cancel: the loss from a state is exp((1 - DISCOUNT) difference of the constants) - 1."""
    taxed = exact(Planner(tax=0.3))
    assert taxed.accuracy(100, burn_in=10).summary()["euler"]["max"] < 1e-5, "the exact policy of the taxed economy"
    loss = lifetime(0.1, 0.0, SHARE * DISCOUNT * 0.7) - lifetime(0.1, 0.0, SHARE * DISCOUNT)
    found = eq.welfare(planner, taxed, paths=20, burn_in=50)
    assert found.equivalent == pytest.approx(np.exp((1 - DISCOUNT) * loss) - 1, abs=2e-6) and found.equivalent < -0.01
    assert "loss worth -" in str(found) and "both from the reference's long run" in str(found)
    start = planner.model.State(jnp.zeros(3), jnp.asarray([0.05, 0.1, 0.2]))
    assert eq.welfare(planner, taxed, start=start, paths=30).equivalent == pytest.approx(found.equivalent, abs=2e-6)
    # in the long run the taxed economy has less capital too: log k is lower by log(0.7) / (1 - SHARE)
    further = SHARE / (1 - DISCOUNT * SHARE) * np.log(0.7) / (1 - SHARE)
    found = eq.welfare(planner, taxed, transition=False, paths=20, burn_in=200)
    assert found.equivalent == pytest.approx(np.exp((1 - DISCOUNT) * (loss + further)) - 1, abs=1e-5)


def test_the_standard_error_covers_what_chance_does(planner):
    """With log utility and no risk in log output the size of the shocks is worth nothing, but changes every path."""
    riskier = exact(Planner(shock=eq.AR1(0.9, 0.04)))
    found = [eq.welfare(planner, riskier, start=planner.model.State(0.0, 0.2), paths=50, seed=s) for s in range(12)]
    errors = np.array([one.equivalent / one.standard_error for one in found])
    assert np.abs(errors).max() < 4 and 0.4 < np.sqrt(np.mean(errors**2)) < 1.7
    assert np.ptp([one.standard_error for one in found]) < np.mean([one.standard_error for one in found])


def test_other_utilities_and_truncation(planner):
    def crra(model, state, policy, scale):
        return (scale * model.kept * model.consumption(state, policy)) ** -3 / -3

    found = eq.welfare(planner, exact(Planner(kept=0.5)), utility=crra, paths=20, burn_in=20, periods=30)
    assert found.equivalent == pytest.approx(-0.5, abs=2e-6), "power utility scales, whatever the horizon"
    short, long = (
        eq.welfare(planner, exact(Planner(tax=0.3)), paths=20, periods=periods, start=planner.model.State(0.0, 0.1))
        for periods in (3, 300)
    )
    assert 1e-5 < abs(short.equivalent - long.equivalent) < short.remainder and long.remainder < 1e-4


def test_lives_have_the_length_of_their_utility(planner):
    def three(model, state, policy, scale):
        return jnp.log(scale * model.kept * model.consumption(state, policy)) * jnp.asarray([1.0, 2.0, 0.0])

    start = planner.model.State(0.0, 0.1)
    found = eq.welfare(planner, exact(Planner(kept=1.1)), utility=three, discount=1.0, start=start, paths=40)
    assert found.periods == 3 and found.remainder == 0 and found.equivalent == pytest.approx(0.1, abs=1e-6)
    rate, output = SHARE * DISCOUNT, 0.1**SHARE
    wanted = np.log((1 - rate) * output) + 2 * np.log((1 - rate) * (rate * output) ** SHARE)
    assert found.lifetime[0] == pytest.approx(wanted, abs=4 * found.lifetime_errors[0] + 1e-5)


class Wasteful(Planner):
    """A planner whose network has not learnt what to save."""

    def policies(self, state):
        return {"savings_rate": eq.Interval(0.0, 1.0, start=0.5)}


def test_a_solution_that_has_not_learnt_where_the_comparison_begins_is_named(planner):
    start = planner.model.State(0.0, 0.2)
    with pytest.warns(eq.OutsideWarning, match="welfare: Wasteful has errors of 0.* `initial` draw such states"):
        found = eq.welfare(planner, exact(Wasteful()), start=start, paths=4)
    # c'/(discount E[...]) - 1 with the share 0.5 saved: SHARE * DISCOUNT / 0.5 of the wanted value
    assert found.start_error == pytest.approx(abs(0.5 / (SHARE * DISCOUNT) - 1), rel=1e-3)
    assert eq.welfare(planner, planner, start=start, paths=4).start_error < 1e-5


class Silent(Planner):
    """A planner that says nothing of utility."""

    utility = None


class Bigger(Planner):
    """A planner with another state."""

    class State(NamedTuple):
        shock: Any
        capital: Any
        wealth: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(0.2), jnp.asarray(0.0))


WRONG = [
    (lambda p: eq.welfare(exact(Silent()), p), "utility: Silent has no method utility"),
    (lambda p: eq.welfare(p, exact(Planner(discount=0.9))), "discount: is 0.96 in one model and 0.9 in the other"),
    (lambda p: eq.welfare(p, p, discount=1.0), "discount: must be above 0 and below 1, not 1"),
    (lambda p: eq.welfare(p, p, utility=lambda m, s, q, x: jnp.log(m.wages)), "utility: raised AttributeError"),
    (lambda p: eq.welfare(p, p, utility=lambda m, s, q, x: q.savings_rate), "utility: must rise with `scale`"),
    (lambda p: eq.welfare(p, p, utility=lambda m, s, q, x: jnp.log(x - 1)), "utility: is not finite on the paths"),
    (lambda p: eq.welfare(p, p, utility=lambda m, s, q, x: jnp.ones((2, 2))), "must return one real number"),
    (lambda p: eq.welfare(p, p, paths=1), "paths must be at least 2"),
]


@pytest.mark.parametrize(("ask", "said"), WRONG, ids=[said[:25] for _, said in WRONG])
def test_what_cannot_be_compared_is_refused_in_a_sentence(planner, ask, said):
    with pytest.raises(eq.UserError, match=said):
        ask(planner)


def test_economies_with_other_states_are_compared_in_their_long_runs_only(planner):
    other = exact(Planner())
    other = replace(other, model=Bigger())
    with pytest.raises(eq.UserError, match=r"Bigger has other states \(shock, capital, wealth\).*transition=False"):
        eq.welfare(planner, other, paths=4, burn_in=1)


# moments


@pytest.fixture(scope="module")
def path(planner):
    return planner.simulate(20_000, burn_in=100)


def test_moments_are_those_of_the_closed_form(path):
    """Log output is z + SHARE log k, an AR(2) with roots 0.9 and SHARE."""
    table = eq.moments(path, relative_to="output", log=["output", "consumption"], lags=2)
    assert table.loc["shock", "std"] == pytest.approx(0.02 / np.sqrt(1 - 0.81), rel=0.1)
    assert table.loc["shock", "autocorrelation 1"] == pytest.approx(0.9, abs=0.02)
    a, b = 0.9 + SHARE, -0.9 * SHARE
    first = a / (1 - b)
    assert table.loc["output", "autocorrelation 1"] == pytest.approx(first, abs=0.01)
    assert table.loc["output", "autocorrelation 2"] == pytest.approx(a * first + b, abs=0.02)
    variance = 0.02**2 * (1 - b) / ((1 + b) * ((1 - b) ** 2 - a**2))
    assert table.loc["output", "std"] == pytest.approx(np.sqrt(variance), rel=0.1)
    assert table.loc["consumption", "relative std"] == pytest.approx(1, abs=1e-4)
    assert table.loc["consumption", "correlation with output"] == pytest.approx(1, abs=1e-5)
    assert np.isnan(table.loc["savings_rate", "correlation with output"]), "it does not move"
    assert table.loc["output", "mean"] == pytest.approx(float(path.output.mean()), rel=1e-6)
    matrix = eq.moments(path, ["shock", "output"])
    assert list(matrix.columns[-2:]) == ["correlation with shock", "correlation with output"]
    both = [matrix.loc[one, f"correlation with {other}"] for one, other in (("shock", "output"), ("output", "shock"))]
    assert both[0] == pytest.approx(both[1]) and 0.9 < both[0] < 1


def test_moments_of_several_paths_and_of_components():
    random = np.random.default_rng(0)
    values = random.normal(size=(500, 3, 2)) * np.array([1.0, 2.0])
    data = xr.Dataset({"x": (("period", "path", "age"), values), "y": (("period", "path"), values[..., 0] + 5)})
    data = data.assign_coords(age=[21, 22])
    table = eq.moments(data, ["x"], relative_to="y")
    assert list(table.index) == ["x[21]", "x[22]", "y"]
    own = [np.corrcoef(values[:, p, 1], values[:, p, 0])[0, 1] for p in range(3)]
    assert table.loc["x[22]", "correlation with y"] == pytest.approx(np.mean(own))
    assert table.loc["x[22]", "std"] == pytest.approx(values[..., 1].std(axis=0, ddof=1).mean())
    assert list(eq.moments(data).index) == ["y"]


def test_the_trend_solves_its_first_order_conditions():
    random = np.random.default_rng(1)
    series = np.cumsum(random.normal(size=(60, 2)), axis=0)
    second = np.diff(np.eye(60), 2, axis=0)
    dense = np.linalg.solve(np.eye(60) + 1600 * second.T @ second, series)
    np.testing.assert_allclose(trend(series, 1600), dense, rtol=1e-9)
    line = 3 + 0.2 * np.arange(60.0)
    np.testing.assert_allclose(trend(line, 1e5), line, rtol=1e-8)
    np.testing.assert_allclose(trend(series, 0), series)


def test_the_filter_passes_the_shares_of_king_and_rebelo():
    """Of a wave of frequency w the cycle keeps 4 s (1 - cos w)^2 / (1 + 4 s (1 - cos w)^2), away from the ends."""
    t = np.arange(2000)
    for quarters in (8, 32, 80):
        w = 2 * np.pi / quarters
        gain = 4 * 1600 * (1 - np.cos(w)) ** 2
        wave = np.cos(w * t)
        cycle = wave - trend(wave, 1600)
        np.testing.assert_allclose(cycle[800:1200], gain / (1 + gain) * wave[800:1200], atol=1e-6)


def test_filtered_moments_are_those_of_the_cycle(path):
    table = eq.moments(path.isel(period=slice(0, 400)), ["output"], log=True, smoothing=1600)
    logs = np.log(path.output.values[:400].astype(float))
    cycle = logs - trend(logs, 1600)
    assert table.loc["output", "std"] == pytest.approx(cycle.std(ddof=1))
    assert table.loc["output", "autocorrelation 1"] == pytest.approx(np.corrcoef(cycle[1:], cycle[:-1])[0, 1], abs=1e-6)
    assert table.loc["output", "mean"] == pytest.approx(np.exp(logs).mean())


def test_wrong_moments_are_refused_in_a_sentence(path):
    for ask, said in (
        (lambda: eq.moments(path, ["wages"]), "no variable 'wages'; there are capital, consumption"),
        (lambda: eq.moments(path, "output"), r"variables: must be a list of names, like \['output'\]"),
        (lambda: eq.moments(path, log=True), "log: shock is not always above zero"),
        (lambda: eq.moments(path, smoothing=-1.0), "smoothing: must be at least 0"),
        (lambda: eq.moments(path.isel(period=slice(0, 3))), "3 periods are too few"),
        (lambda: eq.moments(path.isel(period=0)), "needs a simulation"),
    ):
        with pytest.raises(eq.UserError, match=said):
            ask()
