"""Some three hundred wrong inputs, each of which ends in one message: none in a traceback, none swallowed.

Flags and model files go through the command line in this process (exit code 2), calls from Python raise `UserError`.
Damaged run folders and tampered solutions: `test_identity.py`.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from saver import Saver

import equilearn as eq
from equilearn import cli
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate import Climate
from equilearn.economies.growth import Growth
from equilearn.economies.irbc import IRBC
from equilearn.economies.olg import OLG
from equilearn.learn import LearnSettings
from equilearn.reinforcement import DDPG, DQN, PPO, PQN, load, train
from equilearn.supervised import classification_metrics, confusion_matrix, fit, regression_metrics, split

COUNTS = ("episodes", "epochs", "batch-size", "check-every", "patience", "width", "paths", "periods", "check-periods")
REALS = (
    "seconds",
    "learning-rate",
    "weight-decay",
    "tail",
    "steepness",
    "exploration",
    "restart",
    "checkpoint-seconds",
)
FLAGS = [
    *(f"solve brock-mirman --{name} {value}" for name in COUNTS for value in ("0", "-1", "1.5", "nan", "many", 10**20)),
    *(f"solve brock-mirman --{name} {value}" for name in REALS for value in ("nan", "inf", "-1", "much")),
    *(f"solve brock-mirman --depth {value}" for value in ("-1", "0.5", "100000", "deep")),
    *(f"solve brock-mirman --seed {value}" for value in ("-1", "1.5", "nan", 2**32, "lucky")),
    *(f"solve brock-mirman --seeds {value}" for value in ("0", "1", "101", "1.5", "nan")),
    *(f"solve brock-mirman --{name} {value}" for name in ("discount", "capital-share") for value in ("nan", "x")),
    *(f"solve olg --generations {value}" for value in ("1", "0", "-60", "6.5", 10**9, "sixty")),
    *(f"solve olg --borrowing-limit {value}" for value in ("0.5", "nan", "-inf", "low")),
    *(f"solve olg --discount {value}" for value in ("0", "-1", "nan", "inf")),
    *(f"solve olg --risk-aversion {value}" for value in ("0", "-2", "nan", "inf")),
    *(f"solve olg --capital-share {value}" for value in ("0", "1", "-0.3", "nan")),
    *(f"solve olg --productivity {value}" for value in ("1", "1 1 1", "1 1 1 -1", "1 1 1 nan", "1 1 1 one")),
    *(f"solve olg --depreciation {value}" for value in ("0.5", "0.5 0.5 0.5 1.5", "0.5 0.5 0.5 nan")),
    *(f"solve olg-bond --{flag}" for flag in ("generations 2", "adjustment 0", "discount nan", "depreciation 1 1 1 1")),
    *(f"solve analytic-olg --{flag}" for flag in ("generations 1", "productivity 1", "depreciation 0.5")),
    *(f"solve growth --{flag}" for flag in ("discount nan", "depreciation inf", "capital-share x")),
    *(f"solve irbc --{flag}" for flag in ("countries 0", "countries 1.5", "discount 1", "least-ies 2", "depreciation 0",
                                          "persistence 1.5", "persistence nan", "innovation-std -1")),
    *(f"solve continuum --{flag}" for flag in ("stay 1", "points 3", "risk-aversion 1", "income 1 1", "levels 0 1",
                                               "most-assets nan")),
    *(f"solve climate --{flag}" for flag in ("carbon-cycle cmip", "temperature hot", "ies 1", "ies nan",
                                             "climate-sensitivity -1", "damage inf", "time-preference x")),
    *(f"solve search --{flag}" for flag in ("discount 2", "benefit 1", "matching 0", "cost-labour -1")),
    *(f"solve new-keynesian --{flag}" for flag in ("discount 1", "target 0", "substitution 1", "adjustment -1")),
    *(f"solve buffer-stock --{flag}" for flag in ("discount 0.99", "risk-aversion 0", "gross-return -1")),
    *(f"solve krusell-smith --{flag}" for flag in ("benefit 0.5", "points 5", "spell 0.5 1.5", "unemployment 0 0.04")),
    *(f"solve growth --sampled-nodes {number}" for number in ("3", "-2", "x")),
    *(f"solve growth --uncertain {text}" for text in ("discount", "discount=0.9", "discount=0.99:0.9", "patience=0:1",
                                                      "discount=a:b", "discount=0.9:nan", "discount=0.9:0.9")),
    "solve", "solve --episodes 3", "solve olgg", "sovle olg", "solve olg extra", "solve olg --episode 3",
    "solve olg --seconds", "solve {tmp}/nowhere.py:Model", "solve {tmp}/empty.py", "solve {tmp}/empty.py:Model",
    "solve {tmp}:Model", "solve {tmp}/text.txt:Model", "solve brock-mirman --out {tmp}/text.txt",
    "solve brock-mirman --out {tmp}/text.txt/inside", "solve brock-mirman --out {tmp}/{long}",
    "solve brock-mirman --width 60000 --depth 900", "solve brock-mirman --paths 9000000 --periods 9000000",
    "resume", "resume {tmp}", "resume {tmp}/nowhere", "resume {tmp}/text.txt", "resume {tmp} --episode 3",
    "evaluate", "evaluate {tmp}", "evaluate {tmp}/text.txt", "evaluate {tmp}/nowhere", "simulate", "simulate {tmp}",
    "list all", "lab", "lab genze", "lab --seeds 3", "--rank", "--rank one list", "--processes 2 list",
    "--coordinator nowhere --processes 2 --rank 0 list", "--coordinator localhost:1 --processes 2 --rank 2 list",
    "--coordinator localhost:99999 --processes 2 --rank 1 list",
    *(f"evaluate {{run}} --{flag}" for flag in ("periods 0", "periods -5", "periods 1.5", "burn-in -1", "seed -1",
                                                "seed x", "model {tmp}/nowhere.py:M", "periods 100000000000000")),
    *(f"simulate {{run}} --{flag}" for flag in ("periods 0", "paths 0", "paths -1", "burn-in -3", "seed 1.5",
                                                "out {tmp}/nowhere/x.nc", "paths 1000000000000")),
    *(f"resume {{run}} --{flag}" for flag in ("episodes 0", "episodes x", "learning-rate nan", "learning-rate -1",
                                              "seconds 0", "seconds inf")),
    *(f"lab {flag}" for flag in ("perceptron --seeds 0", "perceptron --rate nan", "perceptron --iterations -1",
                                 "genz --dimensions 0", "genz --points 10 -1", "genz --steps 1.5", "genz --seeds many",
                                 "gradients --depth 0", "gradients --width x", "dimension --largest 0",
                                 "regression --samples 0", "regression --rate inf", "overfitting --noise nan",
                                 "approximation --samples -1", "tabular --layout 2016",
                                 "carbon-tax --variants CMIP", "forecast --series ozon",
                                 "forecast --cell gated", "text --data shakspere",
                                 "text --data {tmp}/no.txt", "text --data {tmp}/empty.py", "text --temperatures 0",
                                 "text --order 0", "translate --largest 100", "translate --largest 20000",
                                 "translate --pairs 3", "sentiment --splits 1",
                                 "memory --gaps 0", "similar --series ozone",
                                 "similar --series ozone ozone", "similar --window 400", "similar --series a b",
                                 "sentiment --cell attention",
                                 "forecast --hidden 0", "forecast --series {tmp}/no.csv:x",
 "carbon-tax --draws 3", "landscape --points 0",
                                 "borrowing --limits 1",
                                 "borrowing --limits nan", "borrowing --paths 0", "mlp --seeds -1")),
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a small network."""
    folder = tmp_path_factory.mktemp("bad") / "run"
    flags = ["--episodes", "20", "--check-every", "10", "--width", "8", "--depth", "1", "--out", str(folder)]
    assert cli.run(["solve", "brock-mirman", *flags]) == 0
    return folder


