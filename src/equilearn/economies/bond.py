"""The published economy with a bond: overlapping generations, costly capital, collateral (Azinovic et al., 2022).

Azinovic, Gaegauf and Scheidegger (International Economic Review, 2022) and their public calibration. Each of the N
generations alive (legend: s = 1..N) supplies labour l_s and brings capital k_s and bonds b_s, of which the newborn have
none. A bond pays min(kappa R, 1), kappa = 1 / (1 - largest depreciation), which is always 1: debt is backed by capital.

    cash_s = R k_s + min(kappa R, 1) b_s + w l_s
    c_s    = cash_s - k'_s - p b'_s - adjustment/2 (k'_s - R k_s)^2,   the oldest save nothing
    k'_s >= 0,   q_s = k'_s + kappa b'_s >= 0,   sum_s b'_s = 0
    u'(c_s) (1 + adjustment D_s) = discount E[R' (1 + adjustment D'_{s+1}) u'(c'_{s+1})] + m_s + n_s
    u'(c_s) p                    = discount E[min(kappa R', 1) u'(c'_{s+1})] + kappa n_s
    D_s = k'_s - R k_s,   m_s k'_s = 0,   n_s q_s = 0

The bond market clears by construction. Given k' and p, demand for collateral is q_s = u_s (1 - y exp(-x_s)) where this
is positive (u_s: what cash is left could buy; x_s: the network's number), and y makes demand equal sum_s k'_s:
a convex piecewise linear equation in y, which Newton's method solves exactly in finitely many steps.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, PRNGKeyArray

from equilearn.equilibrium import (
    Expect,
    FeasibleSet,
    MarkovChain,
    Model,
    SolveSettings,
    euler_error,
    power,
    product_error,
)
from equilearn.equilibrium.sets import SAVINGS_LIMIT, pushing, soft_clip
from equilearn.errors import UserError
from equilearn.learn import Target
from equilearn.parameters import namespace

LEAST_CONSUMPTION = 0.02
"""Floor of consumption for a policy that is still learning. Far below anything that happens in equilibrium (tested)."""
LEAST_CAPITAL = 0.05
"""Least capital per unit of labour in prices, for a policy that is still learning."""
STEEPEST = 0.95
"""Capital is run down by less than this share of 1 / adjustment a period: faster, and marginal costs are negative."""
MOST_RETURN = 1.12
"""Return at which capital can still be run down before death: bounds the holdings of the oldest."""
PRICES = (0.5, 1.1)
"""Between which the price of the bond is sought; above kappa collateral would be free."""
NEWTON_STEPS = 12


class Portfolio(FeasibleSet):
    """Capital, bonds with a market that clears, the multipliers of both constraints, and the bond's price."""

    cash: Float[Array, " savers"]
    returned: Float[Array, " savers"]
    """R k."""
    most: Float[Array, " savers"]
    """Largest capital, by age."""
    kappa: ArrayLike
    adjustment: ArrayLike
    risk_aversion: ArrayLike

    @property
    def shape(self) -> tuple[int, ...]:
        """One number for capital and one for collateral of every saver, one for the price."""
        return (2 * self.cash.shape[0] + 1,)

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of the five policies."""
        return ("savings", "bonds", "capital_multiplier", "collateral_multiplier", "bond_price")

    def multipliers(self) -> tuple[str, ...]:
        """Return the names of the multipliers of both constraints."""
        return ("capital_multiplier", "collateral_multiplier")

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return feasible portfolios, whose bonds sum to zero."""
        n = self.cash.shape[0]
        low, high = PRICES
        price = low + (high - low) * jax.nn.sigmoid(soft_clip(raw[-1]) + 0.9)
        own = 1 - price / jnp.asarray(self.kappa)  # what capital costs beyond the collateral it provides
        lower, upper = self._capital_bounds(own)
        first = 0.87 * self.returned + 0.155 * jnp.maximum(
            self.cash - self.returned, 0.0
        )  # capital stays about as it is
        guess = jnp.clip(first, lower + 0.05 * (upper - lower),
                         lower + 0.9 * (upper - lower))  # fmt: skip
        x = soft_clip(raw[:n], SAVINGS_LIMIT) - jnp.log1p(-(guess - lower) / (upper - lower))
        savings = lower - (upper - lower) * jnp.expm1(-jax.nn.relu(x))
        cost = own * savings + 0.5 * self.adjustment * (savings - self.returned) ** 2
        left = jnp.maximum(self.cash - cost, LEAST_CONSUMPTION)
        affordable = 0.98 * left * self.kappa / price
        z = soft_clip(raw[n : 2 * n], SAVINGS_LIMIT)
        y = clearing(affordable, z, jnp.sum(savings))
        share = 1 - y * jnp.exp(-z)
        collateral = affordable * jax.nn.relu(share)
        scale = power(self.cash, 0 - self.risk_aversion)
        return {
            "savings": savings,
            "bonds": (collateral - savings) / self.kappa,
            "capital_multiplier": scale * jax.nn.relu(-x),
            "collateral_multiplier": scale * jax.nn.relu(-share),
            "bond_price": price,
        }

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """The ends of savings, of demand for collateral, and of the price."""
        n = self.cash.shape[0]
        return {
            "savings at an end": pushing(jnp.abs(raw[:n]), SAVINGS_LIMIT),
            "collateral at an end": pushing(jnp.abs(raw[n : 2 * n]), SAVINGS_LIMIT),
            "bond_price at an end": pushing(jnp.abs(raw[-1])),
        }

    def _capital_bounds(self, own: Float[Array, ""]) -> tuple[Float[Array, " savers"], Float[Array, " savers"]]:
        """Return the least and the most capital that can be afforded and be run down before death."""
        spend = 0.9 * self.cash - own * self.returned
        root = jnp.sqrt(own**2 + 2 * self.adjustment * jnp.maximum(spend, 0.05))
        down = jnp.minimum((root + own) / self.adjustment, STEEPEST / self.adjustment)
        lower = jnp.maximum(self.returned - down, 0.0)
        upper = jnp.minimum(self.returned + (root - own) / self.adjustment, self.most)
        return lower, jnp.maximum(upper, lower + 0.05)


