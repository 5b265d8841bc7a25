"""One growth model, four ways: dynamic programming, the equilibrium net, Q-learning on a grid, a policy gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from equilearn.economies.brock_mirman import BrockMirman
from equilearn.labs import Figures, Lab, Part
from equilearn.labs.parts import solve_in
from equilearn.reinforcement import DDPG, FiniteProblem, Growth, policy_iteration, solve_on_grid, train
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure
from equilearn.whitebox.bellman import q_learning

SHOWN = np.exp(np.linspace(np.log(0.1), np.log(0.35), 40))
"""Capital at which policies are compared: around the steady state, 0.19."""


class Bellman(Lab):
    """Bellman: growth with a known solution by dynamic programming, equilibrium net, Q-learning and policy gradient."""

    capital_share: float = 0.36
    discount: float = 0.96
    points: int = 50
    """Nodes of the grid for dynamic programming."""
    cells: int = 40
    """Cells of capital for the finite problem of Q-learning."""
    games: int = 100_000
    """Games of Q-learning, of 10 steps, from any cell."""
    steps: int = 10_000
    """Environment steps of the policy gradient."""
    seed: int = 0

    seconds = 75
    bounds: ClassVar = {"capital_share": (0.05, 0.9), "discount": (0.5, 0.99), "points": (5, 10_000),
                        "cells": (5, 500), "games": (10, 1_000_000), "steps": (2_000, 10_000_000)}  # fmt: skip

    def parts(self) -> dict[str, Part]:
        """Solve four times."""
        return {
            "dynamic programming": lambda _: self._grid(),
            "equilibrium net": self._net,
            "Q-learning": lambda _: self._table(),
            "policy gradient": self._gradient,
        }

    @property
    def _growth(self) -> Growth:
        return Growth(capital_share=self.capital_share, discount=self.discount)

    def _grid(self) -> dict[str, Any]:
        plan = solve_on_grid(self._growth, points=self.points)
        rates = np.interp(np.log(SHOWN), np.log(plan.capital), plan.savings_rate)
        off = np.abs(plan.values - self._growth.exact_value(plan.capital)).max()
        return {"rates": rates, "changes": plan.changes, "values off": off}

    def _net(self, folder: Path | None) -> dict[str, Any]:
        model = BrockMirman(capital_share=self.capital_share, discount=self.discount)
        solution = solve_in(folder, model, model.settings(), self.seed)
        rates = solution.policy(BrockMirman.State(jnp.asarray(SHOWN, jnp.float32))).savings_rate
        return {"rates": np.asarray(rates)}

    def _table(self) -> dict[str, Any]:
        """Return the savings rates of a finite version of the model, exact and learnt."""
        growth, nodes = self._growth, np.linspace(np.log(0.02), 0.0, self.cells)
        rates = np.linspace(0.05, 0.95, 19)
        output = growth.capital_share * nodes[:, None]
        ahead = output + np.log(rates)  # log capital, (K, A)
        to = np.abs(ahead[..., None] - nodes).argmin(axis=2)
        reward = output + np.log(1 - rates)
        problem = FiniteProblem(np.eye(self.cells)[to], reward, growth.discount)
        exact = policy_iteration(problem)
        rng = np.random.default_rng(self.seed)
        q = q_learning(
            lambda rng: int(rng.integers(self.cells)),
            lambda s, a, rng: (int(to[s, a]), float(reward[s, a]), False),
            self.cells, len(rates), growth.discount, games=self.games, limit=10, epsilon=1.0, power=0.0, rng=rng,
        )  # fmt: skip
        near = np.abs(np.log(SHOWN)[:, None] - nodes).argmin(axis=1)
        return {
            "rates": rates[q.argmax(axis=1)][near],
            "exact rates": rates[exact.policy][near],
            "values off": np.abs(q.max(axis=1) - exact.values).max() / np.abs(exact.values).max(),
            "lost": np.max(exact.values - problem.values_of(q.argmax(axis=1))) / np.abs(exact.values).max(),
        }

    def _gradient(self, folder: Path | None) -> dict[str, Any]:
        agent = DDPG(steps=self.steps, discount=self.discount, hidden=(32, 32), noise=0.2, check_games=20)
        trained = train(agent, self._growth, seed=self.seed, folder=folder, resume=folder is not None, live=False)
        rates = trained.act(jnp.log(jnp.asarray(SHOWN, jnp.float32))[:, None])[:, 0]
        return {"rates": np.asarray(rates)}

    def report(self, made: Figures) -> Findings:
        """Return the savings rates beside the exact one."""
        exact = self._growth.exact_rate
        findings = Findings("Bellman: the growth model of Brock and Mirman, whose solution is known, solved four ways.")
        findings.text(
            f"Of output k^{self.capital_share:g} the exact policy saves the share {self.capital_share:g} x "
            f"{self.discount:g} = {exact:.4f}, whatever capital is. Dynamic programming iterates V(k) = max "
            "log(k^alpha - k') + discount V(k') on a grid; the equilibrium net lowers the Euler error; Q-learning sees "
            "steps of a finite version (19 savings rates, cells of capital); the policy gradient (DDPG) sees steps of "
            "the model itself. The naive saver saves half."
        )
        rows = []
        for name in self.parts():
            rates = np.array(made[name]["rates"])
            rows.append([name, f"{rates.mean():.4f}", f"{100 * np.abs(rates / exact - 1).max():.3g} %"])
        finite = np.array(made["Q-learning"]["exact rates"])
        rows.insert(3, ["  (its finite problem, solved exactly)", f"{finite.mean():.4f}",
                        f"{100 * np.abs(finite / exact - 1).max():.3g} %"])  # fmt: skip
        rows.append(["saving half", "0.5000", f"{100 * abs(0.5 / exact - 1):.3g} %"])
        findings.table(
            f"Savings rate for capital from {SHOWN[0]:.2f} to {SHOWN[-1]:.2f} (exact {exact:.4f})",
            ["way", "mean", "largest error"],
            rows,
        )
        q = made["Q-learning"]
        findings.text(
            f"The grid's values are within {made['dynamic programming']['values off']:.1e} of the closed form. "
            f"Q-learning's values are within {100 * q['values off']:.2g} % of its finite problem's exact ones, and "
            f"following it loses at most {100 * q['lost']:.2g} % of value. How coarse cells and rates are shows in the "
            "finite problem's exact solution too."
        )
        figure, axes = new_figure(1, 2)
        for colour, name in zip(COLOURS, self.parts(), strict=False):
            axes[0].plot(SHOWN, made[name]["rates"], color=colour, linewidth=1.4, label=name)
        axes[0].axhline(exact, color="#222222", linestyle="--", linewidth=1, label="exact")
        axes[0].set(xlabel="capital", ylabel="share of output saved", title="Policies", ylim=(0, 0.8))
        axes[0].legend(frameon=False, fontsize=8)
        changes = np.array(made["dynamic programming"]["changes"])
        shown = changes > 0
        axes[1].semilogy(np.flatnonzero(shown) + 1, changes[shown], color=COLOURS[0], label="largest change")
        axes[1].semilogy(np.arange(1, len(changes) + 1), changes[0] * self.discount ** np.arange(len(changes)), "--",
                         color="#999999", label="contraction bound")  # fmt: skip
        axes[1].set(xlabel="sweep", ylabel="change of a value", title="Value iteration on the grid")
        axes[1].legend(frameon=False, fontsize=8)
        findings.figure("Policies and convergence: four ways, and the bound", figure)
        findings.result |= {
            "exact": exact,
            "mean rate": {name: float(np.mean(made[name]["rates"])) for name in self.parts()},
            "largest error": {
                name: float(np.abs(np.array(made[name]["rates"]) / exact - 1).max()) for name in self.parts()
            },
        }
        return findings
