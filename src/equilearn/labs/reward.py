"""A reward that was not meant: what an agent makes of a bonus on the way, and a repair that changes nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import film
from equilearn.learn import key_of
from equilearn.reinforcement import RACE, Gridworld, Tabular, policy_iteration, train
from equilearn.reinforcement.acting import CompiledStage
from equilearn.reinforcement.agent import without_exploration
from equilearn.reinforcement.gridworld import MOVES, draw_map
from equilearn.reinforcement.watching import game
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure

KINDS = ("goal only", "bonus on the way", "potential")


class Reward(Lab):
    """Reward: a bonus meant to help may be collected for ever; shaping by a potential changes no best policy."""

    bonus: float = 0.3
    """What the cell on the way pays every time it is entered; the goal pays 1."""
    steps: int = 200_000
    """Steps of learning."""
    seeds: int = 3
    """Random starts of every reward."""
    seed: int = 0

    seconds = 30
    bounds: ClassVar = {"bonus": (-10.0, 10.0), "steps": (10_000, 100_000_000), "seeds": (1, 20)}

    def parts(self) -> dict[str, Part]:
        """Solve and learn with every reward."""
        parts: dict[str, Part] = {}
        for kind in KINDS:
            parts |= from_starts(kind, self.seeds, functools.partial(self._learn, kind))
        return parts

    def _world(self, kind: str) -> Gridworld:
        bonus, shaping = {"goal only": (0.0, 0.0), "bonus on the way": (self.bonus, 0.0), "potential": (0.0, 0.05)}[
            kind
        ]
        return Gridworld(rows=RACE, bonus=bonus, shaping=shaping)

    def _learn(self, kind: str, folder: Path | None, start: int) -> dict[str, Any]:
        """Return what the agent learnt, what it collects, and how often it arrives."""
        world = self._world(kind)
        trained = train(Tabular(steps=self.steps), world, seed=self.seed + start, folder=folder,
                        resume=folder is not None, live=False)  # fmt: skip
        act = without_exploration(trained.agent, trained.networks)
        seen, within = CompiledStage(world, 20).whole(act, key=key_of(30_000 + start))
        plan = policy_iteration(world.tables())
        return {
            "collected": float((seen.reward * within).sum(axis=0).mean()),
            "arrives": float((seen.terminated & within).any(axis=0).mean()),
            "length": float(within.sum(axis=0).mean()),
            "table": np.asarray(trained.networks.values),
            "exact": plan.values,
            "exact policy": plan.policy,
            "game": [np.asarray(state) for state in game(world, act, key=key_of(start))],
        }

    def report(self, made: Figures) -> Findings:
        """Return what each reward makes of the agent."""
        findings = Findings("Reward: an agent does what is paid, not what was meant.")
        findings.text(
            "A walker is to reach G. Someone adds a bonus on the way, B, to speed things up. Where it is worth more "
            "when collected for ever than G is, it is collected for ever: the agent is not at fault, the reward is (a "
            "boat race with targets ended the same way). A reward for coming closer that is the difference of a "
            "potential, discount phi(s') - phi(s), cannot do that: what it pays along a circle it takes back, and the "
            "best policy stays (Ng, Harada, Russell, 1999)."
        )
        runs = {kind: [made[f"{kind} {i + 1}"] for i in range(self.seeds)] for kind in KINDS}
        start = self._world("goal only").rows
        first = "".join(start).index("S")
        findings.table(
            "What the trained agent does, means over seeds of 20 games of at most 100 steps",
            ["reward", "collected", "arrives", "steps of a game", "exact value at S", "learnt"],
            [
                [kind, float(np.mean([one["collected"] for one in seeds])),
                 f"{100 * np.mean([one['arrives'] for one in seeds]):.0f} %",
                 float(np.mean([one["length"] for one in seeds])), float(seeds[0]["exact"][first]),
                 float(np.mean([np.max(one["table"][first]) for one in seeds]))]
                for kind, seeds in runs.items()
            ],
        )  # fmt: skip
        figure, axes = new_figure(1, 3)
        for axis, (kind, seeds) in zip(axes, runs.items(), strict=True):
            world = self._world(kind)
            draw_map(axis, world)
            for cell in np.flatnonzero(world.open):
                row, column = divmod(int(cell), len(RACE[0]))
                down, right = MOVES[int(np.argmax(seeds[0]["table"][cell]))]
                axis.arrow(column, row, 0.25 * right, 0.25 * down, head_width=0.13, color=COLOURS[0])
            axis.set_title(kind)
        findings.figure("What is learnt to do in every cell: by the first start", figure)
        lured = runs[KINDS[1]][0]
        ends = "it never arrives" if lured["arrives"] == 0 else f"it arrives in {100 * lured['arrives']:.0f} % of games"
        film(findings, f"The walk with the bonus: {ends}", self._world(KINDS[1]), lured["game"])
        findings.result |= {
            kind: {name: [one[name] for one in seeds] for name in ("collected", "arrives", "length")}
            for kind, seeds in runs.items()
        }
        return findings
