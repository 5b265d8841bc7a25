"""The white box against independent implementations: automatic differentiation, Optax, Equinox, scikit-learn."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import Perceptron as SkPerceptron
from sklearn.metrics import confusion_matrix

from equilearn.whitebox import activations, approximation, descent, initialisation, losses
from equilearn.whitebox.dropout import drop, model_average
from equilearn.whitebox.mlp import HEADS, MLP
from equilearn.whitebox.neuron import LOGIC_NEURONS, Neuron, hebb
from equilearn.whitebox.normalisation import BatchNorm
from equilearn.whitebox.perceptron import Perceptron, confusion

X = np.array(list(itertools.product([0.0, 1.0], repeat=2)))
OR, AND, XOR = (np.array(t, float)[:, None] for t in ([0, 1, 1, 1], [0, 0, 0, 1], [0, 1, 1, 0]))
JAX = {
    "linear": lambda h: h,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "swish": jax.nn.swish,
    "softplus": jax.nn.softplus,
}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def test_the_neuron_of_the_course():
    assert activations.sigmoid(np.array([1.0]) + np.array([-1.0, 2.0]) @ np.array([3.0, -2.0]))[0] == pytest.approx(
        0.002, abs=5e-4
    )
    np.testing.assert_array_equal(LOGIC_NEURONS["and"](X), AND[:, 0])
    np.testing.assert_array_equal(LOGIC_NEURONS["or"](X), OR[:, 0])
    np.testing.assert_array_equal(LOGIC_NEURONS["not"](np.array([[0.0], [1.0]])), [1, 0])


def test_no_single_neuron_computes_xor():
    grid = np.linspace(-2, 2, 21)
    for w1, w2, threshold in itertools.product(grid, grid, grid):
        assert not np.array_equal(Neuron(np.array([w1, w2]), threshold)(X), XOR[:, 0])


def test_hebbs_rule_stores_orthogonal_patterns():
    patterns = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]], float)
    signs = np.array([1.0, -1.0, 1.0])
    weights = hebb(np.zeros(4), patterns, signs)
    np.testing.assert_array_equal(np.sign(patterns @ weights), signs)


@pytest.mark.parametrize("target", [OR, AND], ids=["or", "and"])
def test_the_perceptron_learns_what_a_line_separates(target):
    for seed in range(20):
        perceptron = Perceptron.fresh(2, 1, seed=seed)
        assert perceptron.train(X, target, iterations=100) < 100
        np.testing.assert_array_equal(perceptron.recall(X), target)


def test_the_perceptron_never_learns_xor():
    perceptron = Perceptron.fresh(2, 1)
    assert perceptron.train(X, XOR, iterations=2000) == 2000
    assert not np.array_equal(perceptron.recall(X), XOR)


def test_the_perceptron_separates_blobs_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-2, 0.5, (50, 3)), rng.normal(2, 0.5, (50, 3))])
    t = np.repeat([0.0, 1.0], 50)
    perceptron = Perceptron.fresh(3, 1)
    perceptron.train(x, t[:, None], iterations=500)
    reference = SkPerceptron(random_state=0).fit(x, t)
    np.testing.assert_array_equal(perceptron.recall(x)[:, 0], reference.predict(x))


def test_the_costs_are_those_counted():
    perceptron = Perceptron.fresh(2, 1)
    perceptron.recall(X)
    assert perceptron.multiplications == 4 * 3 * 1
    done = perceptron.train(X, XOR, iterations=10)
    assert perceptron.multiplications == 4 * 3 * (1 + 2 * done)


def test_confusion_has_rows_actual_and_columns_predicted():
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    np.testing.assert_array_equal(confusion(actual, predicted, 4), confusion_matrix(actual, predicted))


@pytest.mark.parametrize("name", JAX)
def test_activations_and_derivatives(name):
    h = np.linspace(-30, 30, 241) + 0.01
    ours = activations.ACTIVATIONS[name]
    np.testing.assert_allclose(ours.function(h), JAX[name](h), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.derivative(h), jax.vmap(jax.grad(JAX[name]))(jnp.asarray(h)), rtol=1e-9, atol=1e-12)


def test_softmax_and_its_derivative():
    h = np.random.default_rng(0).normal(size=(5, 4)) * 10
    np.testing.assert_allclose(activations.softmax(h), jax.nn.softmax(h), rtol=1e-12)
    theirs = jax.vmap(jax.jacobian(jax.nn.softmax))(jnp.asarray(h))
    np.testing.assert_allclose(activations.softmax_derivative(h), theirs,
                               atol=1e-12)  # fmt: skip
    assert np.all(np.isfinite(activations.softmax(np.array([1e4, -1e4]))))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.mean_squared_error, lambda y, t: jnp.mean(jnp.sum((y - t) ** 2, 1))),
        (losses.binary_cross_entropy, lambda y, t: jnp.mean(jnp.sum(optax.sigmoid_binary_cross_entropy(y, t), 1))),
        (losses.categorical_cross_entropy, lambda y, t: jnp.mean(optax.softmax_cross_entropy(y, t))),
    ],
)
def test_losses_and_gradients(ours, theirs):
    rng = np.random.default_rng(1)
    y, t = rng.normal(size=(6, 3)) * 5, rng.dirichlet(np.ones(3), 6)
    value, gradient = ours(y, t)
    assert value == pytest.approx(float(theirs(y, t)), rel=1e-12)
    np.testing.assert_allclose(gradient, jax.grad(theirs)(jnp.asarray(y), t), atol=1e-14)


def test_cross_entropy_likelihood_and_divergence_are_one():
    rng = np.random.default_rng(2)
    h, labels = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    q, one_hot, t = activations.softmax(h), np.eye(5)[labels], rng.dirichlet(np.ones(5), 8)
    assert losses.categorical_cross_entropy(h, one_hot)[0] == pytest.approx(losses.negative_log_likelihood(q, labels))
    cross = losses.categorical_cross_entropy(h, t)[0]
    assert cross == pytest.approx(losses.entropy(t) + losses.kl_divergence(t, q), rel=1e-12)
    assert losses.entropy(one_hot) == 0


def gradient_of_a_bowl(x):
    return np.array([2.0, 20.0]) * x + np.sin(x)


OPTAX = [
    (descent.Rule(0.03), optax.sgd(0.03)),
    (descent.Momentum(0.01, m=0.9), optax.sgd(0.01, momentum=0.9)),
    (descent.AdaGrad(0.1, eps=1e-7), optax.adagrad(0.1, initial_accumulator_value=0.0, eps=1e-14)),
    (descent.RMSProp(0.01), optax.rmsprop(0.01, decay=0.9, eps=1e-8, eps_in_sqrt=False)),
    (descent.Adam(0.05), optax.adam(0.05)),
]


@pytest.mark.parametrize(("ours", "theirs"), OPTAX, ids=lambda rule: type(rule).__name__)
def test_rules_take_optax_steps(ours, theirs):
    path = list(descent.descend(ours, gradient_of_a_bowl, [1.0, -0.7], steps=50))
    x, state = jnp.asarray([1.0, -0.7]), theirs.init(jnp.zeros(2))
    for mine in path[1:]:
        update, state = theirs.update(jnp.asarray(gradient_of_a_bowl(np.asarray(x))), state)
        x = x + update
        np.testing.assert_allclose(mine, x, rtol=1e-6, atol=1e-9)


def test_nesterov_looks_ahead_as_optax_does():
    """Optax follows x + m v; shifted back, it is the same path."""
    path = list(descent.descend(descent.Nesterov(0.01, m=0.9), gradient_of_a_bowl, [1.0, -0.7], steps=40))
    velocity = np.diff(np.array(path), axis=0)
    looked = np.array(path)[1:] + 0.9 * velocity
    optimizer = optax.sgd(0.01, momentum=0.9, nesterov=True)
    x, state = jnp.asarray([1.0, -0.7]), optimizer.init(jnp.zeros(2))
    for ahead in looked:
        update, state = optimizer.update(jnp.asarray(gradient_of_a_bowl(np.asarray(x))), state)
        x = x + update
        np.testing.assert_allclose(ahead, x, rtol=1e-9, atol=1e-12)


def test_step_rules_on_the_course_cubic():
    gradient, cost = (lambda x: 3 * x**2 - 4 * x), (lambda x: float(x[0] ** 3 - 2 * x[0] ** 2 + 2))
    fixed = np.array(list(descent.descend(descent.Rule(0.1), gradient, [2.0], steps=500)))[:, 0]
    stop = int(np.argmax(np.abs(np.diff(fixed)) <= 1e-4)) + 1
    assert stop + 1 == 17 and fixed[stop] == pytest.approx(1.3334253508453249, rel=1e-14)
    search = list(descent.descend(descent.LineSearch(0.3, cost=cost), gradient, [2.0], steps=6))
    assert search[-1][0] == pytest.approx(4 / 3, abs=1e-4)
    newton = list(descent.descend(descent.Newton(hessian=lambda x: np.diag(6 * x - 4)), gradient, [2.0], steps=6))
    errors = [abs(x[0] - 4 / 3) for x in newton]
    assert errors[-1] < 1e-12
    assert errors[4] < 2 * errors[3] ** 2, "Newton's method converges quadratically"
    decaying = list(descent.descend(descent.Decaying(0.17, decay=0.1), gradient, [2.0], steps=300))
    assert decaying[-1][0] == pytest.approx(4 / 3, abs=1e-6)


def test_mini_batches_are_a_partition():
    batches = list(descent.mini_batches(23, 5, np.random.default_rng(0)))
    assert [len(b) for b in batches] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(23))


def test_initialisations_keep_their_variances():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 300))
    relu = activations.relu.function(x @ initialisation.he(300, 500, rng))
    assert (relu**2).mean() == pytest.approx(1.0, rel=0.05)
    assert initialisation.glorot(300, 500, rng).std() == pytest.approx(np.sqrt(2 / 800), rel=0.01)
    assert initialisation.normal(100, 100, rng, 0.3).std() == pytest.approx(0.3, rel=0.02)


@pytest.mark.parametrize("output", HEADS)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "swish"])
def test_back_propagation_is_the_gradient(output, activation):
    rng = np.random.default_rng(3)
    net = MLP.fresh([4, 6, 5, 3], activation=activation, output=output, seed=1)
    x, t = rng.normal(size=(7, 4)), rng.dirichlet(np.ones(3), 7)

    def loss(weights, biases):
        a = x
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            a = a @ w + b
            a = JAX[activation](a) if layer < 2 else a
        if output == "linear":
            return jnp.mean(jnp.sum((a - t) ** 2, 1))
        if output == "logistic squared":
            return jnp.mean(jnp.sum((jax.nn.sigmoid(a) - t) ** 2, 1)) / 2
        if output == "logistic":
            return jnp.mean(jnp.sum(optax.sigmoid_binary_cross_entropy(a, t), 1))
        return jnp.mean(optax.softmax_cross_entropy(a, t))

    value, d_weights, d_biases, _ = net.gradient(x, t)
    reference = jax.value_and_grad(loss, argnums=(0, 1))(
        [*map(jnp.asarray, net.weights)], [*map(jnp.asarray, net.biases)]
    )
    assert value == pytest.approx(float(reference[0]), rel=1e-12)
    for ours, theirs in zip((*d_weights, *d_biases), (*reference[1][0], *reference[1][1]), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-13)


def test_the_output_error_of_equation_4_8_is_as_on_the_slide():
    net, x, t = MLP.fresh([2, 3, 2], output="logistic squared", seed=4), np.array([[0.3, -1.2]]), np.array([[1.0, 0.0]])
    y = net(x)
    delta_o = (y - t) * y * (1 - y)
    _, a = net.forward(x)[:2]
    _, (d_v, d_w), (_, d_b), _ = net.gradient(x, t)
    np.testing.assert_allclose(d_b, delta_o[0], rtol=1e-14)
    np.testing.assert_allclose(d_w, np.outer(a[1], delta_o), rtol=1e-14)
    delta_h = a[1] * (1 - a[1]) * (delta_o @ net.weights[1].T)
    np.testing.assert_allclose(d_v, np.outer(x, delta_h), rtol=1e-14)


def test_back_propagation_through_normalisation_and_dropout_is_the_gradient():
    rng = np.random.default_rng(3)
    net = MLP.fresh([4, 6, 5, 3], activation="tanh", output="softmax", batch_norm=True, keep=0.7, seed=1)
    x, t = rng.normal(size=(8, 4)), rng.dirichlet(np.ones(3), 8)
    for norm in net.norms:
        norm.gamma = rng.normal(1, 0.2, norm.gamma.shape)
    kept = [factor for _, factor in net.forward(x, True, np.random.default_rng(7))[2]]
    assert all(0 < (factor == 0).mean() < 1 for factor in kept), "some units are dropped, some are kept"

    def loss(weights, biases, gammas):
        a = x
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = a @ w
            if layer < 2:
                h = gammas[layer] * (h - h.mean(0)) / jnp.sqrt(h.var(0) + net.norms[layer].eps)
                a = jnp.tanh(h + b) * kept[layer]
        return jnp.mean(optax.softmax_cross_entropy(h + b, t))

    gammas = [norm.gamma for norm in net.norms]
    start = [[*map(jnp.asarray, one)] for one in (net.weights, net.biases, gammas)]
    value, gradients = jax.value_and_grad(loss, argnums=(0, 1, 2))(*start)
    ours, *mine = net.gradient(x, t, np.random.default_rng(7))
    assert ours == pytest.approx(float(value), rel=1e-12)
    for one, other in zip(itertools.chain(*mine), itertools.chain(*gradients), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [(descent.Rule(0.3), optax.sgd(0.3)), (descent.Momentum(0.1, m=0.8), optax.sgd(0.1, momentum=0.8)),
     (descent.RMSProp(0.01), optax.rmsprop(0.01, decay=0.9, eps=1e-8, eps_in_sqrt=False)),
     (descent.Adam(0.02), optax.adam(0.02))],
    ids=lambda rule: type(rule).__name__,
)  # fmt: skip
def test_the_network_takes_every_rule(rule, theirs):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    net = MLP.fresh([3, 4, 2], activation="tanh", seed=1)

    def loss(parameters):
        (w1, w2), (b1, b2) = parameters
        return jnp.mean(jnp.sum((jnp.tanh(x @ w1 + b1) @ w2 + b2 - t) ** 2, 1))

    parameters = jax.tree.map(jnp.asarray, (net.weights, net.biases))
    state = theirs.init(parameters)
    for _ in range(20):
        update, state = theirs.update(jax.grad(loss)(parameters), state)
        parameters = optax.apply_updates(parameters, update)
    losses = net.train(x, t, epochs=20, rule=rule)
    np.testing.assert_allclose(losses[-1], float(loss(parameters)), rtol=1e-6)
    np.testing.assert_allclose(net.weights[0], parameters[0][0], rtol=1e-5, atol=1e-7)


def test_a_normalised_network_with_dropout_learns_and_is_used_without_chance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)) * [1, 30]
    t = (x[:, :1] * x[:, 1:] > 0).astype(float)
    net = MLP.fresh([2, 16, 16, 1], activation="relu", output="logistic", batch_norm=True, keep=0.9, seed=0)
    net.train(x, t, epochs=100, batch=50, rule=descent.Adam(0.01))
    assert ((net(x) > 0.5) == (t > 0.5)).mean() > 0.95
    np.testing.assert_array_equal(net(x), net(x))
    np.testing.assert_allclose(net(x[:1]), net(x)[:1], rtol=1e-12)


def test_the_forward_pass_is_equinoxs():
    net = MLP.fresh([4, 6, 3], activation="tanh", seed=2)
    theirs = eqx.nn.MLP(4, 3, 6, 1, activation=jnp.tanh, key=jax.random.key(0))
    for layer, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        theirs = eqx.tree_at(lambda m, i=layer: (m.layers[i].weight, m.layers[i].bias), theirs, (w.T, b))
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(net(x), jax.vmap(theirs)(jnp.asarray(x)), rtol=1e-12)


def test_xor_needs_a_hidden_layer_and_mostly_finds_it():
    solved = 0
    for seed in range(10, 20):
        net = MLP.fresh([2, 2, 1], output="logistic", seed=seed)
        net.train(X, XOR, epochs=1000, rate=1.0)
        solved += np.array_equal(net(X) > 0.5, XOR > 0.5)
    assert 5 <= solved < 10, solved


def test_sequential_training_takes_one_sample_at_a_time():
    net, by_hand = (MLP.fresh([2, 3, 1], output="logistic", seed=0) for _ in range(2))
    net.train(X, OR, epochs=1, rate=0.1, momentum=0.0, batch=1, seed=5)
    for index in np.random.default_rng(5).permutation(4):
        _, dw, db, _ = by_hand.gradient(X[[index]], OR[[index]])
        by_hand.weights = [w - 0.1 * g for w, g in zip(by_hand.weights, dw, strict=True)]
        by_hand.biases = [b - 0.1 * g for b, g in zip(by_hand.biases, db, strict=True)]
    np.testing.assert_allclose(net(X), by_hand(X), rtol=1e-12)


def test_early_stopping_restores_the_best_weights():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (40, 1))
    t = np.sin(3 * x) + 0.4 * rng.normal(size=x.shape)
    net = MLP.fresh([1, 30, 1], activation="tanh", seed=0)
    history = net.train(x[:20], t[:20], epochs=3000, rate=0.1, validation=(x[20:], t[20:]), patience=50)
    assert len(history) < 3000
    assert net.loss(x[20:], t[20:]) == pytest.approx(min(history), rel=1e-12)
    assert history[-1] > min(history)


def test_one_pass_is_the_average_of_all_thinned_linear_networks():
    rng = np.random.default_rng(0)
    exact, one_pass = model_average(rng.normal(size=8), rng.normal(size=(8, 3)), keep=0.7)
    np.testing.assert_allclose(exact, one_pass, rtol=1e-12)
    x = np.ones((2000, 50))
    dropped, kept = drop(x, 0.8, rng)
    assert dropped.mean() == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(dropped[kept], 1.25)


def test_batch_normalisation_and_its_gradient():
    rng = np.random.default_rng(0)
    x, g = rng.normal(3, 2, (10, 4)), rng.normal(size=(10, 4))
    layer = BatchNorm.fresh(4)
    layer.gamma, layer.beta = rng.normal(size=4), rng.normal(size=4)

    def forward(x, gamma, beta):
        z = (x - x.mean(0)) / jnp.sqrt(x.var(0) + layer.eps)
        return jnp.sum(g * (gamma * z + beta))

    _, cache = layer.forward(x, training=True)
    ours = layer.backward(g, cache)
    theirs = jax.grad(forward, argnums=(0, 1, 2))(jnp.asarray(x), jnp.asarray(layer.gamma), jnp.asarray(layer.beta))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_batch_normalisation_uses_running_moments_after_training():
    rng = np.random.default_rng(0)
    layer = BatchNorm.fresh(2)
    for _ in range(200):
        layer.forward(rng.normal([3, -1], [2, 0.5], (500, 2)), training=True)
    y, _ = layer.forward(np.array([[3.0, -1.0], [5.0, -0.5]]), training=False)
    np.testing.assert_allclose(y, [[0, 0], [1, 1]], atol=0.05)


def test_bumps_are_one_inside_and_zero_outside():
    x = np.array([[0.5, 0.5], [0.5, 1.5], [-0.5, 0.5], [2.0, 2.0]])
    np.testing.assert_allclose(approximation.bump(x, np.zeros(2), np.ones(2), 100.0), [1, 0, 0, 0], atol=1e-6)


def test_more_bumps_approximate_better():
    x = np.linspace(0.05, 0.95, 400)
    gaps = [
        np.abs(approximation.staircase(np.sin, x, 0.0, 1.0, n, steepness=50.0 * n) - np.sin(x)).max()
        for n in (10, 40, 160)
    ]
    assert gaps[1] < gaps[0] / 3 and gaps[2] < gaps[1] / 3


def test_every_boolean_function_of_three_inputs_has_its_network():
    x = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    for bits in itertools.product([0.0, 1.0], repeat=8):
        np.testing.assert_array_equal(approximation.evaluate(approximation.boolean_network(np.array(bits)), x), bits)
