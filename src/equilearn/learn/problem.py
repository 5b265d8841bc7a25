"""What the loop learns from: a problem is a way to generate data, a loss on it, and a check.

One *episode* of the loop (Azinovic, Gaegauf and Scheidegger, Algorithm 1) is

    data, world = generate(networks, world)            the networks produce the data
    for every mini-batch, for a few epochs:
        networks = optimizer(loss(networks, batch))    a gradient step
        world    = after_step(networks, world, batch)  what moves with every step
    world       = absorb(networks, world, data)        what the world remembers of the episode

and every few episodes `check` measures errors, or scores, on data that the networks have not seen.

- `networks` is a pytree; its inexact arrays are trained. Several networks (actor and critic, generator and
  discriminator) are one pytree; the loss is the sum of the players' losses, each with `stop_gradient` on the
  other players. Players have optimisers of their own by `optax.partition`; one that moves in every n-th step only has
  `equilearn.optimizers.every(n, ...)`.
- `world` is a pytree of arrays: everything that is not trained but must survive a restart (the state of an
  economy or an environment, a replay buffer and its priorities, target networks, a recurrent state that is carried
  from one chunk of a sequence to the next, input scaling, adaptive weights).
- `data` is a pytree of arrays with a common leading axis of samples.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

Networks = PyTree[Any]
World = PyTree[Any]
Data = PyTree[Any]


class Score(eqx.Module):
    """What a check measures and is to be raised (returns, accuracies), signed, one number a sample."""

    values: Float[Array, "..."]


class Note(eqx.Module):
    """What a check measures for the record only."""

    values: Float[Array, "..."]


class Problem(eqx.Module):
    """A learning problem: generate, learn, check."""

    generates_on_host: ClassVar[bool] = False
    """True where `generate` steps something that is not JAX (a simulator, a game): it is then called outside the
    compiled program, once an episode, with concrete arrays. The simulator itself lives in the problem and is not saved:
    what must survive a restart, `generate` writes into the world as arrays (the saved state of an emulator, as bytes)
    and goes on from what it finds there. What cannot be saved starts anew when a run resumes. A run that diverges keeps
    its last good networks, but a world that has seen the bad episode."""
    keeps_order: ClassVar[bool] = False
    """True where batches are consecutive samples, as chunks of a sequence are; otherwise their order is random."""

    @abc.abstractmethod
    def generate(self, networks: Networks, world: World, *, key: PRNGKeyArray) -> tuple[Data, World]:
        """Make the data of one episode; return it with the world after it."""

    @abc.abstractmethod
    def loss(
        self, networks: Networks, world: World, batch: Data, *, key: PRNGKeyArray
    ) -> tuple[Scalar, dict[str, Array]]:
        """Return the scalar to descend on one mini-batch, and named parts.

        Scalars are recorded; other arrays (errors of single samples, a recurrent state) are for `after_step` and
        `absorb`.
        """

    def after_step(self, networks: Networks, world: World, batch: Data, parts: dict[str, Array]) -> World:
        """Update the world after every gradient step; `networks` are those after it, `parts` what its loss returned."""
        del networks, batch, parts
        return world

    def absorb(self, networks: Networks, world: World, data: Data, parts: dict[str, Array]) -> World:
        """Update the world after an episode's gradient steps; `parts` are those of all steps, on a leading axis."""
        del networks, data, parts
        return world

    @abc.abstractmethod
    def check(
        self, networks: Networks, world: World, *, key: PRNGKeyArray
    ) -> Mapping[str, Float[Array, "..."] | Score | Note]:
        """Return named measures on data the networks have not seen, one number a sample.

        A plain array holds errors, whose size is to fall; see `Score` and `Note`.
        """

    def says(self, data: Data, world: World) -> dict[str, Scalar]:
        """Return what an episode's data, and the world after it, say for the record; nan where there is nothing to say.

        An example is the return of the games that ended in it. The record has the means since the last check.
        """
        del data, world
        return {}

    def pictures(self, networks: Networks, world: World) -> dict[str, Any]:
        """Return Matplotlib figures of what has been learnt, by name; drawn after every check that is written down."""
        del networks, world
        return {}

    def kept(self, world: World) -> PyTree[Any]:
        """Return what of the world belongs to networks that are kept as the best: not a replay buffer, for one."""
        return world

    def put_back(self, world: World, kept: PyTree[Any]) -> World:
        """Return a world with what was kept of another one put back."""
        del world
        return kept
