"""How much to save, and how much of it in stocks: income that cannot be insured, and no shorting.

    max E sum_t discount^t c_t^(1 - risk_aversion) / (1 - risk_aversion)
    c_t + a_t = x_t,   x_{t+1} = (gross_return + s_t (stock_{t+1} - gross_return)) a_t + exp(income_{t+1})

with savings a >= 0 and the share of stocks s in [0, 1]; the mean return of a stock is gross_return + premium. Earnings
to come are like a bond, so those with little cash hold stocks alone, and the rich ever fewer (Cocco, Gomes and
Maenhout, 2005). Calibration: a year is a period; returns have a standard deviation of 16 %, log income one of 20 %.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import AR1, Complement, Expect, Model, Shocks, euler_error

Scalar = Float[Array, ""]


class Portfolio(Model):
    """A saver with uncertain income chooses between a stock and a bond, and can go short in neither."""

    discount: float = 0.92
    risk_aversion: float = 10.0
    gross_return: float = 1.02
    """Of the bond."""
    premium: float = 0.03
    """Mean return of a stock above that of the bond."""
    shock: Shocks = Shocks(log_return=AR1(0.0, 0.16), log_income=AR1(0.0, 0.2))

    class State(NamedTuple):
        """The shocks, and cash on hand after them."""

        shock: Any
        cash: Scalar

    class Policy(NamedTuple):
        """Savings, the share of bonds in them, and the multipliers of their lower bounds."""

        savings: Scalar
        multiplier: Scalar
        bonds: Scalar
        all_stocks: Scalar

    def initial(self, key: PRNGKeyArray) -> State:
        """Return cash of one and a half years' income."""
        return self.State(self.shock.initial, jnp.asarray(1.5))

    def features(self, state: State) -> Float[Array, " features"]:
        """Only cash on hand matters today."""
        return jnp.log(state.cash)[None]

    def policies(self, state: State) -> dict[str, Complement]:
        """Savings are between zero and cash on hand; the share of bonds is between zero and one."""
        return {
            "savings": Complement(0.0, state.cash, scale=state.cash**-self.risk_aversion),
            "bonds": Complement(0.0, 1.0, scale=self.premium, multiplier="all_stocks"),
        }

    def transition(self, state: State, policy: Policy, shock: Any) -> State:
        """Savings earn the portfolio's return, and income comes in."""
        excess = self.stock(shock) - self.gross_return
        gross = self.gross_return + (1 - policy.bonds) * excess
        return self.State(shock, gross * policy.savings + jnp.exp(shock.log_income))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler error, and that of the portfolio, as a share of the premium."""

        def later(s: Portfolio.State, p: Portfolio.Policy) -> Array:
            marginal = self.consumption(s, p) ** -self.risk_aversion
            return marginal * jnp.stack([jnp.ones(()), self.stock(s.shock) - self.gross_return])

        marginal, excess = expect(later)
        value = self.discount * (self.gross_return * marginal + (1 - policy.bonds) * excess) + policy.multiplier
        return {
            "euler": euler_error(value, self.consumption(state, policy), self.risk_aversion),
            "portfolio": (excess / marginal - policy.all_stocks) / self.premium,
        }

    def stock(self, shock: Any) -> Scalar:
        """Return the gross return of a stock."""
        spread = self.shock.log_return.innovation_std
        return self.gross_return + self.premium - 1 + jnp.exp(shock.log_return - spread**2 / 2)

    def consumption(self, state: State, policy: Policy) -> Scalar:
        """Return the cash that is not saved."""
        return state.cash - policy.savings

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return consumption and the share of stocks."""
        return {"consumption": self.consumption(state, policy), "stocks": 1 - policy.bonds}
