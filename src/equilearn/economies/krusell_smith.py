"""The economy of Krusell and Smith (1998): unemployment and aggregate risk, the distribution of wealth as state.

Agents lose and find work at random, more often lose it in bad times, and cannot insure; they save in capital, which
firms rent together with labour L at marginal products. With e = 1 for those at work and e = 0 for the others,

    c + k' = R k + w income(e),   k' >= 0,   1/c = discount E[R' / c'] + multiplier,   multiplier k' = 0
    R = 1 - depreciation + alpha z (K/L)^(alpha - 1),   w = (1 - alpha) z (K/L)^alpha,   K = mean of k

The default is their baseline: nobody out of work has an income. `--labour 1.111111 --benefit 0.15` is the economy of
den Haan, Judd and Juillard (2010), where a tax on wages pays for a benefit. The distribution is a histogram (Young,
2010); nothing is summed up in its mean, as it is in Krusell and Smith's own method.

Agents consume the share exp(-x+) of their cash and have the multiplier x- / cash, so complementarity is exact. The
network gives x at some values of k; between them it is that of a first guess, and a polynomial in the log of k.

Legend: 2 kinds of agents (out of work, at work), H nodes of the histogram, M values of k, J points of the errors.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from equilearn.equilibrium import (
    Expect,
    FeasibleSet,
    Histogram,
    MarkovChain,
    Model,
    SolveSettings,
    euler_error,
    power,
)
from equilearn.errors import UserError

LEAST, MOST = 1e-3, 4.0
"""Least and most that an agent owns, in units of the capital without risk. Those who want less are given the rest,
which keeps consumption above zero; those who want more consume the rest."""
LOOKED_AT = 0.004
"""Least capital at which errors are measured, in the same units; hardly anybody owns less. No equation holds what the
network says below it, and the polynomials carry that on to those who own a little more."""
GIVEN = 1e-6
"""Share of all capital that may be given in a quarter before the floor counts as acting."""
SCALE = 0.05
"""Below it capital is looked at evenly, above it in its logarithm; in the same units."""
POLYNOMIALS = 16
POINTS = 48
"""For each kind of agents, where errors are measured; few of them are nodes of the histogram."""
THRESHOLDS = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.2, MOST])
LAST = np.log1p(MOST / SCALE)
CORNERS = -np.cos(np.pi * np.arange(POLYNOMIALS) / (POLYNOMIALS - 1))
"""Chebyshev's points in [-1, 1]."""
TO_COEFFICIENTS = np.linalg.inv(np.polynomial.chebyshev.chebvander(CORNERS, POLYNOMIALS - 1)).T
"""From values there to coefficients of the polynomials."""

TIMES = MarkovChain(((0.875, 0.125), (0.125, 0.875)))
"""Bad and good times, of eight quarters each on average."""


