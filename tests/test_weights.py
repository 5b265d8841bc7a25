"""Weights and units of errors: figures by hand, what is refused, and what the verdict sees."""

from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from equilearn.equilibrium import MarkovChain, Model, Real, SolveSettings, Uncertain, solve
from equilearn.equilibrium.accuracy import COLUMNS, Accuracy, Part
from equilearn.equilibrium.checks import check_model
from equilearn.equilibrium.figures import by_weight
from equilearn.equilibrium.policy_accuracy import nearly_all
from equilearn.equilibrium.seeds import Figures, compare
from equilearn.equilibrium.verdict import judge
from equilearn.errors import UserError

COUNTS = np.array([[1.0, 3.0], [2.0, 0.0]])


class Two(Model):
    """Two numbers to be found in each state of a chain; the second of state 1 concerns nobody."""

    scale: float = 1.0
    shock: MarkovChain = MarkovChain(((0.5, 0.5), (0.5, 0.5)))

    class State(NamedTuple):
        """The chain's state."""

        shock: Array

    class Policy(NamedTuple):
        """Both numbers."""

        level: Array

    def initial(self, key):
        """Return state 0."""
        return self.State(self.shock.initial)

    def policies(self, state):
        """Return all numbers."""
        return {"level": Real(scale=jnp.ones(2))}

    def transition(self, state, policy, shock):
        """Follow the chain."""
        return self.State(shock)

    def errors(self, state, policy, expect):
        """Return how far both are off."""
        return {"gap": policy.level - self.scale * jnp.asarray([[0.1, 0.2], [0.3, 5.0]])[state.shock]}

    def weights(self, state, policy):
        """Return whom each concerns."""
        return {"gap": jnp.asarray(COUNTS)[state.shock]}

    def units(self):
        """Return what one unit is."""
        return {"gap": "levels"}


@pytest.fixture(scope="module")
def solution():
    """Not learnt: all errors are those of a fresh network."""
    return solve(Two(), settings=SolveSettings(episodes=1, width=4, depth=1, paths=8, periods=1, learning_rate=0.0))


def test_figures_count_components_by_their_weights(solution):
    """By hand: every error as often as its weight says."""
    found = solution.accuracy(500, burn_in=10)
    shocks = found.parts[0].shocks
    counts = (COUNTS / COUNTS.mean(axis=1, keepdims=True) * 6).round().astype(int)[shocks]
    every = np.repeat(found.errors["gap"].ravel(), counts.ravel())
    row = found.summary()["gap"]
    assert row["mean"] == pytest.approx(every.mean(), rel=1e-5)
    assert row["max"] == pytest.approx(every.max(), rel=1e-6)
    assert row["max"] < found.errors["gap"].max(), "the largest concerns nobody"
    for p in (10, 50, 90, 99):
        assert row[str(p)] == pytest.approx(np.percentile(every, p, method="inverted_cdf"), rel=1e-6)
    by_state = found.mean_by_state()["gap"]
    assert by_state[1] == pytest.approx(found.errors["gap"][shocks == 1][:, 0].mean(), rel=1e-5)
    assert found.coverage()["units"] == {"gap": "levels"} and found.coverage()["weighted"] == ["gap"]
    assert any("One unit of gap: levels" in note for note in found.notes())
    assert len(by_weight(solution.model, found)) == 1


def test_the_verdict_sees_those_who_hold_the_mass(solution):
    """An error of 2 % where nine tenths are, none elsewhere: small when pooled, not when weighted."""
    errors = {"gap": np.where(np.arange(100) < 2, 2e-2, 0.0) * np.ones((50, 1))}
    weights = {"gap": np.where(np.arange(100) < 2, 45.0, 10 / 98) * np.ones((50, 1))}
    pooled, weighted = (Accuracy((Part("here", errors, weights=own),)) for own in ({}, weights))
    assert pooled.summary()["gap"]["mean"] == pytest.approx(4e-4)
    assert weighted.summary()["gap"]["mean"] == pytest.approx(0.9 * 2e-2)
    assert not judge(solution, weighted).accurate
    assert "1.8e-02" in judge(solution, weighted).reasons[0]


