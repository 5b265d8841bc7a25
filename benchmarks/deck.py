"""The published program of the benchmark economy as a learning problem: its inputs, its loss, its start (W3).

312 raw inputs: shock, productivity, depreciation, K, L, return, wage, output, and by generation capital, its value,
labour, wages, income, then the transition probabilities. Outputs (softplus): savings and multipliers of 59 generations.
Loss: the mean of squares over 419 columns: Euler errors, multiplier times savings, penalties for negative consumption
today and in four tomorrows, and one for negative capital (Azinovic, Gaegauf and Scheidegger, 2019, section 5).
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from equilearn.economies.olg import OLG
from equilearn.learn import Problem
from equilearn.networks import MLP

EPSILON = 1e-5
TRACKS, PERIODS = 1000, 10
MODEL = OLG()
N = MODEL.generations


def inputs(shock, capital):
    """Return the 312 inputs of one state, with its return and wage."""
    labour = jnp.asarray(MODEL.labour, jnp.float32)
    z = jnp.asarray(MODEL.productivity, jnp.float32)[shock]
    d = jnp.asarray(MODEL.depreciation, jnp.float32)[shock]
    total, hours = jnp.maximum(jnp.sum(capital), EPSILON), jnp.sum(labour)
    ratio, alpha = total / hours, MODEL.capital_share
    gross, wage = alpha * z * ratio ** (alpha - 1) + 1 - d, (1 - alpha) * z * ratio**alpha
    output = z * total**alpha * hours ** (1 - alpha) + (1 - d) * total
    first = jnp.stack([shock.astype(jnp.float32), z, d, total, hours, gross, wage, output])
    row = jnp.asarray(MODEL.shock.transition, jnp.float32)[shock]
    values = (capital, gross * capital, labour, wage * labour, gross * capital + wage * labour)
    return jnp.concatenate([first, *values, row]), gross, wage


def decide(network, x):
    """Return savings and multipliers."""
    raw = jax.nn.softplus(network(x[None])[0])
    return raw[: N - 1], raw[N - 1 :]


def columns(network, state):
    """Return the 419 columns of the loss in one state."""
    shock, capital = state
    labour = jnp.asarray(MODEL.labour, jnp.float32)
    x, gross, wage = inputs(shock, capital)
    savings, multiplier = decide(network, x)
    consumption = gross * capital + wage * labour - jnp.append(savings, 0.0)
    following = jnp.append(0.0, savings)

    def tomorrow(next_shock):
        x, gross, wage = inputs(next_shock, following)
        later = gross * following + wage * labour - jnp.append(decide(network, x)[0], 0.0)
        return gross * jnp.maximum(later[1:], EPSILON) ** -2.0, jnp.maximum(-later, 0.0) / EPSILON

    marginal, penalties = jax.vmap(tomorrow)(jnp.arange(4))
    value = MODEL.discount * x[-4:] @ marginal + multiplier
    euler = value**-0.5 / jnp.maximum(consumption[:-1], EPSILON) - 1
    capital_penalty = jnp.maximum(-jnp.sum(savings), 0.0)[None] / EPSILON
    return jnp.concatenate(
        [euler, multiplier * savings, jnp.maximum(-consumption, 0.0) / EPSILON, penalties.ravel(), capital_penalty]
    )


class Deck(Problem):
    """Learn the benchmark economy as the published program did."""

    @staticmethod
    def start(seed: int = 1):
        """Return problem, network (all raw outputs near zero) and the states one step after the random start."""
        key = jax.random.key(seed)
        initialiser = jax.nn.initializers.variance_scaling(1e-6, "fan_in", "normal")
        network = MLP((312, 1000, 1000, 118), initialiser=initialiser, key=key)
        savings = jnp.append(0.0, jax.nn.softplus(jnp.zeros(N - 1)))
        shocks = jax.random.randint(key, (TRACKS,), 0, 2)  # the published start knows the first two only
        return Deck(), network, (shocks, jnp.tile(savings, (TRACKS, 1)))

    def generate(self, networks, world, *, key):
        """Simulate ten periods of all tracks."""

        def advance(state, one):
            shock, capital = state
            savings, _ = decide(networks, inputs(shock, capital)[0])
            return MODEL.shock.draw(shock, key=one), jnp.append(0.0, savings)

        def step(states, one):
            following = jax.vmap(advance)(states, jax.random.split(one, TRACKS))
            return following, states

        world, path = jax.lax.scan(step, world, jax.random.split(key, PERIODS))
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), path), world

    def loss(self, networks, world, batch, *, key):
        """Return the mean of squares of all columns."""
        return jnp.mean(jax.vmap(lambda state: columns(networks, state))(batch) ** 2), {}

    def check(self, networks, world, *, key):
        """Return the Euler errors on the tracks' last states."""
        return {"euler": jnp.abs(jax.vmap(lambda state: columns(networks, state)[: N - 1])(world))}


def initial_cost() -> float:
    """Return log10 of the mean cost over the first episode's states, before any training."""
    problem, network, world = Deck.start()
    data, _ = eqx.filter_jit(problem.generate)(network, world, key=jax.random.key(0))
    return float(jnp.log10(eqx.filter_jit(problem.loss)(network, None, data, key=jax.random.key(0))[0]))
