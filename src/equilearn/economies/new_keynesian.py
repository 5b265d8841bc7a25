"""Sticky prices and a floor on the interest rate: the New Keynesian model with Rotemberg's (1982) adjustment costs.

A shock to the discount factor, b_t = discount exp(z_t), makes people patient; where the central bank's rule asks for a
rate below the floor, output and prices fall. With gross inflation pi, target pi* and g(pi) = (pi/pi* - 1) pi/pi*,

    c_t = y_t (1 - adjustment / 2 (pi_t/pi* - 1)^2)
    1 = b_t R_t E[(c_{t+1}/c_t)^-risk_aversion / pi_{t+1}]
    R_t = max(floor, pi*/discount (pi_t/pi*)^on_inflation y_t^on_output)
    adjustment g(pi_t) = 1 - substitution + substitution w_t
                         + adjustment b_t E[(c_{t+1}/c_t)^-risk_aversion y_{t+1}/y_t g(pi_{t+1})]

and the real wage w_t = (substitution - 1)/substitution y_t^labour_curvature c_t^risk_aversion, so that output is one
where inflation is at its target. With more volatile shocks than these the model has no equilibrium of this kind: the
floor binds so often that expectations of it feed on themselves (Richter and Throckmorton, 2015).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import AR1, Expect, Interval, Model, Shock
from equilearn.errors import UserError

Scalar = Float[Array, ""]


class NewKeynesian(Model):
    """Sticky prices, a shock to the discount factor, and an interest rate that cannot fall below its floor."""

    discount: float = 0.994
    risk_aversion: float = 1.0
    labour_curvature: float = 1.0
    """Inverse of the Frisch elasticity."""
    substitution: float = 6.0
    """Elasticity between goods."""
    adjustment: float = 90.0
    """Cost of changing prices."""
    target: float = 1.005
    """Gross inflation of a quarter that the central bank aims at."""
    on_inflation: float = 2.0
    on_output: float = 0.125
    floor: float = 1.0
    """Of the gross nominal interest rate of a quarter."""
    shock: Shock = AR1(persistence=0.8, innovation_std=0.0025)
    """Log deviation of the discount factor."""

    class State(NamedTuple):
        """The discount factor's deviation."""

        shock: Scalar

    class Policy(NamedTuple):
        """Output, one where inflation is at its target, and gross inflation."""

        output: Scalar
        inflation: Scalar

    def __post_init__(self) -> None:
        if not 0 < self.discount < 1 or min(self.risk_aversion, self.target) <= 0 or self.substitution <= 1:
            raise UserError(
                "NewKeynesian: discount must be in (0, 1), risk_aversion and target above 0, substitution above 1."
            )
        if min(self.labour_curvature, self.adjustment, self.floor) < 0:
            raise UserError("NewKeynesian: labour_curvature, adjustment and floor must be at least 0.")

    def initial(self, key: PRNGKeyArray) -> State:
        """Return the discount factor's mean."""
        return self.State(self.shock.initial)

    def policies(self, state: State) -> dict[str, Interval]:
        """Wide bounds around the state without shocks, in which learning starts."""
        return {
            "output": Interval(0.7, 1.2, start=0.6),
            "inflation": Interval(self.target - 0.05, self.target + 0.05),
        }

    def transition(self, state: State, policy: Policy, shock: Scalar) -> State:
        """Only the shock moves."""
        return self.State(shock)

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the errors of the Euler equation and, as a share of revenue, of the firms' prices."""
        factor = self.discount * jnp.exp(state.shock)
        consumption = self.consumption(policy)

        def growth(later: NewKeynesian.Policy) -> Scalar:
            return (self.consumption(later) / consumption) ** -self.risk_aversion

        bond, later_gap = expect(
            lambda s, p: (growth(p) / p.inflation, growth(p) * p.output / policy.output * self.gap(p))
        )
        markup = 1 - self.substitution + self.substitution * self.wage(policy)
        pricing = markup - self.adjustment * (self.gap(policy) - factor * later_gap)
        return {"euler": factor * self.rate(policy) * bond - 1, "pricing": pricing / self.substitution}

    def gap(self, policy: Policy) -> Scalar:
        """Return (pi/pi* - 1) pi/pi*: what a bit more inflation costs."""
        relative = policy.inflation / self.target
        return (relative - 1) * relative

    def consumption(self, policy: Policy) -> Scalar:
        """Return output less what changing prices costs."""
        return policy.output * (1 - self.adjustment / 2 * (policy.inflation / self.target - 1) ** 2)

    def wage(self, policy: Policy) -> Scalar:
        """Return the real wage at which people work as much as is produced."""
        scale = (self.substitution - 1) / self.substitution
        return scale * policy.output**self.labour_curvature * self.consumption(policy) ** self.risk_aversion

    def rate(self, policy: Policy) -> Scalar:
        """Return the gross nominal interest rate: what the rule says, or the floor."""
        return jnp.maximum(self.rule(policy), self.floor)

    def rule(self, policy: Policy) -> Scalar:
        """Return the rate that the central bank would set without a floor."""
        reaction = (policy.inflation / self.target) ** self.on_inflation * policy.output**self.on_output
        return self.target / self.discount * reaction

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return the interest rate, whether it is at its floor (1 or 0), and consumption."""
        return {
            "rate": self.rate(policy),
            "at_floor": jnp.where(self.rule(policy) <= self.floor, 1.0, 0.0),
            "consumption": self.consumption(policy),
        }
