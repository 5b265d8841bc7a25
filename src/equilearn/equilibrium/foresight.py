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

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import xarray as xr
from jaxtyping import Float

from equilearn.equilibrium.model import Model, assemble, shock_of
from equilearn.equilibrium.problem import symmetric
from equilearn.equilibrium.shocks import MarkovChain
from equilearn.errors import UserError


def perfect_foresight(
    model: Model,
    start: Any,
    periods: int,
    *,
    tolerance: float = 1e-11,
    iterations: int = 100,
) -> xr.Dataset:
    """Return states, policies and definitions along the exact path, labelled by period.

    Args:
        model: a model whose states and policies are real numbers; its innovations are set to zero.
        start: the state of the first period.
        periods: length T; long enough that the end does not matter for the periods of interest.
        tolerance: largest absolute error of any equation at the solution.
        iterations: at most so many Newton steps.

    Raises:
        UserError: the model has a Markov chain, or the iteration does not converge.
    """
    if isinstance(model.shock, MarkovChain):
        raise UserError(
            f"perfect_foresight: {model.name} has a Markov chain; only continuous shocks can be set to zero."
        )
    with jax.enable_x64(True):
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), start)
        return _Stack(model, start, periods).solve(tolerance, iterations)


class _Stack:
    """The stacked system of one model: n_s numbers of state and n_p of policy in each of T periods."""

    def __init__(self, model: Model, start: Any, periods: int) -> None:
        self.model, self.start, self.periods = model, start, periods
        self.first, self.state_of = jax.flatten_util.ravel_pytree(start)
        raw = sum(one.size for one in jax.eval_shape(model.policies, start).values())
        guess = assemble(model, start, jnp.zeros(raw))
        flat, self._policy_of = jax.flatten_util.ravel_pytree(guess)
        self.states, self.policies = self.first.size, flat.size
        self.positive = np.asarray(flat) > 0  # these policies are unknown in logs, so that they stay positive

        def residual(x: Any, y: Any) -> Any:
            """Return errors and law of motion of one period; x and y are today's and tomorrow's (state, policy)."""
            state, policy = self._split(x)
            following, then = self._split(y)
            zero = model.process(state).mean(shock_of(state))
            errors = model.errors(state, policy, lambda f: f(following, then))
            moved = jax.flatten_util.ravel_pytree(model.transition(state, policy, zero))[0]
            equations = jnp.concatenate([jnp.ravel(e) for e in errors.values()])
            return jnp.concatenate([symmetric(equations), moved - y[: self.states]])

        self.residuals = jax.jit(jax.vmap(residual))
        self.jacobians = jax.jit(jax.vmap(jax.jacfwd(residual, argnums=(0, 1))))

    def _split(self, x: Any) -> tuple[Any, Any]:
        policy = x[self.states :]
        return self.state_of(x[: self.states]), self._policy_of(jnp.where(self.positive, jnp.exp(policy), policy))

    def _join(self, state: Any, policy: Any) -> Any:
        """Return the unknowns of a state and a policy: what `_split` takes apart."""
        flat = jax.flatten_util.ravel_pytree(policy)[0]
        logs = jnp.where(self.positive, jnp.log(jnp.where(self.positive, flat, 1.0)), flat)
        return jnp.concatenate([jax.flatten_util.ravel_pytree(state)[0], logs])

    def _beginning(self) -> Float[np.ndarray, "periods n"]:
        """Return the path of a fresh network: the middle of every feasible set."""
        model = self.model
        raw = jnp.zeros(sum(one.size for one in jax.eval_shape(model.policies, self.start).values()))

        def step(state: Any, _: None) -> tuple[Any, Any]:
            policy = assemble(model, state, raw)
            return model.transition(state, policy, model.process(state).mean(shock_of(state))), self._join(
                state, policy
            )

        return np.asarray(jax.jit(lambda s: jax.lax.scan(step, s, length=self.periods))(self.start)[1])

    def _following(self, path: Float[np.ndarray, "periods n"]) -> Float[np.ndarray, "periods n"]:
        """Return every period's successor; after the last, its policy again at the state it leads to."""
        state, policy = self._split(jnp.asarray(path[-1]))
        zero = self.model.process(state).mean(shock_of(state))
        after = jax.flatten_util.ravel_pytree(self.model.transition(state, policy, zero))[0]
        return np.concatenate([path[1:], np.concatenate([np.asarray(after), path[-1, self.states :]])[None]])

    def _errors(self, path: Float[np.ndarray, "periods n"]) -> Float[np.ndarray, "periods n"]:
        return np.asarray(self.residuals(path, self._following(path)))

    def _step(self, path: Float[np.ndarray, "periods n"], errors: Float[np.ndarray, "periods n"]) -> Any:
        """Return the Newton step of the whole path."""
        now, then = (np.array(block) for block in self.jacobians(path, self._following(path)))
        n, periods, s = self.states + self.policies, self.periods, self.states
        now[-1, : self.policies, s:] += then[-1, : self.policies, s:]  # the last policy is also its successor
        into = now[-1, self.policies :].copy()  # the last successor state is no unknown: it follows from the period
        now[-1, : self.policies] += then[-1, : self.policies, :s] @ into
        row, column = np.mgrid[:n, :n]
        blocks = np.arange(periods)[:, None, None] * n
        entries = [(now, blocks + row, blocks + column), (then[:-1], blocks[:-1] + row, blocks[:-1] + n + column)]
        values, rows, columns = (np.concatenate([np.broadcast_to(e[i], e[0].shape).ravel() for e in entries])
                                 for i in range(3))  # fmt: skip
        jacobian = scipy.sparse.csc_matrix((values, (rows, columns)), shape=(periods * n, periods * n))
        # the first state is given, and the last law of motion has no unknown left: one takes the other's place
        keep_rows = np.arange(periods * n)[: periods * n - s]
        keep_columns = np.arange(s, periods * n)
        jacobian = jacobian[keep_rows][:, keep_columns]
        step = np.asarray(scipy.sparse.linalg.spsolve(jacobian, -errors.ravel()[keep_rows]))
        return np.concatenate([np.zeros(s), step]).reshape(periods, n)

    def solve(self, tolerance: float, iterations: int) -> xr.Dataset:
        """Return the labelled solution."""
        path = self._beginning()
        errors = self._errors(path)
        for _ in range(iterations):
            size = np.abs(errors).max()
            if size <= tolerance:
                return self._label(path)
            step, share, new_errors = self._step(path, errors), 1.0, errors
            while share > 1e-4:
                new_errors = self._errors(path + share * step)
                if np.all(np.isfinite(new_errors)) and np.linalg.norm(new_errors) < np.linalg.norm(errors):
                    break
                share /= 2
            path, errors = path + share * step, new_errors
        raise UserError(
            f"perfect_foresight: {self.model.name} did not converge; the largest error is {np.abs(errors).max():.1e}."
        )

    def _label(self, path: Float[np.ndarray, "periods n"]) -> xr.Dataset:
        def observe(x: Any) -> dict[str, Any]:
            state, policy = self._split(x)
            return state._asdict() | policy._asdict() | self.model.definitions(state, policy)

        values = jax.vmap(observe)(jnp.asarray(path))
        data = {
            name: (("period", *[f"{name}_{i}" for i in range(value.ndim - 1)]), np.asarray(value))
            for name, value in values.items()
        }
        return xr.Dataset(data, coords={"period": np.arange(self.periods)})
