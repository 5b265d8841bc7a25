"""Optimisers as values: Optax transformations whose learning rate follows the spent share of the budget.

The loop passes `progress`, in [0, 1], to the optimiser, so that one schedule serves a budget in episodes and one
in seconds. The learning rate at progress p is `learning_rate * annealing(p)`, with a short linear warm-up
and then a half cosine down to a thousandth (Loshchilov and Hutter, 2017):

    annealing(p) = min(p / warmup, 1) * (0.001 + 0.999 * (1 + cos(pi p)) / 2)

The same arguments give the same object, by which the loop recognises a program that it has compiled already.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from equilearn.errors import UserError

Schedule = Callable[[Float[Array, ""]], Float[Array, ""]]


def cosine(progress: Float[Array, ""], *, warmup: float = 0.02, final: float = 1e-3) -> Float[Array, ""]:
    """Return the factor on the learning rate at a spent share of the budget: warm-up, then a half cosine."""
    rise = jnp.minimum((progress + 1e-3) / warmup, 1.0)
    return rise * (final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(progress, 1.0))))


def linear(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Return 1 - progress: a learning rate that falls to zero in a straight line."""
    return 1 - jnp.minimum(progress, 1.0)


def constant(progress: Float[Array, ""]) -> Float[Array, ""]:
    """Return 1: a learning rate that does not change."""
    return jnp.ones_like(progress)


def scale_by_progress(learning_rate: float, schedule: Schedule) -> optax.GradientTransformationExtraArgs:
    """Return the transformation u -> learning_rate * schedule(progress) * u.

    The sign is left to the transformation it is chained to: updates point downhill before they come here.
    """

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params
        rate = learning_rate * schedule(jnp.asarray(extra["progress"], jnp.float32))
        return jax.tree.map(lambda u: rate.astype(u.dtype) * u, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


@functools.lru_cache
def adam(
    learning_rate: float = 1e-3,
    *,
    weight_decay: float = 0.0,
    schedule: Schedule = cosine,
    clip: float = 1.0,
    epsilon: float = 1e-8,
) -> optax.GradientTransformationExtraArgs:
    """Adam (Kingma and Ba, 2015) on gradients clipped to the global norm `clip`, with weight decay on the matrices.

    The decay is decoupled (Loshchilov and Hutter, 2019): it does not pass through Adam's scaling.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip),
        optax.adam(1.0, eps=epsilon),
        *([_decay(weight_decay)] if weight_decay else []),
        scale_by_progress(learning_rate, schedule),
    )


def _decay(rate: float) -> optax.GradientTransformation:
    """Return the transformation u -> u - rate * W for matrices W; updates point downhill before they come here."""
    return optax.add_decayed_weights(-rate, mask=lambda tree: jax.tree.map(lambda leaf: leaf.ndim == 2, tree))


class EveryState(NamedTuple):
    """State of `every`."""

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    inner: Any


@functools.lru_cache
def every(steps: int, optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Return the optimiser that moves in every so many-th gradient step only; between them it remembers nothing.

    For players of a game of which one moves n times for each time the other moves:

        optax.partition({"critic": adam(1e-4), "generator": every(5, adam(1e-4))}, labels)

    Raises:
        UserError: `steps` is not a whole number of at least 1.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise UserError(f"every: steps must be a whole number of at least 1, not {steps!r}.")
    inner = optax.with_extra_args_support(optimizer)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, EveryState]:
        moved, memory = jax.lax.cond(
            (state.count + 1) % steps == 0,
            lambda: inner.update(updates, state.inner, params, **extra),
            lambda: (jax.tree.map(jnp.zeros_like, updates), state.inner),
        )
        return moved, EveryState(state.count + 1, memory)

    return optax.GradientTransformationExtraArgs(
        lambda params: EveryState(jnp.zeros((), jnp.int32), inner.init(params)), update
    )


LARGEST_BASIS = 128
"""A side of a matrix that is longer than this, and than the other side, keeps its own coordinates: the cost of a basis
grows with the cube, and a long side is usually that of the outputs, which are variables with a meaning of their own."""


class Axes(NamedTuple):
    """SOAP's memory of one parameter; for what is no matrix only the moments are used."""

    first: Array
    """Mean of the gradient, in the parameter's own coordinates."""
    second: Array
    """Mean of the squared gradient, in the rotated coordinates."""
    left: Array
    """Mean of G G', (m, m); empty where the side is too long."""
    right: Array
    """Mean of G' G, (n, n); empty where the side is too long."""
    left_basis: Array
    right_basis: Array


class SoapState(NamedTuple):
    """State of `scale_by_soap`."""

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    axes: tuple[Axes, ...]
    """One for each parameter, in the order of the tree's leaves."""


def scale_by_soap(
    decay: float = 0.95, *, epsilon: float = 1e-8, refresh_every: int = 10
) -> optax.GradientTransformation:
    """SOAP (Vyas et al., 2024): Adam in the eigenbasis of Shampoo's preconditioner.

    For a matrix of weights with gradient G, with running means (rate 1 - decay) L of G G' and R of G' G,

        G_rotated = Q_L' G Q_R,   update = -Q_L (M_rotated / sqrt(V_rotated)) Q_R'

    where Q_L and Q_R are eigenvectors of L and R, refreshed every few steps by one power iteration and a QR
    decomposition, and M and V are the bias-corrected means of the gradient and of the squared rotated gradient.
    Other parameters get Adam's update. The first step already uses the exact eigenvectors. Long sides (`LARGEST_BASIS`)
    are not rotated.
    """

    def init(parameters: Any) -> SoapState:
        def one(p: Array) -> Axes:
            sides = p.shape if p.ndim == 2 else (0, 0)
            m, n = (size if size <= max(LARGEST_BASIS, min(sides)) else 0 for size in sides)
            return Axes(
                jnp.zeros_like(p), jnp.zeros_like(p), jnp.zeros((m, m)), jnp.zeros((n, n)), jnp.eye(m), jnp.eye(n)
            )

        return SoapState(jnp.zeros((), jnp.int32), tuple(one(p) for p in jax.tree.leaves(parameters)))

    def update(gradients: Any, state: SoapState, parameters: Any = None) -> tuple[Any, SoapState]:
        del parameters
        count = state.count + 1
        leaves, structure = jax.tree.flatten(gradients)
        updates, axes = [], []
        for gradient, one in zip(leaves, state.axes, strict=True):
            one = one._replace(first=decay * one.first + (1 - decay) * gradient)
            if gradient.ndim == 2:
                one = _refresh(one, gradient, count, decay, refresh_every)
                turn: Any = lambda g, one=one: _turn(one.left_basis.T, g, one.right_basis)  # noqa: E731
                turn_back: Any = lambda g, one=one: _turn(one.left_basis, g, one.right_basis.T)  # noqa: E731
            else:
                turn = turn_back = lambda g: g
            one = one._replace(second=decay * one.second + (1 - decay) * turn(gradient) ** 2)
            unbias = 1 - decay**count
            updates.append(-turn_back(turn(one.first) / unbias / (jnp.sqrt(one.second / unbias) + epsilon)))
            axes.append(one)
        return jax.tree.unflatten(structure, updates), SoapState(count, tuple(axes))

    return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]


