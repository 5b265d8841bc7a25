"""Agents from the command line: run folders, resuming after SIGKILL, environments of one's own, what is refused."""

import json
import random
import re
import signal
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forking import start
from PIL import Image

from equilearn import cli
from equilearn.errors import UserError
from equilearn.learn import driver
from equilearn.learn.driver import LAST
from equilearn.reinforcement import DQN, load, train
from equilearn.reinforcement.deep_q import DeepQ

QUICK = ["--steps", "4000", "--warmup", "200", "--hidden", "16", "--checks", "20", "--check-games", "3"]
COMMAND = ["train", "dqn", "CartPole-v1", *QUICK, "--checkpoint-seconds", "0", "--seed", "5"]
OWN = '''
"""A walk on a line: to the right is right."""

import dataclasses

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from equilearn.reinforcement import Environment, Step


@dataclasses.dataclass(frozen=True)
class Walk(Environment):
    limit: int = 20

    @property
    def observation_space(self):
        return gymnasium.spaces.Box(-10, 10, (1,), np.float32)

    @property
    def action_space(self):
        return gymnasium.spaces.Discrete(2)

    def start(self, key):
        return jax.random.uniform(key, (1,))

    def observe(self, state):
        return state

    def step(self, state, action, *, key):
        new = state + jnp.where(action == 1, 0.5, -0.5)
        return Step(new, (new - state)[0], new[0] > 4)


class Broken(Walk):
    def step(self, state, action, *, key):
        return Step(state[0], 1.0, state[0] > 4)


class Failing(Walk):
    def start(self, key):
        raise RuntimeError("no such place")


class Other:
    pass
'''


