"""The errors once more with more nodes of the shock: what the model's own rule leaves out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.equilibrium.quadrature import finer, nodes_of
from equilearn.equilibrium.verdict import judge


class Convex(eq.Model):
    """A claim on exp(4 x'), whose logarithm is 4 persistence x + 8 innovation_std^2: two nodes are too few."""

    shock: eq.Shock = eq.AR1(0.5, 0.3, rule=eq.GaussHermite(2))

    class State(NamedTuple):
        shock: Any

    class Policy(NamedTuple):
        log_price: Any

    def initial(self, key):
        return self.State(self.shock.initial)

    def policies(self, state):
        return {"log_price": eq.Real()}

    def transition(self, state, policy, shock):
        return self.State(shock)

    def errors(self, state, policy, expect):
        return {"price": expect(lambda s, p: jnp.exp(4 * self.number(s))) * jnp.exp(-policy.log_price) - 1}

    def number(self, state):
        return state.shock

    def required(self):
        return (eq.Target("price", mean=5e-3),)


class Turbulent(Convex):
    """The same with a volatility that `process` says, and a chain beside."""

    shock: eq.Shock = eq.Shocks(x=eq.AR1(0.5, 0.3), calm=eq.MarkovChain(((0.9, 0.1), (0.1, 0.9))))

    def process(self, state, policy):
        return self.shock.given(x=eq.AR1(0.5, 0.3 - 0.1 * state.shock.calm, rule=eq.GaussHermite(2)))

    def number(self, state):
        return state.shock.x


def solved(model, episodes=150):
    return eq.solve(model, settings=eq.SolveSettings(episodes=episodes, width=16), live=False)


@pytest.mark.slow
def test_errors_with_more_nodes_are_those_of_the_closed_form():
    solution = solved(Convex(), 200)
    accuracy = solution.accuracy(500)
    own, more = accuracy.finer.means["price"]
    assert accuracy.finer.nodes == (2, 5) and accuracy.finer.states == 500
    assert own == pytest.approx(accuracy.summary()["price"]["mean"], rel=1e-5) and own < 5e-3
    x = np.asarray(solution.states(500).shock, float).ravel()
    exact = (
        np.exp(4 * 0.5 * x + 8 * 0.3**2) / np.exp(solution.policy(solution.model.State(jnp.asarray(x))).log_price) - 1
    )
    assert more == pytest.approx(np.abs(exact).mean(), rel=0.02)  # of five nodes: 1.1 % of the gap is left
    assert "would be" in accuracy.finer.notes()[0] and accuracy.finer.notes()[0] in str(accuracy)
    assert accuracy.coverage()["more_nodes"]["mean"]["price"] == {"own": own, "finer": more}
    verdict = judge(solution, accuracy)
    assert not verdict.accurate and any("TOO FEW NODES" in reason for reason in verdict.reasons)


@pytest.mark.slow
def test_nodes_that_a_process_says_are_more_as_well_and_chains_stay():
    found = solved(Turbulent()).accuracy(300).finer
    assert found.nodes == (4, 10)
    assert found.means["price"][1] > 3 * found.means["price"][0]


@pytest.mark.slow
def test_an_equation_that_is_not_defined_at_the_outermost_nodes_is_named():
    class Bounded(Convex):
        shock: eq.Shock = eq.AR1(0.5, 0.3, rule=eq.GaussHermite(3))

        def number(self, state):
            return jnp.log(1.6 + state.shock) / 4  # three nodes reach no further than -0.52 from the mean, seven -1.13

    accuracy = solved(Bounded(), 30).accuracy(states=Bounded.State(jnp.asarray(-1.0)))
    assert "(the same policy, 1 state) price would not be finite" in accuracy.finer.notes()[0]


@pytest.mark.slow
def test_nothing_is_said_where_nodes_would_be_too_many():
    class Many(Convex):
        shock: eq.Shock = eq.Shocks(**{f"x{i}": eq.AR1(0.5, 0.1, rule=eq.GaussHermite(2)) for i in range(7)})

        def number(self, state):
            return sum(state.shock) / 7

    assert solved(Many(), 5).accuracy(50).finer is None  # 5^7 nodes


@pytest.mark.slow
def test_a_chain_is_exact_and_enough_nodes_change_nothing():
    assert eq.solve(BrockMirman(), settings=eq.SolveSettings(episodes=10), live=False).accuracy(50).finer is None
    found = solved(Convex(shock=eq.AR1(0.5, 0.3, rule=eq.GaussHermite(9)))).accuracy(300).finer
    assert found.nodes == (9, 19) and found.means["price"][1] == pytest.approx(found.means["price"][0], rel=0.01)
    assert "about the same" in found.notes()[0]


@pytest.mark.slow
def test_weights_and_double_precision_are_kept():
    class Weighed(Convex):
        def errors(self, state, policy, expect):
            price = super().errors(state, policy, expect)["price"]
            return {"price": jnp.stack([price, jnp.ones_like(price)])}

        def weights(self, state, policy):
            return {"price": jnp.asarray([1.0, 0.0])}

    with jax.enable_x64(True):
        solution = solved(Weighed(), 60)
    accuracy = solution.accuracy(300)
    assert accuracy.finer.means["price"][0] == pytest.approx(accuracy.summary()["price"]["mean"], rel=1e-6)
    assert accuracy.finer.means["price"][1] < 0.9  # the component of ones counts for nothing


@pytest.mark.parametrize(
    ("rule", "dimension", "number"),
    [
        (eq.GaussHermite(5), 1, 11),
        (eq.GaussHermite(3), 2, 49),
        (eq.GaussHermite(3), 5, 1024),  # seven points in five dimensions are too many
        (eq.GaussHermite(3), 7, 2187),  # and there is none with at most 2,000
        (eq.GaussHermite(100), 1, 100),
        (eq.Monomial(3), 2, 25),
        (eq.Monomial(3), 10, 201),
        (eq.Monomial(3), 100, 200),
        (eq.Monomial(5), 4, 625),
        (eq.QuasiMonteCarlo(64), 3, 256),
        (eq.QuasiMonteCarlo(1024), 3, 1024),
    ],
)
def test_finer_rules(rule, dimension, number):
    own = rule.nodes(dimension)
    np.testing.assert_array_equal(nodes_of(rule, dimension)[0], own[0])
    with finer():
        nodes, weights = nodes_of(rule, dimension)
    assert nodes.shape == (number, dimension) and weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(nodes_of(rule, dimension)[0], own[0])