class Thrift(FeasibleSet):
    """x at the knots: the share of cash consumed where it is above zero, a multiplier below."""

    guess: Float[Array, "2 M"]

    @property
    def shape(self) -> tuple[int, ...]:
        """One number at each knot."""
        return self.guess.shape

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of both."""
        return ("share", "multiplier")

    def multipliers(self) -> tuple[str, ...]:
        """Return the one that decides nothing."""
        return ("multiplier",)

    def values(self, name: str, raw: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """Return both; one number of the network is worth 0.3 of x, and the share is never zero."""
        x = jnp.minimum(self.guess + 0.3 * raw, 60.0)
        return {"share": jnp.exp(-jax.nn.relu(x)), "multiplier": jax.nn.relu(-x)}


class KrusellSmith(Model):
    """Uninsurable unemployment with aggregate risk; a period is a quarter."""

    discount: float = 0.99
    capital_share: float = 0.36
    depreciation: float = 0.025
    productivity: tuple[float, float] = (0.99, 1.01)
    """In bad and in good times."""
    unemployment: tuple[float, float] = (0.10, 0.04)
    spell: tuple[float, float] = (2.5, 1.5)
    """Mean quarters without work."""
    labour: float = 0.3271
    """Hours of those at work."""
    benefit: float = 0.0
    """Income without work, in units of the wage."""
    points: int = 300
    """Nodes of the histogram."""
    shock: MarkovChain = TIMES  # pyright: ignore[reportIncompatibleVariableOverride]

    class State(NamedTuple):
        """Bad or good times, and the mass of agents by work and capital."""

        shock: Int[Array, ""]
        histogram: Float[Array, "2 H"]

    class Policy(NamedTuple):
        """exp(-x+), the share of cash that is consumed, and x- at the knots, out of work and at work."""

        share: Float[Array, "2 M"]
        multiplier: Float[Array, "2 M"]

    def __post_init__(self) -> None:
        if not (0 < self.discount < 1 and 0 < self.capital_share < 1 and 0 < self.depreciation <= 1):
            raise UserError("KrusellSmith: discount, capital_share and depreciation must be between 0 and 1.")
        if not (min(self.productivity) > 0 and min(self.unemployment) > 0 and 0 <= self.benefit < self.labour):
            raise UserError("KrusellSmith: productivity and unemployment must be above 0, benefit below labour.")
        if self.shock.states != 2 or not 10 <= self.points <= 10_000:
            raise UserError("KrusellSmith: the shock must have two states, and points be from 10 to 10,000.")
        if not (min(self.spell) >= 1 and np.all((self.change >= 0) & (self.change <= 1))):
            raise UserError("KrusellSmith: there are no probabilities that give this unemployment with these spells.")

    @property
    def change(self) -> Float[np.ndarray, "2 2 2 2"]:
        """Probabilities of work tomorrow given today's, by times today and tomorrow: [z, z', e, e']."""
        stay = 1 - 1 / np.asarray(self.spell)
        without = np.array([[stay[0], 0.75 * stay[1]], [1.25 * stay[0], stay[1]]])
        u = np.asarray(self.unemployment)
        lost = (u[None, :] - u[:, None] * without) / (1 - u[:, None])
        return np.stack([np.stack([p, 1 - p], axis=-1) for p in (without, lost)], axis=-2)

    @property
    def hours(self) -> float:
        """Labour between bad and good times."""
        return self.labour * (1 - sum(self.unemployment) / 2)

    @property
    def benchmark(self) -> float:
        """Capital in the long run of the economy without risk."""
        cost = 1 / self.discount - 1 + self.depreciation
        return self.hours * (self.capital_share / cost) ** (1 / (1 - self.capital_share))

    @property
    def histogram(self) -> Histogram:
        """Nodes from LEAST to MOST, denser where agents are."""
        return Histogram(self.benchmark * (LEAST + (MOST - LEAST) * np.linspace(0, 1, self.points) ** 1.5))

    @property
    def measured(self) -> Histogram:
        """Capital at which errors are measured, from LOOKED_AT to MOST, dense near zero."""
        low, high = np.log1p(np.array([LOOKED_AT, MOST]) / SCALE)
        return Histogram(self.benchmark * SCALE * np.expm1(np.linspace(low, high, POINTS)))

    @property
    def knots(self) -> Float[np.ndarray, "2 M"]:
        """Capital at which the network says x."""
        return np.tile(self.benchmark * SCALE * np.expm1((CORNERS + 1) / 2 * LAST), (2, 1))

    def prices(self, state: Any) -> tuple[Array, Float[Array, "2 1"]]:
        """Return the gross return, and the incomes out of work and at work."""
        u = jnp.asarray(self.unemployment)[state.shock]
        ratio = self.histogram.mean(state.histogram) / (self.labour * (1 - u))
        output = jnp.asarray(self.productivity)[state.shock] * power(ratio, self.capital_share)
        incomes = jnp.stack([jnp.full_like(u, self.benefit), self.labour - self.benefit * u / (1 - u)])
        wage = (1 - self.capital_share) * output
        return 1 - self.depreciation + self.capital_share * output / ratio, wage * incomes[:, None]

    def household(self, state: Any, policy: Any, capital: Any) -> tuple[Array, Array, Array, Array]:
        """Return x, cash, consumption and savings of those who own (..., 2, n) capital, out of work and at work."""
        cash, x = self.first_guess(state, capital)
        more = -jnp.log(policy.share) - policy.multiplier - self.first_guess(state, jnp.asarray(self.knots))[1]
        s = 2 / LAST * jnp.log1p(capital / (SCALE * self.benchmark)) - 1
        polynomials = [jnp.ones_like(s), s]
        while len(polynomials) < POLYNOMIALS:
            polynomials.append(2 * s * polynomials[-1] - polynomials[-2])
        coefficients = more @ jnp.asarray(TO_COEFFICIENTS, more.dtype)
        x = x + jnp.einsum("em,m...en->...en", coefficients, jnp.stack(polynomials))
        saved = jnp.minimum(-jnp.expm1(-jax.nn.relu(x)) * cash, self.histogram.nodes[-1])
        return x, cash, cash - saved, jnp.maximum(saved, self.histogram.nodes[0])

    def first_guess(self, state: Any, capital: Any) -> tuple[Array, Array]:
        """Return cash, and a first guess of x.

        Agents consume the mean wage and their return, as they are between bad and good times, and a little of what
        there is above the benchmark, but never all of their cash.
        """
        gross, incomes = self.prices(state)
        cash = gross * capital + incomes
        mean = self.histogram.mean(state.histogram)
        output = power(mean, self.capital_share) * self.hours ** (1 - self.capital_share)
        wage, gain = (1 - self.capital_share) * output, self.capital_share * output / mean - self.depreciation
        wanted = wage + gain * capital + 0.035 * (mean - self.benchmark)
        return cash, 0.25 * jnp.log((cash / wanted) ** 4 + 0.6**-4)

    def initial(self, key: PRNGKeyArray) -> State:
        """Return bad times, and a bell of capital around nine to eleven tenths of that without risk."""
        nodes = self.histogram.nodes
        mean = self.benchmark * jax.random.uniform(key, minval=0.9, maxval=1.1)
        bell = np.gradient(nodes) * jnp.exp(-0.5 * ((nodes / mean - 1) / 0.45) ** 2)
        u = self.unemployment[0]
        return self.State(self.shock.initial, jnp.array([[u], [1 - u]]) * bell / jnp.sum(bell))

    def policies(self, state: State) -> dict[str, Thrift]:
        """Return all numbers, around the first guess."""
        return {"thrift": Thrift(self.first_guess(state, jnp.asarray(self.knots))[1])}

    def transition(self, state: State, policy: Policy, shock: Int[Array, ""]) -> State:
        """Savers move to their new capital; then some lose, and some find, work."""
        *_, saved = self.household(state, policy, jnp.tile(self.histogram.nodes, (2, 1)))
        change = jnp.asarray(self.change, saved.dtype)[state.shock, shock]
        return self.State(shock, self.histogram.move(state.histogram, saved, change))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler errors at the measured points, in units of consumption."""
        x, cash, consumption, saved = self.household(state, policy, jnp.tile(self.measured.nodes, (2, 1)))

        def marginal(s: Any, p: Any) -> Array:
            owned = jnp.broadcast_to(saved[:, None], (2, *saved.shape))  # (today's work, tomorrow's, J)
            change = jnp.asarray(self.change, saved.dtype)[state.shock, s.shock]
            return jnp.einsum("tn,tnj->tj", change, self.prices(s)[0] / self.household(s, p, owned)[2])

        value = self.discount * expect(marginal) + jax.nn.relu(-x) / cash
        return {"euler": euler_error(value, consumption, 1.0)}

    def weights(self, state: State, policy: Policy) -> dict[str, Array]:
        """An error, or a number of the policy, counts as many agents as there are around it."""
        nodes = jnp.asarray(self.histogram.nodes)
        return {
            "euler": self.measured.place(state.histogram, nodes),
            "share": Histogram(self.knots[0]).place(state.histogram, nodes),
        }

    def features(self, state: State) -> Float[Array, " features"]:
        """The network sees, for either kind of agents, the mean of capital up to thresholds."""
        return jnp.ravel(state.histogram @ np.minimum(self.histogram.nodes[:, None], self.benchmark * THRESHOLDS))

    def safeguards(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return where agents reach the end of the histogram, and where more than a little is given at its start."""
        _, cash, consumption, _ = self.household(state, policy, jnp.tile(self.histogram.nodes, (2, 1)))
        given = jnp.sum(state.histogram * jnp.maximum(self.histogram.nodes[0] - (cash - consumption), 0.0))
        return {
            "capital at the end of the histogram": jnp.sum(state.histogram[:, -1]) > 1e-6,
            "capital at its floor": given > GIVEN * self.histogram.mean(state.histogram),
        }

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return aggregates, and the inequality of wealth."""
        _, cash, consumption, _ = self.household(state, policy, jnp.tile(self.histogram.nodes, (2, 1)))
        capital = self.histogram.mean(state.histogram)
        return {
            "capital": capital,
            "output": jnp.sum(state.histogram * cash) - (1 - self.depreciation) * capital,
            "consumption": jnp.sum(state.histogram * consumption),
            "gross_return": self.prices(state)[0],
            "gini": self.histogram.gini(state.histogram),
        }

    def units(self) -> dict[str, str]:
        """Errors are relative to what an agent consumes."""
        return {"euler": "consumption in a quarter, relative"}

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Label the points of the errors."""
        return {"euler": ("own_capital", self.measured.nodes), "share": ("knot", self.knots[0])}

    def settings(self) -> SolveSettings:
        """Return settings found by measurement.

        Paths that start again often keep a policy that has learnt little off economies that run away, which one run in
        six did; later they would keep it from what hundreds of quarters do to the spread of wealth.
        """
        return SolveSettings(episodes=600, batch_size=64, paths=128, restart=0.005, early_restart=0.1)
