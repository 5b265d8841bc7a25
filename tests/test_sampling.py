"""Nodes drawn at random: expectations are right on average, two of them independent of each other."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import equilearn as eq
from equilearn import AR1, VAR, EndogenousChain, GaussHermite, Gaussian, MarkovChain, Monomial, QuasiMonteCarlo, Shocks
from equilearn.equilibrium.model import PolicyFunction, equation_errors, estimated_errors
from equilearn.equilibrium.problem import EquilibriumProblem
from equilearn.equilibrium.sampling import inclusion, pairs, systematic
from equilearn.learn import key_of
from equilearn.networks import MLP
from equilearn.networks.mlp import lecun

COVARIANCE = tuple(tuple(float(x) for x in row) for row in np.eye(4) + 1)
DRAWS = 10_000
VECTORS = {
    "degree three": Gaussian(COVARIANCE, 0.5, Monomial(3), scale=0.1),
    "degree five": Gaussian(COVARIANCE, 0.5, Monomial(5), scale=0.1),
    "product": VAR(tuple(map(tuple, (0.5 * np.eye(4)).tolist())), COVARIANCE, GaussHermite(3)),
    "without pairs": Gaussian(COVARIANCE, 0.5, QuasiMonteCarlo(32), scale=0.1),
}


def curved(x):
    return jnp.exp(0.3 * jnp.sum(jnp.array([1.0, 0.5, -1.0, 2.0]) * x, axis=-1))


def drawn(shock, current, count, function):
    """Return both estimates of an expectation at every draw, and the expectation itself."""

    def once(key):
        values, weights = shock.sampled(current, count, key=key)
        return weights @ function(values)

    values, weights = shock.nodes(current)
    return np.asarray(jax.vmap(once)(jax.random.split(key_of(0), DRAWS))), float(weights @ function(values))


@pytest.mark.parametrize("name", VECTORS)
def test_both_estimates_are_right_on_average_and_independent(name):
    """Means, and the product of the two errors, are zero within four of their standard errors."""
    estimates, exact = drawn(VECTORS[name], jnp.array([0.1, -0.2, 0.3, 0.0]), 4, curved)
    errors = estimates - exact
    assert np.all(errors.std(axis=0) > 1e-4)
    products = errors[:, 0] * errors[:, 1]
    for sample in (errors[:, 0], errors[:, 1], products):
        assert abs(sample.mean()) < 4 * sample.std() / DRAWS**0.5


@pytest.mark.parametrize("name", ["degree three", "degree five", "product"])
def test_what_is_odd_in_the_shock_is_exact_in_every_draw(name):
    estimates, exact = drawn(VECTORS[name], jnp.zeros(4), 2, lambda x: jnp.sum(x, axis=-1) + x[:, 0] ** 3)
    assert np.abs(estimates - exact).max() < 1e-5


def test_where_there_are_no_more_nodes_all_are_taken():
    for shock in (AR1(0.9, 0.1), MarkovChain(((0.9, 0.1), (0.5, 0.5))), VECTORS["degree three"]):
        current = shock.initial
        values, weights = shock.nodes(current)
        all_values, each = shock.sampled(current, 8, key=key_of(0))
        assert np.array_equal(all_values, values) and np.array_equal(each, np.stack([weights, weights]))


def test_several_shocks_are_drawn_by_their_joint_probabilities():
    shock = Shocks(productivity=AR1(0.9, 0.1), income=MarkovChain(((0.9, 0.1), (0.5, 0.5))))
    current = shock.initial

    def function(value):
        return jnp.exp(value.productivity) * (1.0 + value.income)

    estimates, exact = drawn(shock, current, 4, function)
    assert np.all(np.abs(estimates.mean(axis=0) - exact) < 4 * estimates.std(axis=0) / DRAWS**0.5)


def test_negative_weights_stay_negative_where_nodes_are_drawn_one_by_one():
    """Stroud's fifth degree in six dimensions; one node more than is asked for, so that no pairs can be left out."""
    shock = Gaussian(tuple(map(tuple, np.eye(6).tolist())), 0.0, Monomial(5), scale=0.3)
    assert shock.rule.nodes(6)[1].min() < 0 and len(shock.rule.nodes(6)[1]) == 73
    estimates, exact = drawn(shock, jnp.zeros(6), 72, lambda x: jnp.exp(jnp.sum(x, axis=-1)))
    assert np.all(np.abs(estimates.mean(axis=0) - exact) < 4 * estimates.std(axis=0) / DRAWS**0.5)


