"""Welfare in consumption equivalents: by what share consumption must rise for ever to be worth another economy.

    E sum_t discount^t u(state_t, policy_t; 1 + x), reference  =  E sum_t discount^t u(state_t, policy_t; 1), other

The expectation is a mean over simulated paths, on which both economies draw their shocks with the same random numbers.
After T periods utility is taken to go on as it was on average in the last quarter of them; what that may miss is at
most discount^T / (1 - discount) times the distance between the largest and the smallest utility seen (`remainder`).
Paths do not depend on x, which is found by Newton's method in log(1 + x): exact in one step for log utility. The
measure is that of Lucas (1987).
Legend: P paths, T periods, L periods of a life.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium.arguments import finite, seed_of, whole
from equilearn.equilibrium.given import OutsideWarning, given, warn_lost, warn_outside
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.problem import errors_on
from equilearn.equilibrium.shocks import shock_of
from equilearn.equilibrium.solution import MOST_STATES, Solution, in_precision
from equilearn.errors import UserError, first_line
from equilearn.learn import key_of

Utility = Callable[[Any, Any, Any, Any], Any]
"""Period utility: a function of model, state, policy and what consumption is multiplied by."""
LEFT = 1e-4
"""Weight of the period after the last, discount^T, unless periods are given."""
MOST_PERIODS = 10_000
UNLEARNT = 0.01
"""Mean error in the starting states from which a warning says that a solution has not learnt them."""
STEPS = 60
"""Of Newton's method."""


@dataclass(frozen=True)
class Welfare:
    """What moving from one economy to another is worth."""

    equivalent: float
    """Share by which consumption in the reference must rise for ever to be worth the other economy; 0.01 is 1 %."""
    standard_error: float
    """Of the equivalent: the paths are finitely many."""
    remainder: float
    """By how much the equivalent may be off at most since the paths end; 0 for lives, which end themselves."""
    lifetime: tuple[float, float]
    """Mean lifetime utility in the reference and in the other economy."""
    lifetime_errors: tuple[float, float]
    """Their standard errors."""
    start: str
    """From which states, in words."""
    start_error: float
    """Mean absolute error of the other economy's equations there: small where it has learnt what to do after the
    change."""
    periods: int
    paths: int

    def __str__(self) -> str:
        """Return the finding, and what it leaves out, in sentences."""
        moves = "gain" if self.equivalent >= 0 else "loss"
        ends = (
            f" That the paths end may move it by {100 * self.remainder:.1g} points at most." if self.remainder else ""
        )
        return (
            f"A {moves} worth {100 * self.equivalent:+.4g} % of consumption in every period (standard error "
            f"{100 * self.standard_error:.1g} points; {self.paths:,} paths of {self.periods:,} periods, "
            f"{self.start}).{ends} The errors of the two solutions, which their certificates give, come on top."
        )


