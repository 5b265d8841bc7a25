"""Growth with log utility and full depreciation (Brock and Mirman, 1972), without uncertainty.

    max sum_t discount^t log c_t,   c_t + k_{t+1} = k_t^capital_share

The savings rate is constant in the exact solution: k_{t+1} = capital_share * discount * k_t^capital_share.
Calibration: the authors' course notebook 01 (alpha 0.36, beta 0.99).
"""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import Expect, Interval, Model, SolveSettings, euler_error

Scalar = Float[Array, ""]


class BrockMirman(Model):
    """Deterministic growth with log utility and full depreciation: the first model to solve."""

    capital_share: float = 0.36
    discount: float = 0.99

    class State(NamedTuple):
        """Capital at the beginning of the period."""

        capital: Scalar

    class Policy(NamedTuple):
        """Share of output that is saved."""

        savings_rate: Scalar

    def initial(self, key: PRNGKeyArray) -> State:
        """Return capital between 0.1 and 1, as in the notebook."""
        return self.State(jax.random.uniform(key, minval=0.1, maxval=1.0))

    def policies(self, state: State) -> dict[str, Interval]:
        """The savings rate is between zero and one."""
        return {"savings_rate": Interval(0.0, 1.0)}

    def transition(self, state: State, policy: Policy, shock: Array) -> State:
        """Savings become capital."""
        return self.State(policy.savings_rate * self.output(state))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler error: 1/c = discount * capital_share k'^(capital_share - 1) / c'."""
        value = expect(lambda s, p: self.capital_share * self.output(s) / s.capital / self.consumption(s, p))
        return {"euler": euler_error(self.discount * value, self.consumption(state, policy), 1.0)}

    def output(self, state: State) -> Scalar:
        """Return k^capital_share."""
        return state.capital**self.capital_share

    def consumption(self, state: State, policy: Policy) -> Scalar:
        """Return the part of output that is not saved."""
        return (1 - policy.savings_rate) * self.output(state)

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return output and consumption."""
        return {"output": self.output(state), "consumption": self.consumption(state, policy)}

    def settings(self) -> SolveSettings:
        """Paths start again now and then: without shocks they would all end in one point."""
        return SolveSettings(episodes=500, restart=0.1, width=32)
