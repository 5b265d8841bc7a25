"""Dynamic programming against loops, closed forms and its own bound; tables against dynamic programming."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.errors import UserError
from equilearn.reinforcement import (
    CLIFF,
    LAKE,
    RACE,
    FiniteProblem,
    Gridworld,
    Growth,
    Tabular,
    policy_iteration,
    solve_on_grid,
    train,
    value_iteration,
)
from equilearn.whitebox import bellman as whitebox

WORLDS = {
    "room": Gridworld(),
    "lake": Gridworld(rows=LAKE, slip=2 / 3, step_reward=0.0, hole=0.0),
    "cliff": Gridworld(rows=CLIFF, step_reward=-1.0, goal=-1.0),
    "race": Gridworld(rows=RACE),
}


@pytest.mark.parametrize("name", WORLDS)
def test_three_ways_to_the_exact_values_agree_within_the_bound(name):
    problem = WORLDS[name].tables()
    exact = policy_iteration(problem)
    plain, _ = whitebox.value_iteration(problem.transition, problem.reward, problem.discount)
    by_policies, policy = whitebox.policy_iteration(problem.transition, problem.reward, problem.discount)
    scale = np.abs(exact.values).max()
    np.testing.assert_allclose(plain, exact.values, atol=1e-7)
    np.testing.assert_allclose(by_policies, exact.values, atol=1e-9)
    np.testing.assert_allclose(problem.values_of(policy), exact.values, atol=1e-9)
    fast = value_iteration(problem, tolerance=1e-3 * scale)
    assert np.abs(fast.values - exact.values).max() <= fast.bound + 1e-5 * scale
    assert fast.bound <= 1e-3 * scale
    falling = fast.changes[1:] <= problem.discount * fast.changes[:-1] + 1e-5 * scale
    assert falling.all(), "the operator is a contraction"


@pytest.mark.parametrize("name", WORLDS)
def test_the_steps_of_a_world_have_the_probabilities_of_its_tables(name):
    world = WORLDS[name]
    problem = world.tables()
    rng = np.random.default_rng(0)
    step = jax.jit(jax.vmap(world.step, in_axes=(None, None)))  # keys are keyword-only: mapped over by vmap
    for state in rng.choice(np.flatnonzero(world.open), 4, replace=False):
        action = int(rng.integers(4))
        made = step(
            jnp.asarray(int(state)), jnp.asarray(action), key=jax.random.split(jax.random.key(int(state)), 4000)
        )
        share = np.bincount(np.asarray(made.state), minlength=len(world.cells)) / 4000
        np.testing.assert_allclose(share, problem.transition[state, action], atol=0.04)
        spread = float(jnp.std(made.reward)) + 1e-3
        assert float(jnp.mean(made.reward)) == pytest.approx(problem.reward[state, action], abs=5 * spread / 60)


def test_the_lake_is_gymnasiums():
    import gymnasium

    theirs = gymnasium.make("FrozenLake-v1", is_slippery=True).unwrapped.P
    problem = WORLDS["lake"].tables()
    turned = {0: 3, 1: 2, 2: 1, 3: 0}  # left, down, right, up there; up, right, down, left here
    for state in range(16):
        for action in range(4):
            row = np.zeros(16)
            for chance, to, _, _ in theirs[state][action]:
                row[to] += chance
            np.testing.assert_allclose(problem.transition[state, turned[action]], row, atol=1e-6)
            pays = sum(chance * reward for chance, _, reward, _ in theirs[state][action])
            assert problem.reward[state, turned[action]] == pytest.approx(pays, abs=1e-6)


def test_a_bonus_is_collected_for_ever_and_a_potential_changes_no_best_policy():
    plain, bonus = Gridworld(rows=RACE, bonus=0.0), Gridworld(rows=RACE)
    shaped = dataclasses.replace(plain, shaping=0.1)
    reaches = {}
    for name, world in (("plain", plain), ("bonus", bonus), ("shaped", shaped)):
        problem = world.tables()
        policy, state = policy_iteration(problem).policy, 0
        for _ in range(50):
            state = int(np.argmax(problem.transition[state, policy[state]]))
        reaches[name] = world.cells[state] == "G"
    assert reaches == {"plain": True, "bonus": False, "shaped": True}
    best = policy_iteration(plain.tables())
    follow = plain.tables().values_of(policy_iteration(shaped.tables()).policy)
    np.testing.assert_allclose(follow[plain.open], best.values[plain.open], atol=1e-9)


def test_growth_on_a_grid_has_the_closed_form():
    growth = Growth()
    plan = solve_on_grid(growth, points=40, sweeps=400)
    np.testing.assert_allclose(plan.savings_rate, growth.exact_rate, rtol=0.01)
    np.testing.assert_allclose(plan.values, growth.exact_value(plan.capital), atol=2e-3)
    falling = plan.changes[1:] <= growth.discount * plan.changes[:-1] + 1e-5
    assert falling.all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["room", "lake"])
@pytest.mark.parametrize("sarsa", [False, True])
def test_tables_learn_the_values(name, sarsa):
    world = dataclasses.replace(WORLDS[name], anywhere=True)
    problem = world.tables()
    agent = Tabular(steps=600_000, sarsa=sarsa, checks=1, check_games=1, discount=world.discount)
    table = np.asarray(train(agent, world).networks.values)
    mixed = agent.exploration if sarsa else 0.0
    values = np.zeros(len(world.cells))
    for _ in range(2000):
        q = problem.action_values(values)
        values = (1 - mixed) * q.max(axis=1) + mixed * q.mean(axis=1)
    learnt = (1 - mixed) * table.max(axis=1) + mixed * table.mean(axis=1)
    assert (
        np.abs(learnt - values)[world.open].max() <= (0.01 if name == "room" else 0.02) * np.abs(values).max()
    )  # the lake is slippery


@pytest.mark.parametrize("sarsa", [False, True])
def test_the_white_box_learns_the_room(sarsa):
    world = WORLDS["room"]
    problem, wide = world.tables(), np.flatnonzero(world.open)

    def step(s, a, rng):
        to = int(np.argmax(problem.transition[s, a]))
        return to, problem.reward[s, a], world.cells[to] in "GH"

    q = whitebox.q_learning(
        lambda rng: int(rng.choice(wide)), step, len(world.cells), 4, world.discount,
        games=6000, epsilon=0.02 if sarsa else 0.3, sarsa=sarsa, rng=np.random.default_rng(0),
    )  # fmt: skip
    exact = policy_iteration(problem).values
    tolerance = 0.1 if sarsa else 0.01  # SARSA's values are those of a policy that explores a little
    assert np.abs(q.max(axis=1) - exact)[world.open].max() <= tolerance


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: FiniteProblem(np.ones((2, 1, 2)), np.zeros((2, 1)), 0.9),
            "after action 0 in state 0 are no distribution",
        ),
        (lambda: FiniteProblem(np.eye(2)[:, None], np.zeros((2, 1)), 1.0), "discount must be at least 0 and below 1"),
        (lambda: FiniteProblem(np.eye(2)[:, None], np.full((2, 1), np.nan), 0.9), "every reward must be a number"),
        (lambda: value_iteration(WORLDS["room"].tables(), tolerance=0.0), "tolerance must be above 0"),
        (lambda: Growth(discount=1.0), "capital_share and discount must be above 0"),
        (lambda: solve_on_grid(Growth(), points=1), "points must be at least 2"),
        (lambda: train(Tabular(), "CartPole-v1"), "a table needs them to be"),
    ],
)
def test_what_is_no_problem_is_named(make, said):
    with pytest.raises(UserError, match=said):
        make()
