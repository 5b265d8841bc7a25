"""Nodes and weights for the expectation of a function of independent standard normal shocks.

    E[f(e)] = sum_m weight_m f(node_m),   e ~ N(0, I_d),   nodes (M, d), weights (M,) that sum to one

| rule | nodes M | exact for polynomials of total degree |
|---|---|---|
| `GaussHermite(points=p)` | p^d | 2p - 1 in each dimension |
| `Monomial(degree=3)` | 2d | 3 (Stroud, 1971) |
| `Monomial(degree=5)` | 2d^2 + 1 | 5 (Stroud, 1971; Judd, 1998, section 7.5) |
| `QuasiMonteCarlo(points=M)` | M | none; error about 1/M (scrambled Sobol points) |
"""

from __future__ import annotations

import abc
import contextlib
import contextvars
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import ndtri

from equilearn.errors import UserError
from equilearn.parameters import fit_fields

MAXIMUM_NODES = 100_000
MOST_FINER = 2_000
"""Nodes of a finer rule, at most."""
_FINER = contextvars.ContextVar("finer", default=False)


@contextlib.contextmanager
def finer() -> Iterator[None]:
    """Within: shocks take finer rules than their own; for what is traced there."""
    token = _FINER.set(True)
    try:
        yield
    finally:
        _FINER.reset(token)


def nodes_of(rule: Rule, dimension: int) -> tuple[Float[ndarray, "nodes {dimension}"], Float[ndarray, " nodes"]]:
    """Return a rule's nodes and weights, or within `finer` those of a finer one."""
    return (rule.finer(dimension) if _FINER.get() else rule).nodes(dimension)


class Rule(abc.ABC):
    """A quadrature rule for the standard normal distribution."""

    @abc.abstractmethod
    def nodes(self, dimension: int) -> tuple[Float[ndarray, "nodes {dimension}"], Float[ndarray, " nodes"]]:
        """Return nodes and weights in so many dimensions."""

    def finer(self, dimension: int) -> Rule:
        """Return a rule that is exact for more functions, of at most 2,000 nodes; itself where there is none."""
        del dimension
        return self


@dataclass(frozen=True)
class GaussHermite(Rule):
    """Gauss-Hermite rule in each dimension, and the product of them."""

    points: int = 5
    """Points per dimension, at most 100."""

    def __post_init__(self) -> None:
        fit_fields(self)
        if not 1 <= self.points <= 100:
            raise UserError(f"GaussHermite: points must be between 1 and 100, not {self.points}.")

    def nodes(self, dimension: int) -> tuple[Float[ndarray, "nodes {dimension}"], Float[ndarray, " nodes"]]:
        """Return the product rule's nodes and weights.

        Raises:
            UserError: the product has more than 100,000 nodes.
        """
        if self.points**dimension > MAXIMUM_NODES:
            raise UserError(
                f"GaussHermite: {self.points} points in {dimension} dimensions are "
                f"{self.points**dimension:,} nodes; use Monomial or QuasiMonteCarlo."
            )
        x, w = np.polynomial.hermite_e.hermegauss(self.points)
        nodes = np.array(list(itertools.product(x, repeat=dimension)))
        weights = np.array([np.prod(ws) for ws in itertools.product(w / w.sum(), repeat=dimension)])
        return nodes, weights

    def finer(self, dimension: int) -> Rule:
        """Return that of one point more than twice as many, or of one more."""
        more = (min(points, 100) for points in (2 * self.points + 1, self.points + 1))
        return next((GaussHermite(points) for points in more if points**dimension <= MOST_FINER), self)


@dataclass(frozen=True)
class Monomial(Rule):
    """Stroud's monomial rules: a number of nodes linear (degree 3) or quadratic (degree 5) in the dimension."""

    degree: int = 3
    """3 or 5."""

    def __post_init__(self) -> None:
        fit_fields(self)
        if self.degree not in (3, 5):
            raise UserError(f"Monomial: degree must be 3 or 5, not {self.degree}.")

    def nodes(self, dimension: int) -> tuple[Float[ndarray, "nodes {dimension}"], Float[ndarray, " nodes"]]:
        """Return the rule's nodes and weights."""
        d, axes = dimension, np.vstack([np.eye(dimension), -np.eye(dimension)])
        if self.degree == 3:
            return np.sqrt(d) * axes, np.full(2 * d, 1 / (2 * d))
        pairs = [
            s * np.eye(d)[i] + t * np.eye(d)[j]
            for i, j in itertools.combinations(range(d), 2)
            for s in (1, -1)
            for t in (1, -1)
        ]
        nodes = np.vstack(
            [np.zeros((1, d)), np.sqrt(d + 2) * axes, np.sqrt((d + 2) / 2) * np.array(pairs).reshape(-1, d)]
        )
        weights = np.concatenate(
            [
                [2 / (d + 2)],
                np.full(2 * d, (4 - d) / (2 * (d + 2) ** 2)),
                np.full(len(pairs), 1 / (d + 2) ** 2),
            ]
        )
        return nodes, weights

    def finer(self, dimension: int) -> Rule:
        """Return a product rule in few dimensions, the rule of degree five in more."""
        if 5**dimension <= MOST_FINER:
            return GaussHermite(5)
        return Monomial(5) if 2 * dimension**2 < MOST_FINER else self


@dataclass(frozen=True)
class QuasiMonteCarlo(Rule):
    """Equal weights on scrambled Sobol points, mapped to the normal distribution."""

    points: int = 64
    """Number of nodes, a power of two."""
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self)
        if self.points not in [2**k for k in range(MAXIMUM_NODES.bit_length())]:
            raise UserError(f"QuasiMonteCarlo: points must be a power of two up to 65,536, not {self.points}.")
        if self.seed < 0:
            raise UserError(f"QuasiMonteCarlo: seed must be at least 0, not {self.seed}.")

    def nodes(self, dimension: int) -> tuple[Float[ndarray, "nodes {dimension}"], Float[ndarray, " nodes"]]:
        """Return the rule's nodes and weights."""
        from scipy.stats import qmc  # a third of the time that importing this package takes

        exponent = self.points.bit_length() - 1
        uniform = qmc.Sobol(dimension, rng=np.random.default_rng(self.seed)).random_base2(exponent)
        return ndtri(uniform), np.full(self.points, 1 / self.points)

    def finer(self, dimension: int) -> Rule:
        """Return that of four times as many points."""
        return QuasiMonteCarlo(4 * self.points, self.seed) if 4 * self.points <= MOST_FINER else self
