"""Numbers that are arguments of the programs: one compilation for many calibrations, and the answers of each."""

import functools
from dataclasses import replace

import jax
import jax.monitoring
import numpy as np
import pytest
from saver import Saver

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.equilibrium import PolicyFunction
from equilearn.equilibrium.varying import opened

QUICK = eq.SolveSettings(episodes=100, width=8, depth=1, check_every=50, restart=0.1)
COMPILED = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, duration_secs, **rest: COMPILED.append(event) if event.endswith("backend_compile_duration") else None
)


class Remembering(BrockMirman):
    """A model that keeps what it computed once."""

    @functools.cached_property
    def kept(self):
        return self.discount

    def errors(self, state, policy, expect):
        return BrockMirman.errors(replace(self, discount=0.5), state, policy, expect) | {
            "kept": policy.savings_rate - self.kept
        }


class Prepared(Saver):
    """A model whose equations read what was computed when it was made."""

    def __post_init__(self):
        object.__setattr__(self, "ready", self.discount)

    def errors(self, state, policy, expect):
        return {name: self.ready * error for name, error in super().errors(state, policy, expect).items()}


class Branching(BrockMirman):
    """A model that asks whether a number is large."""

    def errors(self, state, policy, expect):
        return super().errors(state, policy, expect) if self.discount > 0.5 else {}


@functools.cache
def solved(discount):
    return eq.solve(BrockMirman(discount=discount), settings=QUICK, varying=("discount",), live=False)


@pytest.mark.slow
def test_one_compilation_serves_many_calibrations():
    anew = solved.__wrapped__  # what an earlier test solved may have been compiled before programs were let go
    anew(0.9).accuracy()
    before = len(COMPILED)
    anew(0.95).accuracy()
    assert len(COMPILED) - before <= 3  # of the checks of the model; learning and certificate are ready
    constants = eq.solve(BrockMirman(discount=0.94), settings=QUICK, live=False)
    assert len(COMPILED) - before > 3
    assert constants.policy_function.numbers == {}


@pytest.mark.slow
@pytest.mark.parametrize("discount", [0.9, 0.95])
def test_its_answers_are_those_of_its_own_value(discount, tmp_path):
    solution = solved(discount)
    exact = discount * BrockMirman(discount=discount).capital_share
    assert solution.simulate(20).savings_rate.values == pytest.approx(exact, rel=5e-2)
    own = solution.policy_function
    plain = replace(solution, policy_function=PolicyFunction(own.network, own.scaling, solution.model))
    for one, other in zip(*(each.accuracy().summary()["euler"].values() for each in (solution, plain)), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-6)
    again = eq.load(solution.save(tmp_path / "one.npz"))
    assert again.model == solution.model and again.policy_function.numbers == {}
    here = solution.states(1, paths=3)
    states = jax.tree.map(lambda leaf: leaf[0], here)
    np.testing.assert_allclose(again.policy(states).savings_rate, solution.policy(states).savings_rate, rtol=1e-6)


@pytest.mark.slow
def test_a_run_knows_what_varied(tmp_path):
    first = BrockMirman(discount=0.9)
    eq.solve(first, settings=replace(QUICK, episodes=50), varying=("discount",), folder=tmp_path, live=False)
    with pytest.raises(eq.UserError, match="varying"):
        eq.solve(first, settings=replace(QUICK, episodes=50), folder=tmp_path, resume=True, live=False)


def test_a_shocks_number_is_opened_too_and_a_template_stands_for_all_values():
    one, two = (Saver(discount=beta) for beta in (0.9, 0.95))
    names = ["discount", *(f"shock.{name}" for name in one.shock.real_parameters())]
    (template, values), (other, others) = opened(one, names), opened(two, names)
    assert template == other and hash(template) == hash(other) and len(values) == len(names)
    assert values["discount"] == 0.9 and others["discount"] == 0.95
    assert opened(one, ()) == (one, {})


WRONG = {
    "no such number": (BrockMirman(), ("patience",), "has no real number 'patience'"),
    "one name without brackets": (BrockMirman(), "discount", r'names of parameters, like \("discount",\)'),
    "uncertain already": (
        eq.Uncertain(BrockMirman(), discount=(0.9, 0.95)),
        ("capital_share",),
        "all their values already",
    ),
    "prepared when made": (Prepared(), ("discount",), "what was computed when the model was made"),
    "a branch": (Branching(), ("discount",), "need a plain number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_vary_is_refused_before_the_work(name):
    model, varying, said = WRONG[name]
    with pytest.raises(eq.UserError, match=said):
        eq.solve(model, settings=QUICK, varying=varying, live=False)


def test_what_was_prepared_when_a_model_was_made_cannot_be_uncertain():
    with pytest.raises(eq.UserError, match="or what was computed when the model was made"):
        eq.Uncertain(Prepared(), discount=(0.9, 0.95)).check_effects()


def test_an_uncertain_model_computes_anew_what_it_kept():
    model = Remembering()
    assert model.kept == model.discount
    uncertain = eq.Uncertain(model, discount=(0.8, 0.9))
    assert float(uncertain.at((0.85,)).kept) == 0.85
    uncertain.check_effects()
