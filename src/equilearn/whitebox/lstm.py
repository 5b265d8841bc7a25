"""Long short-term memory in four steps, with back-propagation through time by hand (Hochreiter and Schmidhuber, 1997).

With s = [h_{t-1}, x_t] and h_0 = c_0 = 0:

    forget   f = sigmoid(W_f s + b_f)                              what of the memory stays
    store    i = sigmoid(W_i s + b_i),   g = tanh(W_g s + b_g)     what is new, and how much of it is taken in
    update   c_t = f * c_{t-1} + i * g                             the memory
    output   o = sigmoid(W_o s + b_o),   h_t = o * tanh(c_t)       what is shown of it

Backwards the error of the memory goes on along dc_{t-1} = dc_t * f, through no matrix and no squashing function: it
neither vanishes nor explodes while the forget gate is open. That is what the cell was made for.
Legend: N sequences, T steps, U = T + 1 states, I inputs, H hidden units, S = H + I, G = 4 H. Vectors are rows; the
gates stand side by side, in the order f, i, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from equilearn.whitebox.activations import sigmoid
from equilearn.whitebox.initialisation import glorot

Sequences = Float[ndarray, "N T I"]
States = Float[ndarray, "N U H"]


@dataclass
class LSTM:
    """The cell: weights of all four gates from [h, x], and their biases."""

    weights: Float[ndarray, "S G"]
    biases: Float[ndarray, " G"]

    @staticmethod
    def fresh(inputs: int, hidden: int, *, forget: float = 1.0, seed: int = 0) -> LSTM:
        """Return a cell with Glorot's weights; the bias of the forget gate is `forget`: it starts open."""
        rng = np.random.default_rng(seed)
        weights = np.hstack([glorot(hidden + inputs, hidden, rng) for _ in range(4)])
        return LSTM(weights, np.repeat([forget, 0.0, 0.0, 0.0], hidden))

    def gates(self, h: Float[ndarray, "N H"], x: Float[ndarray, "N I"]) -> list[Float[ndarray, "N H"]]:
        """Return f, i, g and o."""
        raw = np.split(np.hstack([h, x]) @ self.weights + self.biases, 4, axis=1)
        return [np.tanh(a) if gate == 2 else sigmoid(a) for gate, a in enumerate(raw)]

    def forward(self, x: Sequences) -> tuple[States, States]:
        """Return the hidden states h_0 .. h_T and the memories c_0 .. c_T."""
        h, c = np.zeros((2, len(x), x.shape[1] + 1, len(self.biases) // 4))
        for t in range(x.shape[1]):
            f, i, g, o = self.gates(h[:, t], x[:, t])
            c[:, t + 1] = f * c[:, t] + i * g
            h[:, t + 1] = o * np.tanh(c[:, t + 1])
        return h, c

    def gradient(self, x: Sequences, errors: Float[ndarray, "N T H"]) -> tuple[LSTM, Float[ndarray, "N U H"]]:
        """Go back through time.

        Args:
            x: the sequences.
            errors: what a loss says directly of h_1 .. h_T: its derivatives, zero where it does not look.

        Returns:
            The loss's gradient, by the parameters' names, and its derivatives with respect to the memories c_0 .. c_T.
        """
        h, c = self.forward(x)
        grad = LSTM(np.zeros_like(self.weights), np.zeros_like(self.biases))
        dh, dc = np.zeros_like(h[:, 0]), np.zeros_like(c)
        for t in reversed(range(x.shape[1])):
            f, i, g, o = self.gates(h[:, t], x[:, t])
            dh = dh + errors[:, t]
            shown = np.tanh(c[:, t + 1])
            dc[:, t + 1] += dh * o * (1 - shown**2)
            df, di, dg, do = dc[:, t + 1] * c[:, t], dc[:, t + 1] * g, dc[:, t + 1] * i, dh * shown
            raw = np.hstack([df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)])
            grad.weights += np.hstack([h[:, t], x[:, t]]).T @ raw
            grad.biases += raw.sum(axis=0)
            dh = (raw @ self.weights.T)[:, : h.shape[2]]
            dc[:, t] = dc[:, t + 1] * f
        return grad, dc
