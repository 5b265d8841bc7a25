"""Shocks: how they are drawn, and how their conditional expectation is taken.

A shock's current value is part of the state, under the name `shock`. Each process gives, for a current value,

- `nodes(current)`: next period's values (M, ...) and their probabilities (M,), for expectations;
- `draw(current, key)`: one value of next period, for simulation;
- `flat(current, key)`: one value from a flatter distribution, for training on states that are rare.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.equilibrium.quadrature import GaussHermite, Rule
from equilearn.errors import UserError

Matrix = tuple[tuple[float, ...], ...]


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
        try:
            matrix = np.asarray(self.transition, dtype=float)
        except (TypeError, ValueError):
            raise UserError("MarkovChain: transition must be a square matrix of numbers.") from None
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise UserError(f"MarkovChain: transition must be a square matrix, not of shape {matrix.shape}.")
        if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
            raise UserError("MarkovChain: transition has entries that are negative or not finite.")
        for row, total in enumerate(matrix.sum(axis=1)):
            if abs(total - 1) > 1e-8:
                raise UserError(
                    f"MarkovChain: row {row} of transition sums to {total:.8g}, not to one. Rows are 'from', "
                    "columns 'to'; transpose the matrix if its columns sum to one."
                )

    @staticmethod
    def product(slow: Matrix, fast: Matrix) -> MarkovChain:
        """Return the joint chain of two independent ones; the index is slow * (states of fast) + fast."""
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
        below = jnp.cumsum(row)[:-1] <= jax.random.uniform(key)
        return jnp.sum(below).astype(jnp.int32)


@dataclass(frozen=True)
class Gaussian(Shock):
    """A vector process x' = persistence * x + e, e ~ N(0, covariance); the state's `shock` is x, of shape (d,).

    Persistence 0 makes the shocks independent over time.
    """

    covariance: Matrix
    """Covariance of the innovations, (d, d)."""
    persistence: float = 0.0
    """Autocorrelation of every component, in [0, 1)."""
    rule: Rule = GaussHermite(3)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""

    def __post_init__(self) -> None:
        try:
            covariance = np.asarray(self.covariance, float)
        except (TypeError, ValueError):
            raise UserError("Gaussian: covariance must be a square matrix of numbers.") from None
        if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
            raise UserError(f"Gaussian: covariance must be a square matrix, not of shape {covariance.shape}.")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() < -1e-12:
            raise UserError("Gaussian: covariance must be symmetric and positive semi-definite.")
        _check_persistence("Gaussian", self.persistence)

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
        return self.persistence * current + jnp.asarray(nodes @ self._factor.T, jnp.float32), jnp.asarray(
            weights, jnp.float32
        )

    def draw(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x'."""
        return self._next(current, 1.0, key)

    def flat(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x' with innovations one and a half times as large."""
        return self._next(current, 1.5, key)

    def _next(self, current: Float[Array, " d"], size: float, key: PRNGKeyArray) -> Float[Array, " d"]:
        e = jax.random.normal(key, current.shape)
        return self.persistence * current + size * jnp.asarray(self._factor, jnp.float32) @ e


@dataclass(frozen=True)
class AR1(Shock):
    """A scalar process x' = persistence * x + innovation_std * e, e ~ N(0, 1); the state's `shock` is x."""

    persistence: float
    """Autocorrelation, in [0, 1)."""
    innovation_std: float
    """Standard deviation of the innovation."""
    rule: Rule = GaussHermite(5)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""

    def __post_init__(self) -> None:
        _check_persistence("AR1", self.persistence)
        if not self.innovation_std >= 0:
            raise UserError(f"AR1: innovation_std must be at least 0, not {self.innovation_std}.")

    @property
    def initial(self) -> Float[Array, ""]:
        """Zero."""
        return jnp.zeros(())

    def nodes(self, current: Float[Array, ""]) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
        """Return the rule's nodes around persistence * x."""
        nodes, weights = self.rule.nodes(1)
        steps = jnp.asarray(self.innovation_std * nodes[:, 0], jnp.float32)
        return self.persistence * current + steps, jnp.asarray(weights, jnp.float32)

    def draw(self, current: Float[Array, ""], *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Draw x'."""
        return self.persistence * current + self.innovation_std * jax.random.normal(key)

    def flat(self, current: Float[Array, ""], *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Draw x' with an innovation one and a half times as large."""
        return self.persistence * current + 1.5 * self.innovation_std * jax.random.normal(key)


def _check_persistence(name: str, persistence: float) -> None:
    if not 0 <= persistence < 1:
        raise UserError(f"{name}: persistence must be in [0, 1), not {persistence}.")
