"""Estimated errors of policies against the true ones, in economies that other methods solve, however long learnt."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import growth_with_labour_by_endogenous_grid, irreversible_by_endogenous_grid
from oracles_of_kinks import buffer_stock_by_endogenous_grid
from test_policy_error import agree, looked_at

import equilearn as eq
from equilearn.economies.buffer_stock import BufferStock


class Labour(eq.Model):
    """Growth with a choice of labour: log c - n^(1 + 1/frisch) / (1 + 1/frisch)."""

    capital_share: float = 0.36
    discount: float = 0.97
    depreciation: float = 0.1
    frisch: float = 1.0
    shock: eq.Shock = eq.AR1(persistence=0.9, innovation_std=0.03)

    class State(NamedTuple):
        shock: Any
        log_capital: Any

    class Policy(NamedTuple):
        savings_rate: Any
        labour: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.log(jnp.asarray(3.0)))

    def policies(self, state):
        return {"savings_rate": eq.Interval(0.0, 1.0, start=0.7), "labour": eq.Interval(0.0, 2.0)}

    def transition(self, state, policy, shock):
        return self.State(shock, jnp.log(policy.savings_rate * self.resources(state, policy)))

    def errors(self, state, policy, expect):
        left = 1 - self.depreciation
        value = expect(lambda s, p: (self.product(s, p) * self.capital_share / jnp.exp(s.log_capital) + left)
                       / self.consumption(s, p))  # fmt: skip
        wage = (1 - self.capital_share) * self.product(state, policy) / policy.labour
        offered = policy.labour ** (1 / self.frisch) * self.consumption(state, policy) / wage - 1
        return {"euler": eq.euler_error(self.discount * value, self.consumption(state, policy), 1.0), "labour": offered}

    def product(self, state, policy):
        capital = jnp.exp(self.capital_share * state.log_capital + state.shock)
        return capital * policy.labour ** (1 - self.capital_share)

    def resources(self, state, policy):
        return self.product(state, policy) + (1 - self.depreciation) * jnp.exp(state.log_capital)

    def consumption(self, state, policy):
        return (1 - policy.savings_rate) * self.resources(state, policy)


class Irreversible(eq.Model):
    """Growth in which investment cannot be negative, and risk aversion is two."""

    capital_share: float = 0.36
    discount: float = 0.95
    depreciation: float = 0.05
    productivity: tuple[float, ...] = (0.55, 1.45)
    shock: eq.Shock = eq.MarkovChain(((0.85, 0.15), (0.15, 0.85)))

    class State(NamedTuple):
        shock: Any
        capital: Any

    class Policy(NamedTuple):
        investment: Any
        multiplier: Any

    def initial(self, key):
        return self.State(self.shock.initial, jnp.asarray(6.0))

    def policies(self, state):
        output = self.output(state)
        return {"investment": eq.Complement(0.0, 0.9 * output, scale=output**-2)}

    def transition(self, state, policy, shock):
        return self.State(shock, (1 - self.depreciation) * state.capital + policy.investment)

    def errors(self, state, policy, expect):
        def worth(s, p):
            own = (self.output(s) - p.investment) ** -2
            left = (1 - self.depreciation) * (own - p.multiplier)
            return own * self.capital_share * self.output(s) / s.capital + left

        value = self.discount * expect(worth) + policy.multiplier
        return {"euler": value * (self.output(state) - policy.investment) ** 2 - 1}

    def output(self, state):
        return jnp.asarray(self.productivity)[state.shock] * state.capital**self.capital_share


def labour_of(model, states):
    capital = np.exp(states.log_capital)
    consumption, labour = growth_with_labour_by_endogenous_grid(model)(capital, states.shock)
    product = np.exp(states.shock) * capital**model.capital_share * labour ** (1 - model.capital_share)
    return {
        "labour": labour,
        "savings_rate": 1 - consumption / (product + (1 - model.depreciation) * capital),
    }


def investment_of(model, states):
    investment = irreversible_by_endogenous_grid(model)(states.shock.astype(int), states.capital)
    assert 0.1 < np.mean(investment == 0) < 0.9, "the bound must bind sometimes for this test to say anything"
    return {"investment": investment}


def savings_of(model, states):
    persistent, transitory = states.shock.persistent, states.shock.transitory
    cash = model.gross_return * states.assets + np.exp(persistent + transitory)
    points = model.shock.persistent.rule.points  # the estimate is of the exact solution with the model's own nodes
    return {"savings": cash - buffer_stock_by_endogenous_grid(model, points)(persistent, cash)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "truth", "episodes", "paths"),
    [
        (Labour(), labour_of, 400, None),
        (Irreversible(), investment_of, 200, None),
        (Irreversible(), investment_of, 800, 256),  # less is left than the noise of 16 paths
        (BufferStock(), savings_of, 300, 64),
        (BufferStock(), savings_of, 1000, None),
    ],
    ids=["labour", "irreversible, short", "irreversible", "buffer-stock, short", "buffer-stock"],
)
def test_estimated_errors_are_the_true_ones(model, truth, episodes, paths):
    accuracy = eq.solve(model, settings=replace(model.settings(), episodes=episodes)).accuracy(policy_paths=paths)
    found, states = accuracy.policy, looked_at(accuracy)
    assert found.rate < 1 and not found.trouble and found.paths == (paths or 16)
    for name, exact in truth(model, states).items():
        agree(found.errors[name], exact - found.policies[name])
        left, before = (np.abs(exact - policy[name]).mean() for policy in (found.corrected, found.policies))
        print(f"{model.name}, {episodes} episodes: {name} {before:.2g} off, corrected {left:.2g}")
        assert left < 0.75 * before  # what correlations of 0.8 and more leave at most, as 0.6 = (1 - 0.8^2)^0.5 says


@pytest.mark.slow
def test_four_times_the_paths_halve_the_standard_errors():
    solution = eq.solve(Labour(), settings=replace(Labour().settings(), episodes=100))
    few, many = (solution.accuracy(policy_paths=paths).policy for paths in (16, 64))
    assert (few.paths, many.paths) == (16, 64)
    for name, row in few.summary().items():
        ratio = many.summary()[name]["standard error"] / row["standard error"]
        assert 0.3 < ratio < 0.75  # a half; jackknives of four and of sixteen groups scatter


def test_paths_start_again_where_they_could_be_lost_or_the_way_forgotten():
    class Left(Irreversible):
        shock: eq.Shock = eq.MarkovChain(((1.0, 0.0), (0.1, 0.9)))

    assert Labour().settings().restart == Irreversible().settings().restart == 0.002
    assert Left().settings().restart == 0.02


@pytest.mark.slow
def test_no_path_stays_where_an_early_policy_carried_it():
    """Without restarts some did, made most of the loss, and left policies that were 1e-4 and more off."""
    found = eq.solve(Labour()).accuracy().policy.summary()
    assert max(row["relative mean"] for row in found.values()) < 5e-5
