"""Recurrent networks against Equinox's cells, the white box, and themselves on parts of the sequences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.networks.recurrent import Attention, Recurrent
from equilearn.whitebox.lstm import LSTM
from equilearn.whitebox.recurrent import RNN

X = jax.random.normal(jax.random.key(1), (4, 9, 3))
LENGTHS = jnp.asarray([9, 1, 5, 4])
CELLS = ["simple", "lstm", "gru"]


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def test_the_simple_cell_is_that_of_the_white_box():
    network = Recurrent("simple", 3, 5, key=jax.random.key(0))
    (layer,) = network.layers
    white = RNN.fresh(3, 5, 2)
    white.w_xh, white.w_hh, white.b = (np.asarray(p) for p in (layer.inputs, layer.hidden, layer.bias))
    close(network(X)[0], white.forward(np.asarray(X))[0][:, 1:])


def test_the_long_short_term_memory_is_that_of_the_white_box():
    network = Recurrent("lstm", 3, 5, key=jax.random.key(0))
    (layer,) = network.layers
    white = LSTM(np.concatenate([layer.hidden, layer.inputs]), np.asarray(layer.bias))
    hidden, memory = white.forward(np.asarray(X))
    path, [(h, c)] = network(X)
    close(path, hidden[:, 1:])
    close(h, hidden[:, -1])
    close(c, memory[:, -1])
    assert layer.bias[:5].tolist() == [1.0] * 5, "it begins with an open forget gate"


def test_the_gated_unit_is_equinoxs():
    network = Recurrent("gru", 3, 5, key=jax.random.key(0))
    layer = eqx.tree_at(
        lambda one: (one.bias, one.inner_bias),
        network.layers[0],
        (jax.random.normal(jax.random.key(2), (15,)), jax.random.normal(jax.random.key(3), (5,))),
    )
    network = eqx.tree_at(lambda n: n.layers[0], network, layer)
    cell = eqx.tree_at(
        lambda c: (c.weight_ih, c.weight_hh, c.bias, c.bias_n),
        eqx.nn.GRUCell(3, 5, key=jax.random.key(0)),
        (layer.inputs.T, layer.hidden.T, layer.bias, layer.inner_bias),
    )

    def one(x):
        return jax.lax.scan(lambda h, x: (cell(x, h),) * 2, jnp.zeros(5), x)[1]

    close(network(X)[0], jax.vmap(one)(X))


@pytest.mark.parametrize("cell", CELLS)
def test_stacked_in_both_directions_each_sequence_is_read_as_if_it_were_alone(cell):
    network = Recurrent(cell, 3, 5, layers=2, both_directions=True, key=jax.random.key(0))
    together, states = network(X, lengths=LENGTHS)
    assert together.shape == (4, 9, 10)
    for n, length in enumerate(LENGTHS):
        alone, last = network(X[n : n + 1, :length])
        close(together[n, :length], alone[0])
        assert not jnp.any(together[n, length:])
        for state, own in zip(jax.tree.leaves(states), jax.tree.leaves(last), strict=True):
            close(state[n], own[0])
    garbage = jnp.where(jnp.arange(9)[:, None] < LENGTHS[:, None, None], X, 1e3)
    assert jnp.array_equal(network(garbage, lengths=LENGTHS)[0], together)


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_read_backwards_is_the_sequence_turned_round(cell):
    network = Recurrent(cell, 3, 5, both_directions=True, key=jax.random.key(0))
    forwards = Recurrent(cell, 3, 5, key=jax.random.key(0))
    turned = eqx.tree_at(lambda n: n.layers[0], forwards, network.layers[1])
    close(network(X)[0][:, :, 5:], turned(X[:, ::-1])[0][:, ::-1])


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_in_two_chunks_is_the_whole_one(cell):
    network = Recurrent(cell, 3, 5, layers=2, key=jax.random.key(0))
    whole, last = network(X)
    first, states = network(X[:, :4])
    second, states = network(X[:, 4:], states=states)
    close(jnp.concatenate([first, second], axis=1), whole)
    for a, b in zip(jax.tree.leaves(states), jax.tree.leaves(last), strict=True):
        close(a, b)


@pytest.mark.slow
def test_attention_is_a_weighted_mean_of_what_was_there():
    attention = Attention(4, 3, 6, key=jax.random.key(0))
    query = jax.random.normal(jax.random.key(1), (4, 4))
    mean, weights = attention(query, X, LENGTHS)
    close(weights.sum(axis=1), 1)
    for n, length in enumerate(LENGTHS):
        scores = [
            float(attention.score @ jnp.tanh(query[n] @ attention.query + X[n, t] @ attention.key))
            for t in range(length)
        ]
        own = np.exp(scores) / np.exp(scores).sum()
        close(weights[n, :length], own)
        close(mean[n], own @ np.asarray(X[n, :length]))
        assert not jnp.any(weights[n, length:])
    slopes = jax.grad(lambda keys: attention(query, keys, LENGTHS)[0].sum())(X)
    assert bool(jnp.all(jnp.isfinite(slopes)))
