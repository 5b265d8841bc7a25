"""What a solution shows of itself: lines, pages, figures, tables and shares at bounds, for solutions known exactly."""

import re
import sys
import types
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_histories import DISCOUNT, SHARE, SHOCKS, Planner, exact

import equilearn as eq
from equilearn.learn.live import LiveLine


@pytest.fixture(scope="module")
def planner():
    return exact(Planner(shock=SHOCKS["named"][0]))


def lines(axis):
    return {line.get_label(): line.get_xydata().T for line in axis.get_lines()}


def labelled(figure):
    """Return the visible panels by title; each has a label below and a line that is not empty."""
    panels = [axis for axis in figure.axes if axis.get_visible()]
    assert panels and all(axis.get_xlabel() and axis.has_data() for axis in panels)
    return {axis.get_title(loc="left"): axis for axis in panels}


def test_policies_are_drawn_over_a_state_with_the_others_at_their_mean(planner):
    states = jax.tree.map(lambda leaf: np.asarray(leaf[:, 0]), planner.states(2_000, burn_in=500, seed=1))
    panels = labelled(planner.plot(variables=["savings_rate", "output"]))
    assert set(panels) == {"savings rate", "output"} and panels["output"].get_xlabel() == "capital"
    drawn = lines(panels["output"])
    assert set(drawn) == {"state 0", "state 1"}
    trend = states.shock.trend.mean()
    for index, shift in enumerate((0.0, -0.1)):
        capital, output = drawn[f"state {index}"]
        np.testing.assert_allclose(output, np.exp(trend + shift) * capital**SHARE, rtol=1e-5)
        np.testing.assert_allclose(capital[[0, -1]], np.percentile(states.capital, [0.5, 99.5]), rtol=1e-5)
    trend_axis = labelled(planner.plot(over="trend", variables="output"))["output"]
    x, y = lines(trend_axis)["state 0"]
    np.testing.assert_allclose(y, np.exp(x) * states.capital.mean() ** SHARE, rtol=1e-5)


def test_paths_and_responses_are_those_that_are_simulated():
    planner = exact(Planner())
    panels = labelled(planner.plot("paths", variables=["capital"], periods=30, burn_in=5, seed=4))
    path = planner.simulate(30, burn_in=5, seed=4)
    np.testing.assert_array_equal(next(iter(lines(panels["capital"]).values()))[1], path.capital.values)
    several = labelled(planner.plot("paths", periods=10, burn_in=5, paths=4))
    assert "output" in several and len(several["output"].collections) == 1
    asked: dict[str, Any] = {"periods": 6, "paths": 200}
    panels = labelled(planner.plot("response", shock=0.02, variables=["output"], quantiles=(0.1, 0.9), **asked))
    response = planner.impulse_response(0.02, quantiles=(0.1, 0.9), **asked)
    drawn = next(one for one in panels["output"].get_lines() if len(one.get_xdata()) == 6)
    np.testing.assert_allclose(drawn.get_ydata(), response.output.values, rtol=1e-6)
    band = panels["output"].collections[0].get_paths()[0].get_extents()
    assert band.y1 == pytest.approx(float(response.output_quantiles.max()), rel=1e-5)
    assert "10 to 90 % of the paths" in [one.get_text() for one in panels["output"].get_legend().get_texts()]


class Cohorts(Planner):
    """The planner with policies that have an axis: what two ages save of output."""

    class Policy(NamedTuple):
        savings_rate: Any
        parts: Any

    def policies(self, state):
        return super().policies(state) | {"parts": eq.Interval(jnp.zeros(2), state.capital * jnp.asarray([1.0, 3.0]))}

    def coordinates(self):
        return {"parts": ("age", np.array([30, 60]))}


def test_policies_with_an_axis_are_drawn_along_it_and_over_a_state():
    solution = exact(Cohorts())
    along = labelled(solution.plot(over="age", variables=["parts"]))["parts"]
    assert along.get_xlabel() == "age"
    ages, mean = lines(along)["mean"]
    assert ages.tolist() == [30, 60] and mean[1] == pytest.approx(3 * mean[0], rel=1e-5)
    over = lines(labelled(solution.plot(variables=["parts"], over="capital"))["parts"])
    np.testing.assert_allclose(over["[60]"][1], 1.5 * over["[60]"][0], rtol=1e-5)
    columns = solution.table(solution.model.State(jnp.asarray(0.0), jnp.asarray(0.2)))
    assert list(columns.columns[:5]) == ["shock", "capital", "savings_rate", "parts[30]", "parts[60]"]
    assert columns["parts[60]"].tolist() == pytest.approx([0.3])


