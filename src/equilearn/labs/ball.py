"""Where will the ball go? A network looks at pictures of it, beside rules that know more or less of the law."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar
from sklearn.linear_model import Ridge

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.learn import LearnSettings, Problem, key_of, learn
from equilearn.networks.generative import ConvDense
from equilearn.optimizers import adam
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure

SIDE, RADIUS = 20, 0.1
"""Pixels of a picture's side, and the ball's radius in a box of side 1."""
SPEEDS = (0.04, 0.1)
"""Slowest and fastest way of the ball from one picture to the next."""
EACH = 4096
"""Balls thrown in an episode."""
HELD = 4096
"""Balls to choose the episode by, and to test on."""
KERNELS = ((16, 4, 2), (32, 4, 2))


def folded(position: Float[Array, "*n 2"]) -> Float[Array, "*n 2"]:
    """Return where a ball is that the walls of the box throw back, of where it would be without them."""
    free = 1 - 2 * RADIUS
    away = jnp.mod(position - RADIUS, 2 * free)
    return RADIUS + jnp.minimum(away, 2 * free - away)


def picture(position: Float[Array, " 2"]) -> Float[Array, "20 20"]:
    """Return the picture of a ball: 1 where it is, 0 elsewhere, in between where its edge passes through a pixel."""
    middle = (jnp.arange(SIDE) + 0.5) / SIDE
    distance = jnp.sqrt((middle[:, None] - position[1]) ** 2 + (middle[None] - position[0]) ** 2)
    return jnp.clip((RADIUS - distance) * SIDE + 0.5, 0, 1)


def throw(count: int, frames: int, ahead: int, *, key: PRNGKeyArray) -> tuple[Array, Array, Array]:
    """Return pictures of thrown balls (count, 20, 20, frames), where they will be and where they are (count, 2)."""
    place_key, turn_key, speed_key = jax.random.split(key, 3)
    place = jax.random.uniform(place_key, (count, 2), minval=RADIUS, maxval=1 - RADIUS)
    turn = jax.random.uniform(turn_key, (count,), maxval=2 * jnp.pi)
    speed = jax.random.uniform(speed_key, (count,), minval=SPEEDS[0], maxval=SPEEDS[1])
    velocity = speed[:, None] * jnp.stack([jnp.cos(turn), jnp.sin(turn)], axis=1)
    seen = folded(place[:, None] + velocity[:, None] * jnp.arange(frames)[:, None])
    later = folded(place + velocity * (frames - 1 + ahead))
    return jnp.moveaxis(jax.vmap(jax.vmap(picture))(seen), 1, 3), later, seen[:, -1]


class Throwing(Problem):
    """Squared distance between where the network says and where the ball will be; every episode has new balls."""

    x_validation: Float[Array, "v 20 20 F"]
    t_validation: Float[Array, "v 2"]
    frames: int = eqx.field(static=True)
    ahead: int = eqx.field(static=True)

    def generate(self, networks: Any, world: Any, *, key: PRNGKeyArray) -> tuple[Any, Any]:
        """Throw balls."""
        del networks
        return throw(EACH, self.frames, self.ahead, key=key)[:2], world

    def loss(self, networks: Any, world: Any, batch: Any, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Scalar]]:
        """Return the mean squared distance."""
        del world, key
        x, t = batch
        return jnp.mean(jnp.sum((networks(x) - t) ** 2, axis=1)), {}

    def check(self, networks: Any, world: Any, *, key: PRNGKeyArray) -> dict[str, Float[Array, " v"]]:
        """Return the distance for every validation ball."""
        del world, key
        return {"distance": jnp.linalg.norm(networks(self.x_validation) - self.t_validation, axis=1)}


class Ball(Lab):
    """Given pictures of a ball, where will it go? One picture cannot tell; two can, for who has learnt of the walls."""

    frames: tuple[int, ...] = (1, 2, 3)
    """Numbers of pictures that are seen."""
    ahead: int = 10
    """Pictures from the last one that is seen to the one that is asked for."""
    episodes: int = 200
    """Each with 4,096 new balls."""
    seeds: int = 2
    """Random starts."""
    seed: int = 0

    seconds = 110
    bounds: ClassVar = {"frames": (1, 10), "ahead": (1, 100), "seeds": (1, 100)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.frames)) < len(self.frames):
            raise self._wrong("frames", "names a number twice")

    def parts(self) -> dict[str, Part]:
        """Let the rules guess, and train a network from every start, for each number of pictures."""
        parts: dict[str, Part] = {}
        for n in self.frames:
            words = f"{n} picture{'s' if n > 1 else ''}"
            parts[f"{words}: rules"] = lambda _, n=n: self._rules(n)
            parts |= from_starts(f"{words}: start", self.seeds, functools.partial(self._network, n))
        return parts

    def _balls(self, frames: int) -> dict[str, tuple[np.ndarray, ...]]:
        """Return the training balls of the linear rule, and those to choose and to test by: pictures, then, now."""
        keys = jax.random.split(jax.random.fold_in(key_of(self.seed), frames), 3)
        counts = {"train": 5 * EACH, "validation": HELD, "test": HELD}
        return {
            name: tuple(map(np.asarray, throw(count, frames, self.ahead, key=key)))
            for (name, count), key in zip(counts.items(), keys, strict=True)
        }

    def _rules(self, frames: int) -> dict[str, list[float]]:
        """Return the test distances of those who know: nothing, where it is, the line, the walls too; and pixels."""
        balls = self._balls(frames)
        (x, later, _), (x_train, t_train, _) = balls["test"], balls["train"]
        seen = _centres(x)
        velocity = (seen[:, -1] - seen[:, 0]) / max(frames - 1, 1)
        line = seen[:, -1] + self.ahead * velocity
        flat = Ridge(alpha=1.0).fit(x_train.reshape(len(x_train), -1), t_train)
        guesses = {
            "the middle of the box": np.full_like(later, 0.5),
            "stays where it is": seen[:, -1],
            "linear in the pixels": flat.predict(x.reshape(len(x), -1)),
        }
        if frames > 1:
            guesses |= {
                "straight on": line,
                "straight on, thrown back by the walls": np.asarray(folded(jnp.asarray(line))),
            }
        return {name: np.linalg.norm(guess - later, axis=1).tolist() for name, guess in guesses.items()}

    def _network(self, frames: int, folder: Path | None, start: int) -> dict[str, Any]:
        """Return the test distances of a start, and some of its answers."""
        balls = self._balls(frames)
        x, t, now = balls["test"]
        network_key, learn_key = jax.random.split(key_of(self.seed + start))
        net = ConvDense((SIDE, SIDE, frames), KERNELS, (128, 2), key=network_key)
        problem = Throwing(*map(jnp.asarray, balls["validation"][:2]), frames=frames, ahead=self.ahead)
        settings = LearnSettings(episodes=self.episodes, batch_size=128, check_every=min(10, self.episodes))
        run = learn(problem, net, (), adam(2e-3), settings, key=learn_key, title="ball", folder=folder,
                    resume=folder is not None, live=False).sound("ball")  # fmt: skip
        said = np.asarray(eqx.filter_jit(run.state.networks)(jnp.asarray(x)))
        shown = {"seen": _centres(x[:6]), "said": said[:6], "came": t[:6], "now": now[:6]}
        return {"distance": np.linalg.norm(said - t, axis=1).tolist(), "shown": shown}

    def report(self, made: Figures) -> Findings:
        """Return the distances, and balls with what was said of them."""
        findings = Findings("Given pictures of a ball, where will it go?")
        findings.text(
            f"A ball of radius {RADIUS} flies through a box of side 1 and is thrown back by its walls. Pictures have "
            f"{SIDE} by {SIDE} pixels; asked for is where it will be {self.ahead} pictures after the last. The network "
            "sees pixels only and is told nothing of balls, lines or walls."
        )
        rows, names = [], []
        for n in self.frames:
            words = f"{n} picture{'s' if n > 1 else ''}"
            rules = {name: float(np.mean(one)) for name, one in made[f"{words}: rules"].items()}
            ours = [float(np.mean(made[f"{words}: start {s + 1}"]["distance"])) for s in range(self.seeds)]
            rows += [[words, name, f"{value:.4f}"] for name, value in rules.items()]
            rows.append([words, "network", spread(ours)])
            findings.result[words] = rules | {"network": ours}
            names.append((words, min(rules.values()), float(np.median(ours))))
        findings.table(
            f"Mean distance on {HELD:,} new balls, in sides of the box; network: median (lowest to highest) of "
            f"{self.seeds} starts", ["seen", "who says", "distance"], rows,
        )  # fmt: skip
        for words, best, ours in names:
            better = "nearer than" if ours < best else "not as near as"
            findings.text(f"From {words} the network is {better} the best rule ({ours:.4f} against {best:.4f}).")
        findings.text(
            "The rule with the walls knows the law and is given the middle of the ball in each picture; what it misses "
            "are balls that were thrown back while they were looked at, and what pixels round off."
        )
        self._draw(findings, made)
        return findings

    def _draw(self, findings: Findings, made: Figures) -> None:
        """Draw six balls for the largest number of pictures."""
        n = max(self.frames)
        shown = made[f"{n} picture{'s' if n > 1 else ''}: start 1"]["shown"]
        figure, axes = new_figure(2, 3, height=2.8)
        figure.set_size_inches(9, 6.4)
        for i, axis in enumerate(axes.flat):
            seen = np.array(shown["seen"][i])
            axis.plot(*seen.T, "o-", color="#999999", markersize=6, label="seen")
            axis.plot(*seen[-1], "o", color="#222222", markersize=6, label="seen last")
            axis.plot(*shown["came"][i], "o", color=COLOURS[2], markersize=9, label="came")
            axis.plot(*shown["said"][i], "x", color=COLOURS[3], markersize=9, markeredgewidth=2, label="network")
            axis.set(xlim=(0, 1), ylim=(1, 0), aspect="equal", xlabel="x", ylabel="y")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
        findings.figure(
            f"Six test balls, {n} picture{'s' if n > 1 else ''} seen: where they went and what was said", figure
        )


def _centres(x: Float[np.ndarray, "n 20 20 F"]) -> Float[np.ndarray, "n F 2"]:
    """Return the middle of the ball in every picture, weighted by brightness."""
    middle = (np.arange(SIDE) + 0.5) / SIDE
    mass = x.sum(axis=(1, 2))
    across, down = (x.sum(axis=1) * middle[:, None]).sum(axis=1), (x.sum(axis=2) * middle[:, None]).sum(axis=1)
    return np.stack([across / mass, down / mass], axis=2)
