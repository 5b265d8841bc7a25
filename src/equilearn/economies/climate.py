"""Optimal carbon taxation: the climate-economy model CDICE, and DICE-2016 in annual steps.

A planner chooses consumption and abatement over centuries (Folini, Friedl, Kuebler and Scheidegger, 2025). Per unit
of effective labour A L, with capital k, consumption c, G = exp(gA + gL) and bhat = exp(-rho + (1 - 1/psi) gA + gL),

    max sum_t (prod_s<t bhat_s) c_t^(1-1/psi) / (1-1/psi)
    G k' = (1 - Theta - Omega) y - c + (1 - d) k,   y = exp((1 - alpha) z) k^alpha
    Omega = damage T_AT^2,   Theta = theta1 mu^theta2,   E = sigma (1 - mu) A L y + E_land

and carbon and temperature as in `climate_physics`. Time t counts years from 2015 and is part of the state; z is log
productivity (zero unless there is a shock). With lambda = c^(-1/psi) and multipliers n > 0 of carbon in the
atmosphere (a cost), nu of the oceans' carbon and eta of the temperatures (both below zero), the conditions are

    G lambda = bhat E[lambda' ((1 - Theta' - Omega') y'_k + 1 - d) - n' (1 - mu') sigma' A' L' y'_k]
    lambda theta1 theta2 mu^(theta2 - 1) = n sigma A L         up to mu = 1, where abatement is complete
    n = bhat E[n' (1 - b12) - nu_uo' b12 - eta_at' c1 f2x / (ln 2 M_AT')]
    nu_uo = bhat E[-n' b21 + nu_uo' (1 - b21 - b23) + nu_lo' b23],   nu_lo = bhat E[nu_uo' b32 + nu_lo' (1 - b32)]
    eta_at = bhat E[-lambda' Omega'_T y' + eta_at' (1 - c1 c3 - c1 f2x / sensitivity) + eta_oc' c4]
    eta_oc = bhat E[eta_at' c1 c3 + eta_oc' (1 - c4)]

The budget and the condition of abatement hold by construction. Units: carbon 1000 GtC, temperature K, money trillion
2010 dollars a year, population in millions.
"""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.economies.climate_physics import (
    CARBON_CYCLES,
    TEMPERATURES,
    CarbonCycle,
    Temperature,
    forcing,
)
from equilearn.equilibrium import AR1, Expect, FeasibleSet, Interval, Model, Shock, SolveSettings, power
from equilearn.errors import UserError
from equilearn.learn import Target

Scalar = Float[Array, ""]

CO2_PER_C = 3.666
FIRST_YEAR = 2015
MOST_CAPITAL = 8.0
"""Of capital per effective labour, which stays near 3."""
MOST_COST = 30.0
"""Of the costs, in units of those usual at the start."""
USUAL_COSTS = {
    "cost_atmosphere": 1.4,
    "cost_upper_ocean": 1.0,
    "cost_lower_ocean": 0.17,
    "cost_warming": 0.06,
    "cost_ocean_warming": 0.3,
}
LEAST_NET_OUTPUT = 0.05
"""Share of output left after damages, for states far from any that is reached."""


class Trends(NamedTuple):
    """What changes with time alone."""

    effective_labour: Any
    """A L, population in millions times productivity."""
    growth: Any
    """G: growth factor of A L."""
    discount: Any
    """bhat: discount factor of utility per unit of effective labour."""
    intensity: Any
    """sigma: 1000 GtC per trillion dollars of output."""
    abatement_cost: Any
    """theta1: cost of complete abatement, share of output."""
    land_emissions: Any
    """1000 GtC a year."""
    other_forcing: Any
    """W/m2."""
    backstop: Any
    """Price of complete abatement, dollars per tonne of CO2."""


