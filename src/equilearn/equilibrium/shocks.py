"""Shocks: how they are drawn, and how their conditional expectation is taken.

A shock's current value is part of the state, under the name `shock`. Each process gives, for a current value,

- `nodes(current)`: next period's values (M, ...) and their probabilities (M,), for expectations;
- `draw(current, key)`: one value of next period, for simulation;
- `flat(current, key)`: one value from a flatter distribution, for training on states that are rare.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Scalar

from equilearn.equilibrium.quadrature import GaussHermite, Rule
from equilearn.errors import UserError
from equilearn.parameters import fit_fields, traced

Matrix = tuple[tuple[float, ...], ...]
ROW_TOLERANCE = 1e-5
"""How far from one a row of probabilities may sum: single precision, or six decimals."""
EXACT = 1e-12
"""Rows that sum to one as well as double precision can are left as they are."""


class Shock(abc.ABC):
    """An exogenous process; what a model's `shock` is."""

    @property
    @abc.abstractmethod
    def initial(self) -> Array:
        """A value in the middle of the process, of the shape and type that the state's `shock` must have."""

    @abc.abstractmethod
    def nodes(self, current: Array) -> tuple[Array, Float[Array, " nodes"]]:
        """Return next period's values and their conditional probabilities."""

    def mean(self, current: Array) -> Array:
        """Return the conditional mean of next period's value: where a path goes without innovations."""
        values, probabilities = self.nodes(current)
        return jnp.tensordot(probabilities.astype(current.dtype), values.astype(current.dtype), axes=1)

    @abc.abstractmethod
    def draw(self, current: Array, *, key: PRNGKeyArray) -> Array:
        """Draw next period's value."""

    @abc.abstractmethod
    def flat(self, current: Array, *, key: PRNGKeyArray) -> Array:
        """Draw next period's value from a flatter distribution with the same support or a larger one."""


