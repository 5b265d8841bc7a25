"""Several seeds: the best of them, how far they are apart, and folders that go on."""

import json
import shutil
from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest

from equilearn import cli, load, solve
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.equilibrium.problem import flatten_path
from equilearn.equilibrium.seeds import Figures, compare
from equilearn.errors import UserError
from equilearn.learn import Outcome

FLAGS = ["solve", "brock-mirman", "--episodes", "60", "--seed", "4", "--seeds", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of seeds 4 and 5."""
    folder = tmp_path_factory.mktemp("seeds") / "run"
    assert cli.run([*FLAGS, "--out", str(folder)]) in (0, 1)
    return folder


@pytest.fixture(scope="module")
def several():
    """The same from Python."""
    model = BrockMirman()
    return solve(model, seed=4, seeds=2, settings=replace(model.settings(), episodes=60), live=False)


@pytest.mark.slow
def test_a_folder_holds_every_seed_and_the_best_of_them(folder, several):
    result = json.loads((folder / "result.json").read_text())
    assert result["seeds"]["seeds"] == [4, 5] and result["seeds"]["best"] == several.seed
    assert result["seeds"]["agree"] is True and result["seeds"]["line"] in result["notes"]
    best = load(folder)
    assert best.seed == several.seed
    states = flatten_path(best.states(50))
    np.testing.assert_array_equal(best.policy(states).savings_rate, several.policy(states).savings_rate)
    for seed in (4, 5):
        one = json.loads((folder / f"seed-{seed}" / "result.json").read_text())
        assert one["settings"]["seed"] == seed
    assert "explained" in (folder / "report.html").read_text()
    assert cli.run(["evaluate", str(folder), "--periods", "50"]) == 0


@pytest.mark.slow
def test_interrupted_after_the_first_seed_it_goes_on_to_the_same_end(folder, tmp_path, capsys):
    killed = tmp_path / "run"
    shutil.copytree(folder, killed)
    shutil.rmtree(killed / "seed-5")
    for name in ("solution.npz", "result.json", "report.html"):
        (killed / name).unlink()
    assert cli.run(["evaluate", str(killed)]) == 2 and "has no solution yet" in capsys.readouterr().err
    assert cli.run(["resume", str(killed)]) in (0, 1)
    for inside in (".", "seed-5"):
        with np.load(folder / inside / "solution.npz") as a, np.load(killed / inside / "solution.npz") as b:
            assert all(a[key].tobytes() == b[key].tobytes() for key in a.files if key != "header")
    apart = [json.loads((one / "result.json").read_text())["seeds"]["apart"] for one in (folder, killed)]
    assert apart[0] == apart[1]
    assert cli.run(["resume", str(killed), "--episodes", "90"]) == 2
    assert "go on with other settings in the folder of each seed" in capsys.readouterr().err
    assert cli.run([*FLAGS, "--out", str(killed)]) == 2 and "holds a run already" in capsys.readouterr().err
    for seed in (4, 5):  # the best of them, whichever, has other settings than the first command gave
        assert cli.run(["resume", str(killed / f"seed-{seed}"), "--episodes", "70"]) in (0, 1)
    assert cli.run(["resume", str(killed)]) in (0, 1)
    assert cli.run(["evaluate", str(killed), "--periods", "50"]) == 0


@pytest.mark.slow
def test_a_folder_whose_seeds_are_not_its_own_is_refused(folder, tmp_path, capsys):
    other = tmp_path / "run"
    shutil.copytree(folder, other)
    shutil.rmtree(other / "seed-5")
    shutil.copytree(other / "seed-4", other / "seed-5")
    assert cli.run(["resume", str(other)]) == 2
    assert "seed-5: is not of these seeds" in capsys.readouterr().err
    settings = json.loads((other / "settings.json").read_text())
    (other / "settings.json").write_text(json.dumps(settings | {"seeds": "two"}))
    assert cli.run(["resume", str(other)]) == 2 and "is damaged" in capsys.readouterr().err


@pytest.mark.slow
def test_policies_further_apart_than_their_estimates_explain_are_named(several):
    seeds = several.seeds
    assert seeds.agree and "say the same" in str(seeds)
    row = seeds.rows()["savings_rate"]
    assert 0 < row["mean"] <= row["explained"] and row["mean"] <= row["99.9"] <= row["max"]
    best = seeds.solutions[seeds.best]
    moved = eqx.tree_at(lambda f: f.network.biases[-1], best.policy_function, replace_fn=lambda b: b + 0.05)
    other = replace(best, policy_function=moved, seed=9)
    found = compare([best, other], [seeds.figures[seeds.best]] * 2)
    assert found.agree is False and "FURTHER APART" in found.line()


@pytest.mark.slow
def test_a_seed_that_diverged_or_has_no_estimates_is_never_agreed_with(several):
    seeds = several.seeds
    best, figures = seeds.solutions[seeds.best], seeds.figures[seeds.best]
    lost = replace(best, outcome=Outcome.DIVERGED, seed=9)
    found = compare([lost, best, replace(best, seed=8)], [figures] * 3)
    assert found.best == 1 and found.agree is True and "seed 9 stopped being finite: not compared" in found.line()
    alone = compare([best, lost], [figures] * 2)
    assert alone.agree is None and "nothing to compare it with" in alone.line()
    blind = compare(
        [best, replace(best, seed=8), replace(best, seed=9)], [figures, figures, Figures(figures.euler, None)]
    )
    assert blind.agree is None and "without estimates" in blind.line()
    with pytest.raises(UserError, match="every one stopped being finite"):
        compare([lost, lost], [figures] * 2)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [(1, "between 2 and 100 seeds"), ((3, 3), "different seeds"), ((0, -1), "seed")],
)
def test_wrong_seeds_are_refused(seeds, said):
    with pytest.raises(UserError, match=said):
        solve(BrockMirman(), seeds=seeds)  # pyright: ignore[reportArgumentType]
