"""Independent solvers, in NumPy and SciPy: no networks, no JAX."""

import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.ndimage import map_coordinates


def growth_by_endogenous_grid(model):
    """Consumption (capital, log productivity) of `Growth` by Carroll's endogenous grid method.

    On a grid of next period's capital and today's productivity, the Euler equation gives consumption directly, and the
    budget the capital today; splines bring that back to the grid. Iterated to a fixed point.
    """
    alpha, beta, delta = model.capital_share, model.discount, model.depreciation
    rho, sigma = model.shock.persistence, model.shock.innovation_std
    x, w = np.polynomial.hermite_e.hermegauss(7)
    w = w / w.sum()
    z = np.linspace(-1, 1, 31) * 5.5 * sigma / np.sqrt(1 - rho**2)
    steady = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
    k = np.exp(np.linspace(np.log(0.25 * steady), np.log(3.5 * steady), 120))
    resources = np.exp(z)[None] * k[:, None] ** alpha + (1 - delta) * k[:, None]
    log_c = np.log(0.25 * resources)
    following = rho * z[:, None] + sigma * x
    for _ in range(3000):
        spline = RectBivariateSpline(np.log(k), z, log_c)
        value = np.zeros_like(log_c)
        for m in range(7):
            zz = np.broadcast_to(following[:, m], log_c.shape)
            kk = np.broadcast_to(k[:, None], log_c.shape)
            c = np.exp(spline.ev(np.log(kk), zz))
            value += w[m] * (alpha * np.exp(zz) * kk ** (alpha - 1) + 1 - delta) / c
        c = 1 / (beta * value)
        new = np.stack(
            [CubicSpline(np.log(c[:, j] + k), np.log(c[:, j]))(np.log(resources[:, j])) for j in range(len(z))],
            axis=1,
        )
        gap, log_c = np.abs(new - log_c).max(), new
        if gap < 1e-9:
            break
    assert gap < 1e-9, "the oracle itself must converge"
    spline = RectBivariateSpline(np.log(k), z, log_c)
    return lambda capital, log_z: np.exp(spline.ev(np.log(capital), log_z))


