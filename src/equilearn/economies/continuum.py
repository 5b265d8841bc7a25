"""A continuum of agents with idiosyncratic and aggregate risk: the state is a distribution (Bewley; Epstein and Zin).

The endowment economy of the authors' public example. One asset, in supply one, pays one next period and costs p; each
agent has income e Y(z), e one of two levels that change independently, and may not owe anything:

    c = a + e Y(z) - p a',   a' >= 0,   integral a' = 1
    V = ((1 - discount) c^(1-rho) + discount mu^(1-rho))^(1/(1-rho)),   mu = (E V'^(1-sigma))^(1/(1-sigma))
    p c^-rho = discount E[c'^-rho (V'/mu)^(rho-sigma)] + multiplier,   multiplier a' = 0

rho is one over the elasticity of intertemporal substitution, sigma relative risk aversion. The distribution is a
histogram of assets for each income level; what is saved between two of its points goes to both by a lottery that keeps
the mean. Policies are functions of assets: the network gives their values at nodes (dense near zero), between which a
cubic convolution (Keys, 1981) interpolates. The network's function is x(a): an agent consumes the share exp(-x+) of the
cash on hand and has the multiplier x- (times a scale), so the kink is where the smooth function x crosses zero, and
complementarity is exact. The market clears by construction: p = integral of what is spent on the asset.

Legend: 2 income levels, H points of the histogram, M nodes, J points where errors are measured.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from equilearn.equilibrium import (
    Curve,
    Expect,
    FeasibleSet,
    Histogram,
    MarkovChain,
    Model,
    SolveSettings,
    product_error,
)
from equilearn.equilibrium.sets import pushing, soft_clip
from equilearn.errors import UserError
from equilearn.learn import Target

LEAST_ASSETS = 0.25
"""Scale below which nodes are evenly spaced in assets, above which in their logarithm."""
INNER_NODES = 32
POINTS = 64
"""Points for each income level where errors are measured, dense near zero as the nodes are."""
THRESHOLDS = 14
RANGE = 4.0
"""How far the functions x and log V can move from their first guesses."""
LEAST_PRICE = 0.05
"""Floor of the price, for a policy that is still learning."""
LEAST_MASS = 1e-6
"""Of agents, below which a point of the histogram counts as empty."""
FIRST = np.array([[0.70, 0.20, 0.10], [0.15, 0.70, 0.15], [0.10, 0.20, 0.70]])
SECOND = np.array([[0.75, 0.10, 0.15], [0.20, 0.60, 0.20], [0.15, 0.10, 0.75]])


def aggregate_chain(stay: float = 0.8) -> MarkovChain:
    """Return the chain of uncertainty (slow index) and income (fast), whose matrix depends on uncertainty."""
    rows = np.block([[stay * FIRST, (1 - stay) * FIRST], [(1 - stay) * SECOND, stay * SECOND]])
    return MarkovChain(tuple(tuple(float(p) for p in row) for row in rows))


class Market(FeasibleSet):
    """Functions of assets by income level, and the price at which what is saved equals the supply."""

    thrift: Float[Array, "2 M"]
    """First guess of x at the nodes."""
    log_value: Float[Array, "2 M"]
    """First guess of log V at the nodes."""
    weights: Float[Array, "H M"]
    """Of the nodes at the histogram's points."""
    cash: Float[Array, "2 H"]
    histogram: Float[Array, "2 H"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Two functions for each income level, M numbers each."""
        return (2, *self.thrift.shape)

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of the three policies."""
        return ("thrift", "value", "price")

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return both functions at the nodes, and the price."""
        thrift = self.thrift + soft_clip(raw[0], RANGE)
        spent = -jnp.expm1(-jax.nn.relu(thrift @ self.weights.T)) * self.cash
        return {
            "thrift": thrift,
            "value": jnp.exp(self.log_value + soft_clip(raw[1], RANGE)),
            "price": jnp.maximum(jnp.sum(self.histogram * spent), LEAST_PRICE),
        }

    def at_bounds(self, name: str, raw: Float[Array, "..."]) -> dict[str, Bool[Array, "..."]]:
        """The ends of both functions, at nodes near which there are agents."""
        peopled = jnp.abs(self.weights).T @ jnp.sum(self.histogram, axis=0) > LEAST_MASS
        ends = pushing(jnp.abs(raw), RANGE) & peopled
        return {"thrift at an end": ends[0], "value at an end": ends[1]}


class Continuum(Model):
    """A continuum of agents with idiosyncratic income, uncertainty shocks and Epstein-Zin preferences."""

    discount: float = 0.95
    risk_aversion: float = 8.0
    """Relative risk aversion, sigma."""
    inverse_ies: float = 2.0
    """One over the elasticity of intertemporal substitution, rho."""
    income: tuple[float, ...] = (0.95, 1.0, 1.05, 0.95, 1.0, 1.05)
    """Aggregate income in each state of the chain."""
    levels: tuple[float, float] = (0.8, 1.2)
    """Idiosyncratic income levels, each of half the agents."""
    stay: float = 0.7
    """Probability that an agent's level stays."""
    most_assets: float = 20.0
    points: int = 100
    """Points of the histogram."""
    shock: MarkovChain = aggregate_chain()  # pyright: ignore[reportIncompatibleVariableOverride]

    class State(NamedTuple):
        """Index of the aggregate state, and the mass of agents by income level and assets."""

        shock: Int[Array, ""]
        histogram: Float[Array, "2 H"]

    class Policy(NamedTuple):
        """The functions x and V at the nodes, by income level, and the price of the asset."""

        thrift: Float[Array, "2 M"]
        value: Float[Array, "2 M"]
        price: Float[Array, ""]

    def __post_init__(self) -> None:
        if len(self.income) != self.shock.states:
            raise UserError(f"Continuum.income: must have {self.shock.states} values, one for each aggregate state.")
        if min(self.income) <= 0 or min(self.levels) <= 0:
            raise UserError("Continuum: income and levels must be above 0.")
        if (
            not 0 < self.discount < 1
            or not 0 < self.stay < 1
            or not 10 <= self.points <= 10_000
            or not self.most_assets > 1
        ):
            raise UserError(
                "Continuum: discount and stay must be in (0, 1), points from 10 to 10,000, most_assets above 1."
            )
        if self.inverse_ies == 1 or self.risk_aversion == 1 or min(self.inverse_ies, self.risk_aversion) <= 0:
            raise UserError("Continuum: inverse_ies and risk_aversion must be above 0 and not 1.")

    @property
    def histogram(self) -> Histogram:
        """The points between which agents are moved."""
        return Histogram(np.linspace(0, self.most_assets, self.points))

    @property
    def assets(self) -> Float[np.ndarray, " H"]:
        """The histogram's points."""
        return self.histogram.nodes

    @property
    def curve(self) -> Curve:
        """The nodes of functions of assets."""
        return Curve(self.most_assets, LEAST_ASSETS, INNER_NODES)

    @property
    def measured(self) -> Float[np.ndarray, " J"]:
        """Assets at which errors are measured."""
        return self.curve.spread(POINTS)

    def cash(self, assets: Any, shock: Int[Array, ""]) -> Float[Array, "2 n"]:
        """Return cash on hand by income level, at given assets."""
        income = jnp.asarray(self.income, jnp.float32)[shock]
        return jnp.asarray(assets) + income * jnp.asarray(self.levels, jnp.float32)[:, None]

    def initial(self, key: PRNGKeyArray) -> State:
        """Return exponentially distributed assets of mean between 0.8 and 1.2."""
        mean = jax.random.uniform(key, minval=0.8, maxval=1.2)
        mass = jnp.exp(-jnp.asarray(self.assets) / mean)
        return self.State(self.shock.initial, jnp.tile(0.5 * mass / jnp.sum(mass), (2, 1)))

    def policies(self, state: State) -> dict[str, FeasibleSet]:
        """Consume a little more than half of income and a quarter of assets to begin with."""
        nodes = np.maximum(self.curve.nodes, 0.0)
        levels = np.array(self.levels)[:, None]
        consumed = 0.45 + 0.35 * levels + 0.25 * nodes / (1 + 0.05 * nodes)
        thrift = jnp.asarray(-np.log(consumed / (nodes + levels)), jnp.float32)
        log_value = jnp.asarray(np.log(0.85 + 0.1 * levels + 0.05 * nodes), jnp.float32)
        cash = self.cash(self.assets, state.shock)
        return {"market": Market(thrift, log_value, self.curve.weights(self.assets), cash, state.histogram)}

    def saved(self, policy: Policy, thrift: Float[Array, "2 n"], cash: Float[Array, "2 n"]) -> Float[Array, "2 n"]:
        """Return assets bought."""
        return jnp.minimum(-jnp.expm1(-jax.nn.relu(thrift)) * cash / policy.price, self.most_assets)

    def transition(self, state: State, policy: Policy, shock: Int[Array, ""]) -> State:
        """Savers move to their new assets, by lottery between two points; then income levels change."""
        cash = self.cash(self.assets, state.shock)
        saved = self.saved(policy, policy.thrift @ self.curve.weights(self.assets).T, cash)
        return self.State(shock, self.histogram.move(state.histogram, saved, self._change()))

    def safeguards(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return where agents reach the end of the histogram, and where the price is at its floor."""
        return {
            "assets at the end of the histogram": jnp.sum(state.histogram[:, -1]) > LEAST_MASS,
            "price at its floor": policy.price <= LEAST_PRICE,
        }

    def _change(self) -> Float[Array, "2 2"]:
        return jnp.array([[self.stay, 1 - self.stay], [1 - self.stay, self.stay]], jnp.float32)

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return Euler and Bellman errors at the measured points, multiplier times savings, and the market's error."""
        rho, sigma, beta = self.inverse_ies, self.risk_aversion, self.discount
        here = self.curve.weights(self.measured)
        thrift, log_value = policy.thrift @ here.T, jnp.log(policy.value) @ here.T
        cash = self.cash(self.measured, state.shock)
        saved = self.saved(policy, thrift, cash)
        weights = self.curve.weights(saved)  # (2, J, M): where today's savers will be among tomorrow's nodes

        def moments(s: Continuum.State, p: Any) -> tuple[Array, Array]:
            income = jnp.asarray(self.income, jnp.float32)[s.shock] * jnp.asarray(self.levels, jnp.float32)
            x, v = (jnp.einsum("tjm,nm->tnj", weights, f) for f in (p.thrift, jnp.log(p.value)))  # n: tomorrow's level
            log_consumption = jnp.log(saved[:, None] + income[:, None]) - jax.nn.relu(x)
            marginal = jnp.exp(-rho * log_consumption + (rho - sigma) * v)
            mean = [jnp.einsum("tn,tnj->tj", self._change(), one) for one in (marginal, jnp.exp((1 - sigma) * v))]
            return mean[0], mean[1]

        marginal, certain = expect(moments)
        mu = certain ** (1 / (1 - sigma))
        multiplier = cash**-rho * jax.nn.relu(-thrift)
        consumption = cash * jnp.exp(-jax.nn.relu(thrift))
        value = (beta * marginal * mu ** (sigma - rho) + multiplier) / policy.price
        bellman = ((1 - beta) * consumption ** (1 - rho) + beta * mu ** (1 - rho)) ** (1 / (1 - rho))
        bought = self.saved(
            policy, policy.thrift @ self.curve.weights(self.assets).T, self.cash(self.assets, state.shock)
        )
        return {
            "euler": value ** (-1 / rho) / consumption - 1,
            "bellman": bellman * jnp.exp(-log_value) - 1,
            "complementarity": product_error(multiplier, saved),
            "market": jnp.sum(state.histogram * bought) - 1,
        }

    def weights(self, state: State, policy: Policy) -> dict[str, Array]:
        """The numbers of both functions count as many agents as there are around them.

        Errors count everywhere alike: learnt by mass, the economy without aggregate risk ran away.
        """
        around = state.histogram @ jnp.abs(self.curve.weights(self.assets))
        return {"thrift": around, "value": around}

    def units(self) -> dict[str, str]:
        """Errors are relative to what an agent consumes and to its value."""
        return {"euler": "consumption in a period, relative", "bellman": "value, in units of consumption, relative"}

    def features(self, state: State) -> Float[Array, " features"]:
        """The network sees, for each income level, the mean of assets up to thresholds: smooth and informative."""
        thresholds = self.curve.at(1 + (INNER_NODES - 1) * np.linspace(0.06, 0.8, THRESHOLDS))
        limited = np.minimum(self.assets[:, None], thresholds)
        return jnp.ravel(state.histogram @ limited)

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return savings and consumption at the histogram's points, and the distribution's moments."""
        cash = self.cash(self.assets, state.shock)
        thrift = policy.thrift @ self.curve.weights(self.assets).T
        return {
            "saved": self.saved(policy, thrift, cash),
            "consumption": cash * jnp.exp(-jax.nn.relu(thrift)),
            "mean_assets": self.histogram.mean(state.histogram),
            "std_assets": self.histogram.deviation(state.histogram),
            "share_without_assets": jnp.sum(state.histogram[:, 0]),
        }

    def settings(self) -> SolveSettings:
        """Return settings found by measurement; with fewer paths that start again, some seeds lose their way."""
        return SolveSettings(
            episodes=400, width=96, depth=2, batch_size=128, paths=128, periods=4, tail=0.01, restart=0.05
        )

    def required(self) -> tuple[Target, ...]:
        """Return the accuracy asked of this economy: a tenth of a per cent in the mean, one per cent nearly always."""
        return (
            Target("euler", mean=1e-3, p999=1e-2),
            Target("bellman", mean=1e-3, p999=1e-2),
            Target("market", max=1e-3),
        )
