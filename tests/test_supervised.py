"""Supervised learning against the white box, scikit-learn, and itself one network at a time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LinearRegression

from equilearn.errors import UserError
from equilearn.learn import LearnSettings, key_of, learn, learn_many
from equilearn.networks import MLP
from equilearn.optimizers import adam
from equilearn.supervised import (
    Supervised,
    classification_metrics,
    compare,
    confusion_matrix,
    deal,
    fit,
    regression_metrics,
    split,
)
from equilearn.whitebox import mlp as whitebox
from equilearn.whitebox.normalisation import BatchNorm


def line(samples=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(5, 3, (samples, 3)) * np.array([1, 100, 0.01])
    return x, x @ np.array([[2.0], [0.03], [-100.0]]) + 7 + 0.1 * rng.normal(size=(samples, 1))


@pytest.mark.parametrize("samples", [10, 57, 1000])
def test_parts_are_disjoint_and_complete(samples):
    parts = deal(samples, (0.7, 0.2, 0.1), seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(samples))


@pytest.mark.parametrize("shares", [(0.5, 0.6), (1.0, 0.0), (0.9, 0.05, 0.06)])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(UserError, match="split"):
        deal(100, shares, seed=0)


def test_the_scaler_sees_the_training_part_only():
    x, t = line()
    data = split(x, t, seed=0)
    moved = data._replace(x_test=data.x_test * 1e6, x_validation=data.x_validation - 1e6)
    for one in (data, moved):
        problem = Supervised.of(one)
        np.testing.assert_allclose(problem.center, data.x_train.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(problem.spread, data.x_train.std(axis=0), rtol=1e-5)


def test_a_network_without_hidden_layer_is_least_squares():
    data = split(*line(), seed=1)
    fitted = fit(data, (), LearnSettings(episodes=400, batch_size=240), optimizer=adam(0.5))
    exact = LinearRegression().fit(data.x_train, data.t_train).predict(data.x_test)
    np.testing.assert_allclose(fitted.predict(data.x_test), exact, atol=0.02)
    results = compare(fitted, data)
    assert results["network"]["mse"] == pytest.approx(results["least squares"]["mse"], rel=0.05)
    assert results["least squares"]["mse"] < 0.02 < results["mean"]["mse"]


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    ours = regression_metrics(y, t)
    assert ours["mse"] == pytest.approx(sk.mean_squared_error(t, y))
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(t, y))
    assert ours["max"] == pytest.approx(sk.max_error(t[:, 0], y[:, 0]))
    assert ours["r2"] == pytest.approx(sk.r2_score(t, y))
    q, labels = rng.dirichlet(np.ones(4), 80), rng.integers(0, 4, 80)
    ours = classification_metrics(q, labels)
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(labels, q.argmax(1)))
    assert ours["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, q.argmax(1)))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(labels, q))
    np.testing.assert_array_equal(confusion_matrix(labels, q.argmax(1), 4), sk.confusion_matrix(labels, q.argmax(1)))


def test_calibration_is_perfect_where_confidence_is_right():
    q = np.tile([0.75, 0.25], (400, 1))
    labels = np.repeat([0, 0, 0, 1], 100)
    assert classification_metrics(q, labels)["calibration_error"] == pytest.approx(0.0, abs=1e-12)
    assert classification_metrics(q, 1 - labels)["calibration_error"] == pytest.approx(0.5)


def test_the_fast_network_is_the_white_box():
    white = whitebox.MLP.fresh([4, 6, 5, 3], activation="tanh", output="softmax", seed=0)
    fast = MLP((4, 6, 5, 3), activation=jnp.tanh, key=jax.random.key(0))
    weights, biases = ([jnp.asarray(a, jnp.float32) for a in part] for part in (white.weights, white.biases))
    fast = eqx.tree_at(lambda n: (n.weights, n.biases), fast, (weights, biases))
    x = np.random.default_rng(1).normal(size=(9, 4))
    outputs = jax.nn.softmax(fast(jnp.asarray(x, jnp.float32)))
    np.testing.assert_allclose(outputs, white(x), atol=1e-6)


def test_fast_batch_normalisation_is_the_white_box():
    network = MLP((3, 4, 2), batch_norm=True, activation=lambda h: h, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (20, 3))
    layer = BatchNorm.fresh(4)
    hidden, _ = layer.forward(np.asarray(x @ network.weights[0], float), training=True)
    np.testing.assert_allclose(network(x), hidden @ np.asarray(network.weights[1]), atol=1e-5)
    moments = network.moments(x)
    np.testing.assert_allclose(network(x[:1], moments=moments), network(x)[:1], atol=1e-5)


def test_dropout_keeps_the_mean_and_is_off_in_use():
    network = MLP((3, 500, 1), dropout=0.4, key=jax.random.key(0))
    x = jnp.ones((1, 3))
    keys = jax.random.split(jax.random.key(1), 2000)
    mean = jax.vmap(lambda k: network(x, key=k))(keys).mean()
    assert float(mean) == pytest.approx(float(network(x)[0, 0]), abs=0.02)
    assert not np.allclose(network(x, key=keys[0]), network(x))


def test_side_by_side_is_what_each_gives_alone():
    problems = [Supervised.of(split(*line(seed=s), seed=s)) for s in range(3)]
    keys = jax.random.split(key_of(5), 3)
    settings = LearnSettings(episodes=20, batch_size=60, check_every=20)
    make = lambda key: MLP((3, 8, 1), key=key)  # noqa: E731
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    networks, _, losses = learn_many(together, jax.vmap(make)(keys), (), adam(0.01), settings, keys=keys)
    assert losses["loss"].shape == (3, 20)
    for i, problem in enumerate(problems):
        alone = learn(problem, make(keys[i]), (), adam(0.01), settings, key=keys[i], live=False).state.networks
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(networks), strict=True):
            np.testing.assert_allclose(a, b[i], rtol=2e-3, atol=2e-4)


def test_class_weights_raise_the_recall_of_a_rare_class():
    rng = np.random.default_rng(0)
    labels = (rng.random(4000) < 0.05).astype(int)
    x = rng.normal(size=(4000, 2)) + 1.2 * labels[:, None]
    data = split(x, np.eye(2)[labels], seed=0)
    settings = LearnSettings(episodes=20, batch_size=200)
    recalls = []
    for weights in (None, np.array([0.53, 10.0])):
        matrix = fit(data, (16,), settings, classify=True, class_weights=weights).confusion(data)
        recalls.append(matrix[1, 1] / matrix[1].sum())
    assert recalls[1] > recalls[0] + 0.2
