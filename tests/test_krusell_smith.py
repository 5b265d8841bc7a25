"""The economy of Krusell and Smith against their published figures, and against their own method (`oracles`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import KrusellSmithOwn

from equilearn.economies.krusell_smith import KrusellSmith
from equilearn.equilibrium import solve
from equilearn.errors import UserError

PUBLISHED = np.array([[0.085, 0.965], [0.095, 0.962]])
"""Krusell and Smith (1998), the baseline's rule for log capital: intercept and slope in bad and in good times."""


@pytest.fixture(scope="module")
def own():
    return KrusellSmithOwn(KrusellSmith())


@pytest.fixture(scope="module")
def solution():
    return solve(KrusellSmith())


def test_the_chain_is_the_published_one():
    """Joint probabilities as den Haan, Judd and Juillard (2010) print them, to six decimals."""
    model = KrusellSmith()
    joint = np.asarray(model.shock.transition)[:, :, None, None] * model.change  # [z, z', e, e']
    published = [
        [0.525, 0.35, 0.03125, 0.09375],
        [0.038889, 0.836111, 0.002083, 0.122917],
        [0.09375, 0.03125, 0.291667, 0.583333],
        [0.009115, 0.115885, 0.024306, 0.850694],
    ]
    assert np.transpose(joint, (0, 2, 1, 3)).reshape(4, 4) == pytest.approx(np.asarray(published), abs=1e-6)
    with pytest.raises(UserError, match="no probabilities that give this unemployment"):
        KrusellSmith(spell=(9.0, 1.5))
    with pytest.raises(UserError, match="benefit below labour"):
        KrusellSmith(benefit=0.4)


def test_budgets_add_up_whatever_the_policy():
    """Output is spent or kept, unemployment follows the times, nobody is lost."""
    model = KrusellSmith(labour=1 / 0.9, benefit=0.15)
    state = model.initial(jax.random.key(0))
    thrift = model.policies(state)["thrift"]
    policy = model.Policy(**thrift.values("thrift", 0.1 * jax.random.normal(jax.random.key(1), thrift.shape)))
    for z in (1, 1, 0):
        seen = model.definitions(state, policy)
        following = model.transition(state, policy, jnp.asarray(z))
        kept = model.definitions(following, policy)["capital"] - (1 - model.depreciation) * seen["capital"]
        assert float(seen["output"]) == pytest.approx(float(seen["consumption"] + kept), rel=1e-5)
        hours = (1 - model.unemployment[int(state.shock)]) * model.labour
        product = model.productivity[int(state.shock)] * float(seen["capital"]) ** 0.36 * hours**0.64
        assert float(seen["output"]) == pytest.approx(product, rel=1e-5), "the tax pays for the benefit"
        assert float(jnp.sum(following.histogram[0])) == pytest.approx(model.unemployment[z], rel=1e-5)
        assert float(jnp.sum(following.histogram)) == pytest.approx(1, abs=1e-6)
        state = following


@pytest.mark.slow
def test_their_own_method_gives_their_published_figures(own):
    assert own.rule == pytest.approx(PUBLISHED, abs=2e-3)
    assert min(own.fit) > 0.9999
    predicted = own.rule @ [1, np.log(own.mean)]
    assert predicted == pytest.approx(PUBLISHED @ [1, np.log(own.mean)], abs=2e-3), "they print three decimals"
    gini = float(own.model.histogram.gini(own.mass))
    assert gini == pytest.approx(0.25, abs=0.015), "their table 1, the benchmark model"


@pytest.mark.slow
def test_the_network_agrees_with_their_own_method(own, solution):
    """Along one path of times, from one distribution: capital, and the rule that it seems to follow."""
    path = solution.simulate(1500, burn_in=1500)
    capital, z = path.capital.values.astype(float), path.shock.values
    theirs, mass = own.follow(path.histogram.values[0].astype(float), z.tolist())
    assert capital == pytest.approx(theirs, rel=1e-2)
    logs = np.log(capital)
    for state in range(2):
        at = z[:-1] == state
        slope, intercept = np.polyfit(logs[:-1][at], logs[1:][at], 1)
        assert intercept + slope * np.log(own.mean) == pytest.approx(own.rule[state] @ [1, np.log(own.mean)], abs=1e-3)
    assert path.gini.values[-1] == pytest.approx(float(own.model.histogram.gini(mass)), abs=0.01), (
        "the spread of wealth"
    )
    accuracy = solution.accuracy(1000)
    found = accuracy.summary()["euler"]
    assert found["mean"] <= 1e-3 and found["99.9"] <= 1e-2
    assert accuracy.policy.unique and accuracy.policy.summary()["share"]["relative mean"] < 4e-3


@pytest.mark.slow
def test_the_certificate_says_how_far_consumption_is_from_that_of_their_own_method(own, solution):
    """By mass: the estimated error of the share consumed is about the distance between the two."""
    model, path = solution.model, solution.simulate(1500, burn_in=1000)
    at = np.arange(0, 1500, 63)  # as many states as the certificate follows paths from
    at = at[np.argsort(path.shock.values[at], kind="stable")]  # as the certificate has them
    states = model.State(jnp.asarray(path.shock.values[at]), jnp.asarray(path.histogram.values[at]))
    found = solution.accuracy(states=states).policy
    assert len(found.weights) == len(at)
    knots = jnp.asarray(model.knots)
    distance, weights = [], []
    for i in range(len(at)):
        state = jax.tree.map(lambda leaf, i=i: leaf[i], states)
        policy = model.Policy(*(jnp.asarray(found.policies[name][i]) for name in ("share", "multiplier")))
        theirs = own.spent(int(state.shock), float(model.histogram.mean(state.histogram)), np.asarray(knots[0]))
        cash, ours = (np.asarray(one) for one in model.household(state, policy, knots)[1:3])
        distance.append(np.clip(theirs / np.maximum(cash, 1e-9), 0, 1) - ours / np.maximum(cash, 1e-9))
        weights.append(np.asarray(model.weights(state, policy)["share"]))
    distance, weights = np.array(distance), np.array(weights)
    used = np.average(found.policies["share"], weights=weights)
    distance = np.average(np.abs(distance), weights=weights) / used
    estimate = np.average(np.abs(found.errors["share"]), weights=weights) / used
    assert estimate == pytest.approx(distance, rel=0.5) and distance < 4e-3