@pytest.fixture(scope="module")
def run(like_other_processes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("training") / "cart"
    assert cli.run([*COMMAND, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    file = tmp_path_factory.mktemp("own") / "walking.py"
    file.write_text(OWN)
    return file


@pytest.mark.slow
def test_a_training_leaves_settings_figures_and_the_agent(run):
    assert {path.name for path in run.iterdir()} == {
        ".lock", "settings.json", "result.json", "metrics.jsonl", "tensorboard", "last.npz", "best.npz", "agent.npz",
        "figures", "report.html",
    }  # fmt: skip
    result = json.loads((run / "result.json").read_text())
    assert result["problem"] == "DQN on CartPole-v1" and result["environment_steps"] == 3912
    assert result["settings"]["settings"]["hidden"] == [16] and result["settings"]["seed"] == 5
    trained = load(run / "agent.npz")
    assert isinstance(trained.agent, DQN) and trained.agent.steps == 4000
    returns = trained.returns(100, seed=10_005)
    assert result["returns"]["mean"] == pytest.approx(returns.mean())
    assert result["returns"]["half_width"] == pytest.approx(1.984 * returns.std(ddof=1) / 10, rel=1e-3)
    assert 15 < result["returns"]["at_random"] < 30


def test_the_page_shows_the_curve_and_a_game_and_needs_nothing_else(run):
    page = (run / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert page.count("data:image/png;base64,") == 1 and page.count("data:image/gif;base64,") == 1
    with Image.open(run / "figures" / "a-game.gif") as film:
        assert film.n_frames > 10 and len({film.seek(i) or film.tobytes() for i in range(10)}) > 5, "it moves"


def test_going_on_with_a_finished_training_changes_nothing(run):
    before = (run / "agent.npz").read_bytes(), (run / "metrics.jsonl").read_bytes()
    assert cli.run(["resume", str(run)]) == 0
    assert ((run / "agent.npz").read_bytes(), (run / "metrics.jsonl").read_bytes()) == before


def test_agents_are_listed(capsys):
    assert cli.run(["list"]) == 0
    output = capsys.readouterr().out
    for name in ("dqn", "pqn", "reinforce", "ppo", "ddpg", "tabular"):
        assert re.search(rf"^  {name} +\w", output, re.M)
    with pytest.raises(SystemExit) as end:
        cli.run(["train", "dqn", "--help"])
    assert end.value.code == 0 and "--target-every" in capsys.readouterr().out


@pytest.mark.slow
def test_killed_at_any_moment_a_training_ends_bit_for_bit_where_the_whole_one_ends(run, tmp_path):
    """Once just after a checkpoint, once anywhere; replay, target network and games under way are among the arrays."""
    killed, moments = tmp_path / "killed", random.Random(0)
    kills = 0
    for kill in range(2):
        command = ["resume", str(killed)] if kill else [*COMMAND, "--out", str(killed)]
        process = start(*command)
        last, began = killed / LAST, None
        while process.poll() is None and began is None:
            now = last.stat().st_mtime_ns if last.exists() else 0
            seen = locals().get("seen", now) or now
            began = now if now and now != seen else None
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.3) if kill else 0)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        del seen
    assert kills == 2
    with np.load(killed / LAST) as cut, np.load(run / LAST) as whole:
        assert any(cut[name].tobytes() != whole[name].tobytes() for name in whole.files), "it had not come to its end"
    assert cli.run(["resume", str(killed)]) == 0
    with np.load(killed / LAST) as ended, np.load(run / LAST) as whole:
        names = [name for name in whole.files if name != "header"]
        assert max(whole[name].size for name in names) == 50_000 * 4, "the replay"
        assert [name for name in ended.files if name != "header"] == names
        for name in names:
            assert ended[name].tobytes() == whole[name].tobytes()
    lines = [(one / "metrics.jsonl").read_text().splitlines() for one in (run, killed)]
    rows = [[json.loads(line) | {"seconds": 0} for line in some] for some in lines]
    assert rows[0] == rows[1]
    results = [json.loads((one / "result.json").read_text())["returns"] for one in (run, killed)]
    assert results[0] == results[1]


def test_on_the_host_all_but_the_games_comes_back(tmp_path, monkeypatch):
    """Networks, optimiser, replay, target network, counters: bit for bit. The games begin anew."""
    agent, where = DQN(steps=2_000, warmup=200, hidden=(16,), check_games=2, checks=8), {"on_host": True, "live": False}
    calls, finished, generate = [], driver._Sitting._finished, DeepQ.generate

    def stop(self):
        calls.append(self)
        if len(calls) == 3:
            self._save(LAST)
            raise KeyboardInterrupt
        return finished(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(driver._Sitting, "_finished", stop)
        train(agent, "CartPole-v1", folder=tmp_path, **where)
    saved = calls[-1].state
    before, after = [], []

    def look(self, networks, world, *, key):
        before.append((networks, jax.tree.map(jnp.copy, world)))
        after.append(generate(self, networks, world, key=key)[1])
        raise KeyboardInterrupt

    monkeypatch.setattr(DeepQ, "generate", look)
    with pytest.raises(KeyboardInterrupt):
        train(agent, "CartPole-v1", folder=tmp_path, resume=True, **where)
    with np.load(tmp_path / LAST) as file:
        paths = json.loads(file["header"].tobytes())["paths"]
        kept = {path: file[str(i)] for i, path in enumerate(paths)}
    leaves = jax.tree_util.tree_leaves_with_path(
        eqx.filter({"networks": before[0][0], "world": before[0][1]}, eqx.is_array)
    )
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path)
        np.testing.assert_array_equal(
            leaf, kept[name.replace("['networks']", ".networks").replace("['world']", ".world")]
        )
    assert int(saved.world.actors.elapsed.max()) > 0, "games were under way"
    row, rounds = int(before[0][1].memory.replay.row), agent.round
    new = after[0].memory.replay.content
    assert (np.abs(np.asarray(new.observation[row])) <= 0.05).all(), "they have begun anew"
    np.testing.assert_array_equal(new.observation[:row], before[0][1].memory.replay.content.observation[:row])
    assert int(after[0].played) == int(before[0][1].played) + rounds * agent.games


@pytest.mark.slow
def test_an_environment_of_ones_own_is_learnt_and_a_folder_never_says_which_code_to_run(own, tmp_path, capsys):
    target, folder = f"{own}:Walk", tmp_path / "walk"
    assert cli.run(["train", "dqn", target, *QUICK, "--out", str(folder)]) == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["returns"]["mean"] > 3.3 > 1 > result["returns"]["at_random"], "from 0.5 to 4 and beyond"
    assert "Walk: has no picture of itself" in (folder / "report.html").read_text()
    capsys.readouterr()
    assert cli.run(["resume", str(folder)]) == 2
    assert "an environment of one's own; add --model path/to/environment.py:Walk." in capsys.readouterr().err
    assert cli.run(["resume", str(folder), "--model", target]) == 0
    with pytest.raises(UserError, match="an environment of one's own; give it"):
        load(folder / "agent.npz")


def test_another_environment_of_the_same_name_is_not_gone_on_with(own, tmp_path, capsys):
    folder, file = tmp_path / "walk", tmp_path / "strolling.py"
    assert cli.run(["train", "dqn", f"{own}:Walk", *QUICK, "--out", str(folder)]) == 0
    file.write_text(OWN.replace("new[0] > 4", "new[0] > 5"))
    assert cli.run(["resume", str(folder), "--model", f"{file}:Walk"]) == 2
    assert "holds another run: its rules changed since" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "give an agent's AGENT first"),
        (["train", "dqm", "CartPole-v1"], "dqm: no such agent; there are dqn, pqn"),
        (["train", "dqn"], "give an environment's WHERE first"),
        (["train", "dqn", "CartPol-v1"], "CartPol-v1: Gymnasium cannot make it"),
        (["train", "dqn", "Pendulum-v1"], "Pendulum-v1: its actions are continuous"),
        (["train", "ddpg", "CartPole-v1"], "CartPole-v1: its actions are a few to choose from"),
        (["train", "tabular", "CartPole-v1"], "CartPole-v1: "),
        (["train", "dqn", "CartPole-v1", "--steps", "0"], "DQN: steps must be at least 1"),
        (["train", "dqn", "CartPole-v1", "--seed", "-1"], "seed"),
        (["train", "dqn", "minatar-pong"], "minatar-pong: MinAtar has no such game"),
        (["train", "dqn", "nowhere.py:Walk"], "nowhere.py: no such file"),
        (["train", "dqn", "OWN"], "say which class of the file"),
        (["train", "dqn", "OWN:Run"], "has no class Run"),
        (["train", "dqn", "OWN:Other"], "Other is no equilearn.reinforcement.Environment"),
        (["train", "dqn", "OWN:Broken"], "Broken: its step returns another state than its start"),
        (["train", "dqn", "OWN:Failing"], "Failing: its start raises RuntimeError: no such place"),
        (["train", "dqn", "CartPole-v1", "--out", "RUN"], "holds a run already"),
        (["resume", "RUN", "--episodes", "9"], "is an agent's training, which goes on as it was begun"),
        (["resume", "RUN", "--model", "OWN:Walk"], "leave --model out"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_before_anything_is_written(
    run, own, tmp_path, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    given = [one.replace("OWN", str(own)).replace("RUN", str(run)) for one in arguments]
    assert cli.run(given) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value"),
    [("agent", "sarsa"), ("agent", 3), ("settings", {"stepz": 1}), ("settings", {"steps": -1}), ("seed", "0")],
)
def test_damaged_settings_are_named(run, tmp_path, capsys, name, value):
    content = json.loads((run / "settings.json").read_text()) | {name: value}
    (tmp_path / "settings.json").write_text(json.dumps(content))
    assert cli.run(["resume", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "settings.json") in error and error.count("\n") == 1