def three_generations_by_time_iteration(model, points=41):
    """Savings (shock, capital) of `OLG(generations=3)` by time iteration with bisection on a grid.

    Grid over the capital of generations two and three, each shock apart. An iteration takes next period's savings of
    generation two as given (linear interpolation) and solves both Euler inequalities for today's savings by
    bisection: savings are zero where marginal utility today is higher at zero savings than what saving brings.
    """
    alpha, beta, gamma = model.capital_share, model.discount, model.risk_aversion
    labour, total = model.labour, model.labour.sum()
    tfp, delta = np.asarray(model.productivity), np.asarray(model.depreciation)
    rows = np.asarray(model.shock.transition)
    two = np.linspace(0, 1, points) ** 2 * 0.08  # denser near zero, where the limit binds
    three = np.linspace(0.005, 0.35, points)

    def prices(capital, z):
        ratio = np.maximum(capital, 1e-6) / total
        return alpha * tfp[z] * ratio ** (alpha - 1) + 1 - delta[z], (1 - alpha) * tfp[z] * ratio**alpha

    def interpolate(table, k2, k3):
        at = np.sqrt(np.clip(k2, 0, 0.08) / 0.08) * (points - 1)
        along = np.clip((k3 - three[0]) / (three[-1] - three[0]), 0, 1) * (points - 1)
        return map_coordinates(table, [at, along], order=1, mode="nearest")

    k2, k3 = np.meshgrid(two, three, indexing="ij")
    states = len(rows)
    cash = []
    for z in range(states):
        gross, wage = prices(k2 + k3, z)
        cash.append((wage * labour[0], gross * k2 + wage * labour[1]))
    a1 = np.stack([0.1 * first for first, _ in cash])
    a2 = np.stack([0.4 * second for _, second in cash])

    def marginal_values(z, s1, s2, table):
        """Discounted expected marginal value of saving for generations one and two."""
        one = two_ = 0.0
        for following in range(states):
            gross, wage = prices(s1 + s2, following)
            c2 = gross * s1 + wage * labour[1] - interpolate(table[following], s1, s2)
            c3 = gross * s2 + wage * labour[2]
            one = one + rows[z, following] * gross * np.maximum(c2, 1e-8) ** -gamma
            two_ = two_ + rows[z, following] * gross * c3**-gamma
        return beta * one, beta * two_

    def bisect(excess, high):
        """Zero of a decreasing function on [0, high), or zero where it starts below zero."""
        low, high = np.zeros_like(high), high.copy()
        constrained = excess(low) <= 0
        for _ in range(45):
            middle = (low + high) / 2
            up = excess(middle) > 0
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        return np.where(constrained, 0.0, low)

    for _ in range(400):
        old1, old2 = a1.copy(), a2.copy()
        table = old2
        new1, new2 = np.empty_like(a1), np.empty_like(a2)
        for z in range(states):
            first, second = cash[z]
            s1, s2 = a1[z], a2[z]
            for _ in range(3):
                s2 = bisect(
                    lambda s, s1=s1: marginal_values(z, s1, s, table)[1] - (second - s) ** -gamma,
                    second - 1e-9,
                )
                s1 = bisect(lambda s, s2=s2: marginal_values(z, s, s2, table)[0] - (first - s) ** -gamma, first - 1e-9)
            new1[z], new2[z] = s1, s2
        a1, a2 = new1, new2
        gap = max(np.abs(a1 - old1).max(), np.abs(a2 - old2).max())
        if gap < 1e-7:
            break
    assert gap < 1e-7, "the oracle itself must converge"

    def savings(shock, capital):
        both = np.empty((len(shock), 2))
        assert capital[:, 1].max() < two[-1] and three[0] < capital[:, 2].min()
        assert capital[:, 2].max() < three[-1]
        for z in range(states):
            here = shock == z
            both[here, 0] = interpolate(a1[z], capital[here, 1], capital[here, 2])
            both[here, 1] = interpolate(a2[z], capital[here, 1], capital[here, 2])
        return both

    return savings


def stationary_continuum(model, nodes=600):
    """Return price, standard deviation of assets and share without assets of the economy without aggregate risk.

    Endogenous grid points for the household with Epstein-Zin preferences, a stationary histogram, and bisection
    on the price at which mean assets are one.
    """
    beta, rho, sigma = model.discount, model.inverse_ies, model.risk_aversion
    change = np.array([[model.stay, 1 - model.stay], [1 - model.stay, model.stay]])
    grid = model.most_assets * np.linspace(0, 1, nodes) ** 2
    income = np.array(model.levels)[:, None]

    def household(price):
        consumption, value = 0.05 * grid + income * np.ones_like(grid), np.ones((2, nodes))
        for _ in range(3000):
            mu = (change @ value ** (1 - sigma)) ** (1 / (1 - sigma))
            marginal = beta * (change @ (consumption**-rho * value ** (rho - sigma))) * mu ** (sigma - rho)
            c = (marginal / price) ** (-1 / rho)  # at each a' of the grid
            assets = c + price * grid - income
            new = np.stack([np.interp(grid, assets[i], c[i], left=np.nan) for i in range(2)])
            saved = np.stack([np.interp(grid, assets[i], grid) for i in range(2)])
            bound = grid[None] < assets[:, :1]
            new, saved = np.where(bound, grid + income, new), np.where(bound, 0.0, np.minimum(saved, grid[-1]))
            certain = np.stack([np.interp(saved[i], grid, mu[i]) for i in range(2)])
            new_value = ((1 - beta) * new ** (1 - rho) + beta * certain ** (1 - rho)) ** (1 / (1 - rho))
            gap = max(np.abs(new - consumption).max(), np.abs(new_value - value).max())
            consumption, value = new, new_value
            if gap < 1e-9:
                break
        return grid, saved

    def distribution(price):
        """Savings on the model's own histogram, as its lottery has them."""
        points = model.assets.astype(float)
        a, saved = household(price)
        at = np.stack([np.interp(points, a, saved[i]) for i in range(2)]) / points[1]
        low = np.minimum(at.astype(int), len(points) - 2)
        mass = np.full((2, len(points)), 0.5 / len(points))
        for _ in range(20_000):
            moved = np.zeros_like(mass)
            for i in range(2):
                np.add.at(moved[i], low[i], mass[i] * (1 - (at - low)[i]))
                np.add.at(moved[i], low[i] + 1, mass[i] * (at - low)[i])
            new = change @ moved
            if np.abs(new - mass).max() < 1e-12:
                break
            mass = new
        return points, mass.sum(axis=0)

    low, high = beta, 1.05
    for _ in range(40):
        price = (low + high) / 2
        points, mass = distribution(price)
        low, high = (price, high) if mass @ points > 1 else (low, price)
    return price, np.sqrt(mass @ (points - 1) ** 2), mass[0]


