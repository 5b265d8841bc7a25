"""DQN on CartPole, here and in stable-baselines3: steps per second, learning included. Needs `[bench]`."""

from typing import Any

from benchmarks.steps import compared
from equilearn.reinforcement import DQN

AGENT = DQN(double=False, steps=20_000)
"""stable-baselines3 has no double Q-learning."""


def make(agent: Any, games: Any, seed: int) -> Any:
    """Return their agent with our settings."""
    import stable_baselines3

    return stable_baselines3.DQN(
        "MlpPolicy",
        games,
        learning_rate=lambda left: agent.learning_rate * left,
        buffer_size=agent.replay,
        learning_starts=agent.warmup,
        batch_size=agent.batch,
        gamma=agent.discount,
        train_freq=(agent.round, "step"),
        gradient_steps=agent.updates,
        n_steps=agent.n_step,
        target_update_interval=agent.target_every * agent.round * agent.games // agent.updates,
        exploration_fraction=agent.explored,
        exploration_initial_eps=agent.exploration[0],
        exploration_final_eps=agent.exploration[1],
        policy_kwargs={"net_arch": list(agent.hidden)},
        seed=seed,
    )


def measure() -> dict:
    """Return steps per second and returns on both sides, with our network and with their own default."""
    return compared(AGENT, "CartPole-v1", make, (AGENT.hidden, (64, 64)), seeds=8)
