"""A saver with a borrowing limit and uncertain earnings (Carroll, 1997): the buffer stock.

    max E sum_t discount^t c_t^(1 - risk_aversion) / (1 - risk_aversion)
    c_t + a_{t+1} = x_t,   x_t = gross_return a_t + exp(z_t + e_t),   a_{t+1} >= 0
    z_{t+1} = persistence z_t + innovation

The saver is impatient, and prudent: assets are a buffer against bad years, and in the worst of them none is left.
Calibration: a year is a period; risk aversion 3, interest 3 %, persistence 0.9 and standard deviations of 0.15 and 0.1.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import AR1, Complement, Expect, Model, Shock, Shocks, euler_error
from equilearn.errors import UserError

Scalar = Float[Array, ""]


class BufferStock(Model):
    """A saver with a borrowing limit, and persistent and transitory shocks to earnings."""

    discount: float = 0.94
    gross_return: float = 1.03
    risk_aversion: float = 3.0
    shock: Shock = Shocks(persistent=AR1(persistence=0.9, innovation_std=0.15), transitory=AR1(0.0, 0.1))
    """The two parts of log earnings."""

    class State(NamedTuple):
        """Log earnings, and assets at the beginning of the period."""

        shock: Any
        assets: Scalar

    class Policy(NamedTuple):
        """Savings, and the multiplier of their limit."""

        savings: Scalar
        multiplier: Scalar

    def __post_init__(self) -> None:
        if not 0 < self.discount < 1 or min(self.gross_return, self.risk_aversion) <= 0:
            raise UserError("BufferStock: discount must be in (0, 1), gross_return and risk_aversion above 0.")
        if self.discount * self.gross_return >= 1:
            raise UserError("BufferStock: discount times gross_return must be below 1, or savings grow without end.")

    def initial(self, key: PRNGKeyArray) -> State:
        """Return assets worth half a year's earnings."""
        return self.State(self.shock.initial, jnp.asarray(0.5))

    def features(self, state: State) -> Float[Array, " features"]:
        """All that matters today: persistent earnings and cash on hand, in logs."""
        return jnp.stack([state.shock.persistent, jnp.log(self.cash(state))])

    def policies(self, state: State) -> dict[str, Complement]:
        """Savings are between zero and cash on hand."""
        cash = self.cash(state)
        return {"savings": Complement(0.0, cash, scale=cash**-self.risk_aversion)}

    def transition(self, state: State, policy: Policy, shock: Any) -> State:
        """Savings become assets."""
        return self.State(shock, policy.savings)

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler error: u'(c) = discount E[gross_return u'(c')] + multiplier."""
        value = expect(lambda s, p: self.consumption(s, p) ** -self.risk_aversion)
        value = self.discount * self.gross_return * value + policy.multiplier
        return {"euler": euler_error(value, self.consumption(state, policy), self.risk_aversion)}

    def cash(self, state: State) -> Scalar:
        """Return assets with interest plus earnings."""
        return self.gross_return * state.assets + jnp.exp(state.shock.persistent + state.shock.transitory)

    def consumption(self, state: State, policy: Policy) -> Scalar:
        """Return the cash that is not saved."""
        return self.cash(state) - policy.savings

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return cash on hand and consumption."""
        return {"cash": self.cash(state), "consumption": self.consumption(state, policy)}
