"""The certificate: what it covers, against counts and chains worked by hand; what is not called accurate; words."""

import json
import math
import warnings
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jaxtyping import Array
from saver import Saver

import equilearn as eq
from equilearn.economies.bond import BondOLG
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate import Climate
from equilearn.economies.continuum import Continuum
from equilearn.economies.irbc import IRBC
from equilearn.economies.krusell_smith import KrusellSmith
from equilearn.economies.olg import OLG
from equilearn.equilibrium.accuracy import Accuracy, Part, visited
from equilearn.equilibrium.certificate import certify
from equilearn.equilibrium.coverage import forgets, long_run
from equilearn.equilibrium.solution import fresh_policy
from equilearn.learn import Outcome
from equilearn.report import judge
from equilearn.runs import begin

QUICK = eq.SolveSettings(episodes=20, width=8, depth=1, check_every=20, paths=32)
ABSORBING = eq.MarkovChain(((0.98, 0.02), (0.0, 1.0)))


@pytest.fixture(scope="module")
def saver():
    return eq.solve(Saver(), settings=QUICK)


def fabricated(errors=1e-5, states=100, **more):
    """Return a part whose errors are all the same."""
    return Part(where="some states", errors={"euler": np.full((states, 3), errors)}, **more)


def judged(solution, *parts, long_run=()):
    return judge(solution, Accuracy(parts, long_run))


# chains worked by hand