def test_weights_that_are_no_numbers_leave_no_figures():
    part = Part("here", {"gap": np.ones((3, 2))}, weights={"gap": np.full((3, 2), np.nan)})
    assert all(np.isnan(part.rows()["gap"][column]) for column in COLUMNS)


@pytest.mark.slow
def test_the_loss_is_weighted():
    """With most of the weight on one of two numbers that cannot both be met, that one is met better."""

    class Torn(Two):
        """One number for two aims."""

        heavy: float = 9.0

        def policies(self, state):
            """Return one number, twice."""
            return {"level": Real(scale=1.0)}

        def errors(self, state, policy, expect):
            """Return how far it is from 0 and from 0.1."""
            return {"gap": policy.level - jnp.asarray([0.0, 0.1])}

        def weights(self, state, policy):
            """Return nine tenths for the first."""
            return {"gap": jnp.asarray([self.heavy, 1.0])}

    settings = SolveSettings(episodes=60, width=4, depth=1, paths=16, periods=2, batch_size=16, tail=0.0)
    light, heavy = (solve(Torn(heavy=own), settings=settings).simulate(20).level.values.mean() for own in (1.0, 9.0))
    gap = lambda x, w: w * np.log1p(x) ** 2 + (2 - w) * np.log1p(x - 0.1) ** 2  # noqa: E731
    grid = np.linspace(0, 0.1, 2001)
    assert light == pytest.approx(grid[np.argmin(gap(grid, 1.0))], abs=5e-3)
    assert heavy == pytest.approx(grid[np.argmin(gap(grid, 0.1 + 0.9 * 1.8))], abs=5e-3)


@pytest.mark.parametrize(
    ("weights", "what"),
    [
        ({"gap": jnp.asarray([1.0, jnp.nan])}, "those of 'gap' are not finite, negative or all zero"),
        ({"gap": jnp.asarray([1.0, -1.0])}, "not finite, negative or all zero"),
        ({"gap": jnp.zeros(2)}, "not finite, negative or all zero"),
        ({"gap": jnp.ones(3)}, r"of shape \(3,\), but the error is of shape \(2,\)"),
        ({"other": jnp.ones(2)}, "there is no error or policy named 'other'; there are level, gap"),
        ({"level": jnp.ones(3)}, r"those of 'level' are of shape \(3,\), but the policy is of shape \(2,\)"),
        ([1.0, 2.0], "must return a dictionary of named weights"),
    ],
)
def test_bad_weights_are_refused_before_the_training(weights, what):
    class Bad(Two):
        """With bad weights."""

        def weights(self, state, policy):
            return weights

    with pytest.raises(UserError, match=rf"Bad\.weights: .*{what}"):
        check_model(Bad())


@pytest.mark.parametrize(
    ("units", "what"), [({"other": "a"}, "there is no error named 'other'"), ({"gap": 1}, "must return")]
)
def test_bad_units_are_refused(units, what):
    class Odd(Two):
        """With bad units."""

        def units(self):
            return units

    with pytest.raises(UserError, match=rf"Odd\.units: {what}"):
        check_model(Odd())


def test_uncertain_parameters_keep_weights_and_units():
    model = Uncertain(Two(), scale=(1.0, 2.0))
    state = model.State(jnp.asarray(0), jnp.asarray([1.0]))
    assert model.units() == {"gap": "levels"}
    assert np.asarray(model.weights(state, None)["gap"]) == pytest.approx(COUNTS[0])


