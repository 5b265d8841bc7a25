"""Invariants of the house: imports run downward, modules stay small, nothing is pickled, importing is quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "equilearn"
MODULES = sorted(SOURCE.rglob("*.py"))

ALLOWED = {
    "errors": set(),
    "compiling": set(),
    "catalogue": set(),
    "agents": {"errors", "catalogue"},
    "interrupts": set(),
    "flags": {"errors"},
    "parameters": {"errors"},
    "style": set(),
    "learn": {"errors", "compiling", "interrupts", "parameters"},
    "networks": {"errors"},
    "optimizers": {"errors"},
    "equilibrium": {"errors", "compiling", "parameters", "style", "learn", "networks", "optimizers"},
    "folders": {"errors", "learn"},
    "economies": {"errors", "catalogue", "parameters", "style", "learn", "equilibrium"},
    "report": {"errors", "style", "learn", "networks", "equilibrium", "folders"},
    "runs": {"errors", "learn", "equilibrium", "economies", "report", "folders"},
    "whitebox": set(),
    "supervised": {"errors", "learn", "networks", "optimizers"},
    "sequences": {"errors", "learn", "networks", "optimizers"},
    "images": {"errors", "compiling", "learn", "networks", "optimizers", "supervised"},
    "reinforcement": {"errors", "agents", "parameters", "learn", "networks", "optimizers"},
    "data": {"errors", "supervised"},
    "labs": {
        "errors",
        "catalogue",
        "style",
        "learn",
        "networks",
        "optimizers",
        "equilibrium",
        "economies",
        "report",
        "whitebox",
        "supervised",
        "sequences",
        "images",
        "reinforcement",
        "data",
    },
    "lab_runs": {"errors", "report", "folders", "labs"},
    "seed_runs": {"errors", "learn", "equilibrium", "economies", "report", "folders", "runs"},
    "agent_runs": {"errors", "agents", "learn", "economies", "reinforcement", "report", "folders", "labs"},
    "launch": {"errors", "learn"},
    "commands": {
        "errors",
        "flags",
        "interrupts",
        "learn",
        "equilibrium",
        "economies",
        "agents",
        "folders",
        "runs",
        "labs",
        "lab_runs",
        "agent_runs",
        "seed_runs",
    },
    "cli": {
        "errors",
        "flags",
        "interrupts",
        "launch",
        "learn",
        "economies",
        "agents",
        "folders",
        "runs",
        "labs",
        "lab_runs",
        "agent_runs",
        "seed_runs",
        "commands",
    },
    "__main__": {"cli"},
}
"""What each part may import of the package; `equilearn` itself (its version) is open to all."""


def part(path):
    inside = path.relative_to(SOURCE)
    return inside.parts[0].removesuffix(".py")


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("equilearn."):
                yield name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_downward(path):
    if part(path) == "__init__":
        return
    assert set(imported_parts(path)) <= ALLOWED[part(path)] | {part(path)}


def test_the_graph_itself_has_no_circle():
    order = list(ALLOWED)
    order.insert(order.index("economies"), order.pop(order.index("report")))
    for i, name in enumerate(order):
        assert ALLOWED[name] <= set(order[:i]), name


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_are_small_documented_and_unpickled(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text)), "a module says in its first lines what it is"
    assert "pickle" not in text.replace("allow_pickle=False", "").replace("pickled", "")


def test_importing_the_package_imports_no_jax():
    code = "import equilearn, sys; assert 'jax' not in sys.modules; assert 'solve' in dir(equilearn)"
    subprocess.run([sys.executable, "-c", code], check=True)
