"""The documentation: every page can be reached, what it shows runs, and the site builds without a warning."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from test_histories import Planner, exact

import equilearn as eq

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md"))


def blocks(path):
    """Return the blocks of Python of a page."""
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.S)


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    entries = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(entries) == sorted(map(str, PAGES))


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{page}" for page in PAGES)])
def test_links_and_pictures_of_a_page_exist(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        assert link.startswith("https://") or (path.parent / link).exists(), link


@pytest.mark.slow
def test_the_tutorial_runs_and_what_it_says_is_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tutorial", type(sys)("tutorial"))
    names = vars(sys.modules["tutorial"])
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        exec(compile(block, "tutorial.md", "exec"), names)
    assert {"solution", "response", "again"} <= names.keys()


@pytest.mark.slow
def test_the_recipes_run(tmp_path, monkeypatch):
    """The solutions that they ask are the exact ones, so nothing but the last recipe is learnt."""
    monkeypatch.chdir(tmp_path)
    wider = Planner(shock=eq.AR1(0.9, 0.04))
    names = {"solution": exact(Planner()), "other": exact(wider), "eq": eq, "jnp": jnp, "__name__": "how-to"}
    for block in blocks(ROOT / "docs" / "how-to.md"):
        exec(compile(block, "how-to.md", "exec"), names)
    assert abs(names["found"].equivalent) < 4 * names["found"].standard_error < 0.1
    assert float(names["path"].shock[-1]) == np.float32(-0.04) and names["drawn"].sizes["path"] == 200
    assert names["again"].seed == 0 and (tmp_path / "response.png").exists()
    assert names["table"].seed.tolist() == [0, 1]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason='needs pip install ".[docs]"')
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
