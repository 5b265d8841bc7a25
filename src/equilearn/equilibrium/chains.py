"""Finite chains: with probabilities that are known beforehand, or that follow from state and policy.

The state's `shock` is the index of the current state of the chain; expectations are exact sums over next period's.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from equilearn.equilibrium.shocks import Matrix, Shock, square
from equilearn.errors import UserError
from equilearn.parameters import fit_fields

ROW_TOLERANCE = 1e-5
"""How far from one a row of probabilities may sum: single precision, or six decimals."""
EXACT = 1e-12
"""Rows that sum to one as well as double precision can are left as they are."""
MOVING_TOLERANCE = 1e-4
"""The same where the probabilities are computed in every state of an economy, in single precision."""
MOST_STATES = 10_000


class FiniteChain(Shock):
    """A process with finitely many values, numbered from 0."""

    @property
    @abc.abstractmethod
    def number(self) -> int:
        """Number of states of the chain."""

    @abc.abstractmethod
    def row(self, current: Int[Array, ""]) -> Float[Array, " states"]:
        """Return the probabilities of next period's states."""

    @property
    def chains(self) -> Mapping[str, int]:
        """The chain itself."""
        return {"": self.number}

    @property
    def initial(self) -> Int[Array, ""]:
        """State 0."""
        return jnp.zeros((), jnp.int32)

    def indices(self, value: Any) -> tuple[Any, ...]:
        """Return the value, which is the index."""
        return (value,)

    def with_indices(self, value: Any, indices: Sequence[Any]) -> Any:
        """Return the index."""
        del value
        return indices[0]

    def with_index(self, value: Any, joint: Any) -> Any:
        """Return the index."""
        del value
        return joint

    def numbers(self, value: Any) -> Float[Array, " 0"]:
        """Return nothing: an index is no quantity."""
        del value
        return jnp.zeros(0)

    def nodes(self, current: Int[Array, ""]) -> tuple[Int[Array, " nodes"], Float[Array, " nodes"]]:
        """Return all states of the chain and their probabilities."""
        return jnp.arange(self.number, dtype=jnp.int32), self.row(current)

    def draw(self, current: Int[Array, ""], *, key: PRNGKeyArray) -> Int[Array, ""]:
        """Draw with the probabilities of the row."""
        return _pick(self.row(current), key)

    def flat(self, current: Int[Array, ""], *, key: PRNGKeyArray) -> Int[Array, ""]:
        """Draw from the row mixed with 30 % of the uniform distribution over its possible states."""
        row = self.row(current)
        possible = row > 0
        return _pick(0.7 * row + 0.3 * possible / jnp.sum(possible), key)

    def impulse(self, value: Any, size: float, component: Any = None) -> Any:
        """Return the index of another state."""
        if component is not None:
            raise UserError(f"component: a {type(self).__name__} has one component only; leave it out.")
        if not (float(size).is_integer() and 0 <= size < self.number):
            raise UserError(f"shock must be an index below {self.number}, not {size:g}.")
        return jnp.full_like(value, size)


def _pick(row: Float[Array, " states"], key: PRNGKeyArray) -> Int[Array, ""]:
    below = jnp.cumsum(row)
    return jnp.sum(below[:-1] <= below[-1] * jax.random.uniform(key)).astype(jnp.int32)


