"""How far five minutes go: the economy with sixty generations on a budget of 300 seconds of learning."""

from benchmarks.runs import percent, solve

FLAGS = ("--width", "128", "--episodes", "10000", "--seconds", "300")


def measure() -> dict:
    """Return the certificate after the budget, from three seeds."""
    rows = []
    for seed in (0, 1, 2):
        result = solve("olg", *FLAGS, "--seed", str(seed))["result"]
        euler = result["accuracy"]["euler"]
        rows.append([seed, f"{result['seconds']:.0f}", result["gradient_steps"],
                     *(percent(euler[key]) for key in ("mean", "99", "99.9", "max"))])  # fmt: skip
        print(rows[-1], flush=True)
    rows.append(["aim", "300", "", "0.01 %", "", "0.1 %", ""])
    return {
        "columns": ["seed", "s of learning", "steps", "mean", "99 %", "99.9 %", "max"],
        "rows": rows,
        "text": f"`equilearn solve olg {' '.join(FLAGS)}`. Relative Euler errors on 10,000 fresh periods.",
    }
