"""Feasible sets: policies that satisfy their constraints by construction.

A network gives real numbers; a feasible set maps them into what the model allows, so that consumption is positive
and every sign condition holds in each step of training, and no penalty is needed. Bounds are arrays and may be
computed from the state. `size` is the number of real numbers the set takes; `values(raw)` returns the policies
by name (most sets give one, under the name the model gave them).

| set | map from raw x | range |
|---|---|---|
| `Real` | offset + scale x | all reals |
| `HalfLine` | lower + scale softplus(x) | (lower, inf) |
| `Interval` | lower + (upper - lower) sigmoid(x) | (lower, upper); arrays of bounds make it a box |
| `Simplex` | total softmax(x) | n shares above 0 that sum to the total |
| `Complement` | see there | a bounded variable with its multiplier |
"""

from __future__ import annotations

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float

from equilearn.errors import UserError
from equilearn.parameters import fitted

LIMIT = 12.0
"""Raw numbers are softly clipped to (-LIMIT, LIMIT), so that in float32 no variable ever reaches its bound."""
SAVINGS_LIMIT = 8.0
"""The same for `Complement`, whose upper - variable is above (1 - start) exp(-SAVINGS_LIMIT) of the interval."""
STRETCH_LIMIT = 4.0
"""The same for the logarithm of what `Complement` stretches raw numbers by where the bound holds."""

PUSHING = 0.7
"""Share of the clip from which a raw number counts as pushing against it: of an interval, two ten-thousandths are left.
Gradients are so small there that a network which wants more hardly gets further."""
SAVINGS_PUSHING = 0.8
"""The same for `Complement`: consumption is then below two thousandths of the interval, times 1 - start."""


def soft_clip(raw: Float[Array, "..."], limit: float = LIMIT) -> Float[Array, "..."]:
    """Return limit tanh(x / limit): x where it is small, never the limit or more."""
    return limit * jnp.tanh(raw / limit)


def pushing(raw: Float[Array, "..."], limit: float = LIMIT) -> Bool[Array, "..."]:
    """Return where raw numbers are so large that the soft clip holds them back."""
    return soft_clip(raw, limit) > (PUSHING if limit == LIMIT else SAVINGS_PUSHING) * limit


