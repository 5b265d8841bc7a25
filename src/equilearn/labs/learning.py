"""What the labs of agents share: learning from several seeds, curves with intervals, baselines, a game to look at."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from equilearn.learn import key_of
from equilearn.reinforcement import Agent, Environment, train
from equilearn.reinforcement.acting import CompiledStage
from equilearn.reinforcement.agent import Stage, without_exploration
from equilearn.reinforcement.watching import animation, game
from equilearn.report import Findings
from equilearn.style import COLOURS, new_figure

GAMES = 100
"""Games of the last judgement, none of which any agent has learnt from or been chosen by."""
Policy = Callable[..., Array]


def learnt(
    agent: Agent, environment: Environment, seed: int, folder: Path | None, *, watch: bool = False
) -> dict[str, Any]:
    """Return how an agent learnt, what it reaches in the end, and a game to look at."""
    trained = train(agent, environment, seed=seed, folder=folder, resume=folder is not None, live=False)
    rows = trained.run.history if trained.run else []
    made = {
        "steps": [row["data/steps"] for row in rows],
        "curve": [row["scores/return/mean"] for row in rows],
        "returns": trained.returns(GAMES, seed=10_000 + seed),
    }
    if watch:
        states = game(environment, without_exploration(agent, trained.networks), key=key_of(seed))
        made["game"] = [np.asarray(state) for state in states]
    return made


def baseline(environment: Environment | Stage, policy: Policy) -> dict[str, Any]:
    """Return what a policy without learning reaches: (observations, key=) -> actions."""
    stage = CompiledStage(environment, GAMES) if isinstance(environment, Environment) else environment
    return {"returns": stage.returns(eqx.Partial(_call, policy), key=key_of(20_000))}


def _call(policy: Policy, observation: Array, *, key: PRNGKeyArray) -> Array:
    return policy(observation, key=key)


@functools.lru_cache
def at_random(environment: Environment | Stage) -> Policy:
    """Return the policy that does anything."""
    space: Any = environment.action_space

    def act(observation: Array, *, key: PRNGKeyArray) -> Array:
        shape = (observation.shape[0], *space.shape)
        if hasattr(space, "n"):
            return jax.random.randint(key, shape, 0, int(space.n))
        return jax.random.uniform(key, shape, minval=jnp.asarray(space.low), maxval=jnp.asarray(space.high))

    return act


def half_width(values: Sequence[float] | np.ndarray) -> Any:
    """Return half the 95 % interval (Student's t) of a mean over seeds, the first axis; nan where there is one."""
    from scipy.stats import t

    n = len(values)
    return t.ppf(0.975, n - 1) * np.std(values, axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.nan


def interval(values: Sequence[float] | np.ndarray) -> str:
    """Return the mean over seeds with its 95 % interval by Student's t, as a table shows it."""
    mean, half = float(np.mean(values)), half_width(values)
    return f"{mean:.4g}" if np.isnan(half) else f"{mean:.4g} ± {half:.2g}"


def compared(
    findings: Findings, caption: str, others: Mapping[str, Any], agents: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Add the table of what is reached in the last judgement, and its figures to the result."""
    rows: list[list[Any]] = []
    for name, made in others.items():
        values = np.array(made["returns"])
        rows.append([name, f"{values.mean():.4g}", f"{values.min():.4g}", "-"])
    for name, seeds in agents.items():
        values = np.array([one["returns"] for one in seeds])
        means = values.mean(axis=1)
        steps = f"{seeds[0]['steps'][-1]:,.0f}"
        rows.append([name, interval(means), f"{values.min():.4g}", steps])
        findings.result[f"returns of {name}"] = means.tolist()
    many = any(len(seeds) > 1 for seeds in agents.values())
    how = "the mean over seeds with its 95 % interval (Student's t)" if many else "that of one seed"
    findings.table(
        f"{caption}: mean return of {GAMES} new games without exploration; for agents {how}",
        ["policy", "mean return", "worst game", "steps of learning"],
        rows,
    )
    findings.result["returns of others"] = {name: float(np.mean(made["returns"])) for name, made in others.items()}


def curves(
    findings: Findings, caption: str, others: Mapping[str, Any], agents: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Draw the returns of the checks over the steps of learning: mean over seeds, with its 95 % interval."""
    figure, axes = new_figure(1, len(agents), sharey=True, squeeze=False)
    for axis, colour, (name, seeds) in zip(axes[0], COLOURS, agents.items(), strict=False):
        steps, values = np.array(seeds[0]["steps"]), np.array([one["curve"] for one in seeds])
        if len(values) > 1:
            half = half_width(values)
            axis.fill_between(
                steps / 1000, values.mean(axis=0) - half, values.mean(axis=0) + half, color=colour, alpha=0.25
            )
        axis.plot(steps / 1000, values.T, color=colour, linewidth=0.5, alpha=0.6)
        axis.plot(steps / 1000, values.mean(axis=0), color=colour, linewidth=1.8)
        for style, (other, made) in zip(("--", ":", "-."), others.items(), strict=False):
            axis.axhline(np.mean(made["returns"]), color="#555555", linestyle=style, linewidth=1, label=other)
        axis.set(xlabel="environment steps, thousands", title=name)
    low = min(min(one["curve"]) for seeds in agents.values() for one in seeds)
    high = max(max(one["curve"]) for seeds in agents.values() for one in seeds)
    means = [float(np.mean(made["returns"])) for made in others.values()]
    low, high = min([low, *means]), max([high, *means])
    axes[0, 0].set(ylabel="return", ylim=(low - 0.06 * (high - low), high + 0.06 * (high - low)))
    if others:
        axes[0, 0].legend(frameon=False, fontsize=8)
    findings.figure(caption, figure)


def film(findings: Findings, caption: str, environment: Environment, states: Sequence[Any]) -> None:
    """Add a game to look at."""
    findings.animation(caption, animation(environment, [np.array(state) for state in states]))
