"""Whose a run is: a run, a checkpoint or a solution never passes for another's, and says what differs."""

import json
import random
import shutil
import subprocess
import sys
import textwrap
import warnings
import zipfile
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from saver import Saver

import equilearn as eq
from equilearn import cli, runs
from equilearn.economies import find
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.learn.files import writing
from equilearn.learn.recording import read_metrics

FEW = eq.SolveSettings(episodes=40, width=8, depth=1, check_every=20)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of the saver, in a folder of the command line."""
    folder = tmp_path_factory.mktemp("identity") / "run"
    runs.begin("brock-mirman", BrockMirman(), FEW, 3, folder, live=False)
    return folder


def copy(run, to):
    to.mkdir()
    for file in run.iterdir():
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
    return to


OTHERS = {
    "a parameter": (lambda: {"model": BrockMirman(discount=0.9)}, "discount is 0.99 there, but 0.9 here"),
    "the seed": (lambda: {"seed": 4}, "seed is 3 there, but 4 here"),
    "a setting": (lambda: {"settings": replace(FEW, width=9)}, "width is 8 there, but 9 here"),
    "episodes": (lambda: {"settings": replace(FEW, episodes=60)}, "episodes is 40 there, but 60 here"),
    "weights": (lambda: {"weights": {"euler": 2.0}}, "weights.euler is null there, but 2.0 here"),
    "balancing": (lambda: {"balancing": eq.ReLoBRaLo()}, "balancing is null there"),
    "the optimiser": (lambda: {"optimizer": optax.adam(1e-3)}, "its optimizer changed since|optimizer is SOAP there"),
    "the class": (lambda: {"model": Saver()}, "model is equilearn.economies.brock_mirman.BrockMirman there"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHERS)
def test_resuming_as_another_is_refused_and_the_difference_named(run, case, tmp_path):
    make, said = OTHERS[case]
    folder = copy(run, tmp_path / "copy")
    before = (folder / "last.npz").read_bytes()
    arguments = {"model": BrockMirman(), "settings": FEW, "seed": 3} | make()
    with pytest.raises(eq.UserError, match=f"holds another run: .*({said})"):
        eq.solve(arguments.pop("model"), folder=folder, resume=True, **arguments)
    assert (folder / "last.npz").read_bytes() == before, "nothing was trained or written"


def test_another_rate_of_the_same_optimiser_is_another_run(tmp_path):
    folder = tmp_path / "run"
    eq.solve(BrockMirman(), settings=FEW, folder=folder, optimizer=optax.adam(1e-3))
    with pytest.raises(eq.UserError, match="its optimizer changed since"):
        eq.solve(BrockMirman(), settings=FEW, folder=folder, optimizer=optax.adam(2e-3), resume=True)
    again = eq.solve(BrockMirman(), settings=FEW, folder=folder, optimizer=optax.adam(1e-3), resume=True)
    assert again.episodes == 40


def test_a_folder_with_a_run_is_not_written_over(run):
    with pytest.raises(eq.UserError, match="holds a run already; resume=True goes on with it"):
        eq.solve(BrockMirman(), settings=FEW, seed=3, folder=run)


def test_what_does_not_change_the_result_may_differ(run):
    again = eq.solve(BrockMirman(), settings=replace(FEW, checkpoint_seconds=1.0), seed=3, folder=run, resume=True)
    assert again.episodes == 40


def test_an_edited_settings_file_is_refused(run, tmp_path):
    folder = copy(run, tmp_path / "copy")
    settings = json.loads((folder / "settings.json").read_text())
    settings["model"]["discount"] = 0.9
    (folder / "settings.json").write_text(json.dumps(settings))
    result = (folder / "result.json").read_bytes()
    with pytest.raises(eq.UserError, match=r"discount is 0\.99 there, but 0.9 here"):
        runs.resume(folder, live=False)
    with pytest.raises(eq.UserError, match=r"is not of this solution: .*discount is 0\.9 there, but 0\.99 here"):
        runs.open_run(folder)
    assert (folder / "result.json").read_bytes() == result


@pytest.mark.slow
def test_settings_change_on_purpose_and_the_folder_says_so(run, tmp_path):
    folder = copy(run, tmp_path / "copy")
    runs.resume(folder, None, {"episodes": 60}, live=False)
    solution, result = runs.resume(folder, None, {"episodes": 80, "learning_rate": 1e-3}, live=False)
    assert solution.episodes == 80
    assert result["settings"]["changed"] == {"episodes": [40, 60], "learning_rate": [3e-3]}
    assert runs.resume(folder, live=False)[0].episodes == 80, "later sittings go on without saying it again"


# -- classes and their files


def model_file(folder, text="", name="mine.py", discount=0.9):
    """A file with a small model called Mine, in terms of `saver.Saver`."""
    folder.mkdir(exist_ok=True)
    body = f"""
    from saver import Saver
    {text}
    class Mine(Saver):
        discount: float = {discount}
    """
    (folder / name).write_text(textwrap.dedent(body))
    return f"{folder / name}:Mine"


def test_ones_own_class_is_never_loaded_as_the_packages(tmp_path):
    namesake = type("BrockMirman", (BrockMirman,), {"__module__": "mine"})
    path = eq.solve(namesake(), settings=FEW).save(tmp_path / "own")
    with pytest.raises(eq.UserError, match=r"BrockMirman .from mine., which is not part of this package"):
        eq.load(path)
    with pytest.raises(eq.UserError, match=r"holds a solution of mine.BrockMirman, not of equilearn.economies"):
        eq.load(path, BrockMirman)
    assert eq.load(path, namesake).model == namesake()


def test_loading_for_a_model_compares_its_parameters(run):
    assert eq.load(run, BrockMirman()).seed == 3
    with pytest.raises(eq.UserError, match=r"holds a solution of another BrockMirman: discount is 0\.99"):
        eq.load(run, BrockMirman(discount=0.98))
    for wrong in (3, "BrockMirman", eq.MarkovChain):
        with pytest.raises(eq.UserError, match="is your model's class"):
            eq.load(run, wrong)


@pytest.mark.slow
def test_a_solution_knows_the_equations_it_was_made_with(tmp_path):
    target = model_file(tmp_path, name="law.py")
    path = eq.solve(find(target)(), settings=FEW).save(tmp_path / "own")
    assert eq.load(path, find(target)).precision == "float32"
    changed = (
        "    def transition(self, state, policy, shock):\n        return self.State(shock, 0.99 * policy.savings)\n"
    )
    (tmp_path / "law.py").write_text((tmp_path / "law.py").read_text() + changed)
    with pytest.raises(eq.UserError, match=r"with other equations than law.Mine has now: its file has changed"):
        eq.load(path, find(target))


def test_a_module_beside_the_model_is_found_from_anywhere_and_is_that_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    targets = []
    for name, discount in (("one", 0.91), ("two", 0.92)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "taste.py").write_text(f"DISCOUNT = {discount}\n")
        targets.append(model_file(folder, "from taste import DISCOUNT", discount="DISCOUNT"))
    assert [find(target)().discount for target in (*targets, targets[0])] == [0.91, 0.92, 0.91]


@pytest.mark.parametrize("name", ["random", "jax", "scipy", "equilearn", "queue", "xarray"])
def test_a_file_named_like_a_library_is_refused(name, tmp_path):
    target = model_file(tmp_path, name=f"{name}.py")
    before = sys.modules.get(name)
    with pytest.raises(eq.UserError, match=f"has the name of a Python library, {name}"):
        find(target)
    assert sys.modules.get(name) is before


@dataclass(frozen=True)
class Coin(eq.Shock):
    """A shock of one's own: 0 or 1 with equal probability."""

    bias: float = 0.5

    @property
    def initial(self):
        return jnp.zeros(())

    def nodes(self, current):
        return jnp.arange(2.0), jnp.asarray([1 - self.bias, self.bias])

    def draw(self, current, *, key):
        return jax.random.bernoulli(key, self.bias).astype(jnp.float32)

    def flat(self, current, *, key):
        return self.draw(current, key=key)


