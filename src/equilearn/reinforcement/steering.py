"""A car on a winding road: the smallest problem whose action, the angle of the wheels, is a number.

    y' = v sin(psi),   psi' = v tan(delta) / L - v kappa,   0.1 s a step by Euler's method

y is the distance from the middle (m), psi the angle to the road, delta the wheels' angle (the action, at most 0.5 rad
either way), L = 2.5 m between the axles, v = 10 m/s. The road's curvature kappa follows kappa' = 0.95 kappa + 0.006
e, e standard normal, and is seen. A step pays 1 - (y / 3 m)^2 - effort (delta / 0.5)^2; off the road (|y| > 3 m) the
game ends. With `angles` the wheels can be set to so many angles only, equally spaced: what an agent that chooses
among actions can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Discrete
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.errors import UserError
from equilearn.parameters import fit_fields
from equilearn.reinforcement.environment import Environment, Step

WIDEST = 3.0
SHARPEST = 0.5
AXLES = 2.5
SPEED = 10.0
SECONDS = 0.1


@dataclass(frozen=True)
class Steering(Environment):
    """Stay in the middle of a winding road; `state`: distance from the middle, angle to the road, curvature."""

    angles: int = 0
    """Number of angles to choose from; 0: any angle."""
    persistence: float = 0.95
    winding: float = 0.006
    """Standard deviation of the curvature's change in a step, 1/m."""
    effort: float = 0.5
    """Cost of the sharpest angle."""
    limit: int = 200

    def __post_init__(self) -> None:
        fit_fields(self)
        if not 0 < self.effort <= 100:
            raise UserError(f"Steering: effort must be above 0 and at most 100, not {self.effort}.")
        if self.angles != 0 and self.angles < 2:
            raise UserError(f"Steering: angles must be 0 (any angle) or at least 2, not {self.angles}.")

    @property
    def observation_space(self) -> Box:
        """Distance in half road widths, angle to the road in rad, curvature in units of 1/20 m."""
        return Box(-np.inf, np.inf, (3,), np.float32)

    @property
    def action_space(self) -> Box | Discrete:
        """The wheels' angle in rad, or which of the angles."""
        return Discrete(self.angles) if self.angles else Box(-SHARPEST, SHARPEST, (1,), np.float32)

    def start(self, key: PRNGKeyArray) -> Float[Array, "3"]:
        """Return a place near the middle, nearly along the road."""
        return jax.random.uniform(key, (3,), minval=-1, maxval=1) * jnp.array([1.0, 0.1, 0.02])

    def observe(self, state: Float[Array, "3"]) -> Float[Array, "3"]:
        """Return the state in its units."""
        return state * jnp.array([1 / WIDEST, 1.0, 20.0])

    def wheels(self, action: Array) -> Float[Array, ""]:
        """Return the angle that an action sets the wheels to."""
        if self.angles:
            return SHARPEST * (2 * action / (self.angles - 1) - 1)
        return jnp.clip(action[0], -SHARPEST, SHARPEST)

    def step(self, state: Float[Array, "3"], action: Array, *, key: PRNGKeyArray) -> Step:
        """Drive for a tenth of a second."""
        place, heading, curvature = state
        wheels = self.wheels(action)
        turn = SPEED * (jnp.tan(wheels) / AXLES - curvature)
        new = jnp.stack([
            place + SECONDS * SPEED * jnp.sin(heading),
            heading + SECONDS * turn,
            self.persistence * curvature + self.winding * jax.random.normal(key),
        ])  # fmt: skip
        reward = 1 - (place / WIDEST) ** 2 - self.effort * (wheels / SHARPEST) ** 2
        return Step(new, reward, jnp.abs(new[0]) > WIDEST)

    def linear_controller(self) -> Float[np.ndarray, "3"]:
        """Return g of the best linear controller, wheels = -g . (place, heading, curvature), near the middle.

        The linear-quadratic regulator of the linearised car (sin psi = psi, tan delta = delta) and the reward's own
        costs, by the Riccati equation; the curvature is a state that nobody controls.
        """
        from scipy.linalg import solve_discrete_are

        move = SECONDS * SPEED
        a = np.array([[1.0, move, 0.0], [0.0, 1.0, -move], [0.0, 0.0, self.persistence]])
        b = np.array([[0.0], [move / AXLES], [0.0]])
        cost, effort = np.diag([1 / WIDEST**2, 0.0, 1e-9]), np.array([[self.effort / SHARPEST**2]])
        p = solve_discrete_are(a, b, cost, effort)
        return np.linalg.solve(effort + b.T @ p @ b, b.T @ p @ a)[0]

    def draw(self, axis: Any, state: Array) -> None:
        """Draw the road ahead and the car, from above."""
        place, heading, curvature = (float(one) for one in state)
        ahead = np.linspace(-5, 25, 60)
        middle = curvature * ahead**2 / 2
        axis.fill_betweenx(ahead, middle - WIDEST, middle + WIDEST, color="#dddddd")
        axis.plot(middle, ahead, "--", color="#ffffff")
        axis.plot([place, place + 4 * np.sin(heading)], [0, 4 * np.cos(heading)], color="#0072b2", linewidth=7)
        axis.set(xlim=(-9, 9), ylim=(-5, 25), aspect="equal", xlabel="across, m", ylabel="ahead, m")
