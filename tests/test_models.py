"""Twenty and more ways of getting a model or a flag wrong: one clear message each, before any training."""

import re
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn import cli
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.olg import OLG
from equilearn.equilibrium.checks import check_model


class S(NamedTuple):
    shock: object
    k: object


class P(NamedTuple):
    x: object


def broken(**methods):
    """A small correct model with some members replaced."""
    base = {
        "__annotations__": {"shock": eq.Shock},
        "shock": eq.MarkovChain(((0.5, 0.5), (0.5, 0.5))),
        "State": S,
        "Policy": P,
        "initial": lambda self, key: S(self.shock.initial, jnp.asarray(1.0)),
        "policies": lambda self, state: {"x": eq.Interval(0.0, 1.0)},
        "transition": lambda self, state, policy, shock: S(shock, state.k * policy.x),
        "errors": lambda self, state, policy, expect: {"e": expect(lambda s, p: p.x) - 0.5},
    }
    members = base | methods
    return type("Broken", (eq.Model,), {k: v for k, v in members.items() if v is not None})


WRONG_MODELS = {
    "class": (lambda: broken(), "pass an instance of the model, Broken()"),
    "no model": (lambda: 3, "int is no equilearn.Model"),
    "no State": (lambda: broken(State=None)(), "Broken.State: missing or no NamedTuple"),
    "Policy of another kind": (lambda: broken(Policy=dict)(), "Broken.Policy: missing or no NamedTuple"),
    "shock of another kind": (lambda: broken(shock=0.3)(), "Broken.shock: must be a Shock, not float"),
    "initial raises": (
        lambda: broken(initial=lambda self, key: 1 / 0)(),
        "Broken.initial: raised ZeroDivisionError: division by zero",
    ),
    "initial of another kind": (
        lambda: broken(initial=lambda self, key: (0, 1.0))(),
        "Broken.initial: must return a Broken.State, not tuple",
    ),
    "initial not finite": (
        lambda: broken(initial=lambda self, key: S(self.shock.initial, jnp.asarray(np.nan)))(),
        "Broken.initial: State.k is not finite",
    ),
    "no numbers": (
        lambda: broken(initial=lambda self, key: S(self.shock.initial, "one"))(),
        "Broken.initial: State.k must be an array of numbers, not str",
    ),
    "shock as a float": (
        lambda: broken(initial=lambda self, key: S(jnp.asarray(0.0), jnp.asarray(1.0)))(),
        "State.shock must be int32[] for a MarkovChain, not float32[]",
    ),
    "no dictionary of sets": (
        lambda: broken(policies=lambda self, state: [eq.Real()])(),
        "Broken.policies: must return a dictionary of feasible sets",
    ),
    "missing policy": (
        lambda: broken(policies=lambda self, state: {})(),
        "Broken.policies: gives nothing for Policy.x",
    ),
    "extra policy": (
        lambda: broken(policies=lambda self, state: {"x": eq.Real(), "y": eq.Real()})(),
        "Broken.policies: gives y, which is no field of Broken.Policy",
    ),
    "empty set": (
        lambda: broken(policies=lambda self, state: {"x": eq.Interval(1.0, 0.0)})(),
        "the set of x is empty in the initial state",
    ),
    "bound not finite": (
        lambda: broken(policies=lambda self, state: {"x": eq.Interval(0.0, jnp.inf)})(),
        "a bound of x is not finite",
    ),
    "transition changes a shape": (
        lambda: broken(transition=lambda self, s, p, shock: S(shock, jnp.ones(2)))(),
        "Broken.transition: State.k is float32[] in the initial state but float32[2] a period later",
    ),
    "transition of another kind": (
        lambda: broken(transition=lambda self, s, p, shock: None)(),
        "Broken.transition: must return a Broken.State, not NoneType",
    ),
    "features no vector": (
        lambda: broken(features=lambda self, state: state.k)(),
        "Broken.features: must return a vector",
    ),
    "errors no dictionary": (
        lambda: broken(errors=lambda self, s, p, expect: p.x)(),
        "Broken.errors: must return a dictionary",
    ),
    "errors not finite": (
        lambda: broken(errors=lambda self, s, p, expect: {"e": jnp.log(-p.x)})(),
        "Broken.errors: 'e' is not finite in the initial state",
    ),
    "errors misspelt": (
        lambda: broken(errors=lambda self, s, p, expect: {"e": p.y})(),
        "Broken.errors: raised AttributeError",
    ),
    "mutable parameter": (
        lambda: broken(__annotations__={"numbers": object}, numbers=())(numbers={1: 2}),
        "a parameter is mutable",
    ),
    "rows": (lambda: broken(shock=eq.MarkovChain(((0.5, 0.6), (0.5, 0.5)))), "row 0 of transition sums to 1.1"),
    "one generation": (lambda: OLG(generations=1), "OLG.generations: must be at least 2"),
    "positive limit": (lambda: OLG(borrowing_limit=0.5), "OLG.borrowing_limit: must be at most 0"),
    "calibration": (lambda: OLG(productivity=(1.0,)), "OLG.productivity: must have 4 values"),
}