class Tossing(Saver):
    """The saver with a shock of one's own."""

    shock: eq.Shock = Coin()

    def cash(self, state):
        return self.gross_return * state.assets + 0.7 + 0.6 * state.shock


@pytest.mark.slow
def test_shocks_of_ones_own_are_stored_where_the_class_has_them_and_refused_at_once_where_not(tmp_path):
    solution = eq.solve(Tossing(shock=Coin(0.4)), settings=FEW)
    assert eq.load(solution.save(tmp_path / "own"), Tossing).model.shock == Coin(0.4)
    unknown = type("Unknown", (Coin,), {})
    with pytest.raises(eq.UserError, match=r"Tossing.shock: .*'Unknown', which is not known here"):
        eq.solve(Tossing(shock=unknown()), settings=FEW)


# -- precision


PRECISIONS = """
import sys
from pathlib import Path
import jax
import numpy as np
import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman

few = eq.SolveSettings(episodes=40, width=8, depth=1, check_every=20)
solution = eq.solve(BrockMirman(), settings=few)
path = solution.save(sys.argv[1])
rate = float(solution.policy(BrockMirman.State(0.2)).savings_rate)
print(solution.precision, rate, solution.accuracy(50).errors["euler"].sum())
"""


@pytest.mark.slow
def test_solutions_load_in_both_precisions_and_compute_in_their_own(tmp_path, monkeypatch):
    import os

    made = {}
    for name, flag in (("single", "0"), ("double", "1")):
        environment = os.environ | {"JAX_ENABLE_X64": flag}
        command = [sys.executable, "-c", PRECISIONS, str(tmp_path / name)]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        made[name] = (said[0], float(said[1]), float(said[2]))
    assert {made["single"][0], made["double"][0]} == {"float32", "float64"}
    for wide in (False, True):
        with jax.enable_x64(wide):
            for name, (precision, rate, errors) in made.items():
                solution = eq.load(tmp_path / name)
                policy = solution.policy(BrockMirman.State(0.2)).savings_rate
                assert solution.precision == precision == policy.dtype.name
                assert float(policy) == rate
                assert solution.accuracy(50).errors["euler"].sum() == pytest.approx(errors, rel=1e-12)


