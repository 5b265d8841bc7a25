"""Recurrent networks on whole batches of sequences: simple (Elman), LSTM, GRU; stacked, in both directions, masked.

    simple   h' = tanh(a),                              a = W x + U h + b
    lstm     c' = sigmoid(f) c + sigmoid(i) tanh(g),    h' = sigmoid(o) tanh(c'),    (f, i, g, o) = W x + U h + b
    gru      h' = (1 - z) n + z h,   r, z = sigmoid(..),   n = tanh(W_n x + b_n + r (U_n h + e_n))

The gated unit is that of cuDNN, PyTorch and Equinox (the reset gate acts after the product), not of Cho et al. (2014).
All inputs are multiplied at once, before the loop over time, in which only the product with h is left.
Legend: B sequences, T steps, I inputs, H hidden units, D = H, or 2 H in both directions; G = H times the gates.
"""

from __future__ import annotations

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

Cell = Literal["simple", "lstm", "gru"]
CELLS: dict[str, str] = {"simple": "simple RNN", "lstm": "LSTM", "gru": "GRU"}
"""Cells in words."""
GATES = {"simple": 1, "lstm": 4, "gru": 3}
State = tuple[Float[Array, "B H"], ...]
"""What a cell remembers: h, or h and c."""


class Layer(eqx.Module):
    """One cell in one direction."""

    inputs: Float[Array, "I G"]
    hidden: Float[Array, "H G"]
    bias: Float[Array, " G"]
    inner_bias: Float[Array, " H"]
    """Bias of U_n h in a gated unit; empty for other cells."""
    cell: Cell = eqx.field(static=True)

    def __init__(self, cell: Cell, inputs: int, hidden: int, *, key: PRNGKeyArray) -> None:
        """Draw the weights: Glorot's from the inputs, orthogonal ones from h; the forget gate's bias is one.

        An orthogonal matrix neither shrinks nor stretches what it is applied to again and again.
        """
        gates = GATES[cell]
        input_key, hidden_key = jax.random.split(key)
        glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
        one = lambda make, rows, key: [make(k, (rows, hidden)) for k in jax.random.split(key, gates)]  # noqa: E731
        self.inputs = jnp.concatenate(one(glorot, inputs, input_key), axis=1)
        self.hidden = jnp.concatenate(one(orthogonal, hidden, hidden_key), axis=1)
        forget = jnp.arange(gates * hidden) < hidden
        self.bias = jnp.where(forget & (cell == "lstm"), 1.0, 0.0)
        self.inner_bias = jnp.zeros(hidden if cell == "gru" else 0)
        self.cell = cell

    def start(self, batch: int) -> State:
        """Return the state before the first step: zeros."""
        zero = jnp.zeros((batch, self.hidden.shape[0]))
        return (zero, zero) if self.cell == "lstm" else (zero,)

    def step(self, state: State, a: Float[Array, "B G"]) -> State:
        """Return the state after a step; `a` is W x + b."""
        u = state[0] @ self.hidden
        if self.cell == "simple":
            return (jnp.tanh(a + u),)
        if self.cell == "lstm":
            f, i, g, o = jnp.split(a + u, 4, axis=1)
            c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c
        (ar, az, an), (ur, uz, un) = jnp.split(a, 3, axis=1), jnp.split(u, 3, axis=1)
        r, z = jax.nn.sigmoid(ar + ur), jax.nn.sigmoid(az + uz)
        n = jnp.tanh(an + r * (un + self.inner_bias))
        return ((1 - z) * n + z * state[0],)

    def __call__(
        self, x: Float[Array, "B T I"], mask: Bool[Array, "B T"] | None, state: State, *, backwards: bool = False
    ) -> tuple[Float[Array, "B T H"], State]:
        """Return the hidden states (zero where a sequence has ended) and the state after the last step."""
        ahead = jnp.swapaxes(x @ self.inputs + self.bias, 0, 1)
        on = None if mask is None else mask.T[:, :, None]

        def step(state: State, inputs: Any) -> tuple[State, Array]:
            a, on = inputs
            new = self.step(state, a)
            if on is None:
                return new, new[0]
            return tuple(jnp.where(on, n, s) for n, s in zip(new, state, strict=True)), jnp.where(on, new[0], 0.0)

        state, path = jax.lax.scan(step, state, (ahead, on), reverse=backwards)
        return jnp.swapaxes(path, 0, 1), state


