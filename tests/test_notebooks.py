"""Every notebook runs from its first cell to its last, and what it claims in words is asserted in its code.

Every exercise has its solution, which runs and asserts that it answers the exercise.
"""

import re
import runpy
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.py"))
NEEDS_DATA = {"07_images_and_generation"}
"""Of these the last part looks at real pictures."""


@pytest.fixture
def off_screen(monkeypatch, tmp_path):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def exercises(path):
    """Return the numbers of a notebook's exercises, in order."""
    return [int(number) for number in re.findall(r"\*\*Exercise (\d+)\.\*\*", path.read_text(encoding="utf-8"))]


def solved(path):
    """Return what stands under every solution's heading, by its number."""
    _, *parts = re.split(r"\*\*Solution (\d+)\.\*\*", path.read_text(encoding="utf-8"))
    return dict(zip(map(int, parts[::2]), parts[1::2], strict=True))


def test_there_are_notebooks_with_cells_exercises_and_assertions():
    assert len(NOTEBOOKS) >= 10
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# %% [markdown]") and "assert " in text
        numbers = exercises(path)
        assert len(numbers) >= 3 and numbers == list(range(1, len(numbers) + 1)), path.name


def test_every_exercise_has_its_solution_and_every_solution_asserts_its_answer():
    assert [path.name for path in SOLUTIONS] == [path.name for path in NOTEBOOKS]
    for notebook, solution in zip(NOTEBOOKS, SOLUTIONS, strict=True):
        parts = solved(solution)
        assert list(parts) == exercises(notebook), solution.name
        assert all(re.search(r"^ *assert ", part, re.M) for part in parts.values()), solution.name


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_claims_hold(path, off_screen, request):
    if path.stem in NEEDS_DATA:
        request.getfixturevalue("shared")
    names = runpy.run_path(str(path))
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert figures and all(axis.has_data() for figure in figures for axis in figure.axes), names.keys()
    assert all(any(axis.get_xlabel() for axis in figure.axes) for figure in figures), "axes are labelled"
    for figure in figures:
        figure.canvas.draw()


@pytest.mark.slow
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_run_and_answer_their_exercises(path, off_screen, request):
    if path.stem in NEEDS_DATA:
        request.getfixturevalue("shared")
    runpy.run_path(str(path))
