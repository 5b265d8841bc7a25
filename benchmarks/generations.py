"""Cost of the overlapping-generations economy as the number of generations grows."""

from benchmarks.runs import COST, cost

GENERATIONS = (6, 12, 30, 60, 120, 240)


def measure() -> dict:
    """Return seconds, steps per second, memory and errors for each number of generations."""
    return {
        "columns": ["generations", *COST],
        "rows": [[n, *cost("olg", "--generations", str(n))] for n in GENERATIONS],
        "text": "`equilearn solve olg --generations N`, default settings, seed 0; the labour profile is stretched over "
        "the generations. Relative Euler errors on 10,000 fresh periods.",
    }
