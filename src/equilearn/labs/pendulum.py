"""The course's pendulum, swung up by a deterministic policy gradient, beside chance and a controller from physics."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import at_random, baseline, compared, curves, film, learnt
from equilearn.reinforcement import DDPG, Pendulum
from equilearn.report import Findings

PENDULUM = Pendulum()
REMEDIES = {"DDPG": {}, "TD3": {"critics": 2, "smoothing": 0.1, "delay": 2}}
PUBLIC = (-142.2, -150.5, -169.2, -169.7, -173.2, -176.6, -183.1)
"""Seven public runs of the course's script: mean of the last 40 of 100 games, with exploration."""


class PendulumLab(Lab):
    """Pendulum: DDPG, and with the remedies of TD3 where asked for, beside chance and a controller from physics."""

    agents: tuple[str, ...] = ("DDPG",)
    steps: int = 20_000
    """Environment steps of learning."""
    seeds: int = 3
    """Random starts of every agent."""
    seed: int = 0

    seconds = 100
    full_seconds = 500
    full: ClassVar = {"seeds": 10, "agents": ("DDPG", "TD3")}
    bounds: ClassVar = {"seeds": (1, 100), "steps": (2_000, 1_000_000)}
    choices: ClassVar = {"agents": tuple(REMEDIES)}

    def parts(self) -> dict[str, Part]:
        """Play by chance and from physics, then learn."""
        parts: dict[str, Part] = {
            "chance": lambda _: baseline(PENDULUM, at_random(PENDULUM)),
            "physics": lambda _: baseline(PENDULUM, _by_energy),
        }
        for name in dict.fromkeys(self.agents):
            parts |= from_starts(name, self.seeds, functools.partial(self._learn, name))
        return parts

    def _learn(self, name: str, folder: Path | None, start: int) -> dict[str, Any]:
        agent = DDPG(steps=self.steps, **REMEDIES[name])
        return learnt(agent, PENDULUM, self.seed + start, folder, watch=start == 0)

    def report(self, made: Figures) -> Findings:
        """Return the returns, the curves and a game."""
        agents = {n: [made[f"{n} {i + 1}"] for i in range(self.seeds)] for n in dict.fromkeys(self.agents)}
        others = {"at random": made["chance"], "energy, then linear": made["physics"]}
        findings = Findings("Pendulum: swing up by a torque that is too weak to lift, and hold.")
        findings.text(
            "A step costs angle^2 + 0.1 speed^2 + 0.001 torque^2; 200 steps are a game. It never ends of itself: "
            "the time limit is bootstrapped through. The controller from physics pumps energy until it is that of the "
            "upright pendulum, and is linear near the top."
        )
        compared(findings, "Pendulum", others, agents)
        curves(
            findings,
            "Learning: returns of 20 games without exploration at every check; thin lines are seeds",
            others,
            agents,
        )
        findings.text(
            f"The course's script reaches {min(PUBLIC)} to {max(PUBLIC)} in seven public runs (mean of the last "
            "40 of its 100 games, with exploration, 20,000 steps). A game's return depends mostly on where it begins, "
            "so single games scatter much more than means of 100."
        )
        name = next(iter(agents))
        film(findings, f"A game of {name}: the first start", PENDULUM, agents[name][0]["game"])
        return findings


def _by_energy(observation: Array, *, key: PRNGKeyArray) -> Array:
    """Return the torque that raises the energy, and near the top that of a linear controller."""
    cosine, sine, turning = observation.T
    angle = jnp.arctan2(sine, cosine)
    energy = turning**2 / 6 + 5 * (cosine - 1)  # m l^2 / 6, m g l / 2; zero upright at rest
    pump = jnp.where(energy < 0, 2.0, -2.0) * jnp.sign(turning)
    hold = -(12 * angle + 3 * turning)
    near = (jnp.abs(angle) < 0.3) & (jnp.abs(turning) < 1.5)
    return jnp.clip(jnp.where(near, hold, pump), -2, 2)[:, None]
