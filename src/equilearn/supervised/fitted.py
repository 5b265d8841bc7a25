"""A fitted network: answers, metrics, and one file that holds it all.

The file holds the weights and, as text, how columns become inputs and outputs answers. Reading it runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Shaped
from scipy.special import softmax

from equilearn.errors import UserError
from equilearn.learn.checkpoint import load_tree, read_header, save_tree
from equilearn.learn.files import refuse
from equilearn.networks import ACTIVATIONS, MLP, name_of
from equilearn.networks.mlp import Moments
from equilearn.supervised.answers import Answers
from equilearn.supervised.coding import Coding
from equilearn.supervised.inputs import Inputs
from equilearn.supervised.metrics import classification_metrics, confusion_matrix, regression_metrics
from equilearn.supervised.splits import Split, checked, pair
from equilearn.supervised.table import Rows, rows_of

SUFFIX = ".npz"
Tree = TypeVar("Tree")


@dataclass(frozen=True)
class Predictor:
    """A network with all that is needed to use it on rows like those it was fitted to."""

    coding: Coding
    network: MLP
    moments: Moments
    """Of the hidden layers over the training part, where the network normalises batches; else empty."""

    @property
    def classify(self) -> bool:
        """Whether the answers are classes."""
        return self.coding.answers.classify

    @property
    def labels(self) -> list[Any]:
        """Of classification: what the columns of `probabilities` stand for."""
        return list(self.coding.answers.labels or self.coding.answers.names) if self.classify else []

    def outputs(self, x: Rows) -> Float[np.ndarray, "n O"]:
        """Return the network's outputs: standardised numbers, or logits.

        Raises:
            UserError: the rows are not like those the network was fitted to; the message names the column.
        """
        inputs = jnp.asarray(self.coding.inputs.encode(rows_of(x, "inputs")), jnp.float32)
        return np.asarray(_outputs(self.network, self.moments, inputs))

    def predict(self, x: Rows) -> Shaped[np.ndarray, "n *k"]:
        """Return answers in the form of the targets.

        Args:
            x: rows; of a table, columns are found by name, and others are not looked at.

        Returns:
            Numbers in the targets' units, or labels; of one-hot targets, the classes' probabilities. (n,) or (n, k) as
            the targets were.

        Raises:
            UserError: as `outputs`.
        """
        if self.coding.answers.kind == "shares":
            return self.probabilities(x)
        return self.coding.answers.decode(self.outputs(x))

    def probabilities(self, x: Rows) -> Float[np.ndarray, "n classes"]:
        """Return the probability of every class; `labels` names the columns.

        Raises:
            UserError: as `outputs`; or the network predicts numbers.
        """
        if not self.classify:
            raise UserError("probabilities: this network predicts numbers, not classes; use predict.")
        return softmax(self.outputs(x).astype(float), axis=1)

    def test(self, data: Any) -> dict[str, float]:
        """Return the metrics on rows with known targets.

        Args:
            data: a Split, whose test part is used; a table with the target's column; or inputs and targets (x, t).

        Raises:
            UserError: the rows or the targets are not like those the network was fitted to.
        """
        x, t = self._rows(data)
        if self.classify:
            return classification_metrics(self.probabilities(x), self.coding.answers.indices(t))
        return regression_metrics(self.predict(x), self.coding.answers.plain(t))

    def confusion(self, data: Any) -> np.ndarray:
        """Return the confusion matrix (rows actual, columns predicted, in the order of `labels`) on such rows."""
        x, t = self._rows(data)
        predicted = self.probabilities(x).argmax(axis=1)
        return confusion_matrix(self.coding.answers.indices(t), predicted, len(self.coding.answers.center))

    def _rows(self, data: Any) -> tuple[Any, Any]:
        """Return inputs and targets of what `test` is given."""
        if isinstance(data, Split):
            data = checked(data)
            return data.x_test, data.t_test
        if isinstance(data, tuple) and len(data) == 2:
            return pair(*data)
        answers = self.coding.answers
        if not isinstance(data, pd.DataFrame) or not self.coding.inputs.named:
            raise UserError(
                "test: give a Split, inputs and targets as (x, t), or, where the fit was to a table, a table with its "
                "target."
            )
        return pair(data, answers.names[0] if answers.vector else list(answers.names))

    def save(self, path: Any) -> Path:
        """Write everything to one file; return its path.

        Args:
            path: of the file; the suffix .npz is added where it is missing.

        Raises:
            UserError: the activation is a function of one's own, or the file cannot be written.
        """
        activation = name_of(self.network.activation)
        if activation is None:
            raise UserError(
                "save: a network with an activation of one's own cannot be stored, since a file holds no code; choose "
                f"one by name: {', '.join(ACTIVATIONS)}."
            )
        network = {
            "sizes": [weight.shape[0] for weight in self.network.weights] + [len(self.network.biases[-1])],
            "activation": activation,
            "dropout": self.network.dropout,
            "batch_norm": self.network.batch_norm,
        }
        target = _file(path)
        header = {
            "inputs": self.coding.inputs.to_json(),
            "answers": self.coding.answers.to_json(),
            "network": network,
        }
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refuse(target.parent, error) from None
        save_tree(target, (self.network, self.moments), header)
        return target


@eqx.filter_jit
def _outputs(network: MLP, moments: Moments, x: Float[Array, "n I"]) -> Float[Array, "n O"]:
    return network(x, moments=moments or None)


def single(tree: Tree) -> Tree:
    """Return a network in single precision, in which fits are made, saved and used whatever `JAX_ENABLE_X64` says."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if eqx.is_inexact_array(leaf) else leaf, tree)


