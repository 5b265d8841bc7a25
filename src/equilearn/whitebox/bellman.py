"""Dynamic programming and learning by trial and error, in loops, for finite decision problems.

Legend: S states, A actions; P[s, a, s'] probabilities, r[s, a] expected rewards, gamma the discount.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def value_iteration(P: np.ndarray, r: np.ndarray, gamma: float, tolerance: float = 1e-8) -> tuple[np.ndarray, int]:  # noqa: N803
    """Return v and the number of sweeps: v <- max_a [r + gamma P v] until v is within `tolerance` of the fixed point.

    T is a contraction, so |v - v*| <= gamma / (1 - gamma) |v - v_before|: the stop is a bound, not a hope.
    """
    v, sweeps = np.zeros(r.shape[0]), 0
    while True:
        new = np.empty_like(v)
        for s in range(r.shape[0]):
            new[s] = max(r[s, a] + gamma * P[s, a] @ v for a in range(r.shape[1]))
        change, v, sweeps = np.abs(new - v).max(), new, sweeps + 1
        if gamma * change <= (1 - gamma) * tolerance:
            return v, sweeps


def policy_iteration(P: np.ndarray, r: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
    """Return v and the policy: solve v = r_pi + gamma P_pi v, choose greedily, until no action is better."""
    states = np.arange(r.shape[0])
    policy = np.zeros(r.shape[0], int)
    while True:
        v = np.linalg.solve(np.eye(len(states)) - gamma * P[states, policy], r[states, policy])  # evaluate
        q = r + gamma * P @ v  # (S, A)
        better = q.max(axis=1) > q[states, policy] + 1e-10
        if not better.any():
            return v, policy
        policy = np.where(better, q.argmax(axis=1), policy)  # improve


def q_learning(
    start: Callable[[np.random.Generator], int],
    step: Callable[[int, int, np.random.Generator], tuple[int, float, bool]],
    states: int,
    actions: int,
    gamma: float,
    *,
    games: int,
    limit: int = 100,
    epsilon: float = 0.2,
    sarsa: bool = False,
    power: float = 0.7,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return Q (S, A), learnt from steps alone (Watkins, 1989); with `sarsa`, of the policy that explores.

        Q(s, a) += eta [r + gamma max_b Q(s', b) - Q(s, a)]      Q-learning: the best next action
        Q(s, a) += eta [r + gamma Q(s', a')      - Q(s, a)]      SARSA: the next action taken (Rummery, Niranjan, 1994)

    eta = 1 / (visits of (s, a))^power: the conditions of stochastic approximation hold for powers in (1/2, 1]; where
    every step is certain, power 0 takes what the last step says. A game that is cut by the limit is not an end: its
    last step bootstraps like any other.
    """
    Q, visits = np.zeros((states, actions)), np.zeros((states, actions))

    def choose(s: int) -> int:
        if rng.random() < epsilon:
            return int(rng.integers(actions))
        return int(rng.choice(np.flatnonzero(Q[s] == Q[s].max())))

    for _ in range(games):
        s = start(rng)
        a = choose(s)
        for _ in range(limit):
            s_next, reward, terminated = step(s, a, rng)
            a_next = choose(s_next)
            ahead = 0.0 if terminated else Q[s_next, a_next] if sarsa else Q[s_next].max()
            visits[s, a] += 1
            Q[s, a] += (reward + gamma * ahead - Q[s, a]) / visits[s, a] ** power
            s, a = s_next, a_next
            if terminated:
                break
    return Q
