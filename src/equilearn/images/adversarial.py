"""A generator and a discriminator that play against each other (Goodfellow et al., 2014), on the loop.

    discriminator:  minimise  E softplus(-D(real)) + E softplus(D(G(z))) + (penalty / 2) E |D'(real)|^2
    generator:      minimise  E softplus(-D(G(z)))

which are the negative log-likelihoods of telling real from made, and the generator's non-saturating loss. The penalty
on the slope at real samples (Mescheder, Geiger and Nowozin, 2018) makes the game converge, where it else circles.
Samples of fixed noise are kept on the way, to show how what is made changes.
Legend: B samples, Z latent numbers, T pictures of the way, M fixed samples.
"""

from __future__ import annotations

import abc
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from equilearn.learn import Problem
from equilearn.learn.problem import Note
from equilearn.networks.convolutional import follow
from equilearn.networks.generative import Generator
from equilearn.networks.mlp import Moments
from equilearn.optimizers import cosine, every, scale_by_progress


@functools.lru_cache
def players(rate: float = 1e-3, *, generator_every: int = 1) -> optax.GradientTransformationExtraArgs:
    """Return Adam (0.5, 0.99) with a falling rate for each player; the generator may move in every so many-th step."""
    adam = optax.chain(optax.adam(1.0, b1=0.5, b2=0.99), scale_by_progress(rate, cosine))
    slow = every(generator_every, adam) if generator_every > 1 else adam
    labels = {"generator": "generator", "discriminator": "discriminator"}
    return optax.partition({"generator": slow, "discriminator": adam}, labels)


class Adversarial(Problem):
    """The game; `real` says what is to be imitated.

    Networks are {"generator": G, "discriminator": D}; the world is that of `world`.
    """

    latent: int = eqx.field(static=True)
    penalty: float = eqx.field(static=True)
    episodes: int = eqx.field(static=True)
    """How many there will be: the way is kept at equal distances."""

    @abc.abstractmethod
    def real(self, *, key: PRNGKeyArray) -> Float[Array, "n ..."]:
        """Return an episode's real samples."""

    def world(self, networks: Any, *, pictures: int, samples: int, key: PRNGKeyArray) -> dict[str, Any]:
        """Return the world to begin with.

        Args:
            networks: the players.
            pictures: T, how often samples of the fixed noise are kept on the way.
            samples: M.
            key: of the fixed noise.
        """
        generator = networks["generator"]
        noise = jax.random.normal(key, (samples, self.latent))
        moments = generator.start() if isinstance(generator, Generator) else ()
        made = make(generator, moments, noise)
        return {
            "noise": noise,
            "moments": moments,
            "way": jnp.zeros((pictures, *made.shape)).at[0].set(made),
            "episode": jnp.zeros((), jnp.int32),
        }

    def generate(self, networks: Any, world: Any, *, key: PRNGKeyArray) -> tuple[Array, Any]:
        """Draw real samples."""
        del networks
        return self.real(key=key), world

    def loss(self, networks: Any, world: Any, batch: Array, *, key: PRNGKeyArray) -> tuple[Scalar, dict[str, Array]]:
        """Return the sum of the players' losses, each with the other one held fixed, and the moments."""
        del world
        still = jax.lax.stop_gradient
        made, own = _made(networks["generator"], None, jax.random.normal(key, (len(batch), self.latent)))
        judge = networks["discriminator"]
        real, fake = judge(batch)[:, 0], judge(still(made))[:, 0]
        telling = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))
        if self.penalty:
            slope = jax.grad(lambda x: jnp.sum(judge(x)))(batch)
            telling += self.penalty / 2 * jnp.mean(jnp.sum(slope.reshape(len(batch), -1) ** 2, axis=1))
        fooling = jnp.mean(jax.nn.softplus(-still_network(judge)(made)[:, 0]))
        parts = {"discriminator": telling, "generator": fooling, "right": jnp.mean((real > 0) + (fake < 0.0)) / 2}
        return telling + fooling, parts | {f"moments {i}": jnp.stack(pair) for i, pair in enumerate(own)}

    def after_step(self, networks: Any, world: Any, batch: Array, parts: dict[str, Array]) -> Any:
        """Let the moments of use follow those of the batch."""
        del networks, batch
        seen = tuple((parts[f"moments {i}"][0], parts[f"moments {i}"][1]) for i in range(len(world["moments"])))
        return world | {"moments": follow(world["moments"], seen)}

    def absorb(self, networks: Any, world: Any, data: Array, parts: dict[str, Array]) -> Any:
        """Keep what the fixed noise now gives, where it is time to."""
        del data, parts
        episode, last = world["episode"] + 1, len(world["way"]) - 1
        here = episode * last // self.episodes
        way = jax.lax.cond(
            here > (episode - 1) * last // self.episodes,
            lambda: world["way"].at[here].set(make(networks["generator"], world["moments"], world["noise"])),
            lambda: world["way"],
        )
        return world | {"way": way, "episode": episode}

    def check(self, networks: Any, world: Any, *, key: PRNGKeyArray) -> dict[str, Note]:
        """Note how probable it seems to the discriminator that what is made is real."""
        del key
        made = make(networks["generator"], world["moments"], world["noise"])
        return {"taken for real": Note(jax.nn.sigmoid(networks["discriminator"](made)[:, 0]))}


def _made(generator: Any, moments: Moments | None, noise: Float[Array, "B Z"]) -> tuple[Array, Moments]:
    return generator(noise, moments) if isinstance(generator, Generator) else (generator(noise), ())


def make(generator: Any, moments: Moments, noise: Float[Array, "B Z"]) -> Float[Array, "B ..."]:
    """Return what a generator makes of noise, in use."""
    return _made(generator, moments, noise)[0]


def still_network(network: Any) -> Any:
    """Return a network through which gradients flow to its inputs only."""
    trained, rest = eqx.partition(network, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(trained), rest)
