"""The published means by age and shock beside many simulated paths as long as the published one."""

import numpy as np

from equilearn.economies.olg import OLG
from equilearn.economies.olg_figures import PUBLISHED, PUBLISHED_AGES, PUBLISHED_CAPITAL, means_by_shock
from equilearn.equilibrium import solve

PATHS, PERIODS = 40, 10_000


def measure() -> dict:
    """Return, by variable and shock, how far the means of paths are from the published ones."""
    solution = solve(OLG(), live=False)
    ages = np.asarray(PUBLISHED_AGES) - solution.model.ages[0]
    gaps, capital = {name: [] for name in PUBLISHED}, []
    for path in range(PATHS):
        simulation = solution.simulate(PERIODS, seed=100 + path)
        shock, total = simulation.shock.values, simulation.aggregate_capital.values
        capital.append([total[shock == z].mean() for z in range(4)])
        for name, published in PUBLISHED.items():
            rows = np.asarray(published)
            gaps[name].append((means_by_shock(simulation, name)[:, ages] - rows) / rows.max(axis=1, keepdims=True))
    low, high = np.min(capital, axis=0), np.max(capital, axis=0)
    rows = []
    for name, every in gaps.items():
        gap = np.array(every)  # (paths, shocks, ages)
        worst = np.abs(gap).max(axis=-1)
        for z in range(gap.shape[1]):
            age = np.abs(gap.mean(axis=0)[z]).argmax()
            rows.append([name.replace("_", " "), z + 1, f"{100 * np.median(worst[:, z]):.1f} %",
                         f"{100 * gap[:, z, age].mean():+.1f} %", f"{100 * gap[:, z, age].std():.1f} %",
                         f"{np.mean(worst[:, z] < 0.02):.0%}", f"{low[z]:.1f} to {high[z]:.1f}",
                         f"{PUBLISHED_CAPITAL[z]:.1f}"])  # fmt: skip
            print(rows[-1], flush=True)
    return {
        "columns": ["mean of", "shock", "largest gap over ages, median path", "gap at the worst age, all paths",
                    "its deviation", "paths within 2 %", "capital, all paths", "capital, published"],
        "rows": rows,
        "text": f"`equilearn solve olg`, seed 0, and {PATHS} paths of {PERIODS:,} periods, as long as the published "
        "one. Gaps are relative to the row's largest published mean. Shocks 3 and 4 come in 4 % of the periods each, "
        "a few at a time, so their means differ from path to path; the published path had more capital than most in "
        "both.",
    }  # fmt: skip