class Recurrent(eqx.Module):
    """Layers of cells, one on top of the other."""

    layers: list[Layer]
    """Bottom to top; in both directions each layer has two, forwards and backwards."""
    both_directions: bool = eqx.field(static=True)

    def __init__(
        self,
        cell: Cell,
        inputs: int,
        hidden: int,
        *,
        layers: int = 1,
        both_directions: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        """Draw the weights.

        Args:
            cell: "simple", "lstm" or "gru".
            inputs: I.
            hidden: units H of every layer, in every direction.
            layers: how many stand on top of each other.
            both_directions: read every sequence from its end too.
            key: random key.
        """
        directions = 2 if both_directions else 1
        keys = jax.random.split(key, (layers, directions))
        sizes = [inputs, *[directions * hidden] * (layers - 1)]
        self.layers = [Layer(cell, size, hidden, key=k) for size, row in zip(sizes, keys, strict=True) for k in row]
        self.both_directions = both_directions

    def start(self, batch: int) -> list[State]:
        """Return the states before the first step: zeros."""
        return [layer.start(batch) for layer in self.layers]

    def __call__(
        self,
        x: Float[Array, "B T I"],
        *,
        lengths: Int[Array, " B"] | None = None,
        states: list[State] | None = None,
    ) -> tuple[Float[Array, "B T D"], list[State]]:
        """Return the top layer's hidden states, and every layer's state after the last step.

        Args:
            x: the sequences.
            lengths: of each; what comes after is not read, the hidden states there are zero, and the states after the
                last step are those after its own. None: all have T steps.
            states: to go on from; None starts from zeros.
        """
        mask = None if lengths is None else jnp.arange(x.shape[1]) < lengths[:, None]
        states = self.start(len(x)) if states is None else states
        after = []
        directions = 2 if self.both_directions else 1
        for first in range(0, len(self.layers), directions):
            paths = []
            for d in range(directions):
                path, state = self.layers[first + d](x, mask, states[first + d], backwards=d == 1)
                paths.append(path)
                after.append(state)
            x = jnp.concatenate(paths, axis=2)
        return x, after


class Attention(eqx.Module):
    """Additive attention over a sequence (Bahdanau, Cho and Bengio, 2015): score_t = v . tanh(Q query + K key_t)."""

    query: Float[Array, "Q A"]
    key: Float[Array, "D A"]
    score: Float[Array, " A"]

    def __init__(self, queries: int, keys: int, units: int, *, key: PRNGKeyArray) -> None:
        """Draw Glorot's weights: of Q query units, D key units, A units in between."""
        glorot, keys_ = jax.nn.initializers.glorot_uniform(), jax.random.split(key, 3)
        self.query, self.key = glorot(keys_[0], (queries, units)), glorot(keys_[1], (keys, units))
        self.score = glorot(keys_[2], (units, 1))[:, 0]

    def __call__(
        self, query: Float[Array, "B Q"], keys: Float[Array, "B T D"], lengths: Int[Array, " B"] | None = None
    ) -> tuple[Float[Array, "B D"], Float[Array, "B T"]]:
        """Return the weighted mean of the keys, and the weights, which sum to one and are zero after the lengths."""
        scores = jnp.tanh((query @ self.query)[:, None] + keys @ self.key) @ self.score
        if lengths is not None:
            scores = jnp.where(jnp.arange(keys.shape[1]) < lengths[:, None], scores, -jnp.inf)
        weights = jax.nn.softmax(scores, axis=1)
        return jnp.einsum("bt,btd->bd", weights, keys), weights