def refused(arguments, capsys):
    """Return what a command said, which must be one message and exit code 2."""
    capsys.readouterr()
    try:
        code = cli.run(arguments)
    except SystemExit as exit_:
        code = exit_.code
    output = capsys.readouterr()
    assert code == 2, output.out
    assert "Traceback" not in output.err
    framed = "full helptext" in output.err + output.out  # what the parser of flags says, with the flag's help
    assert framed or output.err.count("\n") == 1, output.err
    return output.err


@pytest.mark.parametrize("command", FLAGS)
def test_wrong_flags_end_in_one_message(command, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").touch()
    (tmp_path / "text.txt").write_text("text")
    before = {path: path.stat().st_mtime_ns for path in (*tmp_path.iterdir(), *run.iterdir())}
    filled = command.format(tmp=tmp_path, run=run, long="a" * 300)
    refused(filled.split(), capsys)
    after = {path: path.stat().st_mtime_ns for path in (*tmp_path.iterdir(), *run.iterdir())}
    assert {path for path in after.keys() - before.keys() if path.name != ".lock"} == set(), "nothing is left lying"
    assert all(after[path] == before[path] for path in before)


HEAD = """
from typing import NamedTuple
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
import equilearn as eq
from saver import Saver
"""
MODELS = {
    "a syntax error": "class Mine(Saver:\n    pass",
    "an import that fails": "import nothing_of_this_name\nclass Mine(Saver):\n    pass",
    "an exit": "raise SystemExit(3)",
    "an error on import": "1 / 0",
    "another class": "class Yours(Saver):\n    pass",
    "no model": "class Mine:\n    pass",
    "no class": "Mine = 3",
    "an untyped parameter": "class Mine(Saver):\n    discount = 0.9",
    "a parameter without a default": "class Mine(Saver):\n    tax: float",
    "text for a number": "class Mine(Saver):\n    discount: float = 'patient'",
    "not a number": "class Mine(Saver):\n    discount: float = float('nan')",
    "a function as a parameter": "class Mine(Saver):\n    utility: object = jnp.log",
    "a dictionary as a parameter": "class Mine(Saver):\n    table: dict = {}",
    "a flag's name": "class Mine(Saver):\n    seed: float = 0.5",
    "a setting's name": "class Mine(Saver):\n    width: float = 0.5",
    "a state's name twice": (
        "class Mine(Saver):\n    def definitions(self, state, policy):\n        return {'assets': state.assets}"
    ),
    "a policy's name twice": (
        "class Mine(Saver):\n    def definitions(self, state, policy):\n        return {'savings': policy.savings}"
    ),
    "too short an array": "class Mine(Saver):\n    income: tuple[float, ...] = (1.0,)",
    "too long an array": "class Mine(Saver):\n    income: tuple[float, ...] = (0.7, 1.3, 1.5)",
    "a chain of three": "class Mine(Saver):\n    shock: eq.MarkovChain = eq.MarkovChain(((0.5, 0.25, 0.25),) * 3)",
    "rows that do not sum to one": "class Mine(Saver):\n    shock: eq.MarkovChain = eq.MarkovChain(((0.9, 0.2),) * 2)",
    "a chain that is not square": "class Mine(Saver):\n    shock: eq.MarkovChain = eq.MarkovChain(((0.5, 0.5),))",
    "a number as shock": "class Mine(Saver):\n    shock: object = 0.3",
    "the old shock": (
        "class Mine(Saver):\n    def transition(self, state, policy, shock):\n"
        "        return self.State(state.shock, policy.savings)"
    ),
    "a constant shock": (
        "class Mine(Saver):\n    def transition(self, state, policy, shock):\n"
        "        return self.State(jnp.int32(0), policy.savings)"
    ),
    "nothing after today": "class Mine(Saver):\n    def transition(self, state, policy, shock):\n        return None",
    "swapped fields": (
        "class Mine(Saver):\n    def transition(self, state, policy, shock):\n"
        "        return self.State(policy.savings, shock)"
    ),
    "initial of another kind": "class Mine(Saver):\n    def initial(self, key):\n        return (0, 1.0)",
    "initial raises": "class Mine(Saver):\n    def initial(self, key):\n        raise ValueError('no')",
    "initial not finite": (
        "class Mine(Saver):\n    def initial(self, key):\n        return self.State(self.shock.initial, jnp.inf)"
    ),
    "impossible policies": (
        "class Mine(Saver):\n    def policies(self, state):\n"
        "        return {'savings': eq.Complement(0.0, 5 * self.cash(state))}\n"
        "    def errors(self, state, policy, expect):\n"
        "        c = self.cash(state) - policy.savings\n"
        "        return {'euler': jnp.log(c) + policy.multiplier}"
    ),
    "an empty set": (
        "class Mine(Saver):\n    def policies(self, state):\n        return {'savings': eq.Complement(9.0, 0.5)}"
    ),
    "no sets": "class Mine(Saver):\n    def policies(self, state):\n        return {}",
    "a set too many": (
        "class Mine(Saver):\n    def policies(self, state):\n"
        "        return super().policies(state) | {'tax': eq.Real()}"
    ),
    "no errors": "class Mine(Saver):\n    def errors(self, state, policy, expect):\n        return {}",
    "errors as a number": "class Mine(Saver):\n    def errors(self, state, policy, expect):\n        return 0.0",
    "errors misspelt": "class Mine(Saver):\n    def errors(self, s, p, expect):\n        return {'e': p.s}",
    "errors not finite": (
        "class Mine(Saver):\n    def errors(self, s, p, expect):\n        return {'e': jnp.log(-1 - p.savings)}"
    ),
    "features no vector": "class Mine(Saver):\n    def features(self, state):\n        return state.assets",
    "features raise": "class Mine(Saver):\n    def features(self, state):\n        return state.wealth[None]",
    "no definitions": "class Mine(Saver):\n    def definitions(self, state, policy):\n        return None",
    "definitions of text": "class Mine(Saver):\n    def definitions(self, s, p):\n        return {'a': 'text'}",
    "definitions raise": "class Mine(Saver):\n    def definitions(self, state, policy):\n        return {'a': state.b}",
    "no coordinates": "class Mine(Saver):\n    def coordinates(self):\n        return None",
    "coordinates raise": "class Mine(Saver):\n    def coordinates(self):\n        return 1 / 0",
    "no settings": "class Mine(Saver):\n    def settings(self):\n        return None",
    "settings of another kind": "class Mine(Saver):\n    def settings(self):\n        return {'episodes': 3}",
    "settings raise": "class Mine(Saver):\n    def settings(self):\n        return eq.SolveSettings(episodes=0)",
    "no requirements": "class Mine(Saver):\n    def required(self):\n        return None",
    "a requirement of nothing": (
        "class Mine(Saver):\n    def required(self):\n        return (eq.Target('eulr', mean=1.0),)"
    ),
    "no figures": "class Mine(Saver):\n    def figures(self, solution, simulation, errors):\n        return None",
    "figures raise": "class Mine(Saver):\n    def figures(self, solution, simulation, errors):\n        return 1 / 0",
}


@pytest.mark.parametrize("case", MODELS)
def test_wrong_model_files_end_in_one_message_before_the_training(case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine_own.py"
    file.write_text(HEAD + textwrap.dedent(MODELS[case]) + "\n")
    said = refused(["solve", f"{file}:Mine", "--episodes", "2", "--out", str(tmp_path / "run")], capsys)
    assert re.search(r"mine_own\.py|Mine|Saver|MarkovChain", said), said
    assert not (tmp_path / "run").exists(), "found before anything is written"


FEW = eq.SolveSettings(episodes=2, width=4, depth=1)
ONE = np.random.default_rng(0).normal(size=(40, 2))
CALLS = {
    "an agent's steps that are no number": lambda s: DQN(steps=float("nan")),
    "an agent's layers of text": lambda s: DQN(hidden=("many",)),
    "an agent's one layer": lambda s: PPO(hidden=64),
    "an agent's discount of text": lambda s: PPO(discount="0.9"),
    "half an agent's game": lambda s: DDPG(games=2.5),
    "an agent's exploration that is one number": lambda s: PQN(exploration=0.1),
    "an agent that is a class": lambda s: train(DQN, "CartPole-v1"),
    "an environment that is a number": lambda s: train(DQN(), 3),
    "an agent from no file": lambda s: load("nowhere.npz"),
    "an agent from a solution": lambda s: load(Path(sys.argv[1]) / "solution.npz"),
    "a seed of an agent that is text": lambda s: train(DQN(), "CartPole-v1", seed="one"),
    "solve a class": lambda s: eq.solve(BrockMirman),
    "solve a number": lambda s: eq.solve(3),
    "solve text": lambda s: eq.solve("olg"),
    "settings of another kind": lambda s: eq.solve(BrockMirman(), settings={"episodes": 3}),
    "settings of the loop": lambda s: eq.solve(BrockMirman(), settings=LearnSettings()),
    "a seed of text": lambda s: eq.solve(BrockMirman(), settings=FEW, seed="one"),
    "a fractional seed": lambda s: eq.solve(BrockMirman(), settings=FEW, seed=0.5),
    "a negative seed": lambda s: eq.solve(BrockMirman(), settings=FEW, seed=-1),
    "a seed that is true": lambda s: eq.solve(BrockMirman(), settings=FEW, seed=True),
    "weights of no equation": lambda s: eq.solve(BrockMirman(), settings=FEW, weights={"eler": 1.0}),
    "weights of another kind": lambda s: eq.solve(BrockMirman(), settings=FEW, weights=[1.0]),
    "a weight that is not finite": lambda s: eq.solve(BrockMirman(), settings=FEW, weights={"euler": float("nan")}),
    "a negative weight": lambda s: eq.solve(BrockMirman(), settings=FEW, weights={"euler": -1.0}),
    "no optimiser": lambda s: eq.solve(BrockMirman(), settings=FEW, optimizer="adam"),
    "no balancing": lambda s: eq.solve(BrockMirman(), settings=FEW, balancing="relobralo"),
    "a target of nothing": lambda s: eq.solve(BrockMirman(), settings=eq.SolveSettings(targets=(eq.Target("x"),))),
    "a folder that is a file": lambda s: eq.solve(BrockMirman(), settings=FEW, folder=Path(__file__)),
    "a target without a name": lambda s: eq.Target(3),
    "a target that is not a number": lambda s: eq.Target("euler", mean=float("nan")),
    "a negative target": lambda s: eq.Target("euler", mean=-1.0),
    **{
        f"settings {name}={value!r}": lambda s, name=name, value=value: eq.SolveSettings(**{name: value})
        for name, value in (
            ("episodes", 1.5), ("episodes", "many"), ("episodes", True), ("episodes", 2**31), ("width", None),
            ("depth", -1), ("depth", 2.5), ("seconds", float("nan")), ("seconds", -1.0), ("learning_rate", "fast"),
            ("learning_rate", float("inf")), ("tail", float("nan")), ("steepness", 0.0), ("exploration", 1.0),
            ("restart", 2.0), ("checkpoint_seconds", float("nan")), ("patience", 0), ("targets", ("euler",)),
            ("keep_best", "yes"), ("newton", 1.5), ("newton", -1), ("newton", True), ("newton", float("nan")),
        )
    },
    "a chain of text": lambda s: eq.MarkovChain("ab"),
    "a chain of nothing": lambda s: eq.MarkovChain(()),
    "a chain of rows of different length": lambda s: eq.MarkovChain(((1.0,), (0.5, 0.5))),
    "a chain of three axes": lambda s: eq.MarkovChain(np.ones((2, 2, 2)) / 2),
    "a chain that is not finite": lambda s: eq.MarkovChain(((np.nan, 1.0), (0.5, 0.5))),
    "a chain of complex numbers": lambda s: eq.MarkovChain(np.eye(2) * (1 + 1j)),
    "an AR1 of text": lambda s: eq.AR1("a", 0.1),
    "an AR1 that is not finite": lambda s: eq.AR1(0.9, float("nan")),
    "an AR1 with a rule of text": lambda s: eq.AR1(0.9, 0.1, rule="hermite"),
    "a Gaussian of one axis": lambda s: eq.Gaussian((0.1, 0.2)),
    "a Gaussian that is not finite": lambda s: eq.Gaussian(((np.inf,),)),
    "a Gaussian with a persistence of two": lambda s: eq.Gaussian(((0.1,),), persistence=2.0),
    "a rule of no points": lambda s: eq.GaussHermite(0).nodes(1),
    "a rule of text": lambda s: eq.GaussHermite("five"),
    "a monomial of degree four": lambda s: eq.Monomial(4).nodes(2),
    "a Sobol rule of 100 points": lambda s: eq.QuasiMonteCarlo(100).nodes(2),
    "ReLoBRaLo of temperature zero": lambda s: eq.ReLoBRaLo(temperature=0.0),
    "ReLoBRaLo of text": lambda s: eq.ReLoBRaLo(memory="long"),
    "generations of text": lambda s: OLG(generations="sixty"),
    "fractional generations": lambda s: OLG(generations=6.5),
    "a discount of None": lambda s: OLG(discount=None),
    "a parameter that is not there": lambda s: OLG(patience=0.9),
    "a shock for two countries": lambda s: IRBC(shock=eq.AR1(0.9, 0.1)),
    "uncertainty of a size": lambda s: eq.Uncertain(OLG(), generations=(6, 9)),
    "uncertainty of a tuple": lambda s: eq.Uncertain(OLG(), productivity=(0.8, 1.2)),
    "uncertainty of a word": lambda s: eq.Uncertain(Climate(), carbon_cycle=(0, 1)),
    "uncertainty without a range": lambda s: eq.Uncertain(Growth()),
    "uncertainty of one number": lambda s: eq.Uncertain(Growth(), discount=0.9),
    "uncertainty that is empty": lambda s: eq.Uncertain(Growth(), discount=(0.9, 0.9)),
    "uncertainty that is not finite": lambda s: eq.Uncertain(Growth(), discount=(0.9, np.nan)),
    "uncertainty out of bounds": lambda s: eq.Uncertain(IRBC(), discount=(0.9, 1.2)),
    "varying a name and a number": lambda s: eq.solve(Growth(), varying=("discount", 3)),
    "varying a list in a list": lambda s: eq.solve(Growth(), varying=(["discount"],)),
    "varying nothing that is named": lambda s: eq.solve(Growth(), varying=None),
    "many runs varying one name without brackets": lambda s: eq.solve_many(Growth(), folder="none", varying="discount"),
    "many runs varying nothing that is named": lambda s: eq.solve_many(Growth(), folder="none", varying=None),
    "uncertainty of no model": lambda s: eq.Uncertain(3, discount=(0.9, 0.95)),
    "load nothing": lambda s: eq.load("/nowhere/at/all"),
    "load for text": lambda s: eq.load("/nowhere/at/all", "OLG"),
    "load a text file": lambda s: eq.load(Path(__file__)),
    "save into a file": lambda s: s.save(Path(__file__) / "x"),
    "policy of no state": lambda s: s.policy(0.2),
    "policy of another state": lambda s: s.policy(Saver().initial(None)),
    "policy of text": lambda s: s.policy(BrockMirman.State("rich")),
    "policy of no number": lambda s: s.policy(BrockMirman.State(float("nan"))),
    "policy of three axes": lambda s: s.policy(BrockMirman.State(jnp.ones((2, 2)))),
    **{
        f"{method} {argument}={value!r}": lambda s, m=method, a=argument, v=value: getattr(s, m)(**{a: v})
        for method, pairs in {
            "simulate": (("periods", 1.5), ("periods", 0), ("periods", "long"), ("paths", 0), ("burn_in", -1),
                         ("seed", 0.5), ("seed", "x"), ("periods", 10**15)),
            "accuracy": (("periods", 0), ("periods", 2.5), ("burn_in", -1), ("seed", -1), ("states", 3),
                         ("policy_paths", 4), ("policy_paths", 2_000), ("policy_paths", "many")),
        }.items()
        for argument, value in pairs
    },
    "follow back in time": lambda s: s.follow(BrockMirman.State(0.2), -5),
    "follow for a while": lambda s: s.follow(BrockMirman.State(0.2), 2.5),
    "follow from nowhere": lambda s: s.follow(None, 5),
    "a response of no periods": lambda s: s.impulse_response(0.1, periods=0),
    "a response of no paths": lambda s: s.impulse_response(0.1, paths=0),
    "a response to nothing": lambda s: s.impulse_response(None),
    "a response to no number": lambda s: s.impulse_response(float("nan")),
    "foresight of no periods": lambda s: eq.perfect_foresight(BrockMirman(), BrockMirman.State(0.2), 0),
    "foresight from nowhere": lambda s: eq.perfect_foresight(BrockMirman(), 0.2, 10),
    "foresight of a chain": lambda s: eq.perfect_foresight(Saver(), Saver().initial(None), 10),
    "foresight without end": lambda s: eq.perfect_foresight(BrockMirman(), BrockMirman.State(0.2), 9, tolerance=np.nan),
    "fit nothing": lambda s: fit(None),
    "split nothing": lambda s: split(np.ones((0, 2)), np.ones((0, 1)), seed=0),
    "split two lengths": lambda s: split(ONE, ONE[:5], seed=0),
    "split into too much": lambda s: split(ONE, ONE, (0.5, 0.5, 0.5), seed=0),
    "metrics of two shapes": lambda s: regression_metrics(ONE, ONE[:, 0]),
    "metrics of nothing": lambda s: regression_metrics(ONE[:0], ONE[:0]),
    "metrics of no number": lambda s: regression_metrics(ONE * np.nan, ONE),
    "classes out of range": lambda s: classification_metrics(np.ones((3, 2)) / 2, np.array([0, 1, 2])),
    "classes of another length": lambda s: classification_metrics(np.ones((3, 2)) / 2, np.array([0, 1])),
    "confusion out of range": lambda s: confusion_matrix(np.array([0, 3]), np.array([0, 1]), 2),
}  # fmt: skip


def outcome(call, solution):
    """Return what a call came to: what `UserError` said, or what else happened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(solution)
    except eq.UserError as error:
        return ["refused", str(error)]
    except BaseException as error:
        return ["raised", repr(error)]
    return ["accepted", ""]


@pytest.fixture(scope="module")
def outcomes(run):
    """What the calls come to as a user meets them: in a process of its own, without the shapes that tests enforce."""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent / "examples"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, str(run)]
    said = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CALLS)
def test_wrong_calls_raise_one_sentence(case, outcomes):
    what, said = outcomes[case]
    assert what == "refused", said
    assert said and "\n" not in said


def test_there_are_three_hundred_of_them():
    assert len(set(FLAGS)) + len(MODELS) + len(CALLS) >= 300


if __name__ == "__main__":
    found = eq.load(sys.argv[1])
    print(json.dumps({case: outcome(call, found) for case, call in CALLS.items()}))