@pytest.mark.parametrize("case", WRONG_MODELS)
def test_wrong_models_are_named_before_training(case):
    make, said = WRONG_MODELS[case]
    with pytest.raises(eq.UserError, match=re.escape(said)):
        check_model(make())


@pytest.mark.slow
def test_the_correct_model_behind_the_broken_ones_is_solved():
    solution = eq.solve(broken()(), settings=eq.SolveSettings(episodes=300, width=8, check_every=50))
    assert solution.accuracy(100).summary()["e"]["mean"] < 1e-2


def test_a_mutable_default_is_named_when_the_class_is_written():
    with pytest.raises(eq.UserError, match="Bad: mutable default"):
        type("Bad", (eq.Model,), {"__annotations__": {"numbers": dict}, "numbers": {}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"episodes": 0}, "episodes must be at least 1"),
        ({"width": 0}, "width must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be at least 0"),
        ({"exploration": 1.0}, "exploration must be in [0, 1)"),
        ({"seconds": -2.0}, "seconds must be above 0"),
        ({"targets": (eq.Target("euller", mean=1.0),)}, "targets: there is no error named 'euller'"),
    ],
)
def test_wrong_settings_are_named(change, said):
    with pytest.raises(eq.UserError, match=re.escape(said)):
        eq.solve(BrockMirman(), settings=replace(eq.SolveSettings(), **change))


WRONG_COMMANDS = {
    "sovle olg": "sovle: no such command; there are solve",
    "solve": "give a model's NAME first",
    "solve olgg": "olgg: no such economy. There are olg",
    "solve nowhere.py:Model": "nowhere.py: no such file",
    "solve {here}/saver.py": "say which class of the file",
    "solve {here}/saver.py:Spender": "has no class Spender; its models are: Saver",
    "solve {here}/saver.py:Complement": "Complement is no equilearn.Model",
    "solve {tmp}/broken.py:Model": "cannot be imported: SyntaxError",
    "solve olg --seed -1": "seed: must be between 0 and",
    "solve olg --borrowing-limit 1": "OLG.borrowing_limit: must be at most 0",
    "solve olg --episodes 0": "episodes must be at least 1",
    "solve olg --out {tmp}/taken": "holds a run already",
    "resume {tmp}": "is no run folder",
    "evaluate {tmp}/nothing": "no such file",
    "evaluate {tmp}": "no such file",
    "simulate {tmp}/broken.py": "no such file",
    "list olg": "takes no arguments",
}


@pytest.mark.parametrize("command", WRONG_COMMANDS)
def test_wrong_commands_give_one_message(command, tmp_path, capsys):
    from pathlib import Path

    (tmp_path / "broken.py").write_text("class Model(:\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "settings.json").write_text("{}")
    arguments = command.format(here=Path(__file__).parents[1] / "examples", tmp=tmp_path).split()
    assert cli.run(arguments) == 2
    output = capsys.readouterr()
    assert WRONG_COMMANDS[command] in output.err
    assert "Traceback" not in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [("--generation 20", "--generations"), ("--generations twenty", "twenty"), ("--seconds", "--seconds")],
)
def test_wrong_flags_are_named(flags, said, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.run(["solve", "olg", *flags.split()])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert said in output.err + output.out
    assert "Traceback" not in output.err
