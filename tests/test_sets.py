"""Feasible sets, conditions, balancing, scaling: ranges, invariants and hand-worked numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.equilibrium import (
    Complement,
    HalfLine,
    Interval,
    Real,
    ReLoBRaLo,
    Simplex,
    euler_error,
    fischer_burmeister,
    product_error,
)
from equilearn.equilibrium.balancing import fixed
from equilearn.equilibrium.problem import symmetric
from equilearn.networks import Scaling

RAW = jnp.asarray([-1e6, -30.0, -1.0, 0.0, 1.0, 30.0, 1e6])


def test_every_set_holds_whatever_the_network_says():
    assert jnp.all(HalfLine(2.0).values("x", RAW)["x"] > 2.0)
    inside = Interval(jnp.full(7, -1.0), 3.0).values("x", RAW)["x"]
    assert jnp.all((inside > -1.0) & (inside < 3.0))
    shares = Simplex(7, total=5.0).values("x", RAW)["x"]
    assert jnp.all(shares > 0)
    assert float(shares.sum()) == pytest.approx(5.0, rel=1e-6)
    assert jnp.array_equal(Real(1.0, 2.0).values("x", RAW)["x"], 1.0 + 2.0 * RAW)


def test_a_fresh_network_starts_where_the_set_says():
    zero = jnp.zeros(())
    assert float(Interval(0.0, 2.0, start=0.8).values("x", zero)["x"]) == pytest.approx(1.6)
    assert float(Complement(-1.0, 3.0, start=0.25).values("x", zero)["x"]) == pytest.approx(0.0, abs=1e-3)


def test_complementarity_holds_exactly_and_both_sides_are_reached():
    raw = jnp.linspace(-40.0, 40.0, 1001)
    values = Complement(-0.5, 2.0, scale=3.0).values("savings", raw)
    slack, multiplier = values["savings"] + 0.5, values["multiplier"]
    assert jnp.all(slack * multiplier == 0)
    assert jnp.all((slack >= 0) & (multiplier >= 0) & (values["savings"] < 2.0))
    assert bool(jnp.any(slack > 2.4)) and bool(jnp.any(multiplier > 20))


def test_a_complement_has_two_smooth_numbers_for_two_slopes():
    """With u = log and v the value of saving at the limit, x is log(cash v) and the multiplier 1/cash - v."""
    cash, v = jnp.linspace(0.5, 2.0, 31), 1.0
    feasible = Complement(0.0, cash, scale=1 / cash, start=jnp.zeros(31))
    x = 0.5 * jnp.log(cash * v)  # half as steep as below the kink, where x- = 1 - cash v
    y = jnp.log(jnp.where(x < 0, (1 - cash * v) / jnp.where(x < 0, -x, 1.0), 3.0))
    values = feasible.values("savings", feasible.raw(jnp.concatenate([x, y])))
    exact = jnp.maximum(1 / cash - v, 0.0)
    np.testing.assert_allclose(values["multiplier"], exact, rtol=1e-2)
    free = Complement(0.0, cash, start=jnp.zeros(31), exact_scale=True)
    assert (feasible.outputs, free.outputs) == (62, 31)
    one = free.values("savings", free.raw(x))["savings"]
    np.testing.assert_array_equal(one, values["savings"])
    assert jnp.all(one * values["multiplier"] == 0)


@pytest.mark.parametrize("make", [lambda: Interval(0.0, 1.0), lambda: HalfLine(), lambda: Complement(0.0, 1.0)])
def test_gradients_of_sets_are_finite_everywhere(make):
    gradient = jax.vmap(jax.grad(lambda x: sum(make().values("x", x).values())))(RAW)
    assert jnp.all(jnp.isfinite(gradient))


def test_euler_error_is_the_mistake_in_consumption():
    # whoever consumes 1 % too much relative to u'^{-1}(value) has an error of -1/101
    value = 2.0**-3.0
    assert float(euler_error(jnp.asarray(value), jnp.asarray(2.02), 3.0)) == pytest.approx(-1 / 101, rel=1e-4)


def test_fischer_burmeister_is_zero_exactly_at_complementarity():
    m, s = jnp.meshgrid(jnp.linspace(-1, 2, 31), jnp.linspace(-1, 2, 31))
    zero = jnp.abs(fischer_burmeister(m, s)) < 1e-6
    expected = (jnp.abs(m * s) < 1e-6) & (m > -1e-6) & (s > -1e-6)
    assert jnp.array_equal(zero, expected)
    assert jnp.isfinite(jax.grad(lambda x: fischer_burmeister(x, x))(0.0))
    assert float(product_error(jnp.asarray(2.0), jnp.asarray(0.3))) == pytest.approx(0.6)


def test_relobralo_matches_a_hand_worked_step():
    balance = ReLoBRaLo(temperature=1.0, memory=0.9, look_back=0.5)
    weights = balance.update(fixed(jnp.ones(2)), jnp.asarray([1.0, 2.0]))
    weights = balance.update(weights, jnp.asarray([0.5, 2.0]))
    # both references are (1, 2): shares = 2 softmax(0.5, 1)
    share = 2 * np.exp([0.5, 1.0]) / np.exp([0.5, 1.0]).sum()
    first = 0.9 * 0.5 * 1 + 0.9 * 0.5 * 1 + 0.1 * 1  # the first step sees equal shares: weights stay 1
    expected = 0.9 * 0.5 * first + 0.9 * 0.5 * share + 0.1 * share
    np.testing.assert_allclose(weights.values, expected, rtol=1e-6)
    assert weights.values[1] > weights.values[0], "the equation whose loss fell less gets more weight"


def test_scaling_does_not_explode_where_nothing_varies():
    data = jnp.stack([jnp.zeros(50), jnp.full(50, 7.0), jnp.linspace(-1, 1, 50), 1e-12 * jnp.arange(50)], axis=1)
    scaled = jax.vmap(Scaling.of(data))(data)
    assert jnp.all(jnp.abs(scaled) <= 6.0)
    assert jnp.all(scaled[:, 0] == 0)
    assert float(jnp.std(scaled[:, 2])) == pytest.approx(1.0, abs=0.05)


def test_blended_scaling_is_that_of_the_mixture():
    keys = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(keys[0], (3000, 2)), 3 + 2 * jax.random.normal(keys[1], (1000, 2))
    both, blend = Scaling.of(jnp.concatenate([a, b])), Scaling.of(a).blend(Scaling.of(b), 0.25)
    np.testing.assert_allclose(blend.mean, both.mean, rtol=1e-4)
    np.testing.assert_allclose(blend.deviation, both.deviation, rtol=1e-4)


def test_the_loss_sees_small_errors_as_they_are_and_no_error_saturates():
    small = jnp.asarray([-1e-3, 1e-3])
    np.testing.assert_allclose(symmetric(small), small, rtol=1e-3)
    error = jnp.asarray([-5.0, -1.0, -0.99, -0.5, 0.0, 3.0])
    slopes = jax.vmap(jax.grad(symmetric))(error)
    assert jnp.all(jnp.diff(symmetric(error)) > 0)
    assert jnp.all(slopes > 0)
