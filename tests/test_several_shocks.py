"""Named shocks, vector autoregressions and probabilities that follow from state and policy, against closed forms."""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.encoding import decode, encode
from equilearn.equilibrium.model import expectation
from equilearn.equilibrium.probing import Plan

CHAIN = ((0.43, 0.57), (0.57, 0.43))
"""Growth that turns round, as Mehra and Prescott (1985) estimated it."""
AR1 = {"matrix": ((-0.139,),), "covariance": ((0.0348**2,),)}
VAR = {"matrix": ((0.5, -0.3), (0.4, -0.6)), "covariance": ((4e-4, 1e-4), (1e-4, 9e-4))}


class Tree(eq.Model):
    """The price of a tree in units of its fruit, which grow by exp(growth): Mehra and Prescott (1985), Burnside (1998).

    price = discount E[exp((1 - risk_aversion) growth') (1 + price')].
    """

    discount: float = 0.95
    risk_aversion: float = 2.5
    mean_growth: float = 0.018
    shock: eq.Shock = eq.AR1(persistence=-0.139, innovation_std=0.0348)
    by_state: tuple[float, ...] = (0.036, -0.036)

    class State(NamedTuple):
        shock: Any

    class Policy(NamedTuple):
        price: Any

    def initial(self, key):
        return self.State(self.shock.initial)

    def growth(self, state):
        numbers, index = self.shock.numbers(state.shock), self.shock.index(state.shock)
        normal = numbers[0] if numbers.size else 0.0
        return self.mean_growth + normal + (jnp.asarray(self.by_state)[index] if self.shock.chains else 0.0)

    def policies(self, state):
        return {"price": eq.HalfLine(0.0, scale=15.0)}

    def transition(self, state, policy, shock):
        return self.State(shock)

    def errors(self, state, policy, expect):
        power = 1 - self.risk_aversion
        value = expect(lambda s, p: jnp.exp(power * self.growth(s)) * (1 + p.price))
        return {"price": self.discount * value / policy.price - 1}

    def definitions(self, state, policy):
        return {"growth_rate": self.growth(state)}


def exact_price(model, x, z, *, matrix=((0.0,),), covariance=((0.0,),), chain=((1.0,),)):
    """Discounted fruit: normal sums for the vector autoregression, matrix powers for the chain, which is independent.

    E exp(t (x_1 + ... + x_n)), with B_j = I + A + ... + A^j, is normal with mean t e'(A + ... + A^n) x and variance
    t^2 sum_j e' B_j S B_j' e, j < n; the chain gives (P diag exp(t g))^n 1.
    """
    matrix, covariance, chain = (np.asarray(one, float) for one in (matrix, covariance, chain))
    t, d = 1 - model.risk_aversion, len(matrix)
    growth = np.exp(t * np.asarray(model.by_state)) if len(chain) > 1 else np.ones(1)
    sums, variance, total, ones = np.eye(d), 0.0, 0.0, np.ones(len(chain))
    for n in range(1, 1000):
        variance += (sums @ covariance @ sums.T)[0, 0]
        ones = chain @ (growth * ones)
        mean = np.asarray(x).reshape(-1, d) @ (sums @ matrix)[0]
        total = total + model.discount**n * np.exp(t * (n * model.mean_growth + mean) + t**2 * variance / 2) * ones[z]
        sums = np.eye(d) + sums @ matrix
    return total


FINE = eq.GaussHermite(9)
TREES = {
    "a chain that turns round": (eq.MarkovChain(CHAIN), {"chain": CHAIN}),
    "an autoregression that turns round": (eq.AR1(-0.139, 0.0348, rule=FINE), AR1),
    "a vector autoregression": (eq.VAR(VAR["matrix"], VAR["covariance"], rule=FINE), VAR),
    "both": (eq.Shocks(trend=eq.AR1(-0.139, 0.0348, rule=FINE), regime=eq.MarkovChain(CHAIN)), AR1 | {"chain": CHAIN}),
}


