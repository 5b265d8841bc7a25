"""Every economy of the package: what its command costs, how accurate it is, and a picture: `docs/gallery.md`."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.__main__ import DOCS, machine
from equilearn import economies
from equilearn.learn.checkpoint import write_atomically

PICTURES = {"olg": "mean-wealth-and-consumption-by-age-and-shock", "analytic-olg": "errors-by-saver"}
"""The figure of the report that shows most; elsewhere the simulated economy."""
HEAD = """# Gallery

Every economy of the package, each one file of equations. Made by `python -m benchmarks gallery`: `equilearn solve
NAME` with default settings, seed 0. Seconds in all: start-up, compilation (nothing cached), learning, certificate,
figures; where other work runs beside, they are up to twice those of a quiet machine. Newton's steps, where an economy
takes them, count as learning. Euler errors are on a fresh
path (where no equation is named *euler*, those of the worst); policy errors are estimated, of the worst policy
([what the figures mean](certificate.md)); *at worst* is the 99.9th percentile where components count by mass, else
the maximum; the rate is below one where the solution is locally unique, and without
one solution no policy errors are given. *Far outside*: the share of the fresh states of which `policy` and `follow`
would warn that they are far outside what was learnt, though they are the economy's own: false alarms. Lines: of the
file, without blank ones.
"""


def measure() -> dict:
    """Solve every economy, draw the page, and return the table."""
    rows, pages = [], []
    for name in economies.ECONOMIES:
        row, page = _economy(name)
        rows.append(row)
        pages.append(page)
    columns = ["economy", "verdict", "s in all", "s of learning", "Euler mean", "99.9 %", "policy mean", "at worst",
               "standard error", "rate", "far outside", "lines"]  # fmt: skip
    table = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    table += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    when = f"\n*{time.strftime('%Y-%m-%d')}, {machine()}.*\n"
    write_atomically(DOCS / "gallery.md", ("\n".join([HEAD + when, *table, *pages]) + "\n").encode())
    return {"columns": columns, "rows": rows, "text": "The table of [the gallery](gallery.md)."}


def _economy(name: str) -> tuple[list, str]:
    with tempfile.TemporaryDirectory() as scratch:
        folder, began = Path(scratch) / "run", time.perf_counter()
        command = [sys.executable, "-m", "equilearn", "solve", name, "--out", str(folder)]
        subprocess.run(command, check=True, env=os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{scratch}/programs"})
        seconds = time.perf_counter() - began
        result = json.loads((folder / "result.json").read_text())
        figure = PICTURES.get(name, "simulated-economy")
        found = next((path for path in (folder / "figures").iterdir() if figure in path.name), None)
        picture = ""
        if found:
            (DOCS / "gallery").mkdir(exist_ok=True)
            shutil.copy(found, DOCS / "gallery" / f"{name}.png")
            picture = f"![{name}: {found.stem.replace('-', ' ')}](gallery/{name}.png)\n"
    errors = result["accuracy"]
    euler = errors.get("euler") or max(errors.values(), key=lambda one: one["mean"])
    policies = (result["policy_errors"] or {"summary": {}})["summary"]
    multipliers = (result["policy_errors"] or {"multipliers": []})["multipliers"]
    judged = {key: one for key, one in policies.items() if key not in multipliers} or policies
    rate = (result["policy_errors"] or {}).get("rate")
    judged = {} if rate is not None and rate >= 1 else judged  # without one solution there is nothing to be far from
    name_of_worst = max(judged, key=lambda key: judged[key]["relative mean"], default=None)
    worst = judged.get(name_of_worst)
    high = "99.9" if worst and name_of_worst in result["policy_errors"]["weighted"] else "max"
    text = (Path(economies.__file__).parent / f"{economies.ECONOMIES[name].split(':')[0]}.py").read_text()
    about = ast.get_docstring(ast.parse(text)) or ""
    lines = sum(bool(line.strip()) for line in text.splitlines())
    verdict = "accurate" if result["verdict"]["accurate"] else "not called accurate"
    row = [
        f"[{name}](#{name})", verdict, f"{seconds:.0f}", f"{result['seconds']:.0f}",
        _percent(euler["mean"]), _percent(euler["99.9"]),
        *([_percent(worst[f"relative {key}"]) for key in ("mean", high, "standard error")] if worst else [""] * 3),
        "" if rate is None else f"{rate:.2f}", _percent(result["outside"]), lines,
    ]  # fmt: skip
    first = re.split(r"\n\s*\n", about)[0].replace("\n", " ")
    said = "\n".join(f"- {reason}" for reason in [result["verdict"]["words"], *result["verdict"]["reasons"]])
    return row, f"\n## {name}\n\n    equilearn solve {name}\n\n{first}\n\n{picture}\n{said}\n"


def _percent(x: float) -> str:
    return f"{100 * x:.2g} %"
