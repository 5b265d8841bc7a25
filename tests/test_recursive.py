"""Recursive utility: savings and value against an endogenous grid."""

import numpy as np
import pytest
from recursive import Recursive
from scipy.interpolate import CubicSpline, RectBivariateSpline

import equilearn as eq


def by_endogenous_grid(model):
    """Return savings' share and value (log productivity, capital) by Carroll's endogenous grid, on splines of logs."""
    alpha, beta, delta, risk = model.capital_share, model.discount, model.depreciation, model.risk_aversion
    r, rho, sigma = 1 / model.substitution, model.shock.persistence, model.shock.innovation_std
    x, w = np.polynomial.hermite_e.hermegauss(7)
    w = w / w.sum()
    z, k = np.linspace(-1, 1, 31) * 5 * sigma / np.sqrt(1 - rho**2), np.geomspace(0.7, 16, 120)
    product = np.exp(z)[:, None] * k**alpha
    cash = product + (1 - delta) * k
    consumption, value = 0.25 * cash, 0.25 * cash
    following, log_k = (rho * z[:, None] + sigma * x)[:, :, None], np.log(k)
    for _ in range(2000):
        splines = [RectBivariateSpline(z, log_k, np.log(table)) for table in (consumption, value)]
        c, v = (np.exp(spline.ev(following, np.broadcast_to(log_k, (len(z), len(x), len(k))))) for spline in splines)
        gross = alpha * np.exp(following) * k ** (alpha - 1) + 1 - delta
        certain = np.einsum("m,zmk->zk", w, v ** (1 - risk)) ** (1 / (1 - risk))
        worth = np.einsum("m,zmk->zk", w, v ** (r - risk) * c**-r * gross)
        now = (beta * certain ** (risk - r) * worth) ** (-1 / r)
        worthy = ((1 - beta) * now ** (1 - r) + beta * certain ** (1 - r)) ** (1 / (1 - r))
        new = [
            np.exp(
                [CubicSpline(np.log(a + k), np.log(b))(np.log(own)) for a, b, own in zip(now, table, cash, strict=True)]
            )
            for table in (now, worthy)
        ]
        gap = max(np.abs(a / b - 1).max() for a, b in zip(new, (consumption, value), strict=True))
        consumption, value = new
        if gap < 1e-9:
            break
    assert gap < 1e-9, "the oracle itself must converge"
    splines = [RectBivariateSpline(z, log_k, np.log(table)) for table in (consumption, value)]

    def at(log_z, capital):
        c, v = (np.exp(spline.ev(log_z, np.log(capital))) for spline in splines)
        return 1 - c / (np.exp(log_z) * capital**alpha + (1 - delta) * capital), v

    return at


@pytest.fixture(scope="module")
def exact():
    return by_endogenous_grid(Recursive())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_states_all_over_the_place_every_seed_finds_the_planner(exact, seed):
    settings = eq.SolveSettings(episodes=400, early_restart=0.1)
    solution = eq.solve(Recursive(), seed=seed, settings=settings)
    path = solution.simulate(2_000)
    saved, value = exact(path.shock.values.astype(float), path.capital.values.astype(float))
    assert np.abs(path.saved.values - saved).mean() < 1e-4
    assert np.abs(path.value.values / value - 1).mean() < 1e-3
    assert np.corrcoef(value, path.shock)[0, 1] > 0.5  # good times are good: the false solution's are bad
