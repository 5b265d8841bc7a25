"""Growth with recursive utility (Epstein and Zin, 1989): the value function is a policy with an equation of its own.

    equilearn solve examples/recursive.py:Recursive

    V^(1-r) = (1 - discount) c^(1-r) + discount N^(1-r),   N = E[V'^(1-risk_aversion)]^(1/(1-risk_aversion))
    1 = discount E[(c'/c)^-r (V'/N)^(r-risk_aversion) (capital_share z' k'^(capital_share-1) + 1 - depreciation)]

with r the inverse of the elasticity of substitution over time. Tomorrow counts most where its value is low, so a
policy that saves far too much in booms can make itself look right as long as few states are known. Learning
therefore begins all over the place: `initial` draws states.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from equilearn import AR1, Expect, HalfLine, Interval, Model, Shock, SolveSettings, UserError, euler_error


class Recursive(Model):
    """A planner who minds risk more than waiting."""

    discount: float = 0.96
    capital_share: float = 0.36
    depreciation: float = 0.1
    substitution: float = 1.5
    """Elasticity of substitution over time, not one."""
    risk_aversion: float = 10.0
    """Not one."""
    shock: Shock = AR1(0.9, 0.05)

    class State(NamedTuple):
        """Log productivity and capital."""

        shock: Array
        capital: Array

    class Policy(NamedTuple):
        """The saved share of what there is, and the value."""

        saved: Array
        value: Array

    def __post_init__(self) -> None:
        if min(self.substitution, self.risk_aversion) <= 0 or 1 in (self.substitution, self.risk_aversion):
            raise UserError("Recursive: substitution and risk_aversion must be above 0, and not 1.")

    def initial(self, key: Array) -> State:
        """Return a state of a wide range around the usual ones."""
        shock, capital = jax.random.normal(key, (2,))
        return self.State(0.12 * shock, 4.0 * jnp.exp(0.4 * capital))

    def policies(self, state: State) -> dict:
        """Three quarters are saved to begin with."""
        return {"saved": Interval(0.0, 1.0, start=0.75), "value": HalfLine()}

    def settings(self) -> SolveSettings:
        """Return smaller steps than usual: the largest powers make the gradients noisy."""
        return replace(super().settings(), learning_rate=2e-3)

    def product(self, state: State) -> Array:
        """Return output."""
        return jnp.exp(state.shock) * state.capital**self.capital_share

    def cash(self, state: State) -> Array:
        """Return output and what is left of capital."""
        return self.product(state) + (1 - self.depreciation) * state.capital

    def consumption(self, state: State, policy: Policy) -> Array:
        """Return what is not saved."""
        return (1 - policy.saved) * self.cash(state)

    def transition(self, state: State, policy: Policy, shock: Array) -> State:
        """Savings become capital."""
        return self.State(shock, policy.saved * self.cash(state))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the errors of the Euler equation and of the value; tomorrow's values are in units of today's."""
        r, risk = 1 / self.substitution, self.risk_aversion
        consumed = self.consumption(state, policy)

        def tomorrow(s: Recursive.State, p: Recursive.Policy) -> tuple[Array, Array]:
            gross = self.capital_share * self.product(s) / s.capital + 1 - self.depreciation
            value = p.value / policy.value
            return value ** (1 - risk), value ** (r - risk) * self.consumption(s, p) ** -r * gross

        risky, worth = expect(tomorrow)
        certain = risky ** (1 / (1 - risk))
        value = (1 - self.discount) * consumed ** (1 - r) + self.discount * (certain * policy.value) ** (1 - r)
        return {
            "euler": euler_error(self.discount * certain ** (risk - r) * worth, consumed, r),
            "value": value ** (1 / (1 - r)) / policy.value - 1,
        }
