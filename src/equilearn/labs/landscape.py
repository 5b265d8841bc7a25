"""The loss surface around a trained network, along filter-normalised random directions (Li et al., 2018)."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.data import load_small
from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings
from equilearn.networks import MLP
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import new_figure
from equilearn.supervised import Fitted, classification_baselines, fit, split

DESIGNS = {"one hidden layer": (64,), "eight hidden layers": (32,) * 8}


def filter_normalised(network: MLP, key: Any) -> MLP:
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
    seeds: int = 3
    """Splits of the digits and random starts; the first one's surfaces are drawn."""
    seed: int = 0

    seconds = 60
    bounds: ClassVar = {"points": (3, 401), "reach": (1e-6, 100), "epochs": (1, 100_000), "seeds": (1, 100)}

    def parts(self) -> dict[str, Part]:
        """Train the networks and look around them."""
        return {
            f"{name}, start {start + 1}": lambda _, hidden=hidden, start=start: self._look(hidden, start)
            for name, hidden in DESIGNS.items()
            for start in range(self.seeds)
        } | {"baselines": lambda _: [classification_baselines(self._data(start)) for start in range(self.seeds)]}

    def _data(self, start: int) -> Any:
        return split(*load_small("digits"), seed=self.seed + start)

    def _look(self, hidden: tuple[int, ...], start: int) -> dict[str, Any]:
        """Return a trained network's test accuracy and the training losses around it."""
        data = self._data(start)
        settings = LearnSettings(episodes=self.epochs, batch_size=64, check_every=1)
        fitted = fit(data, hidden, settings, classify=True, optimizer=adam(3e-3), activation="relu",
                     seed=self.seed + start)  # fmt: skip
        middle = self._surface(fitted, jnp.zeros(1))[0, 0]
        surface = self._surface(fitted, jnp.linspace(-self.reach, self.reach, self.points))
        return {"surface": surface, "centre": middle, "accuracy": fitted.test(data)["accuracy"]}

    def _surface(self, fitted: Fitted, steps: Any) -> np.ndarray:
        u, v = (filter_normalised(fitted.network, jax.random.key(k)) for k in (1, 2))
        problem = fitted.problem

        def loss(a: Any, b: Any) -> Any:
            moved = jax.tree.map(lambda w, x, y: w + a * x + b * y, fitted.network, u, v)
            return jnp.mean(problem.losses(problem.outputs(moved, problem.x), problem.t))

        return np.asarray(jax.jit(jax.vmap(jax.vmap(loss, (None, 0)), (0, None)))(steps, steps))

    def report(self, made: Figures) -> Findings:
        """Return the surfaces and the table."""
        findings = Findings("What the cost looks like around where the descent ended.")
        figure, axes = new_figure(1, 2)
        steps = np.linspace(-self.reach, self.reach, self.points)
        rows, by_name = [], {}
        first = {name: np.array(made[f"{name}, start 1"]["surface"]) for name in DESIGNS}
        low, high = min(one.min() for one in first.values()), max(one.max() for one in first.values())
        levels = np.geomspace(max(low, 1e-4), max(high, 2e-4), 20)
        for axis, name in zip(axes, DESIGNS, strict=True):
            # The second direction runs along the columns, hence the transpose.
            drawn = axis.contourf(steps, steps, np.maximum(first[name], levels[0]).T, levels=levels, cmap="viridis",
                                  norm="log")  # fmt: skip
            axis.plot(0, 0, "+", color="white", markersize=9)
            axis.set(title=name, xlabel="first direction", ylabel="second direction")
            axis.grid(visible=False)
            starts = [made[f"{name}, start {start + 1}"] for start in range(self.seeds)]
            by_name[name] = {
                "centre": [one["centre"] for one in starts],
                "worst": [float(np.max(one["surface"])) for one in starts],
                "accuracy": [one["accuracy"] for one in starts],
            }
            rows.append([name, *(spread(by_name[name][key]) for key in ("centre", "worst", "accuracy"))])
        figure.colorbar(drawn, ax=axes, shrink=0.9, label="training loss", format="%.2g")
        for name in ("majority", "logistic regression"):
            rows.append([name, "-", "-", spread([one[name]["accuracy"] for one in made["baselines"]])])
        findings.figure(
            "Loss surfaces: training loss along two filter-normalised directions, in lengths of the weights; the cross "
            "is the trained network", figure
        )  # fmt: skip
        findings.table(
            f"Training loss at the centre and at worst in the square; test accuracy; median (lowest to highest) of "
            f"{self.seeds} splits and starts",
            ["model", "centre", "worst", "accuracy"], rows,
        )  # fmt: skip
        findings.result["surfaces"] = {
            name: {key: float(np.median(values)) for key, values in one.items()} for name, one in by_name.items()
        }
        findings.result["by_seed"] = by_name
        return findings
