"""From a table to a tested network in one call, with the baselines beside it.

What goes in comes out: rows of a table with words and numbers in any units, and answers in the units or labels of its
target. Three lines are enough:

    fitted = fit(table, target="price")
    print(fitted.test(), compare(fitted))
    fitted.predict(new_rows)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float, PRNGKeyArray

from equilearn.errors import DivergenceError, UserError, first_line
from equilearn.learn import LearnSettings, Run, key_of, learn
from equilearn.learn.identity import fingerprint
from equilearn.networks import INITIALISERS, MLP, activation_of, name_of, named
from equilearn.optimizers import adam
from equilearn.supervised.answers import Answers
from equilearn.supervised.baselines import classification_baselines, regression_baselines
from equilearn.supervised.coding import Coding
from equilearn.supervised.fitted import Predictor, single
from equilearn.supervised.problem import Supervised
from equilearn.supervised.splits import SHARES, Split, checked, pair, split
from equilearn.supervised.table import check_complete

Checked = Any
"""An option that is checked by hand, so that a mistake ends in a sentence that says what to give."""
HIDDEN = (64, 64)
MOST_WEIGHTS = 500_000_000
MOST_TREE_INPUTS = 200
"""More inputs than this are no table but pixels: boosted trees would take hours."""
WORSE = {False: 10.0, True: 100.0}
"""A fit (regression, classification) that is so many times worse than the naive answer is no fit."""


@dataclass(frozen=True)
class Fitted(Predictor):
    """A trained network with its problem, its run and its data."""

    problem: Supervised
    run: Run
    data: Split

    def test(self, data: Any = None) -> dict[str, float]:
        """Return the metrics on the test part, or on other data (`Predictor.test`)."""
        return super().test(self.data if data is None else data)

    def confusion(self, data: Any = None) -> np.ndarray:
        """Return the confusion matrix of the test part, or of other data: rows actual, columns predicted."""
        return super().confusion(self.data if data is None else data)


def fit(
    data: Any,
    hidden: Checked = HIDDEN,
    settings: Checked = None,
    *,
    target: Checked = None,
    classify: Checked = None,
    optimizer: Checked = None,
    scale: Checked = True,
    class_weights: Checked = None,
    shares: Checked = SHARES,
    activation: Checked = "swish",
    initialiser: Checked = "glorot",
    dropout: Checked = 0.0,
    batch_norm: Checked = False,
    seed: Checked = 0,
    folder: Checked = None,
    resume: Checked = False,
) -> Fitted:
    """Train a feed-forward network on the training part, watching the validation part.

    Args:
        data: a table (DataFrame) with `target`; inputs and targets (x, t); or a Split of one's own. Columns of numbers
            are numbers, columns of text, categories, true and false are categories. Nothing may be missing.
        hidden: units of the hidden layers; () is a linear model.
        settings: LearnSettings of the loop; an episode is one pass over the training part (times `epochs`). By default
            some 2,000 gradient steps, at least 20 passes, of which the best by the validation part is kept. The
            validation error is in units of the training part's variance, or the cross-entropy.
        target: the column, or columns, of the table to predict.
        classify: whether targets are classes: one column of labels (text, whole numbers, true and false), or one
            column a class (one-hot). None takes one column of text or truth values for labels and numbers for numbers.
        optimizer: an Optax transformation; Adam with a rate of 3e-3 that falls by default.
        scale: standardise inputs, and targets that are numbers, by the training part's moments.
        class_weights: weight of each class in the loss, at least 0, in the order of the (sorted) labels.
        shares: of training, validation and test part, unless the data are split already. Classes are spread evenly.
        activation: of the hidden layers, by name (`networks.ACTIVATIONS`), or a function (which cannot be saved).
        initialiser: of the weights, by name (`networks.INITIALISERS`), or a function of key and shape.
        dropout: share of the hidden units dropped while training, in [0, 1).
        batch_norm: whether hidden layers are normalised over the batch.
        seed: of the split, the weights, the order of samples and dropout.
        folder: where checkpoints, metrics and TensorBoard events go; None keeps nothing.
        resume: go on with the run in the folder, bit for bit; it must be of the same data and settings.

    Raises:
        UserError: something given cannot be learnt from or does not belong together; the message names the column and
            row; or the fit diverged (`DivergenceError`).
    """
    network_key, learn_key = jax.random.split(_key(seed))
    data = _parts(data, target, classify, shares, seed)
    coding = Coding.of(data, classify=classify, scale=_flag("scale", scale))
    sizes = (len(coding.inputs.inputs), *_units(hidden), len(coding.answers.center))
    options = {"dropout": dropout, "batch_norm": batch_norm}
    start = _network(sizes, activation, initialiser, options, key=network_key)
    weights = _class_weights(class_weights, coding.answers)
    parts = coding.encode(data)
    problem = Supervised.of(parts, classify=coding.answers.classify, scale=False, class_weights=weights)
    settings = default_settings(len(parts.x_train)) if settings is None else settings
    _check_kinds(settings, optimizer, folder, resume)
    run = learn(
        problem, start, (), optimizer or adam(3e-3), settings, key=learn_key, resume=resume, title="fit", live=True,
        folder=None if folder is None else Path(folder),
        identity={"network": {"sizes": sizes, "activation": _known(start), **options}},
    )  # fmt: skip
    _refuse_divergence(run, parts, coding.answers.classify)
    network = run.state.networks
    return Fitted(coding, network, problem.moments(network), problem, run, data)


def compare(fitted: Any, data: Split | None = None, name: str = "network") -> dict[str, dict[str, float]]:
    """Return the test metrics of the naive answer, the linear one, boosted trees (for tables) and the network, by name.

    Args:
        fitted: what `fit` returned.
        data: parts of a data set; those of the fit by default.
        name: what the network is called.
    """
    if not isinstance(fitted, Fitted):
        raise UserError("compare: needs what `fit` returned; a fit that was loaded has no training part.")
    data = fitted.data if data is None else data
    trees = len(fitted.coding.inputs.inputs) <= MOST_TREE_INPUTS
    baselines = classification_baselines if fitted.classify else regression_baselines
    return {**baselines(data, scale=not fitted.coding.inputs.plain, trees=trees), name: fitted.test(data)}


def default_settings(samples: int) -> LearnSettings:
    """Return some 2,000 gradient steps, at least 20 passes over the samples; the best of about 100 checks is kept."""
    batch = min(max(samples // 8, 16), 256)
    episodes = max(2000 // max(samples // batch, 1), 20)
    return LearnSettings(episodes=episodes, batch_size=batch, check_every=max(episodes // 100, 1), keep_best=True)


def _parts(data: Any, target: Any, classify: Any, shares: Any, seed: Any) -> Split:
    """Return training, validation and test parts of whatever `fit` is given."""
    if not (classify is None or isinstance(classify, bool)):
        raise UserError(f"fit: classify must be True, False or None, not {classify!r}.")
    if isinstance(data, Split):
        if target is not None:
            raise UserError("fit: a Split holds its targets already; leave `target` out.")
        return checked(data)
    if isinstance(data, pd.DataFrame):
        if target is None:
            raise UserError("fit: say which column is to be predicted: target='name'.")
        several = isinstance(target, (list, tuple))
        names = [str(name) for name in (target if several else [target])]
        if not names:
            raise UserError("fit: target is empty; name the column, or the columns, to predict.")
        x, t = pair(data, names if several else names[0])
    elif isinstance(data, tuple) and len(data) == 2:
        if target is not None:
            raise UserError("fit: target names a column of a DataFrame; with inputs and targets (x, t) leave it out.")
        x, t = pair(*data)
    else:
        raise UserError("fit: give a DataFrame with target='name', inputs and targets as (x, t), or a Split.")
    answers = Answers.of(t, classify=classify, scale=False)  # looked at before they are split: rows as the user's
    coded = answers.encode(t)
    check_complete(x)
    classes = coded.argmax(axis=1) if answers.classify else None
    return split(x, t, shares, seed=seed, classes=classes)


def _key(seed: Any) -> PRNGKeyArray:
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise UserError(f"seed: must be a whole number, not {seed!r}.")
    return key_of(int(seed))


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise UserError(f"fit: {name} must be True or False, not {value!r}.")
    return bool(value)


def _units(hidden: Any) -> tuple[int, ...]:
    """Return the units of the hidden layers."""
    listed = [hidden] if isinstance(hidden, (int, np.integer)) else hidden
    if not isinstance(listed, (list, tuple, np.ndarray)) or not all(
        isinstance(one, (int, np.integer)) and not isinstance(one, bool) and one > 0 for one in listed
    ):
        raise UserError(f"hidden: must be the units of each hidden layer, as in (64, 64), not {hidden!r}.")
    return tuple(int(one) for one in listed)


def _network(
    sizes: tuple[int, ...], activation: Any, initialiser: Any, options: dict[str, Any], *, key: PRNGKeyArray
) -> MLP:
    """Return a network before training.

    Raises:
        UserError: an option is none of those there are, or out of range, or the network is too large.
    """
    dropout = options["dropout"]
    if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout < 1:
        raise UserError(f"dropout: must be at least 0 and below 1, not {dropout!r}.")
    options["batch_norm"] = _flag("batch_norm", options["batch_norm"])
    if (weights := sum(a * b for a, b in itertools.pairwise(sizes))) > MOST_WEIGHTS:
        raise UserError(f"hidden: a network of the sizes {sizes} has {weights:,} weights; choose smaller layers.")
    function, draw = activation_of(activation), named("initialiser", initialiser, INITIALISERS)
    try:
        network = single(MLP(sizes, activation=function, initialiser=draw, key=key, **options))
        shapes = [weight.shape for weight in network.weights]
    except Exception as error:
        raise UserError(f"initialiser: cannot draw the weights of {sizes} ({first_line(error)[:200]}).") from None
    if shapes != list(itertools.pairwise(sizes)):
        raise UserError("initialiser: must return an array of the shape asked for: initialiser(key, shape).")
    return network


def _known(network: MLP) -> str:
    """Return the activation's name, or a fingerprint of a function of one's own."""
    return name_of(network.activation) or fingerprint(network.activation, jnp.zeros(2))


def _class_weights(weights: Any, answers: Answers) -> Float[np.ndarray, " O"] | None:
    if weights is None:
        return None
    classes = len(answers.center)
    try:
        array = np.asarray(weights, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if not answers.classify or array.shape != (classes,) or not (np.isfinite(array) & (array >= 0)).all():
        raise UserError(
            f"class_weights: must be {classes} numbers of at least 0, one for each class; they are for classification."
        )
    if not array.any():
        raise UserError("class_weights: are all zero; nothing would be learnt.")
    return array


def _check_kinds(settings: Any, optimizer: Any, folder: Any, resume: Any) -> None:
    if not isinstance(settings, LearnSettings):
        raise UserError(f"settings: must be equilearn.learn.LearnSettings(...), not {type(settings).__name__}.")
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise UserError(
            f"optimizer: must be an Optax transformation, as equilearn.optimizers.adam(3e-3) is, not {optimizer!r}."
        )
    if folder is not None and not isinstance(folder, (str, Path)):
        raise UserError(f"folder: must be a path, not {folder!r}.")
    if _flag("resume", resume) and folder is None:
        raise UserError("resume: goes on with a run in a folder; name it by `folder`.")


def _refuse_divergence(run: Run, parts: Split, classify: bool) -> None:
    """Raise where the network is no fit.

    Raises:
        DivergenceError: numbers stopped being finite, or the network is far worse than the naive answer.
    """
    repair = "Lower the learning rate (optimizer=equilearn.optimizers.adam(1e-4), say), or leave `scale` on."
    error, naive = run.sound("fit", repair).errors["validation"]["mean"], _naive(parts, classify)
    if not error <= WORSE[classify] * naive:
        raise DivergenceError(
            f"fit: diverged: the error on the validation part, {error:.3g}, is {error / naive:.3g} times that of the "
            f"answer which does not look at the inputs. {repair}"
        )


def _naive(parts: Split, classify: bool) -> float:
    """Return the validation error of the training part's mean, or of its shares; at least that on the training part."""
    mean = parts.t_train.astype(float).mean(axis=0)
    if classify:
        return max(float(-np.mean(parts.t_validation @ np.log(np.maximum(mean, 1e-12)))), float(np.log(len(mean))))
    return max(float(np.mean((t.astype(float) - mean) ** 2)) for t in (parts.t_train, parts.t_validation))
