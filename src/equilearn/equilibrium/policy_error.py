"""How far the policy is from the exact one, and whether that is the only one nearby: Newton's method along paths.

Let r(x) be what the network says in state x (numbers in R^m, before the feasible sets map them to policies), F the
equilibrium conditions, and x'_i, i = 1..I, tomorrow's states at the nodes of the shock, with weights w_i. The exact
solution r + e makes F zero everywhere. To first order in the function e,

    0 = F(x) + A(x) e(x) + sum_i B_i(x) e(x'_i)
    A   = dF/dr today, where tomorrow's policy stays the same function (x'_i moves with today's decision)
    B_i = dF/d(tomorrow's r at node i)

so that, where node i is drawn with its weight as the probability,

    e(x) = s(x) + E[M e(x')],   s = -A^-1 F,   M = -A^-1 B_i / w_i
    e(x_0) = E sum_t M_0 M_1 ... M_{t-1} s(x_t) .

Along a drawn path of T periods this is a recursion backward with vectors, e_t = s_t + M_t e_{t+1} from e_T = 0; A comes
from m forward derivatives, B e from one. Several paths start in every state. They come in groups whose draws are
stratified in every period (Latin hypercubes), so that what is linear in the shocks hardly adds noise; the scatter over
groups, which are independent, gives the standard error. r + e, mapped through the feasible sets, less the policy is the
estimated error in the policy's own units; where a constraint binds before and after, it is zero by itself. In the
state looked at itself the equation is then solved once more beyond the first order, for kinks between r and r + e.

    rate = lim_T || E[M_0 ... M_{T-1}] ||^(1/T)

says whether the sum converges. Below one the exact solution is locally unique; at one or above, the equations do not
pin the policy down. In a linear model that is the condition of Blanchard and Kahn (1980): p_t = a E p_{t+1} + x_t has
rate |a|. It is found from random vectors z that are sent backward from several dates, averaged over all paths.

This is Newton's method in function space, the adjoint of finite elements (dual-weighted residuals: Becker and
Rannacher, 2001); on errors of policies and of equations see Santos (2000). Everything is in double precision, whatever
the solution's. Equations that hold by construction have no part in it; if more are left than numbers r, e is the one
of least squares, weighted where the model weighs components (the rate depends on that too), and directions of r that
move neither equations nor policies get none of it.

Legend: S states, G groups, P paths in each, T periods, m raw numbers, n equations (components), V vectors.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from equilearn.compiling import compiled_once, in_batches
from equilearn.equilibrium.model import PolicyFunction, expectation, square_counts
from equilearn.equilibrium.shocks import shock_of

BATCH = 8
"""States whose paths are followed at a time."""
SETTLING = 8
"""Newton's steps, at most, from the linear estimate in today's equation."""
DAMPING = 1e-10
"""Of least squares, relative to the largest entry of A: keeps directions that move nothing at zero."""


class Paths(NamedTuple):
    """What the paths from each state gave."""

    error: Float[Array, "S n"]
    """The equations where the paths start, times the roots of what their components count."""
    slope: Float[Array, "S n m"]
    """A where the paths start."""
    move: Float[Array, "S G m"]
    """Estimated e, the mean of each group of paths."""
    products: Float[Array, "S ends V m"]
    """E[M_0 ... M_{T-1}] z for every number of periods T in `ends` and every vector z: means over the state's paths."""


def double(tree: Any) -> Any:
    """Return a pytree of arrays with its real numbers in double precision; within `jax.enable_x64`."""

    def one(leaf: Any) -> Array:
        own = np.asarray(leaf)  # on the host: JAX would compile a program for every shape
        return jax.device_put(own.astype(np.float64) if np.issubdtype(own.dtype, np.floating) else own)

    return jax.tree.map(one, tree)


def errors_at(
    policy: PolicyFunction, state: Any, today: Float[Array, " m"], tomorrow: Float[Array, "nodes m"] | None
) -> Float[Array, " n"]:
    """Return all errors, by name, in a state where today's raw numbers, and tomorrow's at each node, are moved.

    Components that count by weights are multiplied by their roots: within an equation, least squares are weighted as in
    the loss.
    """
    decision = policy(state, today)
    errors = policy.model.errors(state, decision, expectation(policy, state, decision, tomorrow))
    counts = square_counts(policy, state)
    counted = {name: error * jnp.sqrt(counts[name]) if name in counts else error for name, error in errors.items()}
    return jnp.concatenate([jnp.ravel(error) for _, error in sorted(counted.items())])