def welfare(
    reference: Solution,
    other: Solution,
    *,
    utility: Utility | None = None,
    discount: float | None = None,
    start: Any = None,
    transition: bool = True,
    periods: int | None = None,
    paths: int = 1_000,
    burn_in: int = 1_000,
    seed: int = 1,
) -> Welfare:
    """Return what moving from a reference economy to another is worth, in consumption equivalents.

    Args:
        reference: the solution of the economy in which consumption is raised until both are worth the same.
        other: the solution of the economy that is moved to.
        utility: period utility, a function (model, state, policy, scale) in which consumption is multiplied by `scale`;
            by default the method `utility(self, state, policy, scale)` of the models. One number; or, for lives of L
            periods, a vector of the utilities of the ages, of which a household that is born in the first period has
            the t-th in period t.
        discount: factor in (0, 1) a period, up to 1 for lives; by default the models' `discount`.
        start: from this state of the reference, or from several (a leading axis on every field; all count the same).
        transition: without a start, both economies start from states of the reference's long run, so that the other
            begins with the change; where false, each starts in its own long run.
        periods: followed on each path; by default until a period weighs less than 1e-4.
        paths: simulated; over all starts where several are given.
        burn_in: periods before the start, where none is given.
        seed: of the paths.

    Warns (`OutsideWarning`) where the other economy has large errors in the states where it begins. It must have
    learnt them: states of the reference's long run may be far from its own. Let `initial` draw them, with `restart`
    above zero.

    Returns:
        The equivalent with its standard error. It leaves out the errors of the solutions, and risk preferences that are
        no expected sum of period utilities (Epstein and Zin).

    Raises:
        UserError: an argument is wrong; no utility or discount factor is known, or the models' differ; the economies
            have other states; no equivalent makes them worth the same.
    """
    for name, one in (("reference", reference), ("other", other)):
        if not isinstance(one, Solution):
            raise UserError(f"{name}: must be a solution (`solve(...)`, `load(...)`), not {type(one).__name__}.")
    both = (reference, other)
    utilities = [utility or _own_utility(one.model) for one in both]
    life = {_length(one.model, function) for one, function in zip(both, utilities, strict=True)}
    if len(life) > 1:
        raise UserError("utility: must have the same length in both economies.")
    length = life.pop()
    beta = _discount(both, discount, length)
    periods = _periods(periods, beta, length)
    paths, seed, burn_in = whole("paths", paths, 2), seed_of(seed), whole("burn_in", burn_in, 0)
    if paths * periods > MOST_STATES:
        raise UserError(f"paths times periods must be at most {MOST_STATES:,}, not {paths * periods:,}; take fewer.")
    starts, groups, where = _starts(both, start, transition, burn_in, paths, seed)
    paths = jax.tree.leaves(starts[0])[0].shape[0]
    began = _check_start(other, starts[1])

    def lifetimes(which: int, scale: float) -> _Lifetimes:
        solution = both[which]
        with in_precision(solution.precision):
            policy, numbers = solution.policy_function, (jnp.asarray(beta), jnp.asarray(scale))  # not constants
            endless = length == 0
            found = _lifetimes(policy, starts[which], utilities[which], *numbers, periods, endless, key_of(seed))
        return jax.tree.map(lambda leaf: np.asarray(leaf, float), found)

    target = lifetimes(1, 1.0)
    scale, here = _solve(lambda scale: lifetimes(0, scale), target, both)
    slope, first = here.slope.mean(), lifetimes(0, 1.0)
    for solution, found in ((reference, here), (other, target)):
        if solution.episodes:
            warn_lost("welfare", float(found.outside), level=3)
    tail = beta**periods / (1 - beta) if length == 0 else 0.0
    return Welfare(
        equivalent=scale - 1,
        standard_error=_error(here.value - target.value, groups) / float(slope),
        remainder=float(tail * sum(one.high - one.low for one in (here, target)) / slope),
        lifetime=(float(first.value.mean()), float(target.value.mean())),
        lifetime_errors=(_error(first.value, groups), _error(target.value, groups)),
        start=where,
        start_error=began,
        periods=periods,
        paths=paths,
    )


def _check_start(other: Solution, states: Any) -> float:
    """Return the mean absolute error of the equations where a solution begins; warn where it has not learnt that."""
    with in_precision(other.precision):
        errors = eqx.filter_jit(errors_on)(other.policy_function, states)
    largest = max(float(jnp.mean(jnp.abs(one))) for one in errors.values())
    if not largest <= UNLEARNT:
        warnings.warn(
            f"welfare: {other.model.name} has errors of {largest:.1g} on average in the states where the comparison "
            "begins, which its paths hardly visited while learning; let `initial` draw such states, with `restart` "
            "above zero, and solve it again.",
            OutsideWarning,
            stacklevel=3,
        )
    return largest


class _Lifetimes(eqx.Module):
    """Discounted utilities."""

    value: Float[Array, " paths"]
    slope: Float[Array, " paths"]
    """Derivatives with respect to the scale."""
    low: Float[Array, ""]
    high: Float[Array, ""]
    """Smallest and largest utility of a period."""
    outside: Float[Array, ""]
    """Share of the states far outside what was learnt."""


