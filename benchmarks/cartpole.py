"""DQN on CartPole, here and in stable-baselines3: steps per second, learning included. Needs `[bench]`."""

from typing import Any

from benchmarks.steps import compared
from equilearn.reinforcement import DQN

AGENT = DQN(double=False, steps=20_000)
"""stable-baselines3 has no double Q-learning."""


def make(games: Any, seed: int) -> Any:
    """Return their agent with our settings."""
    import stable_baselines3

    return stable_baselines3.DQN(
        "MlpPolicy",
        games,
        learning_rate=lambda left: AGENT.learning_rate * left,
        buffer_size=AGENT.replay,
        learning_starts=AGENT.warmup,
        batch_size=AGENT.batch,
        gamma=AGENT.discount,
        train_freq=(AGENT.round, "step"),
        gradient_steps=AGENT.updates,
        n_steps=AGENT.n_step,
        target_update_interval=AGENT.target_every * AGENT.round * AGENT.games // AGENT.updates,
        exploration_fraction=AGENT.explored,
        exploration_initial_eps=AGENT.exploration[0],
        exploration_final_eps=AGENT.exploration[1],
        policy_kwargs={"net_arch": list(AGENT.hidden)},
        seed=seed,
    )


def measure() -> dict:
    """Return steps per second and returns on both sides."""
    return compared(AGENT, "CartPole-v1", make, seeds=2)