def draws_for(
    states: int, periods: int, groups: int, paths: int, generator: np.random.Generator
) -> Float[np.ndarray, "S T G P"]:
    """Return numbers in [0, 1), one in each of P equal parts for every state, period and group."""
    strata = np.argsort(generator.random((states, periods, groups, paths)), axis=-1)
    return (strata + generator.random(strata.shape)) / paths


@compiled_once
def along_paths(
    policy: PolicyFunction,
    states: Any,
    kept: tuple[int, ...],
    ends: tuple[int, ...],
    draws: Float[Array, "S T G P"],
    vectors: Float[Array, "V m"],
) -> Paths:
    """Return the recursion's results for S states.

    Args:
        policy: the policy function, in double precision.
        states: where the paths start, leading axis S.
        kept: which components of the errors count.
        ends: numbers of periods T at which the products of M are looked at; the last is the length of the paths.
        draws: of the shocks, uniform on [0, 1).
        vectors: those that are sent backward for the rate.
    """
    periods, groups, paths = draws.shape[1:]
    starting = jnp.arange(1, periods + 1)[:, None] == jnp.asarray(ends)

    def from_state(arguments: tuple[Any, Float[Array, "T G P"]]) -> Paths:
        state, own = arguments
        along = functools.partial(_one_path, policy, jnp.asarray(kept), state, starting, vectors)
        (results, first), _ = jax.vmap(along, in_axes=1)(own.reshape(periods, -1))
        moves = results[:, 0].reshape(groups, paths, -1)
        products = results[:, 1:].reshape(-1, len(ends), *vectors.shape)
        error, slope = jax.tree.map(lambda leaf: leaf[0], first)
        return Paths(error, slope, jnp.mean(moves, axis=1), jnp.mean(products, axis=0))

    return in_batches(from_state, (states, draws), BATCH)


@compiled_once
def corrections(
    policy: PolicyFunction, states: Any, kept: tuple[int, ...], draws: Float[Array, "S T"], keep: int
) -> tuple[Any, Float[Array, "samples m"], Float[Array, "samples m"]]:
    """Return the states of the first periods of S paths, the raw numbers there, and e, as each path alone tells it.

    Args:
        policy: the policy function, in double precision.
        states: where the paths start, leading axis S.
        kept: which components of the errors count.
        draws: of the shocks, uniform on [0, 1).
        keep: periods of each path that are returned.
    """
    size = jax.eval_shape(policy.raw, jax.tree.map(lambda leaf: leaf[0], states)).shape[0]
    none, never = jnp.zeros((0, size)), jnp.zeros((draws.shape[1], 0), bool)

    def from_state(arguments: tuple[Any, Float[Array, " T"]]) -> Any:
        state, own = arguments
        seen, moves = _one_path(policy, jnp.asarray(kept), state, never, none, own)[1]
        seen, moves = jax.tree.map(lambda leaf: leaf[:keep], (seen, moves))
        return seen, jax.vmap(policy.raw)(seen), moves

    found = in_batches(from_state, (states, draws), 8 * BATCH)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)