@pytest.mark.parametrize("name", TREES)
def test_expectations_of_the_exact_price_give_the_exact_price(name):
    shock, exact = TREES[name]
    model = Tree(shock=shock)
    current = shock.with_index(jax.tree.map(lambda leaf: leaf + 0.05, shock.initial), jnp.asarray(0))
    current = shock.with_index(current, jnp.asarray(shock.states - 1))

    def price(value):
        numbers = np.asarray(jax.vmap(shock.numbers)(value), float)
        index = np.asarray(shock.index(value), int) + np.zeros(len(numbers), int)
        return exact_price(model, numbers if numbers.size else np.zeros((len(numbers), 1)), index, **exact)

    values, probabilities = shock.nodes(current)
    growth = np.asarray(jax.vmap(lambda value: model.growth(model.State(value)))(values))
    expected = 0.95 * np.asarray(probabilities) @ (np.exp(-1.5 * growth) * (1 + price(values)))
    assert expected == pytest.approx(price(jax.tree.map(lambda leaf: leaf[None], current))[0], rel=2e-6)


def test_the_closed_form_is_that_of_mehra_and_prescott():
    weights = 0.95 * np.asarray(CHAIN) * np.exp(-1.5 * (0.018 + np.array(Tree().by_state)))
    by_hand = np.linalg.solve(np.eye(2) - weights, weights.sum(axis=1))  # price = W (1 + price)
    np.testing.assert_allclose(exact_price(Tree(), np.zeros((2, 1)), np.arange(2), chain=CHAIN), by_hand, rtol=1e-12)


@functools.cache
def both():
    model = Tree(shock=eq.Shocks(trend=eq.AR1(-0.139, 0.0348), regime=eq.MarkovChain(CHAIN)))
    return eq.solve(model, settings=replace(model.settings(), episodes=300, width=16), live=False)


@pytest.mark.slow
def test_two_shocks_are_learnt():
    path = both().simulate(2000)
    truth = exact_price(both().model, path.trend.values, path.regime.values, **AR1, chain=CHAIN)
    assert np.abs(path.price.values / truth - 1).max() < 1e-3
    np.testing.assert_allclose(np.corrcoef(path.trend[1:], path.trend[:-1])[0, 1], -0.139, atol=0.05)
    assert abs(np.mean(path.regime.values[1:] == path.regime.values[:-1]) - 0.43) < 0.04


@pytest.mark.slow
def test_each_shock_has_its_own_impulse():
    solution = both()
    up = solution.impulse_response(0.05, component="trend", periods=4, paths=4000)
    np.testing.assert_allclose(up.trend, 0.05 * (-0.139) ** np.arange(4), atol=1e-6)
    np.testing.assert_allclose(up.regime, 0, atol=1e-6)
    np.testing.assert_allclose(up.growth_rate, up.trend, atol=1e-6)
    down = solution.impulse_response(1, component="regime", periods=4, paths=20_000)
    np.testing.assert_allclose(down.regime, 0.5 * (-0.14) ** np.arange(4), atol=0.02)
    np.testing.assert_allclose(down.trend, 0, atol=1e-6)
    for wrong, said in (
        ({}, "must be the name of a shock, one of trend, regime, not None"),
        ({"component": "rates"}, "one of trend, regime, not 'rates'"),
        ({"component": ("trend", 1)}, "a AR1 has one component only"),
        ({"component": "regime"}, "must be an index below 2, not 0.05"),
    ):
        with pytest.raises(eq.UserError, match=f"impulse_response: .*{said}"):
            solution.impulse_response(0.05, **wrong)


@pytest.mark.slow
def test_several_shocks_are_saved_certified_and_given(tmp_path):
    solution = both()
    again = eq.load(solution.save(tmp_path / "tree"), Tree)
    state = solution.model.State(solution.model.shock.initial._replace(regime=1))
    assert again.model == solution.model
    assert float(again.policy(state).price) == float(solution.policy(state).price)
    certificate = solution.accuracy(500, burn_in=50)
    assert certificate.notes()[0].startswith("2 of 2 states of the chain were visited (")
    assert certificate.notes()[0].endswith("; in the long run 50, 50 %).")
    assert certificate.policy.unique
    assert certificate.policy.by_state(2)["price"].max() < 1e-3
    with pytest.raises(
        eq.UserError, match=r"Tree\.State\.shock\.regime must be the index of a state of the chain, 0 to 1"
    ):
        solution.policy(state._replace(shock=state.shock._replace(regime=2)))
    with pytest.raises(eq.UserError, match=r"State\.shock must have the form of the model's `shock.initial`"):
        solution.policy(solution.model.State(0.1))


