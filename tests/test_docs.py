"""The documentation: every page can be reached, what it shows runs, and the site builds without a warning."""

import concurrent.futures
import importlib.util
import inspect
import multiprocessing
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import saver
from test_histories import Planner, exact
from test_training import OWN as WALK

import equilearn as eq
from equilearn import agent_runs, cli, folders, lab_runs, reinforcement, runs, seed_runs
from equilearn.economies import find
from equilearn.equilibrium import start
from equilearn.equilibrium.solve import check_solvable
from equilearn.learn import devices

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


def shorter(monkeypatch, module, name, **less):
    """Let a function of the package do less than the page asks of its first argument, a model or an agent."""
    real = getattr(module, name)

    def run(first, *arguments, **given):
        if isinstance(first, eq.Model):
            return real(first, *arguments, **{"settings": replace(first.settings(), **less), **given})
        return real(replace(first, **less), *arguments, **given)

    monkeypatch.setattr(module, name, run, raising=False)


def only_called(monkeypatch, module, name):
    """Let a function that would run for hours look at its arguments only."""
    real = inspect.signature(getattr(module, name))
    monkeypatch.setattr(module, name, lambda *arguments, **given: real.bind(*arguments, **given), raising=False)


def run_blocks(page, context):
    """Run a page's blocks in order; each first gets the names that the text around it speaks of."""
    names = {"__name__": "page", "eq": eq, "jnp": jnp, "jax": jax}
    for block, given in zip(blocks(ROOT / page), context, strict=True):
        names |= given
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::equilearn.OutsideWarning")
def test_the_readmes_python_runs(tmp_path, monkeypatch):
    """Its model is solvable, and its solution learns for two episodes."""
    monkeypatch.chdir(tmp_path)
    shorter(monkeypatch, eq, "solve", episodes=2, width=8, depth=1)
    names = run_blocks("README.md", [vars(saver), {}])
    check_solvable(names["Saver"](), eq.SolveSettings(), 0)
    assert names["tighter"].model.borrowing_limit == -0.4 and (tmp_path / "mine.npz").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::equilearn.OutsideWarning")
def test_the_python_of_writing_a_model_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shorter(monkeypatch, eq, "solve", episodes=2, width=8, depth=1)
    only_called(monkeypatch, eq, "solve_many")
    several = Shares(shock=eq.Shocks(productivity=eq.AR1(0.9, 0.02), share=eq.MarkovChain(((0.9, 0.1), (0.3, 0.7)))))
    planner = Planner()
    own = {"self": several, "state": several.initial(jax.random.key(0)), "solution": exact(several)}
    asked = {"model": planner, "models": [planner], "state": planner.initial(jax.random.key(0))}
    asked |= {"solution": exact(planner), "other": exact(Planner(tax=0.1))}
    asked["simulation"] = asked["solution"].simulate(200)
    saving = {"solution": eq.solve(saver.Saver()), "Saver": saver.Saver}
    names = run_blocks("docs/models.md", [{}, own, {}, {}, asked, saving])
    assert names["near"].model.discount == 0.93
    risky = type("Risky", (), {"largest": 0.1, "shock": names["shock"]})()
    values, probabilities = names["process"](risky, names["state"], None).nodes(jnp.asarray(0))
    assert values.shape == (2,) and float(probabilities[1]) < 0.1


class Shares(Planner):
    shares: tuple[float, ...] = (0.3, 0.4)


@pytest.mark.slow
def test_the_python_of_agents_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shorter(monkeypatch, reinforcement, "train", steps=400, warmup=100, hidden=(8,))
    first, second = blocks(ROOT / "docs" / "agents.md")
    names = {}
    exec(compile(first, "agents.md", "exec"), names)
    assert (tmp_path / "cart.gif").exists() and names["trained"].agent.steps == 400
    pytest.importorskip("mctx", reason='self-play needs pip install "equilearn[games]"')
    shorter(monkeypatch, reinforcement, "self_play", steps=256, games=8, simulations=2)
    exec(compile(second.replace("400, key", "4, key"), "agents.md", "exec"), names)