# -- one writer, damage


WRITER = """
import sys, time
from pathlib import Path
from equilearn.learn.files import writing
with writing(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(60)
"""


def test_a_folder_has_one_writer_and_a_killed_one_blocks_nobody(run, tmp_path, capsys):
    folder = copy(run, tmp_path / "copy")
    other = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "in\n"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert cli.run(["resume", str(folder)]) == 2
    assert "another process is writing to it" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    other.kill()
    other.wait()
    other.stdout.close()
    with writing(folder), writing(folder):
        assert cli.run(["resume", str(folder)]) == 0, "its own folder a process may enter again"


@pytest.mark.parametrize("name", ["solution.npz", "last.npz"])
def test_a_flipped_bit_is_harmless_or_named(name, run, tmp_path):
    whole, rng = (run / name).read_bytes(), random.Random(1)
    exact = jax.tree.leaves(eq.load(run).policy_function)
    named = 0
    for _ in range(25):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        folder = copy(run, tmp_path / "copy")
        (folder / name).write_bytes(content)
        try:
            found = eq.load(folder) if name == "solution.npz" else eq.solve(
                BrockMirman(), settings=FEW, seed=3, folder=folder, resume=True
            )  # fmt: skip
            assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(found.policy_function), exact, strict=True))
        except eq.UserError as error:
            named += 1
            assert name in str(error) and "\n" not in str(error)
        shutil.rmtree(folder)
    assert named > 10


def test_a_damaged_best_checkpoint_does_not_block_a_whole_last_one(tmp_path):
    settings = replace(FEW, keep_best=True, episodes=80)
    eq.solve(BrockMirman(), settings=settings, folder=tmp_path / "whole")
    assert (tmp_path / "whole" / "best.npz").exists()
    (tmp_path / "whole" / "best.npz").write_bytes(b"torn")
    again = eq.solve(BrockMirman(), settings=settings, folder=tmp_path / "whole", resume=True)
    assert "The best checks before episode 80 are lost" in again.message and "best.npz" in again.message


