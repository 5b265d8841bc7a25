"""Convolutional networks against JAX's own convolution, Equinox, the white box and published counts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.networks import rows
from equilearn.networks.convolutional import (
    BatchNorm,
    Conv,
    ConvNet,
    LeNet,
    follow,
    squash,
)
from equilearn.whitebox import convolution as whitebox

X = jax.random.normal(jax.random.key(0), (2, 9, 8, 3))


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "margin"), [(3, 1, 0), (3, 1, 1), (4, 2, 1), (5, 3, 2), (1, 1, 0)])
def test_gathered_patches_times_a_matrix_are_a_convolution(size, stride, margin):
    conv = Conv(3, 4, size, stride=stride, margin=margin, key=jax.random.key(1))
    kernel = conv.weights.reshape(size, size, 3, 4)

    def theirs(kernel, x):
        pads, names = [(margin, margin)] * 2, ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=names)

    close(conv(X), theirs(kernel, X))
    if stride == 1:
        close(rows.channels_last(conv.in_rows(rows.batch_last(X))), theirs(kernel, X))
    ours = jax.grad(lambda c, x: jnp.sum(c(x) ** 2), argnums=(0, 1))(conv, X)
    exact = jax.grad(lambda k, x: jnp.sum(theirs(k, x) ** 2), argnums=(0, 1))(kernel, X)
    close(ours[0].weights, exact[0].reshape(-1, 4))
    close(ours[1], exact[1])


@pytest.mark.parametrize(("size", "stride", "margin"), [(4, 2, 1), (3, 1, 1), (5, 2, 2)])
def test_a_transposed_convolution_is_equinoxs(size, stride, margin):
    conv = Conv(3, 4, size, stride=stride, margin=margin, transposed=True, key=jax.random.key(1))
    theirs = eqx.nn.ConvTranspose2d(3, 4, size, stride, padding=margin, key=jax.random.key(2))
    kernel = jnp.transpose(conv.weights.reshape(size, size, 3, 4), (3, 2, 0, 1))
    theirs = eqx.tree_at(lambda c: (c.weight, c.bias), theirs, (kernel, jnp.zeros((4, 1, 1))))
    expected = jnp.transpose(jax.vmap(theirs)(jnp.transpose(X, (0, 3, 1, 2))), (0, 2, 3, 1))
    assert conv(X).shape == expected.shape
    close(conv(X), expected)


def test_convolution_and_pools_are_those_of_the_white_box():
    images = np.transpose(np.asarray(X), (0, 3, 1, 2))
    conv = Conv(3, 4, 3, key=jax.random.key(1))
    kernel = np.transpose(np.asarray(conv.weights).reshape(3, 3, 3, 4), (3, 2, 0, 1))
    close(jnp.transpose(conv(X), (0, 3, 1, 2)), whitebox.convolve(images, kernel, np.zeros(4)))
    x = rows.batch_last(X)
    close(jnp.transpose(rows.max_pool(x), (3, 1, 0, 2)), whitebox.max_pool(images)[0])
    close(jnp.transpose(rows.average_pool(x), (3, 1, 0, 2)), whitebox.average_pool(images))


@pytest.mark.slow
def test_lenet_has_the_published_layers():
    """Trainable numbers of C1 to F6 as the paper's section II counts them, and the maps' sizes."""
    net = LeNet(key=jax.random.key(0))
    counts = [sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (net.c1, net.s2, net.s4, net.c5, net.f6)]
    assert counts == [156, 12, 32, 48_120, 10_164]
    assert int(net._seen().sum()) + 16 == 1516
    x = jax.random.normal(jax.random.key(1), (3, 28, 28, 1))
    shapes = [layer.shape[1:] for layer in net.maps(x)]
    assert shapes == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (1, 1, 120), (84,)]
    assert net(x).shape == (3, 10)
    assert float(squash(jnp.asarray(1.0))) == pytest.approx(1, abs=1e-3)
    slopes = eqx.filter_grad(lambda n: jnp.sum(n(x) ** 2))(net)
    assert not jnp.any(slopes.c3.weights * (1 - net._seen())), "connections that are not there are not trained"


@pytest.mark.slow
def test_batches_are_normalised_by_their_own_moments_in_training_and_by_fixed_ones_in_use():
    norm = BatchNorm(3)
    out, (mean, variance) = norm(5 * X + 2, None)
    close(out.mean(axis=(0, 1, 2)), 0)
    close(out.var(axis=(0, 1, 2)), 1)
    close(norm(5 * X[:1] + 2, (mean, variance))[0], out[:1])
    close(rows.channels_last(norm(rows.batch_last(5 * X + 2), None, axis=1)[0]), out)

    net = ConvNet(3, 10, filters=(4, 8), key=jax.random.key(0))
    training, own = net(X)
    close(net(X, own)[0], training)
    close(net(X[:1], own)[0], training[:1])
    moved = jax.lax.fori_loop(0, 2000, lambda _, moments: follow(moments, own), net.start())
    for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(own), strict=True):
        close(a, b)
    assert float(jnp.abs(net(X, net.start())[0] - training).max()) > 1e-3
