"""What the loop learns from: a problem is a way to generate data, a loss on it, and a check.

One *episode* of the loop (Azinovic, Gaegauf and Scheidegger, Algorithm 1) is

    data, world = generate(networks, world)        the networks produce the data
    networks    = optimizer(loss(networks, data))  a few epochs of mini-batch gradient steps
    world       = absorb(networks, world, losses)  what the world remembers of it

and every few episodes `check` measures the errors on data that the networks have not seen.

- `networks` is a pytree; its inexact arrays are trained. Several networks (actor and critic, generator and
  discriminator) are one pytree; the loss is the sum of the players' losses, each with `stop_gradient` on the
  other players.
- `world` is a pytree of arrays: everything that is not trained but must survive a restart (the state of an
  economy or an environment, a replay buffer, target networks, input scaling, adaptive weights).
- `data` is a pytree of arrays with a common leading axis of samples.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

Networks = PyTree[Any]
World = PyTree[Any]
Data = PyTree[Any]


class Problem(eqx.Module):
    """A learning problem: generate, learn, check."""

    generates_on_host: ClassVar[bool] = False
    """True where `generate` steps something that is not JAX (a simulator, a game): it is then called outside
    the compiled program, once an episode, with concrete arrays."""

    @abc.abstractmethod
    def generate(self, networks: Networks, world: World, *, key: PRNGKeyArray) -> tuple[Data, World]:
        """Make the data of one episode; return it with the world after it."""

    @abc.abstractmethod
    def loss(
        self, networks: Networks, world: World, batch: Data, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Scalar]]:
        """Return the scalar to descend on one mini-batch, and named parts of it for the record."""

    def absorb(self, networks: Networks, world: World, parts: dict[str, Scalar]) -> World:
        """Update the world after an episode's gradient steps; `parts` are the episode's mean named losses."""
        del networks, parts
        return world

    @abc.abstractmethod
    def check(self, networks: Networks, world: World, *, key: PRNGKeyArray) -> dict[str, Float[Array, ...]]:
        """Return named non-negative errors, one number per sample, on data the networks have not seen."""
