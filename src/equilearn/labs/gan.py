"""Generative adversarial nets: points in the plane, whose density one can see, and digits that nobody has written."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.spatial.distance import cdist
from sklearn.mixture import GaussianMixture

from equilearn.data import image_split
from equilearn.images import Adversarial, FittedClassifier, fit_classifier, make, players
from equilearn.labs import Figures, Lab, Part
from equilearn.learn import LearnSettings, key_of, learn
from equilearn.learn.ensemble import learn_many
from equilearn.networks import MLP
from equilearn.networks.generative import ConvDense, Generator
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import new_figure

SPREAD = 0.05
"""Standard deviation round every centre, or of the distance from a ring."""
CENTRES = 2 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
RADII = np.array([1.0, 2.0])
SHAPES = ("eight Gaussians", "two rings")
POINTS = 2000
"""That are judged."""
WAY = 6
"""Pictures of the way."""
FEWEST = 0.02
"""Share of the points that a mode needs to count as found; all have an equal share of the real ones."""
JUDGED = 1000
"""Made digits that the classifier looks at."""
LATENT = 64


class Plane(Adversarial):
    """Points on eight small Gaussians on a circle, or on two rings."""

    rings: bool = eqx.field(static=True)

    def real(self, *, key: PRNGKeyArray) -> Float[Array, "n 2"]:
        """Draw real points."""
        return points(self.rings, 4096, key=key)


class Digits(Adversarial):
    """Handwritten digits."""

    x: Float[Array, "n 28 28 1"]

    def real(self, *, key: PRNGKeyArray) -> Float[Array, "n 28 28 1"]:
        """Hand back the training part."""
        del key
        return self.x


def points(rings: bool, count: int, *, key: PRNGKeyArray) -> Float[Array, "n 2"]:
    """Return real points of the plane."""
    which, turn, noise = jax.random.split(key, 3)
    if rings:
        radius = jnp.asarray(RADII)[jax.random.randint(which, (count,), 0, 2)]
        radius += SPREAD * jax.random.normal(noise, (count,))
        angle = jax.random.uniform(turn, (count,), maxval=2 * jnp.pi)
        return radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    centre = jnp.asarray(CENTRES, jnp.float32)[jax.random.randint(which, (count,), 0, 8)]
    return centre + SPREAD * jax.random.normal(noise, (count, 2))


def judged(x: Float[np.ndarray, "n 2"], rings: bool) -> dict[str, Any]:
    """Return how many modes some points have found, and what share of them lies within three spreads of one."""
    away = np.abs(np.linalg.norm(x, axis=1)[:, None] - RADII) if rings else cdist(x, CENTRES)
    good = away.min(axis=1) < 3 * SPREAD
    shares = np.bincount(away.argmin(axis=1)[good], minlength=away.shape[1]) / len(x)
    return {"modes": int((shares > FEWEST).sum()), "share": float(good.mean())}


def energy_distance(x: Float[np.ndarray, "n 2"], y: Float[np.ndarray, "m 2"]) -> float:
    """Return 2 E|x - y| - E|x - x'| - E|y - y'|, which is zero for equal distributions alone (Székely and Rizzo)."""
    between = cdist(x, y).mean()
    within = [cdist(one, one).sum() / (len(one) * (len(one) - 1)) for one in (x, y)]
    return float(2 * between - sum(within))


class GAN(Lab):
    """Generative adversarial nets: eight Gaussians, two rings, and digits by a convolutional pair."""

    seeds: int = 10
    """Random starts in the plane."""
    episodes: int = 150
    """In the plane, each of 16 steps."""
    epochs: int = 8
    """Passes of the digits' pair over the training pictures."""
    images: int = 55_000
    """Training pictures at most."""
    seed: int = 0

    seconds = 280
    full_seconds = 1500
    full: ClassVar = {"epochs": 40}
    bounds: ClassVar = {"seeds": (1, 100), "images": (1000, 55_000), "epochs": (1, 10_000)}

    def parts(self) -> dict[str, Part]:
        """Play in the plane; train the judge of digits; play with digits."""
        parts: dict[str, Part] = {name: lambda _, name=name: self._plane(name) for name in SHAPES}
        return parts | {"judge": self._judge, "digits": self._digits}

    def learns_from(self) -> Any:
        """Return the digits."""
        return _mnist(self.seed)

    def _data(self) -> np.ndarray:
        return _mnist(self.seed).x_train[: self.images]

    def _plane(self, name: str) -> dict[str, Any]:
        """Return what every start makes in the end, the way of the first, and what others make."""
        rings = name == SHAPES[1]
        root = jax.random.fold_in(key_of(self.seed), int(rings))
        real_key, learn_key, *keys = jax.random.split(root, 2 + self.seeds)
        problem = Plane(latent=2, penalty=0.1, episodes=self.episodes, rings=rings)
        pairs, worlds = [], []
        for key in keys:
            generator, discriminator, noise = jax.random.split(key, 3)
            he = {"activation": jax.nn.relu, "initialiser": jax.nn.initializers.he_normal()}
            pair = {
                "generator": MLP((2, 64, 64, 2), key=generator, **he),
                "discriminator": MLP((2, 64, 64, 1), key=discriminator, **he),
            }
            pairs.append(pair)
            worlds.append(problem.world(pair, pictures=min(WAY, self.episodes + 1), samples=POINTS, key=noise))
        _, world, _ = learn_many(
            problem, _stacked(pairs), _stacked(worlds), players(2e-3),
            LearnSettings(episodes=self.episodes, batch_size=256), keys=jax.random.split(learn_key, self.seeds),
        )  # fmt: skip
        ways = np.asarray(world["way"], float)
        real, more = (np.asarray(points(rings, POINTS, key=key), float) for key in jax.random.split(real_key))
        rng = np.random.default_rng(self.seed)
        normal = rng.multivariate_normal(more.mean(axis=0), np.cov(more.T), POINTS)
        others = {"one normal distribution": normal, "real points": more}
        if not rings:
            mixture = GaussianMixture(8, random_state=self.seed).fit(more)
            others = {"eight normal distributions, fitted": mixture.sample(POINTS)[0]} | others
        return {
            "made": [judged(way[-1], rings) | {"distance": energy_distance(way[-1], real)} for way in ways],
            "others": {one: judged(x, rings) | {"distance": energy_distance(x, real)} for one, x in others.items()},
            "way": ways[0].round(3),
        }

    def _judge(self, folder: Path | None) -> dict[str, Any]:
        """Train the classifier that judges; return its test accuracy and what it says of real digits."""
        classifier = _judge(self.seed, folder)
        data = _mnist(self.seed)
        said = classifier.predict(data.x_test)
        right = said.argmax(axis=1) == data.t_test.argmax(axis=1)
        return {"accuracy": right.mean(), **_told(said[:JUDGED])}

    def _digits(self, folder: Path | None) -> dict[str, Any]:
        """Play with digits; return what the judge says of those that are made, and some of them."""
        x = self._data()
        keys = jax.random.split(jax.random.fold_in(key_of(self.seed), 7), 5)
        pair = {
            "generator": Generator(LATENT, 7, (48, 24), key=keys[0]),
            "discriminator": ConvDense((28, 28, 1), ((24, 4, 2), (48, 4, 2)), (1,), activation=jax.nn.leaky_relu,
                                       key=keys[1]),
        }  # fmt: skip
        pictures = jnp.asarray(x.reshape(-1, 28, 28, 1), jnp.float32)
        problem = Digits(latent=LATENT, penalty=0.0, episodes=self.epochs, x=pictures)
        world = problem.world(pair, pictures=min(WAY, self.epochs + 1), samples=64, key=keys[2])
        settings = LearnSettings(episodes=self.epochs, batch_size=64, check_every=1)
        run = learn(problem, pair, world, players(5e-4), settings, key=keys[3], title="digits", folder=folder,
                    resume=folder is not None, live=False).sound("gan")  # fmt: skip
        noise = jax.random.normal(keys[4], (JUDGED, LATENT))
        state = run.state
        made = np.asarray(eqx.filter_jit(make)(state.networks["generator"], state.world["moments"], noise))
        made = made.reshape(JUDGED, -1).astype(float)
        judge = None if folder is None else folder.parent / "judge"
        classifier = _judge(self.seed, judge)
        normal = _normal(x, JUDGED, self.seed)
        return {
            "made": _told(classifier.predict(made)),
            "normal": _told(classifier.predict(normal)),
            "nearest": {
                "made": _nearest(made[:200], x), "new real digits": _nearest(_mnist(self.seed).x_test[:200], x)
            },
            "way": np.asarray(state.world["way"])[:, :10, ::1, ::1, 0].round(2),
            "shown": made[:40].round(2),
            "seconds": run.seconds,
        }  # fmt: skip

    def report(self, made: Figures) -> Findings:
        """Return what was made in the plane and of digits, and what was judged of it."""
        findings = Findings("Two networks play: one makes samples, the other tells them from real ones.")
        findings.heading("In the plane")
        for name in SHAPES:
            self._report_plane(findings, name, made[name])
        findings.heading("Digits")
        self._report_digits(findings, made["judge"], made["digits"])
        return findings

    def _report_plane(self, findings: Findings, name: str, made: dict[str, Any]) -> None:
        modes = 8 if name == SHAPES[0] else 2
        rows = [[one, f"{x['modes']} of {modes}", x["share"], x["distance"]] for one, x in made["others"].items()]
        ours = made["made"]
        full = sum(x["modes"] == modes for x in ours)
        rows.append(["generator", f"{spread([x['modes'] for x in ours])} of {modes}",
                     spread([x["share"] for x in ours]), spread([x["distance"] for x in ours])])  # fmt: skip
        findings.table(
            f"{name[0].upper()}{name[1:]}: {POINTS:,} points; generator: median (lowest to highest) of {len(ours)} "
            "starts",
            ["who", "modes found", "share of points on them", "energy distance to real points"], rows,
        )  # fmt: skip
        findings.text(
            f"A mode is found where at least {100 * FEWEST:.0f} % of the points lie within three standard deviations "
            f"of it. All {modes} are found from {full} of {len(ours)} starts. The distance of two samples of real "
            "points is what chance makes of nothing."
            + (" Whoever knows that there are eight normal distributions needs no network." if modes == 8 else "")
        )
        way = np.array(made["way"])
        figure, axes = new_figure(1, len(way), height=2.2)
        figure.set_size_inches(2.1 * len(way), 2.5)
        for i, axis in enumerate(axes):
            axis.hexbin(*way[i].T, gridsize=40, extent=(-2.6, 2.6, -2.6, 2.6), cmap="Blues", mincnt=1)
            axis.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            axis.label_outer()
            axis.set_title(f"episode {-(-i * self.episodes // (len(way) - 1))}", fontsize=9)
        findings.figure(f"Density of what the first start makes, as it learns, {name}", figure)
        findings.result[name] = {"generator": ours, **made["others"], "starts with all modes": full}

    def _report_digits(self, findings: Findings, judge: dict[str, Any], made: dict[str, Any]) -> None:
        findings.text(
            f"The judge is LeNet-5 with a test accuracy of {judge['accuracy']:.4f}, which has seen no made digit. The "
            "normal distribution has the mean and the covariance of all training pictures: what a linear generator "
            "can make."
        )
        told = {"generator": made["made"], "one normal distribution": made["normal"], "real digits": judge}
        findings.table(
            f"{JUDGED:,} pictures, as the judge tells them: how many of each digit",
            ["who", *map(str, range(10)), "sure of (over 0.9), %"],
            [[who, *one["counts"], f"{100 * one['sure']:.1f}"] for who, one in told.items()],
        )
        there = sum(n >= 0.01 * JUDGED for n in made["made"]["counts_sure"])
        nearest = made["nearest"]
        findings.text(
            f"{there} of 10 digits are there (each at least {JUDGED // 100} times, the judge sure of it). Is it "
            "copying? The "
            f"nearest training picture is {nearest['made']:.2f} away from a made digit on average, and "
            f"{nearest['new real digits']:.2f} from a new real one (root of the summed squares of pixels)."
        )
        way, shown = np.array(made["way"]), np.array(made["shown"])
        figure, axes = new_figure(len(way), way.shape[1], height=0.8)
        figure.set_size_inches(8, 0.85 * len(way))
        for i, row in enumerate(axes):
            for j, axis in enumerate(row):
                axis.imshow(way[i, j], cmap="gray_r", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.grid(visible=False)
                axis.spines[:].set_visible(False)
            epoch = -(-i * self.epochs // (len(way) - 1))
            row[0].set_ylabel(f"epoch {epoch}", rotation=0, ha="right", va="center", fontsize=9)
        findings.figure("The way: what ten fixed draws of noise become", figure)
        figure, axes = new_figure(4, 10, height=0.8)
        figure.set_size_inches(8, 3.4)
        for axis, one in zip(axes.flat, shown, strict=True):
            axis.imshow(one.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            axis.set_axis_off()
        findings.figure("Forty digits that nobody has written, as they come", figure)
        findings.result["digits"] = told | {"digits there": there, "nearest": nearest, "judge": judge["accuracy"]}


@functools.lru_cache(maxsize=2)
def _mnist(seed: int) -> Any:
    return image_split("mnist", seed=seed)


@functools.lru_cache(maxsize=1)
def _judge(seed: int, folder: Path | None) -> FittedClassifier:
    """Return a classifier of digits, trained once."""
    settings = LearnSettings(episodes=15, batch_size=128, check_every=1, keep_best=True)
    optimizer = adam(2e-3, weight_decay=0.01)
    return fit_classifier(_mnist(seed), settings, network="lenet", shift=1, optimizer=optimizer, seed=seed,
                          folder=folder, resume=folder is not None)  # fmt: skip


def _stacked(trees: list[Any]) -> Any:
    """Return trees as one, whose arrays have a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *trees)


def _told(said: Float[np.ndarray, "n 10"]) -> dict[str, Any]:
    """Return how many of each digit a judge sees, and of what share it is sure."""
    sure = said.max(axis=1) > 0.9
    told = said.argmax(axis=1)
    return {
        "counts": np.bincount(told, minlength=10),
        "counts_sure": np.bincount(told[sure], minlength=10),
        "sure": float(sure.mean()),
    }


def _normal(x: Float[np.ndarray, "n pixels"], count: int, seed: int) -> Float[np.ndarray, "m pixels"]:
    """Return draws from the normal distribution with the pictures' mean and covariance, as pixels can be."""
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    noise = np.random.default_rng(seed).normal(size=(count, len(mean)))
    return np.clip(mean + (noise * np.sqrt(np.maximum(values, 0))) @ vectors.T, 0, 1)


def _nearest(some: Float[np.ndarray, "n pixels"], x: Float[np.ndarray, "m pixels"]) -> float:
    """Return the mean distance to the nearest training picture."""
    squares = (some**2).sum(axis=1)[:, None] + (x**2).sum(axis=1) - 2 * some @ x.T
    return float(np.sqrt(np.maximum(squares.min(axis=1), 0)).mean())
