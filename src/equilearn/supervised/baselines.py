"""What a network has to beat: the naive answer and the linear one, fitted on the training part only."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from equilearn.supervised.metrics import classification_metrics, regression_metrics
from equilearn.supervised.splits import Split


def regression_baselines(data: Split) -> dict[str, dict[str, float]]:
    """Return the test metrics of the training mean and of least squares."""
    mean = np.broadcast_to(data.t_train.mean(axis=0), data.t_test.shape)
    linear = LinearRegression().fit(data.x_train, data.t_train).predict(data.x_test)
    return {
        "mean": regression_metrics(mean, data.t_test),
        "least squares": regression_metrics(linear, data.t_test),
    }


def classification_baselines(data: Split, *, iterations: int = 100) -> dict[str, dict[str, float]]:
    """Return the test metrics of the most frequent class and of logistic regression on standardised inputs."""
    train, test = data.t_train.argmax(axis=1), data.t_test.argmax(axis=1)
    classes = data.t_train.shape[1]
    results = {}
    for name, model in (
        ("majority", DummyClassifier(strategy="prior")),
        ("logistic regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=iterations, tol=1e-2))),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # so many iterations are enough for a baseline
            model.fit(data.x_train, train)
        probabilities = np.zeros((len(test), classes))
        probabilities[:, model.classes_] = model.predict_proba(data.x_test)
        results[name] = classification_metrics(probabilities, test)
    return results