DAMAGED = {
    "settings no JSON": ("settings.json", b"{", "cannot be read"),
    "settings binary": ("settings.json", b"\xff\xfe\x00", "cannot be read"),
    "settings a list": ("settings.json", b"[]", "is damaged"),
    "settings deep": ("settings.json", b"[" * 100_000, "cannot be read"),
    "no kind of run": ("settings.json", {"run": None}, "'run'"),
    "a kind that there is not": ("settings.json", {"run": "book"}, "'run'"),
    "another kind of run": ("settings.json", {"run": "seeds"}, "'seeds'"),
    "text for a number": ("settings.json", {"settings": {"width": "wide"}}, "width"),
    "text for a parameter": ("settings.json", {"model": {"discount": "patient"}}, "discount"),
    "a null": ("settings.json", {"settings": {"episodes": None}}, "episodes"),
    "an unknown setting": ("settings.json", {"settings": {"wdith": 3}}, "wdith"),
    "an unknown kind": ("settings.json", {"settings": {"kind": "os.system"}}, "not known here"),
    "seed as text": ("settings.json", {"seed": "three"}, "'seed'"),
    "another problem": ("settings.json", {"problem": "growth"}, "BrockMirman"),
    "no problem": ("settings.json", {"problem": 3}, "'problem'"),
    "metrics binary": ("metrics.jsonl", b"\x00\xff\n\x01\n", "metrics.jsonl: line 1 is damaged"),
    "metrics of lists": ("metrics.jsonl", b"[1]\n[2]\n", "line 1 is damaged"),
    "last empty": ("last.npz", b"", "last.npz"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_run_folders_end_in_one_message(case, run, tmp_path, capsys):
    name, content, said = DAMAGED[case]
    folder = copy(run, tmp_path / "copy")
    if isinstance(content, dict):
        whole = json.loads((folder / name).read_text())
        for part, value in content.items():
            whole[part] = whole[part] | value if isinstance(value, dict) else value
        content = json.dumps(whole).encode()
    (folder / name).write_bytes(content)
    assert cli.run(["resume", str(folder)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_torn_last_line_of_metrics_is_no_damage(run, tmp_path):
    folder = copy(run, tmp_path / "copy")
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"episode": 60, "lo')
    assert [row["episode"] for row in read_metrics(folder)] == [20, 40]


def tampered(run, path, *, arrays=None, compress=False, **header):
    """Write a saved solution with other contents."""
    with np.load(run / "solution.npz") as archive:
        content = {name: archive[name] for name in archive.files}
    meta = json.loads(content["header"].tobytes())
    for name, value in header.items():
        meta[name] = {**meta[name], **value} if isinstance(value, dict) else value
    content |= arrays or {}
    content["header"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    (np.savez_compressed if compress else np.savez)(path, **content)
    return path


TAMPERED = {
    "not finite": ({"arrays": {"0": np.full((1, 8), np.nan, np.float32)}}, "not finite"),
    "another shape": ({"arrays": {"0": np.zeros((1, 9), np.float32)}}, "but float32[1, 8] here"),
    "another type": ({"arrays": {"0": np.zeros((1, 8), np.int8)}}, "is int8[1, 8] in the file"),
    "a deep network": ({"settings": {"depth": 100_000}}, "depth"),
    "a wide network": ({"settings": {"width": 10**9}}, "width"),
    "text for a setting": ({"settings": {"width": "8"}}, "width"),
    "text for a parameter": ({"model": {"discount": "0.9"}}, "discount"),
    "a parameter more": ({"model": {"patience": 1}}, "patience"),
    "a seed of text": ({"seed": "3"}, "seed"),
    "an outcome of its own": ({"outcome": "perfect"}, "outcome"),
    "a precision of its own": ({"precision": "float16"}, "precision"),
    "another class": ({"model": {"kind": "Growth"}}, "not part of this package"),
    "no model": ({"model": "BrockMirman"}, "model|not part of this package"),
    "another format": ({"format": 99}, "another version of equilearn"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_solutions_end_in_one_message(case, run, tmp_path):
    changes, said = TAMPERED[case]
    path = tampered(run, tmp_path / "solution.npz", **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(eq.UserError) as error:
            eq.load(path)
    assert any(one in str(error.value) for one in said.split("|")) and "\n" not in str(error.value)


def test_a_bomb_is_not_inflated(run, tmp_path):
    path = tmp_path / "bomb.npz"
    tampered(run, path, arrays={"0": np.zeros((64, 1024, 1024), np.float32)}, compress=True)
    assert path.stat().st_size < 2**20 < zipfile.ZipFile(path).getinfo("0.npy").file_size
    with pytest.raises(eq.UserError, match="not a file written by equilearn"):
        eq.load(path)
