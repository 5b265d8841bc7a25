"""Gradient steps per second on recipes of identical work, and the share of the machine's peak that they reach.

Recipes W1, W2 and W4 are networks of the given sizes that are evaluated once today and once in each of four
tomorrows (which depend on today's output), with the mean squared difference as the loss: the matrix work of the
published programs without their elementwise economics, which is below a hundredth of it. W3 is the published
program's loss in full (`benchmarks.deck`). W5 and W6 are our own economies at the course notebooks' sizes.
"""

import itertools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.deck import Deck, initial_cost
from equilearn.economies.analytic_olg import AnalyticOLG
from equilearn.economies.growth import Growth
from equilearn.economies.irbc import IRBC
from equilearn.equilibrium import SolveSettings, solve
from equilearn.learn import LearnSettings, Problem, learn
from equilearn.networks import MLP
from equilearn.optimizers import adam

TOMORROWS = 4
THEIRS = {"W1": 47, "W2": 5.1, "W3": 3.0, "W4": 226, "W4, ours": 226, "W5": 43, "W6": 1 / 2.26}
"""Medians on two cores of another machine (TensorFlow programs of the authors); W6: episodes per second."""


class Recipe(Problem):
    """A network evaluated today and in four tomorrows."""

    tracks: int = eqx.field(static=True)
    periods: int = eqx.field(static=True)
    inputs: int = eqx.field(static=True)

    def tomorrow(self, x, y):
        """Return next period's inputs: they depend on today's outputs."""
        copies = -(-self.inputs // y.shape[-1])
        return 0.5 * x + 0.1 * jnp.tanh(jnp.concatenate([y] * copies, axis=-1)[..., : self.inputs])

    def generate(self, networks, world, *, key):
        """Simulate all tracks."""

        def step(x, one):
            x = self.tomorrow(x, networks(x)) + 0.1 * jax.random.normal(one, x.shape)
            return x, x

        world, path = jax.lax.scan(step, world, jax.random.split(key, self.periods))
        return path.reshape(-1, self.inputs), world

    def loss(self, networks, world, batch, *, key):
        """Return the mean squared difference between today's and the mean of tomorrow's outputs."""
        y = networks(batch)
        shift = jnp.arange(TOMORROWS) * 0.01
        following = (self.tomorrow(batch, y) + shift[:, None, None]).reshape(-1, self.inputs)
        later = networks(following).reshape(TOMORROWS, *y.shape)
        return jnp.mean((y - 0.9 * later.mean(axis=0)) ** 2), {}

    def check(self, networks, world, *, key):
        """Return today's outputs."""
        return {"output": jnp.abs(networks(world[:8]))}


def timed(problem, network, world, settings) -> float:
    """Return seconds per gradient step, compilation left out, of the faster of two runs."""
    best = np.inf
    for seed in range(2):
        run = learn(problem, network, world, adam(1e-5), settings, key=jax.random.key(seed), live=False)
        best = min(best, run.seconds / int(run.state.step))
    return best


def recipe(sizes: tuple[int, ...], batch: int, tracks: int, periods: int, episodes: int, epochs: int = 1) -> float:
    """Return seconds per step of a recipe, simulation included."""
    network = MLP(sizes, key=jax.random.key(0))
    world = jax.random.normal(jax.random.key(1), (tracks, sizes[0]))
    settings = LearnSettings(episodes=episodes, batch_size=batch, epochs=epochs, check_every=episodes)
    return timed(Recipe(tracks, periods, sizes[0]), network, world, settings)


def work(sizes: tuple[int, ...], batch: int) -> float:
    """Return the floating-point operations of a step: five passes forwards, and twice that backwards."""
    return 3 * (1 + TOMORROWS) * 2 * batch * sum(a * b for a, b in itertools.pairwise(sizes))


def peak() -> float:
    """Return the machine's operations per second in large single-precision matrix products, NumPy's or JAX's."""
    n, best = 3000, 0.0
    a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    product, b = jax.jit(lambda x: x @ x), jnp.asarray(a)
    product(b).block_until_ready()
    for _ in range(4):
        for run in (lambda: a @ a, lambda: product(b).block_until_ready()):
            began = time.perf_counter()
            run()
            best = max(best, 2 * n**3 / (time.perf_counter() - began))
    return best


def measure() -> dict:
    """Return steps per second, the published programs', and the share of peak."""
    rows, most = [], peak()

    def row(name: str, what: str, seconds: float, flops: float | None) -> None:
        share = f"{flops / seconds / most:.0%}" if flops else ""
        rate = 1 / seconds
        rows.append([name, what, f"{rate:.3g}", f"{THEIRS[name]:.3g}", f"{rate / THEIRS[name]:.1f}", share])
        print(rows[-1], flush=True)

    big, small, deck = (236, 1000, 1000, 221), (32, 100, 50, 5), (312, 1000, 1000, 118)
    row("W1", "236-1000-1000-221, batch 64", recipe(big, 64, 1000, 10, 3), work(big, 64))
    row("W2", "236-1000-1000-221, batch 1000", recipe(big, 1000, 1000, 10, 5), work(big, 1000))
    problem, network, world = Deck.start()
    settings = LearnSettings(episodes=3, batch_size=1000, check_every=3)
    row("W3", "312-1000-1000-118, batch 1000, the published loss", timed(problem, network, world, settings),
        work(deck, 1000))  # fmt: skip
    row("W4", "32-100-50-5, batch 512", recipe(small, 512, 1024, 10, 40, epochs=20), work(small, 512))
    analytic = SolveSettings(width=100, depth=2, batch_size=512, paths=1024, periods=10, epochs=20, episodes=40,
                             check_every=40)  # fmt: skip
    run = solve(AnalyticOLG(), settings=analytic, optimizer=adam(1e-5), live=False)
    row("W4, ours", "the same economy and batch on 5-100-100-5, one pass for all four tomorrows",
        run.seconds / run.gradient_steps, None)  # fmt: skip
    growth = SolveSettings(width=50, batch_size=128, paths=128, periods=1, episodes=5000, check_every=5000)
    seconds = solve(Growth(), settings=growth, optimizer=adam(3e-4), live=False).seconds / 5000
    row("W5", "growth, 2-50-50-1, batch 128, six evaluations", seconds, None)
    irbc = SolveSettings(width=128, batch_size=512, paths=10, periods=256, episodes=100, check_every=100)
    seconds = solve(IRBC(), settings=irbc, optimizer=adam(2e-4), live=False).seconds / 100
    row("W6", "two countries, 256 periods of 10 tracks and 5 steps of 512 (per episode)", seconds, None)
    again = max(most, peak())
    return {
        "columns": ["recipe", "what", "steps/s", "theirs", "ratio", "share of peak"],
        "rows": rows,
        "text": f"Simulation and Adam included, compilation not. Peak: {again / 1e9:.0f} GFLOP/s in single-precision "
        "products of 3000 x 3000 matrices (the best of NumPy and JAX, in the same run). *Theirs*: the authors' "
        "TensorFlow programs, training alone, on two cores of another machine. Five times their W4 would be "
        f"{5 * THEIRS['W4'] * work(small, 512) / again:.0%} of this peak, in products with sides of 5 to 100. W3's "
        f"log10 cost before training is {initial_cost():.3f} (published: 7.14).",
    }
