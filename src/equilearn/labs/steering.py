"""A car on a winding road: why an action that is a number wants a policy gradient."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import at_random, baseline, compared, curves, film, learnt
from equilearn.reinforcement import DDPG, DQN, Steering
from equilearn.reinforcement.steering import SHARPEST
from equilearn.report import Findings
from equilearn.report.style import COLOURS, new_figure

ROAD = Steering()


class SteeringLab(Lab):
    """Steering: choosing among few angles or many, against any angle, and the best linear controller."""

    angles: tuple[int, ...] = (3, 9)
    """Numbers of angles that the Q-network chooses from."""
    steps: int = 20_000
    """Environment steps of learning."""
    seeds: int = 3
    """Random starts of every agent."""
    seed: int = 0

    seconds = 120
    bounds: ClassVar = {"seeds": (1, 100), "steps": (2_000, 1_000_000), "angles": (2, 1001)}

    def parts(self) -> dict[str, Part]:
        """Drive by chance and by the linear controller, then learn."""
        parts: dict[str, Part] = {
            "chance": lambda _: baseline(ROAD, at_random(ROAD)),
            "linear": lambda _: baseline(ROAD, _linear),
        }
        for count in (*dict.fromkeys(self.angles), 0):
            parts |= from_starts(str(count), self.seeds, functools.partial(self._learn, count))
        return parts

    def _learn(self, count: int, folder: Path | None, start: int) -> dict[str, Any]:
        warmup = min(1_000, self.steps // 4)
        agent = DQN(steps=self.steps, warmup=warmup, hidden=(64, 64), learning_rate=1e-3) if count else DDPG(
            steps=self.steps, warmup=warmup, hidden=(64, 64))  # fmt: skip
        return learnt(agent, Steering(angles=count), self.seed + start, folder, watch=start == 0)

    def report(self, made: Figures) -> Findings:
        """Return the returns, the curves, the best angles that a choice among few allows, and a drive."""
        names = {count: f"DQN, {count} angles" for count in dict.fromkeys(self.angles)} | {0: "DDPG, any angle"}
        agents = {name: [made[f"{count} {i + 1}"] for i in range(self.seeds)] for count, name in names.items()}
        others = {"at random": made["chance"], "linear, by Riccati's equation": made["linear"]}
        findings = Findings("Steering: the wheels' angle is a number, not a choice.")
        findings.text(
            "A car drives at 10 m/s along a road whose bends it sees; a step of a tenth of a second pays 1 less "
            "its squared "
            "distance from the middle (in half widths) and half a point for the sharpest angle, by its square; "
            "off the road the game ends. A Q-network "
            "looks for the best action by trying all of a list: few angles are coarse, many are more to learn, "
            "and with "
            "two axes of 9 it would be 81 pairs. An actor that climbs its critic needs no list. The linear "
            "controller is the best one for the linearised car, and nearly exact here."
        )
        compared(findings, "Steering, at most 200", others, agents)
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
        film(findings, "A drive by DDPG: the first start", ROAD, agents[names[0]][0]["game"])
        return findings


def _linear(observation: Array, *, key: PRNGKeyArray) -> Array:
    place = observation * jnp.array([3.0, 1.0, 1 / 20])
    return jnp.clip(-(place @ jnp.asarray(ROAD.linear_controller(), jnp.float32)), -SHARPEST, SHARPEST)[:, None]
