"""Cost of the overlapping-generations economy as the number of generations grows."""

from benchmarks.runs import percent, solve

GENERATIONS = (6, 12, 30, 60, 120, 240)


def measure() -> dict:
    """Return seconds, steps per second, memory and errors for each number of generations."""
    rows = []
    for n in GENERATIONS:
        run = solve("olg", "--generations", str(n))
        result, euler = run["result"], run["result"]["accuracy"]["euler"]
        rate = result["gradient_steps"] / result["seconds"]
        rows.append(
            [n, result["outcome"], f"{result['seconds']:.0f}", result["gradient_steps"], f"{rate:.0f}",
             f"{run['memory']:.0f}", *(percent(euler[k]) for k in ("mean", "99.9", "max"))]
        )  # fmt: skip
        print(rows[-1], flush=True)
    return {
        "columns": ["generations", "outcome", "s of learning", "steps", "steps/s", "MB", "mean", "99.9 %", "max"],
        "rows": rows,
        "text": "`equilearn solve olg --generations N`, default settings, seed 0; the labour profile is stretched over "
        "the generations. Relative Euler errors on 10,000 fresh periods.",
    }
