"""Breakout by a Q-network of many games: MinAtar's compiled version in minutes, Atari's own in an hour or two."""

from __future__ import annotations

import base64
import dataclasses
import functools
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import GAMES, at_random, baseline, compared, curves
from equilearn.reinforcement import DQN, PQN, Atari, MinAtar, train
from equilearn.reinforcement.registered import find
from equilearn.report import Findings

STEPS = {"minatar": 400_000, "ale": 1_600_000}
"""Environment steps of learning: two minutes of one core, and a hundred."""
SMALL = PQN(
    steps=STEPS["minatar"], games=64, hidden=(128,), convolutions=((16, 3, 1),), trace=0.65, explored=0.1,
)  # fmt: skip
"""For MinAtar's Breakout: Gallici et al. (2025), with 64 games instead of 128 and batches of 128."""
LARGE = PQN(
    steps=STEPS["ale"], games=64, learning_rate=2.5e-4, hidden=(256,), convolutions=((32, 8, 4), (64, 4, 2)),
    trace=0.65, batch=256, explored=0.4, exploration=(1.0, 0.01), check_games=10, checkpoint_seconds=60.0,
)  # fmt: skip
"""For Atari's Breakout on a CPU, with pictures of 56 by 56: no replay, every step is learnt from twice."""
MNIH = DQN(
    steps=50_000_000, games=1, learning_rate=2.5e-4, hidden=(512,), convolutions=((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    round=4, updates=1, batch=32, replay=1_000_000, warmup=50_000, target_every=10_000, exploration=(1.0, 0.1),
    explored=0.02, double=False, n_step=1, checks=200, check_games=10, checkpoint_seconds=600.0,
)  # fmt: skip
"""Mnih et al. (2015), on pictures of 84 by 84, but for Adam in place of RMSProp: 50 million steps of four frames, for
a machine with a GPU and 60 GB for the replay."""


class Breakout(Lab):
    """Breakout from pictures: a Q-network of many games, beside chance and a rule that follows the ball."""

    game: str = "minatar"
    """minatar: 10 by 10 cells, compiled; ale: Atari's own, on its emulators (100 minutes on one core)."""
    thousand_steps: int = 0
    """Environment steps of learning, in thousands; 0 takes the usual number."""
    seeds: int = 1
    """Random starts."""
    seed: int = 0

    seconds = 120
    full_seconds = 6000
    full: ClassVar = {"game": "ale"}
    choices: ClassVar = {"game": tuple(STEPS)}
    bounds: ClassVar = {"thousand_steps": (0, 100_000), "seeds": (1, 20)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.thousand_steps < 8:
            raise self._wrong("thousand_steps", f"must be 0, or at least 8, not {self.thousand_steps}")

    def learns_from(self) -> Any:
        """Make sure that the game is there, before anything is written."""
        find(self._place, 1)

    @property
    def _place(self) -> MinAtar | Atari:
        return MinAtar() if self.game == "minatar" else Atari(size=56)

    @property
    def _agent(self) -> PQN:
        usual = SMALL if self.game == "minatar" else LARGE
        return dataclasses.replace(usual, steps=1000 * self.thousand_steps or STEPS[self.game])

    def parts(self) -> dict[str, Part]:
        """Play by chance and by a rule, then learn."""
        stage = functools.partial(find, self._place, GAMES)
        parts: dict[str, Part] = {"chance": lambda _: baseline(stage(), at_random(stage()))}
        if self.game == "minatar":
            parts["rule"] = lambda _: baseline(stage(), under_the_ball)
        return parts | from_starts("pqn", self.seeds, self._learn)

    def _learn(self, folder: Path | None, start: int) -> dict[str, Any]:
        seed = self.seed + start
        trained = train(self._agent, self._place, seed=seed, folder=folder, resume=folder is not None, live=False)
        rows = trained.run.history if trained.run else []
        return {
            "steps": [row["data/steps"] for row in rows],
            "seconds": [row["seconds"] for row in rows],
            "curve": [row["scores/return/mean"] for row in rows],
            "returns": trained.returns(GAMES, seed=10_000 + seed),
            "film": base64.b64encode(trained.film(seed=seed)).decode() if start == 0 else None,
        }

    def report(self, made: Figures) -> Findings:
        """Return the returns, the curve and a game."""
        agents = {"PQN": [made[f"pqn {i + 1}"] for i in range(self.seeds)]}
        others = {"at random": made["chance"]}
        if "rule" in made:
            others["under the ball"] = made["rule"]
        findings = Findings("Breakout: a wall of bricks, a ball and a paddle, learnt from nothing but the pictures.")
        if self.game == "minatar":
            findings.text(
                "MinAtar's Breakout has 10 by 10 cells; a brick pays 1, a ball that is missed ends the game, which is "
                "cut after 1,000 steps. With a chance of a tenth the last action is repeated. The rule moves the "
                "paddle to where the ball will be next; it is told what the cells mean."
            )
        else:
            findings.text(
                "Atari's Breakout through ale-py: four frames a step, the last two maximised, four steps seen, 56 by "
                "56 pixels in grey; up to 30 frames without action at the beginning; no sticky actions. While "
                "learning, rewards are cut to 1 and a lost life counts as an end, after which FIRE is pressed. Judged "
                "is the true score of five minutes at most, without exploration. Mnih et al. (2015): 1.7 at random, "
                "31.8 by a person, 401 by their network after 50 million steps."
            )
        compared(findings, "Breakout", others, agents)
        curves(findings, "Learning: mean return of the games of every check", others, agents)
        speeds = [one["steps"][-1] / one["seconds"][-1] for one in agents["PQN"]]
        findings.text(
            f"{sum(speeds) / len(speeds):,.0f} environment steps a second, learning and checks included. The agent "
            "ends with the networks of its best check; the table's games are new."
        )
        findings.result["steps a second"] = speeds
        findings.animation("A game of PQN: the first start", base64.b64decode(agents["PQN"][0]["film"]))
        return findings


def under_the_ball(observation: Array, *, key: PRNGKeyArray) -> Array:
    """Return the action of MinAtar's Breakout (nothing, left, right) that brings the paddle under the ball."""
    places = observation.astype(jnp.float32)
    columns = jnp.arange(10.0)
    paddle, ball, trail = (jnp.einsum("nrc,c->n", places[..., channel], columns) for channel in range(3))
    target = jnp.clip(2 * ball - trail, 0, 9)
    return jnp.where(target > paddle, 2, jnp.where(target < paddle, 1, 0))
