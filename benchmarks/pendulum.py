"""DDPG on Pendulum, here and in stable-baselines3: steps per second, learning included. Needs `[bench]`."""

from typing import Any

import numpy as np

from benchmarks.steps import compared
from equilearn.reinforcement import DDPG

AGENT = DDPG(steps=6_000)


def make(games: Any, seed: int) -> Any:
    """Return their agent with our settings; they have one rate for actor and critic, as ours are by default."""
    import stable_baselines3
    from stable_baselines3.common.noise import NormalActionNoise

    return stable_baselines3.DDPG(
        "MlpPolicy",
        games,
        learning_rate=AGENT.learning_rate,
        buffer_size=AGENT.replay,
        learning_starts=AGENT.warmup,
        batch_size=AGENT.batch,
        tau=AGENT.follow,
        gamma=AGENT.discount,
        train_freq=(AGENT.round, "step"),
        gradient_steps=AGENT.updates,
        action_noise=NormalActionNoise(np.zeros(1), np.full(1, AGENT.noise)),
        policy_kwargs={"net_arch": list(AGENT.hidden)},
        seed=seed,
    )


def measure() -> dict:
    """Return steps per second and returns on both sides."""
    return compared(AGENT, "Pendulum-v1", make, seeds=2)
