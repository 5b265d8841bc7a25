"""Dynamic programming: the exact values of a finite decision problem.

    (T v)(s) = max_a [ r(s, a) + discount sum_s' P(s' | s, a) v(s') ],   v* = T v*

T is a contraction with modulus `discount` in the largest absolute difference (Blackwell, 1965), so iterating it
converges from anywhere, and one knows how far it is:

    |v_k - v*| <= discount / (1 - discount) |v_k - v_{k-1}|,   |v_k - v*| <= discount^k |v_0 - v*|

Policy iteration (Howard, 1960) solves the linear equations of a policy, v = r_pi + discount P_pi v, takes the policy
that is greedy for these values, and ends at the optimal one after finitely many rounds. Puterman (1994), chapter 6.
Legend: S states, A actions.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from equilearn.errors import UserError

MOST_SWEEPS = 1_000_000


class FiniteProblem:
    """A decision problem with finitely many states and actions."""

    def __init__(
        self, transition: Float[np.ndarray, "S A S"], reward: Float[np.ndarray, "S A"], discount: float
    ) -> None:
        """Check the problem and keep it.

        Args:
            transition: probability of every next state, after every action in every state; a state in which nothing
                more happens leads to itself with reward 0.
            reward: expected reward of every action in every state.
            discount: in [0, 1).

        Raises:
            UserError: a row is no distribution, a reward is not finite, or the discount is out of range.
        """
        if not 0 <= discount < 1:
            raise UserError(f"FiniteProblem: discount must be at least 0 and below 1, not {discount}.")
        if not np.isfinite(reward).all():
            raise UserError("FiniteProblem: every reward must be a number.")
        rows = np.abs(transition.sum(axis=2) - 1) > 1e-6
        if (transition < 0).any() or rows.any() or not np.isfinite(transition).all():
            where = np.argwhere(rows | (transition < 0).any(axis=2) | ~np.isfinite(transition).all(axis=2))[0]
            raise UserError(
                f"FiniteProblem: the probabilities after action {where[1]} in state {where[0]} are no distribution "
                f"(their sum is {transition[tuple(where)].sum():.6g})."
            )
        self.transition, self.reward, self.discount = transition, reward, discount

    def values_of(self, policy: Int[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
        """Return the exact values of a policy: the solution of v = r_pi + discount P_pi v."""
        states = np.arange(len(policy))
        matrix = np.eye(len(policy)) - self.discount * self.transition[states, policy]
        return np.linalg.solve(matrix, self.reward[states, policy])

    def action_values(self, values: Float[np.ndarray, " S"]) -> Float[np.ndarray, "S A"]:
        """Return q(s, a) = r(s, a) + discount sum P v."""
        return self.reward + self.discount * self.transition @ values


class Plan(NamedTuple):
    """What dynamic programming gives."""

    values: Float[np.ndarray, " S"]
    policy: Int[np.ndarray, " S"]
    """The greedy action; of several that are equally good, the first."""
    changes: Float[np.ndarray, " sweeps"]
    """Largest change of a value in every sweep (policy iteration: states whose action changed)."""
    bound: float
    """The values are at most this far from the exact ones (up to rounding)."""


def bellman(
    values: Float[Array, " S"],
    transition: Float[Array, "S A S"],
    reward: Float[Array, "S A"],
    discount: float | Float[Array, ""],
) -> Float[Array, " S"]:
    """Return T v."""
    return jnp.max(reward + discount * transition @ values, axis=1)


@jax.jit
def _sweeps(
    transition: Array, reward: Array, discount: Array, start: Array, tolerance: Array
) -> tuple[Array, Array, Array]:
    """Return values, changes (the first many of a fixed number) and the number of sweeps."""

    def more(carry: tuple[Array, Array, Array]) -> Array:
        _, changes, sweeps = carry
        last = changes[jnp.maximum(sweeps - 1, 0) % changes.size]
        return (sweeps == 0) | ((last > tolerance) & (sweeps < MOST_SWEEPS))

    def sweep(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        values, changes, sweeps = carry
        new = bellman(values, transition, reward, discount)
        return new, changes.at[sweeps % changes.size].set(jnp.max(jnp.abs(new - values))), sweeps + 1

    empty = jnp.zeros(KEPT_CHANGES, reward.dtype)
    return jax.lax.while_loop(more, sweep, (start, empty, jnp.zeros((), jnp.int32)))


KEPT_CHANGES = 10_000
"""Of more sweeps than this, the changes of the first ones are forgotten."""


def value_iteration(
    problem: FiniteProblem, *, tolerance: float = 1e-4, start: Float[np.ndarray, " S"] | None = None
) -> Plan:
    """Apply the operator until the values are known to be within `tolerance` of the exact ones.

    Args:
        problem: what to solve.
        tolerance: bound on the largest error of a value; in single precision not below a few rounding errors of it.
        start: values to begin with; None: zeros.

    Raises:
        UserError: the tolerance is not above 0, or below what the precision can tell.
    """
    if not tolerance > 0:
        raise UserError(f"value_iteration: tolerance must be above 0, not {tolerance}.")
    gap = problem.discount / (1 - problem.discount) if problem.discount else 1.0
    first = np.zeros(len(problem.reward)) if start is None else start
    given = [jnp.asarray(one, float) for one in (problem.transition, problem.reward, problem.discount, first)]
    values, changes, sweeps = jax.device_get(_sweeps(*given, jnp.asarray(tolerance / gap, float)))
    if sweeps >= MOST_SWEEPS:
        raise UserError(
            f"value_iteration: a tolerance of {tolerance:g} is below what numbers of this precision can tell apart; "
            "set JAX_ENABLE_X64=1, or ask for less."
        )
    kept = np.roll(changes, -(sweeps % KEPT_CHANGES)) if sweeps > KEPT_CHANGES else changes[:sweeps]
    policy = np.argmax(problem.action_values(np.asarray(values, float)), axis=1)
    return Plan(np.asarray(values, float), policy, np.asarray(kept, float), float(kept[-1] * gap))


def policy_iteration(problem: FiniteProblem) -> Plan:
    """Solve for the policy's values, take the greedy policy, until it stays; exact up to the linear solver.

    An action is only changed where another one is better by more than rounding, so that ties cannot go on for ever.
    """
    states, policy, changes = np.arange(len(problem.reward)), np.zeros(len(problem.reward), int), []
    while True:
        values = problem.values_of(policy)
        q = problem.action_values(values)
        better = q.max(axis=1) > q[states, policy] + 1e-10 * (1 + np.abs(values).max())
        changes.append(float(better.sum()))
        if not better.any():
            return Plan(values, policy, np.array(changes), 0.0)
        policy = np.where(better, q.argmax(axis=1), policy)