def test_slopes_of_probabilities_are_right_on_average():
    """A decision that changes probabilities: the estimates' derivatives are those of the expectation."""
    shock = Shocks(event=EndogenousChain(2), productivity=AR1(0.9, 0.1))

    def expected(risk, key=None):
        moved = shock.given(event=(1 - risk, risk))
        if key is None:
            values, weights = moved.nodes(shock.initial)
        else:
            values, weights = moved.sampled(shock.initial, 4, key=key)
        return weights @ (jnp.exp(values.productivity) * (1.0 + 2.0 * values.event))

    exact = float(jax.grad(expected)(0.3))
    slopes = np.asarray(jax.vmap(lambda key: jax.jacrev(expected)(0.3, key))(jax.random.split(key_of(6), DRAWS)))
    assert np.all(np.abs(slopes.mean(axis=0) - exact) < 4 * slopes.std(axis=0) / DRAWS**0.5)
    assert abs(exact) > 1


def test_chances_are_capped_and_sum_to_the_number_and_are_those_of_the_draws():
    chances = inclusion(np.array([100.0, 1.0, 2.0, 0.0, 3.0]), 2)
    assert np.isclose(chances.sum(), 2) and chances[0] == 1 and np.all(chances > 0)
    draws = jax.vmap(lambda key: systematic(jnp.asarray(chances, jnp.float32), 2, key=key))(
        jax.random.split(key_of(1), DRAWS)
    )
    assert np.all(np.asarray(draws)[:, 0] != np.asarray(draws)[:, 1])
    seen = np.bincount(np.asarray(draws).ravel(), minlength=5) / DRAWS
    assert np.allclose(seen, chances, atol=4 * 0.5 / DRAWS**0.5)


def test_pairs_are_mirror_images():
    nodes, weights = GaussHermite(3).nodes(2)
    first, second = pairs(nodes, weights)
    assert (
        len(first) == 4 and np.allclose(nodes[first], -nodes[second]) and np.allclose(weights[first], weights[second])
    )
    assert len(pairs(*QuasiMonteCarlo(8).nodes(2))[0]) == 0


class Sharing(eq.Model):
    """Four shocks, one decision: what tomorrow's curved value of them all is worth."""

    shock: eq.Shock = VECTORS["degree three"]

    class State(NamedTuple):
        shock: Array

    class Policy(NamedTuple):
        value: Array

    def initial(self, key):
        return self.State(0.1 * jax.random.normal(key, (4,)))

    def policies(self, state):
        return {"value": eq.Real(1.0)}

    def transition(self, state, policy, shock):
        return self.State(shock)

    def errors(self, state, policy, expect):
        return {"price": expect(lambda s, p: curved(4 * s.shock) * p.value) / policy.value - 1}


@pytest.mark.slow
def test_the_loss_is_right_on_average():
    """Products of two estimates have the mean of the exact squares; those of one estimate exceed it by its variance."""
    model = Sharing()

    def problem(count):
        return EquilibriumProblem(model, eq.SolveSettings(sampled_nodes=count), ("price",))

    network = MLP((4, 8, 1), initialiser=lecun, last=0.1, activation=jax.nn.swish, key=key_of(2))
    world = problem(0).world(network, {}, key=key_of(3))
    policy = PolicyFunction(network, world.scaling, model)
    batch = jax.vmap(model.initial)(jax.random.split(key_of(4), 128))

    def once(key):
        keys = jax.random.split(key, 128)
        errors = jax.vmap(lambda state, own: estimated_errors(policy, state, 2, key=own)["price"])(batch, keys)
        loss = problem(2).loss(network, world, batch, key=key)[1]["price"]
        return jnp.mean(errors[:, 0] * errors[:, 1]), jnp.mean(errors**2), loss

    exact = jnp.mean(jax.vmap(lambda state: equation_errors(policy, state)["price"])(batch) ** 2)
    product, square, loss = (np.asarray(x) for x in jax.jit(jax.vmap(once))(jax.random.split(key_of(5), 400)))
    assert abs(product.mean() - exact) < 4 * product.std() / 20
    assert square.mean() - exact > 10 * product.std() / 20
    whole = problem(0).loss(network, world, batch, key=key_of(0))[1]["price"]
    assert abs(loss.mean() - whole) < 4 * loss.std() / 20 + 0.1 * (square.mean() - exact)
