"""What depth, width and activation buy, and why a non-linearity is needed at all.

Every network is trained to the end of a falling learning rate, from several starts. A wider network contains the
narrower ones (weights of zero switch the rest off), so where it does worse, that is the training and not the width.
Weights are He's: their size depends on the inputs of a unit alone, while Glorot's makes the units of a wide first layer
so small that they are nearly linear, and such a network hardly leaves least squares.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings, learn_many
from equilearn.networks import MLP
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure
from equilearn.supervised import Split, Supervised, regression_baselines
from equilearn.whitebox.approximation import staircase

BATCH = 100
BUMPS = (5, 20, 80)


class Design(NamedTuple):
    """A network."""

    hidden: tuple[int, ...]
    activation: str = "tanh"

    @property
    def name(self) -> str:
        """Return the hidden units and the activation."""
        return f"{'-'.join(map(str, self.hidden))} {self.activation}"


ACTIVATIONS: dict[str, Any] = {
    "linear": lambda h: h,
    "ReLU": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "Swish": jax.nn.swish,
}
COMPARISONS: dict[str, tuple[str, dict[str, Design]]] = {
    "activation": ("64-64 hidden units", {name: Design((64, 64), name) for name in ACTIVATIONS}),
    "hidden layers": (
        "64, 64-64 or 32-32-32-32 hidden units, tanh",
        {str(len(hidden)): Design(hidden) for hidden in ((64,), (64, 64), (32, 32, 32, 32))},
    ),
    "units": ("one hidden layer, tanh", {str(n): Design((n,)) for n in (4, 16, 64, 256)}),
}
"""What is compared -> what is alike, and the values with their networks."""
RATES = {1: 2e-2, 2: 5e-3, 4: 5e-3}
"""Adam's rate by hidden layers."""