class Disaster(eq.Model):
    """Growth with a disaster, the likelier the more capital there is; households take its risk as given."""

    discount: float = 0.96
    risk_aversion: float = 4.0
    capital_share: float = 0.36
    depreciation: float = 0.08
    loss: float = 0.2
    largest: float = 0.1
    shock: eq.Shock = eq.EndogenousChain(2)

    class State(NamedTuple):
        shock: Any
        capital: Any

    class Policy(NamedTuple):
        share: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(4.0))

    def risk(self, capital):
        return self.largest * jax.nn.sigmoid(2 * (capital - 5))

    def process(self, state, policy):
        risk = self.risk(state.capital)
        return self.shock.given((1 - risk, risk))

    def policies(self, state):
        return {"share": eq.Interval(0.0, 1.0, start=0.7)}

    def saved(self, state, policy):
        return (1 - self.depreciation) * state.capital + (1 - policy.share) * state.capital**self.capital_share

    def transition(self, state, policy, shock):
        return self.State(shock, self.saved(state, policy) * jnp.where(shock == 1, 1 - self.loss, 1.0))

    def consumption(self, state, policy):
        return policy.share * state.capital**self.capital_share

    def errors(self, state, policy, expect):
        saved, alpha = self.saved(state, policy), self.capital_share
        value = expect(
            lambda s, p: (
                self.consumption(s, p) ** -self.risk_aversion
                * (s.capital / saved)
                * (1 - self.depreciation + alpha * s.capital ** (alpha - 1))
            )
        )
        return {"euler": eq.euler_error(self.discount * value, self.consumption(state, policy), self.risk_aversion)}


def disaster_by_time_iteration(model):
    """Consumption as a function of capital: the Euler equation solved by bisection on a grid."""
    alpha, delta, gamma = model.capital_share, model.depreciation, model.risk_aversion
    grid = np.linspace(1.0, 9.0, 400)
    risk = model.largest / (1 + np.exp(-2 * (grid - 5)))
    share = np.full_like(grid, 0.7)
    for _ in range(2000):

        def value(saved, share=share):
            total = 0.0
            for chance, factor in ((1 - risk, 1.0), (risk, 1 - model.loss)):
                k = saved * factor
                c = np.interp(k, grid, share) * k**alpha
                total = total + chance * factor * c**-gamma * (1 - delta + alpha * k ** (alpha - 1))
            return model.discount * total

        low, high = np.full_like(grid, 1e-6), grid**alpha
        for _ in range(45):
            middle = (low + high) / 2
            poor = middle**-gamma > value((1 - delta) * grid + grid**alpha - middle)
            low, high = np.where(poor, middle, low), np.where(poor, high, middle)
        new = middle / grid**alpha
        gap, share = np.abs(new - share).max(), new
        if gap < 1e-8:
            break
    assert gap < 1e-8, "the oracle itself must converge"
    return lambda k: np.interp(k, grid, share) * k**alpha


@functools.cache
def disaster():
    return eq.solve(Disaster(), settings=eq.SolveSettings(episodes=600, width=32), live=False)


@pytest.mark.slow
def test_a_disaster_whose_probability_follows_from_capital_is_that_of_time_iteration():
    path = disaster().simulate(5000)
    exact = disaster_by_time_iteration(disaster().model)(path.capital.values)
    consumption = path.share.values * path.capital.values**0.36
    assert np.abs(consumption / exact - 1).max() < 1e-3
    risk = np.asarray(disaster().model.risk(path.capital.values))[:-1]
    hit = path.shock.values[1:]
    assert abs(hit.mean() - risk.mean()) < 3 * np.sqrt(np.mean(risk * (1 - risk)) / len(hit))
    certificate = disaster().accuracy(1000, burn_in=50)
    assert "2 of 2 states of the chain were visited" in certificate.notes()[0]
    assert "nan" not in certificate.notes()[0]
    assert certificate.coverage()["chain"][1]["long_run"] is None


