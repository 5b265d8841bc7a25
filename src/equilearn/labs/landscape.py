"""The loss surface around a trained network, along filter-normalised random directions (Li et al., 2018)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.data import load_small
from equilearn.labs import Lab
from equilearn.learn import LearnSettings
from equilearn.networks import FeedForward
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.style import new_figure
from equilearn.supervised import compare, fit, split


def filter_normalised(network: FeedForward, key: Any) -> FeedForward:
    """Return a random direction in which every unit's incoming weights are as long as the network's own.

    Without that, a network whose weights are large (and whose function is the same) would look flatter. Biases do
    not move.
    """
    keys = jax.random.split(key, len(network.weights))
    directions = []
    for weight, one in zip(network.weights, keys, strict=True):
        random = jax.random.normal(one, weight.shape)
        lengths = jnp.linalg.norm(weight, axis=0) / jnp.linalg.norm(random, axis=0)
        directions.append(random * lengths)
    zeros = jax.tree.map(jnp.zeros_like, network)
    return jax.tree.unflatten(jax.tree.structure(network), [*directions, *jax.tree.leaves(zeros)[len(directions) :]])


class Landscape(Lab):
    """The loss surface around trained networks: a shallow and a deep one, on digits."""

    epochs: int = 60
    points: int = 41
    """Points along each direction."""
    reach: float = 1.0
    """How far along each direction, in lengths of the weights."""
    seed: int = 0

    def run(self) -> Findings:
        """Train two networks, then look around them."""
        findings = Findings("What the cost looks like around where the descent ended.")
        x, t = load_small("digits")
        data = split(x, t, seed=self.seed)
        figure, axes = new_figure(1, 2)
        rows = []
        for axis, (name, hidden) in zip(axes, {"one hidden layer": (64,), "eight hidden layers": (32,) * 8}.items(),
                                        strict=True):  # fmt: skip
            settings = LearnSettings(episodes=self.epochs, batch_size=64, check_every=1)
            fitted = fit(data, hidden, settings, classify=True, optimizer=adam(3e-3), activation="relu",
                         seed=self.seed)  # fmt: skip
            steps = jnp.linspace(-self.reach, self.reach, self.points)
            u, v = (filter_normalised(fitted.network, jax.random.key(k)) for k in (1, 2))
            inputs, targets = fitted.problem.x, fitted.problem.t

            @jax.jit
            def loss(a: Any, b: Any, fitted: Any = fitted, u: Any = u, v: Any = v, inputs: Any = inputs,
                     targets: Any = targets) -> Any:  # fmt: skip
                moved = jax.tree.map(lambda w, x, y: w + a * x + b * y, fitted.network, u, v)
                return jnp.mean(fitted.problem.losses(fitted.problem.outputs(moved, inputs), targets))

            surface = np.asarray(jax.jit(jax.vmap(jax.vmap(loss, (None, 0)), (0, None)))(steps, steps))
            levels = np.geomspace(max(surface.min(), 1e-4), surface.max(), 20)
            drawn = axis.contourf(steps, steps, surface, levels=levels, cmap="viridis", norm="log")
            axis.set(title=name, xlabel="first direction", ylabel="second direction")
            figure.colorbar(drawn, ax=axis, shrink=0.8, label="loss", format="%.2g")
            metrics = compare(fitted, data)
            rows.append([name, float(surface[self.points // 2, self.points // 2]), float(surface.max()),
                         metrics["network"]["accuracy"], metrics["logistic regression"]["accuracy"]])  # fmt: skip
        findings.figure("Loss surfaces: training loss along two filter-normalised directions", figure)
        findings.table("Training loss at the centre and at worst in the square; test accuracy, and the baseline's",
                       ["network", "centre", "worst", "accuracy", "logistic regression"], rows)  # fmt: skip
        findings.result["surfaces"] = {row[0]: {"centre": row[1], "worst": row[2], "accuracy": row[3]} for row in rows}
        return findings
