"""The same run on one, two and four host devices, which share the cores."""

from benchmarks.runs import percent, solve


def measure() -> dict:
    """Return seconds and errors of the same 500 episodes on each number of devices."""
    rows = []
    for count in (1, 2, 4):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}
        run = solve("olg", "--episodes", "500", environment=flags)
        result = run["result"]
        rows.append([count, f"{result['seconds']:.1f}", f"{run['memory']:.0f}",
                     percent(result["accuracy"]["euler"]["mean"])])  # fmt: skip
    return {
        "columns": ["host devices", "s of learning", "MB", "mean Euler error"],
        "rows": rows,
        "text": "`equilearn solve olg --episodes 500`, seed 0. The devices share the cores, so this shows what "
        "splitting costs, not what more hardware gains.",
    }
