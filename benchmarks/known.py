"""The estimated errors of policies beside the true ones, after short, longer and full training."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import equilearn as eq
from equilearn.economies.analytic_olg import AnalyticOLG
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.buffer_stock import BufferStock
from equilearn.economies.growth import Growth
from equilearn.economies.olg import OLG

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # whose oracles these are

from oracles import growth_by_endogenous_grid, three_generations_by_time_iteration
from test_known_answers import Irreversible, Labour, investment_of, labour_of, savings_of
from test_policy_error import looked_at


def _closed_form(model, states) -> dict:
    return {"savings_rate": model.capital_share * model.discount * np.ones(len(states.capital))}


def _generations(model, states) -> dict:
    return {"savings_rate": np.tile(model.exact_savings_rate, (len(states.capital), 1))}


def _growth(model, states) -> dict:
    capital = np.exp(states.log_capital)
    resources = np.exp(states.shock) * capital**model.capital_share + (1 - model.depreciation) * capital
    return {"savings_rate": 1 - growth_by_endogenous_grid(model)(capital, states.shock) / resources}


def _three(model, states) -> dict:
    return {"savings": three_generations_by_time_iteration(model, points=61)(states.shock.astype(int), states.capital)}


PATHS = 256
"""From each state; 16 is the default, with four times the standard error."""
CASES = (
    ("Brock and Mirman", BrockMirman(), _closed_form, (30, 100, 500)),
    ("six generations", AnalyticOLG(), _generations, (30, 100, 1000)),
    ("growth", Growth(), _growth, (100, 300, 1000)),
    ("growth with labour", Labour(), labour_of, (100, 400, 2000)),
    ("three generations, a limit that binds", OLG(generations=3, discount=0.8), _three, (40, 150, 500)),
    ("irreversible investment", Irreversible(), investment_of, (100, 400, 2000)),
    ("buffer stock", BufferStock(), savings_of, (300, 1000, 2000)),
)


def measure() -> dict:
    """Return true and estimated mean errors, their correlation and the rate, for every economy and length."""
    rows = []
    for name, model, truth, lengths in CASES:
        for episodes in lengths:
            settings = replace(model.settings(), episodes=episodes, newton=0)
            accuracy = eq.solve(model, settings=settings).accuracy(policy_paths=PATHS)
            found, states = accuracy.policy, looked_at(accuracy)
            for policy, exact in truth(model, states).items():
                true, estimate = exact - found.policies[policy], found.errors[policy]
                means, noise = [np.abs(one).mean() for one in (true, estimate)], found.standard_errors[policy].mean()
                related = np.corrcoef(true.ravel(), estimate.ravel())[0, 1]
                rows.append([name, policy.replace("_", " "), episodes, *(f"{mean:.1e}" for mean in means),
                             f"{noise:.1e}", f"{related:.3f}", f"{found.rate:.2f}"])  # fmt: skip
                print(rows[-1], flush=True)
    columns = ["economy", "policy", "episodes", "mean distance from the exact policy", "estimated", "standard error",
               "correlation", "rate"]  # fmt: skip
    return {
        "columns": columns,
        "rows": rows,
        "text": f"Seed 0, {PATHS} paths from each state, default settings but for the episodes and without Newton's "
        "steps; the last length is the default, of growth a longer one. The exact policies are closed forms, or those "
        "of the tests' endogenous grids and time iteration, which have errors of their own: where distances are no "
        "larger than these or than the standard errors, agreement ends.",
    }
