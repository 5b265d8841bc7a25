"""Optimisers against their definitions: invariants, and the exact minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import ortho_group

from equilearn.optimizers import adam, constant, cosine, scale_by_soap, soap


def test_soap_turns_with_the_axes():
    """Turning the rows and columns of all gradients turns SOAP's updates the same way; Adam's it would not."""
    left, right = (ortho_group.rvs(n, random_state=n).astype(np.float32) for n in (5, 4))
    gradients = np.random.default_rng(0).normal(size=(30, 5, 4)).astype(np.float32) * np.geomspace(1, 30, 5)[:, None]

    def updates(algorithm, gradients):
        state, out = algorithm.init(jnp.zeros((5, 4))), []
        for gradient in gradients:
            update, state = algorithm.update(jnp.asarray(gradient, jnp.float32), state)
            out.append(update)
        return np.stack(out)

    turned = np.einsum("ij,tjk,lk->til", left, gradients, right)
    plain, soaped = updates(scale_by_soap(), gradients), updates(scale_by_soap(), turned)
    # in the first step one of the five rows has no gradient yet and its direction is arbitrary
    np.testing.assert_allclose(np.einsum("ij,tjk,lk->til", left, plain, right)[1:], soaped[1:], atol=2e-2)
    adams = updates(optax.scale_by_adam(), gradients), updates(optax.scale_by_adam(), turned)
    assert np.abs(np.einsum("ij,tjk,lk->til", left, adams[0], right) - adams[1]).max() > 0.3


@pytest.mark.parametrize(
    ("shape", "rotated"), [((60, 9), (60, 9)), ((200, 200), (200, 200)), ((236, 96), (0, 96)), ((500, 160), (0, 160))]
)
def test_only_the_long_side_of_a_matrix_keeps_its_coordinates(shape, rotated):
    (axes,) = scale_by_soap().init(jnp.zeros(shape)).axes
    assert axes.left_basis.shape[0] == rotated[0] and axes.right_basis.shape[0] == rotated[1]


def test_soap_is_adam_for_what_is_no_matrix():
    gradients = jax.random.normal(jax.random.key(0), (20, 7))
    ours, theirs = scale_by_soap(0.95, epsilon=1e-8), optax.scale_by_adam(0.95, 0.95, eps=1e-8)
    a, b = ours.init(gradients[0]), theirs.init(gradients[0])
    for gradient in gradients:
        update, a = ours.update(gradient, a)
        reference, b = theirs.update(gradient, b)
        np.testing.assert_allclose(update, -reference, rtol=1e-5)


@pytest.mark.parametrize("make", [adam, soap], ids=["adam", "soap"])
def test_a_matrix_least_squares_problem_is_solved_in_one_compiled_loop(make):
    """The inputs' scales differ by a factor of 30, the outputs' too."""
    key_x, key_w = jax.random.split(jax.random.key(1))
    x = jax.random.normal(key_x, (200, 6)) * jnp.geomspace(1, 30, 6)
    w = jax.random.normal(key_w, (6, 3)) * jnp.geomspace(1, 30, 3)
    optimizer = make(1.0, schedule=cosine)

    def loss(v):
        return jnp.mean((x @ v - x @ w) ** 2)

    @jax.jit
    def run(v):
        def step(carry, progress):
            v, state = carry
            update, state = optimizer.update(jax.grad(loss)(v), state, v, progress=progress)
            return (optax.apply_updates(v, update), state), None

        return jax.lax.scan(step, (v, optimizer.init(v)), jnp.linspace(0, 1, 2000))[0][0]

    np.testing.assert_allclose(run(jnp.zeros_like(w)), w, atol=0.02)


def test_weight_decay_shrinks_matrices_only():
    optimizer = soap(0.1, weight_decay=0.5, schedule=constant)
    parameters = {"weight": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    zero = jax.tree.map(jnp.zeros_like, parameters)
    update, _ = optimizer.update(zero, optimizer.init(parameters), parameters, progress=jnp.asarray(0.5))
    np.testing.assert_allclose(update["weight"], -0.05, rtol=1e-6)
    np.testing.assert_allclose(update["bias"], 0.0, atol=1e-12)
