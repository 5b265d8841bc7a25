"""Histograms of agents and functions of what they own: conservation, means, derivatives, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.equilibrium import Curve, Histogram
from equilearn.errors import UserError

GRID = Histogram(3 * np.linspace(0, 1, 30) ** 1.5)
CHANGE = jnp.array([[0.9, 0.1], [0.4, 0.6]])


def masses(key, types=2):
    mass = jax.random.uniform(jax.random.key(key), (types, 30))
    return mass / jnp.sum(mass)


def test_the_lottery_gives_the_published_weights():
    """0.25 between 0 and 1 goes to 0 with three quarters; what lies on a node, or beyond an end, goes there whole."""
    grid = Histogram([0.0, 1.0, 3.0])
    placed = grid.place(jnp.asarray([0.2, 0.3, 0.1, 0.4]), jnp.asarray([0.25, 2.5, 1.0, 7.0]))
    assert np.asarray(placed) == pytest.approx([0.15, 0.05 + 0.075 + 0.1, 0.225 + 0.4], abs=1e-7)


def test_mass_and_mean_are_kept_however_long_and_types_follow_their_chain():
    mass, choice = masses(0), 0.1 + 0.9 * jnp.asarray(GRID.nodes) * jnp.asarray([[0.8], [1.0]])
    moved = GRID.place(mass, choice)
    assert jnp.sum(moved) == pytest.approx(1, abs=1e-6)
    assert GRID.mean(moved) == pytest.approx(float(jnp.sum(mass * choice)), rel=1e-6)
    long = jax.lax.fori_loop(0, 20_000, lambda i, m: GRID.move(m, choice, CHANGE), mass)
    assert jnp.sum(long) == pytest.approx(1, abs=1e-6) and jnp.min(long) >= 0
    assert np.asarray(jnp.sum(long, axis=1)) == pytest.approx([0.8, 0.2], abs=1e-6)  # invariant under the chain
    alone = GRID.move(masses(1, 1), choice[:1])
    assert jnp.sum(alone) == pytest.approx(1, abs=1e-6)


def test_moving_mass_is_a_matrix_and_interpolation_its_transpose():
    """Independent: the lottery of every node one by one, in NumPy."""
    choice = np.asarray(jax.random.uniform(jax.random.key(2), (2, 30), minval=0.01, maxval=2.9), float)
    matrix = np.zeros((2, 30, 30))
    for t in range(2):
        for i in range(30):
            for j in range(30):
                matrix[t, i, j] = np.interp(choice[t, i], GRID.nodes, np.eye(30)[j])
    mass, values = np.asarray(masses(3)), np.asarray(masses(4))
    by_hand = np.asarray(CHANGE).T @ np.einsum("ti,tij->tj", mass, matrix)
    given = jnp.asarray(choice, jnp.float32)
    assert np.asarray(GRID.move(jnp.asarray(mass), given, CHANGE)) == pytest.approx(by_hand, abs=1e-7)
    between = np.asarray(GRID.interpolate(jnp.asarray(values), given))
    assert between == pytest.approx(np.einsum("tij,tj->ti", matrix, values), abs=1e-7)


def test_derivatives_are_those_of_differences():
    with jax.enable_x64(True):
        mass, choice = masses(5).astype(float), 0.9 * jnp.asarray(GRID.nodes, float) + jnp.full((2, 1), 0.01)

        def curvature(x):
            moved = GRID.move(mass, choice + x, CHANGE.astype(float))
            return jnp.sum(moved * jnp.asarray(GRID.nodes, float) ** 3)

        gap = (curvature(1e-6) - curvature(-1e-6)) / 2e-6
        assert float(jax.grad(curvature)(0.0)) == pytest.approx(float(gap), rel=1e-6)


def test_moments_are_those_of_a_sample():
    mass, number = np.asarray(masses(6)), 200_000
    sample = np.repeat(GRID.nodes.astype(float), np.round(number * mass.sum(axis=0)).astype(int))
    assert float(GRID.mean(mass)) == pytest.approx(sample.mean(), rel=1e-3)
    assert float(GRID.deviation(mass)) == pytest.approx(sample.std(), rel=1e-3)
    gini = np.sum((2 * np.arange(1, sample.size + 1) - sample.size - 1) * np.sort(sample)) / sample.size / sample.sum()
    assert float(GRID.gini(mass)) == pytest.approx(gini, rel=1e-3)
    assert np.asarray(GRID.mean(np.stack([mass, mass[::-1]]))) == pytest.approx([sample.mean()] * 2, rel=1e-3)


def test_a_curve_is_exact_for_parabolas_and_close_for_smooth_functions():
    curve = Curve(20.0, 0.25, 12)
    points = np.linspace(0, 20, 77)
    place, weights = curve.position(curve.nodes), np.asarray(curve.weights(points))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(weights @ np.asarray(place) ** 2, curve.position(points) ** 2, atol=1e-3)
    np.testing.assert_allclose(weights @ np.sin(place / 3), np.sin(curve.position(points) / 3), atol=2e-3)
    assert curve.nodes[[1, -2]] == pytest.approx([0, 20], abs=1e-5) and len(curve.nodes) == 14


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ([1.0], "at least two"),
        (1.0, "at least two"),
        ([[0.0, 1.0], [2.0, 3.0]], r"not of shape \(2, 2\)"),
        ([0.0, np.nan, 1.0], "node 1 is not finite"),
        ([0.0, 1.0, 1.0], r"node 2 \(1\) is not above node 1"),
        ([0.0, 1.0, 1.0 + 1e-9], "in single precision too"),
        ("high", "must be numbers"),
    ],
)
def test_bad_nodes_are_refused(nodes, what):
    with pytest.raises(UserError, match=f"Histogram: .*{what}"):
        Histogram(nodes)
