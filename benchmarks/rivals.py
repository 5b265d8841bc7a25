"""What the defaults were measured against: optimisers, networks and forms of the economy that lost."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import cg

from equilearn.economies.olg import LEAST_SHARE, MULTIPLIER_SLOPE, OLG
from equilearn.equilibrium import Complement, HalfLine, Interval, euler_error, fischer_burmeister, power
from equilearn.equilibrium.problem import EquilibriumProblem
from equilearn.networks import MLP
from equilearn.networks.mlp import lecun
from equilearn.optimizers import cosine, scale_by_progress


def annealed(algorithm: optax.GradientTransformation, learning_rate: float) -> optax.GradientTransformationExtraArgs:
    """Return an algorithm, of learning rate one, on clipped gradients with the package's schedule."""
    return optax.chain(optax.clip_by_global_norm(1.0), algorithm, scale_by_progress(learning_rate, cosine))


def scale_by_shampoo(decay: float = 0.95, every: int = 10, epsilon: float = 1e-6) -> optax.GradientTransformation:
    """Shampoo (Gupta et al., 2018): L^(-1/4) M R^(-1/4), scaled to the size of Adam's updates; Adam for vectors."""
    adam = optax.scale_by_adam(decay, decay)

    def root(matrix):
        values, vectors = jnp.linalg.eigh(matrix)
        return vectors * jnp.maximum(values, epsilon * values[-1] + 1e-30) ** -0.25 @ vectors.T

    def init(parameters):
        sides = [(jnp.zeros((m, m)), jnp.zeros((n, n)), jnp.eye(m), jnp.eye(n))
                 for m, n in (p.shape if p.ndim == 2 else (0, 0) for p in jax.tree.leaves(parameters))]  # fmt: skip
        return adam.init(parameters), sides, jnp.zeros((), jnp.int32)

    def update(gradients, state, parameters=None):
        moments, sides, count = state
        usual, moments = adam.update(gradients, moments)
        leaves, structure = jax.tree.flatten(gradients)
        updates, new = [], []
        for gradient, plain, mean, (left, right, a, b) in zip(
            leaves, jax.tree.leaves(usual), jax.tree.leaves(moments.mu), sides, strict=True
        ):
            if gradient.ndim == 2:
                left = decay * left + (1 - decay) * gradient @ gradient.T
                right = decay * right + (1 - decay) * gradient.T @ gradient
                fresh = lambda left=left, right=right: (root(left), root(right))  # noqa: E731
                a, b = jax.lax.cond(count % every == 0, fresh, lambda a=a, b=b: (a, b))
                turned = a @ mean @ b
                plain = turned * jnp.linalg.norm(plain) / (jnp.linalg.norm(turned) + 1e-30)
            updates.append(-plain)
            new.append((left, right, a, b))
        return jax.tree.unflatten(structure, updates), (moments, new, count + 1)

    return optax.GradientTransformation(init, update)


def newton_cg(learning_rate: float, iterations: int, damping: float) -> optax.GradientTransformationExtraArgs:
    """Newton's method: (H + damping) d = gradient by so many conjugate-gradient iterations (H is Gauss-Newton's matrix
    where the errors are small), on the spent share's schedule."""

    def update(gradients, state, parameters=None, *, value_fn, **extra):
        del extra

        def product(v):
            hessian = jax.jvp(jax.grad(value_fn), (parameters,), (v,))[1]
            return jax.tree.map(lambda h, x: h + damping * x, hessian, v)

        return cg(product, gradients, maxiter=iterations)[0], state

    solver = optax.GradientTransformationExtraArgs(lambda parameters: optax.EmptyState(), update)
    return optax.chain(solver, optax.scale(-1.0), scale_by_progress(learning_rate, cosine))


class SharedAges(eqx.Module):
    """One small network for every age, which sees its own capital, an embedding of its age and a learnt summary."""

    summary: MLP
    local: MLP
    embedding: jax.Array

    def __init__(self, savers: int, heads: int, *, width: int = 32, key) -> None:
        keys = jax.random.split(key, 3)
        plain = {"activation": jax.nn.swish, "initialiser": lecun, "last": 0.1}
        self.summary = MLP((savers, 96, 16), **plain, key=keys[0])
        self.local = MLP((1 + 8 + 16, width, width, 1), heads=heads, **plain, key=keys[1])
        self.embedding = jax.random.normal(keys[2], (savers, 8))

    def __call__(self, x, head=0):
        """Return the raw number of every saver."""
        own, common = jnp.append(0.0, x)[:-1], self.summary(x)
        one = lambda own, age: self.local(jnp.concatenate([own[None], age, common]), head)[0]  # noqa: E731
        return jax.vmap(one)(own, self.embedding)


