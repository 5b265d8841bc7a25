"""Convolutions a row at a time against JAX's own, and against the gathered patches that other networks use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.networks import rows
from equilearn.networks.convolutional import patches

X = jax.random.normal(jax.random.key(0), (4, 10, 8, 3))


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 5, 8])
def test_rows_make_the_convolution_and_its_gradients(size):
    weights = jax.random.normal(jax.random.key(1), (size * size * 3, 6))

    def ours(weights, x):
        return rows.channels_last(rows.convolved(weights, rows.batch_last(x), size))

    def theirs(weights, x):
        kernel, names = weights.reshape(size, size, 3, 6), ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=names)

    close(ours(weights, X), theirs(weights, X))
    close(ours(weights, X), patches(X, size) @ weights)
    for a, b in zip(
        *(jax.grad(lambda *x: jnp.sum(f(*x) ** 2), (0, 1))(weights, X) for f in (ours, theirs)), strict=True
    ):
        close(a / jnp.abs(b).max(), b / jnp.abs(b).max())
