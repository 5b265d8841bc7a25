"""Errors of policies and the rate: closed forms, Blanchard and Kahn, known solutions, what must be refused."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import growth_by_endogenous_grid, three_generations_by_time_iteration

import equilearn as eq
from equilearn.economies.analytic_olg import AnalyticOLG
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.growth import Growth
from equilearn.economies.olg import OLG
from equilearn.equilibrium.policy_error import along_paths, double, draws_for
from equilearn.equilibrium.policy_estimate import estimate, sizes, spread
from equilearn.equilibrium.solution import fresh_policy
from equilearn.report import judge


def untrained(model):
    """A solution whose network says almost nothing: far from the truth, which the estimate must then find."""
    settings = replace(model.settings(), width=8, depth=1)
    return eq.Solution(
        model=model,
        settings=settings,
        policy_function=fresh_policy(model, settings, key=jax.random.key(0)),
        seed=0,
        outcome=eq.Outcome.EXHAUSTED,
        message="",
        seconds=0.0,
        episodes=0,
        gradient_steps=0,
    )


def looked_at(accuracy):
    """The states in which the errors of the policies were estimated, in double precision."""
    policy, states = accuracy.estimate.args[:2]
    number = sizes(jax.eval_shape(policy.raw, jax.tree.map(lambda leaf: leaf[0], states)).shape[0])[0]
    chosen, _ = spread(
        getattr(states, "shock", None) if accuracy.long_run else None, len(jax.tree.leaves(states)[0]), number
    )
    return jax.tree.map(lambda leaf: np.asarray(leaf[chosen], float), states)


def agree(estimated, true, *, within=0.2, correlation=0.9):
    """The means of the absolute errors agree, and the errors move together."""
    assert np.abs(estimated).mean() == pytest.approx(np.abs(true).mean(), rel=within)
    assert np.corrcoef(estimated.ravel(), true.ravel())[0, 1] > correlation


class S(NamedTuple):
    shock: object


class P(NamedTuple):
    p: object


class Price(eq.Model):
    """p_t = a E p_{t+1} + x_t, so p = x / (1 - a persistence)."""

    a: float = 0.9
    shock: eq.Shock = eq.AR1(0.5, 0.1)

    State, Policy = S, P

    def initial(self, key):
        return S(self.shock.initial)

    def policies(self, state):
        return {"p": eq.Real(jnp.zeros(self.shock.initial.shape))}

    def transition(self, state, policy, shock):
        return S(shock)

    def errors(self, state, policy, expect):
        return {"price": policy.p - self.a * expect(lambda s, p: p.p) - state.shock}


@pytest.mark.parametrize("a", [0.5, 0.9, 0.99, 1.05])
def test_the_rate_of_a_price_is_the_weight_of_its_future(a):
    accuracy = untrained(Price(a=a)).accuracy(500, burn_in=50)
    found = accuracy.policy
    assert found.rate == pytest.approx(a, abs=5e-4)
    assert found.unique is (a < 1)
    if a < 0.95:
        agree(found.errors["p"], looked_at(accuracy).shock / (1 - a / 2) - found.policies["p"])
    if a > 1:
        assert "sunspots" in found.line()


def test_negative_weights_of_a_quadrature_are_refused():
    model = Price(a=0.8, shock=eq.Gaussian(tuple(map(tuple, np.eye(6))), persistence=0.5, rule=eq.Monomial(5)))
    assert model.shock.rule.nodes(6)[1].min() < 0
    assert "negative weights" in untrained(model).accuracy(500, burn_in=50).policy.line()


def test_shocks_of_several_dimensions():
    """Six independent prices."""
    model = Price(a=0.8, shock=eq.Gaussian(tuple(map(tuple, np.eye(6))), persistence=0.5, rule=eq.Monomial(3)))
    accuracy = untrained(model).accuracy(500, burn_in=50)
    found = accuracy.policy
    agree(found.errors["p"], looked_at(accuracy).shock / (1 - 0.4) - found.policies["p"])
    assert found.rate == pytest.approx(0.8, abs=5e-4)


class TaylorState(NamedTuple):
    shock: object
    coefficients: object


class TaylorPolicy(NamedTuple):
    gap: object
    inflation: object


class Taylor(eq.Model):
    """The linear New Keynesian model, whose Taylor coefficients are states: one program serves a grid of them."""

    beta: float = 0.99
    slope: float = 0.1
    shock: eq.Shock = eq.AR1(0.8, 0.01)

    State, Policy = TaylorState, TaylorPolicy

    def initial(self, key):
        return TaylorState(self.shock.initial, jnp.asarray([1.5, 0.1]))

    def policies(self, state):
        return {"gap": eq.Real(), "inflation": eq.Real()}

    def transition(self, state, policy, shock):
        return TaylorState(shock, state.coefficients)

    def errors(self, state, policy, expect):
        gap, inflation = expect(lambda s, p: (p.gap, p.inflation))
        rate = state.coefficients[0] * policy.inflation + state.coefficients[1] * policy.gap
        return {
            "demand": policy.gap - gap + rate - inflation - state.shock,
            "supply": policy.inflation - self.beta * inflation - self.slope * policy.gap,
        }


def test_the_new_keynesian_model_is_unique_exactly_where_blanchard_and_kahn_say():
    model = Taylor()
    grid = np.array([(pi, y) for pi in (0.0, 0.7, 0.9, 0.99, 1.01, 1.2, 1.5, 3.0) for y in (0.0, 0.05, 0.5, 0.9)])
    ends, generator = (150, 300), np.random.default_rng(0)
    with jax.enable_x64(True):
        policy = double(untrained(model).policy_function)
        states = TaylorState(jnp.zeros(len(grid)), jnp.asarray(grid))
        draws = jnp.asarray(draws_for(len(grid), ends[-1], 1, 2, generator))
        found = along_paths(policy, states, (0, 1), ends, draws, jnp.asarray(generator.standard_normal((2, 2))))
    norms = np.sqrt((np.asarray(found.products) ** 2).sum(axis=(2, 3)))
    rates = (norms[:, 1] / norms[:, 0]) ** (1 / 150)
    for (pi, y), rate in zip(grid, rates, strict=True):
        ahead = np.array([[1.0, 1.0], [0.0, model.beta]])
        today = np.array([[1 + y, pi], [-model.slope, 1.0]])
        unstable = np.abs(np.linalg.eigvals(np.linalg.solve(ahead, today)))  # z_{t+1} = this z_t
        assert rate == pytest.approx(1 / unstable.min(), rel=5e-3), "complex roots swing a little"
        determinate = model.slope * (pi - 1) + (1 - model.beta) * y > 0  # Bullard and Mitra (2002)
        assert (rate < 1) == (np.sum(unstable > 1) == 2) == determinate


class Regimes(Price):
    """The price in a chain of three states: a linear system of three equations."""

    shock: eq.MarkovChain = eq.MarkovChain(((0.90, 0.09, 0.01), (0.3, 0.6, 0.1), (0.2, 0.3, 0.5)))

    def policies(self, state):
        return {"p": eq.Real()}

    def errors(self, state, policy, expect):
        pays = jnp.asarray([1.0, 0.3, -2.0])[state.shock]
        return {"price": policy.p - self.a * expect(lambda s, p: p.p) - pays}


def test_a_chain_gives_the_solution_of_a_linear_system_and_no_state_is_left_out():
    model = Regimes(a=0.7)
    found = untrained(model).accuracy(500, burn_in=50).policy
    exact = np.linalg.solve(np.eye(3) - 0.7 * np.asarray(model.shock.transition), [1.0, 0.3, -2.0])
    for z in range(3):
        here = found.shocks == z
        error = np.abs(found.policies["p"] + found.errors["p"] - exact[z])[here]
        assert here.sum() >= 3 and error.mean() < 4 * found.standard_errors["p"][here].mean()
    shares = np.bincount(found.shocks, found.weights)
    np.testing.assert_allclose(shares, untrained(model).accuracy(500, burn_in=50).visits / np.float64(500), atol=1e-12)


class Twice(BrockMirman):
    """The same equation twice, once scaled: as good as once."""

    def errors(self, state, policy, expect):
        euler = super().errors(state, policy, expect)["euler"]
        return {"euler": euler, "again": 3 * euler}


@pytest.mark.slow
def test_brock_mirman_and_an_equation_too_many():
    model = BrockMirman()
    solution = eq.solve(model, settings=replace(model.settings(), episodes=60))
    found = solution.accuracy().policy
    true = model.capital_share * model.discount - found.policies["savings_rate"]
    agree(found.errors["savings_rate"], true, within=0.05, correlation=0.99)
    assert found.standard_errors["savings_rate"].max() == 0, "without shocks there is no noise"
    twice = Twice()
    other = replace(solution, model=twice, policy_function=replace_model(solution.policy_function, twice))
    np.testing.assert_allclose(other.accuracy().policy.errors["savings_rate"], found.errors["savings_rate"], atol=1e-9)


@pytest.mark.slow
def test_one_network_for_a_range_of_a_parameter_is_judged_at_each_value():
    model = eq.Uncertain(BrockMirman(), discount=(0.9, 0.98))
    accuracy = eq.solve(model, settings=replace(model.settings(), episodes=60)).accuracy()
    found, states = accuracy.policy, looked_at(accuracy)
    discount = states.parameters[:, 0]
    assert discount.min() < 0.92 and discount.max() > 0.96
    true = BrockMirman().capital_share * discount - found.policies["savings_rate"]
    agree(found.errors["savings_rate"], true, within=0.05, correlation=0.99)


def replace_model(policy, model):
    return type(policy)(policy.network, policy.scaling, model)


@pytest.mark.slow
def test_generations_with_a_closed_form():
    model = AnalyticOLG()
    solution = eq.solve(model, settings=replace(model.settings(), episodes=60))
    found = solution.accuracy().policy
    true = model.exact_savings_rate - found.policies["savings_rate"]
    agree(found.errors["savings_rate"], true)
    assert found.rate < 0.9
    assert found.by_component("savings_rate").shape == (5,)


@pytest.mark.slow
@pytest.mark.parametrize("episodes", [200, 1000])
def test_growth_against_the_endogenous_grid(episodes):
    model = Growth()
    accuracy = eq.solve(model, settings=replace(model.settings(), episodes=episodes, newton=0)).accuracy()
    found, states = accuracy.policy, looked_at(accuracy)
    capital = np.exp(states.log_capital)
    resources = np.exp(states.shock) * capital**model.capital_share + (1 - model.depreciation) * capital
    exact = 1 - growth_by_endogenous_grid(model)(capital, states.shock) / resources
    agree(found.errors["savings_rate"], exact - found.policies["savings_rate"])
    assert found.rate == pytest.approx(0.883, abs=0.005), "the stable root of capital times the discount factor"


@pytest.mark.slow
def test_three_generations_with_a_binding_limit_against_time_iteration():
    model = OLG(generations=3, discount=0.8)
    accuracy = eq.solve(model, settings=replace(model.settings(), episodes=40)).accuracy()
    found, states = accuracy.policy, looked_at(accuracy)
    exact = three_generations_by_time_iteration(model, points=61)(states.shock.astype(int), states.capital)
    for age in (0, 1):
        agree(found.errors["savings"][:, age], (exact - found.policies["savings"])[:, age], correlation=0.98)
    binds = (exact[:, 0] == 0) & (found.policies["savings"][:, 0] == 0)
    assert 0.1 < binds.mean() < 0.9 and np.all(found.errors["savings"][binds, 0] == 0)
    assert found.multipliers == ("multiplier",)


class Shares(eq.Model):
    """Three shares that should be those of a simple function of the state: one number r is redundant."""

    shock: eq.Shock = eq.AR1(0.5, 0.1)
    State, Policy = S, P

    def initial(self, key):
        return S(self.shock.initial)

    def policies(self, state):
        return {"p": eq.Simplex(3)}

    def transition(self, state, policy, shock):
        return S(shock)

    def target(self, shock):
        return jax.nn.softmax(shock * jnp.asarray([0.1, -0.2, 0.3]))

    def errors(self, state, policy, expect):
        return {"share": (policy.p - self.target(state.shock))[:2]}


def test_a_redundant_number_does_no_harm():
    model = Shares()
    accuracy = untrained(model).accuracy(500, burn_in=50)
    found = accuracy.policy
    true = np.stack([np.asarray(model.target(x)) for x in looked_at(accuracy).shock]) - found.policies["p"]
    assert not found.trouble
    agree(found.errors["p"], true, within=0.05, correlation=0.99)


class Silent(Price):
    """An equation that today's decision has no part in."""

    def errors(self, state, policy, expect):
        return {"forgotten": expect(lambda s, p: p.p) - state.shock}


