"""Stochastic growth with log utility, full or partial depreciation (Brock and Mirman, 1972).

    max E sum_t discount^t log c_t,   c_t + k_{t+1} = z_t k_t^capital_share + (1 - depreciation) k_t
    log z_{t+1} = persistence log z_t + innovation_std e_{t+1}

With full depreciation the exact solution is k_{t+1} = capital_share * discount * z_t k_t^capital_share.
Calibration: the authors' course notebook 02 (alpha 0.36, beta 0.99, delta 0.1, rho 0.9, sigma 0.04).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import AR1, Expect, Interval, Model, Shock, SolveSettings, euler_error

Scalar = Float[Array, ""]


class Growth(Model):
    """Stochastic growth with log utility and persistent productivity."""

    capital_share: float = 0.36
    discount: float = 0.99
    depreciation: float = 0.1
    """Share of capital that wears out in a period; 1 has a closed form."""
    shock: Shock = AR1(persistence=0.9, innovation_std=0.04)
    """Log productivity."""

    class State(NamedTuple):
        """Log productivity and log capital at the beginning of the period."""

        shock: Scalar
        log_capital: Scalar

    class Policy(NamedTuple):
        """Share of resources that is saved."""

        savings_rate: Scalar

    def initial(self, key: PRNGKeyArray) -> State:
        """Return capital between half and one and a half times its steady state without shocks."""
        spread = jax.random.uniform(key, minval=0.5, maxval=1.5)
        return self.State(self.shock.initial, jnp.log(self.steady_capital * spread))

    def policies(self, state: State) -> dict[str, Interval]:
        """The savings rate is between zero and one; learning starts at its value in the steady state."""
        capital = self.steady_capital
        resources = capital**self.capital_share + (1 - self.depreciation) * capital
        return {"savings_rate": Interval(0.0, 1.0, start=capital / resources)}

    def transition(self, state: State, policy: Policy, shock: Array) -> State:
        """Savings become capital."""
        return self.State(shock, jnp.log(policy.savings_rate) + jnp.log(self.resources(state)))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler error: 1/c = discount E[(marginal product + 1 - depreciation) / c']."""
        value = expect(lambda s, p: self.gross_return(s) / self.consumption(s, p))
        return {"euler": euler_error(self.discount * value, self.consumption(state, policy), 1.0)}

    @property
    def steady_capital(self) -> float | Scalar:
        """Capital in the steady state without shocks."""
        marginal_product = 1 / self.discount - 1 + self.depreciation
        return (self.capital_share / marginal_product) ** (1 / (1 - self.capital_share))

    def output(self, state: State) -> Scalar:
        """Return z k^capital_share."""
        return jnp.exp(state.shock + self.capital_share * state.log_capital)

    def resources(self, state: State) -> Scalar:
        """Return output plus what is left of capital."""
        return self.output(state) + (1 - self.depreciation) * jnp.exp(state.log_capital)

    def gross_return(self, state: State) -> Scalar:
        """Return the marginal product of capital plus 1 - depreciation."""
        return self.capital_share * self.output(state) / jnp.exp(state.log_capital) + 1 - self.depreciation

    def consumption(self, state: State, policy: Policy) -> Scalar:
        """Return the resources that are not saved."""
        return (1 - policy.savings_rate) * self.resources(state)

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return output, consumption and capital."""
        return {
            "output": self.output(state),
            "consumption": self.consumption(state, policy),
            "capital": jnp.exp(state.log_capital),
        }

    def settings(self) -> SolveSettings:
        """Return settings found by measurement: a short learning, and Newton's steps from there."""
        return SolveSettings(episodes=300, exploration=0.5, newton=2)