class FeasibleSet(eqx.Module):
    """Where one policy lives."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the raw numbers the set takes."""

    @abc.abstractmethod
    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Map raw numbers of shape `shape` into the set; return the policies by name."""

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of the policies the set gives."""
        return (name,)

    def multipliers(self) -> tuple[str, ...]:
        """Return the names of those that are multipliers: they price the set's bounds and decide nothing."""
        return ()

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """Return, by what it is in words, where a policy is held at an end that has no equation of its own.

        The certificate names such ends, and does not call a solution accurate where one holds it often.
        """
        del name, raw
        return {}

    def binding(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """Return, by what it is in words, where a policy is at an end that is part of the economics."""
        del name, raw
        return {}

    @property
    def size(self) -> int:
        """Number of raw numbers the set takes."""
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        """Number of the network's outputs that the raw numbers are made of."""
        return self.size

    def raw(self, outputs: Float[Array, " outputs"]) -> Float[Array, "..."]:
        """Return the raw numbers, of shape `shape`, of the network's outputs."""
        return outputs.reshape(self.shape)


def _array(bound: Any) -> Any:
    """Return a bound that was given as a list as an array; numbers and arrays as they are."""
    if isinstance(bound, (list, tuple)):
        return jnp.stack([jnp.asarray(_array(item), float) for item in bound])
    if isinstance(bound, (bool, str)) or bound is None:
        raise UserError(f"a bound must be a number or an array, not {bound!r}.")
    return bound


def _shape(*bounds: Any) -> tuple[int, ...]:
    return jnp.broadcast_shapes(*(getattr(bound, "shape", ()) for bound in bounds))


def _between(lower: ArrayLike, upper: ArrayLike, share: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.asarray(lower) + (jnp.asarray(upper) - lower) * share


class Real(FeasibleSet):
    """All real numbers: offset + scale x."""

    offset: ArrayLike = eqx.field(converter=_array, default=0.0)
    scale: ArrayLike = eqx.field(converter=_array, default=1.0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of offset and scale together."""
        return _shape(self.offset, self.scale)

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return offset + scale x."""
        return {name: jnp.asarray(self.offset + self.scale * raw)}


class HalfLine(FeasibleSet):
    """Numbers above a bound: lower + scale softplus(x)."""

    lower: ArrayLike = eqx.field(converter=_array, default=0.0)
    scale: ArrayLike = eqx.field(converter=_array, default=1.0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of lower bound and scale together."""
        return _shape(self.lower, self.scale)

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return lower + scale softplus(x)."""
        return {name: jnp.asarray(self.lower + self.scale * jax.nn.softplus(jnp.maximum(raw, -LIMIT)))}

    def binding(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """A multiplier is at its lower bound wherever its constraint does not bind."""
        return {f"{name} at its lower bound": raw < -PUSHING * LIMIT}


class Interval(FeasibleSet):
    """Numbers between two bounds, a box where the bounds are arrays: lower + (upper - lower) sigmoid(x + b).

    `start` is the share of the interval where a fresh network (x about 0) begins, which sets b; with a
    steady state to aim at, learning begins near it.
    """

    lower: ArrayLike = eqx.field(converter=_array)
    upper: ArrayLike = eqx.field(converter=_array)
    start: ArrayLike = eqx.field(converter=_array, default=0.5)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the two bounds and the start together."""
        return _shape(self.lower, self.upper, self.start)

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return lower + (upper - lower) sigmoid(x + b)."""
        share = jax.nn.sigmoid(soft_clip(raw) + jax.scipy.special.logit(self.start))
        return {name: _between(self.lower, self.upper, share)}

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """Both ends."""
        return {f"{name} at its lower bound": pushing(-raw), f"{name} at its upper bound": pushing(raw)}


class Simplex(FeasibleSet):
    """`number` shares above zero that sum to `total`: total softmax(x)."""

    number: int = eqx.field(static=True, converter=lambda value: fitted(value, int, "Simplex: number"))
    total: ArrayLike = eqx.field(converter=_array, default=1.0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of shares."""
        return (self.number,)

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return total softmax(x)."""
        return {name: jnp.asarray(self.total * jax.nn.softmax(soft_clip(raw)))}

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """Shares that the clip keeps from falling or rising."""
        return {f"a share of {name} at its bound": pushing(jnp.abs(raw))}


class Complement(FeasibleSet):
    """A variable in [lower, upper) and the multiplier of its lower bound, of which one is always exactly zero.

    One raw number x gives both, with x+ = max(x, 0) and x- = max(-x, 0):

        variable   = lower + (upper - lower) (1 - exp(-x+))
        multiplier = scale * x-

    Complementary slackness therefore holds exactly in every step of training, and the kink of the policy, where
    the constraint begins to bind, sits where the smooth function x crosses zero. The Euler equation is monotone
    in x on both sides, so there is no spurious minimum to escape from. With the variable savings and upper the
    cash on hand, upper - variable is consumption and x+ minus the log of the consumed share.

    As a function of the state x moves faster on one side of zero than on the other, by a ratio that follows from the
    model, and a smooth network rounds off that kink. So the network gives a second number y, and x- is multiplied by
    exp(y): both numbers can then be smooth functions of the state. With an `exact_scale` there is no y, and a network
    half as wide at its end learns x fastest where `scale` leaves it no kink: a few times the marginal utility of
    `upper` (see `economies/olg.py`).
    """

    lower: ArrayLike = eqx.field(converter=_array)
    upper: ArrayLike = eqx.field(converter=_array)
    scale: ArrayLike = eqx.field(converter=_array, default=1.0)
    multiplier: str = eqx.field(static=True, default="multiplier")
    start: ArrayLike = eqx.field(converter=_array, default=0.25)
    """Share of the interval where a fresh network begins, unconstrained: adds -log(1 - start) to the raw number."""
    exact_scale: bool = eqx.field(static=True, default=False)
    """Whether the scale is used as it is, and not corrected by a second number of the network."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of bounds, scale and start together."""
        return _shape(self.lower, self.upper, self.scale, self.start)

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of the variable and of the multiplier."""
        return (name, self.multiplier)

    def multipliers(self) -> tuple[str, ...]:
        """Return the name of the multiplier."""
        return (self.multiplier,)

    @property
    def outputs(self) -> int:
        """Two for each raw number, x and y; one where the scale is exact."""
        return self.size if self.exact_scale else 2 * self.size

    def raw(self, outputs: Float[Array, " outputs"]) -> Float[Array, "..."]:
        """Return the raw numbers x, stretched by exp(y) where the bound holds."""
        if self.exact_scale:
            return super().raw(outputs)
        number, stretch = outputs.reshape(2, *self.shape)
        kink = SAVINGS_LIMIT * jnp.arctanh(jnp.clip(jnp.log1p(-jnp.asarray(self.start)) / SAVINGS_LIMIT, -0.999, 0.999))
        beyond = jnp.minimum(number - kink, 0.0)
        return number + beyond * jnp.expm1(soft_clip(stretch, STRETCH_LIMIT))

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return the variable and its multiplier."""
        x = soft_clip(raw, SAVINGS_LIMIT) - jnp.log1p(-jnp.asarray(self.start))
        share = -jnp.expm1(-jax.nn.relu(x))
        return {
            name: _between(self.lower, self.upper, share),
            self.multiplier: jnp.asarray(self.scale * jax.nn.relu(-x)),
        }

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """The upper end, and the largest multiplier."""
        return {
            f"{name} at its upper bound": pushing(raw, SAVINGS_LIMIT),
            f"{self.multiplier} at its upper bound": pushing(-raw, SAVINGS_LIMIT),
        }

    def binding(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """The lower bound, which has the multiplier."""
        return {f"{name} at its lower bound": soft_clip(raw, SAVINGS_LIMIT) < jnp.log1p(-jnp.asarray(self.start))}
