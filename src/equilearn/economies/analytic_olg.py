"""Overlapping generations with a closed form (Huffman, 1987; Krueger and Kubler, 2004).

Log utility, labour only in the first period of life, any shocks to productivity and depreciation, any number N of
generations. The share of cash on hand that generation s = 1..N-1 saves does not depend on the state:

    a_s = discount (1 - discount^(N-s)) / (1 - discount^(N-s+1)) * cash_s

Calibration: the authors' public analytic example (6 generations, discount 0.7, four shocks of equal probability).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.equilibrium import Expect, Interval, MarkovChain, Model, SolveSettings, euler_error
from equilearn.errors import UserError


class AnalyticOLG(Model):
    """Overlapping generations with log utility, labour when young, and a closed form."""

    generations: int = 6
    """Generations alive in a period, N."""
    discount: float = 0.7
    capital_share: float = 0.3
    productivity: tuple[float, ...] = (0.95, 1.05, 0.95, 1.05)
    """Total factor productivity in each state of the chain."""
    depreciation: tuple[float, ...] = (0.5, 0.5, 0.9, 0.9)
    """Depreciation in each state of the chain."""
    shock: MarkovChain = MarkovChain(((0.25,) * 4,) * 4)  # pyright: ignore[reportIncompatibleVariableOverride]

    class State(NamedTuple):
        """Index of the shock, and capital of every generation but the newborn."""

        shock: Int[Array, ""]
        capital: Float[Array, " savers"]

    class Policy(NamedTuple):
        """Share of cash on hand that each generation but the last saves."""

        savings_rate: Float[Array, " savers"]

    def __post_init__(self) -> None:
        if not 2 <= self.generations <= 1_000:
            raise UserError(f"AnalyticOLG.generations: must be at least 2 and at most 1,000, not {self.generations}.")
        for name in ("productivity", "depreciation"):
            if len(getattr(self, name)) != self.shock.states:
                raise UserError(f"AnalyticOLG.{name}: must have {self.shock.states} values, one for each shock.")

    @property
    def exact_savings_rate(self) -> Float[np.ndarray, " savers"]:
        """The closed form's savings rates."""
        left = np.arange(self.generations - 1, 0, -1)
        return self.discount * (1 - self.discount**left) / (1 - self.discount ** (left + 1))

    def initial(self, key: PRNGKeyArray) -> State:
        """Return wealth that falls with age at the discount factor."""
        capital = 0.1 * self.discount ** np.arange(self.generations - 1)
        return self.State(self.shock.initial, jnp.asarray(capital, jnp.float32))

    def gross_return(self, state: State) -> Float[Array, ""]:
        """Return the gross return on capital."""
        z, d = jnp.asarray(self.productivity)[state.shock], jnp.asarray(self.depreciation)[state.shock]
        return self.capital_share * z * jnp.sum(state.capital) ** (self.capital_share - 1) + 1 - d

    def cash(self, state: State) -> Float[Array, " N"]:
        """Return the wage of the newborn, and the capital of the others with its return."""
        z = jnp.asarray(self.productivity)[state.shock]
        wage = (1 - self.capital_share) * z * jnp.sum(state.capital) ** self.capital_share
        return jnp.concatenate([wage[None], self.gross_return(state) * state.capital])

    def consumption(self, state: State, policy: Policy) -> Float[Array, " N"]:
        """Return the part of cash on hand that is not saved."""
        cash = self.cash(state)
        return jnp.concatenate([(1 - policy.savings_rate) * cash[:-1], cash[-1:]])

    def policies(self, state: State) -> dict[str, Interval]:
        """Savings rates are between zero and one; learning starts at the rate of someone who lives forever."""
        return {"savings_rate": Interval(jnp.zeros(self.generations - 1), 1.0, start=self.discount)}

    def transition(self, state: State, policy: Policy, shock: Int[Array, ""]) -> State:
        """Savings become the capital of the next older generation."""
        return self.State(shock, policy.savings_rate * self.cash(state)[:-1])

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler errors in units of consumption, in logs: consumption of the oldest is near 1e-20."""
        log_consumption = jnp.log(self.consumption(state, policy)[:-1])

        def growth(s: Any, p: Any) -> Float[Array, " savers"]:
            following = jnp.log(self.consumption(s, p)[1:])
            return jnp.exp(jnp.log(self.gross_return(s)) + log_consumption - following)

        return {"euler": euler_error(self.discount * expect(growth), jnp.ones(()), 1.0)}

    def features(self, state: State) -> Float[Array, " savers"]:
        """The network sees log capital, each generation's relative to the next younger: the oldest have very little."""
        log_capital = jnp.log(state.capital)
        return jnp.diff(log_capital, prepend=jnp.zeros(1))

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Label generations by their number."""
        number = np.arange(1, self.generations + 1)
        return {
            "capital": ("older", number[1:]),
            "savings_rate": ("saver", number[:-1]),
            "euler": ("saver", number[:-1]),
        }

    def settings(self) -> SolveSettings:
        """The exact policy is a constant: a small network."""
        return SolveSettings(episodes=1_000, width=32)
