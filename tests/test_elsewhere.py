"""Equations that ask for tomorrow's policy in other states, or for its derivatives: discretion and discrete choices."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from engine import Engine
from jaxtyping import Array
from scipy.optimize import root
from tempted import Tempted

import equilearn as eq

FEW = eq.SolveSettings(episodes=600, width=32, check_every=200, restart=0.1)


class Discretion(eq.Model):
    """A central bank that cannot bind itself, with inflation that is partly its own past.

    Loss pi^2 + weight x^2; pi - indexed pi_1 = discount E[pi' - indexed pi] + slope x + u. Today's bank knows that its
    inflation moves tomorrow's, by the derivative of tomorrow's policy.
    """

    discount: float = 0.99
    slope: float = 0.3
    weight: float = 0.5
    indexed: float = 0.5
    shock: eq.Shock = eq.AR1(0.5, 0.01)

    class State(NamedTuple):
        shock: Array
        past: Array

    class Policy(NamedTuple):
        inflation: Array

    def initial(self, key):
        return self.State(self.shock.initial, 0.02 * jax.random.normal(key))

    def policies(self, state):
        return {"inflation": eq.Real(0.0, 0.02)}

    def transition(self, state, policy, shock):
        return self.State(shock, policy.inflation)

    def gap(self, state, inflation, expected):
        beta, gamma = self.discount, self.indexed
        return ((1 + beta * gamma) * inflation - gamma * state.past - beta * expected - state.shock) / self.slope

    def errors(self, state, policy, expect):
        beta, gamma = self.discount, self.indexed

        def ahead(s, p, policy_of):
            slope = jax.lax.stop_gradient(jax.grad(lambda past: policy_of(s._replace(past=past)).inflation)(s.past))
            later = policy_of(self.transition(s, p, self.shock.mean(s.shock))).inflation  # E[pi''], for it is linear
            return p.inflation, slope, self.gap(s, p.inflation, later)

        inflation, slope, later = expect(ahead)
        gap = self.gap(state, policy.inflation, inflation)
        cost = self.weight * gap * (1 + beta * gamma - beta * slope) - beta * gamma * self.weight * later
        return {"optimal": (policy.inflation + cost / self.slope) / 0.02}

    def exact(self):
        """Return a and b of pi = a pi_1 + b u, by solving the two equations that the coefficients must meet."""
        beta, gamma, rho, kappa = self.discount, self.indexed, self.shock.persistence, self.slope

        def equations(both):
            a, b = both
            own = (1 + beta * gamma - beta * a) / kappa
            d, e = own * a - gamma / kappa, own * b - (beta * b * rho + 1) / kappa  # x = d pi_1 + e u
            factor = self.weight / kappa
            whole = 1 + beta * gamma - beta * a
            return (
                a + factor * (d * whole - beta * gamma * d * a),
                b + factor * (e * whole - beta * gamma * (d * b + e * rho)),
            )

        return root(equations, (0.3, 1.0)).x


def exact_engine(model, ages):
    """Return value and chance of replacement by value iteration on a fine grid."""
    grid = np.linspace(0, 40, 4001)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    driven, weights = np.exp(0.3 * nodes), weights / weights.sum()
    value = np.zeros_like(grid)
    for _ in range(300):
        after = sum(w * np.interp(grid + d, grid, value) for w, d in zip(weights, driven, strict=True))
        keep, replace = -model.cost * grid + model.discount * after, -model.price + model.discount * after[0]
        value = model.taste * np.logaddexp(keep / model.taste, replace / model.taste)
    chance = 1 / (1 + np.exp(-(replace - keep) / model.taste))
    return np.interp(ages, grid, value), np.interp(ages, grid, chance)


@pytest.fixture(scope="module")
def tempted():
    return eq.solve(Tempted())


@pytest.mark.slow
def test_a_saver_who_knows_how_later_selves_respond_saves_the_closed_form(tempted):
    model, found = tempted.model, tempted.simulate(200, burn_in=50)
    assert np.abs(found["share"] / model.exact - 1).max() < 2e-3
    patient = Tempted(restraint=1.0)
    assert abs(model.exact / patient.exact - 1) > 0.2  # what ignoring the later selves would give
    assert patient.exact == pytest.approx(model.capital_share * model.discount)


@pytest.mark.slow
def test_the_estimate_says_that_it_does_not_follow_such_errors(tempted):
    found = tempted.accuracy(50)
    assert "ask for tomorrow's policy in other states" in str(found)
    assert not found.policy.errors


@pytest.mark.slow
def test_a_range_of_a_parameter_hands_the_policy_on():
    model = eq.Uncertain(Tempted(), restraint=(0.6, 0.9))
    solution = eq.solve(model, settings=FEW)
    for restraint in (0.65, 0.85):
        state = model.state((0.0, 0.2), {"restraint": restraint})
        assert float(solution.policy(state).share) == pytest.approx(Tempted(restraint=restraint).exact, rel=1e-2)


def test_a_path_without_shocks_knows_no_policy():
    with pytest.raises(eq.UserError, match="ask for the policy in other states"):
        eq.perfect_foresight(Tempted(), Tempted().initial(jax.random.key(0)), 20)


@pytest.mark.slow
def test_a_bank_without_commitment_is_the_closed_form_of_the_linear_quadratic_case():
    model = Discretion()
    a, b = model.exact()
    assert abs(a) < 1
    solution = eq.solve(model, settings=FEW)
    path = solution.simulate(300, burn_in=50)
    exact = a * path["past"] + b * path["shock"]
    assert float(np.abs(path["inflation"] - exact).max() / np.abs(exact).max()) < 5e-3


@pytest.mark.slow
def test_a_discrete_choice_by_its_values_in_states_that_were_not_chosen():
    model = Engine()
    solution = eq.solve(model)
    path = solution.simulate(2000, burn_in=50)
    value, chance = exact_engine(model, path["age"].values)
    assert np.abs(path["chance"].values - chance).mean() < 1e-3
    assert np.abs(path["value"].values - value).mean() < 1e-2
    replaced = path["renewed"].values[1:]
    assert abs(replaced.mean() - chance[:-1].mean()) < 4 * np.sqrt((chance * (1 - chance)).mean() / 2000)
