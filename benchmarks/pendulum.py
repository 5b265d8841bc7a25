"""DDPG on Pendulum, here and in stable-baselines3: steps per second, learning included. Needs `[bench]`."""

from typing import Any

import numpy as np

from benchmarks.steps import compared
from equilearn.reinforcement import DDPG

AGENT = DDPG(steps=6_000)


def make(agent: Any, games: Any, seed: int) -> Any:
    """Return their agent with our settings; they have one rate for actor and critic, as ours are by default."""
    import stable_baselines3
    from stable_baselines3.common.noise import NormalActionNoise

    return stable_baselines3.DDPG(
        "MlpPolicy",
        games,
        learning_rate=agent.learning_rate,
        buffer_size=agent.replay,
        learning_starts=agent.warmup,
        batch_size=agent.batch,
        tau=agent.follow,
        gamma=agent.discount,
        train_freq=(agent.round, "step"),
        gradient_steps=agent.updates,
        action_noise=NormalActionNoise(np.zeros(1), np.full(1, agent.noise)),
        policy_kwargs={"net_arch": list(agent.hidden)},
        seed=seed,
    )


def measure() -> dict:
    """Return steps per second and returns on both sides."""
    return compared(AGENT, "Pendulum-v1", make, (AGENT.hidden,), seeds=4)
