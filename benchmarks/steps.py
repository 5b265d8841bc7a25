"""Environment steps per second of an agent, learning included, here and in stable-baselines3, by turns in one run.

Both have the same network, batch, replay, optimiser, games side by side, steps between gradient steps and as many of
these; both are judged by Gymnasium's own environment, without exploration, and end with their last networks, not their
best. Needs `[bench]`.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from equilearn.learn import key_of
from equilearn.reinforcement import Agent, train
from equilearn.reinforcement.agent import returns_of
from equilearn.reinforcement.registered import find

EPISODES = 100
"""Of a judgement."""


class Turn(NamedTuple):
    """One run of a side: seconds of learning, and the mean return afterwards."""

    seconds: float
    mean: float


def here(agent: Agent, environment: str, seed: int) -> Turn:
    """Learn here."""
    began = time.perf_counter()
    trained = train(agent, environment, seed=seed)
    seconds = time.perf_counter() - began
    judge = find(environment, EPISODES, on_host=True)
    return Turn(seconds, float(np.mean(returns_of(agent, trained.networks, judge, key=key_of(seed)))))


def there(make: Callable[[Any, int], Any], games: int, steps: int, environment: str, seed: int) -> Turn:
    """Learn in stable-baselines3; `make` returns its agent for environments and a seed."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    model = make(make_vec_env(environment, n_envs=games, seed=seed), seed)
    began = time.perf_counter()
    model.learn(steps)
    seconds = time.perf_counter() - began
    judge = make_vec_env(environment, n_envs=20, seed=1000 + seed)
    return Turn(seconds, float(evaluate_policy(model, judge, n_eval_episodes=EPISODES)[0]))


def verdict(network: str, ratio: float, ours: list[float], theirs: list[float]) -> str:
    """Return in words what the figures show, and what not."""
    aim = "is met" if ratio >= 10 else "is not met"
    error = np.sqrt(sum(np.var(one, ddof=1) / len(one) for one in (ours, theirs)))
    return (
        f"With {network} the aim of ten times as many steps a second {aim}, and the mean return is {np.mean(ours):.0f} "
        f"here, theirs {np.mean(theirs):.0f}; the standard error of the difference is {error:.0f}."
    )


def compared(
    agent: Any,
    environment: str,
    make: Callable[[Any, Any, int], Any],
    networks: tuple[tuple[int, ...], ...],
    *,
    seeds: int,
) -> dict:
    """Return a part of the page: both sides with every network over some seeds, and what they have in common.

    Args:
        agent: ours.
        environment: its id.
        make: returns their agent for ours, environments and a seed.
        networks: units of the hidden layers.
        seeds: random starts.
    """  # fmt: skip
    import stable_baselines3
    import torch

    torch.set_num_threads(1)
    made = [_with(dataclasses.replace(agent, hidden=one), environment, make, seeds) for one in networks]
    return {
        "columns": ["network", "", "steps/s, median (lowest to highest)", "times stable-baselines3", "mean return",
                    "by seed"],
        "rows": [row for rows, _, _ in made for row in rows],
        "text": f"{type(agent).__name__} on {environment}, {agent.steps:,} steps of {agent.games} games side by side; "
        f"batch {agent.batch}, {agent.updates} gradient steps after "
        f"every {agent.round * agent.games} steps, replay {agent.replay:,}, the first {agent.warmup:,} at random. "
        f"stable-baselines3 {stable_baselines3.__version__} with PyTorch {torch.__version__} on one thread. Seconds "
        "are those of the whole call that learns, here with a check of 20 games at its end, theirs without one. "
        f"Before, and not in the table: our first call of each, with compilation, of "
        f"{' and '.join(f'{first:.1f}' for _, first, _ in made)} s. Our environment is a compiled twin of Gymnasium's. "
        f"Returns: {EPISODES} episodes of Gymnasium's environment without exploration, of the last networks. "
        f"{' '.join(words for *_, words in made)} The networks' first weights are each "
        "side's own.",
    }  # fmt: skip


def _with(
    agent: Any, environment: str, make: Callable[[Any, Any, int], Any], seeds: int
) -> tuple[list[list[str]], float, str]:
    """Return the rows of one network, the seconds of our first call, and what the rows say."""
    agent = dataclasses.replace(agent, checks=1, keep_best=False)
    network = " x ".join(map(str, agent.hidden))
    sides: dict[str, Callable[[int], Turn]] = {
        "here": lambda seed: here(agent, environment, seed),
        "stable-baselines3": lambda seed: there(
            lambda games, seed: make(agent, games, seed), agent.games, agent.steps, environment, seed
        ),
    }
    first = here(agent, environment, 0).seconds
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for seed in range(seeds):
        for name in list(sides)[:: -1 if seed % 2 else 1]:
            turns[name].append(sides[name](seed))
            print(seed, name, turns[name][-1], flush=True)
    theirs = np.array([one.seconds for one in turns["stable-baselines3"]])
    rows = []
    for name, some in turns.items():
        seconds, means = np.array([one.seconds for one in some]), [one.mean for one in some]
        rates, ratios = agent.steps / seconds, theirs / seconds
        times = (
            "1"
            if name == "stable-baselines3"
            else f"{np.median(ratios):.3g} ({ratios.min():.3g} to {ratios.max():.3g})"
        )
        rows.append([network, name, f"{np.median(rates):,.0f} ({rates.min():,.0f} to {rates.max():,.0f})", times,
                     f"{np.mean(means):.0f}", ", ".join(f"{one:.0f}" for one in means)])  # fmt: skip
    returns = [[one.mean for one in some] for some in turns.values()]
    ratio = float(np.median(theirs / [one.seconds for one in turns["here"]]))
    return rows, first, verdict(network, ratio, *returns)