@pytest.mark.slow
def test_after_a_disaster_the_next_one_is_as_likely_as_the_capital_then_says():
    solution = disaster()
    response = solution.impulse_response(1, periods=2, paths=20_000)
    path = solution.simulate(20_000)
    capital = path.capital.values / np.where(path.shock.values == 1, 0.8, 1.0)  # before it was hit
    risk = [float(np.mean(solution.model.risk(capital * factor))) for factor in (0.8, 1.0)]
    mean = float(np.mean(solution.model.risk(path.capital.values)))
    np.testing.assert_allclose(response.shock, [1 - mean, risk[0] - mean], atol=0.006)


class Cautious(Disaster):
    """The same where saving itself brings the disaster about: a probability that follows from the policy."""

    def process(self, state, policy):
        risk = self.risk(10 * self.saved(state, policy) - 34)
        return self.shock.given(jnp.stack([1 - risk, risk]))


def test_expectations_are_differentiated_through_probabilities_that_follow_from_the_policy():
    model = Cautious()
    state, plan = model.initial(jax.random.key(0)), Plan(jnp.zeros(1), model)

    def hit(share):
        decision = model.Policy(share)
        return expectation(plan, state, decision)(lambda s, p: (s.shock == 1) * 1.0)

    share = jnp.asarray(0.7)
    risk = model.risk(10 * model.saved(state, model.Policy(share)) - 34)
    assert float(hit(share)) == pytest.approx(float(risk), rel=1e-5)
    slope = -10 * 4.0**0.36 * 2 * risk * (1 - risk / model.largest)  # of the logistic function, times that of saving
    assert float(jax.grad(hit)(share)) == pytest.approx(float(slope), rel=1e-4)
    process = model.process(state, model.Policy(share))
    keys = jax.random.split(jax.random.key(1), 40_000)
    drawn = jax.vmap(lambda key: process.draw(state.shock, key=key))(keys)
    assert float(drawn.mean()) == pytest.approx(float(risk), abs=0.005)
    assert check_model(model) == ("euler",)


class TwoShocks(eq.Model):
    """Brock and Mirman (1972) with productivity that is autoregressive and a capital share that is a chain."""

    discount: float = 0.96
    shares: tuple[float, ...] = (0.3, 0.4)
    shock: eq.Shock = eq.Shocks(productivity=eq.AR1(0.9, 0.02), share=eq.MarkovChain(((0.9, 0.1), (0.3, 0.7))))

    class State(NamedTuple):
        shock: Any
        log_capital: Any

    class Policy(NamedTuple):
        savings_rate: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(-1.5))

    def share(self, state):
        return jnp.asarray(self.shares)[state.shock.share]

    def log_output(self, state):
        return state.shock.productivity + self.share(state) * state.log_capital

    def policies(self, state):
        return {"savings_rate": eq.Interval(0.0, 1.0)}

    def transition(self, state, policy, shock):
        return self.State(shock, jnp.log(policy.savings_rate) + self.log_output(state))

    def errors(self, state, policy, expect):
        value = expect(lambda s, p: self.share(s) * jnp.exp(-s.log_capital) / (1 - p.savings_rate))
        consumption = (1 - policy.savings_rate) * jnp.exp(self.log_output(state))
        return {"euler": eq.euler_error(self.discount * value, consumption, 1.0)}


def test_the_exact_savings_of_brock_and_mirman_with_two_shocks_make_no_error():
    """With u = 1 / (1 - savings rate), u = 1 + discount E[share' u']: linear in the two states of the chain."""
    model = TwoShocks()
    rows = np.asarray(model.shock.share.transition) * np.asarray(model.shares)
    rates = 1 - 1 / np.linalg.solve(np.eye(2) - model.discount * rows, np.ones(2))

    class Exact:
        def __init__(self):
            self.model = model

        def __call__(self, state):
            return model.Policy(jnp.asarray(rates, jnp.float32)[state.shock.share])

    def error(productivity, share, log_capital):
        state = model.State(model.shock.initial._replace(productivity=productivity, share=share), log_capital)
        decision = Exact()(state)
        return model.errors(state, decision, expectation(Exact(), state, decision))["euler"]

    errors = jax.vmap(error)(jnp.linspace(-0.2, 0.2, 20), jnp.arange(20) % 2, jnp.linspace(-3.0, -1.0, 20))
    np.testing.assert_allclose(errors, 0, atol=3e-6)
    assert check_model(model) == ("euler",)


