"""Two classics of control, as Gymnasium's `CartPole-v1` and `Pendulum-v1` define them, as pure functions.

CartPole (Barto, Sutton and Anderson, 1983): push a cart left or right so that the pole on it stays up; one point a
step, at most 500. With x the cart's place, theta the pole's angle, F = +-10 N, masses 1 and 0.1 kg, half the pole 0.5
m,

    u = (F + m l theta'^2 sin theta) / M,   theta'' = (g sin theta - u cos theta) / (l (4/3 - m cos^2 theta / M))
    x'' = u - m l theta'' cos theta / M,    Euler's method with 0.02 s

Pendulum: swing up a pendulum by a torque |u| <= 2 too weak to lift it; a step costs theta^2 + 0.1 theta'^2 + 0.001 u^2:

    theta'' = 3 g / (2 l) sin theta + 3 / (m l^2) u,   |theta'| <= 8,   semi-implicit Euler's method with 0.05 s

The tests hold both against Gymnasium's own, step for step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Box, Discrete
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.reinforcement.environment import Environment, Step


@dataclass(frozen=True)
class CartPole(Environment):
    """Keep a pole upright on a cart; `state`: place (m), speed (m/s), angle (rad), angular speed (rad/s)."""

    gravity: float = 9.8
    cart: float = 1.0  # mass, kg
    pole: float = 0.1  # mass, kg
    half_length: float = 0.5  # m
    force: float = 10.0  # N
    seconds: float = 0.02  # of a step
    widest: float = 2.4  # m
    steepest: float = 12 * 2 * np.pi / 360  # rad
    limit: int = 500

    @property
    def observation_space(self) -> Box:
        """The state; a game is over halfway to the bounds."""
        high = np.array([2 * self.widest, np.inf, 2 * self.steepest, np.inf], np.float32)
        return Box(-high, high, dtype=np.float32)

    @property
    def action_space(self) -> Discrete:
        """Push left or right."""
        return Discrete(2)

    def start(self, key: PRNGKeyArray) -> Float[Array, "4"]:
        """Return a state close to rest, upright in the middle."""
        return jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05)

    def observe(self, state: Float[Array, "4"]) -> Float[Array, "4"]:
        """Return the state."""
        return state

    def step(self, state: Float[Array, "4"], action: Array, *, key: PRNGKeyArray) -> Step:
        """Push for one step; one point for it."""
        x, speed, angle, turning = state
        force = jnp.where(action == 1, self.force, -self.force)
        mass, lever = self.cart + self.pole, self.pole * self.half_length
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        pushed = (force + lever * turning**2 * sine) / mass
        bend = self.half_length * (4.0 / 3.0 - self.pole * cosine**2 / mass)
        turn = (self.gravity * sine - cosine * pushed) / bend
        push = pushed - lever * turn * cosine / mass
        dt = self.seconds
        new = jnp.stack([x + dt * speed, speed + dt * push, angle + dt * turning, turning + dt * turn])
        over = (jnp.abs(new[0]) > self.widest) | (jnp.abs(new[2]) > self.steepest)
        return Step(new, jnp.ones(()), over)

    def draw(self, axis: Any, state: Array) -> None:
        """Draw cart and pole."""
        x, _, angle, _ = (float(one) for one in state)
        axis.axhline(0, color="#999999", linewidth=1)
        axis.add_patch(_rectangle(x - 0.25, -0.12, 0.5, 0.24, "#0072b2"))
        axis.plot([x, x + np.sin(angle)], [0, np.cos(angle)], color="#e69f00", linewidth=5, solid_capstyle="round")
        axis.set(xlim=(-self.widest, self.widest), ylim=(-0.4, 1.3), aspect="equal", xlabel="place, m")
        axis.set_yticks([])


@dataclass(frozen=True)
class Pendulum(Environment):
    """Swing up a pendulum and hold it; `state`: angle from upright (rad), angular speed (rad/s)."""

    gravity: float = 10.0
    mass: float = 1.0
    length: float = 1.0
    seconds: float = 0.05
    fastest: float = 8.0
    torque: float = 2.0
    limit: int = 200

    @property
    def observation_space(self) -> Box:
        """Cosine and sine of the angle, angular speed."""
        high = np.array([1.0, 1.0, self.fastest], np.float32)
        return Box(-high, high, dtype=np.float32)

    @property
    def action_space(self) -> Box:
        """The torque."""
        return Box(-self.torque, self.torque, (1,), np.float32)

    def start(self, key: PRNGKeyArray) -> Float[Array, "2"]:
        """Return any angle, slowly turning."""
        high = jnp.array([jnp.pi, 1.0])
        return jax.random.uniform(key, (2,), minval=-high, maxval=high)

    def observe(self, state: Float[Array, "2"]) -> Float[Array, "3"]:
        """Return cosine and sine of the angle, and the angular speed."""
        return jnp.stack([jnp.cos(state[0]), jnp.sin(state[0]), state[1]])

    def step(self, state: Float[Array, "2"], action: Float[Array, "1"], *, key: PRNGKeyArray) -> Step:
        """Turn for one step; it never ends of itself."""
        angle, turning = state
        torque = jnp.clip(action[0], -self.torque, self.torque)
        upright = (angle + jnp.pi) % (2 * jnp.pi) - jnp.pi
        cost = upright**2 + 0.1 * turning**2 + 0.001 * torque**2
        bend = 3 * self.gravity / (2 * self.length) * jnp.sin(angle) + 3 / (self.mass * self.length**2) * torque
        turning = jnp.clip(turning + bend * self.seconds, -self.fastest, self.fastest)
        return Step(jnp.stack([angle + turning * self.seconds, turning]), -cost, jnp.asarray(False))

    def draw(self, axis: Any, state: Array) -> None:
        """Draw the rod."""
        angle = float(state[0])
        axis.plot([0, np.sin(angle)], [0, np.cos(angle)], color="#cc3311", linewidth=8, solid_capstyle="round")
        axis.plot(0, 0, "o", color="#222222")
        axis.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
        axis.set_xticks([])
        axis.set_yticks([])


def _rectangle(x: float, y: float, wide: float, high: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), wide, high, color=colour)
