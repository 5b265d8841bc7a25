"""The international business cycle as the number of countries grows, and with irreversible investment."""

from benchmarks.runs import COST, cost

CASES = (
    ("irbc", "--countries", "2"),
    ("irbc-irreversible", "--countries", "2"),
    ("irbc", "--countries", "10"),
    ("irbc", "--countries", "50"),
    ("irbc", "--countries", "100"),
)


def measure() -> dict:
    """Return seconds, steps per second, memory and errors for each economy."""
    return {
        "columns": ["equilearn solve", *COST],
        "rows": [[" ".join(flags), *cost(*flags)] for flags in CASES],
        "text": "Default settings, seed 0. A state has 2 N numbers, and an expectation 2 N nodes (Stroud's rule of "
        "degree three), of which learning sees two independent pairs at a time where more than four countries invest "
        "as they like. With two countries Newton's steps are in the seconds and not in the steps. Euler errors on "
        "10,000 fresh periods.",
    }
