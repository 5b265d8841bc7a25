"""Carbon cycle and temperature of the climate-economy models, and the pure climate tests.

Three carbon reservoirs (atmosphere, upper ocean, lower ocean) and two temperatures (atmosphere with upper ocean, deep
ocean), in steps of a year (Folini, Friedl, Kuebler and Scheidegger, 2025, section 2):

    M_AT' = (1 - b12) M_AT + b21 M_UO + E                  b21 = b12 M_AT^eq / M_UO^eq
    M_UO' = b12 M_AT + (1 - b21 - b23) M_UO + b32 M_LO     b32 = b23 M_UO^eq / M_LO^eq
    M_LO' = b23 M_UO + (1 - b32) M_LO
    T_AT' = T_AT + c1 (F - (f2x / sensitivity) T_AT - c3 (T_AT - T_OC)),   F = f2x log2(M_AT / M_AT^eq) + F_other
    T_OC' = T_OC + c4 (T_AT - T_OC)

Units: carbon in 1000 GtC, temperatures in K above pre-industrial, forcing in W/m2. All coefficients are of a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

Masses = tuple[Any, Any, Any]
"""Carbon in atmosphere, upper and lower ocean, 1000 GtC."""
Temperatures = tuple[Any, Any]
"""Of atmosphere and deep ocean, K above pre-industrial."""


@dataclass(frozen=True)
class CarbonCycle:
    """Three reservoirs of carbon."""

    b12: float
    """Share of the atmosphere's carbon that goes to the upper ocean in a year."""
    b23: float
    """Share of the upper ocean's carbon that goes to the lower ocean in a year."""
    equilibrium: tuple[float, float, float]
    """Masses before industry."""
    start: tuple[float, float, float]
    """Masses in 2015."""

    @property
    def b21(self) -> float:
        """Share that comes back from the upper ocean."""
        return self.b12 * self.equilibrium[0] / self.equilibrium[1]

    @property
    def b32(self) -> float:
        """Share that comes back from the lower ocean."""
        return self.b23 * self.equilibrium[1] / self.equilibrium[2]

    def step(self, masses: Masses, emissions: Any) -> Masses:
        """Return the masses a year later; emissions in 1000 GtC a year."""
        at, uo, lo = masses
        return (
            (1 - self.b12) * at + self.b21 * uo + emissions,
            self.b12 * at + (1 - self.b21 - self.b23) * uo + self.b32 * lo,
            self.b23 * uo + (1 - self.b32) * lo,
        )


@dataclass(frozen=True)
class Temperature:
    """Two layers that warm."""

    c1: float
    """Warming of the atmosphere by a unit of forcing in a year."""
    c3: float
    """Heat exchange with the deep ocean."""
    c4: float
    """Warming of the deep ocean by a unit of difference in a year."""
    f2x: float
    """Forcing of a doubling of carbon in the atmosphere, W/m2."""
    sensitivity: float
    """Equilibrium climate sensitivity: warming of a doubling, K."""
    start: Temperatures
    """Temperatures in 2015."""

    def step(self, temperatures: Temperatures, forcing: Any, sensitivity: Any = None) -> Temperatures:
        """Return the temperatures a year later."""
        at, oc = temperatures
        feedback = self.f2x / (self.sensitivity if sensitivity is None else sensitivity)
        return at + self.c1 * (forcing - feedback * at - self.c3 * (at - oc)), oc + self.c4 * (at - oc)


CARBON_CYCLES = {
    "mmm": CarbonCycle(0.054, 0.0082, (0.607, 0.489, 1.281), (0.851, 0.628, 1.323)),
    "mesmo": CarbonCycle(0.059, 0.0080, (0.607, 0.305, 0.865), (0.851, 0.403, 0.894)),
    "loveclim": CarbonCycle(0.067, 0.0095, (0.607, 0.600, 1.385), (0.850, 0.770, 1.444)),
    "dice-2016": CarbonCycle(0.024, 0.0014, (0.588, 0.360, 1.720), (0.851, 0.460, 1.740)),
}
"""Calibrations of the carbon cycle: the multi-model mean (CDICE), two extremes, and DICE-2016 in annual steps."""
TEMPERATURES = {
    "mmm": Temperature(0.137, 0.73, 0.00689, 3.45, 3.25, (1.1, 0.27)),
    "hadgem2-es": Temperature(0.154, 0.55, 0.00671, 2.95, 4.55, (1.1, 0.27)),
    "giss-e2-r": Temperature(0.213, 1.16, 0.00921, 3.65, 2.15, (1.1, 0.27)),
    "dice-2016": Temperature(0.0201, 0.088, 0.005, 3.6813, 3.1, (0.85, 0.0068)),
}
"""Calibrations of the temperature block (Geoffroy et al., 2013; DICE-2016 in annual steps)."""


def pulse_response(cycle: CarbonCycle, years: int, pulse: float = 0.1) -> Float[np.ndarray, " years"]:
    """Return the share of a pulse of carbon (1000 GtC) that is still in the atmosphere after 0, 1, ... years."""
    masses, left = (cycle.equilibrium[0] + pulse, *cycle.equilibrium[1:]), []
    for _ in range(years + 1):
        left.append((masses[0] - cycle.equilibrium[0]) / pulse)
        masses = cycle.step(masses, 0.0)
    return np.array(left)


def abrupt_quadrupling(temperature: Temperature, years: int) -> Float[np.ndarray, " years"]:
    """Return the warming 0, 1, ... years after carbon in the atmosphere was quadrupled, K."""
    now, path = (0.0, 0.0), []
    for _ in range(years + 1):
        path.append(now[0])
        now = temperature.step(now, 2 * temperature.f2x)
    return np.array(path)


def one_percent_a_year(temperature: Temperature, years: int) -> Float[np.ndarray, " years"]:
    """Return the warming while carbon in the atmosphere grows by 1 % a year, K.

    A year's forcing is that at its beginning, as in the economic model.
    """
    now, path = (0.0, 0.0), []
    for year in range(years + 1):
        path.append(now[0])
        now = temperature.step(now, temperature.f2x * year * np.log2(1.01))
    return np.array(path)


def forcing(cycle: CarbonCycle, temperature: Temperature, atmosphere: Any, other: Any) -> Any:
    """Return the forcing of the atmosphere's carbon and of everything else, W/m2."""
    return temperature.f2x * jnp.log2(atmosphere / cycle.equilibrium[0]) + other