def _one_path(
    policy: PolicyFunction,
    kept: Array,
    state: Any,
    starting: Bool[Array, "T ends"],
    vectors: Float[Array, "V m"],
    draws: Float[Array, " T"],
) -> tuple[tuple[Float[Array, "1+ends*V m"], tuple[Float[Array, " n"], Float[Array, "n m"]]], tuple[Any, Array]]:
    """Return e and the products with every vector, on one path, the equations and A where it starts; and its states
    and e in each of them."""
    model, zero = policy.model, jnp.zeros(vectors.shape[-1])

    def forward(state: Any, draw: Array) -> tuple[Any, tuple[Any, Array]]:
        decision = policy(state)
        values, weights = model.process(state, decision).nodes(shock_of(state))
        reached = jnp.cumsum(weights)
        node = jnp.minimum(jnp.sum(reached <= draw * reached[-1]), weights.size - 1)
        following = model.transition(state, decision, jax.tree.map(lambda leaf: leaf[node], values))
        return jax.tree.map(lambda new, old: new.astype(old.dtype), following, state), (state, node)

    def backward(carry: tuple[Array, Any], period: tuple[Any, Array, Array]) -> tuple[tuple[Array, Any], Array]:
        state, node, begins = period
        later = carry[0]
        weights = model.process(state, policy(state)).nodes(shock_of(state))[1]
        chance = weights[node] / jnp.sum(weights)
        ours = jnp.where(begins[:, None, None], vectors, later[1:].reshape(begins.size, *vectors.shape))
        later = jnp.concatenate([later[:1], ours.reshape(-1, zero.size)])
        still = jnp.zeros((weights.size, zero.size))
        error, push = jax.linearize(lambda now, then: errors_at(policy, state, now, then)[kept], zero, still)
        slope = jax.vmap(lambda move: push(move, still), out_axes=1)(jnp.eye(zero.size))
        chosen = jnp.arange(weights.size)[:, None] == node
        right = jax.vmap(lambda vector: push(zero, chosen * vector))(later) / chance
        later = -least_squares(slope, right.at[0].add(error))
        return (later, (error, slope)), later[0]

    _, (states, nodes) = jax.lax.scan(forward, state, draws)
    last = jnp.zeros((1 + starting.shape[1] * len(vectors), zero.size))
    first = (jnp.zeros(kept.size), jnp.zeros((kept.size, zero.size)))
    results, moves = jax.lax.scan(backward, (last, first), (states, nodes, starting), reverse=True)
    return results, (states, moves)


def least_squares(slope: Float[Array, "n m"], right: Float[Array, "V n"]) -> Float[Array, "V m"]:
    """Return the x of least |slope x - right|^2 + damping^2 |x|^2 for each right side, by orthogonal columns."""
    m = slope.shape[1]
    damped = jnp.concatenate([slope, DAMPING * jnp.max(jnp.abs(slope)) * jnp.eye(m)])
    q, r = jnp.linalg.qr(damped)
    return jax.scipy.linalg.solve_triangular(r, q[: slope.shape[0]].T @ right.T).T


@compiled_once
def settled(
    policy: PolicyFunction, states: Any, kept: tuple[int, ...], found: Paths, moves: Float[Array, "S moves m"]
) -> Float[Array, "S moves m"]:
    """Return moves of today's raw numbers that are right beyond the first order: F(r + e) + b = 0, where the linear
    equation has F + A e + b = 0.

    What later errors add, b, stays of first order. Where today's policy is on the wrong side of a kink, A is that of
    the wrong side, and a linear e too large or too small. Where Newton's steps do not bring the equation nearer to
    zero, the linear one stays.

    Args:
        policy: the policy function, in double precision.
        states: S states.
        kept: which components of the errors count.
        found: what the paths from these states gave.
        moves: estimates of e.
    """

    def one(state: Any, error: Array, slope: Array, move: Array) -> Array:
        later = -(error + slope @ move)

        def left(now: Array) -> Array:
            return errors_at(policy, state, now, None)[jnp.asarray(kept)] + later

        def step(_: Any, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            now, best, size = carry
            now = now - least_squares(jax.jacfwd(left)(now), left(now)[None])[0]
            own = jnp.sum(left(now) ** 2)
            return now, jnp.where(own < size, now, best), jnp.fmin(own, size)

        return jax.lax.fori_loop(0, SETTLING, step, (move, move, jnp.sum(left(move) ** 2)))[1]

    over_moves = jax.vmap(one, in_axes=(None, None, None, 0))
    return jax.vmap(over_moves)(states, found.error, found.slope, moves)


@compiled_once
def policies_at(policy: PolicyFunction, states: Any, moves: Float[Array, "S moves m"]) -> Any:
    """Return the policies in S states with raw numbers moved in several ways: leading axes (S, moves)."""
    return jax.vmap(lambda state, own: jax.vmap(lambda move: policy(state, move))(own))(states, moves)