def test_policies_count_components_by_their_weights_too():
    """Mean and percentile by hand; without weights the number that concerns nobody would decide both."""

    class Peopled(Two):
        """Two numbers, of which one is for nearly everybody."""

        def weights(self, state, policy):
            return {"level": jnp.array([2.0, 0.0])}

    solution = solve(Peopled(), settings=SolveSettings(episodes=1, paths=4, batch_size=8))
    found = solution.accuracy(200).policy
    row, off = found.summary()["level"], np.abs(found.errors["level"])
    assert row["mean"] == pytest.approx(found.weights @ off[:, 0], rel=1e-6)
    assert row["99.9"] == pytest.approx(off[:, 0].max(), rel=1e-6)
    assert row["max"] == pytest.approx(off[:, 0].max(), rel=1e-6) and row["max"] < off.max()
    assert "for all but one in a thousand of those whom it concerns" in found.line()
    size = found.weights @ np.abs(found.policies["level"][:, 0])
    assert row["relative mean"] == pytest.approx(row["mean"] / size, rel=1e-6)
    assert found.by_state(2)["level"] @ np.bincount(found.shocks, found.weights) == pytest.approx(
        row["relative mean"], rel=1e-6
    )


def test_where_not_all_equations_can_hold_least_squares_go_by_weight():
    """One number between two: the learning counts 0.1 + 0.9 (1.5, 0.5), so the answer is 0.55 / (1.45 + 0.55)."""

    class Pulled(Model):
        """A number that two equations want at zero and at one."""

        class State(NamedTuple):
            """Nothing that moves."""

            place: Array

        class Policy(NamedTuple):
            """The number."""

            level: Array

        def initial(self, key):
            return self.State(jax.random.uniform(key))

        def policies(self, state):
            return {"level": Real()}

        def transition(self, state, policy, shock):
            return self.State(0.5 * state.place)

        def errors(self, state, policy, expect):
            return {"gap": policy.level - jnp.array([0.0, 1.0])}

        def weights(self, state, policy):
            return {"gap": jnp.array([3.0, 1.0])}

    solution = solve(Pulled(), settings=SolveSettings(episodes=2, paths=4, batch_size=8, restart=0.5))
    corrected = solution.accuracy(100).policy.corrected["level"]
    assert corrected == pytest.approx(np.full(corrected.shape, 0.275), abs=1e-7)


def test_a_name_that_is_an_error_and_a_policy_has_no_weights():
    class Same(Two):
        """An error of the policy's name."""

        def errors(self, state, policy, expect):
            return {"level": super().errors(state, policy, expect)["gap"]}

        def weights(self, state, policy):
            return {"level": jnp.ones(2)}

    with pytest.raises(UserError, match=r"Same\.weights: 'level' is an error and a policy"):
        check_model(Same())


def test_seeds_that_differ_where_nobody_is_do_not_differ():
    class Peopled(Two):
        """Two numbers, of which one is for nobody."""

        def weights(self, state, policy):
            return {"level": jnp.array([2.0, 0.0])}

    one = solve(Peopled(), settings=SolveSettings(episodes=1, paths=4, batch_size=8))
    accuracy = one.accuracy(100)
    figures = Figures(accuracy.summary(), accuracy.policy.record())

    def apart(which):
        moved = eqx.tree_at(
            lambda f: f.network.biases[-1], one.policy_function, replace_fn=lambda b: b.at[which::2].add(0.5)
        )
        gaps = compare([one, replace(one, policy_function=moved, seed=1)], [figures] * 2).gaps["level"]
        return gaps[1] / abs(gaps).max() if gaps.any() else gaps[1]

    np.testing.assert_allclose(apart(1), 0, atol=1e-6)
    assert apart(0).min() > 0.5


def test_components_of_nobody_are_in_no_figure():
    """By hand: one component for all but a millionth of a millionth, the other for that."""
    counts = np.array([[2 - 2e-12, 2e-12]])
    mean, high, largest = nearly_all(np.array([[0.1, 9.0]]), counts)
    assert (mean, high, largest) == pytest.approx((0.1, 0.1, 0.1), abs=1e-9)


def test_weights_may_be_lists_and_whole_numbers():
    class Listed(Two):
        """Weights as people write them."""

        def weights(self, state, policy):
            return {"gap": [1, 3], "level": np.array([2, 1])}

    found = solve(Listed(), settings=SolveSettings(episodes=1, paths=4, batch_size=8)).accuracy(100)
    assert np.unique(found.parts[0].weights["gap"], axis=0) == pytest.approx(np.array([[0.5, 1.5]]))
    assert found.policy.components["level"][0] == pytest.approx([4 / 3, 2 / 3])
