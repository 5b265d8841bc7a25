"""Independent solutions of the economies in which a bound binds now and then, in NumPy and SciPy."""

import numpy as np
from scipy.interpolate import CubicSpline


def normal(points):
    """Nodes and weights of Gauss and Hermite for a standard normal variable."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    return x, w / w.sum()


def buffer_stock_by_endogenous_grid(model, points=9):
    """Consumption (persistent log earnings, cash) of `BufferStock` by Carroll's endogenous grid method.

    At savings that are held fixed consumption is smooth in earnings (splines); the kink, where savings begin, is a
    point of the grid at all earnings.
    """
    persistent, transitory = model.shock.persistent, model.shock.transitory
    rho, gamma, gross = persistent.persistence, model.risk_aversion, model.gross_return
    x, w = normal(points)
    z = np.linspace(-5, 5, 41) * persistent.innovation_std / np.sqrt(1 - rho**2)
    savings = 60 * np.linspace(0, 1, 240) ** 2.5

    def at(earnings):
        """Weights of the splines through all z."""
        return CubicSpline(z, np.eye(len(z)))(np.clip(earnings, z[0], z[-1]))

    following = rho * z[:, None] + persistent.innovation_std * x
    income = np.exp(following.reshape(-1, 1, 1) + transitory.innovation_std * x[:, None])
    cash, later = gross * savings + income, at(following.ravel())
    log_c = np.log(0.4 * (savings + np.exp(z)[:, None]) + 0.2)  # at (z, savings)
    for _ in range(1000):
        c = np.exp(later @ log_c)
        known, to = (np.pad(one, ((0, 0), (1, 0))) for one in (c + savings, c))
        bent = [np.interp(*one) for one in zip(cash, known, to, strict=True)]
        value = np.einsum("i,j,kija->ka", w, w, np.reshape(bent, (len(z), points, points, -1)) ** -gamma)
        new = -np.log(model.discount * gross * value) / gamma
        gap, log_c = np.abs(new - log_c).max(), new
        if gap < 1e-7:
            break
    assert gap < 1e-7, "the oracle itself must converge"

    def consumption(earnings, cash):
        c = np.exp(at(earnings) @ log_c)
        grid, row = c + savings, np.arange(len(c))
        i = np.clip((grid <= cash[:, None]).sum(axis=1) - 1, 0, len(savings) - 2)
        share = (cash - grid[row, i]) / (grid[row, i + 1] - grid[row, i])
        return np.where(cash < grid[:, 0], cash, (1 - share) * c[row, i] + share * c[row, i + 1])

    return consumption


def new_keynesian_by_policy_iteration(model, points=401):
    """Output and inflation (log discount factor) of `NewKeynesian`.

    On a grid of the shock, with expectations of the last iteration's policies (linear interpolation), both equations
    are solved in every point by Newton's method.
    """
    sigma, target, adjust, theta = model.risk_aversion, model.target, model.adjustment, model.substitution
    rho, std = model.shock.persistence, model.shock.innovation_std
    x, w = normal(15)
    z = np.linspace(-6, 6, points) * std / np.sqrt(1 - rho**2)
    factor = model.discount * np.exp(z)
    at = rho * z[:, None] + std * x

    def gap(inflation):
        return (inflation / target - 1) * inflation / target

    def consumption(output, inflation):
        return output * (1 - adjust / 2 * (inflation / target - 1) ** 2)

    def equations(log_policies, bond, later):
        output, inflation = np.exp(log_policies[0]), target * np.exp(log_policies[1])
        c = consumption(output, inflation)
        rule = target / model.discount * (inflation / target) ** model.on_inflation * output**model.on_output
        wage = (theta - 1) / theta * output**model.labour_curvature * c**sigma
        return np.stack(
            [
                factor * np.maximum(rule, model.floor) * c**sigma * bond - 1,
                1 - theta + theta * wage - adjust * (gap(inflation) - factor * c**sigma / output * later),
            ]
        )

    policies, step = np.zeros((2, points)), 1e-7
    for _ in range(5000):
        output, inflation = (np.interp(at, z, one) for one in (np.exp(policies[0]), target * np.exp(policies[1])))
        marginal = consumption(output, inflation) ** -sigma
        bond, later = (marginal / inflation) @ w, (marginal * output * gap(inflation)) @ w
        new = policies
        for _ in range(8):
            value = equations(new, bond, later)
            slope = np.stack([(equations(new + step * one[:, None], bond, later) - value) / step for one in np.eye(2)])
            new = new - np.linalg.solve(slope.transpose(2, 1, 0), value.T[..., None])[..., 0].T
        change, policies = np.abs(new - policies).max(), new
        if change < 1e-9:
            break
    assert change < 1e-9, "the oracle itself must converge"
    return lambda shock: (np.interp(shock, z, np.exp(policies[0])), np.interp(shock, z, target * np.exp(policies[1])))


def search_by_value_iteration(model, points=801):
    """What a worker is worth to a firm in `Search` (log productivity): a fixed point in one variable.

    It is all that hiring depends on: a vacancy is filled with probability min(1, cost / worth).
    """
    rho, std = model.shock.persistence, model.shock.innovation_std
    x, w = normal(9)
    z = np.linspace(-6, 6, points) * std / np.sqrt(1 - rho**2)
    at = rho * z[:, None] + std * x
    output = np.exp(at)
    cost = model.cost_capital * output + model.cost_labour * output**model.cost_power
    worth = np.ones(points)
    for _ in range(20_000):
        later = np.interp(at, z, worth)
        filled = np.minimum(1, cost / np.maximum(later, 1e-9))
        tightness = (filled**-model.matching - 1) ** (1 / model.matching)
        profit = (1 - model.bargaining) * (output - model.benefit) - model.bargaining * cost * tightness
        new = model.discount * (profit + (1 - model.separation) * later) @ w
        gap, worth = np.abs(new - worth).max(), new
        if gap < 1e-11:
            break
    assert gap < 1e-11, "the oracle itself must converge"
    return lambda shock: np.interp(shock, z, worth)


def portfolio_by_endogenous_grid(model, points=5):
    """Savings and the share in stocks (cash) of a saver with two assets; shares are solved for inside the grid.

    At every amount saved the share is that at which the expected gain of a bit more stock is nil, or a bound, by
    bisection; consumption then follows from the Euler equation, and cash is consumption and savings (Carroll, 2006).
    """
    x, w = normal(points)
    stock = (model.safe + model.premium + np.exp(model.return_std * x - model.return_std**2 / 2) - 1)[:, None]
    income, weights = np.exp(model.income_std * x), w[:, None] * w
    savings = 80 * np.linspace(0, 1, 500) ** 2.5
    cash, consumed = np.append(0.0, savings + 0.1), np.append(0.0, 0.05 * savings + 0.1)

    def marginal(share):
        """Marginal utility tomorrow times the weights, and the gross return (savings, stock, income)."""
        gross = model.safe + share[:, None, None] * (stock - model.safe)
        following = gross * savings[:, None, None] + income
        beyond = np.maximum(following - cash[-1], 0) * (consumed[-1] - consumed[-2]) / (cash[-1] - cash[-2])
        return weights * (np.interp(following, cash, consumed) + beyond) ** -model.risk_aversion, gross

    for _ in range(2000):
        low, high = np.zeros(len(savings)), np.ones(len(savings))
        for _ in range(40):
            middle = (low + high) / 2
            gains = (marginal(middle)[0] * (stock - model.safe)).sum(axis=(1, 2)) > 0
            low, high = np.where(gains, middle, low), np.where(gains, high, middle)
        share = np.where(gains, high, low)
        value, gross = marginal(share)
        new = (model.discount * (value * gross).sum(axis=(1, 2))) ** (-1 / model.risk_aversion)
        gap = np.abs(new / consumed[1:] - 1).max()
        cash, consumed = np.append(0.0, savings + new), np.append(0.0, new)
        if gap < 1e-8:
            break
    assert gap < 1e-8, "the oracle itself must converge"
    return lambda m: (m - np.interp(m, cash, consumed), np.interp(m - np.interp(m, cash, consumed), savings, share))
