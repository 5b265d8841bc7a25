"""A saver with a stock and a bond, who may borrow neither, against an endogenous grid."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from oracles_of_kinks import portfolio_by_endogenous_grid

import equilearn as eq


class Portfolio(eq.Model):
    """Consumption, savings and the share of stocks in them; returns and income are independent."""

    discount: float = 0.92
    risk_aversion: float = 6.0
    safe: float = 1.02
    premium: float = 0.04
    return_std: float = 0.16
    income_std: float = 0.2

    class State(NamedTuple):
        shock: Any
        cash: Any

    class Policy(NamedTuple):
        savings: Any
        multiplier: Any
        share: Any

    @property
    def shock(self):
        return eq.Gaussian(((self.return_std**2, 0.0), (0.0, self.income_std**2)), 0.0, eq.GaussHermite(5))

    def initial(self, key):
        return self.State(jnp.zeros(2), jnp.asarray(1.5))

    def features(self, state):
        return jnp.log(state.cash)[None]

    def policies(self, state):
        savings = eq.Complement(0.0, state.cash, scale=state.cash**-self.risk_aversion)
        return {"savings": savings, "share": eq.Interval(0.0, 1.0, start=0.9)}

    def stock(self, shock):
        return self.safe + self.premium + jnp.exp(shock[0] - self.return_std**2 / 2) - 1

    def transition(self, state, policy, shock):
        gross = self.safe + policy.share * (self.stock(shock) - self.safe)
        return self.State(shock, gross * policy.savings + jnp.exp(shock[1]))

    def errors(self, state, policy, expect):
        def marginal(s, p):
            return (s.cash - p.savings) ** -self.risk_aversion

        def excess(s):
            return self.stock(s.shock) - self.safe

        value = self.discount * expect(lambda s, p: marginal(s, p) * (self.safe + policy.share * excess(s)))
        gain = expect(lambda s, p: marginal(s, p) * excess(s)) / expect(marginal)
        euler = eq.euler_error(value + policy.multiplier, state.cash - policy.savings, self.risk_aversion)
        return {"euler": euler, "portfolio": eq.fischer_burmeister(1 - policy.share, gain)}


@pytest.mark.slow
def test_savings_and_shares_are_those_of_the_grid():
    """The limit binds for the poor, and with so small a premium the rich hold bonds too."""
    model = Portfolio(premium=0.015)
    solution = eq.solve(model, settings=replace(model.settings(), episodes=400))
    path = solution.simulate(2000, paths=5, burn_in=200)
    cash, savings, share = (path[name].values.ravel().astype(float) for name in ("cash", "savings", "share"))
    exact, exact_share = portfolio_by_endogenous_grid(model)(cash)
    saves = exact > 0.05 * cash.mean()
    assert 0.01 < np.mean(exact < 1e-9) < 0.1 and 0.05 < np.mean(exact_share[saves] < 0.99) < 0.5, (
        "both bounds must bind"
    )
    assert np.mean(savings <= 0) == pytest.approx(np.mean(exact < 1e-9), abs=0.002)
    assert np.abs(savings - exact).mean() <= 2e-3 * exact.mean()
    assert np.abs(share - exact_share)[saves].mean() <= 1e-2
