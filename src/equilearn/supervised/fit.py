"""From raw data to a tested network in one call, with the baselines beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Float

from equilearn.learn import LearnSettings, Run, key_of, learn
from equilearn.networks import FeedForward
from equilearn.optimizers import adam
from equilearn.supervised.baselines import classification_baselines, regression_baselines
from equilearn.supervised.metrics import classification_metrics, confusion_matrix, regression_metrics
from equilearn.supervised.problem import Supervised
from equilearn.supervised.splits import Split


@dataclass(frozen=True)
class Fitted:
    """A trained network with its problem."""

    problem: Supervised
    network: FeedForward
    run: Run

    def predict(self, x: Float[np.ndarray, "n I"]) -> Float[np.ndarray, "n O"]:
        """Return predictions: numbers, or probabilities of classes."""
        return self.problem.predict(self.network, x)

    def test(self, data: Split) -> dict[str, float]:
        """Return the metrics on the test part."""
        predicted = self.predict(data.x_test)
        if self.problem.classify:
            return classification_metrics(predicted, data.t_test.argmax(axis=1))
        return regression_metrics(predicted, data.t_test)

    def confusion(self, data: Split) -> np.ndarray:
        """Return the confusion matrix of the test part: rows actual, columns predicted."""
        predicted = self.predict(data.x_test).argmax(axis=1)
        return confusion_matrix(data.t_test.argmax(axis=1), predicted, data.t_test.shape[1])


def fit(
    data: Split,
    hidden: tuple[int, ...],
    settings: LearnSettings,
    *,
    classify: bool = False,
    optimizer: optax.GradientTransformation | None = None,
    scale: bool = True,
    class_weights: Float[np.ndarray, " O"] | None = None,
    seed: int = 0,
    folder: Path | None = None,
    **network: Any,
) -> Fitted:
    """Train a feed-forward network on the training part, watching the validation part.

    Args:
        data: disjoint parts of a data set.
        hidden: units of the hidden layers.
        settings: of the loop; an episode is one pass over the training part (times `epochs`).
        classify: targets are one-hot classes.
        optimizer: an Optax transformation; Adam with a decaying rate by default.
        scale: standardise the inputs by the training part's moments.
        class_weights: weight of each class in the loss.
        seed: of weights, order of samples and dropout.
        folder: where checkpoints, metrics and TensorBoard events go; None keeps nothing.
        network: activation, initialiser, dropout, batch_norm of the network.
    """
    network_key, learn_key = jax.random.split(key_of(seed))
    problem = Supervised.of(data, classify=classify, scale=scale, class_weights=class_weights)
    sizes = (data.x_train.shape[1], *hidden, data.t_train.shape[1])
    start = FeedForward(sizes, key=network_key, **network)
    run = learn(problem, start, (), optimizer or adam(), settings, key=learn_key, folder=folder, title="fit", live=True)
    return Fitted(problem, run.state.networks, run)


def compare(fitted: Fitted, data: Split, name: str = "network") -> dict[str, dict[str, float]]:
    """Return the test metrics of the naive answer, the linear one and the network, by name."""
    baselines = classification_baselines(data) if fitted.problem.classify else regression_baselines(data)
    return {**baselines, name: fitted.test(data)}
