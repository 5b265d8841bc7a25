"""Search and matching with vacancies that cannot be negative (Petrosky-Nadeau and Zhang, 2017).

    n_{t+1} = (1 - separation) n_t + q(theta_t) v_t,   theta_t = v_t / (1 - n_t),   log x_{t+1} follows an AR(1)
    k_t / q(theta_t) - m_t = discount E[x_{t+1} - w_{t+1} + (1 - separation) (k_{t+1} / q(theta_{t+1}) - m_{t+1})]
    w_t = bargaining (x_t + k_t theta_t) + (1 - bargaining) benefit
    k_t = cost_capital x_t + cost_labour x_t^cost_power

A vacancy is filled with probability q(theta) = (1 + theta^matching)^(-1 / matching) (den Haan, Ramey and Watson, 2000),
which is one where there are none: in deep recessions v = 0, and the multiplier m of that bound is above zero. What is
learnt is 1 - q, the probability of waiting. Calibration: a period is a week, as in Hagedorn and Manovskii (2008): the
unemployed are nearly as well off as the employed, so profits are thin and react to productivity a lot.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import AR1, Complement, Expect, Model, Shock, power
from equilearn.errors import UserError

Scalar = Float[Array, ""]


class Search(Model):
    """Search and matching in the labour market, where firms may stop hiring."""

    discount: float = 0.99 ** (1 / 12)
    separation: float = 0.0081
    """Probability that a job ends."""
    matching: float = 0.407
    """Curvature of the matching function."""
    bargaining: float = 0.052
    """Share of the surplus that goes to workers."""
    benefit: float = 0.955
    """What an unemployed person has, where a job makes one in the mean."""
    cost_capital: float = 0.474
    cost_labour: float = 0.11
    cost_power: float = 0.449
    shock: Shock = AR1(persistence=0.9895, innovation_std=0.0034)
    """Log productivity."""

    class State(NamedTuple):
        """Log productivity and employment."""

        shock: Scalar
        employment: Scalar

    class Policy(NamedTuple):
        """Probability that a vacancy is not filled, and the multiplier of vacancies' lower bound."""

        waiting: Scalar
        no_hiring: Scalar

    def __post_init__(self) -> None:
        if not (0 < self.discount < 1 and 0 < self.separation < 1 and 0 <= self.bargaining < 1):
            raise UserError("Search: discount and separation must be in (0, 1), bargaining in [0, 1).")
        if (
            self.matching <= 0
            or min(self.cost_capital, self.cost_labour) < 0
            or self.cost_capital + self.cost_labour <= 0
        ):
            raise UserError(
                "Search: matching and what a vacancy costs must be above 0, neither part of its cost below."
            )
        if not 0 <= self.benefit < 1:
            raise UserError("Search: benefit must be in [0, 1), below what a job makes, or nobody would be hired.")

    def initial(self, key: PRNGKeyArray) -> State:
        """Return mean productivity and six per cent unemployment."""
        return self.State(self.shock.initial, jnp.asarray(0.94))

    def features(self, state: State) -> Float[Array, " features"]:
        """Only productivity matters for hiring: employment scales vacancies."""
        return state.shock[None]

    def policies(self, state: State) -> dict[str, Complement]:
        """A probability; learning starts where vacancies are filled in four weeks."""
        return {"waiting": Complement(0.0, 1.0, multiplier="no_hiring", start=0.75)}

    def transition(self, state: State, policy: Policy, shock: Scalar) -> State:
        """Some jobs end, some vacancies are filled."""
        hires = (1 - policy.waiting) * self.tightness(policy) * (1 - state.employment)
        return self.State(shock, (1 - self.separation) * state.employment + hires)

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the error of hiring: what a worker costs relative to what one brings."""
        value = self.discount * expect(lambda s, p: self.profit(s, p) + (1 - self.separation) * self.worth(s, p))
        return {"hiring": (self.worth(state, policy) - value) / self.cost(state)}

    def tightness(self, policy: Policy) -> Scalar:
        """Return vacancies per unemployed, from the probability of filling one."""
        odds = power(1 - policy.waiting, -self.matching) - 1
        return jnp.where(odds > 0, jnp.where(odds > 0, odds, 1.0) ** (1 / self.matching), 0.0)

    def cost(self, state: State) -> Scalar:
        """Return what a vacancy costs a week."""
        return self.cost_capital * jnp.exp(state.shock) + self.cost_labour * jnp.exp(self.cost_power * state.shock)

    def worth(self, state: State, policy: Policy) -> Scalar:
        """Return what it costs to hire someone, less the multiplier: what a worker is worth."""
        return self.cost(state) / (1 - policy.waiting) - policy.no_hiring

    def profit(self, state: State, policy: Policy) -> Scalar:
        """Return output less the wage."""
        output = jnp.exp(state.shock)
        shared = output + self.cost(state) * self.tightness(policy)
        return output - self.bargaining * shared - (1 - self.bargaining) * self.benefit

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return unemployment, tightness of the labour market, vacancies and the worth of a worker."""
        tightness = self.tightness(policy)
        return {
            "unemployment": 1 - state.employment,
            "tightness": tightness,
            "vacancies": tightness * (1 - state.employment),
            "worth": self.worth(state, policy),
        }
