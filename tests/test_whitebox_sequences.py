"""The white box of the second day against automatic differentiation and Equinox."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.whitebox.convolution import average_pool, convolve, convolve_backwards, max_pool, max_pool_backwards
from equilearn.whitebox.lstm import LSTM
from equilearn.whitebox.recurrent import RNN

N, T, INPUTS, HIDDEN, CLASSES = 4, 7, 3, 5, 6
rng = np.random.default_rng(0)
SEQUENCES = rng.normal(size=(N, T, INPUTS))


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def test_the_recurrent_cell_and_its_gradient_are_those_of_automatic_differentiation():
    labels, network = rng.integers(CLASSES, size=(N, T)), RNN.fresh(INPUTS, HIDDEN, CLASSES)

    def loss(p):
        def step(h, inputs):
            x, label = inputs
            h = jnp.tanh(p["w_hh"].T @ h + p["w_xh"].T @ x + p["b"])
            return h, -jax.nn.log_softmax(p["w_hz"].T @ h + p["c"])[label]

        one = lambda *pair: jnp.sum(jax.lax.scan(step, jnp.zeros(HIDDEN), pair)[1])  # noqa: E731
        return jnp.mean(jax.vmap(one)(jnp.asarray(SEQUENCES), jnp.asarray(labels)))

    value, slopes = jax.value_and_grad(loss)({name: jnp.asarray(p) for name, p in vars(network).items()})
    ours, grad = network.gradient(SEQUENCES, labels)
    assert ours == pytest.approx(float(value), rel=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(getattr(grad, name), slope, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("radius", "low", "high"), [(0.5, 0.0, 1e-7), (1.0, 0.9, 1.1), (1.5, 1e4, np.inf)])
def test_errors_vanish_or_explode_with_the_recurrent_matrix(radius, low, high):
    """With inputs of zero every Jacobian is the matrix itself: a rotation times its spectral radius."""
    network = RNN.fresh(INPUTS, HIDDEN, CLASSES)
    network.w_hh = radius * np.linalg.qr(rng.normal(size=(HIDDEN, HIDDEN)))[0]
    sizes = network.error_sizes(np.zeros((2, 26, INPUTS)))
    np.testing.assert_allclose(sizes, radius ** np.arange(26), rtol=1e-9)
    assert low < sizes[-1] < high


def test_error_sizes_are_those_of_the_chain_of_jacobians():
    network = RNN.fresh(INPUTS, HIDDEN, CLASSES, seed=2)
    hidden, _ = network.forward(SEQUENCES)

    def last(h, n, t):
        for s in range(t, T):
            h = jnp.tanh(h @ network.w_hh + SEQUENCES[n, s] @ network.w_xh + network.b)
        return h

    exact = [
        np.mean([np.linalg.norm(jax.jacobian(last)(jnp.asarray(hidden[n, t]), n, t)) for n in range(N)])
        for t in range(T, 0, -1)
    ]
    np.testing.assert_allclose(network.error_sizes(SEQUENCES), np.array(exact) / exact[0], rtol=1e-9)


def test_the_long_short_term_memory_is_equinoxs_and_its_gradient_that_of_automatic_differentiation():
    cell, errors = LSTM.fresh(INPUTS, HIDDEN, seed=1), rng.normal(size=(N, T, HIDDEN))
    theirs = eqx.nn.LSTMCell(INPUTS, HIDDEN, key=jax.random.key(0))
    order = [1, 0, 2, 3]  # theirs: i, f, g, o
    stacked = [np.concatenate([np.split(m, 4)[k] for k in order]) for m in (cell.weights.T, cell.biases)]
    theirs = eqx.tree_at(
        lambda c: (c.weight_hh, c.weight_ih, c.bias),
        theirs,
        (jnp.asarray(stacked[0][:, :HIDDEN]), jnp.asarray(stacked[0][:, HIDDEN:]), jnp.asarray(stacked[1])),
    )

    def loss(cell):
        def one(x, e):
            def step(state, inputs):
                state = cell(inputs, state)
                return state, state

            hs, cs = jax.lax.scan(step, (jnp.zeros(HIDDEN), jnp.zeros(HIDDEN)), x)[1]
            return jnp.sum(hs * e), (hs, cs)

        values, states = jax.vmap(one)(jnp.asarray(SEQUENCES), jnp.asarray(errors))
        return jnp.sum(values), states

    slopes, (hs, cs) = eqx.filter_grad(loss, has_aux=True)(theirs)
    h, c = cell.forward(SEQUENCES)
    np.testing.assert_allclose(h[:, 1:], hs, atol=1e-12)
    np.testing.assert_allclose(c[:, 1:], cs, atol=1e-12)
    grad, _ = cell.gradient(SEQUENCES, errors)
    weights = np.hstack([slopes.weight_hh, slopes.weight_ih])
    exact = [np.concatenate([np.split(np.asarray(m), 4)[k] for k in order]) for m in (weights, slopes.bias)]
    np.testing.assert_allclose(grad.weights.T, exact[0], atol=1e-12)
    np.testing.assert_allclose(grad.biases, exact[1], atol=1e-12)


@pytest.mark.parametrize("forget", [5.0, 0.0])
def test_the_memorys_error_lasts_while_the_forget_gate_is_open(forget):
    """Over 60 steps an open gate keeps sigmoid(5)^60 = 0.67 of it, a half open one 0.5^60."""
    cell = LSTM.fresh(INPUTS, HIDDEN, forget=forget, seed=3)
    cell.weights[:HIDDEN] = 0  # the way through the hidden state, which would add its own
    errors = np.zeros((2, 60, HIDDEN))
    errors[:, -1] = 1
    _, dc = cell.gradient(np.zeros((2, 60, INPUTS)), errors)
    kept = np.linalg.norm(dc[:, 0]) / np.linalg.norm(dc[:, -1])
    assert kept == pytest.approx((1 / (1 + np.exp(-forget))) ** 60, rel=1e-9)


def test_convolution_and_pooling_are_equinoxs_forwards_and_backwards():
    x, w, b = rng.normal(size=(2, 3, 9, 8)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
    conv, pool = eqx.nn.Conv2d(3, 4, 3, key=jax.random.key(0)), eqx.nn.MaxPool2d(2, 2)
    conv = eqx.tree_at(lambda c: (c.weight, c.bias), conv, (jnp.asarray(w), jnp.asarray(b)[:, None, None]))
    maps = convolve(x, w, b)
    np.testing.assert_allclose(maps, jax.vmap(conv)(jnp.asarray(x)), atol=1e-12)
    pooled, where = max_pool(maps)
    np.testing.assert_allclose(pooled, jax.vmap(pool)(jnp.asarray(maps)), atol=1e-12)
    mean = jax.vmap(eqx.nn.AvgPool2d(2, 2))(jnp.asarray(maps))
    np.testing.assert_allclose(average_pool(maps), mean, atol=1e-12)

    errors = rng.normal(size=pooled.shape)
    total = lambda x, conv: jnp.sum(jax.vmap(lambda one: pool(conv(one)))(x) * errors)  # noqa: E731
    d_images, d_conv = eqx.filter_grad(lambda both: total(*both))((jnp.asarray(x), conv))
    dx, dw, db = convolve_backwards(x, w, max_pool_backwards(where, errors))
    np.testing.assert_allclose(dx, d_images, atol=1e-11)
    np.testing.assert_allclose(dw, d_conv.weight, atol=1e-11)
    np.testing.assert_allclose(db, d_conv.bias[:, 0, 0], atol=1e-11)


def test_of_equal_values_in_a_pool_one_only_gets_the_error():
    _, where = max_pool(np.ones((1, 1, 5, 4)))
    assert where.sum() == 4 and not where[0, 0, 4].any()
    np.testing.assert_array_equal(max_pool_backwards(where, np.full((1, 1, 2, 2), 3.0)).sum(), 12)