class Climate(Model):
    """Optimal carbon taxation (CDICE): growth, abatement, carbon cycle and temperature over centuries."""

    carbon_cycle: str = "mmm"
    """Calibration of the carbon cycle: mmm, mesmo, loveclim or dice-2016."""
    temperature: str = "mmm"
    """Calibration of the temperature block: mmm, hadgem2-es, giss-e2-r or dice-2016."""
    climate_sensitivity: float = 0.0
    """Warming of a doubling of carbon in the long run, K; 0 takes that of the temperature block."""
    business_as_usual: bool = False
    """Whether nothing is abated, ever."""
    time_preference: float = 0.015
    """Rate of pure time preference a year, rho."""
    ies: float = 1 / 1.45
    """Intertemporal elasticity of substitution, psi."""
    damage: float = 0.00236
    """Share of output lost per squared degree."""
    capital_share: float = 0.3
    depreciation: float = 0.1

    ergodic: ClassVar[bool] = False

    class State(NamedTuple):
        """Years since 2015, log productivity, capital per effective labour, carbon (1000 GtC), temperatures (K)."""

        year: Scalar
        shock: Scalar
        capital: Scalar
        atmosphere: Scalar
        upper_ocean: Scalar
        lower_ocean: Scalar
        warming: Scalar
        ocean_warming: Scalar

    class Policy(NamedTuple):
        """Share of net resources consumed, and the five costs (minus the multipliers) of carbon and warmth."""

        consumption_share: Scalar
        cost_atmosphere: Scalar
        cost_upper_ocean: Scalar
        cost_lower_ocean: Scalar
        cost_warming: Scalar
        cost_ocean_warming: Scalar

    def __post_init__(self) -> None:
        for name, known in (("carbon_cycle", CARBON_CYCLES), ("temperature", TEMPERATURES)):
            if getattr(self, name) not in known:
                raise UserError(f"Climate.{name}: must be one of {', '.join(known)}, not {getattr(self, name)!r}.")
        if not self.climate_sensitivity >= 0:
            raise UserError(f"Climate.climate_sensitivity: must be above 0, not {self.climate_sensitivity}.")
        if not self.ies > 0 or self.ies == 1:
            raise UserError(f"Climate.ies: must be above 0 and not 1, not {self.ies}.")

    @property
    def cycle(self) -> CarbonCycle:
        """The carbon cycle's calibration."""
        return CARBON_CYCLES[self.carbon_cycle]

    @property
    def thermal(self) -> Temperature:
        """The temperature block's calibration."""
        return TEMPERATURES[self.temperature]

    @property
    def sensitivity(self) -> Any:
        """Equilibrium climate sensitivity, K."""
        own = self.thermal.sensitivity
        return jnp.where(jnp.asarray(self.climate_sensitivity) > 0, self.climate_sensitivity, own)

    def trends(self, year: Any) -> Trends:
        """Return what changes with time alone, at so many years after 2015 (Folini et al., 2025, appendix B)."""
        population = 7403 + (11500 - 7403) * -jnp.expm1(-0.0268 * year)
        population_growth = 0.0268 / (11500 / (11500 - 7403) * jnp.exp(0.0268 * year) - 1)
        technology = 0.010295 * jnp.exp(0.0217 * -jnp.expm1(-0.005 * year) / 0.005)
        technology_growth = 0.0217 * jnp.exp(-0.005 * year)
        intensity = 9.55592e-5 * jnp.exp(-0.0152 / np.log1p(0.001) * jnp.expm1(np.log1p(0.001) * year))
        backstop = 550 * jnp.exp(-0.005 * year)
        return Trends(
            effective_labour=population * technology,
            growth=jnp.exp(technology_growth + population_growth),
            discount=jnp.exp(-self.time_preference + (1 - 1 / self.ies) * technology_growth + population_growth),
            intensity=intensity,
            abatement_cost=backstop * CO2_PER_C * intensity / 2.6,
            land_emissions=0.00070922 * jnp.exp(-0.023 * year),
            other_forcing=0.5 + 0.5 * jnp.minimum(year, 85) / 85,
            backstop=backstop,
        )

    def initial(self, key: PRNGKeyArray) -> State:
        """Return the state of 2015, spread so that the network learns a policy function and not one path."""
        start = jax.tree.map(jnp.asarray, self.state_2015())
        spread = {
            "capital": (0.7, 1.3), "atmosphere": (0.88, 1.12), "upper_ocean": (0.95, 1.05), "lower_ocean": (0.98, 1.02),
            "warming": (0.75, 1.25), "ocean_warming": (0.8, 1.2),
        }  # fmt: skip
        factors = jax.random.uniform(key, (len(spread),))
        moved = {
            name: getattr(start, name) * (low + (high - low) * factor)
            for (name, (low, high)), factor in zip(spread.items(), factors, strict=True)
        }
        return start._replace(**moved)

    def state_2015(self) -> State:
        """Return the state of 2015, in double precision."""
        return self.State(*(np.float64(x) for x in (0.0, 0.0, 2.926, *self.cycle.start, *self.thermal.start)))  # pyright: ignore[reportArgumentType]

    def policies(self, state: State) -> dict[str, FeasibleSet]:
        """Shares and costs above zero and below bounds far away; learning starts near the values of CDICE.

        Without the upper bounds, capital and costs that grow for ever satisfy the equations too.
        """
        lower = jnp.maximum(1 - self.trends(state.year).growth * MOST_CAPITAL / self.least_resources(state), 0.0)
        slow = TEMPERATURES["mmm"].c1 / self.thermal.c1  # the slower the air warms, the longer a warm year lasts
        usual = USUAL_COSTS | {"cost_warming": slow * USUAL_COSTS["cost_warming"]}
        costs = {name: Interval(0.0, MOST_COST * cost, start=1 / MOST_COST) for name, cost in usual.items()}
        return {"consumption_share": Interval(lower, 1.0, start=0.27), **costs}

    def output(self, state: State) -> Scalar:
        """Return gross output per effective labour."""
        return jnp.exp((1 - self.capital_share) * state.shock) * power(state.capital, self.capital_share)

    def net_output(self, state: State, abatement: Any) -> Scalar:
        """Return output less damages and the cost of abatement."""
        cost = self.trends(state.year).abatement_cost * abatement**2.6
        return jnp.maximum(1 - cost - self.damage * state.warming**2, LEAST_NET_OUTPUT) * self.output(state)

    def consumption(self, state: State, policy: Policy) -> Scalar:
        """Return consumption per effective labour: a share of what there is with complete abatement."""
        return policy.consumption_share * self.least_resources(state)

    def least_resources(self, state: State) -> Scalar:
        """Return what there is to consume and to save with complete abatement."""
        return self.net_output(state, 1.0) + (1 - self.depreciation) * state.capital

    def marginal_utility(self, state: State, policy: Policy) -> Scalar:
        """Return lambda = c^(-1/psi)."""
        return power(self.consumption(state, policy), -1 / self.ies)

    def carbon_tax(self, state: State, policy: Policy) -> Scalar:
        """Return the price of a tonne of CO2 emitted this year, in dollars, before the cap on abatement."""
        trends = self.trends(state.year)
        price = policy.cost_atmosphere * trends.effective_labour / self.marginal_utility(state, policy)
        return price / CO2_PER_C

    def abatement(self, state: State, policy: Policy) -> Scalar:
        """Return the share of emissions abated, at most 1, at which its marginal cost is the carbon tax."""
        if self.business_as_usual:
            return jnp.zeros_like(state.capital)
        relative = self.carbon_tax(state, policy) / self.trends(state.year).backstop
        return jnp.minimum(relative, 1.0) ** (1 / 1.6)

    def emissions(self, state: State, policy: Policy) -> Scalar:
        """Return emissions, 1000 GtC a year."""
        trends = self.trends(state.year)
        industry = trends.intensity * (1 - self.abatement(state, policy)) * trends.effective_labour * self.output(state)
        return industry + trends.land_emissions

    def transition(self, state: State, policy: Policy, shock: Array) -> State:
        """Capital by the budget, carbon and temperature by physics, a year later."""
        saved = self.net_output(state, self.abatement(state, policy)) - self.consumption(state, policy)
        capital = (saved + (1 - self.depreciation) * state.capital) / self.trends(state.year).growth
        masses = self.cycle.step(
            (state.atmosphere, state.upper_ocean, state.lower_ocean), self.emissions(state, policy)
        )
        force = forcing(self.cycle, self.thermal, state.atmosphere, self.trends(state.year).other_forcing)
        temperatures = self.thermal.step((state.warming, state.ocean_warming), force, self.sensitivity)
        return self.State(state.year + 1, shock, capital, *masses, *temperatures)

    def value_of_capital(self, state: State, policy: Policy) -> Scalar:
        """Return lambda ((1 - Theta - Omega) y_k + 1 - d) - n (1 - mu) sigma A L y_k."""
        trends, abatement = self.trends(state.year), self.abatement(state, policy)
        share = self.capital_share / state.capital
        produced = self.marginal_utility(state, policy) * (
            self.net_output(state, abatement) * share + 1 - self.depreciation
        )
        polluted = trends.intensity * (1 - abatement) * trends.effective_labour * self.output(state) * share
        return produced - policy.cost_atmosphere * polluted

    def cost_of_carbon(self, state: State, policy: Policy) -> Scalar:
        """Return the cost of carbon that is in the atmosphere at the beginning of the year."""
        warming = self.thermal.c1 * self.thermal.f2x / (np.log(2) * state.atmosphere)
        return (
            policy.cost_atmosphere * (1 - self.cycle.b12)
            + policy.cost_upper_ocean * self.cycle.b12
            + policy.cost_warming * warming
        )

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the Euler error in units of consumption and the relative errors of the five costs."""
        cycle, thermal = self.cycle, self.thermal

        def following(s: Any, p: Any) -> Array:
            burnt = 2 * self.damage * s.warming * self.output(s) * self.marginal_utility(s, p)
            kept = 1 - thermal.c1 * thermal.c3 - thermal.c1 * thermal.f2x / self.sensitivity
            stays = 1 - cycle.b21 - cycle.b23
            return jnp.stack(
                [
                    self.value_of_capital(s, p),
                    self.cost_of_carbon(s, p),
                    p.cost_atmosphere * cycle.b21 + p.cost_upper_ocean * stays + p.cost_lower_ocean * cycle.b23,
                    p.cost_upper_ocean * cycle.b32 + p.cost_lower_ocean * (1 - cycle.b32),
                    burnt + p.cost_warming * kept + p.cost_ocean_warming * thermal.c4,
                    p.cost_warming * thermal.c1 * thermal.c3 + p.cost_ocean_warming * (1 - thermal.c4),
                ]
            )

        trends = self.trends(state.year)
        expected = trends.discount * expect(following)
        costs = jnp.stack(policy[1:])
        names = ("atmosphere", "upper_ocean", "lower_ocean", "warming", "ocean_warming")
        euler = power(expected[0] / trends.growth, -self.ies) / self.consumption(state, policy) - 1
        return {"euler": euler, **dict(zip(names, expected[1:] / costs - 1, strict=True))}

    def safeguards(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return where net output is at its floor, and where capital is kept from growing for ever."""
        abatement = self.trends(state.year).abatement_cost  # what complete abatement costs
        following = self.transition(state, policy, state.shock)
        return {
            "net output at its floor": 1 - abatement - self.damage * state.warming**2 < LEAST_NET_OUTPUT,
            "capital at its most": following.capital > 0.999 * MOST_CAPITAL,
        }

    def features(self, state: State) -> Float[Array, " 11"]:
        """Time as shares of what has decayed, and logs of what is positive."""
        rates = jnp.asarray([0.005, 0.015, 0.05])
        stocks = jnp.stack([state.capital, state.atmosphere, state.upper_ocean, state.lower_ocean])
        return jnp.concatenate(
            [
                jnp.exp(-rates * state.year),
                jnp.log(stocks),
                jnp.stack([state.shock, state.warming, state.ocean_warming, state.warming - state.ocean_warming]),
            ]
        )

    def definitions(self, state: State, policy: Policy) -> dict[str, Array]:
        """Return the carbon tax and social cost of carbon ($/tCO2), abatement, emissions (GtCO2), carbon (GtC)."""
        trends, abatement = self.trends(state.year), self.abatement(state, policy)
        price = self.cost_of_carbon(state, policy) / self.value_of_capital(state, policy)
        return {
            "carbon_tax": jnp.minimum(self.carbon_tax(state, policy), trends.backstop) * (abatement > 0),
            "social_cost_of_carbon": price * trends.effective_labour / CO2_PER_C,
            "abatement": abatement,
            "emissions": 1000 * CO2_PER_C * self.emissions(state, policy),
            "carbon": 1000 * state.atmosphere,
            "consumption": self.consumption(state, policy) * trends.effective_labour,
            "output": self.output(state) * trends.effective_labour,
        }

    def settings(self) -> SolveSettings:
        """Return settings found by measurement: paths of two centuries on average, started around 2015."""
        return SolveSettings(episodes=1000, restart=0.01, width=96, tail=0.0, learning_rate=1e-3)

    def required(self) -> tuple[Target, ...]:
        """Return the accuracy with which the social cost of carbon is good to about three in a thousand."""
        names = ("euler", "atmosphere", "upper_ocean", "lower_ocean", "warming", "ocean_warming")
        return tuple(Target(name, mean=1e-4, p999=1e-3) for name in names)


class StochasticClimate(Climate):
    """Optimal carbon taxation with persistent shocks to productivity."""

    shock: Shock = AR1(persistence=0.95, innovation_std=0.0125)
    """Log productivity around its trend."""

    def settings(self) -> SolveSettings:
        """Return settings found by measurement: with shocks there are more states to learn."""
        return replace(super().settings(), episodes=2500)
