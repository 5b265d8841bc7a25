"""The international real-business-cycle model: N countries, complete markets, adjustment costs.

A planner shares output among countries j = 1..N (Brumm and Scheidegger, 2017; the authors' course notebooks 09, 10):

    c_j = (multiplier / weight_j)^-ies_j,   sum_j (y_j + (1 - d) k_j - k'_j - cost_j - c_j) = 0
    y_j = A a_j k_j^alpha,   cost_j = adjustment / 2 * k_j g_j^2,   g_j = k'_j / k_j - 1
    multiplier (1 + adjustment g_j) - irreversibility_j
        = discount E[multiplier' (A alpha a'_j k'_j^(alpha-1) + 1 - d + adjustment / 2 ((g'_j + 1)^2 - 1))
                     - (1 - d) irreversibility'_j]
    log a'_j = persistence log a_j + innovation_std (e_j + e_common)

A makes capital one in the steady state without shocks, where the weights make the multiplier one. With
irreversible investment, i_j = k'_j - (1 - d) k_j >= 0 and irreversibility_j i_j = 0; without, the multiplier is zero.

The budget holds by construction: the network chooses investment, and the multiplier that exhausts what is left is
found by Newton's method. Legend: N countries.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium import (
    Complement,
    Expect,
    FeasibleSet,
    Gaussian,
    Interval,
    Model,
    Monomial,
    Shock,
    SolveSettings,
    product_error,
)
from equilearn.errors import UserError
from equilearn.parameters import namespace

MOST_INVESTED = 0.9
"""Share of its output that a country can invest at most: keeps consumption positive while the policy is learning. Far
from what happens in equilibrium (tested)."""
MOST_CAPITAL = 2.5
"""Of a country. Without a bound, ever growing capital satisfies the Euler equations too."""
LEAST_CAPITAL = 1e-3
"""Of a country, for a policy that is still learning."""
LEAST_CONSUMED = 0.01
"""Share of world output that is always consumed, for a policy that is still learning."""
NEWTON_STEPS = 8


@functools.cache
def _own_and_common(countries: int) -> tuple[tuple[float, ...], ...]:
    """Return the covariance of the sum of an own and a common innovation, both of variance one."""
    return tuple(tuple(float(x) for x in row) for row in np.eye(countries) + 1)


class IRBC(Model):
    """The international business cycle: N countries that share risk, adjustment costs of capital."""

    countries: int = 2
    discount: float = 0.99
    capital_share: float = 0.36
    depreciation: float = 0.01
    adjustment: float = 0.5
    """Cost of changing capital."""
    persistence: float = 0.95
    innovation_std: float = 0.01
    """Of the country's own and of the common innovation, each."""
    least_ies: float = 0.25
    """Intertemporal elasticity of substitution of the first country; those of the others rise evenly to one."""

    class State(NamedTuple):
        """Log productivity and log capital of every country."""

        shock: Float[Array, " N"]
        log_capital: Float[Array, " N"]

    class Policy(NamedTuple):
        """Investment of every country."""

        investment: Float[Array, " N"]

    def __post_init__(self) -> None:
        if not 1 <= self.countries <= 1_000:
            raise UserError(f"IRBC.countries: must be at least 1 and at most 1,000, not {self.countries}.")
        if not 0 < self.least_ies <= 1:
            raise UserError(f"IRBC.least_ies: must be in (0, 1], not {self.least_ies}.")
        if not 0 < self.discount < 1 or not 0 < self.capital_share < 1 or not 0 < self.depreciation <= 1:
            raise UserError("IRBC: discount and capital_share must be in (0, 1), depreciation in (0, 1].")
        _ = self.shock  # which looks at persistence and innovation_std

    @property
    def shock(self) -> Shock:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Log productivity: every country's own innovation and a common one."""
        return Gaussian(
            _own_and_common(self.countries),
            persistence=self.persistence,
            rule=Monomial(3),
            scale=self.innovation_std,
        )

    @property
    def ies(self) -> Float[Array | np.ndarray, " N"]:
        """Intertemporal elasticity of substitution of every country."""
        share = np.linspace(0.0, 1.0, self.countries)
        return (self.least_ies + (1 - self.least_ies) * share).astype(np.float32)

    @property
    def productivity(self) -> float | Float[Array, ""]:
        """Level A of productivity, which makes the steady state's capital one."""
        return (1 / self.discount - 1 + self.depreciation) / self.capital_share

    @property
    def steady_consumption(self) -> float | Float[Array, ""]:
        """Consumption of every country in the steady state without shocks."""
        return self.productivity - self.depreciation

    def initial(self, key: PRNGKeyArray) -> State:
        """Return productivity from its stationary distribution, and log capital within a quarter of zero."""
        shock_key, capital_key = jax.random.split(key)
        own, common = (
            jax.random.normal(shock_key, (self.countries,)),
            jax.random.normal(jax.random.fold_in(shock_key, 1)),
        )
        spread = self.innovation_std / (1 - self.persistence**2) ** 0.5
        log_capital = jax.random.uniform(capital_key, (self.countries,), minval=-0.25, maxval=0.25)
        return self.State(spread * (own + common), log_capital)

    def output(self, state: State) -> Float[Array, " N"]:
        """Return A a k^alpha of every country."""
        return self.productivity * jnp.exp(state.shock + self.capital_share * state.log_capital)

    def policies(self, state: State) -> dict[str, FeasibleSet]:
        """Investment is between twice what wears out, taken away, and 90 % of output."""
        most, worn = self.most(state), self.depreciation * jnp.exp(state.log_capital)
        start = (self.first_guess(state) + 2 * worn) / (most + 2 * worn)
        return {"investment": Interval(-2 * worn, most, start=start)}

    def most(self, state: State) -> Float[Array, " N"]:
        """Return the most that can be invested: 90 % of output, and no more than takes capital to `MOST_CAPITAL`."""
        room = MOST_CAPITAL - (1 - self.depreciation) * jnp.exp(state.log_capital)
        return jnp.minimum(MOST_INVESTED * self.output(state), jnp.maximum(room, 0.01))

    def first_guess(self, state: State) -> Float[Array, " N"]:
        """Return the investment that learning starts from: it brings capital back to its steady state.

        Started among stable economies, the network finds the solution that stays stable.
        """
        rate = self.depreciation * jax.nn.softplus(0.54 - 10 * state.log_capital + 16 * state.shock)
        guess, most = rate * jnp.exp(state.log_capital), self.most(state)
        return most * guess / (guess + most)

    def shadow_value(self, policy: Any) -> Float[Array, " N"]:
        """Return the multipliers of the lower bounds of investment, relative to the budget's: none here."""
        del policy
        return jnp.zeros(self.countries)

    def following_capital(self, state: State, policy: Any) -> Float[Array, " N"]:
        """Return next period's capital of every country."""
        return (1 - self.depreciation) * jnp.exp(state.log_capital) + policy.investment

    def transition(self, state: State, policy: Any, shock: Array) -> State:
        """Investment and what is left of capital are next period's capital."""
        return self.State(shock, jnp.log(jnp.maximum(self.following_capital(state, policy), LEAST_CAPITAL)))

    def growth(self, state: State, policy: Any) -> Float[Array, " N"]:
        """Return the growth rate g of every country's capital."""
        return self.following_capital(state, policy) / jnp.exp(state.log_capital) - 1

    def world_consumption(self, state: State, policy: Any) -> Float[Array, ""]:
        """Return what is left of world output for consumption."""
        cost = 0.5 * self.adjustment * jnp.exp(state.log_capital) * self.growth(state, policy) ** 2
        left = jnp.sum(self.output(state) - policy.investment - cost)
        return jnp.maximum(left, LEAST_CONSUMED * jnp.sum(self.output(state)))

    def log_multiplier(self, state: State, policy: Any) -> Float[Array, ""]:
        """Return the log of the budget's multiplier: the root of log(consumption(multiplier) / world consumption).

        Newton's method in logs: the function is convex and falls with a slope between -1 and -least_ies, so the
        steps converge from any start. The last step alone is differentiated: its derivative is that of the root.
        """
        ies, base = jnp.asarray(self.ies), namespace(self.steady_consumption).log(self.steady_consumption)
        target = jnp.log(self.world_consumption(state, policy))

        def step(x: Float[Array, ""], total: Float[Array, ""]) -> Float[Array, ""]:
            logs = base - ies * x
            shares = jax.nn.softmax(logs)
            return x + (jax.scipy.special.logsumexp(logs) - total) / jnp.sum(shares * ies)

        held = jax.lax.stop_gradient(target)
        start = (jax.lax.stop_gradient(base) + np.log(self.countries) - held) / jnp.mean(ies)
        root = jax.lax.fori_loop(0, NEWTON_STEPS - 1, lambda _, x: step(x, held), start)
        return step(root, target)

    def consumption(self, state: State, policy: Any) -> Float[Array, " N"]:
        """Return every country's consumption."""
        return self.steady_consumption * jnp.exp(-jnp.asarray(self.ies) * self.log_multiplier(state, policy))

    def errors(self, state: State, policy: Any, expect: Expect) -> dict[str, Array]:
        """Return the Euler errors relative to the cost of capital."""
        level = self.log_multiplier(state, policy)

        def value(s: IRBC.State, p: Any) -> Float[Array, " N"]:
            marginal_product = self.capital_share * self.output(s) / jnp.exp(s.log_capital)
            costs = 0.5 * self.adjustment * ((self.growth(s, p) + 1) ** 2 - 1)
            gain = marginal_product + 1 - self.depreciation + costs - (1 - self.depreciation) * self.shadow_value(p)
            return jnp.exp(self.log_multiplier(s, p) - level) * gain

        gain = self.discount * expect(value) + self.shadow_value(policy)
        return {"euler": gain / (1 + self.adjustment * self.growth(state, policy)) - 1}

    def definitions(self, state: State, policy: Any) -> dict[str, Array]:
        """Return output, consumption and capital of every country, and world consumption."""
        return {
            "output": self.output(state),
            "consumption": self.consumption(state, policy),
            "capital": jnp.exp(state.log_capital),
            "world_consumption": self.world_consumption(state, policy),
        }

    def safeguards(self, state: State, policy: Any) -> dict[str, Array]:
        """Return where a bound acts that keeps a policy feasible, and economies stable, while it is learning."""
        cost = 0.5 * self.adjustment * jnp.exp(state.log_capital) * self.growth(state, policy) ** 2
        output = self.output(state)
        return {
            "consumption at its floor": jnp.sum(output - policy.investment - cost) < LEAST_CONSUMED * jnp.sum(output),
            "investment at its most": policy.investment > 0.999 * self.most(state),
            "capital at its floor": self.following_capital(state, policy) < LEAST_CAPITAL,
            "capital at its most": self.following_capital(state, policy) > 0.999 * MOST_CAPITAL,
        }

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Number the countries."""
        names = ("output", "consumption", "capital", "investment", "irreversibility", "shock", "log_capital", "euler")
        names += ("complementarity",)
        return {name: ("country", 1 + np.arange(self.countries)) for name in names}

    def settings(self) -> SolveSettings:
        """Return settings found by measurement: with a root near one, Newton's steps find what learning hardly sees.

        With many countries they cost more than the learning, whose steps then see few of the many nodes.
        """
        if self.countries <= FEW:
            return SolveSettings(episodes=1000, restart=0.002, newton=4)
        episodes = min(max(2000, 100 * self.countries), 5000)
        return SolveSettings(episodes=episodes, restart=0.002, width=128, learning_rate=5e-3, tail=0.0, sampled_nodes=2)


class IrreversibleIRBC(IRBC):
    """The international business cycle with irreversible investment: what is built stays built."""

    innovation_std: float = 0.025
    """Two and a half times the usual one, with which investment would hardly ever fall to zero."""

    class Policy(NamedTuple):  # pyright: ignore[reportIncompatibleVariableOverride]
        """Investment of every country, and the multipliers of its lower bound relative to the budget's."""

        investment: Float[Array, " N"]
        irreversibility: Float[Array, " N"]

    def policies(self, state: IRBC.State) -> dict[str, FeasibleSet]:
        """Investment is at least zero, where it has a multiplier, and below 90 % of output."""
        most = self.most(state)
        start = self.first_guess(state) / most
        return {"investment": Complement(0.0, most, multiplier="irreversibility", scale=0.2, start=start)}

    def shadow_value(self, policy: Any) -> Float[Array, " N"]:
        """Return the multipliers of the lower bounds of investment."""
        return policy.irreversibility

    def errors(self, state: IRBC.State, policy: Any, expect: Expect) -> dict[str, Array]:
        """Return the Euler errors, and the multiplier times investment relative to capital."""
        relative = policy.investment / jnp.exp(state.log_capital)
        return super().errors(state, policy, expect) | {
            "complementarity": product_error(policy.irreversibility, relative)
        }

    def settings(self) -> SolveSettings:
        """Return settings found by measurement: investment has a kink."""
        return SolveSettings(episodes=4000, restart=0.002, width=96, depth=3, steepness=3.0)


FEW = 4
"""Countries up to which Newton's steps follow the learning; above them learning sees a few of the shock's nodes."""