def _turn(left: Array, matrix: Array, right: Array) -> Array:
    """Return the product of the three, where an empty basis leaves its side as it is."""
    matrix = left @ matrix if left.size else matrix
    return matrix @ right if right.size else matrix


def _refresh(one: Axes, gradient: Array, count: Array, decay: float, every: int) -> Axes:
    """Return the memory with the new gradient in L and R and, every few steps, with new bases."""

    def follow(mean: Array, factor: Array) -> Array:
        return decay * mean + (1 - decay) * factor @ factor.T if mean.size else mean

    one = one._replace(left=follow(one.left, gradient), right=follow(one.right, gradient.T))

    def basis(matrix: Array, old: Array) -> tuple[Array, Array]:
        """Return the new basis, and in which order of importance it takes the old one."""
        order = jnp.argsort(-jnp.sum(old * (matrix @ old), axis=0))
        new = jax.lax.cond(
            count == 1,
            lambda: jnp.linalg.eigh(matrix)[1][:, ::-1],
            lambda: jnp.linalg.qr(matrix @ old[:, order])[0],
        )
        return new, order

    def renew() -> tuple[Array, Array, Array]:
        second, left, right = keep()
        if left.size:
            left, rows = basis(one.left, left)
            second = second[rows]
        if right.size:
            right, columns = basis(one.right, right)
            second = second[:, columns]
        return second, left, right

    def keep() -> tuple[Array, Array, Array]:
        return one.second, one.left_basis, one.right_basis

    # What a conditional returns is copied in every step, so it returns only what a new basis changes.
    second, left, right = jax.lax.cond((count == 1) | (count % every == 0), renew, keep)
    return one._replace(second=second, left_basis=left, right_basis=right)


@functools.lru_cache
def soap(
    learning_rate: float = 3e-3,
    *,
    weight_decay: float = 0.0,
    schedule: Schedule = cosine,
    clip: float = 1.0,
) -> optax.GradientTransformationExtraArgs:
    """SOAP on gradients clipped to the global norm `clip`, with weight decay on the matrices.

    Close to a second-order method at the price of Adam for networks of this package's sizes: it brings smooth
    policies one to two digits further than Adam or Muon.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip),
        scale_by_soap(),
        _decay(weight_decay),
        scale_by_progress(learning_rate, schedule),
    )
