"""A saver whose later selves are as impatient: the equation asks how tomorrow's saving responds to capital.

    equilearn solve examples/tempted.py:Tempted

Log utility and full depreciation; today's saver counts all that comes later `restraint` times besides discounting it,
and so will every later one:

    1/c = discount E[1/c' (restraint R' + (1 - restraint) dk''/dk')]

The solution saves a constant share of output, `exact` (Krusell, Kuruscu and Smith, 2002). Equations with derivatives
have other solutions as well. Two things lead to the one that a long finite life has: today's saver takes the response
as given (`stop_gradient`), and paths start again from all over the place (`restart`), or the derivative would be that
of a policy known on a tiny interval.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from equilearn import AR1, Expect, Interval, Model, Shock, SolveSettings, euler_error


class Tempted(Model):
    """A saver who cannot bind later selves."""

    capital_share: float = 0.36
    discount: float = 0.95
    restraint: float = 0.7
    shock: Shock = AR1(0.9, 0.02)

    class State(NamedTuple):
        """Log productivity and capital."""

        shock: Array
        capital: Array

    class Policy(NamedTuple):
        """Share of output that is saved."""

        share: Array

    def initial(self, key: Array) -> State:
        """Return capital around its mean."""
        return self.State(self.shock.initial, 0.2 * jax.random.uniform(key, minval=0.5, maxval=1.5))

    def policies(self, state: State) -> dict:
        """Half of output is saved to begin with."""
        return {"share": Interval(0.0, 1.0, start=0.5)}

    def output(self, state: State) -> Array:
        """Return z k^capital_share."""
        return jnp.exp(state.shock) * state.capital**self.capital_share

    def transition(self, state: State, policy: Policy, shock: Array) -> State:
        """Savings are all of tomorrow's capital."""
        return self.State(shock, policy.share * self.output(state))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the error of the generalised Euler equation."""

        def value(s: Any, p: Any, policy_of: Any) -> Array:
            def saved(capital: Array) -> Array:
                there = s._replace(capital=capital)
                return policy_of(there).share * self.output(there)

            gain = self.restraint * self.capital_share * self.output(s) / s.capital
            gain += (1 - self.restraint) * jax.lax.stop_gradient(jax.grad(saved)(s.capital))
            return gain / ((1 - p.share) * self.output(s))

        consumed = (1 - policy.share) * self.output(state)
        return {"euler": euler_error(self.discount * expect(value), consumed, 1.0)}

    def settings(self) -> SolveSettings:
        """Return settings that suit an equation with a derivative."""
        return SolveSettings(episodes=600, restart=0.1)

    @property
    def exact(self) -> float:
        """The share that is saved."""
        both = self.capital_share * self.discount
        return both * self.restraint / (1 - both * (1 - self.restraint))