@eqx.filter_jit
def _lifetimes(
    policy: PolicyFunction,
    states: Any,
    utility: Utility,
    discount: Float[Array, ""],
    scale: Float[Array, ""],
    periods: int,
    endless: bool,
    key: PRNGKeyArray,
) -> _Lifetimes:
    """Return discounted utility on a path from each state."""
    model, late = policy.model, periods - max(periods // 4, 1)
    paths, real = jax.tree.leaves(states)[0].shape[0], jnp.zeros(()).dtype

    def one(state: Any, time: Array, one_key: PRNGKeyArray) -> tuple[Any, Array, Array, Array]:
        decision = policy(state)

        def now(scale: Array) -> Array:
            value = jnp.asarray(utility(model, state, decision, scale), real)
            return value if endless else value[time]

        value, slope = jax.jvp(now, (scale,), (jnp.ones_like(scale),))
        shock = model.process(state, decision).draw(shock_of(state), key=one_key)
        outside = policy.scaling.blind(model.features(state))
        return model.transition(state, decision, shock), value, slope, outside

    def step(carry: Any, inputs: tuple[Array, PRNGKeyArray]) -> tuple[Any, Any]:
        states, value, slope, low, high, tail, outside = carry
        time, one_key = inputs
        states, u, du, blind = jax.vmap(one, in_axes=(0, None, 0))(states, time, jax.random.split(one_key, paths))
        weight = discount**time
        last = jnp.where(time >= late, 1.0 / (periods - late), 0.0)
        tail = tail[0] + last * jnp.mean(u), tail[1] + last * jnp.mean(du)
        extremes = jnp.minimum(low, jnp.min(u)), jnp.maximum(high, jnp.max(u))
        return (states, value + weight * u, slope + weight * du, *extremes, tail, outside + jnp.mean(blind)), None

    zero, none = jnp.zeros(paths, real), jnp.zeros((), real)
    begin = (states, zero, zero, none + jnp.inf, none - jnp.inf, (none, none), none)
    inputs = jnp.arange(periods), jax.random.split(key, periods)
    _, value, slope, low, high, (level, rise), outside = jax.lax.scan(step, begin, inputs)[0]
    rest = discount**periods / (1 - discount) if endless else 0.0
    return _Lifetimes(value + rest * level, slope + rest * rise, low, high, outside / periods)


def _solve(
    lifetimes: Callable[[float], _Lifetimes], target: _Lifetimes, both: tuple[Solution, Solution]
) -> tuple[float, _Lifetimes]:
    """Return the scale that makes both worth the same, and the lifetimes in the reference with it."""
    log_scale, wanted = 0.0, target.value.mean()
    for _ in range(STEPS):
        scale = math.exp(log_scale)
        here = lifetimes(scale)
        value, slope = here.value.mean(), here.slope.mean() * scale
        for solution, found in zip(both, (value, wanted), strict=True):
            if not np.isfinite(found):
                raise UserError(
                    f"utility: is not finite on the paths of {solution.model.name}; is consumption positive?"
                )
        if not slope > 0:
            raise UserError("utility: must rise with `scale`, which multiplies consumption.")
        step = float(np.clip((wanted - value) / slope, -1.0, 1.0))
        if abs(step) <= 1e-7:
            return scale, here
        log_scale += step
        if abs(step) <= 1e-5:  # Newton's next step would be smaller than rounding
            return math.exp(log_scale), here
    raise UserError("welfare: no share of consumption makes the two economies worth the same.")


def _error(values: Any, groups: int) -> float:
    """Return the standard error of a mean over paths, (paths,); within a group these differ by chance only."""
    within = np.reshape(values, (groups, -1)).var(axis=1, ddof=1)
    return float(np.sqrt(within.mean() / np.size(values)))


def _own_utility(model: Model) -> Utility:
    own = getattr(type(model), "utility", None)
    if not callable(own):
        raise UserError(
            f"utility: {model.name} has no method utility(self, state, policy, scale); write one, or give "
            "utility=lambda model, state, policy, scale: ... with consumption multiplied by scale."
        )
    return own


def _length(model: Model, utility: Utility) -> int:
    """Return the length of a life, 0 where utility is one number.

    Raises:
        UserError: it is something else, or the function raises.
    """

    def one(state: Any) -> Any:
        policies = model.policies(state)
        raw = [feasible.values(name, jnp.zeros(feasible.shape)) for name, feasible in policies.items()]
        policy = model.Policy(**{name: value for values in raw for name, value in values.items()})
        return utility(model, state, policy, jnp.ones(()))

    try:
        found = jax.eval_shape(lambda: one(model.initial(jax.random.key(0))))
    except Exception as error:
        raise UserError(f"utility: raised {type(error).__name__}: {first_line(error)}") from error
    if getattr(found, "ndim", 2) > 1 or not jnp.issubdtype(found.dtype, jnp.floating):
        raise UserError("utility: must return one real number, or a vector with one for each age.")
    return found.shape[0] if found.ndim else 0


def _discount(both: tuple[Solution, Solution], discount: float | None, length: int) -> float:
    if discount is None:
        factors = [getattr(one.model, "discount", None) for one in both]
        if not all(isinstance(factor, float) for factor in factors):
            raise UserError("discount: the models have no parameter of this name; give discount=0.96, say.")
        if factors[0] != factors[1]:
            raise UserError(f"discount: is {factors[0]} in one model and {factors[1]} in the other; say by which.")
        discount = factors[0]
    factor = finite("discount", discount)
    if not (0 < factor < 1 or (factor == 1 and length)):
        raise UserError(f"discount: must be above 0 and below 1, not {factor:g}.")
    return factor


def _periods(periods: int | None, discount: float, length: int) -> int:
    if length:
        if periods not in (None, length):
            raise UserError(f"periods: a life has {length}; leave it out.")
        return length
    if periods is not None:
        return whole("periods", periods, 1)
    return min(max(math.ceil(math.log(LEFT) / math.log(discount)), 1), MOST_PERIODS)


def _starts(
    both: tuple[Solution, Solution], start: Any, transition: bool, burn_in: int, paths: int, seed: int
) -> tuple[list[Any], int, str]:
    """Return where the paths of each economy start, from how many states that were given, and that in words."""
    reference, other = both
    if start is None and not transition:
        own = [
            jax.tree.map(lambda leaf: leaf[0], one.states(1, burn_in=burn_in, paths=paths, seed=seed)) for one in both
        ]
        return own, 1, "each economy from its own long run"
    if start is None:
        states, groups, where = (
            reference.states(1, burn_in=burn_in, paths=paths, seed=seed),
            1,
            "the reference's long run",
        )
        states = jax.tree.map(lambda leaf: leaf[0], states)
    else:
        states, axes = given(reference.model, start)
        states = states if axes else jax.tree.map(lambda leaf: leaf[None], states)
        groups = jax.tree.leaves(states)[0].shape[0]
        states = jax.tree.map(lambda leaf: jnp.repeat(leaf, max(paths // groups, 2), axis=0), states)
        where = "the given state" if groups == 1 else f"the {groups} given states"
    fields = other.model.State._fields  # pyright: ignore[reportAttributeAccessIssue]
    if fields != states._fields:
        raise UserError(
            f"welfare: {other.model.name} has other states ({', '.join(fields)}) than {reference.model.name} "
            f"({', '.join(states._fields)}); compare their long runs with transition=False."
        )
    moved, _ = given(other.model, other.model.State(*states))
    for solution, own in ((reference, states), (other, moved)):
        if solution.episodes:
            warn_outside(solution.policy_function, own, "welfare", level=4)
    return [states, moved], groups, f"both from {where}"