def test_a_vector_autoregression_has_its_moments():
    process = eq.VAR(VAR["matrix"], VAR["covariance"])
    nodes, weights = process.nodes(jnp.asarray([0.5, -1.0]))
    mean, matrix = weights @ nodes, np.asarray(VAR["matrix"])
    np.testing.assert_allclose(mean, matrix @ [0.5, -1.0], atol=1e-6)
    np.testing.assert_allclose((nodes - mean).T @ ((nodes - mean) * weights[:, None]), VAR["covariance"], atol=1e-7)

    def step(x, key):
        x = process.draw(x, key=key)
        return x, x

    path = np.asarray(jax.lax.scan(step, jnp.zeros(2), jax.random.split(jax.random.key(1), 100_000))[1])
    stationary = np.linalg.solve(np.eye(4) - np.kron(matrix, matrix), np.ravel(VAR["covariance"])).reshape(2, 2)
    np.testing.assert_allclose(np.cov(path.T), stationary, rtol=0.05, atol=2e-5)


def test_nodes_of_several_shocks_are_all_combinations():
    shock = eq.Shocks(rates=eq.VAR(VAR["matrix"], VAR["covariance"]), regime=eq.MarkovChain(CHAIN), z=eq.AR1(0.5, 0.1))
    current = shock.initial._replace(rates=jnp.asarray([0.1, 0.2]), regime=jnp.asarray(1), z=jnp.asarray(0.3))
    values, weights = shock.nodes(current)
    assert weights.shape == (9 * 2 * 5,) and float(weights.sum()) == pytest.approx(1)
    np.testing.assert_allclose(weights @ values.rates, np.asarray(VAR["matrix"]) @ [0.1, 0.2], atol=1e-6)
    assert float(weights @ values.regime) == pytest.approx(0.43, abs=1e-6)
    assert float(weights @ (values.z * values.regime)) == pytest.approx(0.15 * 0.43, abs=1e-6), "independent"
    assert (shock.states, int(shock.index(current)), shock.numbers(current).shape) == (2, 1, (3,))
    assert decode(encode(shock)) == shock
    assert shock.real_parameters() == ["z.persistence", "z.innovation_std"]
    assert eq.Shocks(a=eq.MarkovChain(CHAIN), b=eq.MarkovChain(CHAIN)).chain == eq.MarkovChain.product(CHAIN, CHAIN)
    assert float(shock.impulse(current, 0.5, ("rates", 1)).rates[1]) == pytest.approx(0.7)


def test_a_parameter_of_one_of_several_shocks_can_be_a_state():
    model = eq.Uncertain(TwoShocks(), **{"shock.productivity.persistence": (0.8, 0.95)})
    model.check_effects()
    base = model.model.initial(jax.random.key(0))
    base = base._replace(shock=base.shock._replace(productivity=jnp.asarray(1.0)))
    state = model.state(base, {"shock.productivity.persistence": 0.85})
    values, weights = model.process(state, None).nodes(state.shock)
    assert float(weights @ values.productivity) == pytest.approx(0.85, abs=1e-6)


class Forgetful(Disaster):
    """A chain without probabilities."""

    process = eq.Model.process


class Improbable(Disaster):
    """Probabilities that do not sum to one."""

    def process(self, state, policy):
        return self.shock.given((0.9, 0.2))


class Wandering(Disaster):
    """Three probabilities for two states."""

    def process(self, state, policy):
        return self.shock.given((0.5, 0.25, 0.25))


class Silent(Disaster):
    """A process that is none."""

    def process(self, state, policy):
        return (0.9, 0.1)


class Still(TwoShocks):
    """A chain that never moves on."""

    def transition(self, state, policy, shock):
        moved = self.State(shock, jnp.log(policy.savings_rate) + self.log_output(state))
        return moved._replace(shock=shock._replace(share=state.shock.share))