def test_what_cannot_be_drawn_is_refused_in_a_sentence(planner):
    for arguments, said in (
        ({"what": "prices"}, "no figure 'prices'; there are policies, paths"),
        ({"variables": ["wages"]}, "no variable 'wages'"),
        ({"over": "wages"}, "no state 'wages' to draw over; there are trend, capital"),
        ({"size": 3}, "policies has no option 'size'; it has variables, over, periods, seed"),
        ({"what": "training"}, "no record of the training"),
    ):
        with pytest.raises(eq.UserError, match=said):
            planner.plot(**arguments)
    vector = exact(Planner(shock=SHOCKS["vector"][0]))
    with pytest.raises(eq.UserError, match=r"shock has 2 components; say \('shock', 0\)"):
        vector.plot(over="shock")
    assert labelled(vector.plot(over=("shock", 1), variables="output"))["output"].get_xlabel() == "shock[1]"


def test_a_solution_and_its_accuracy_say_themselves_in_a_line(planner):
    assert repr(planner) == "Solution(Planner: 0 episodes in 0.0 s, seed 0, exhausted)"
    accuracy = planner.accuracy(50, burn_in=5)
    assert re.fullmatch(r"Accuracy\(euler mean \S+, max \S+\)", repr(accuracy))


def test_a_notebook_shows_verdict_table_and_figure():
    solution = exact(Planner())
    solution.__dict__["_certificate"] = solution.accuracy(200, burn_in=20)
    page = solution._repr_html_()
    words = eq.equilibrium.verdict.judge(solution, solution._certificate).words
    assert words.startswith("Accurate") and words in page
    assert "equation euler" in page and "policy savings_rate, estimated" in page
    assert page.count("data:image/png;base64,") == 1 and "<script" not in page
    broken = replace(solution, model=Undrawn())
    broken.__dict__["_certificate"] = solution._certificate
    page = broken._repr_html_()
    assert words in page and "The figure failed: " in page and "data:image" not in page


class Undrawn(Planner):
    """A planner that cannot be drawn."""

    def coordinates(self):
        raise ValueError("no <axes>")


def test_policies_in_given_states_are_a_table(planner):
    shock = planner.model.shock.initial
    state = planner.model.State(shock, jnp.asarray(0.2))
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), state)._replace(capital=jnp.asarray([0.1, 0.4]))
    table = planner.table(many)
    assert list(table.columns) == ["trend", "regime", "capital", "savings_rate", "consumption", "output"]
    np.testing.assert_allclose(table.savings_rate, SHARE * DISCOUNT, rtol=1e-6)
    np.testing.assert_allclose(table.output, np.array([0.1, 0.4]) ** SHARE, rtol=1e-6)
    assert len(planner.table(state)) == 1
    with pytest.raises(eq.UserError, match=r"needs a Planner\.State"):
        planner.table(3)


class Bounded(Planner):
    """A planner whose network is made to push: part of the states at the upper end, the multiplier's bound binding."""

    class Policy(NamedTuple):
        savings_rate: Any
        extra: Any
        multiplier: Any

    def policies(self, state):
        return super().policies(state) | {"extra": eq.Complement(0.0, 1.0, start=0.5)}

    def safeguards(self, state, policy):
        return {"capital is large": state.capital > 0.2}


def test_shares_at_bounds_are_counted_on_the_path():
    solution = exact(Bounded())
    path = solution.simulate(400, burn_in=10, seed=3)
    shares = solution.bounds(400, burn_in=10, seed=3)
    assert shares["capital is large"] == pytest.approx(float((path.capital > 0.2).mean())) and 0 < shares.iloc[0] < 1
    assert shares["extra at its lower bound"] == 0 and shares["savings_rate at its upper bound"] == 0
    pushed = replace(solution, policy_function=push(solution.policy_function))
    assert pushed.bounds(50, burn_in=0)["extra at its lower bound"] == 1.0


def push(policy):
    import equinox as eqx

    last = policy.network.biases[-1]
    return eqx.tree_at(lambda p: p.network.biases[-1], policy, last.at[1].set(-3.0))


def test_a_notebook_has_a_live_line_that_is_gone_at_the_end(monkeypatch):
    seen: list[str] = []

    class Handle:
        def update(self, data, *, raw):
            seen.append(data["text/plain"])

    def display(data, *, raw, display_id):
        seen.append(data["text/plain"])
        return Handle()

    shell: Any = types.ModuleType("IPython")
    shell.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    shell.display = types.ModuleType("IPython.display")
    shell.display.display = display
    for name, module in (("ipykernel", shell), ("IPython", shell), ("IPython.display", shell.display)):
        monkeypatch.setitem(sys.modules, name, module)
    with LiveLine("outer", live=True) as outer, LiveLine("inner", live=True) as inner:
        inner.say("episode 1")
        outer.say("too soon")
    assert seen == ["", "inner: episode 1", ""]
    seen.clear()
    with LiveLine("quiet", live=False) as quiet:
        quiet.say("nothing")
    shell.get_ipython = lambda: None
    with LiveLine("plain", live=True) as plain:
        plain.say("nothing")
    assert seen == []