class Few(Price):
    """Two decisions of which only the sum matters."""

    def policies(self, state):
        return {"p": eq.Real(jnp.zeros(2))}

    def errors(self, state, policy, expect):
        total = jnp.sum(policy.p) - state.shock
        return {"one": total, "other": 2 * total}


@pytest.mark.parametrize(
    ("model", "said"),
    [(Silent(), "do not determine p: forgotten does not depend"), (Few(), "depend on each other (look at one")],
    ids=["silent", "few"],
)
def test_equations_that_do_not_determine_the_policy_are_named(model, said):
    solution = untrained(model)
    accuracy = solution.accuracy(500, burn_in=50)
    assert said in accuracy.policy.line()
    assert accuracy.policy.summary() == {}
    verdict = judge(solution, accuracy)
    assert not verdict.accurate


def test_what_cannot_be_estimated_is_said_and_nothing_breaks():
    policy = untrained(Price()).policy_function
    broken = jax.tree.map(lambda leaf: jnp.nan * leaf, policy)
    found = estimate(broken, S(np.linspace(-1, 1, 20, dtype=np.float32)), {"price": np.ones(20)})
    assert "cannot be estimated" in found.line() and found.unique is None


@pytest.mark.slow
def test_verdicts_stand_on_the_policies_too():
    """The same small errors of the equations, with policies right, wrong, uncertain, and not pinned down."""
    model = BrockMirman()
    solution = eq.solve(model, settings=replace(model.settings(), episodes=1000))
    accuracy = solution.accuracy()
    right = accuracy.policy

    def verdict(**changes):
        return judge(solution, replace(accuracy, estimate=lambda: replace(right, **changes)))

    rate = {"savings_rate": 0 * right.errors["savings_rate"]}
    wrong = {"savings_rate": rate["savings_rate"] + 1e-2}
    assert verdict().accurate and any("locally unique" in reason for reason in verdict().reasons)
    assert "better than the policies are right" in verdict(errors=wrong).words
    assert "too uncertain to judge" in verdict(errors=wrong, standard_errors=wrong).words
    assert "do not pin it down" in verdict(rate=1.1, rate_error=0.01).words
    assert "cannot be told" in verdict(rate=0.97, rate_error=0.02).words
    assert verdict(rate=0.9, rate_error=0.02).accurate
    assert "do not determine the policies" in verdict(trouble=("x",), undetermined=True).words
    assert "could not be judged" in verdict(trouble=("x",)).words
    assert not any(
        verdict(**changes).accurate
        for changes in ({"errors": wrong}, {"rate": 1.1}, {"rate": 0.99, "rate_error": 0.02}, {"trouble": ("x",)})
    )