class KrusellSmithOwn:
    """The method of Krusell and Smith (1998) for `KrusellSmith`: agents forecast capital by a log-linear rule.

    Given the rule, consumption on a grid of own capital, aggregate capital, times and work comes from endogenous grid
    points; given consumption, a long simulated histogram (Young, 2010) gives the rule by regression; again until the
    rule stays. `rule` has intercept and slope in bad and in good times, `fit` their R2, `mean` capital in the long run.
    """

    def __init__(self, model, periods=4000, burn_in=500, own=180, seed=0):
        self.model, self.nodes = model, model.histogram.nodes.astype(float)
        self.grid = self.nodes[0] + (self.nodes[-1] - self.nodes[0]) * np.linspace(0, 1, own) ** 3
        self.capital = model.benchmark * np.linspace(0.85, 1.2, 8)
        generator, chain = np.random.default_rng(seed), np.asarray(model.shock.transition)
        self.shocks = [0]
        for draw in generator.random(periods + burn_in):
            self.shocks.append(int(draw > chain[self.shocks[-1], 0]))
        self.probability = chain[:, :, None, None] * np.asarray(model.change)  # [z, z', e, e']
        income = self.prices(np.arange(2)[:, None], self.capital)[1]
        self.consumption = 0.02 * self.grid + 0.5 * income[0].mean() + np.zeros((2, 2, len(self.capital), own))
        slope = 0.96
        self.rule = np.array([[np.log(model.benchmark) * (1 - slope), slope]] * 2)
        start = np.array([[0.1], [0.9]]) * np.exp(-0.5 * ((self.nodes / model.benchmark - 1) / 0.4) ** 2)
        for _ in range(40):
            self._solve()
            path, mass = self.follow(start / start.sum(), self.shocks)
            start, before = mass, self.rule.copy()
            logs, z = np.log(path[burn_in:]), np.asarray(self.shocks[burn_in : len(path) - 1])
            self.fit = []
            for state in range(2):
                x, y = logs[:-1][z == state], logs[1:][z == state]
                slope, intercept = np.polyfit(x, y, 1)
                self.rule[state] = 0.7 * before[state] + 0.3 * np.array([intercept, slope])
                self.fit.append(1 - np.var(y - intercept - slope * x) / np.var(y))
            at = np.log(path[burn_in:].mean())
            gap = np.abs((self.rule - before) @ [1, at]).max() + np.abs(self.rule - before)[:, 1].max() / 30
            if gap < 2e-6:
                break
        assert gap < 2e-6, "the oracle itself must converge"
        self.mean, self.mass = path[burn_in:].mean(), mass

    def prices(self, z, capital):
        """Return the gross return and the incomes (last axis: out of work, at work)."""
        m = self.model
        u, tfp = np.asarray(m.unemployment)[z], np.asarray(m.productivity)[z]
        ratio = capital / (m.labour * (1 - u))
        gross = 1 - m.depreciation + m.capital_share * tfp * ratio ** (m.capital_share - 1)
        paid = m.labour - m.benefit * u / (1 - u) + 0 * capital
        return gross, ((1 - m.capital_share) * tfp * ratio**m.capital_share)[..., None] * np.stack(
            [m.benefit + 0 * paid, paid], axis=-1
        )

    def _solve(self):
        """Iterate on endogenous grid points until consumption stays."""
        following = np.exp(self.rule[:, :1] + self.rule[:, 1:] * np.log(self.capital))  # [z, K]
        at = np.clip((following - self.capital[0]) / (self.capital[1] - self.capital[0]), 0, len(self.capital) - 1.001)
        low, share = at.astype(int), (at % 1)[..., None]
        gross, income = self.prices(np.arange(2)[:, None], self.capital)
        later = [self.prices(z, following)[0][..., None] for z in range(2)]  # [z', z, K]
        for _ in range(4000):
            value = 0.0
            for z in range(2):
                c = self.consumption[z]  # [e', K, k]
                c = c[:, low] * (1 - share) + c[:, low + 1] * share  # [e', z, K, k]
                value = value + np.einsum("zef,fzKk->ezKk", self.probability[:, z], later[z] / c)
            wanted = 1 / (self.model.discount * value)
            new = np.empty_like(self.consumption)
            for e in range(2):
                own = (wanted[e] + self.grid - income[..., e, None]) / gross[..., None]
                for z in range(2):
                    for i in range(len(self.capital)):
                        saved = np.interp(self.grid, own[z, i], self.grid)
                        new[z, e, i] = gross[z, i] * self.grid + income[z, i, e] - saved
            gap, self.consumption = np.abs(new / self.consumption - 1).max(), new
            if gap < 1e-7:
                break

    def spent(self, z, capital, own):
        """Return consumption out of work and at work in times z, with aggregate capital, of those with own capital."""
        at = np.clip((capital - self.capital[0]) / (self.capital[1] - self.capital[0]), 0, len(self.capital) - 1.001)
        low, share = int(at), at % 1
        c = self.consumption[z][:, low] * (1 - share) + self.consumption[z][:, low + 1] * share
        return np.stack([np.interp(own, self.grid, c[e]) for e in range(2)])

    def follow(self, mass, shocks):
        """Return the path of capital where the distribution starts at a mass, and the mass at its end."""
        path, change, nodes = [], np.asarray(self.model.change), self.nodes
        for z, following in zip(shocks, [*shocks[1:], shocks[-1]], strict=True):
            capital = mass.sum(axis=0) @ nodes
            path.append(capital)
            gross, income = self.prices(z, np.asarray(capital))
            saved = np.clip(gross * nodes + income[:, None] - self.spent(z, capital, nodes), nodes[0], nodes[-1])
            low = np.clip(np.searchsorted(nodes, saved, side="right") - 1, 0, len(nodes) - 2)
            up = (saved - nodes[low]) / (nodes[low + 1] - nodes[low])
            moved = [
                np.bincount(low[e], mass[e] * (1 - up[e]), len(nodes))
                + np.bincount(low[e] + 1, mass[e] * up[e], len(nodes))
                for e in range(2)
            ]
            mass = change[z, following].T @ np.stack(moved)
            mass /= mass.sum()
        return np.asarray(path), mass