@pytest.mark.slow
def test_the_recipes_run(tmp_path, monkeypatch):
    """The solutions that they ask are the exact ones, so nothing but the last recipes is learnt."""
    monkeypatch.chdir(tmp_path)
    wider = Planner(shock=eq.AR1(0.9, 0.04))
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"size": draw.normal(size=200), "place": draw.choice(["town", "sea"], 200)})
    table["price"] = 2 * table["size"] + (table["place"] == "sea")
    names = {"solution": exact(Planner()), "other": exact(wider), "eq": eq, "jnp": jnp, "__name__": "how-to"}
    *recipes, executors, own_table = blocks(ROOT / "docs" / "how-to.md")
    for block in recipes:
        exec(compile(block, "how-to.md", "exec"), names)
    assert abs(names["found"].equivalent) < 4 * names["found"].standard_error < 0.1
    assert float(names["path"].shock[-1]) == np.float32(-0.04) and names["drawn"].sizes["path"] == 200
    assert names["again"].seed == 0 and (tmp_path / "response.png").exists() and (tmp_path / "explorer.html").exists()
    assert names["table"].seed.tolist() == [0, 1]
    exec(compile(own_table, "how-to.md", "exec"), names | {"table": table, "new_table": table.drop(columns="price")})
    only_called(monkeypatch, eq, "solve_many")
    elsewhere = SimpleNamespace(submit=None, update_parameters=lambda **given: None)
    cluster = {"dask": SimpleNamespace(distributed=SimpleNamespace(Client=lambda address: elsewhere))}
    cluster |= {"submitit": SimpleNamespace(AutoExecutor=lambda folder: elsewhere), "models": [Planner()]}
    exec(
        compile(executors, "how-to.md", "exec"),
        names | cluster | {"multiprocessing": multiprocessing, "concurrent": concurrent},
    )


def test_every_page_with_python_is_run_by_a_test():
    shown = {page for page in ["README.md", *(f"docs/{page}" for page in PAGES)] if blocks(ROOT / page)}
    assert shown == {"README.md", "docs/agents.md", "docs/how-to.md", "docs/models.md", "docs/tutorial.md"}
    for page in shown:
        outside = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
        assert not re.search(r"^ {4}(from \S+ )?import ", outside, re.M), f"{page}: Python belongs into ```python"


class Parsed(Exception):  # noqa: N818
    """The command line was read to its end."""


def command_lines():
    """Yield every command line of the pages, in blocks and within sentences, without what is said about it."""
    for page in ["README.md", *(f"docs/{page}" for page in PAGES)]:
        text = re.sub(r"```python\n.*?```", "", (ROOT / page).read_text(), flags=re.S)
        lines = re.findall(
            r"^ {4}(?:pip install \S+ && |srun .*?(?=equilearn))?((?:equilearn|python -m) .*)", text, re.M
        )
        spans = re.findall(r"`((?:equilearn|python\s+-m)\s[^`]+)`", text)
        for line in [*(re.split(r" {3,}| # ", line)[0] for line in lines), *spans]:
            yield page, " ".join(line.split())


@pytest.mark.slow
def test_every_command_line_of_the_pages_is_one(tmp_path, monkeypatch, capsys):
    """Parsed by the real parser, as far as the work; NAME and N stand for any name and number."""
    from benchmarks.__main__ import PARTS

    def stop(*arguments, **given):
        raise Parsed

    def opened(folder, target=None):
        model = find(target)() if target else None
        settings = None if model is None else model.settings()
        return SimpleNamespace(model=model, settings=settings, accuracy=stop, simulate=stop)

    for module in (runs, seed_runs, agent_runs, lab_runs):
        monkeypatch.setattr(module, "begin", stop)
    monkeypatch.setattr(folders, "read_settings", stop)  # of `resume`
    monkeypatch.setattr(runs, "open_run", opened)
    monkeypatch.setattr(start, "_check", lambda solution: None)
    monkeypatch.setattr(devices, "connect", lambda **given: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "walking.py").write_text(WALK)
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "FILE.txt").write_text("To be, or not to be.")
    (tmp_path / "planner.py").write_text(blocks(ROOT / "docs" / "tutorial.md")[0])
    seen = set()
    for page, line in command_lines():
        words = line.split()
        if words[0] == "python":
            assert words[2] != "benchmarks" or set(words[3:]) <= PARTS.keys(), (page, line)
            continue
        command = words[1:]
        if len(command) == 1 and command != ["list"]:  # the name of a command, in a sentence
            assert f"  {command[0]} " in cli.USAGE, (page, line)
            continue
        any_name = {"lab": "perceptron", "solve": "growth"}.get(command[0], "")
        stands = {"NAME": any_name, "N": "30"}
        command = [stands.get(word, word) for word in command]
        if tuple(command) in seen:
            continue
        seen.add(tuple(command))
        try:
            code = cli.run(command)
        except Parsed:
            code = 0
        except SystemExit as end:
            code = end.code
        assert code == 0, (page, line, capsys.readouterr().err)
    assert len(seen) > 50


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason='needs pip install ".[docs]"')
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True)
