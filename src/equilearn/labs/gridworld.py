"""A world of cells: learning by trial and error seen converging to the exact values."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from equilearn.labs import Figures, Lab, Part, from_starts
from equilearn.labs.learning import at_random, baseline
from equilearn.reinforcement import CLIFF, LAKE, ROOM, Gridworld, Tabular, policy_iteration, train, value_iteration
from equilearn.reinforcement.gridworld import MOVES, draw_map
from equilearn.report import Findings
from equilearn.report.findings import spread
from equilearn.style import COLOURS, new_figure

WORLDS = {
    "room": Gridworld(rows=ROOM, anywhere=True),
    "lake": Gridworld(rows=LAKE, anywhere=True, slip=2 / 3, step_reward=0.0, hole=0.0),
    "cliff": Gridworld(rows=CLIFF, anywhere=True, step_reward=-1.0, goal=-1.0, cliff=-100.0, discount=0.95),
}
RULES = {"Q-learning": False, "SARSA": True}


class GridworldLab(Lab):
    """Gridworld: Q-learning and SARSA converge to the exact values of dynamic programming; Q shown as arrows."""

    world: str = "room"
    """room; lake (Gymnasium's FrozenLake, slippery); cliff (Sutton and Barto's)."""
    steps: int = 500_000
    """Steps of all 32 walkers together."""
    exploration: float = 0.5
    """Share of random actions."""
    seeds: int = 2
    """Random starts of every rule."""
    seed: int = 0

    seconds = 40
    bounds: ClassVar = {"steps": (10_000, 100_000_000), "exploration": (0.0, 1.0), "seeds": (1, 20)}
    choices: ClassVar = {"world": tuple(WORLDS)}

    def parts(self) -> dict[str, Part]:
        """Solve exactly, then learn."""
        parts: dict[str, Part] = {"exact": lambda _: self._exact()}
        for name in RULES:
            parts |= from_starts(name, self.seeds, functools.partial(self._learn, name))
        return parts

    def _exact(self) -> dict[str, Any]:
        world = WORLDS[self.world]
        problem = world.tables()
        by_policies, by_values = policy_iteration(problem), value_iteration(problem, tolerance=1e-3)
        return {
            "values": by_policies.values,
            "q": problem.action_values(by_policies.values),
            "exploring": _exploring(world, self.exploration),
            "rounds": len(by_policies.changes),
            "changes": by_values.changes,
            "bound": by_values.bound,
            "off": np.abs(by_values.values - by_policies.values).max(),
            "random": baseline(world, at_random(world))["returns"],
        }

    def _learn(self, name: str, _: Path | None, start: int) -> dict[str, Any]:
        """Return the table, and how far shorter runs and the whole one end from the exact values."""
        world = WORLDS[self.world]
        exact = _exploring(world, self.exploration) if RULES[name] else policy_iteration(world.tables()).values
        off, steps, table = [], [], None
        for share in (100, 10, 1):
            agent = Tabular(steps=self.steps // share, discount=world.discount, exploration=self.exploration,
                            sarsa=RULES[name], checks=1, check_games=1)  # fmt: skip
            table = np.asarray(train(agent, world, seed=self.seed + start, live=False).networks.values)
            learnt = _values(table, self.exploration if RULES[name] else 0.0)
            off.append(np.abs(learnt - exact)[world.open].max() / np.abs(exact).max())
            steps.append(agent.steps)
        return {"table": table, "off": off, "steps": steps}

    def report(self, made: Figures) -> Findings:
        """Return how far learning is from the exact values, and the arrows."""
        world, exact = WORLDS[self.world], made["exact"]
        findings = Findings(f"Gridworld, {self.world}: exact values, and two ways to learn them from steps alone.")
        findings.text(
            f"Dynamic programming knows the probabilities. Policy iteration ends after {exact['rounds']} rounds; value "
            f"iteration after {len(exact['changes'])} sweeps, within {exact['bound']:.1e} by the contraction bound (in "
            f"fact {exact['off']:.1e}). Learning knows nothing but the steps it takes: a random walker collects "
            f"{np.mean(exact['random']):.3g} in a game. Q-learning finds the values of the best policy whatever "
            f"it does "
            "itself; SARSA those of the best policy that explores as it does, which keeps away from cliffs."
        )
        rules = {name: [made[f"{name} {i + 1}"] for i in range(self.seeds)] for name in RULES}
        findings.table(
            "Largest error of a cell's value at the end, relative to the largest value: median (lowest to "
            "highest) of seeds",
            ["rule", "against", "error"],
            [
                [name, "its own exploring policy, exact" if RULES[name] else "the best policy, exact",
                 spread([100 * one["off"][-1] for one in seeds]) + " %"]
                for name, seeds in rules.items()
            ],
        )  # fmt: skip
        figure, axes = new_figure(1, 2)
        for colour, (name, seeds) in zip(COLOURS, rules.items(), strict=False):
            for one in seeds:
                axes[0].loglog(one["steps"], 100 * np.array(one["off"]), "o-", color=colour, markersize=3,
                               label=name if one is seeds[0] else None)  # fmt: skip
        axes[0].axhline(1, color="#999999", linewidth=1, linestyle="--")
        axes[0].set(xlabel="steps", ylabel="largest error, % of the largest value", title="Learning")
        axes[0].legend(frameon=False)
        changes = np.array(exact["changes"])
        positive = changes > 0
        axes[1].semilogy(
            np.arange(1, len(changes) + 1)[positive], changes[positive], color=COLOURS[0], label="largest change"
        )
        axes[1].semilogy(np.arange(1, len(changes) + 1), changes[0] * world.discount ** np.arange(len(changes)), "--",
                         color="#999999", label="contraction bound")  # fmt: skip
        axes[1].set(xlabel="sweep", ylabel="change of a value", title="Value iteration")
        axes[1].legend(frameon=False)
        findings.figure("Convergence: learning from steps, and dynamic programming with its bound", figure)
        findings.figure(
            "Values and best actions: exact, and as learnt by the first start", _arrows(world, exact, rules)
        )
        findings.result |= {
            "error in % by rule": {name: [100 * one["off"][-1] for one in seeds] for name, seeds in rules.items()},
            "sweeps": len(exact["changes"]), "rounds": exact["rounds"],
        }  # fmt: skip
        return findings


def _values(table: np.ndarray, exploration: float) -> np.ndarray:
    """Return the value of acting by a table with a share of random actions."""
    return (1 - exploration) * table.max(axis=1) + exploration * table.mean(axis=1)


def _exploring(world: Gridworld, exploration: float) -> np.ndarray:
    """Return the exact values of the best policy among those with a share of random actions, by iteration."""
    problem = world.tables()
    values = np.zeros(len(world.cells))
    for _ in range(2_000):
        values = _values(problem.action_values(values), exploration)
    return values


def _arrows(world: Gridworld, exact: Any, rules: Any) -> Any:
    wide = len(world.rows[0])
    tables = {"exact": np.array(exact["q"])} | {name: np.array(seeds[0]["table"]) for name, seeds in rules.items()}
    tall = wide > 8
    figure, axes = new_figure(*((3, 1) if tall else (1, 3)), height=2.2 if tall else 3.4)
    if tall:
        figure.set_size_inches(8.5, 7.5)
    for axis, (name, table) in zip(np.ravel(axes), tables.items(), strict=True):
        draw_map(axis, world)
        for cell in np.flatnonzero(world.open):
            row, column = divmod(int(cell), wide)
            best = table[cell].max()
            axis.text(column, row + 0.36, f"{best:.2f}", ha="center", va="center", fontsize=6.5)
            for action in np.flatnonzero(table[cell] >= best - 1e-3 * np.abs(table).max()):
                down, right = MOVES[action]
                axis.arrow(column, row, 0.22 * right, 0.22 * down, head_width=0.12, color=COLOURS[0], linewidth=0.8)
        axis.set_title(name)
    return figure
