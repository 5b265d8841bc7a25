"""What was tried for accuracy per second: one change at a time from the default settings of `equilearn solve olg`."""

import jax
import optax

from benchmarks.rivals import Apart, Implied, QuarterSaved, SharedAges, Sloped, annealed, scale_by_shampoo
from benchmarks.runs import COLUMNS, row
from benchmarks.training import at, train
from equilearn.economies.olg import OLG
from equilearn.equilibrium import solve
from equilearn.equilibrium.model import heads
from equilearn.optimizers import adam, constant, soap

EPISODES = 1000
VARIANTS = {
    "default": {},
    "starts from a quarter saved": {"model": QuarterSaved()},
    "multiplier's slope 1": {"model": Sloped(slope=1.0)},
    "multiplier's slope 8": {"model": Sloped(slope=8.0)},
    "multiplier implied by the Euler equation": {"model": Implied()},
    "multiplier predicted apart": {"model": Apart(), "weights": {"euler": 0.0}},
    "one small network for every age": {"network": SharedAges},
    "Adam, 1e-3": {"optimizer": adam(1e-3)},
    "Adam, 3e-3": {"optimizer": adam(3e-3)},
    "Muon, 3e-3": {"optimizer": annealed(optax.contrib.muon(1.0), 3e-3)},
    "Muon, 1e-2": {"optimizer": annealed(optax.contrib.muon(1.0), 1e-2)},
    "Shampoo, 3e-3": {"optimizer": annealed(scale_by_shampoo(), 3e-3)},
    "SOAP, 1e-3": {"learning_rate": 1e-3},
    "SOAP, 6e-3": {"learning_rate": 6e-3},
    "SOAP, constant 1e-3": {"optimizer": soap(1e-3, schedule=constant)},
    "width 64": {"width": 64},
    "width 128": {"width": 128},
    "depth 2": {"depth": 2},
    "Swish of steepness 1": {"steepness": 1.0},
    "Swish of steepness 6": {"steepness": 6.0},
    "no tail in the loss": {"tail": 0.0},
    "tail 0.05": {"tail": 0.05},
    "batches of 64 (twice the steps)": {"batch_size": 64},
    "batches of 256 (half the steps)": {"batch_size": 256},
    "no exploration": {"exploration": 0.0},
}


def measure() -> dict:
    """Return seconds and certificate of every variant."""
    rows = []
    for name, change in VARIANTS.items():
        change = dict(change)
        model, weights = change.pop("model", OLG()), change.pop("weights", None)
        optimizer, network = change.pop("optimizer", None), change.pop("network", None)
        settings = at(OLG().settings(), episodes=EPISODES, **change)
        if network is None:
            solution = solve(model, settings=settings, optimizer=optimizer, weights=weights, live=False)
        else:
            fresh = network(model.generations - 1, heads(model), key=jax.random.key(0))
            solution = train(fresh, settings, soap(settings.learning_rate))
        rows.append(row(name, solution))
    return {
        "columns": ["variant", *COLUMNS],
        "rows": rows,
        "text": f"The economy with sixty generations, {EPISODES} episodes (the learning rate is annealed over them), "
        "seed 0, targets off. Relative Euler errors on 10,000 fresh periods.",
    }
