"""The exact path of an economy without shocks, by stacked-time Newton iteration (Laffargue, 1990; Juillard, 1996).

Given the state of the first period, the unknowns are the policies of all T periods and the states of all later ones;
the equations are the model's equilibrium conditions and its law of motion. They are stacked,

    errors(s_t, p_t; s_t+1, p_t+1) = 0,   s_t+1 = transition(s_t, p_t),   t = 0 .. T - 1,   p_T = p_T-1

and solved by Newton's method with a sparse block-bidiagonal Jacobian, in double precision. No network is involved:
this is what a trained policy is checked against. Innovations are zero, so for a stochastic model it is
the certainty-equivalent path.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import xarray as xr
from jaxtyping import Array, Bool, Float

from equilearn.equilibrium.arguments import finite, whole
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.given import given
from equilearn.equilibrium.model import Model, applied, assemble
from equilearn.equilibrium.problem import symmetric
from equilearn.equilibrium.shocks import entries, named, shock_of
from equilearn.errors import UserError

MOST_PERIODS = 100_000


def perfect_foresight(
    model: Model,
    start: Any,
    periods: int,
    *,
    tolerance: float = 1e-11,
    iterations: int = 100,
) -> xr.Dataset:
    """Return states, policies and definitions along the exact path, labelled by period.

    Programs are compiled once for a model and a number of periods, whatever the start. Where paths for many values of
    some parameters are wanted, `Uncertain` makes these a part of the start.

    Args:
        model: a model whose states and policies are real numbers; its innovations are set to zero.
        start: the state of the first period.
        periods: length T; long enough that the end does not matter for the periods of interest.
        tolerance: largest absolute error of any equation at the solution.
        iterations: at most so many Newton steps.

    Raises:
        UserError: an argument is wrong, the model has a Markov chain, or the iteration does not converge.
    """
    check_model(model)
    if model.shock.chains:
        raise UserError(
            f"perfect_foresight: {model.name} has a Markov chain; only continuous shocks can be set to zero."
        )
    periods = whole("perfect_foresight: periods", periods, 1, MOST_PERIODS)
    iterations = whole("perfect_foresight: iterations", iterations, 1)
    tolerance = finite("perfect_foresight: tolerance", tolerance)
    given(model, start, axes=0)
    for _, name, one in entries(jax.eval_shape(model.initial, jax.random.key(0))):
        if not jnp.issubdtype(one.dtype, jnp.floating):
            raise UserError(
                f"perfect_foresight: {model.name}.State.{name} is no real number, so no step leads along it."
            )
    with jax.enable_x64(True):
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), start)
        return _Stack(model, periods, start, _positive(model, start)).solve(tolerance, iterations)


@eqx.filter_jit
def _first_guess(model: Model, state: Any) -> Any:
    """Return the policy of a fresh network: the middle of every feasible set."""
    return assemble(model, state, jnp.zeros(sum(one.size for one in model.policies(state).values())))


def _positive(model: Model, start: Any) -> Bool[Array, " policies"]:
    """Return which policies are unknown in logs, so that they stay positive: those that begin above zero."""
    return jax.flatten_util.ravel_pytree(_first_guess(model, start))[0] > 0


class _Stack(eqx.Module):
    """The stacked system of one model: n_s numbers of state and n_p of policy in each of T periods."""

    model: Model = eqx.field(static=True)
    periods: int = eqx.field(static=True)
    start: Any
    positive: Bool[Array, " policies"]

    @property
    def states(self) -> int:
        """Numbers of state in a period, n_s."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.start))

    def _split(self, x: Float[Array, " n"]) -> tuple[Any, Any]:
        """Return the state and the policy of one period's unknowns."""
        state = jax.flatten_util.ravel_pytree(self.start)[1](x[: self.states])
        shapes = jax.eval_shape(lambda: _first_guess(self.model, self.start))
        policy_of = jax.flatten_util.ravel_pytree(jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes))[1]
        policy = x[self.states :]
        return state, policy_of(jnp.where(self.positive, jnp.exp(policy), policy))

    def _join(self, state: Any, policy: Any) -> Float[Array, " n"]:
        """Return the unknowns of a state and a policy: what `_split` takes apart."""
        flat = jax.flatten_util.ravel_pytree(policy)[0]
        logs = jnp.where(self.positive, jnp.log(jnp.where(self.positive, flat, 1.0)), flat)
        return jnp.concatenate([jax.flatten_util.ravel_pytree(state)[0], logs])

    def _moved(self, state: Any, policy: Any) -> Any:
        """Return next period's state where the innovation is zero."""
        return self.model.transition(state, policy, self.model.process(state, policy).mean(shock_of(state)))

    @eqx.filter_jit
    def beginning(self) -> Float[Array, "periods n"]:
        """Return the path of a fresh network."""

        def step(state: Any, _: None) -> tuple[Any, Any]:
            policy = _first_guess(self.model, state)
            return self._moved(state, policy), self._join(state, policy)

        return jax.lax.scan(step, self.start, length=self.periods)[1]

    def _following(self, path: Float[Array, "periods n"]) -> Float[Array, "periods n"]:
        """Return every period's successor; after the last, its policy again at the state it leads to."""
        state, policy = self._split(path[-1])
        after = jax.flatten_util.ravel_pytree(self._moved(state, policy))[0]
        return jnp.concatenate([path[1:], jnp.concatenate([after, path[-1, self.states :]])[None]])

    def residual(self, x: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, " equations"]:
        """Return errors and law of motion of one period; x and y are today's and tomorrow's (state, policy)."""
        state, policy = self._split(x)
        following, then = self._split(y)
        errors = self.model.errors(state, policy, lambda f: applied(f, following, then, self._elsewhere))
        equations = jnp.concatenate([jnp.ravel(e) for e in errors.values()])
        moved = jax.flatten_util.ravel_pytree(self._moved(state, policy))[0]
        return jnp.concatenate([symmetric(equations), moved - y[: self.states]])

    def _elsewhere(self, state: Any) -> Any:
        raise UserError(
            f"perfect_foresight: the equations of {self.model.name} ask for the policy in other states than "
            "tomorrow's, which a path does not know."
        )

    @eqx.filter_jit
    def linearised(
        self, path: Float[Array, "periods n"]
    ) -> tuple[
        Float[Array, "periods equations"], Float[Array, "periods equations n"], Float[Array, "periods equations n"]
    ]:
        """Return the errors of every period, and their derivatives with respect to today and to tomorrow."""

        def with_errors(x: Float[Array, " n"], y: Float[Array, " n"]) -> tuple[Any, Any]:
            errors = self.residual(x, y)
            return errors, errors

        slopes, errors = jax.vmap(jax.jacfwd(with_errors, argnums=(0, 1), has_aux=True))(path, self._following(path))
        return errors, *slopes

    @eqx.filter_jit
    def observed(self, path: Float[Array, "periods n"]) -> dict[str, Array]:
        """Return states, policies and definitions of every period."""

        def observe(x: Float[Array, " n"]) -> dict[str, Any]:
            state, policy = self._split(x)
            return named(state) | policy._asdict() | self.model.definitions(state, policy)

        return jax.vmap(observe)(path)

    def _step(
        self,
        errors: Float[np.ndarray, "periods n"],
        now: Float[np.ndarray, "periods n n"],
        then: Float[np.ndarray, "periods n n"],
    ) -> Float[np.ndarray, "periods n"]:
        """Return the Newton step of the whole path."""
        n, periods, s = errors.shape[1], self.periods, self.states
        now = now.copy()
        now[-1, : n - s, s:] += then[-1, : n - s, s:]  # the last policy is also its successor
        into = now[-1, n - s :].copy()  # the last successor state is no unknown: it follows from the period
        now[-1, : n - s] += then[-1, : n - s, :s] @ into
        row, column = np.mgrid[:n, :n]
        blocks = np.arange(periods)[:, None, None] * n
        entries = [(now, blocks + row, blocks + column), (then[:-1], blocks[:-1] + row, blocks[:-1] + n + column)]
        values, rows, columns = (np.concatenate([np.broadcast_to(e[i], e[0].shape).ravel() for e in entries])
                                 for i in range(3))  # fmt: skip
        jacobian = scipy.sparse.csc_matrix((values, (rows, columns)), shape=(periods * n, periods * n))
        # the first state is given, and the last law of motion has no unknown left: one takes the other's place
        keep = periods * n - s
        step = scipy.sparse.linalg.splu(jacobian[:keep, s:]).solve(-errors.ravel()[:keep])
        return np.concatenate([np.zeros(s), step]).reshape(periods, n)

    def _evaluate(self, path: Float[np.ndarray, "periods n"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return errors and derivatives on the host."""
        errors, now, then = self.linearised(jnp.asarray(path))
        return np.asarray(errors), np.asarray(now), np.asarray(then)

    def solve(self, tolerance: float, iterations: int) -> xr.Dataset:
        """Return the labelled solution."""
        path = np.asarray(self.beginning())
        found = self._evaluate(path)
        equations, policies = (array.shape[1] - self.states for array in (found[0], path))
        if equations != policies:
            raise UserError(
                f"perfect_foresight: {self.model.name} has {equations} equations for {policies} policies; a path "
                "needs as many (a multiplier its complementarity)."
            )
        for _ in range(iterations):
            size = np.abs(found[0]).max()
            if size <= tolerance or not np.isfinite(size):
                break
            try:
                step = self._step(*found)
            except RuntimeError:  # what SciPy says of a singular matrix
                raise self._failed("its equations do not determine the path (the Jacobian is singular)") from None
            share, before = 1.0, found[0]
            while share > 1e-4:
                found = self._evaluate(path + share * step)
                if np.all(np.isfinite(found[0])) and np.linalg.norm(found[0]) < np.linalg.norm(before):
                    break
                share /= 2
            path = path + share * step
        size = np.abs(found[0]).max()
        if not size <= tolerance:
            raise self._failed(f"the largest error is {size:.1e}")
        return self._label(path)

    def _failed(self, why: str) -> UserError:
        return UserError(f"perfect_foresight: {self.model.name} did not converge: {why}.")

    def _label(self, path: Float[np.ndarray, "periods n"]) -> xr.Dataset:
        """Return what is observed on a path, by name."""
        data = {
            name: (("period", *[f"{name}_{i}" for i in range(value.ndim - 1)]), np.asarray(value))
            for name, value in self.observed(jnp.asarray(path)).items()
        }
        return xr.Dataset(data, coords={"period": np.arange(self.periods)})