class Approximation(Lab):
    """What depth, width and activation buy; linear activations stay linear however deep."""

    epochs: int = 1000
    samples: int = 1000
    """Training points."""
    seeds: int = 5
    """Random starts."""
    seed: int = 0

    seconds = 60
    bounds: ClassVar = {"samples": (10, 100_000), "seeds": (1, 100)}

    def parts(self) -> dict[str, Part]:
        """Fit a wiggly function with every design."""
        return {
            design.name: lambda _, design=design: self._fit(design)
            for _, designs in COMPARISONS.values()
            for design in designs.values()
        }

    def _fit(self, design: Design) -> dict[str, Any]:
        """Return the test errors of every start, side by side, and the training error on the way."""
        data = self._data()
        members = jax.tree.map(lambda leaf: jnp.stack([leaf] * self.seeds), Supervised.of(data))
        keys = jax.random.split(jax.random.key(self.seed), self.seeds)

        def fresh(key: Any) -> MLP:
            return MLP((2, *design.hidden, 1), activation=ACTIVATIONS[design.activation],
                               initialiser=jax.nn.initializers.he_normal(), key=key)  # fmt: skip

        settings = LearnSettings(episodes=self.epochs, batch_size=min(BATCH, self.samples))
        trained, _, losses = learn_many(
            members, jax.vmap(fresh)(keys), (), adam(RATES[len(design.hidden)]), settings, keys=keys
        )
        x = jnp.asarray(np.stack([data.x_test] * self.seeds), jnp.float32)
        gap = np.asarray(jax.jit(jax.vmap(Supervised.outputs))(members, trained, x), float) - data.t_test
        every = max(1, self.epochs // 300)
        return {
            "parameters": sum(leaf[0].size for leaf in jax.tree.leaves(trained)),
            "mse": (gap**2).mean(axis=(1, 2)),
            "max": np.abs(gap).max(axis=(1, 2)),
            "epoch": np.arange(1, self.epochs + 1)[::every],
            "loss": np.median(losses["loss"], axis=0)[::every],
        }

    def report(self, made: Figures) -> Findings:
        """Return the constructed approximation, the comparisons, and what they say."""
        findings = Findings("One hidden layer can approximate any continuous function; how well depends on the design.")
        _construction(findings)
        baselines = regression_baselines(self._data())
        for title, (_, designs) in COMPARISONS.items():
            self._compare(findings, title, {name: made[design.name] for name, design in designs.items()}, baselines)
        linear = made[Design((64, 64), "linear").name]["mse"]
        findings.text(
            "Three linear maps in a row are one linear map: with linear activations the network is a plane, as least "
            f"squares is. Their mean squared errors: {spread(linear)}, and {baselines['least squares']['mse']:.3g}."
        )
        self._width(findings, {int(n): made[design.name] for n, design in COMPARISONS["units"][1].items()})
        return findings

    def _compare(
        self, findings: Findings, title: str, made: dict[str, Any], baselines: dict[str, dict[str, float]]
    ) -> None:
        rows: list[list[Any]] = [[name, "-", f"{one['mse']:.3g}", f"{one['max']:.3g}"] for name, one in
                                 baselines.items()]  # fmt: skip
        figure, axis = new_figure()
        for (name, one), colour in zip(made.items(), COLOURS, strict=False):
            rows.append([name, one["parameters"], spread(one["mse"]), spread(one["max"])])
            axis.plot(one["epoch"], one["loss"], color=colour, label=name)
        axis.set(xlabel="epoch", ylabel="training error (mse)", yscale="log")
        axis.legend(frameon=False, fontsize=8, title=title, title_fontsize=8)
        findings.figure(f"Learning by {title}: training error, median of {self.seeds} starts", figure)
        findings.table(
            f"sin(5 x1) |x2| + x1: errors on 1,000 test points by {title}, median (lowest to highest) of {self.seeds} "
            f"starts; {COMPARISONS[title][0]}; Adam at {RATES[1]:g} with one hidden layer, at {RATES[2]:g} with more",
            [title, "parameters", "mse", "largest"], rows,
        )  # fmt: skip
        findings.result[title] = {name: float(np.median(one["mse"])) for name, one in made.items()} | {
            name: one["mse"] for name, one in baselines.items()
        }
        findings.result[f"{title} by seed"] = {name: one["mse"] for name, one in made.items()}

    def _width(self, findings: Findings, made: dict[int, Any]) -> None:
        """Add what the errors by width say."""
        middles = {n: float(np.median(one["mse"])) for n, one in made.items()}
        sizes = sorted(middles)
        worse = [(a, b) for a, b in itertools.pairwise(sizes) if middles[b] > middles[a]]
        listed = ", ".join(f"{middles[n]:.2g} with {n}" for n in sizes)
        findings.text(
            f"With one hidden layer the median error is {listed} units. "
            + (
                "A wider network contains the narrower ones, so where it is worse ("
                + ", ".join(f"{b} units against {a}" for a, b in worse)
                + "), the training has not found what the network could do: more epochs are needed."
                if worse
                else "No wider network is worse than a narrower one, as it must be of networks trained to the end: a "
                "wider one contains the narrower ones."
            )
        )

    def _data(self) -> Split:
        def draw(n: int, part: int) -> tuple[np.ndarray, np.ndarray]:
            x = np.random.default_rng((self.seed, part)).uniform(-1, 1, (n, 2))
            return x, np.sin(5 * x[:, :1]) * np.abs(x[:, 1:]) + x[:, :1]

        return Split(*draw(self.samples, 0), *draw(200, 1), *draw(1000, 2))


def _construction(findings: Findings) -> None:
    """Add the errors of a network whose weights are written down: bumps of two sigmoids each."""
    x = np.linspace(0.02, 0.98, 500) * 6
    line = np.polyval(np.polyfit(x, np.sin(x), 1), x)
    rows: list[list[Any]] = []
    for name, values in (
        ("mean", np.full_like(x, np.sin(x).mean())),
        ("least squares", line),
        *((f"{n} bumps", staircase(np.sin, x, 0.0, 6.0, n, steepness=40.0 * n)) for n in BUMPS),
    ):
        gap = np.abs(values - np.sin(x))
        rows.append([name, float(gap.mean()), float(gap.max())])
    findings.table("By construction: a sum of bumps of two sigmoids each, for a sine; absolute errors",
                   ["answer", "mean", "largest"], rows)  # fmt: skip
