"""Optimisers against their definitions: step by step, invariants, the exact minimum; and all of them on the loop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import ortho_group

from equilearn.learn import LearnSettings, Problem, key_of, learn
from equilearn.optimizers import adam, constant, cosine, scale_by_soap, soap


@pytest.mark.slow
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


def soap_by_its_definition(gradients, decay=0.95, epsilon=1e-8, every=10, rotate=(True, True)):
    """SOAP as Vyas et al. (2024) define it, a matrix at a time in double precision; returns the updates.

    One difference: bases are renewed before the update that uses them, and are exact after the first gradient.
    """
    mean, second, updates = 0.0, 0.0, []
    sides = [0.0, 0.0]
    bases = [np.eye(size) for size in gradients[0].shape]
    for step, gradient in enumerate(gradients.astype(float), start=1):
        mean = decay * mean + (1 - decay) * gradient
        for side, factor in enumerate((gradient @ gradient.T, gradient.T @ gradient)):
            sides[side] = decay * sides[side] + (1 - decay) * factor
            if not rotate[side] or (step > 1 and step % every):
                continue
            if step == 1:
                bases[side] = np.linalg.eigh(sides[side])[1][:, ::-1]
            else:
                importance = np.diag(bases[side].T @ sides[side] @ bases[side])
                order = np.argsort(-importance)
                bases[side] = np.linalg.qr(sides[side] @ bases[side][:, order])[0]
                second = second[order] if side == 0 else second[:, order]
        left, right = bases
        second = decay * second + (1 - decay) * (left.T @ gradient @ right) ** 2
        unbias = 1 - decay**step
        rotated = (left.T @ mean @ right) / unbias / (np.sqrt(second / unbias) + epsilon)
        updates.append(-left @ rotated @ right.T)
    return np.stack(updates)


@pytest.mark.parametrize(("shape", "rotate"), [((4, 4), (True, True)), ((140, 4), (False, True))])
def test_soap_takes_the_steps_of_its_definition(shape, rotate):
    scale = np.geomspace(1, 30, shape[1])
    gradients = (np.random.default_rng(3).normal(size=(35, *shape)) * scale).astype(np.float32)
    algorithm = scale_by_soap()
    state, ours = algorithm.init(jnp.zeros(shape)), []
    for gradient in gradients:
        update, state = algorithm.update(jnp.asarray(gradient), state)
        ours.append(update)
    reference = soap_by_its_definition(gradients, rotate=rotate)
    # in the first step a square gradient is diagonal in its own basis: the other coordinates are rounding, scaled up
    np.testing.assert_allclose(np.stack(ours)[1:], reference[1:], atol=2e-3)
    unturned = soap_by_its_definition(gradients, rotate=(False, False))
    assert np.abs(unturned - reference).max() > 0.1, "the test must see the rotation"


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


class Line(Problem):
    """Least squares with a matrix and a bias; counts how often it is traced."""

    x: jax.Array
    y: jax.Array
    traces: list = eqx.field(static=True)

    def generate(self, networks, world, *, key):
        return (self.x, self.y), world

    def loss(self, networks, world, batch, *, key):
        self.traces.append(1)
        return jnp.mean((batch[0] @ networks["weight"] + networks["bias"] - batch[1]) ** 2), {}

    def check(self, networks, world, *, key):
        return {"error": jnp.abs(self.x @ networks["weight"] + networks["bias"] - self.y)}


LABELS = {"weight": "matrices", "bias": "others"}
OPTIMISERS = {
    "adam": adam(0.02, schedule=constant),
    "soap": soap(0.02, schedule=constant),
    "optax.adam": optax.adam(0.02),
    "optax.adamw": optax.adamw(0.02, weight_decay=0.0),
    "optax.sgd": optax.sgd(0.2),
    "optax.sgd with momentum": optax.sgd(0.05, momentum=0.9),
    "optax.rmsprop": optax.rmsprop(optax.cosine_decay_schedule(0.05, 1600)),
    "optax.lbfgs": optax.lbfgs(),
    "optax.partition": optax.partition({"matrices": soap(0.02, schedule=constant), "others": optax.sgd(0.2)}, LABELS),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_converges_compiles_once_keeps_types_and_goes_on_bit_for_bit(name, tmp_path, monkeypatch):
    """What users may hand over: ours and Optax's, with line searches and with parts of their own."""
    x = jax.random.normal(jax.random.key(0), (256, 3))
    weight, bias = jnp.asarray([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]), jnp.asarray([0.5, -1.0])
    problem = Line(x, x @ weight + bias, [])
    networks = {"weight": jnp.zeros((3, 2)), "bias": jnp.zeros(2)}

    def run(folder, **more):
        settings = LearnSettings(episodes=800, batch_size=128, check_every=100)
        arguments = (problem, networks, (), OPTIMISERS[name], settings)
        return learn(*arguments, key=key_of(0), folder=tmp_path / folder, live=False, **more).state

    whole = run("whole")
    np.testing.assert_allclose(whole.networks["weight"], weight, atol=2e-3)
    np.testing.assert_allclose(whole.networks["bias"], bias, atol=2e-3)
    kinds = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(whole.networks)]
    assert kinds == [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(networks)]

    traced, checks = len(problem.traces), iter(range(100))
    with monkeypatch.context() as patched:
        patched.setattr("equilearn.learn.driver._record", lambda *_: 1 / (next(checks) < 4))
        with pytest.raises(ZeroDivisionError):
            run("cut")
    resumed = run("cut", resume=True)
    assert len(problem.traces) == traced, "the same run compiles nothing anew"
    for a, b in zip(*(jax.tree.leaves((one.networks, one.optimizer_state)) for one in (whole, resumed)), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