class Sloped(OLG):
    """The economy with another slope of the multiplier."""

    slope: float = MULTIPLIER_SLOPE

    def policies(self, state):
        """Return the set with its scale changed."""
        savings = super().policies(state)["savings"]
        return {"savings": eqx.tree_at(lambda one: one.scale, savings, savings.scale * self.slope / MULTIPLIER_SLOPE)}


class QuarterSaved(OLG):
    """Learning starts where a quarter of cash on hand is saved, whatever the state."""

    def policies(self, state):
        """Return the set with a constant start."""
        one = super().policies(state)["savings"]
        return {"savings": Complement(one.lower, one.upper, scale=one.scale, start=0.25)}


class Projected(OLG):
    """Savings in an interval; errors measured where consumption is the least of the Euler equation's and all cash.

    `euler` of the two subclasses is this projected error, in the same units as the package's.
    """

    def _interval(self, state):
        cash = self.cash(state)[:-1]
        consumption = self.first_consumption(cash, self.prices(state)[1])
        share = 1 - jnp.clip(consumption / (cash - self.limits), LEAST_SHARE, 0.99)
        return Interval(self.limits, cash, start=share)

    def _value(self, expect):
        def marginal_value(state, policy):
            return self.prices(state)[0] * power(self.consumption(state, policy)[1:], -self.risk_aversion)

        return self.discount * expect(marginal_value)

    def _projected(self, state, policy, value):
        wanted = jnp.minimum(power(value, -1 / self.risk_aversion), self.cash(state)[:-1] - self.limits)
        return wanted / self.consumption(state, policy)[:-1] - 1


class Implied(Projected):
    """The multiplier follows from the first-order condition."""

    class Policy(NamedTuple):  # pyright: ignore[reportIncompatibleVariableOverride]
        """Savings."""

        savings: Any

    def policies(self, state):
        """Return the interval."""
        return {"savings": self._interval(state)}

    def errors(self, state, policy, expect):
        """Return the projected error."""
        return {"euler": self._projected(state, policy, self._value(expect))}


class Apart(Projected):
    """Savings and multiplier are predicted apart, with Fischer and Burmeister's function between them."""

    def policies(self, state):
        """Return an interval and a half-line."""
        marginal = power(self.cash(state)[:-1] - self.limits, -self.risk_aversion)
        return {"savings": self._interval(state), "multiplier": HalfLine(scale=marginal)}

    def errors(self, state, policy, expect):
        """Return the projected error (not trained on), the Euler error and the slackness."""
        consumption, value = self.consumption(state, policy)[:-1], self._value(expect)
        relative = policy.multiplier * power(consumption, self.risk_aversion)
        return {
            "euler": self._projected(state, policy, value),
            "first_order": euler_error(value + policy.multiplier, consumption, self.risk_aversion),
            "slackness": fischer_burmeister(relative, (policy.savings - self.limits) / consumption),
        }


class Averaged(EquilibriumProblem):
    """The economy's problem with a running mean of the networks beside it: the world is (economies, mean)."""

    decay: float = eqx.field(static=True, default=0.99)

    def generate(self, networks, world, *, key):
        """Simulate."""
        data, economies = super().generate(networks, world[0], key=key)
        return data, (economies, world[1])

    def loss(self, networks, world, batch, *, key):
        """Return the economy's loss."""
        return super().loss(networks, world[0], batch, key=key)

    def absorb(self, networks, world, parts):
        """Move the mean."""
        follow = lambda mean, new: self.decay * mean + (1 - self.decay) * new  # noqa: E731
        arrays, rest = eqx.partition(networks, eqx.is_inexact_array)
        mean = jax.tree.map(follow, eqx.filter(world[1], eqx.is_inexact_array), arrays)
        return super().absorb(networks, world[0], parts), eqx.combine(mean, rest)

    def check(self, networks, world, *, key):
        """Return the errors of the mean."""
        return super().check(world[1], world[0], key=key)