def test_the_long_run_of_chains_that_end_somewhere():
    first = np.zeros(100, int)
    np.testing.assert_allclose(long_run(ABSORBING, first), [0, 1], atol=1e-9)
    fork = eq.MarkovChain(((0.0, 0.3, 0.7), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    np.testing.assert_allclose(long_run(fork, first), [0, 0.3, 0.7], atol=1e-9)
    np.testing.assert_allclose(long_run(fork, np.array([1, 0])), [0, 0.65, 0.35], atol=1e-9)
    turns = eq.MarkovChain(((0.0, 1.0), (1.0, 0.0)))
    np.testing.assert_allclose(long_run(turns, first), [0.5, 0.5], atol=1e-9)
    rare = eq.MarkovChain(((0.999, 0.001), (0.5, 0.5)))
    np.testing.assert_allclose(long_run(rare, first), rare.stationary, atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "first", "all_again"),
    [
        (ABSORBING.transition, [0], False),
        (ABSORBING.transition, [1], True),
        (((0.5, 0.5), (0.5, 0.5)), [0], True),
        (((0.0, 1.0), (1.0, 0.0)), [0], True),
        (((1.0, 0.0), (0.0, 1.0)), [0], True),
        (((1.0, 0.0), (0.0, 1.0)), [0, 1], False),
        (((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)), [0], False),
    ],
)
def test_a_long_path_forgets_its_beginning_only_where_all_is_visited_again(rows, first, all_again):
    assert forgets(eq.MarkovChain(rows), np.array(first)) is all_again


# what is covered


@pytest.mark.slow
def test_visits_are_counted_and_stand_beside_the_long_run(saver):
    accuracy = saver.accuracy(400, burn_in=10)
    shocks = np.asarray(saver.states(400, burn_in=10).shock).ravel()
    assert accuracy.visits == tuple(np.bincount(shocks, minlength=2))
    assert accuracy.long_run == pytest.approx((0.5, 0.5))
    assert "2 of 2 states of the chain were visited" in str(accuracy)
    errors = accuracy.errors["euler"]
    means = accuracy.mean_by_state()["euler"]
    np.testing.assert_allclose(means, [errors[shocks == z].mean() for z in (0, 1)], rtol=1e-5)
    assert len(accuracy.parts) == 1, "a path that sees everything needs no company"


def test_states_never_visited_are_named():
    assert visited({"": ()}, ()) == []
    said = visited({"": (5, 0, 3, 0), ", first 100 periods": (4, 0, 0, 0)}, (0.6, 0.1, 0.3, 1e-4))
    assert "(62.5, 0, 37.5, 0 %; first 100 periods 100, 0, 0, 0 %; in the long run 60, 10, 30, 0.01 %)" in said[0]
    assert "2 of 4 states" in said[0] and "States 1 and 3 of the chain were never visited" in said[1]
    assert "nothing is certified there" in said[1]
    many = visited({"": (9,) * 40 + (1,)}, (1 / 41,) * 41)
    assert many == ["41 of 41 states of the chain were visited, the rarest of them 1 time."]


class Retirement(Saver):
    """Income of work, until retirement, which is for ever."""

    shock: eq.MarkovChain = ABSORBING


@pytest.mark.slow
def test_with_an_absorbing_state_the_way_there_is_certified_too():
    solution = eq.solve(Retirement(), settings=replace(QUICK, episodes=200))
    accuracy = solution.accuracy(1000, burn_in=1000)
    after, way = accuracy.parts
    assert np.all(after.shocks == 1), "the long run sees retirement only"
    assert 0.1 < np.mean(way.shocks == 0) < 0.9 and len(way.shocks) == 10_000
    summary = accuracy.summary()
    assert set(summary) == {"euler", "euler, first 100 periods"}
    assert summary["euler"]["99.9"] < 1e-2 < summary["euler, first 100 periods"]["99.9"]
    assert not judge(solution, accuracy).accurate, "small errors in the long run are not enough"
    assert judged(solution, after).accurate, "for its own reason: without the way there it would be"


@pytest.mark.parametrize(
    ("model", "restart", "labels", "where"),
    [
        (BrockMirman(), 0.0, ["", ", first 100 periods"], "each of 100 paths"),
        (BrockMirman(), 0.1, [""], "one path after 7 of burn-in, which starts again with probability 0.1"),
        (eq.Uncertain(Saver(), discount=(0.85, 0.92)), 0.0, [""], "each of 100 paths"),
        (Saver(), 0.0, [""], "200 periods of one path after 7 of burn-in"),
    ],
)
def test_what_one_path_does_not_see_is_seen_by_many(model, restart, labels, where):
    policy = fresh_policy(model, QUICK, key=jax.random.key(0))
    accuracy = certify(policy, 200, 7, restart, key=jax.random.key(1))
    assert [part.label for part in accuracy.parts] == labels and where in accuracy.where
    assert [len(part.errors["euler"]) for part in accuracy.parts] == [200, 10_000][: len(labels)]


# what is not called accurate


def test_verdicts(saver):
    good = fabricated()
    assert judged(saver, good).accurate
    assert not judged(saver, replace(good, outside=1.0)).accurate, "a lost path"
    assert not judged(saver, good, replace(fabricated(), outside=0.2, label=", first 100 periods")).accurate
    assert not judged(saver, fabricated(2e-3)).accurate
    assert not judged(replace(saver, outcome=Outcome.DIVERGED), good).accurate
    held = judged(saver, replace(good, held={"consumption at its floor": 2e-3}))
    assert not held.accurate and any("Consumption at its floor in 0.2 % of the" in line for line in held.reasons)
    named = judged(saver, replace(good, held={"consumption at its floor": 5e-4}))
    assert named.accurate and any("floor in 0.05 %" in line for line in named.reasons)
    assert not any("floor" in line for line in judged(saver, replace(good, held={"a floor": 5e-5})).reasons)
    assert judged(saver, replace(good, binding={"savings at its lower bound": 0.4})).accurate


def test_states_that_were_not_visited_limit_the_verdict(saver):
    part = replace(fabricated(), shocks=np.zeros(100, int))
    rare = judged(saver, part, long_run=(1 - 1e-5, 1e-5))
    assert rare.accurate and "1 of 2 states of the chain was never visited" in rare.words
    assert not judged(saver, part, long_run=(0.5, 0.5)).accurate, "half of the long run is missing"


def test_a_rare_state_that_is_badly_solved_does_not_hide_behind_percentiles(saver):
    errors, shocks = np.full((10_000, 1), 1e-5), np.zeros(10_000, int)
    errors[:5], shocks[:5] = 0.5, 1
    verdict = judged(saver, Part("a path", {"euler": errors}, shocks=shocks), long_run=(0.9995, 0.0005))
    row = Part("a path", {"euler": errors}).rows()["euler"]
    assert row["mean"] < 1e-3 and row["99.9"] < 1e-2, "within the bounds where all is pooled"
    assert not verdict.accurate and any("5.0e-01 in state 1" in line for line in verdict.reasons)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_errors_that_are_no_numbers_are_never_accurate(saver, bad):
    errors = np.full((50, 2), 1e-6)
    errors[3, 1] = bad
    verdict = judged(saver, Part("a path", {"euler": errors}))
    assert not verdict.accurate
    assert "euler: 1 of 100 errors are not finite numbers." in verdict.reasons


class Wants(eq.Model):
    """A share that should be 1.0005, in an interval that ends at 1; a level that is low in some states."""

    class State(NamedTuple):
        """A number that moves to a half."""

        level: Array

    class Policy(NamedTuple):
        """The share."""

        share: Array

    def initial(self, key):
        return self.State(jax.random.uniform(key))

    def policies(self, state):
        return {"share": eq.Interval(0.0, 1.0)}

    def transition(self, state, policy, shock):
        return self.State(0.5 * state.level + 0.25)

    def errors(self, state, policy, expect):
        return {"wish": policy.share / 1.0005 - 1}

    def safeguards(self, state, policy):
        return {"the level at its floor": state.level < 0.3}


@pytest.mark.slow
def test_a_bound_that_holds_the_policy_and_a_clamp_are_named_with_their_share():
    solution = eq.solve(Wants(), settings=replace(QUICK, episodes=400, paths=256, restart=0.5))
    accuracy, path = solution.accuracy(500), solution.simulate(500)
    assert path.share.values.min() > 0.999
    assert accuracy.held["share at its upper bound"] > 0.5
    low = (path.level.values < 0.3).mean()
    assert 0.01 < low < 0.5 and accuracy.held["the level at its floor"] == pytest.approx(low)
    assert "Share at its upper bound in" in str(accuracy)
    assert accuracy.summary()["wish"]["mean"] < 1e-3, "the errors alone would be small enough"
    assert not judge(solution, accuracy).accurate


def test_a_limit_with_a_multiplier_is_economics(saver):
    accuracy, path = saver.accuracy(500), saver.simulate(500)
    share = (path.multiplier.values > 0).mean()
    assert accuracy.binding.get("savings at its lower bound", 0.0) == pytest.approx(share)
    assert accuracy.held == {}


def test_bounds_are_the_published_row_of_the_limit():
    def mean_p999_max(model):
        return [(t.mean, t.p999, t.max) for t in model.required()]

    tight = [(6e-4, 5.4e-3, 1.31e-2), (1e-4, 1.5e-3, 2.5e-3)]
    loose = [(4e-4, 4.7e-3, 3.55e-2), (1e-4, 1.4e-3, 4.2e-3)]
    assert mean_p999_max(OLG()) == tight
    assert mean_p999_max(OLG(borrowing_limit=-0.5)) == mean_p999_max(OLG(borrowing_limit=-1.0)) == loose
    assert mean_p999_max(OLG(borrowing_limit=-0.2)) == [(6e-4, 5.4e-3, 3.55e-2), (1e-4, 1.5e-3, 4.2e-3)]
    assert mean_p999_max(OLG(borrowing_limit=-0.5, generations=6)) == tight, "nothing is published for six"


def acting(model, state, raw=0.0):
    """Return which safeguards act anywhere in a state, with a policy of one raw number."""
    sets = model.policies(state)
    policy = model.Policy(**{
        name: value
        for key, one in sets.items()
        for name, value in one.values(key, jnp.full(one.shape, raw)).items()
    })  # fmt: skip
    return {name for name, where in model.safeguards(state, policy).items() if bool(jnp.any(where))}


@pytest.mark.slow
def test_safeguards_of_the_economies_act_where_they_should_and_not_at_the_start():
    for model in (OLG(), BondOLG(), IRBC(), Continuum(), Climate()):
        assert acting(model, model.initial(jax.random.key(0))) == set(), model.name
    olg, bond, irbc, continuum, climate = OLG(borrowing_limit=-1.0), BondOLG(), IRBC(), Continuum(), Climate()
    poor = olg.State(jnp.asarray(0), jnp.full(60, -0.02))
    assert {"capital in prices at its floor", "consumption at its floor"} <= acting(olg, poor)
    rich = olg.initial(jax.random.key(0))
    assert acting(olg, rich, raw=-5.0) == {"debt at what wages can repay"}, "all borrow what they can"
    indebted = bond.State(jnp.asarray(0), jnp.full(56, 2.5), jnp.full(56, -9.0))
    assert "consumption at its floor" in acting(bond, indebted)
    assert "investment at its most" in acting(irbc, irbc.State(jnp.zeros(2), jnp.zeros(2)), raw=20.0)
    assert "capital at its most" in acting(irbc, irbc.State(jnp.zeros(2), jnp.full(2, math.log(2.49))), raw=20.0)
    crowd = jnp.zeros((2, 100)).at[:, -1].set(0.5)
    assert "assets at the end of the histogram" in acting(continuum, continuum.State(jnp.asarray(0), crowd))
    economy = KrusellSmith()
    assert acting(economy, economy.initial(jax.random.key(0))) == set()
    assert acting(economy, economy.initial(jax.random.key(0)), raw=-20.0) == {"capital at its floor"}, "all is consumed"
    hot = climate.initial(jax.random.key(0))._replace(warming=jnp.asarray(25.0))
    assert "net output at its floor" in acting(climate, hot)


# states of one's own


def test_errors_in_given_states_are_those_of_the_certificate(saver):
    ours = saver.accuracy(states=saver.states(60, burn_in=10)).errors["euler"]
    np.testing.assert_allclose(ours, saver.accuracy(60, burn_in=10).errors["euler"], rtol=1e-5, atol=1e-7)
    one = saver.accuracy(states=saver.model.State(1, 0.7))
    assert one.errors["euler"].shape == (1,) and "1 given state" in str(one)
    three = saver.accuracy(states=saver.model.State(np.array([0, 1, 1]), np.array([0.1, 0.7, 0.2])))
    assert three.errors["euler"][1] == pytest.approx(float(one.errors["euler"][0]), rel=1e-4)


WRONG_STATES = {
    "index of a state of the chain, 0 to 1, not 5": (5, 0.5),
    "0 to 1, not -1": (-1, 0.5),
    r"State\.shock must be whole, not 0\.5": (0.5, 0.5),
    "assets must be finite; it holds nan": (0, math.nan),
    "assets must be finite; it holds inf": (0, np.array([1.0, math.inf])),
    "assets must be finite; it holds 1e": (0, 1e300),
    "assets must be an array of real numbers, not str": (0, "much"),
    "assets must be an array of real numbers, not list": (0, [[1.0], 2.0]),
    r"not shock\[2\], assets\[3\]": (np.array([0, 1]), np.ones(3)),
    r"not shock\[0\], assets\[0\]": (np.zeros(0, int), np.zeros(0)),
    r"not shock\[\], assets\[2\]": (0, np.ones(2)),
}


@pytest.mark.parametrize("said", WRONG_STATES)
def test_impossible_states_are_refused(saver, said):
    state = saver.model.State(*WRONG_STATES[said])
    for call in (saver.policy, lambda s: saver.follow(s, 3, seed=0), lambda s: saver.accuracy(states=s)):
        with pytest.raises(eq.UserError, match=said):
            call(state)


WRONG_CALLS = {
    "periods must be at least 1, not -5": lambda s: s.follow(s.model.State(0, 0.5), -5, seed=0),
    "seed must be a whole number, not 1.5": lambda s: s.follow(s.model.State(0, 0.5), 5, seed=1.5),
    "periods must be a whole number, not 1.5": lambda s: s.simulate(1.5),
    "periods must be a whole number, not nan": lambda s: s.simulate(math.nan),
    "periods must be a whole number, not True": lambda s: s.simulate(True),
    "periods must be a whole number, not 'ten'": lambda s: s.accuracy("ten"),
    "periods must be at least 1, not 0": lambda s: s.accuracy(0),
    "burn_in must be at least 0, not -1": lambda s: s.accuracy(10, burn_in=-1),
    "periods times paths must be at most": lambda s: s.simulate(10**6, paths=10**6),
    "paths must be a whole number, not None": lambda s: s.simulate(10, paths=None),
    "seed must be a whole number, not 'a'": lambda s: s.simulate(10, seed="a"),
    "seed must be at least 0, not -1": lambda s: s.simulate(10, seed=-1),
    "impulse_response: shock must be one finite number, not nan": lambda s: s.impulse_response(math.nan),
    "impulse_response: shock must be one finite number, not array": lambda s: s.impulse_response(np.array([0, 1])),
    "impulse_response: shock must be one finite number, not 'up'": lambda s: s.impulse_response("up"),
    "shock must be an index below 2, not 0.5": lambda s: s.impulse_response(0.5),
    "shock must be an index below 2, not 2": lambda s: s.impulse_response(2),
    "periods must be at least 1, not 0 ?": lambda s: s.impulse_response(1, periods=0),
    r"needs a Saver\.State, not tuple": lambda s: s.accuracy(states=(0, 0.5)),
}


@pytest.fixture
def unchecked():
    """Switch the tests' own checks of types off: what people call has none."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("said", WRONG_CALLS)
def test_wrong_arguments_end_in_one_sentence(saver, said, unchecked):
    with pytest.raises(eq.UserError, match=said):
        WRONG_CALLS[said](saver)


def test_states_far_outside_what_was_learnt_are_said_to_be(saver):
    state = saver.model.State
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saver.policy(state(0, 0.5))
        saver.follow(state(0, 0.5), 10, seed=0)
    with pytest.warns(
        eq.OutsideWarning, match=r"policy: the state is far outside .*assets is .* spreads from the mean"
    ):
        saver.policy(state(0, 1e4))
    with pytest.warns(eq.OutsideWarning, match="1 of the 3 states lie far outside"):
        saver.policy(state(np.zeros(3, int), np.array([0.5, 1e4, 0.4])))
    with pytest.warns(eq.OutsideWarning, match="follow") as caught:
        saver.follow(state(0, 1e4), 3, seed=0)
    assert any("100 % of the states" in str(one.message) for one in caught)
    scaling = saver.policy_function.scaling
    moved = eqx.tree_at(lambda s: s.mean, scaling, scaling.mean + 100 * scaling.spread)
    lost = replace(saver, policy_function=eqx.tree_at(lambda p: p.scaling, saver.policy_function, moved))
    with pytest.warns(eq.OutsideWarning, match="simulate: 100 % of the states"):
        lost.simulate(20, burn_in=0)
    with pytest.warns(eq.OutsideWarning, match="impulse_response: 100 % of the states"):
        lost.impulse_response(1, periods=2, paths=5, burn_in=0)


def test_policies_can_be_mapped_and_differentiated(saver):
    many = saver.model.State(jnp.array([0, 1]), jnp.array([0.3, 0.6]))
    np.testing.assert_allclose(jax.vmap(saver.policy)(many).savings, saver.policy(many).savings, rtol=1e-6)
    slope = jax.grad(lambda assets: saver.policy(saver.model.State(1, assets)).savings)(0.6)
    assert 0 < float(slope) < 1.1


# runs


class Awkward(Saver):
    """An error's name with slashes, and figures that fail."""

    def errors(self, state, policy, expect):
        return {"a/b/c": super().errors(state, policy, expect)["euler"]}

    def figures(self, solution, simulation, errors):
        if solution.episodes:  # not when it is tried before the training
            raise KeyError("no such age")
        return {}


@pytest.mark.slow
def test_a_hook_that_fails_at_the_end_costs_its_figures_only(tmp_path):
    folder = tmp_path / "run"
    settings = replace(QUICK, check_every=5)
    _, result = begin("path/to/model.py:Awkward", Awkward(), settings, 0, folder, live=False)
    page = (folder / "report.html").read_text()
    said = "Awkward.figures failed: KeyError"
    assert any(said in line for line in result["failures"]) and said in page
    assert page.count("data:image/png") == 4, "training, errors, errors by state and simulation are there"
    written = json.loads((folder / "result.json").read_text())
    assert set(written["accuracy"]) == {"a/b/c"} and written["failures"] == result["failures"]
    assert written["verdict"]["accurate"] is False
    assert written["coverage"]["chain"][1]["visits"] > 0 and "state of the chain" in page


class Twice(Saver):
    """An equation beside the Euler equation that always holds."""

    def errors(self, state, policy, expect):
        euler = super().errors(state, policy, expect)["euler"]
        return {"euler": euler, "zero": 0.0 * euler}


@pytest.mark.slow
def test_a_certificate_that_is_no_number_is_valid_json_and_said_in_words(tmp_path, monkeypatch):
    from equilearn.equilibrium import solution as module

    folder, whole = tmp_path / "run", module.certify

    def broken(*arguments, **named):
        accuracy = whole(*arguments, **named)
        errors = {name: values.copy() for name, values in accuracy.errors.items()}
        errors["euler"][:3] = np.nan
        return replace(accuracy, parts=(replace(accuracy.parts[0], errors=errors),))

    monkeypatch.setattr(module, "certify", broken)
    begin("path/to/model.py:Twice", Twice(), QUICK, 0, folder, live=False)
    written = json.loads((folder / "result.json").read_text(), parse_constant=pytest.fail)
    assert written["accuracy"]["euler"]["mean"] is None and written["accuracy"]["zero"]["mean"] == 0
    assert written["verdict"]["accurate"] is False
    assert "3 of 10,000 errors are not finite numbers" in (folder / "report.html").read_text()
