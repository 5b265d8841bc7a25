"""A pole on a cart, held up by three ways of learning, beside chance and a controller written by hand."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import at_random, baseline, compared, curves, film, learnt
from equilearn.reinforcement import DQN, PPO, CartPole, Reinforce
from equilearn.report import Findings

AGENTS: dict[str, Any] = {"DQN": DQN, "REINFORCE": Reinforce, "PPO": PPO}
CARTPOLE = CartPole()


class CartPoleLab(Lab):
    """CartPole: deep Q-network, REINFORCE and PPO, beside chance and a controller written by hand."""

    agents: tuple[str, ...] = tuple(AGENTS)
    seeds: int = 3
    """Random starts of every agent."""
    share: float = 1.0
    """Share of each agent's usual number of steps."""
    seed: int = 0

    seconds = 120
    full_seconds = 300
    full: ClassVar = {"seeds": 10}
    bounds: ClassVar = {"seeds": (1, 100), "share": (0.05, 10.0)}
    choices: ClassVar = {"agents": tuple(AGENTS)}

    def parts(self) -> dict[str, Part]:
        """Play by chance and by hand, then learn."""
        parts: dict[str, Part] = {
            "chance": lambda _: baseline(CARTPOLE, at_random(CARTPOLE)),
            "by hand": lambda _: baseline(CARTPOLE, _by_hand),
        }
        for name in dict.fromkeys(self.agents):
            parts |= from_starts(name, self.seeds, functools.partial(self._learn, name))
        return parts

    def _learn(self, name: str, folder: Path | None, start: int) -> dict[str, Any]:
        steps = int(self.share * AGENTS[name]().steps)
        return learnt(AGENTS[name](steps=steps), CARTPOLE, self.seed + start, folder, watch=start == 0)

    def report(self, made: Figures) -> Findings:
        """Return the returns, the curves and a game."""
        agents = {n: [made[f"{n} {i + 1}"] for i in range(self.seeds)] for n in dict.fromkeys(self.agents)}
        others = {"at random": made["chance"], "linear, by hand": made["by hand"]}
        findings = Findings("CartPole: a pole is kept upright by pushing its cart left or right, 50 times a second.")
        findings.text(
            "A step pays one point; the game ends when the pole leans more than 12 degrees or the cart leaves, and is "
            "cut after 500 steps. Being cut is not an end: what would have come after is taken from the values. The "
            "linear controller, push to the side to which 2 angle + 1 angular speed + 0.1 place + 0.2 speed points, is "
            "told what the numbers mean; the agents are told nothing."
        )
        compared(findings, "CartPole", others, agents)
        curves(
            findings,
            "Learning: returns of 20 games without exploration at every check; thin lines are seeds",
            others,
            agents,
        )
        findings.text(
            "Each agent ends with the networks of its best check. The table's games are new: no check has seen them. "
            "DQN learns from what it has kept and is given the fewest steps; the policy gradients throw every step "
            "away and are given more."
        )
        name = next(iter(agents))
        film(findings, f"A game of {name}: the first start", CARTPOLE, agents[name][0]["game"])
        return findings


def _by_hand(observation: Array, *, key: PRNGKeyArray) -> Array:
    return (observation @ jnp.array([0.1, 0.2, 2.0, 1.0]) > 0).astype(int)
