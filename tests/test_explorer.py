"""The explorer computes in the browser what the solution does in Python: headless Chromium beside JAX."""

import html
import json
import os
import re
import shutil
import subprocess
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_histories import CHAIN, Planner, exact

import equilearn as eq
from equilearn.economies import ECONOMIES, OLG, find
from equilearn.equilibrium.policy_error import double
from equilearn.equilibrium.shocks import entries
from equilearn.equilibrium.solution import fresh_policy
from equilearn.networks import Scaling
from equilearn.report.explorer import step
from equilearn.report.javascript import translate

SMALL = {"olg": {"generations": 12}, "analytic-olg": {}, "irbc": {"countries": 3}, "continuum": {}}
SETTINGS = eq.SolveSettings(width=16, depth=2)
PROMISED = 1e-5
"""Relative to the largest number of an output."""


@pytest.fixture
def browser(tmp_path):
    """Return a function that opens a page with a script at its end, and gives back what the script evaluates to."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium here; install it (`apt-get install chromium`) to see the explorer run")

    def run(script, page="<!doctype html><body></body>"):
        shows = "document.body.innerHTML='<pre id=\"found\"></pre>';document.getElementById('found').textContent="
        packed = "JSON.stringify(found,(k,v)=>ArrayBuffer.isView(v)?Array.from(v,String):v)"
        ends = f"<script>{{const found=(()=>{{{script}}})();{shows}{packed}}}</script></body>"
        (tmp_path / "page.html").write_text(page.replace("</body>", ends))
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
        command += ["--virtual-time-budget=10000", "--dump-dom", (tmp_path / "page.html").as_uri()]
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=os.environ).stdout
        return json.loads(html.unescape(re.search('<pre id="found">(.*?)</pre>', dom, re.S)[1]))

    return run


def flat(tree):
    """Return the leaves of a tree of arrays as lists of numbers."""
    return [np.asarray(leaf).ravel().tolist() for leaf in jax.tree.leaves(tree)]


def assert_agree(found, expected):
    for one, other in zip(found, flat(expected), strict=True):
        numbers = np.asarray([float(x) for x in one])
        scale = np.nanmax(np.abs(other), initial=1e-30, where=np.isfinite(other))
        np.testing.assert_allclose(numbers, np.asarray(other, float), rtol=PROMISED, atol=PROMISED * scale)


def moving(x, i):
    """Everything that chooses and moves numbers; x has four of them."""
    square = jnp.outer(x, x)
    return (
        jnp.stack([x, -x], 1), jnp.split(x, 2), jnp.tile(x, 2), x[i], x[jnp.asarray([i, 0, 9])], jnp.take(x, 9),
        square[:, i], square[i, 1:3], x.at[i].set(3.0), x.at[jnp.asarray([1, 1])].add(2.0), square.at[:, i].set(x),
        jax.lax.dynamic_update_slice(x, x[:2], (i,)), jax.lax.pad(x, 7.0, ((-1, 2, 1),)), jnp.roll(x, 1),
        jax.vmap(lambda row, k: row[k])(square, jnp.arange(4)), jnp.sort(-square, 0), jnp.argsort(-x),
        jnp.argmax(-x), jnp.where(x > i, x, -x), jnp.interp(x[0] + 0.3, x, x * x), jnp.searchsorted(x, x[1]),
    )  # fmt: skip


def computing(x, i):
    """Arithmetic, reductions, products and loops."""
    square = jnp.outer(x, x)
    return (
        x**3, x**-0.5, x // 2, x % 2, jnp.round(x), x.astype(int), jnp.sign(-x), jax.nn.softmax(x), jnp.isfinite(x),
        jnp.logaddexp(x, 1.0), jnp.clip(x, 1, 2), jnp.var(x), jnp.prod(x), jnp.any(x > 3), jnp.cumsum(square, 1),
        jax.lax.cumsum(x, reverse=True), jnp.einsum("ij,kj->ki", square, jnp.ones((2, 4))), square.T @ x,
        jax.vmap(jnp.dot)(square, square), jax.lax.fori_loop(0, i, lambda k, c: c * 1.1, x),
        jax.lax.while_loop(lambda c: c[0] < 9, lambda c: (c[0] + 1, c[2], c[1]), (x[0], x[1], x[2])),
        jax.lax.scan(lambda c, y: ((c[1], c[0] + y), c[0] * y), (x[0], x[1]), x, reverse=True),
        jax.lax.switch(i - 1, [lambda: x, lambda: -x, lambda: 2 * x]),
    )  # fmt: skip


@pytest.mark.parametrize("function", [moving, computing])
def test_every_operation_gives_in_the_browser_what_jax_gives(browser, function):
    given = (jnp.arange(4.0) + 0.5, jnp.asarray(2))
    found = browser(f"return ({translate(function, *given)})({json.dumps(flat(given))})")
    assert_agree(found, jax.jit(function)(*given))


def solved(model, key=0):
    """Return a solution whose network is fresh, and moves its policies: what the page shows is no matter here."""
    policy = fresh_policy(model, SETTINGS, key=jax.random.key(key))
    keys = jax.random.split(jax.random.key(key + 1), 50)
    features = jax.vmap(lambda one: model.features(model.initial(one)))(keys)
    wide = Scaling.of(features)
    policy = eqx.tree_at(
        lambda p: p.scaling, policy, Scaling(wide.mean, wide.deviation + 0.2 * jnp.abs(wide.mean) + 0.1)
    )
    policy = eqx.tree_at(lambda p: p.network.weights[-1], policy, replace_fn=lambda w: 10 * w)
    return eq.Solution(model, SETTINGS, policy, 0, eq.Outcome.EXHAUSTED, "Fresh.", 0.0, 0, 0)


def some_states(model, number):
    """Return states around the initial ones, with any index of the chain."""
    states = jax.vmap(model.initial)(jax.random.split(jax.random.key(2), number))
    keys = iter(jax.random.split(jax.random.key(3), 100))
    real = lambda leaf: jnp.issubdtype(leaf.dtype, jnp.floating)  # noqa: E731
    states = jax.tree.map(
        lambda x: x * jax.random.uniform(next(keys), x.shape, minval=0.9, maxval=1.1) if real(x) else x, states
    )
    if not model.shock.chains:
        return states
    joint = jnp.arange(number, dtype=jnp.int32) % model.shock.states
    return states._replace(shock=jax.vmap(model.shock.with_index)(states.shock, joint))


@pytest.mark.slow
@pytest.mark.parametrize("name", ECONOMIES)
def test_policies_definitions_and_paths_of_every_economy_agree_with_python(browser, name):
    model = find(name)(**SMALL.get(name, {}))
    policy, states = solved(model).policy_function, some_states(model, 4)
    indices = model.shock.indices(states.shock) if model.shock.chains else ()
    first, *_ = cases = [jax.tree.map(lambda leaf, i=i: leaf[i], (states, indices)) for i in range(4)]
    program = translate(lambda state, z: step(policy, state, z), *first)
    found = browser(f"const p={program};return {json.dumps([flat(case) for case in cases])}.map(p)")
    with jax.enable_x64(True):  # single precision is itself further from this than is promised, where it cancels
        wide, exact_states = double(policy), double(states)
        expected = jax.jit(jax.vmap(lambda state, z: step(wide, state, z)))(exact_states, indices)
    for i, one in enumerate(found):
        assert_agree(one, jax.tree.map(lambda leaf, i=i: leaf[i], expected))


def test_the_page_shows_what_the_solution_says_and_redraws_when_it_is_moved(browser, tmp_path):
    solution = solved(OLG(generations=6))
    simulation = solution.simulate(300, burn_in=0)
    page = eq.write_explorer(solution, tmp_path / "olg.html", simulation=simulation).read_text()
    assert not re.search(r"https?:|src=|href=|@import|fetch\(", page), "it refers to nothing outside"
    found = browser(
        """
        const before = find("panels").innerHTML, rows = [];
        for (const [shock, share] of [[0, 0], [2, 7.3], [3, 20]]) {
          values[0] = shock; values[1] = share;
          const state = stateOf(values);
          rows.push({ state, ...evaluate(state, [1]) });
        }
        const slider = find("slider0"), panels = [];
        for (const over of ["time", "1"]) {
          find("over").value = over;
          slider.value = 2; slider.dispatchEvent(new Event("input", { bubbles: true })); draw();
          panels.push(find("panels").innerHTML);
        }
        return { rows, before, panels, reference: stateOf(first), names: DATA.panels };
        """,
        page,
    )
    names = {panel["title"]: panel["at"] for panel in found["names"]}
    for row in found["rows"]:
        shock, capital = (np.asarray([float(x) for x in field]) for field in row["state"])
        state = solution.model.State(jnp.asarray(int(shock[0]), jnp.int32), jnp.asarray(capital, jnp.float32))
        policy = solution.policy(state)
        following = solution.model.transition(state, policy, jnp.asarray(1, jnp.int32))
        assert_agree([row["seen"][names["savings"]], row["seen"][names["multiplier"]]], policy)
        assert_agree(row["next"], following)
        assert_agree([row["seen"][names["consumption"]]], solution.model.definitions(state, policy)["consumption"])
    seen = simulation["capital"].values.astype(float)
    np.testing.assert_allclose([float(x) for x in found["reference"][1]], seen.mean(axis=0), rtol=PROMISED)
    low, high = (np.asarray([float(x) for x in found["rows"][i]["state"][1]]) for i in (0, 2))
    assert low.sum() < seen.sum(axis=1).mean() < high.sum()
    assert len({found["before"], *found["panels"]}) == 3 and all("NaN" not in one for one in found["panels"])


def test_a_response_in_the_browser_is_the_closed_forms(browser, tmp_path):
    """Two shocks, one of them a chain: the path without surprises of an exact solution, whose savings rate is known."""
    solution = exact(Planner(shock=eq.Shocks(trend=eq.AR1(0.9, 0.02), regime=eq.MarkovChain(CHAIN))))
    page = eq.write_explorer(solution, tmp_path / "planner.html", simulation=solution.simulate(50)).read_text()
    script = """
      const state = DATA.start.map(x => [...x]);
      state[0][0] = 0.05; state[1][0] = 1; state[2][0] = 0.3;
      const at = DATA.panels.find(one => one.title === "capital").at;
      return path(state, 6, 3, [0]).map(seen => seen[at][0]);
    """
    capital = 0.3
    for t, value in enumerate(browser(script, page)):
        assert value == pytest.approx(capital, rel=PROMISED)
        productivity = 0.05 * 0.9**t + (-0.1 if t < 3 else 0.0)
        capital = 0.36 * 0.96 * np.exp(productivity) * capital**0.36


class Unknown(Planner):
    class State(NamedTuple):
        shock: Any
        capital: Any

    def definitions(self, state, policy):
        return {"output": jnp.linalg.solve(jnp.eye(2) * state.capital, jnp.ones(2))}


def test_what_has_no_translation_is_named(tmp_path):
    with pytest.raises(eq.UserError, match="Unknown: there is no explorer, since the operation `lu`"):
        eq.write_explorer(exact(Unknown()), tmp_path / "page.html", simulation=exact(Planner()).simulate(50))


def test_where_nothing_moves_there_is_nothing_to_explore(tmp_path):
    still = exact(Planner(shock=eq.AR1(0.9, 0.02)))
    simulation = still.simulate(20) * 0
    with pytest.raises(eq.UserError, match="nothing in the state moves"):
        eq.write_explorer(still, tmp_path / "page.html", simulation=simulation)


def test_every_field_of_a_state_is_in_the_page_in_the_order_that_the_program_reads():
    model = Planner(shock=eq.Shocks(trend=eq.AR1(0.9, 0.02), regime=eq.MarkovChain(CHAIN)))
    state = model.initial(jax.random.key(0))
    assert [float(one.value) for one in entries(state)] == [float(leaf) for leaf in jax.tree.leaves(state)]