class Longer(Disaster):
    """A chain of three states where the shock has two."""

    def process(self, state, policy):
        return eq.MarkovChain(((0.8, 0.1, 0.1),) * 3)


class Taken(TwoShocks):
    """A shock with the name of a policy."""

    shock: eq.Shock = eq.Shocks(
        productivity=eq.AR1(0.9, 0.02), share=eq.MarkovChain(CHAIN), savings_rate=eq.MarkovChain(CHAIN)
    )


WRONG = {
    "no probabilities": (lambda: check_model(Forgetful()), "Forgetful.shock: an EndogenousChain has the probabilities"),
    "no distribution": (lambda: check_model(Improbable()), "Improbable.process: the probabilities of next period"),
    "too many": (lambda: check_model(Wandering()), "Wandering.process: EndogenousChain: 2 states need 2 probabilities"),
    "another chain": (
        lambda: check_model(Longer()),
        "Longer.process: must return a process with the chains of the model's shock, of 2 states, not of 3",
    ),
    "no process": (lambda: check_model(Silent()), "Silent.process: must return a shock"),
    "an old shock": (lambda: check_model(Still()), "Still.transition: State.shock.share must be the new shock"),
    "a name twice": (lambda: check_model(Taken()), "Taken: State and Policy both have a field 'savings_rate'"),
    "a short table": (
        lambda: check_model(TwoShocks(shares=(0.3,))),
        "TwoShocks.shares: has 1 entries, too few for a chain of 2 states",
    ),
    "a long table": (lambda: check_model(TwoShocks(shares=(0.3, 0.4, 0.5))), "too many for a chain of 2 states"),
    "no shocks": (lambda: eq.Shocks(), "Shocks: name at least one process"),
    "no shock": (lambda: eq.Shocks(rates=eq.Shocks(z=eq.AR1(0.9, 0.1))), "Shocks: rates must be one process"),
    "a name of its own": (lambda: eq.Shocks(states=eq.AR1(0.9, 0.1)), "a shock cannot be called 'states'"),
    "a keyword": (lambda: eq.Shocks([("if", eq.AR1(0.9, 0.1))]), "'if' cannot be the name of a shock"),
    "not there": (
        lambda: TwoShocks().shock.given(rates=0.3),
        "there is no shock 'rates'; there are productivity, share",
    ),
    "fixed": (lambda: TwoShocks().shock.given(share=(0.5, 0.5)), "share is a MarkovChain, whose probabilities"),
    "no number": (lambda: eq.EndogenousChain(0), "size must be between 1 and 10,000, not 0"),
    "a root of one": (lambda: eq.VAR(((1.0,),), ((1.0,),)), "eigenvalue of size 1; all must be below 1"),
    "two sizes": (lambda: eq.VAR(((0.5,),), VAR["covariance"]), "persistence is for 1 components and covariance for 2"),
    "too many nodes": (
        lambda: check_model(Tree(shock=eq.Shocks(**{c: eq.AR1(0.9, 0.1) for c in "abcdefgh"}))),
        "390,625 nodes; take rules with fewer points",
    ),
    "a chain that cannot be zero": (
        lambda: eq.perfect_foresight(TwoShocks(), TwoShocks().initial(jax.random.key(0)), 10),
        "TwoShocks has a Markov chain",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name):
    make, said = WRONG[name]
    with pytest.raises(eq.UserError) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "right"),
    [(0.3, True), (0.0, True), (1.0, True), (1.2, False), (-0.1, False)],
)
def test_what_follows_from_the_state_is_no_number_where_it_cannot_be(value, right):
    current = jnp.zeros((), jnp.int32)
    rows = jax.jit(lambda p: eq.EndogenousChain(2).given((1 - p, p)).row(current))(value)
    assert np.isfinite(np.asarray(rows)).all() == right
    spread = jax.jit(lambda sd: eq.AR1(0.5, sd).nodes(jnp.zeros(()))[0])(value)
    assert np.isfinite(np.asarray(spread)).all() == (value >= 0)
    lasting = jax.jit(lambda r: eq.AR1(r, 0.1).mean(jnp.ones(())))(value)
    assert np.isfinite(np.asarray(lasting)) == (abs(value) < 1)
