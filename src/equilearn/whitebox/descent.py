"""Descent: how a gradient g of a cost J becomes a step. Each rule is one equation; x are the parameters.

| rule | equation |
|---|---|
| gradient descent | x <- x - eta g |
| decaying rate | eta_t = eta_0 / (1 + d t) |
| line search | eta_t = argmin_eta J(x - eta g) |
| Newton-Raphson | x <- x - H^-1 g |
| momentum (Polyak, 1964) | v <- m v - eta g,  x <- x + v |
| Nesterov (1983) | v <- m v - eta g(x + m v),  x <- x + v |
| AdaGrad (Duchi et al., 2011) | s <- s + g^2,  x <- x - eta g / (sqrt(s) + eps) |
| RMSProp (Hinton, 2012) | s <- b s + (1 - b) g^2,  x <- x - eta g / (sqrt(s) + eps) |
| Adam (Kingma and Ba, 2015) | v <- b1 v + (1 - b1) g,  s <- b2 s + (1 - b2) g^2,  x <- x - eta v^ / (sqrt(s^) + eps) |

with v^ = v / (1 - b1^t) and s^ = s / (1 - b2^t). Batch, stochastic and mini-batch descent differ only in how
many samples the gradient is taken over. A rule here is a pair: `start(x)` makes its memory, `step` returns the new
parameters and the new memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray
from scipy.optimize import minimize_scalar

Gradient = Callable[[ndarray], ndarray]


class Memory(NamedTuple):
    """What a rule remembers: the number of steps, a velocity and a sum of squares."""

    t: int
    v: ndarray
    s: ndarray


@dataclass(frozen=True)
class Rule:
    """Plain gradient descent, and the base of the others."""

    eta: float = 0.1
    """Learning rate."""

    def start(self, x: ndarray) -> Memory:
        """Return the memory before the first step."""
        return Memory(0, np.zeros_like(x), np.zeros_like(x))

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return the parameters and the memory after a step."""
        return x - self.eta * gradient(x), memory._replace(t=memory.t + 1)


@dataclass(frozen=True)
class Decaying(Rule):
    """Gradient descent with eta_t = eta / (1 + decay t)."""

    decay: float = 1.0

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - eta_t g."""
        return x - self.eta / (1 + self.decay * memory.t) * gradient(x), memory._replace(t=memory.t + 1)


@dataclass(frozen=True)
class LineSearch(Rule):
    """Steepest descent with the best step along the gradient, at most eta long (in units of the gradient)."""

    cost: Callable[[ndarray], float] = lambda x: 0.0

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - eta_t g for the eta_t in (0, eta) that lowers the cost most (Brent's method)."""
        g = gradient(x)
        best = minimize_scalar(lambda n: self.cost(x - n * g), bounds=(0, self.eta), method="bounded",
                               options={"xatol": 1e-9})  # fmt: skip
        return x - best.x * g, memory._replace(t=memory.t + 1)


@dataclass(frozen=True)
class Newton(Rule):
    """Newton-Raphson: x - H^-1 g, with the matrix of second derivatives given."""

    hessian: Callable[[ndarray], ndarray] = lambda x: np.eye(len(x))

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - H^-1 g."""
        return x - np.linalg.solve(self.hessian(x), gradient(x)), memory._replace(t=memory.t + 1)


@dataclass(frozen=True)
class Momentum(Rule):
    """Heavy-ball momentum."""

    m: float = 0.9

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x + v with v = m v - eta g."""
        v = self.m * memory.v - self.eta * gradient(x)
        return x + v, memory._replace(t=memory.t + 1, v=v)


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Momentum whose gradient is taken where the velocity leads."""

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x + v with v = m v - eta g(x + m v)."""
        v = self.m * memory.v - self.eta * gradient(x + self.m * memory.v)
        return x + v, memory._replace(t=memory.t + 1, v=v)


@dataclass(frozen=True)
class AdaGrad(Rule):
    """Steps divided by the root of the sum of all squared gradients."""

    eps: float = 1e-8

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - eta g / (sqrt(s) + eps)."""
        g = gradient(x)
        s = memory.s + g**2
        return x - self.eta * g / (np.sqrt(s) + self.eps), memory._replace(t=memory.t + 1, s=s)


@dataclass(frozen=True)
class RMSProp(Rule):
    """Steps divided by the root of a running mean of squared gradients."""

    b: float = 0.9
    eps: float = 1e-8

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - eta g / (sqrt(s) + eps)."""
        g = gradient(x)
        s = self.b * memory.s + (1 - self.b) * g**2
        return x - self.eta * g / (np.sqrt(s) + self.eps), memory._replace(t=memory.t + 1, s=s)


@dataclass(frozen=True)
class Adam(Rule):
    """Momentum and RMSProp together, both corrected for their start from zero."""

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def step(self, x: ndarray, gradient: Gradient, memory: Memory) -> tuple[ndarray, Memory]:
        """Return x - eta v^ / (sqrt(s^) + eps)."""
        g, t = gradient(x), memory.t + 1
        v = self.b1 * memory.v + (1 - self.b1) * g
        s = self.b2 * memory.s + (1 - self.b2) * g**2
        step = (v / (1 - self.b1**t)) / (np.sqrt(s / (1 - self.b2**t)) + self.eps)
        return x - self.eta * step, Memory(t, v, s)


def descend(rule: Rule, gradient: Gradient, x: Any, *, steps: int, tolerance: float = 0.0) -> Iterator[ndarray]:
    """Yield the parameters before the first and after every step, until the gradient's norm is at the tolerance."""
    x = np.asarray(x, float)
    memory = rule.start(x)
    yield x
    for _ in range(steps):
        if np.linalg.norm(gradient(x)) <= tolerance:
            return
        x, memory = rule.step(x, gradient, memory)
        yield x


def mini_batches(samples: int, size: int, rng: np.random.Generator) -> Iterator[ndarray]:
    """Yield the indices of one epoch in random order: `size` samples is batch descent, 1 is stochastic descent."""
    order = rng.permutation(samples)
    for start in range(0, samples, size):
        yield order[start : start + size]