def growth_with_labour_by_endogenous_grid(model):
    """Consumption and labour (capital, log productivity) of growth with log utility and a choice of labour.

    As `growth_by_endogenous_grid`; labour follows from the wage in closed form, and the capital that a budget needs by
    bisection.
    """
    alpha, beta, left = model.capital_share, model.discount, 1 - model.depreciation
    rho, sigma, power = model.shock.persistence, model.shock.innovation_std, 1 / (1 / model.frisch + alpha)
    x, w = np.polynomial.hermite_e.hermegauss(7)
    w = w / w.sum()
    z = np.linspace(-1, 1, 25) * 5 * sigma / np.sqrt(1 - rho**2)
    k = np.exp(np.linspace(np.log(0.8), np.log(15), 100))
    following = rho * z[:, None] + sigma * x

    def worked(log_z, capital, c):
        labour = ((1 - alpha) * np.exp(log_z) * capital**alpha / c) ** power
        return labour, np.exp(log_z) * capital**alpha * labour ** (1 - alpha)

    log_c = np.log(0.3 * (k[:, None] ** alpha + 0 * z))
    for _ in range(2000):
        spline, value = RectBivariateSpline(np.log(k), z, log_c), np.zeros_like(log_c)
        for m in range(7):
            zz, kk = np.broadcast_to(following[:, m], log_c.shape), np.broadcast_to(k[:, None], log_c.shape)
            c = np.exp(spline.ev(np.log(kk), zz))
            value += w[m] * (alpha * worked(zz, kk, c)[1] / kk + left) / c
        c = 1 / (beta * value)
        low, high = np.full_like(c, np.log(0.01)), np.full_like(c, np.log(100.0))
        for _ in range(40):
            middle = (low + high) / 2
            short = worked(z, np.exp(middle), c)[1] + left * np.exp(middle) < c + k[:, None]
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        new = np.stack([CubicSpline(low[:, j], np.log(c[:, j]))(np.log(k)) for j in range(len(z))], axis=1)
        gap, log_c = np.abs(new - log_c).max(), new
        if gap < 1e-8:
            break
    assert gap < 1e-8, "the oracle itself must converge"
    spline = RectBivariateSpline(np.log(k), z, log_c)

    def policy(capital, log_z):
        c = np.exp(spline.ev(np.log(capital), log_z))
        return c, worked(log_z, capital, c)[0]

    return policy


