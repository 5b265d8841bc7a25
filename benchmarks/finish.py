"""The last digits: one solution, and equal seconds more of other optimisers, batches, averaging, precision."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from benchmarks.rivals import Averaged, newton_cg
from benchmarks.runs import COLUMNS, row
from benchmarks.training import at, go_on
from equilearn.economies.olg import OLG
from equilearn.equilibrium import solve
from equilearn.equilibrium.accuracy import accuracy_on
from equilearn.equilibrium.problem import EquilibriumProblem as Plain
from equilearn.equilibrium.problem import flatten_path
from equilearn.optimizers import constant, soap

EPISODES, SECONDS = 1000, 25
WHOLE = {"periods": 16, "batch_size": 4096, "check_every": 1}
WAYS = {
    "SOAP, annealed again from 1e-3": (soap(1e-3), {}, Plain),
    "SOAP, batches of 1024": (soap(1e-3), {"batch_size": 1024}, Plain),
    "SOAP, constant 3e-4, mean of the weights": (soap(3e-4, schedule=constant), {}, Averaged),
    "L-BFGS, 20 steps on each 4096 states": (optax.lbfgs(), WHOLE | {"epochs": 20}, Plain),
    "Newton with 10 conjugate gradients on 1024 states": (newton_cg(0.3, 10, 1e-4), {"batch_size": 1024}, Plain),
    "Newton with 30 conjugate gradients on 4096 states": (newton_cg(0.5, 30, 1e-5), WHOLE, Plain),
}


def in_double_precision(solution) -> float:
    """Return the mean Euler error of the same network on the same states, computed in double precision."""
    states = flatten_path(solution.states(10_000))
    with jax.enable_x64(True):
        wide = lambda x: jnp.asarray(x, jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x  # noqa: E731
        policy, states = (jax.tree.map(lambda x: wide(x) if eqx.is_array(x) else x, one)
                          for one in (solution.policy_function, states))  # fmt: skip
        return accuracy_on(policy, states).summary()["euler"]["mean"]


def measure() -> dict:
    """Return the certificate after each way of going on."""
    model = OLG()
    settings = at(model.settings(), episodes=EPISODES)
    first = solve(model, settings=settings, live=False)
    rows = [row(f"SOAP, {EPISODES} episodes: where all go on from", first)]
    single, double = first.accuracy().summary()["euler"]["mean"], in_double_precision(first)
    for name, (optimizer, change, kind) in WAYS.items():
        more = at(settings, seconds=SECONDS, **({"episodes": 100_000, "check_every": 10} | change))
        rows.append(row(name, go_on(first, more, optimizer, kind=kind)))
    longer = solve(model, settings=at(settings, episodes=2 * EPISODES), live=False)
    rows.append(row(f"SOAP, {2 * EPISODES} episodes from the start", longer))
    return {
        "columns": ["way", *COLUMNS],
        "rows": rows,
        "text": f"The economy with sixty generations, seed 0. Each way has {SECONDS} seconds from the same solution, "
        "on a schedule of its own. Relative Euler errors on 10,000 fresh periods. The first row's mean error is "
        f"{double:.6e} when computed in double precision from the same weights and states, {single:.6e} in single.",
    }
