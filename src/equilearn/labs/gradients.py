"""Vanishing and exploding gradients, measured layer by layer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from equilearn.labs import Lab
from equilearn.networks import FeedForward
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure

CASES: dict[str, tuple[Any, Any]] = {
    "sigmoid, normal(0, 1)": (jax.nn.sigmoid, jax.nn.initializers.normal(1.0)),
    "sigmoid, Glorot": (jax.nn.sigmoid, jax.nn.initializers.glorot_normal()),
    "tanh, normal(0, 0.01)": (jnp.tanh, jax.nn.initializers.normal(0.01)),
    "tanh, Glorot": (jnp.tanh, jax.nn.initializers.glorot_normal()),
    "ReLU, normal(0, 1)": (jax.nn.relu, jax.nn.initializers.normal(1.0)),
    "ReLU, He": (jax.nn.relu, jax.nn.initializers.he_normal()),
}


def root_mean_square(x: Float[Array, ...]) -> Float[Array, ""]:
    """Return the root of the mean square, also of numbers whose squares are too large for single precision."""
    largest = jnp.maximum(jnp.max(jnp.abs(x)), 1e-37)
    return largest * jnp.sqrt(jnp.mean((x / largest) ** 2))


class Gradients(Lab):
    """Vanishing and exploding gradients: sizes of signals and gradients in every layer, before any training."""

    depth: int = 20
    """Hidden layers."""
    width: int = 100
    seeds: int = 10

    def run(self) -> Findings:
        """Measure every case."""
        findings = Findings("Why deep networks could not be trained, and what an initialisation does about it.")
        figure, axes = new_figure(1, 2)
        rows = []
        for (name, (activation, initialiser)), colour in zip(CASES.items(), COLOURS, strict=True):
            signals, gradients = self._measure(activation, initialiser)
            axes[0].plot(signals, color=colour, label=name)
            axes[1].plot(gradients, color=colour)
            ratio = gradients[0] / gradients[-1] if gradients[-1] > 0 else float("nan")
            verdict = "vanishes" if ratio < 1e-2 else "explodes" if ratio > 1e2 else "stays"
            rows.append([name, float(signals[-1]), float(ratio), verdict])
        for axis, label in zip(axes, ("signal", "gradient of the weights"), strict=True):
            axis.set(xlabel="layer", ylabel=f"root mean square of the {label}", yscale="log")
        axes[0].legend(frameon=False, fontsize=7)
        findings.figure(f"Sizes in {self.depth} hidden layers: signals forwards, gradients backwards", figure)
        findings.table(
            "Signal in the last hidden layer; gradient of the first weights over that of the last hidden layer's",
            ["activation, weights", "signal", "first / last gradient", "the gradient"], rows,
        )  # fmt: skip
        findings.text(
            "A sigmoid's slope is at most a quarter, so each layer takes a part of the gradient away; weights that are "
            "too small shrink, and too large ones blow up, a little in each layer, which adds up geometrically. "
            "Glorot's and He's variances are chosen so that the factor per layer is about one."
        )
        findings.result["ratio"] = {row[0]: row[2] for row in rows}
        return findings

    def _measure(self, activation: Any, initialiser: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return root mean squares by layer, over seeds: of the signals, and of the gradients of the weights."""
        sizes = (self.width,) * (self.depth + 1) + (1,)

        @jax.jit
        def one(key: Any) -> tuple[Any, Any]:
            network_key, x_key, t_key = jax.random.split(key, 3)
            network = FeedForward(sizes, activation=activation, initialiser=initialiser, key=network_key)
            x = jax.random.normal(x_key, (200, self.width))
            t = jax.random.normal(t_key, (200, 1))
            signals, a = [], x
            for weight, bias in zip(network.weights[:-1], network.biases[:-1], strict=True):
                a = activation(a @ weight + bias)
                signals.append(root_mean_square(a))
            gradient = jax.grad(lambda n: jnp.mean(optax.l2_loss(n(x), t)))(network)
            sizes_of = [root_mean_square(g) for g in gradient.weights[:-1]]
            return jnp.stack(signals), jnp.stack(sizes_of)

        signals, gradients = jax.vmap(one)(jax.random.split(jax.random.key(0), self.seeds))
        return np.median(signals, axis=0), np.median(gradients, axis=0)
