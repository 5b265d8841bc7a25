"""Autoregressions with normal innovations: a number, a vector with one persistence, a vector with a matrix of it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from equilearn.equilibrium.quadrature import GaussHermite, Rule, nodes_of
from equilearn.equilibrium.sampling import around_mean
from equilearn.equilibrium.shocks import Matrix, Shock, square
from equilearn.errors import UserError
from equilearn.parameters import fit_fields, traced


class _Vector(Shock):
    """A vector process x' = mean(x) + scale * e, e ~ N(0, covariance)."""

    covariance: Matrix
    rule: Rule
    scale: float | Scalar = 1.0

    @abc.abstractmethod
    def mean(self, current: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return the conditional mean of x'."""

    @property
    def initial(self) -> Float[Array, " d"]:
        """Zeros."""
        return jnp.zeros(len(self.covariance))

    @property
    def _factor(self) -> Float[np.ndarray, "d d"]:
        values, vectors = np.linalg.eigh(np.asarray(self.covariance, float))
        return vectors * np.sqrt(np.maximum(values, 0))

    def nodes(self, current: Float[Array, " d"]) -> tuple[Float[Array, "nodes d"], Float[Array, " nodes"]]:
        """Return the rule's nodes around the conditional mean."""
        nodes, weights = nodes_of(self.rule, len(self.covariance))
        steps = self.scale * jnp.asarray(nodes @ self._factor.T, jnp.float32)
        return self.mean(current) + steps, jnp.asarray(weights, jnp.float32)

    def sampled(
        self, current: Float[Array, " d"], count: int, *, key: PRNGKeyArray
    ) -> tuple[Float[Array, "drawn d"], Float[Array, "2 drawn"]]:
        """Return the mean and pairs of nodes around it, where the rule has such; see `sampling`."""
        nodes, weights = self.rule.nodes(len(self.covariance))
        around = around_mean(nodes, weights, self._factor, count, key=key)
        if around is None:
            return super().sampled(current, count, key=key)
        steps, each = around
        return self.mean(current) + self.scale * steps, each

    def draw(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x'."""
        return self._next(current, 1.0, key)

    def flat(self, current: Float[Array, " d"], *, key: PRNGKeyArray) -> Float[Array, " d"]:
        """Draw x' with innovations one and a half times as large."""
        return self._next(current, 1.5, key)

    def _next(self, current: Float[Array, " d"], size: float, key: PRNGKeyArray) -> Float[Array, " d"]:
        e = jax.random.normal(key, current.shape)
        return self.mean(current) + size * self.scale * (jnp.asarray(self._factor, jnp.float32) @ e)


@dataclass(frozen=True)
class Gaussian(_Vector):
    """A vector process x' = persistence * x + e, e ~ N(0, covariance); the state's `shock` is x, of shape (d,).

    Persistence 0 makes the shocks independent over time.
    """

    covariance: Matrix
    """Covariance of the innovations, (d, d)."""
    persistence: float | Scalar = 0.0
    """Autocorrelation of every component, in (-1, 1)."""
    rule: Rule = GaussHermite(3)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""
    scale: float | Scalar = 1.0
    """What innovations are multiplied by: their standard deviations, where the covariance is a correlation."""

    def __post_init__(self) -> None:
        _check_covariance("Gaussian", self.covariance)
        fit_fields(self)
        _check_persistence(self)
        _check_size(self, "scale")
        _check_rule("Gaussian", self.rule)

    def mean(self, current: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return persistence * x, without the rounding of a quadrature."""
        return self.persistence * current


@dataclass(frozen=True)
class VAR(_Vector):
    """A vector autoregression x' = persistence x + e, e ~ N(0, covariance); the state's `shock` is x, of shape (d,)."""

    persistence: Matrix
    """Matrix (d, d): entry (i, j) is what x_j today adds to x_i tomorrow; its eigenvalues lie in the unit circle."""
    covariance: Matrix
    """Covariance of the innovations, (d, d)."""
    rule: Rule = GaussHermite(3)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""

    def __post_init__(self) -> None:
        persistence = square("VAR", "persistence", self.persistence)
        _check_covariance("VAR", self.covariance)
        if not np.all(np.isfinite(persistence)):
            raise UserError("VAR: persistence has entries that are not finite.")
        if len(persistence) != len(self.covariance):
            raise UserError(
                f"VAR: persistence is for {len(persistence)} components and covariance for {len(self.covariance)}; "
                "make them matrices of the same size."
            )
        largest = np.abs(np.linalg.eigvals(persistence)).max()
        if largest >= 1:
            raise UserError(
                f"VAR: persistence has an eigenvalue of size {largest:.4g}; all must be below 1, or the process runs "
                "away."
            )
        fit_fields(self)
        _check_rule("VAR", self.rule)

    def mean(self, current: Float[Array, " d"]) -> Float[Array, " d"]:
        """Return persistence x, without the rounding of a quadrature."""
        return jnp.sum(jnp.asarray(self.persistence, current.dtype) * current, axis=1)


@dataclass(frozen=True)
class AR1(Shock):
    """A scalar process x' = persistence * x + innovation_std * e, e ~ N(0, 1); the state's `shock` is x."""

    persistence: float | Scalar
    """Autocorrelation, in (-1, 1)."""
    innovation_std: float | Scalar
    """Standard deviation of the innovation."""
    rule: Rule = GaussHermite(5)  # noqa: RUF009 (frozen)
    """Quadrature rule for expectations."""

    def __post_init__(self) -> None:
        fit_fields(self)
        _check_persistence(self)
        _check_size(self, "innovation_std")
        _check_rule("AR1", self.rule)

    @property
    def initial(self) -> Float[Array, ""]:
        """Zero."""
        return jnp.zeros(())

    def nodes(self, current: Float[Array, ""]) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
        """Return the rule's nodes around persistence * x."""
        nodes, weights = nodes_of(self.rule, 1)
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


def _check_covariance(name: str, matrix: Any) -> None:
    covariance = square(name, "covariance", matrix)
    if not np.all(np.isfinite(covariance)):
        raise UserError(f"{name}: covariance has entries that are not finite.")
    size = np.abs(covariance).max()
    asymmetric = np.abs(covariance - covariance.T).max() > 1e-5 * size
    if asymmetric or np.linalg.eigvalsh(covariance).min() < -1e-6 * size:
        raise UserError(f"{name}: covariance must be symmetric and positive semi-definite.")


def _check_persistence(shock: Gaussian | AR1) -> None:
    name, persistence = type(shock).__name__, shock.persistence
    if traced(persistence):
        _keep(shock, "persistence", jnp.abs(persistence) < 1)
    elif not -1 < persistence < 1:
        raise UserError(f"{name}: persistence must be in (-1, 1), not {persistence}.")


def _check_size(shock: Gaussian | AR1, field: str) -> None:
    name, size = type(shock).__name__, getattr(shock, field)
    if traced(size):
        _keep(shock, field, size >= 0)
    elif not size >= 0:
        raise UserError(f"{name}: {field} must be at least 0, not {size}.")


def _keep(shock: Shock, field: str, right: Any) -> None:
    """Make a parameter that follows from the state nan where it cannot be, so that the run stops."""
    object.__setattr__(shock, field, jnp.where(right, getattr(shock, field), jnp.nan))


def _check_rule(name: str, rule: Any) -> None:
    if not isinstance(rule, Rule):
        raise UserError(f"{name}: rule must be a quadrature rule (GaussHermite, Monomial, QuasiMonteCarlo).")