@dataclass(frozen=True)
class Deterministic(Shock):
    """No shock: expectations are next period's value."""

    @property
    def initial(self) -> Float[Array, ""]:
        """Zero; a deterministic model's state needs no `shock`."""
        return jnp.zeros(())

    def nodes(self, current: Array) -> tuple[Float[Array, " 1"], Float[Array, " 1"]]:
        """Return one node of probability one."""
        return jnp.zeros(1), jnp.ones(1)

    def draw(self, current: Array, *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return zero."""
        return jnp.zeros(())

    def flat(self, current: Array, *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return zero."""
        return jnp.zeros(())


@dataclass(frozen=True)
class MarkovChain(Shock):
    """A finite Markov chain; the state's `shock` is the index of the current state of the chain.

    Expectations are exact sums over next period's states.
    """

    transition: Matrix
    """Row-stochastic matrix: entry (i, j) is the probability of going from i to j."""

    def __post_init__(self) -> None:
        matrix = _square("MarkovChain", "transition", self.transition)
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
    def states(self) -> int:
        """Number of states of the chain."""
        return len(self.transition)

    @property
    def initial(self) -> Int[Array, ""]:
        """State 0."""
        return jnp.zeros((), jnp.int32)

    @property
    def reachable(self) -> Bool[np.ndarray, "states states"]:
        """Whether the chain can come from state i to state j in some number of periods (i itself in none)."""
        matrix = np.asarray(self.transition, float)
        reach = np.eye(self.states, dtype=bool) | (matrix > 0)
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

    def nodes(self, current: Int[Array, ""]) -> tuple[Int[Array, " nodes"], Float[Array, " nodes"]]:
        """Return all states of the chain and the row of the transition matrix."""
        return jnp.arange(self.states, dtype=jnp.int32), self._rows[current]

    def draw(self, current: Int[Array, ""], *, key: PRNGKeyArray) -> Int[Array, ""]:
        """Draw from the row of the transition matrix."""
        return self._pick(self._rows[current], key)

    def flat(self, current: Int[Array, ""], *, key: PRNGKeyArray) -> Int[Array, ""]:
        """Draw from the row mixed with 30 % of the uniform distribution over its possible states."""
        row = self._rows[current]
        possible = row > 0
        return self._pick(0.7 * row + 0.3 * possible / jnp.sum(possible), key)

    @property
    def _rows(self) -> Float[Array, "states states"]:
        return jnp.asarray(self.transition, jnp.float32)

    def _pick(self, row: Float[Array, " states"], key: PRNGKeyArray) -> Int[Array, ""]:
        below = jnp.cumsum(row)
        return jnp.sum(below[:-1] <= below[-1] * jax.random.uniform(key)).astype(jnp.int32)


def _square(name: str, field: str, matrix: Any) -> Float[np.ndarray, "d d"]:
    """Return a square matrix in double precision."""
    try:
        if np.iscomplexobj(matrix):
            raise TypeError
        array = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        raise UserError(f"{name}: {field} must be a square matrix of numbers.") from None
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise UserError(f"{name}: {field} must be a square matrix, not of shape {array.shape}.")
    return array


def _precision(matrix: Any) -> float:
    """Return how exactly the rows of a matrix can be expected to sum to one."""
    kind = getattr(matrix, "dtype", np.dtype(float))
    eps = float(jnp.finfo(kind).eps) if jnp.issubdtype(kind, np.floating) else 0.0
    return max(ROW_TOLERANCE, len(matrix) * eps)


def _shares(row: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(row)
    return tuple(share / total for share in row)


@dataclass(frozen=True)
class Gaussian(Shock):
    """A vector process x' = persistence * x + e, e ~ N(0, covariance); the state's `shock` is x, of shape (d,).

    Persistence 0 makes the shocks independent over time.
    """

    covariance: Matrix
    """Covariance of the innovations, (d, d)."""
    persistence: float | Scalar = 0.0
    """Autocorrelation of every component, in [0, 1)."""
    rule: Rule = GaussHermite(3)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""
    scale: float | Scalar = 1.0
    """What innovations are multiplied by: their standard deviations, where the covariance is a correlation."""

    def __post_init__(self) -> None:
        covariance = _square("Gaussian", "covariance", self.covariance)
        if not np.all(np.isfinite(covariance)):
            raise UserError("Gaussian: covariance has entries that are not finite.")
        size = np.abs(covariance).max()
        asymmetric = np.abs(covariance - covariance.T).max() > 1e-5 * size
        if asymmetric or np.linalg.eigvalsh(covariance).min() < -1e-6 * size:
            raise UserError("Gaussian: covariance must be symmetric and positive semi-definite.")
        fit_fields(self)
        _check_persistence("Gaussian", self.persistence)
        _check_size("Gaussian", "scale", self.scale)
        _check_rule("Gaussian", self.rule)

    @property
    def initial(self) -> Float[Array, " d"]:
        """Zeros."""
        return jnp.zeros(len(self.covariance))

    @property
    def _factor(self) -> Float[np.ndarray, "d d"]:
        values, vectors = np.linalg.eigh(np.asarray(self.covariance, float))
        return vectors * np.sqrt(np.maximum(values, 0))

    def nodes(self, current: Float[Array, " d"]) -> tuple[Float[Array, "nodes d"], Float[Array, " nodes"]]:
        """Return the rule's nodes around persistence * x."""
        nodes, weights = self.rule.nodes(len(self.covariance))
        steps = self.scale * jnp.asarray(nodes @ self._factor.T, jnp.float32)
        return self.persistence * current + steps, jnp.asarray(weights, jnp.float32)

    def mean(self, current: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return persistence * x, without the rounding of a quadrature."""
        return self.persistence * current

    def draw(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x'."""
        return self._next(current, 1.0, key)

    def flat(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x' with innovations one and a half times as large."""
        return self._next(current, 1.5, key)

    def _next(self, current: Float[Array, " d"], size: float, key: PRNGKeyArray) -> Float[Array, " d"]:
        e = jax.random.normal(key, current.shape)
        return self.persistence * current + size * self.scale * (jnp.asarray(self._factor, jnp.float32) @ e)


@dataclass(frozen=True)
class AR1(Shock):
    """A scalar process x' = persistence * x + innovation_std * e, e ~ N(0, 1); the state's `shock` is x."""

    persistence: float | Scalar
    """Autocorrelation, in [0, 1)."""
    innovation_std: float | Scalar
    """Standard deviation of the innovation."""
    rule: Rule = GaussHermite(5)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""

    def __post_init__(self) -> None:
        fit_fields(self)
        _check_persistence("AR1", self.persistence)
        _check_size("AR1", "innovation_std", self.innovation_std)
        _check_rule("AR1", self.rule)

    @property
    def initial(self) -> Float[Array, ""]:
        """Zero."""
        return jnp.zeros(())

    def nodes(self, current: Float[Array, ""]) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
        """Return the rule's nodes around persistence * x."""
        nodes, weights = self.rule.nodes(1)
        steps = jnp.asarray(self.innovation_std * nodes[:, 0], jnp.float32)
        return self.persistence * current + steps, jnp.asarray(weights, jnp.float32)

    def mean(self, current: Float[Array, ""]) -> Float[Array, ""]:
        """Return persistence * x, without the rounding of a quadrature."""
        return self.persistence * current

    def draw(self, current: Float[Array, ""], *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Draw x'."""
        return self.persistence * current + self.innovation_std * jax.random.normal(key)

    def flat(self, current: Float[Array, ""], *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Draw x' with an innovation one and a half times as large."""
        return self.persistence * current + 1.5 * self.innovation_std * jax.random.normal(key)


def _check_persistence(name: str, persistence: Any) -> None:
    if not traced(persistence) and not 0 <= persistence < 1:
        raise UserError(f"{name}: persistence must be in [0, 1), not {persistence}.")


def _check_size(name: str, field: str, size: Any) -> None:
    if not traced(size) and not size >= 0:
        raise UserError(f"{name}: {field} must be at least 0, not {size}.")


def _check_rule(name: str, rule: Any) -> None:
    if not isinstance(rule, Rule):
        raise UserError(f"{name}: rule must be a quadrature rule (GaussHermite, Monomial, QuasiMonteCarlo).")
