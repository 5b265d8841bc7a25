"""A car on a winding road: an action that is a number, chosen from a list or climbed to."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import at_random, baseline, compared, curves, film, half_width, learnt
from equilearn.reinforcement import DDPG, DQN, Steering
from equilearn.reinforcement.steering import SHARPEST
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure


class SteeringLab(Lab):
    """Steering: choosing among few angles or many, against any angle, and the best linear controller."""

    angles: tuple[int, ...] = (3, 9)
    """Numbers of angles that the Q-network chooses from."""
    effort: float = 0.5
    """Cost of the sharpest angle, in the points that a step in the middle of the road pays."""
    steps: int = 20_000
    """Environment steps of learning."""
    seeds: int = 3
    """Random starts of every agent."""
    seed: int = 0

    seconds = 120
    bounds: ClassVar = {"seeds": (1, 100), "steps": (2_000, 1_000_000), "angles": (2, 1001), "effort": (1e-3, 100.0)}

    def parts(self) -> dict[str, Part]:
        """Drive by chance and by the linear controller, then learn."""
        parts: dict[str, Part] = {
            "chance": lambda _: baseline(self._road(), at_random(self._road())),
            "linear": lambda _: baseline(self._road(), functools.partial(_linear, self._road())),
        }
        for count in (*dict.fromkeys(self.angles), 0):
            parts |= from_starts(str(count), self.seeds, functools.partial(self._learn, count))
        return parts

    def _road(self, angles: int = 0) -> Steering:
        return Steering(angles=angles, effort=self.effort)

    def _learn(self, count: int, folder: Path | None, start: int) -> dict[str, Any]:
        warmup = min(1_000, self.steps // 4)
        agent = DQN(steps=self.steps, warmup=warmup, hidden=(64, 64), learning_rate=1e-3) if count else DDPG(
            steps=self.steps, warmup=warmup, hidden=(64, 64))  # fmt: skip
        return learnt(agent, self._road(count), self.seed + start, folder, watch=start == 0)

    def _verdict(self, findings: Findings, agents: dict[str, list[Any]]) -> None:
        """Say whether any angle was better than the best list of angles, by more than seeds differ."""
        means = {name: np.mean([one["returns"] for one in seeds], axis=1) for name, seeds in agents.items()}
        *lists, free = means
        best = max(lists, key=lambda name: means[name].mean())
        gap = float(means[free].mean() - means[best].mean())
        apart = np.hypot(half_width(means[free]), half_width(means[best]))
        verdict = (
            "one start of each tells nothing of the difference" if np.isnan(apart)
            else "they cannot be told apart from so many starts" if abs(gap) <= apart
            else f"{free if gap > 0 else best} is better by more than starts differ"
        )  # fmt: skip
        findings.text(
            f"{free} collects {gap:+.1f} points against the best list, {best}: {verdict}. What a finer angle is worth "
            "depends on what effort costs: see --effort."
        )
        findings.result["gain of any angle"] = {
            "against": best,
            "points": gap,
            "half width": None if np.isnan(apart) else float(apart),
        }

    def report(self, made: Figures) -> Findings:
        """Return the returns, the curves, the best angles that a choice among few allows, and a drive."""
        names = {count: f"DQN, {count} angles" for count in dict.fromkeys(self.angles)} | {0: "DDPG, any angle"}
        agents = {name: [made[f"{count} {i + 1}"] for i in range(self.seeds)] for count, name in names.items()}
        others = {"at random": made["chance"], "linear, by Riccati's equation": made["linear"]}
        findings = Findings("Steering: the wheels' angle is a number, not a choice.")
        findings.text(
            "A car drives at 10 m/s along a road whose bends it sees. A step of a tenth of a second pays 1 less its "
            f"squared distance from the middle (in half widths) and {self.effort:g} for the sharpest angle, by its "
            "square; off the road the game ends. A Q-network looks for the best action by trying all of a list: few "
            "angles are coarse, many are more to learn, and with two axes of 9 it would be 81 pairs. An actor that "
            "climbs its critic needs no list. The linear controller is the best one for the linearised car, and nearly "
            "exact here."
        )
        compared(findings, "Steering, at most 200", others, agents)
        self._verdict(findings, agents)
        curves(
            findings,
            "Learning: returns of 20 games without exploration at every check; thin lines are seeds",
            others,
            agents,
        )
        figure, axis = new_figure()
        for colour, (name, seeds) in zip(COLOURS, agents.items(), strict=False):
            places = np.array(seeds[0]["game"])[:100, 0]
            axis.plot(np.arange(len(places)) / 10, places, color=colour, linewidth=1.2, label=name)
        axis.set(xlabel="time, s", ylabel="distance from the middle, m", title="Ten seconds of the first start")
        axis.legend(frameon=False, fontsize=8)
        findings.figure("Where the car drives: each with a road of its own", figure)
        film(findings, "A drive by DDPG: the first start", self._road(), agents[names[0]][0]["game"])
        return findings


def _linear(road: Steering, observation: Array, *, key: PRNGKeyArray) -> Array:
    place = observation * jnp.array([3.0, 1.0, 1 / 20])
    return jnp.clip(-(place @ jnp.asarray(road.linear_controller(), jnp.float32)), -SHARPEST, SHARPEST)[:, None]
