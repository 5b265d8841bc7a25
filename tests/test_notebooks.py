"""Every notebook runs from its first cell to its last, and what it claims in words is asserted in its code."""

import runpy
import tokenize
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


@pytest.fixture
def off_screen(monkeypatch, tmp_path):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


def test_there_are_notebooks_with_cells_exercises_and_assertions():
    assert len(NOTEBOOKS) >= 5
    for path in NOTEBOOKS:
        with tokenize.open(path) as file:
            text = file.read()
        assert text.startswith("# %% [markdown]") and "**Exercise 1.**" in text and "assert " in text


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_claims_hold(path, off_screen):
    names = runpy.run_path(str(path))
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert figures and all(axis.has_data() for figure in figures for axis in figure.axes), names.keys()
    assert all(any(axis.get_xlabel() for axis in figure.axes) for figure in figures), "axes are labelled"
