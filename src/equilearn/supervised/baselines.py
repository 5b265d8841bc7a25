"""What a network has to beat: the naive answer, the linear one, and for tables boosted trees, fitted on the training
part only.

Logistic regression is fitted to convergence (L-BFGS until no slope of the mean loss exceeds 1e-4, scikit-learn's
criterion, with its ridge penalty of 1); where that is not reached, a warning says so.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression

from equilearn.supervised.coding import Coding
from equilearn.supervised.metrics import classification_metrics, regression_metrics
from equilearn.supervised.splits import Split, checked

ITERATIONS = 3000
"""Of logistic regression at most; MNIST takes some 250."""
Results = dict[str, dict[str, float]]


def regression_baselines(data: Any, *, scale: bool = True, trees: bool = False) -> Results:
    """Return the test metrics of the training mean, of least squares and, if asked for, of gradient boosting.

    Args:
        data: parts of a data set, a Split as `fit` takes it.
        scale: standardise inputs; it matters for none of these but where rows are fewer than columns.
        trees: also fit scikit-learn's gradient-boosted trees.

    Raises:
        UserError: the parts cannot be learnt from.
    """
    data = checked(data)
    coding = Coding.of(data, classify=False, scale=scale)
    parts, actual = coding.encode(data), coding.answers.plain(data.t_test)
    guesses = {"mean": np.broadcast_to(parts.t_train.mean(axis=0), parts.t_test.shape)}
    guesses["least squares"] = LinearRegression().fit(*_double(parts)).predict(parts.x_test.astype(float))
    if trees:
        guesses["gradient boosting"] = np.stack([_boosted(parts, t) for t in parts.t_train.T], axis=1)
    decode = coding.answers.decode
    return {name: regression_metrics(decode(guess), actual) for name, guess in guesses.items()}


def _double(parts: Split) -> tuple[np.ndarray, np.ndarray]:
    return parts.x_train.astype(float), parts.t_train.astype(float)


def _boosted(parts: Split, t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return HistGradientBoostingRegressor(random_state=0).fit(parts.x_train, t).predict(parts.x_test)


def classification_baselines(data: Any, *, scale: bool = True, trees: bool = False) -> Results:
    """Return the test metrics of the most frequent class, of logistic regression and, if asked for, of boosting.

    Args:
        data: parts of a data set, a Split as `fit` takes it.
        scale: standardise inputs by the training part; False for inputs in one unit, as pixels are.
        trees: also fit scikit-learn's gradient-boosted trees.

    Raises:
        UserError: the parts cannot be learnt from.
    """
    data = checked(data)
    coding = Coding.of(data, classify=True, scale=scale)
    parts, actual = coding.encode(data), coding.answers.indices(data.t_test)
    models: dict[str, Any] = {
        "majority": DummyClassifier(strategy="prior"),
        "logistic regression": LogisticRegression(max_iter=ITERATIONS, tol=1e-4),
    }
    if trees:
        models["gradient boosting"] = HistGradientBoostingClassifier(random_state=0)
    return {name: classification_metrics(_fitted(name, one, parts), actual) for name, one in models.items()}


def _fitted(name: str, model: Any, parts: Split) -> Float[np.ndarray, "m classes"]:
    """Fit a classifier; return its probabilities of all classes on the test part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(parts.x_train, parts.t_train.argmax(axis=1))
    if isinstance(model, LogisticRegression) and max(model.n_iter_) >= model.max_iter:
        warnings.warn(f"{name} has not converged in {model.max_iter} iterations: it could do better.", stacklevel=3)
    probabilities = np.zeros((len(parts.x_test), parts.t_train.shape[1]))
    probabilities[:, model.classes_] = model.predict_proba(parts.x_test)
    return probabilities
