"""Exact paths: closed forms, what a path is compiled for, and what has no path."""

import re
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.growth import Growth
from equilearn.economies.olg import OLG

CLOSED = Growth(depreciation=1.0, shock=eq.AR1(persistence=0.9, innovation_std=0.04))


def test_growth_saves_the_closed_forms_rate_from_every_start():
    for shock, log_capital in ((0.1, -1.0), (-0.2, -3.0)):
        path = eq.perfect_foresight(CLOSED, CLOSED.State(np.float64(shock), np.float64(log_capital)), 60)
        np.testing.assert_allclose(path.savings_rate.values[:30], 0.36 * 0.99, rtol=1e-9)
        np.testing.assert_allclose(path.shock.values, shock * 0.9 ** np.arange(60), rtol=1e-12)


def test_parameters_as_states_give_the_path_of_the_model_that_has_them():
    box = eq.Uncertain(BrockMirman(), discount=(0.9, 0.99), capital_share=(0.2, 0.4))
    for discount, share in ((0.9375, 0.25), (0.96875, 0.375)):  # exact in single precision
        start = box.state(BrockMirman.State(0.2), {"discount": discount, "capital_share": share})
        path = eq.perfect_foresight(box, start, 80)
        np.testing.assert_allclose(path.savings_rate.values[:30], discount * share, rtol=1e-9)
        plain = BrockMirman(discount=discount, capital_share=share)
        alone = eq.perfect_foresight(plain, BrockMirman.State(start.capital), 80)
        np.testing.assert_allclose(path.capital.values, alone.capital.values, rtol=1e-10)


def test_a_second_start_compiles_nothing(monkeypatch):
    start = CLOSED.State(0.0, -1.0)
    eq.perfect_foresight(CLOSED, start, 60)
    traced = []
    output = Growth.output
    monkeypatch.setattr(Growth, "output", lambda self, state: traced.append(1) or output(self, state))
    eq.perfect_foresight(CLOSED, CLOSED.State(0.05, -2.0), 60)
    assert not traced
    eq.perfect_foresight(CLOSED, start, 61)
    assert traced, "the test must see a compilation where there is one"


class Undetermined(BrockMirman):
    """Its only equation is the same for every policy."""

    def errors(self, state, policy, expect):
        return {"euler": 0.0 * policy.savings_rate + 0.1}


class Twice(BrockMirman):
    """The same equation twice."""

    def errors(self, state, policy, expect):
        euler = super().errors(state, policy, expect)["euler"]
        return {"euler": euler, "again": euler}


class Age(NamedTuple):
    periods: object


class Counting(BrockMirman):
    """The age of the economy is a whole number."""

    State = Age

    def initial(self, key):
        return Age(jnp.asarray(3))

    def policies(self, state):
        return {"savings_rate": eq.Interval(0.0, 1.0)}

    def transition(self, state, policy, shock):
        return Age(state.periods + 1)

    def errors(self, state, policy, expect):
        return {"half": policy.savings_rate - 0.5}

    def definitions(self, state, policy):
        return {}


K = BrockMirman.State(0.2)


@pytest.mark.parametrize(
    ("model", "start", "options", "said"),
    [
        (OLG(generations=3), K, {}, "OLG has a Markov chain"),
        (BrockMirman(), K, {"periods": 0}, "periods must be at least 1, not 0"),
        (BrockMirman(), K, {"periods": 10**9}, "periods must be at most 100,000"),
        (BrockMirman(), K, {"iterations": -1}, "iterations must be at least 1"),
        (BrockMirman(), K, {"tolerance": np.nan}, "tolerance must be one finite number"),
        (BrockMirman(), (0.2,), {}, "needs a BrockMirman.State, not tuple"),
        (BrockMirman(), BrockMirman.State(np.inf), {}, "BrockMirman.State.capital must be finite"),
        (BrockMirman(), BrockMirman.State("much"), {}, "must be an array of real numbers"),
        (BrockMirman(), BrockMirman.State([0.2, 0.3]), {}, "must have shapes capital[]"),
        (BrockMirman(), BrockMirman.State(-0.2), {}, "BrockMirman did not converge: the largest error is nan"),
        (BrockMirman(), K, {"iterations": 1}, "BrockMirman did not converge: the largest error is"),
        (Undetermined(), K, {}, "do not determine the path"),
        (Counting(), Age(0), {}, "Counting.State.periods is no real number"),
        (Twice(), K, {}, "Twice has 2 equations for 1 policies"),
    ],
)
def test_what_has_no_path_is_said_in_one_message(model, start, options, said):
    with pytest.raises(eq.UserError, match=re.escape(said)) as caught:
        eq.perfect_foresight(model, start, **{"periods": 5, **options})
    assert "\n" not in str(caught.value)