def clearing(most: Float[Array, " n"], z: Float[Array, " n"], supply: Float[Array, ""]) -> Float[Array, ""]:
    """Return the y at which sum of max(most (1 - y exp(-z)), 0) equals the supply (above zero, below sum(most)).

    The sum is convex and falls in y; from y = 0 Newton's steps never overshoot, and end when the set of those with
    positive demand stays. The derivative is that of the last step.
    """
    weight = most * jnp.exp(-z)

    def step(y: Float[Array, ""], _: None) -> tuple[Float[Array, ""], None]:
        active = y * jnp.exp(-z) < 1
        return (jnp.sum(active * most) - supply) / jnp.maximum(jnp.sum(active * weight), 1e-6), None

    y = jax.lax.stop_gradient(jax.lax.scan(step, jnp.zeros(()), length=NEWTON_STEPS)[0])
    return step(y, None)[0]


class BondOLG(Model):
    """The published economy of 56 generations: capital with adjustment costs, a bond, collateral (IER 2022)."""

    generations: int = 56
    discount: float = 0.95
    risk_aversion: float = 2.0
    capital_share: float = 0.3
    adjustment: float = 0.5
    """Cost of changing capital, zeta."""
    productivity: tuple[float, ...] = (0.978, 1.022, 0.978, 1.022)
    depreciation: tuple[float, ...] = (0.08, 0.08, 0.11, 0.11)
    shock: MarkovChain = MarkovChain.product(  # pyright: ignore[reportIncompatibleVariableOverride]
        slow=((0.972, 0.028), (0.300, 0.700)),  # depreciation
        fast=((0.905, 0.095), (0.095, 0.905)),  # productivity
    )

    class State(NamedTuple):
        """Index of the shock; capital and bonds of every generation at the beginning of the period."""

        shock: Int[Array, ""]
        capital: Float[Array, " N"]
        bond: Float[Array, " N"]

    class Policy(NamedTuple):
        """Capital and bonds bought by all but the oldest, the multipliers of their constraints, the bond's price."""

        savings: Float[Array, " savers"]
        bonds: Float[Array, " savers"]
        capital_multiplier: Float[Array, " savers"]
        collateral_multiplier: Float[Array, " savers"]
        bond_price: Float[Array, ""]

    def __post_init__(self) -> None:
        if not 3 <= self.generations <= 1_000:
            raise UserError(f"BondOLG.generations: must be at least 3 and at most 1,000, not {self.generations}.")
        for name in ("productivity", "depreciation"):
            if len(getattr(self, name)) != self.shock.states:
                raise UserError(f"BondOLG.{name}: must have {self.shock.states} values, one for each shock.")
        if min(self.productivity) <= 0 or min(self.depreciation) < 0 or max(self.depreciation) >= 1:
            raise UserError("BondOLG: productivity must be above 0 and depreciation in [0, 1).")
        if not 0 < self.capital_share < 1 or not min(self.discount, self.risk_aversion, self.adjustment) > 0:
            raise UserError("BondOLG: capital_share must be in (0, 1); discount, risk_aversion, adjustment above 0.")

    @property
    def kappa(self) -> float:
        """Debt that one unit of capital backs, at the worst depreciation."""
        return 1 / (1 - max(self.depreciation))

    @property
    def ages(self) -> Int[np.ndarray, " N"]:
        """Age of each generation: 25 for the first."""
        return 25 + np.arange(self.generations)

    @property
    def labour(self) -> Float[np.ndarray, " N"]:
        """Labour of each generation: rises to age 53, falls, and is flat from age 70 (of 56 generations)."""
        a = np.arange(56)
        rise = 0.6 + 0.762 / 784 * (784 - (a - 28.0) ** 2)
        top = 0.6 + 0.762 / 784 * (784 - (37 - 28.0) ** 2)
        full = np.where(a < 37, rise, np.where(a < 46, top - 0.5 * top * (a - 37) / 8, 0.5 * top))
        return np.interp(np.linspace(0, 55, self.generations), a, full)

    @property
    def most_capital(self) -> Float[Array | np.ndarray, " savers"]:
        """Largest capital of each generation of savers: what can be run down before death at a high return."""
        most, bounds = 0.0, []
        for _ in range(self.generations - 1):
            most = (most + STEEPEST / self.adjustment * 0.9) / MOST_RETURN
            bounds.append(most)
        return namespace(most).stack(bounds[::-1]).astype(np.float32)

    def initial(self, key: PRNGKeyArray) -> State:
        """Return capital that rises and falls with age, no bonds, the first shock."""
        n = self.generations
        capital = np.sin(np.pi * np.arange(n) / n) * 1.6
        xp = namespace(self.most_capital)
        capital = xp.minimum(capital * 2.4, xp.append(0.0, 0.8 * self.most_capital))
        return self.State(self.shock.initial, jnp.asarray(capital, jnp.float32), jnp.zeros(n))

    def prices(self, state: State) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return the gross return on capital and the wage."""
        ratio = jnp.maximum(jnp.sum(state.capital) / self.labour.sum(), LEAST_CAPITAL)
        alpha = self.capital_share
        z, d = (jnp.asarray(x, jnp.float32)[state.shock] for x in (self.productivity, self.depreciation))
        return alpha * z * ratio ** (alpha - 1) + 1 - d, (1 - alpha) * z * ratio**alpha

    def payoff(self, state: State) -> Float[Array, ""]:
        """Return what a bond pays."""
        return jnp.minimum(self.kappa * self.prices(state)[0], 1.0)

    def cash(self, state: State) -> Float[Array, " N"]:
        """Return what each generation can spend."""
        gross_return, wage = self.prices(state)
        labour = jnp.asarray(self.labour, jnp.float32)
        cash = gross_return * state.capital + self.payoff(state) * state.bond + wage * labour
        return jnp.maximum(cash, 2 * LEAST_CONSUMPTION)

    def change(self, state: State, policy: Policy) -> Float[Array, " N"]:
        """Return each generation's change D of capital; the oldest run theirs down to zero."""
        return jnp.append(policy.savings, 0.0) - self.prices(state)[0] * state.capital

    def consumption(self, state: State, policy: Policy) -> Float[Array, " N"]:
        """Return each generation's cash less what it buys and the cost of changing capital."""
        bought = jnp.append(policy.savings + policy.bond_price * policy.bonds, 0.0)
        cost = 0.5 * self.adjustment * self.change(state, policy) ** 2
        return jnp.maximum(self.cash(state) - bought - cost, LEAST_CONSUMPTION)

    def policies(self, state: State) -> dict[str, FeasibleSet]:
        """One set for the whole portfolio: what one asset costs bounds the other."""
        returned = self.prices(state)[0] * state.capital[:-1]
        most = jnp.asarray(self.most_capital)
        portfolio = Portfolio(
            self.cash(state)[:-1], returned, most, self.kappa, self.adjustment, self.risk_aversion
        )  # fmt: skip
        return {"portfolio": portfolio}

    def transition(self, state: State, policy: Policy, shock: Int[Array, ""]) -> State:
        """What is bought belongs to the next older generation."""
        zero = jnp.zeros(1)
        return self.State(shock, jnp.concatenate([zero, policy.savings]), jnp.concatenate([zero, policy.bonds]))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler errors of both assets, multiplier times slack, and the bond market relative to capital."""

        def values(s: Any, p: Any) -> tuple[Float[Array, " savers"], Float[Array, " savers"]]:
            marginal = power(self.consumption(s, p)[1:], -self.risk_aversion)
            marginal_cost = 1 + self.adjustment * self.change(s, p)[1:]
            return self.prices(s)[0] * jnp.maximum(marginal_cost, 0.01) * marginal, self.payoff(s) * marginal

        capital, bond = expect(values)
        n, m = policy.collateral_multiplier, policy.capital_multiplier
        cost = 1 + self.adjustment * self.change(state, policy)[:-1]
        consumption = self.consumption(state, policy)[:-1]
        slack = policy.savings + self.kappa * policy.bonds
        return {
            "capital": euler_error((self.discount * capital + m + n) / cost, consumption, self.risk_aversion),
            "bond": euler_error(
                (self.discount * bond + self.kappa * n) / policy.bond_price, consumption, self.risk_aversion
            ),
            "complementarity": jnp.concatenate([product_error(m, policy.savings), product_error(n, slack)]),
            "market": jnp.sum(policy.bonds) / jnp.sum(policy.savings),
        }

    def safeguards(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return where a floor or a bound acts that keeps a policy feasible while it is learning."""
        gross_return, wage = self.prices(state)
        labour = jnp.asarray(self.labour, jnp.float32)
        cash = gross_return * state.capital + self.payoff(state) * state.bond + wage * labour
        change, savings = self.change(state, policy), policy.savings
        down = gross_return * state.capital[:-1] - STEEPEST / self.adjustment
        return {
            "capital in prices at its floor": jnp.sum(state.capital) < LEAST_CAPITAL * self.labour.sum(),
            "consumption at its floor": (cash < 2 * LEAST_CONSUMPTION)
            | (self.consumption(state, policy) <= LEAST_CONSUMPTION),
            "capital run down as fast as it may": (savings > 0) & (savings <= down + 1e-4),
            "marginal cost of capital at its floor": 1 + self.adjustment * change < 0.01,
            "capital at the most that can be run down": savings > 0.999 * jnp.asarray(self.most_capital),
        }

    def features(self, state: State) -> Float[Array, " features"]:
        """The network sees capital and financial wealth of all generations but the newborn."""
        return jnp.concatenate([state.capital[1:], state.capital[1:] + state.bond[1:]])

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return prices, aggregates, and consumption, income and financial wealth by generation."""
        gross_return, wage = self.prices(state)
        consumption = self.consumption(state, policy)
        return {
            "gross_return": gross_return,
            "wage": wage,
            "riskless_return": 1 / policy.bond_price,
            "aggregate_capital": jnp.sum(state.capital),
            "aggregate_consumption": jnp.sum(consumption),
            "consumption": consumption,
            "income": self.cash(state),
            "financial_wealth": gross_return * state.capital + self.payoff(state) * state.bond,
        }

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Label generations by age."""
        names = {
            "age": ("capital", "bond", "consumption", "income", "financial_wealth"),
            "saver_age": ("savings", "bonds", "capital_multiplier", "collateral_multiplier"),
        }
        labels = {"age": self.ages, "saver_age": self.ages[:-1]}
        return {name: (axis, labels[axis]) for axis, group in names.items() for name in group}

    def settings(self) -> SolveSettings:
        """Return settings found by measurement."""
        return SolveSettings(episodes=1000, restart=0.01, width=128, depth=3, steepness=3.0, tail=0.01, batch_size=512)

    def required(self) -> tuple[Target, ...]:
        """Return the accuracy asked of this economy: a tenth of a per cent in the mean, one per cent nearly always."""
        return (
            Target("capital", mean=1e-3, p999=1e-2),
            Target("bond", mean=1e-3, p999=1e-2),
            Target("market", max=1e-3),
        )
