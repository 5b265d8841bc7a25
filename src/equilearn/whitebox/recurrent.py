"""A recurrent network with back-propagation through time written by hand (Elman, 1990; Werbos, 1990).

Forwards, from left to right, with h_0 = 0:

    h_t = tanh(W_hh h_{t-1} + W_xh x_t + b),   z_t = softmax(W_hz h_t + c),   loss = -sum_t log z_t[label_t]

Backwards, from right to left; an error reaches h_t from its own output and through h_{t+1}:

    delta_t = (1 - h_t^2) * (W_hz' (z_t - target_t) + W_hh' delta_{t+1})
    dW_hh = sum_t delta_t h_{t-1}',   dW_xh = sum_t delta_t x_t',   db = sum_t delta_t

Over many steps the error is multiplied by W_hh' again and again: it vanishes or explodes (`error_sizes`).
Legend: N sequences, T steps, U = T + 1 states, I inputs, H hidden units, O classes. Here vectors are rows, so matrices
are transposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from equilearn.whitebox.initialisation import glorot
from equilearn.whitebox.losses import categorical_cross_entropy


@dataclass
class RNN:
    """A recurrent cell and its output at every step."""

    w_xh: Float[ndarray, "I H"]
    w_hh: Float[ndarray, "H H"]
    b: Float[ndarray, " H"]
    w_hz: Float[ndarray, "H O"]
    c: Float[ndarray, " O"]

    @staticmethod
    def fresh(inputs: int, hidden: int, classes: int, *, seed: int = 0) -> RNN:
        """Return a network with Glorot's weights and zero biases."""
        rng = np.random.default_rng(seed)
        shapes = ((inputs, hidden), (hidden, hidden), (hidden, classes))
        w_xh, w_hh, w_hz = (glorot(i, o, rng) for i, o in shapes)
        return RNN(w_xh, w_hh, np.zeros(hidden), w_hz, np.zeros(classes))

    def forward(self, x: Float[ndarray, "N T I"]) -> tuple[Float[ndarray, "N U H"], Float[ndarray, "N T O"]]:
        """Return the hidden states h_0 .. h_T, and the logits of the outputs z_1 .. z_T."""
        hidden = np.zeros((len(x), x.shape[1] + 1, len(self.b)))
        for t in range(x.shape[1]):
            hidden[:, t + 1] = np.tanh(hidden[:, t] @ self.w_hh + x[:, t] @ self.w_xh + self.b)
        return hidden, hidden[:, 1:] @ self.w_hz + self.c

    def gradient(self, x: Float[ndarray, "N T I"], labels: Int[ndarray, "N T"]) -> tuple[float, RNN]:
        """Return the loss, a sum over steps and a mean over sequences, and its gradient, by the parameters' names."""
        hidden, logits = self.forward(x)
        grad = RNN(*(np.zeros_like(p) for p in vars(self).values()))
        loss, later = 0.0, np.zeros_like(hidden[:, 0])  # what reaches h_t through h_{t+1}
        for t in reversed(range(x.shape[1])):
            now, d_logits = categorical_cross_entropy(logits[:, t], np.eye(len(self.c))[labels[:, t]])
            loss += now
            grad.w_hz += hidden[:, t + 1].T @ d_logits
            grad.c += d_logits.sum(axis=0)
            delta = (1 - hidden[:, t + 1] ** 2) * (d_logits @ self.w_hz.T + later)
            grad.w_hh += hidden[:, t].T @ delta
            grad.w_xh += x[:, t].T @ delta
            grad.b += delta.sum(axis=0)
            later = delta @ self.w_hh.T
        return loss, grad

    def error_sizes(self, x: Float[ndarray, "N T I"]) -> Float[ndarray, " T"]:
        """Return the mean size of d h_T / d h_t for t = T, T-1, .. 1, in the Frobenius norm, relative to the first."""
        hidden, _ = self.forward(x)
        jacobian = np.broadcast_to(np.eye(len(self.b)), (len(x), len(self.b), len(self.b)))
        sizes = []
        for t in reversed(range(1, x.shape[1] + 1)):
            sizes.append(np.linalg.norm(jacobian, axis=(1, 2)).mean())
            jacobian = (jacobian * (1 - hidden[:, t, None, :] ** 2)) @ self.w_hh.T
        return np.array(sizes) / sizes[0]
