"""Equilibrium conditions as unit-free errors.

With marginal utility u'(c) = c^-risk_aversion, the Euler equation with a multiplier on the lower bound of savings
is u'(c) = discount E[R' u'(c')] + multiplier, and its error in consumption units (Judd, 1992) is

    u'^{-1}(discount E[R' u'(c')] + multiplier) / c - 1 .

Complementarity of a multiplier m >= 0 and a slack s >= 0 (m s = 0) is measured by the product, or by the function of
Fischer (1992) and Burmeister, which is zero exactly where m >= 0, s >= 0 and m s = 0:

    m + s - sqrt(m^2 + s^2) .
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

_STRICT = contextvars.ContextVar("strict", default=False)


@contextlib.contextmanager
def strictly() -> Iterator[None]:
    """Within: what must be above zero and is not makes the result no number; for checks of a model before training."""
    token = _STRICT.set(True)
    try:
        yield
    finally:
        _STRICT.reset(token)


def euler_error(
    marginal_value: Float[Array, "..."], consumption: Float[Array, "..."], risk_aversion: ArrayLike
) -> Float[Array, "..."]:
    """Return the relative Euler error in units of consumption.

    Args:
        marginal_value: discount E[R' u'(c')] plus multipliers, above zero.
        consumption: today's consumption, above zero.
        risk_aversion: relative risk aversion, above zero; 1 is log utility.
    """
    if _STRICT.get():
        consumption = jnp.where(consumption > 0, consumption, jnp.nan)
    return power(marginal_value, -1.0 / risk_aversion) / consumption - 1.0


def power(base: Float[Array, "..."], exponent: ArrayLike) -> Float[Array, "..."]:
    """Return base^exponent for a base above zero, several times faster than `**` does it for most exponents.

    Compiled for a CPU, the general power is ten times slower than a product or an exponential, and in an economy with
    many agents marginal utilities are where the time goes.

    Args:
        base: numbers above zero.
        exponent: a number, or a traced one (a parameter that is a state).
    """
    if _STRICT.get():
        base = jnp.where(base >= 0, base, jnp.nan)
    if isinstance(exponent, (int, float)):
        if float(exponent).is_integer():
            return jax.lax.integer_pow(jnp.asarray(base), int(exponent))
        if abs(exponent) == 0.5:
            return jnp.sqrt(base) if exponent > 0 else jax.lax.rsqrt(jnp.asarray(base))
    return jnp.exp(exponent * jnp.log(base))


def product_error(multiplier: Float[Array, "..."], slack: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return multiplier times slack; zero also where both signs are wrong, so the signs must hold by construction."""
    return multiplier * slack


def fischer_burmeister(
    multiplier: Float[Array, "..."], slack: Float[Array, "..."], smoothing: ArrayLike = 1e-12
) -> Float[Array, "..."]:
    """Return m + s - sqrt(m^2 + s^2 + smoothing^2), zero exactly at complementarity as the smoothing vanishes.

    Args:
        multiplier: m, in the units of the slack.
        slack: s.
        smoothing: keeps the gradient finite at m = s = 0; it bounds the error of the zero from below.
    """
    return multiplier + slack - jnp.sqrt(multiplier**2 + slack**2 + smoothing**2)  # pyright: ignore[reportOperatorIssue]