def irreversible_by_endogenous_grid(model, points=4000):
    """Investment (state of the chain, capital) of growth in which investment cannot be negative; risk aversion two.

    On a grid of next period's capital the Euler equation gives consumption, and the budget today's capital; where that
    asks for negative investment there is none, and what is missing in the equation is the multiplier.
    """
    alpha, beta, left = model.capital_share, model.discount, 1 - model.depreciation
    rows, k = np.asarray(model.shock.transition), np.linspace(0.3, 30, points)
    output = np.asarray(model.productivity)[:, None] * k**alpha
    value = output**-2.0
    for _ in range(3000):
        ahead = beta * rows @ value  # of a unit of capital from tomorrow on, at (today's state, k')
        capital = np.empty_like(ahead)
        for j, row in enumerate(ahead):
            needed = np.interp(row**-0.5 + k, output[j] + left * k, k, left=np.nan, right=np.inf)
            told = np.isfinite(needed)
            capital[j] = np.maximum(np.interp(k, needed[told], k[told]), left * k)
        marginal = (output + left * k - capital) ** -2
        promised = np.stack([np.interp(to, k, row) for to, row in zip(capital, ahead, strict=True)])
        multiplier = np.where(capital <= left * k, np.maximum(marginal - promised, 0), 0)
        new = marginal * alpha * output / k + left * (marginal - multiplier)
        gap, value = np.abs(new / value - 1).max(), new
        if gap < 1e-10:
            break
    assert gap < 1e-10, "the oracle itself must converge"
    investment = capital - left * k

    def policy(shock, capital):
        assert k[0] < capital.min() and capital.max() < k[-1]
        return np.array([np.interp(at, k, investment[z]) for z, at in zip(shock, capital, strict=True)])

    return policy