@dataclass(frozen=True)
class MarkovChain(FiniteChain):
    """A finite Markov chain; the state's `shock` is the index of the current state of the chain."""

    transition: Matrix
    """Row-stochastic matrix: entry (i, j) is the probability of going from i to j."""

    def __post_init__(self) -> None:
        matrix = square("MarkovChain", "transition", self.transition)
        if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
            raise UserError("MarkovChain: transition has entries that are negative or not finite.")
        for row, total in enumerate(matrix.sum(axis=1)):
            if abs(total - 1) > _precision(self.transition):
                raise UserError(
                    f"MarkovChain: row {row} of transition sums to {total:.8g}, not to one. Rows are 'from', "
                    "columns 'to'; transpose the matrix if its columns sum to one."
                )
        fit_fields(self)
        rows = tuple(row if abs(sum(row) - 1) < EXACT else _shares(row) for row in self.transition)
        object.__setattr__(self, "transition", rows)

    @staticmethod
    def product(slow: Matrix, fast: Matrix) -> MarkovChain:
        """Return the joint chain of two independent ones; the index is slow * (states of fast) + fast."""
        slow, fast = (MarkovChain(matrix).transition for matrix in (slow, fast))
        joint = np.kron(np.asarray(slow, float), np.asarray(fast, float))
        return MarkovChain(tuple(tuple(float(p) for p in row) for row in joint))

    @property
    def number(self) -> int:
        """Number of states of the chain."""
        return len(self.transition)

    @property
    def chain(self) -> MarkovChain:
        """The chain itself."""
        return self

    @property
    def possible(self) -> Bool[np.ndarray, "states states"]:
        """Whether the chain can go from state i to state j in one period."""
        return np.asarray(self.transition, float) > 0

    @property
    def reachable(self) -> Bool[np.ndarray, "states states"]:
        """Whether the chain can come from state i to state j in some number of periods (i itself in none)."""
        reach = np.eye(self.states, dtype=bool) | self.possible
        for _ in range(self.states.bit_length()):
            reach = reach @ reach
        return reach

    @property
    def recurrent(self) -> Bool[np.ndarray, " states"]:
        """Whether the chain comes back to a state for certain; the others are left for good some day."""
        return np.all(self.reachable <= self.reachable.T, axis=1)

    @property
    def irreducible(self) -> bool:
        """Whether every state can be reached from every other: a long path then sees them all."""
        return bool(np.all(self.reachable))

    @property
    def stationary(self) -> Float[np.ndarray, " states"]:
        """The stationary distribution."""
        matrix = np.asarray(self.transition, float)
        system = np.vstack([matrix.T - np.eye(self.states), np.ones(self.states)])
        return np.linalg.lstsq(system, np.append(np.zeros(self.states), 1.0), rcond=None)[0]

    def row(self, current: Int[Array, ""]) -> Float[Array, " states"]:
        """Return the row of the transition matrix."""
        return jnp.asarray(self.transition, jnp.float32)[current]


@dataclass(frozen=True)
class EndogenousChain(FiniteChain):
    """A finite chain whose probabilities follow from state and policy: disasters, default, search.

    The model's `process` says them: `return self.shock.given((1 - p, p))`, p a function of state and policy.
    """

    size: int
    """Number of states of the chain."""

    def __post_init__(self) -> None:
        fit_fields(self)
        if not 1 <= self.size <= MOST_STATES:
            raise UserError(f"EndogenousChain: size must be between 1 and {MOST_STATES:,}, not {self.size}.")

    @property
    def number(self) -> int:
        """Number of states of the chain."""
        return self.size

    def row(self, current: Int[Array, ""]) -> Float[Array, " states"]:
        """Refuse: the probabilities are the model's.

        Raises:
            UserError: always.
        """
        raise UserError(
            "an EndogenousChain has the probabilities that the model's `process(state, policy)` gives: "
            "return self.shock.given((1 - p, p))."
        )

    def given(self, probabilities: Any) -> FiniteChain:
        """Return the chain as it moves with these probabilities of next period's states.

        Args:
            probabilities: one number for each state, at least 0, together 1; a sequence or an array, (states,). Where
                an economy comes to others, they become nan, so that the run stops.

        Raises:
            UserError: there are more or fewer.
        """
        row = jnp.stack([jnp.asarray(one) for one in probabilities]) if _listed(probabilities) else probabilities
        if jnp.shape(row) != (self.size,):
            raise UserError(
                f"EndogenousChain: {self.size} states need {self.size} probabilities, a vector, not numbers of shape "
                f"{jnp.shape(row)}."
            )
        row = jnp.asarray(row)
        right = jnp.all(row >= 0) & (jnp.abs(jnp.sum(row) - 1) <= MOVING_TOLERANCE)
        return _Moving(jnp.where(right, row, jnp.nan))


def _listed(probabilities: Any) -> bool:
    if not isinstance(probabilities, (tuple, list)):
        return False
    if any(jnp.ndim(one) != 0 for one in probabilities) or not probabilities:
        raise UserError("EndogenousChain: every probability must be one number.")
    return True


class _Moving(FiniteChain):
    """A chain in one state of an economy, where its probabilities are known."""

    def __init__(self, probabilities: Float[Array, " states"]) -> None:
        self.probabilities = probabilities

    @property
    def number(self) -> int:
        """Number of states of the chain."""
        return self.probabilities.shape[0]

    def row(self, current: Int[Array, ""]) -> Float[Array, " states"]:
        """Return the probabilities."""
        del current
        return self.probabilities


def _precision(matrix: Any) -> float:
    """Return how exactly the rows of a matrix can be expected to sum to one."""
    kind = getattr(matrix, "dtype", np.dtype(float))
    eps = float(jnp.finfo(kind).eps) if jnp.issubdtype(kind, np.floating) else 0.0
    return max(ROW_TOLERANCE, len(matrix) * eps)


def _shares(row: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(row)
    return tuple(share / total for share in row)
