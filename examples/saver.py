"""Saving under uncertain income with a borrowing limit: the income fluctuation problem.

equilearn solve examples/saver.py:Saver
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from equilearn import Complement, Expect, MarkovChain, Model, euler_error


class Saver(Model):
    """A household with a borrowing limit and two levels of income."""

    discount: float = 0.92
    gross_return: float = 1.03
    income: tuple[float, ...] = (0.7, 1.3)
    shock: MarkovChain = MarkovChain(((0.8, 0.2), (0.2, 0.8)))

    class State(NamedTuple):
        """Index of the income level, and assets at the beginning of the period."""

        shock: Array
        assets: Array

    class Policy(NamedTuple):
        """Savings, and the multiplier of their limit."""

        savings: Array
        multiplier: Array

    def initial(self, key):
        """Return low income and some assets."""
        return self.State(self.shock.initial, jnp.asarray(0.5))

    def cash(self, state):
        """Return what can be spent."""
        return self.gross_return * state.assets + jnp.asarray(self.income)[state.shock]

    def policies(self, state):
        """Savings are between zero and cash on hand."""
        return {"savings": Complement(0.0, self.cash(state), scale=1 / self.cash(state))}

    def transition(self, state, policy, shock):
        """Savings become assets."""
        return self.State(shock, policy.savings)

    def errors(self, state, policy, expect: Expect):
        """Return the Euler error: 1/c = discount * R * E[1/c'] + multiplier."""
        value = self.discount * expect(lambda s, p: self.gross_return / (self.cash(s) - p.savings))
        return {"euler": euler_error(value + policy.multiplier, self.cash(state) - policy.savings, 1.0)}
