"""The command line as a user meets it: run folders, resuming after SIGKILL, models of one's own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import equilearn as eq
from equilearn import cli, economies

EXAMPLES = Path(__file__).parents[1] / "examples"
COMMAND = [sys.executable, "-m", "equilearn"]
QUICK = ["--episodes", "100", "--width", "8", "--depth", "1"]


def test_list_names_every_economy(capsys):
    assert cli.run(["list"]) == 0
    output = capsys.readouterr().out
    for name in ("olg", "analytic-olg", "brock-mirman", "growth"):
        assert re.search(rf"^  {name} +\w", output, re.M)


def test_listing_imports_nothing_slow():
    code = "import sys; from equilearn.cli import run; run(['list']); assert not {'jax', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "six"
    flags = ["--generations", "6", "--borrowing-limit", "-0.1", "--seed", "3", "--out", str(folder)]
    assert cli.run(["solve", "olg", *flags, *QUICK]) == 0
    return folder


def test_every_economy_is_imported_by_its_class():
    for place in economies.ECONOMIES.values():
        name = place.partition(":")[2]
        assert name in economies.__all__ and getattr(economies, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Olg'"):
        economies.Olg  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
def test_a_run_folder_holds_what_it_should(run):
    names = {path.name for path in run.iterdir()}
    assert names == {
        ".lock", "settings.json", "result.json", "metrics.jsonl", "tensorboard", "last.npz",
        "solution.npz", "figures", "report.html", "explorer.html",
    }  # fmt: skip
    assert any((run / "tensorboard").iterdir())
    result = json.loads((run / "result.json").read_text())
    assert result["problem"] == "olg" and result["outcome"] == "exhausted"
    assert result["episodes"] == 100 and result["gradient_steps"] == 800 and result["seconds"] > 0
    assert set(result["accuracy"]["euler"]) == {"mean", "max", "0.1", "10", "50", "90", "99", "99.9"}
    assert result["settings"]["model"]["generations"] == 6
    assert result["settings"]["model"]["borrowing_limit"] == -0.1
    assert result["settings"]["seed"] == 3
    assert {"python", "jax", "equilearn"} <= result["versions"].keys()


def test_the_report_is_self_contained_and_says_whether_to_trust(run):
    page = (run / "report.html").read_text()
    assert "Not accurate enough" in page
    assert not re.search(r"""(src|href)=["'](?!data:|explorer\.html")""", page)
    figures = {path.name for path in (run / "figures").iterdir()}
    assert len(figures) == 11
    assert page.count("data:image/png;base64,") == 11


@pytest.mark.slow
def test_evaluate_and_simulate_use_the_saved_parameters(run, capsys):
    assert cli.run(["evaluate", str(run), "--periods", "50", "--burn-in", "10"]) == 0
    assert capsys.readouterr().out.strip() == str(eq.load(run).accuracy(50, burn_in=10)).strip()
    assert cli.run(["simulate", str(run), "--periods", "30", "--burn-in", "10"]) == 0
    import xarray as xr

    with xr.open_dataset(run / "simulation.nc", engine="scipy") as path:
        assert path.capital.shape == (30, 6)
    (run / "simulation.nc").unlink()


def test_resuming_a_finished_run_changes_nothing(run):
    before = (run / "solution.npz").read_bytes()
    assert cli.run(["resume", str(run)]) == 0
    assert (run / "solution.npz").read_bytes() == before


@pytest.mark.slow
def test_a_users_own_model_is_solved_with_the_same_command(tmp_path):
    target, folder = f"{EXAMPLES / 'saver.py'}:Saver", tmp_path / "own"
    assert cli.run(["solve", target, "--discount", "0.9", "--out", str(folder), *QUICK]) == 0
    stored = json.loads((folder / "result.json").read_text())
    assert stored["problem"] == "Saver" and stored["settings"]["model"]["discount"] == 0.9
    assert cli.run(["evaluate", str(folder)]) == 2, "a folder never says which code to run"
    assert cli.run(["evaluate", str(folder), "--model", target, "--periods", "20"]) == 0
    assert cli.run(["resume", str(folder), "--model", target]) == 0


def test_importing_computes_nothing():
    code = (
        "import equilearn.economies.olg, equilearn.economies.growth, equilearn.runs;"
        "from jax._src import xla_bridge; assert not xla_bridge._backends"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
