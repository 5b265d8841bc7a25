"""The multi-layer perceptron with back-propagation written by hand (Rumelhart, Hinton and Williams, 1986).

Forwards, layer by layer, with a_0 = x:    h_l = a_{l-1} W_l + b_l,   a_l = g(h_l)
The output is linear, logistic or softmax, with the loss that belongs to it (squared error or cross-entropy), so that
the first error is always  delta_L = (output - target) / N  (twice that for the squared error).
Backwards:    delta_{l-1} = (delta_l W_l') * g'(h_{l-1}),   dW_l = a_{l-1}' delta_l,   db_l = sum_n delta_l
Legend: N samples, I inputs, O outputs; sizes = (I, hidden ..., O).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.whitebox.activations import ACTIVATIONS, Activation, sigmoid, softmax
from equilearn.whitebox.descent import mini_batches
from equilearn.whitebox.initialisation import glorot
from equilearn.whitebox.losses import binary_cross_entropy, categorical_cross_entropy, mean_squared_error

Inputs = Float[ndarray, "N I"]
Outputs = Float[ndarray, "N O"]
HEADS = {
    "linear": (lambda h: h, mean_squared_error),
    "logistic": (sigmoid, binary_cross_entropy),
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

    @staticmethod
    def fresh(sizes: Sequence[int], *, activation: str = "sigmoid", output: str = "linear", seed: int = 0) -> MLP:
        """Return a network with Glorot's weights and zero biases."""
        rng = np.random.default_rng(seed)
        weights = [glorot(i, o, rng) for i, o in itertools.pairwise(sizes)]
        return MLP(weights, [np.zeros(o) for o in sizes[1:]], ACTIVATIONS[activation], output)

    def forward(self, x: Inputs) -> tuple[list[ndarray], list[ndarray]]:
        """Return what goes into every layer's activation (h_1 .. h_L) and what comes out of it (a_0 .. a_{L-1})."""
        hs, outs = [], [x]
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            hs.append(outs[-1] @ w + b)
            if layer < len(self.weights) - 1:
                outs.append(self.activation.function(hs[-1]))
        return hs, outs

    def __call__(self, x: Inputs) -> Outputs:
        """Return the outputs: numbers, probabilities, or a distribution over classes."""
        return HEADS[self.output][0](self.forward(x)[0][-1])

    def loss(self, x: Inputs, t: Outputs) -> float:
        """Return the loss on samples."""
        return HEADS[self.output][1](self.forward(x)[0][-1], t)[0]

    def gradient(self, x: Inputs, t: Outputs) -> tuple[float, list[ndarray], list[ndarray]]:
        """Return the loss and its gradients with respect to weights and biases, by back-propagation."""
        hs, outs = self.forward(x)
        loss, delta = HEADS[self.output][1](hs[-1], t)
        d_weights, d_biases = [], []
        for layer in reversed(range(len(self.weights))):
            d_weights.insert(0, outs[layer].T @ delta)
            d_biases.insert(0, delta.sum(axis=0))
            if layer > 0:
                delta = (delta @ self.weights[layer].T) * self.activation.derivative(hs[layer - 1])
        return loss, d_weights, d_biases

    def train(
        self,
        x: Inputs,
        t: Outputs,
        *,
        epochs: int,
        rate: float = 0.25,
        momentum: float = 0.9,
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
            batch: samples per step: None for all at once (batch training), 1 for one after the other (sequential).
            validation: inputs and targets that are not trained on.
            patience: epochs without a better validation loss after which training stops.
            seed: of the order of the samples.

        Returns:
            The loss after every epoch: on the validation data if there are any, else on the training data.
        """
        rng, losses = np.random.default_rng(seed), []
        velocity = [np.zeros_like(p) for p in (*self.weights, *self.biases)]
        best, best_loss, stale = copy.deepcopy((self.weights, self.biases)), np.inf, 0
        for _ in range(epochs):
            for index in mini_batches(len(x), batch or len(x), rng):
                _, d_weights, d_biases = self.gradient(x[index], t[index])
                for v, p, g in zip(velocity, (*self.weights, *self.biases), (*d_weights, *d_biases), strict=True):
                    v *= momentum
                    v -= rate * g
                    p += v
            losses.append(self.loss(*(validation or (x, t))))
            if validation is None:
                continue
            stale += 1
            if losses[-1] < best_loss:
                best, best_loss, stale = copy.deepcopy((self.weights, self.biases)), losses[-1], 0
            if stale >= patience:
                break
        if validation is not None:
            self.weights, self.biases = best
        return losses
