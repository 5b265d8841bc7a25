"""The multi-layer perceptron with back-propagation written by hand (Rumelhart, Hinton and Williams, 1986).

Forwards, layer by layer, with a_0 = x:    h_l = a_{l-1} W_l + b_l,   a_l = g(h_l)
The output is linear, logistic or softmax, with the loss that belongs to it (squared error or cross-entropy), so that
the first error is always  delta_L = (output - target) / N  (twice that for the squared error). "logistic squared" is
the course's own: half the squared error of a logistic output, delta_L = (y - t) y (1 - y) / N    (4.8)
Backwards:    delta_{l-1} = (delta_l W_l') * g'(h_{l-1}),   dW_l = a_{l-1}' delta_l,   db_l = sum_n delta_l
With batch normalisation a hidden layer is  h_l = BN(a_{l-1} W_l) + b_l  (its bias is BN's beta); with dropout some of
the a_l are zero while training. Both only add a factor on the way back.
Legend: N samples, I inputs, O outputs; sizes = (I, hidden ..., O).
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.whitebox.activations import ACTIVATIONS, Activation, sigmoid, softmax
from equilearn.whitebox.descent import Momentum, Rule, mini_batches
from equilearn.whitebox.dropout import drop
from equilearn.whitebox.initialisation import glorot
from equilearn.whitebox.losses import (
    binary_cross_entropy,
    categorical_cross_entropy,
    mean_squared_error,
    squared_error_of_logistic,
)
from equilearn.whitebox.normalisation import BatchNorm

Inputs = Float[ndarray, "N I"]
Outputs = Float[ndarray, "N O"]
HEADS = {
    "linear": (lambda h: h, mean_squared_error),
    "logistic": (sigmoid, binary_cross_entropy),
    "logistic squared": (sigmoid, squared_error_of_logistic),
    "softmax": (softmax, categorical_cross_entropy),
}
"""Output -> its function and its loss, as a function of what goes into it."""


@dataclass
class MLP:
    """A network of any depth: lists of weight matrices (in, out) and bias vectors."""

    weights: list[ndarray]
    biases: list[ndarray]
    activation: Activation
    output: str
    norms: list[BatchNorm] = field(default_factory=list)
    """One for every hidden layer, or none at all."""
    keep: float = 1.0
    """Probability that a hidden unit is kept while training; 1: no dropout."""

    @staticmethod
    def fresh(
        sizes: Sequence[int],
        *,
        activation: str = "sigmoid",
        output: str = "linear",
        batch_norm: bool = False,
        keep: float = 1.0,
        seed: int = 0,
    ) -> MLP:
        """Return a network with Glorot's weights and zero biases."""
        rng = np.random.default_rng(seed)
        weights = [glorot(i, o, rng) for i, o in itertools.pairwise(sizes)]
        norms = [BatchNorm.fresh(m) for m in sizes[1:-1]] if batch_norm else []
        return MLP(weights, [np.zeros(o) for o in sizes[1:]], ACTIVATIONS[activation], output, norms, keep)

    def forward(
        self, x: Inputs, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[list[ndarray], list[ndarray], list[tuple[Any, Any]]]:
        """Go through the network.

        Args:
            x: inputs.
            training: normalise by the batch's own moments, not by the running ones.
            rng: of dropout; None drops nothing.

        Returns:
            What goes into every layer's activation (h_1 .. h_L), what comes out of it (a_0 .. a_{L-1}), and of every
            hidden layer what the way back needs: what normalisation has kept, and each unit's factor (0 or 1 / keep).
        """
        hs, outs, kept = [], [x], []
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            h, cache, factor = outs[-1] @ w, None, 1.0
            hidden = layer < len(self.weights) - 1
            if hidden and self.norms:
                h, cache = self.norms[layer].forward(h, training=training)
            hs.append(h + b)
            if hidden:
                a = self.activation.function(hs[-1])
                if rng is not None and self.keep < 1:
                    a, stays = drop(a, self.keep, rng)
                    factor = stays / self.keep
                outs.append(a)
                kept.append((cache, factor))
        return hs, outs, kept

    def __call__(self, x: Inputs) -> Outputs:
        """Return the outputs: numbers, probabilities, or a distribution over classes."""
        return HEADS[self.output][0](self.forward(x)[0][-1])

    def loss(self, x: Inputs, t: Outputs) -> float:
        """Return the loss on samples, in use: nothing is dropped, running moments normalise."""
        return HEADS[self.output][1](self.forward(x)[0][-1], t)[0]

    def gradient(
        self, x: Inputs, t: Outputs, rng: np.random.Generator | None = None
    ) -> tuple[float, list[ndarray], list[ndarray], list[ndarray]]:
        """Return the loss of training and its gradients by back-propagation: weights, biases, the norms' gammas."""
        hs, outs, kept = self.forward(x, training=True, rng=rng)
        loss, delta = HEADS[self.output][1](hs[-1], t)
        d_weights, d_biases, d_gammas = [], [], []
        for layer in reversed(range(len(self.weights))):
            d_biases.insert(0, delta.sum(axis=0))
            if self.norms and layer < len(self.norms):
                delta, d_gamma, _ = self.norms[layer].backward(delta, kept[layer][0])
                d_gammas.insert(0, d_gamma)
            d_weights.insert(0, outs[layer].T @ delta)
            if layer > 0:
                slope = kept[layer - 1][1] * self.activation.derivative(hs[layer - 1])
                delta = (delta @ self.weights[layer].T) * slope
        return loss, d_weights, d_biases, d_gammas

    @property
    def vector(self) -> ndarray:
        """All parameters in a row: weights, biases, gammas."""
        return np.concatenate([p.ravel() for p in self._parameters()])

    @vector.setter
    def vector(self, values: ndarray) -> None:
        parameters = self._parameters()
        parts = np.split(values, np.cumsum([p.size for p in parameters])[:-1])
        new = [part.reshape(p.shape) for part, p in zip(parts, parameters, strict=True)]
        layers = len(self.weights)
        self.weights, self.biases = new[:layers], new[layers : 2 * layers]
        for norm, gamma in zip(self.norms, new[2 * layers :], strict=True):
            norm.gamma = gamma

    def _parameters(self) -> list[ndarray]:
        return [*self.weights, *self.biases, *(norm.gamma for norm in self.norms)]

    def _slope(self, home: ndarray, x: Inputs, t: Outputs, rng: np.random.Generator, values: ndarray) -> ndarray:
        """Return the gradient, all in a row, at other parameters; `home` is where the network's own are."""
        home[:] = values
        _, d_weights, d_biases, d_gammas = self.gradient(x, t, rng)
        return np.concatenate([g.ravel() for g in d_weights + d_biases + d_gammas])

    def train(
        self,
        x: Inputs,
        t: Outputs,
        *,
        epochs: int,
        rate: float = 0.25,
        momentum: float = 0.9,
        rule: Rule | None = None,
        batch: int | None = None,
        validation: tuple[ndarray, ndarray] | None = None,
        patience: int = 10,
        seed: int = 0,
    ) -> list[float]:
        """Descend; with validation data, stop early and restore the best weights.

        Args:
            x: inputs.
            t: targets.
            epochs: passes over the data, at most.
            rate: learning rate.
            momentum: share of the last step that is repeated.
            rule: how a gradient becomes a step (`descent`), in place of rate and momentum.
            batch: samples per step: None for all at once (batch training), 1 for one after the other (sequential).
            validation: inputs and targets that are not trained on.
            patience: epochs without a better validation loss after which training stops.
            seed: of the order of the samples, and of dropout.

        Returns:
            The loss after every epoch: on the validation data if there are any, else on the training data.
        """
        rng, losses = np.random.default_rng(seed), []
        rule, values, home = rule or Momentum(rate, m=momentum), self.vector, self.vector
        self.vector = home  # matrices are now views of it
        memory = rule.start(values)
        best, best_loss, stale = copy.deepcopy((values, self.norms)), np.inf, 0
        for _ in range(epochs):
            for index in mini_batches(len(x), batch or len(x), rng):
                slope = functools.partial(self._slope, home, x[index], t[index], rng)
                values, memory = rule.step(values, slope, memory)
                home[:] = values
            losses.append(self.loss(*(validation or (x, t))))
            if validation is None:
                continue
            stale += 1
            if losses[-1] < best_loss:
                best, best_loss, stale = copy.deepcopy((values, self.norms)), losses[-1], 0
            if stale >= patience:
                break
        if validation is not None:
            values, self.norms = best
            self.vector = values
        return losses
