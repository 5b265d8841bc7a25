"""Shocks and quadrature: exact moments, invariants, frequencies."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.equilibrium import AR1, GaussHermite, Gaussian, MarkovChain, Monomial, QuasiMonteCarlo
from equilearn.errors import UserError


def normal_moment(powers):
    """E[prod e_i^p_i] for independent standard normals: products of double factorials."""
    return math.prod(0 if p % 2 else math.prod(range(p - 1, 0, -2)) for p in powers)


def powers_up_to(degree, dimension):
    return [p for p in itertools.product(range(degree + 1), repeat=dimension) if sum(p) <= degree]


@pytest.mark.parametrize("dimension", [1, 2, 3, 6])
@pytest.mark.parametrize(("rule", "degree"), [(GaussHermite(3), 5), (Monomial(3), 3), (Monomial(5), 5)])
def test_rules_are_exact_to_their_degree(rule, degree, dimension):
    nodes, weights = rule.nodes(dimension)
    assert weights.sum() == pytest.approx(1)
    for powers in powers_up_to(degree, dimension):
        got = weights @ np.prod(nodes ** np.array(powers), axis=1)
        assert got == pytest.approx(normal_moment(powers), abs=1e-10), powers


def test_numbers_of_nodes_grow_as_stated():
    assert [len(Monomial(3).nodes(d)[1]) for d in (1, 5, 20)] == [2, 10, 40]
    assert [len(Monomial(5).nodes(d)[1]) for d in (2, 5)] == [9, 51]
    assert len(GaussHermite(4).nodes(3)[1]) == 64


def test_quasi_monte_carlo_converges_faster_than_monte_carlo():
    def error(points):
        nodes, weights = QuasiMonteCarlo(points).nodes(3)
        return abs(weights @ np.exp(0.3 * nodes.sum(1)) - math.exp(0.5 * 0.09 * 3))

    assert error(4096) < 3e-3
    assert error(4096) < error(64) / 8


def test_markov_chain_draws_with_its_probabilities():
    chain = MarkovChain(((0.7, 0.2, 0.1), (0.0, 0.5, 0.5), (0.3, 0.3, 0.4)))
    keys = jax.random.split(jax.random.key(0), 40_000)
    for row in range(3):
        drawn = jax.vmap(lambda k, row=row: chain.draw(jnp.asarray(row), key=k))(keys)
        np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 40_000, chain.transition[row], atol=0.01)
        flat = jax.vmap(lambda k, row=row: chain.flat(jnp.asarray(row), key=k))(keys)
        possible = np.asarray(chain.transition[row]) > 0
        assert np.all((np.bincount(flat, minlength=3) > 0) == possible), "impossible moves stay impossible"
    np.testing.assert_allclose(chain.stationary @ np.asarray(chain.transition), chain.stationary, atol=1e-12)


def test_the_benchmark_chain_is_the_published_one():
    from equilearn.economies.olg import OLG

    rows = np.asarray(OLG().shock.transition)
    np.testing.assert_allclose(rows[:2], [[0.49, 0.49, 0.01, 0.01]] * 2)
    np.testing.assert_allclose(rows[2:], [[0.125, 0.125, 0.375, 0.375]] * 2)
    np.testing.assert_allclose(OLG().shock.stationary, [0.46296, 0.46296, 0.03704, 0.03704], atol=1e-5)
    assert OLG().labour.sum() == pytest.approx(65.45)


@pytest.mark.parametrize("rule", [GaussHermite(3), Monomial(3), Monomial(5)])
def test_gaussian_nodes_have_the_conditional_moments(rule):
    covariance = ((0.04, 0.01), (0.01, 0.09))
    process = Gaussian(covariance=covariance, persistence=0.8, rule=rule)
    nodes, weights = process.nodes(jnp.asarray([0.5, -1.0]))
    mean = weights @ nodes
    np.testing.assert_allclose(mean, [0.4, -0.8], atol=1e-6)
    np.testing.assert_allclose((nodes - mean).T @ ((nodes - mean) * weights[:, None]), covariance, atol=1e-6)
    draws = jax.vmap(lambda k: process.draw(jnp.zeros(2), key=k))(jax.random.split(jax.random.key(0), 50_000))
    np.testing.assert_allclose(np.cov(np.asarray(draws).T), covariance, atol=2e-3)


def test_ar1_has_its_stationary_variance():
    process = AR1(persistence=0.9, innovation_std=0.04)

    def step(x, key):
        x = process.draw(x, key=key)
        return x, x

    _, path = jax.lax.scan(step, jnp.zeros(()), jax.random.split(jax.random.key(1), 200_000))
    assert float(path.std()) == pytest.approx(0.04 / math.sqrt(1 - 0.81), rel=0.03)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MarkovChain(((0.9, 0.2), (0.5, 0.5))), "row 0 of transition sums to 1.1, not to one"),
        (lambda: MarkovChain(((1.0, 0.0),)), "square matrix, not of shape"),
        (lambda: MarkovChain(((1.5, -0.5), (0.5, 0.5))), "negative"),
        (lambda: AR1(persistence=1.2, innovation_std=0.1), "persistence must be in"),
        (lambda: AR1(persistence=0.9, innovation_std=-1.0), "innovation_std must be at least 0"),
        (lambda: Gaussian(covariance=((1.0, 2.0), (2.0, 1.0))), "positive semi-definite"),
        (lambda: GaussHermite(10).nodes(8), "use Monomial or QuasiMonteCarlo"),
        (lambda: Monomial(4).nodes(2), "degree must be 3 or 5"),
        (lambda: QuasiMonteCarlo(100).nodes(2), "power of two"),
    ],
)
def test_wrong_shocks_are_named(make, said):
    with pytest.raises(UserError, match=said):
        make()