def _file(path: Any) -> Path:
    """Return the file a path stands for.

    Raises:
        UserError: it is no path.
    """
    if not isinstance(path, (str, Path)):
        raise UserError(f"path: must be the path of a file, not {path!r}.")
    path = Path(path)
    if path.is_dir():
        return path / f"fitted{SUFFIX}"
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def load(path: Any) -> Predictor:
    """Return a saved fit: it predicts what it predicted. No code in the file is run; there is none.

    Args:
        path: that `save` was given, or returned.

    Raises:
        UserError: the file is missing, damaged, or holds no fit.
    """
    target = _file(path)
    header = read_header(target)
    if not all(isinstance(header.get(name), dict) for name in ("inputs", "answers", "network")):
        raise UserError(f"{target}: holds no fit; `save` of what `fit` returns writes one.")
    try:
        coding = Coding(Inputs.from_json(header["inputs"]), Answers.from_json(header["answers"]))
        template = _template(coding, header["network"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise UserError(f"{target}: is damaged: its description of the fit makes no sense; fit again.") from None
    network, moments = load_tree(target, template)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(eqx.filter((network, moments), eqx.is_array))):
        raise UserError(f"{target}: is damaged: it holds numbers that are not finite; fit again.")
    return Predictor(coding, network, moments)


def _template(coding: Coding, stored: dict[str, Any]) -> Any:
    """Return the shapes of a stored network.

    Raises:
        ValueError: they do not make sense.
    """
    sizes, batch_norm, dropout = stored["sizes"], stored["batch_norm"], stored["dropout"]
    expected = [len(coding.inputs.inputs), len(coding.answers.center)]
    sensible = (
        isinstance(sizes, list) and 2 <= len(sizes) <= 1000
        and all(type(size) is int and 0 < size < 10**8 for size in sizes)
        and [sizes[0], sizes[-1]] == expected == [len(coding.inputs.center), len(coding.answers.spread)]
        and isinstance(batch_norm, bool) and isinstance(dropout, (int, float)) and 0 <= dropout < 1
    )  # fmt: skip
    if not sensible:
        raise ValueError("no sizes of a network")

    def make(key: Any) -> tuple[MLP, Moments]:
        options = {"activation": ACTIVATIONS[stored["activation"]], "dropout": dropout, "batch_norm": batch_norm}
        network = single(MLP(tuple(sizes), key=key, **options))
        return network, network.moments(jnp.zeros((1, sizes[0]), jnp.float32)) if batch_norm else ()

    return eqx.filter_eval_shape(make, jax.random.key(0))
