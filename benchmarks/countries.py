"""The international business cycle as the number of countries grows, and with irreversible investment."""

from benchmarks.runs import COST, cost

CASES = (("irbc", 2), ("irbc", 10), ("irbc", 50), ("irbc-irreversible", 2))


def measure() -> dict:
    """Return seconds, steps per second, memory and errors for each economy."""
    return {
        "columns": ["economy", "countries", *COST],
        "rows": [[name, n, *cost(name, "--countries", str(n))] for name, n in CASES],
        "text": "`equilearn solve NAME --countries N`, default settings, seed 0. A state has 2 N numbers, and an "
        "expectation 2 N nodes (Stroud's rule of degree three). Euler errors on 10,000 fresh periods.",
    }
