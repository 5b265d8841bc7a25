# %% [markdown]
# # Solutions to notebook 1: walking downhill

# %%
import numpy as np

from equilearn.labs.gradient_descent import raw_descent
from equilearn.whitebox.descent import Adam, Momentum, Newton, Rule, descend


def slope(x):
    return 3 * x**2 - 4 * x


# %% [markdown]
# **Solution 1.** Near the minimum a step multiplies the distance by $1 - \eta f''(4/3) = 1 - 4\eta$: descent converges
# for $\eta < 1/2$. That is the local rule; from far away a step may also throw us over the maximum at 0, from where the
# cubic falls for ever: from $x = 2$ the first step goes to $2 - 4\eta$, which is still above zero for $\eta < 1/2$.

# %%


def ends(eta):
    x = 2.0
    for _ in range(20_000):
        x = x - eta * slope(x)
        if abs(x) > 10:
            return np.inf
    return abs(x - 4 / 3)


assert ends(0.49) < 1e-6 < ends(0.51)
*_, before, last = descend(Rule(0.4), slope, [1.34], steps=5)
assert np.isclose((last - 4 / 3) / (before - 4 / 3), 1 - 4 * 0.4, rtol=0.05)

# %% [markdown]
# **Solution 2.** Left of 0 the slope is positive, so downhill is to the left, without end: the cubic has no minimum
# there and no rule can find one. Newton's rule, which looks for a zero of the slope, even walks *up* to the maximum at
# 0.

# %%
left = -0.1
for _ in range(30):
    left = left - 0.1 * slope(left) if left > -1e3 else left
*_, newton = descend(Newton(hessian=lambda x: np.diag(6 * x - 4)), slope, [-0.1], steps=20)
assert left < -1e3 and abs(newton[0]) < 1e-12

# %% [markdown]
# **Solution 3.** The step must be below $2 / \lambda_{max}$, or the steepest direction overshoots; in the flattest
# direction it then shrinks the distance by $1 - \lambda_{min} / \lambda_{max}$ only. So the steps to a given accuracy
# grow like the condition number $\lambda_{max} / \lambda_{min}$. Standardising makes it one.

# %%
rng = np.random.default_rng(0)
x, noise = rng.normal(size=200), rng.normal(size=200)
x = (x - x.mean()) / x.std()
needed, conditions = [], []
for stretch in (1, 2, 4, 8):
    design = np.stack([np.ones(200), stretch * x], axis=1)
    low, high = np.linalg.eigvalsh(design.T @ design / 200)
    needed.append(raw_descent(design, 5 + 2 * x + noise, rate=1 / high, tolerance=1e-6)[1])
    conditions.append(high / low)
print("condition numbers", np.round(conditions, 1), "steps", needed)
assert needed[0] <= 2 and 0.6 < (needed[3] / needed[2]) / (conditions[3] / conditions[2]) < 1.5

# %% [markdown]
# **Solution 4.** After 20 steps there is little between them: each has crossed the steep direction and creeps along the
# flat one. After 200 momentum and Adam are hundreds of times lower than plain descent.

# %%
curvature = np.array([1.0, 30.0])
costs = {}
for name, rule in {"plain": Rule(0.03), "momentum": Momentum(0.03, m=0.9), "Adam": Adam(0.05)}.items():
    path = np.array(list(descend(rule, lambda x: curvature * x, [-2.0, 1.0], steps=200)))
    costs[name] = np.sum(curvature * path**2, axis=1) / 2
    print(f"{name:<9} cost after 20 steps {costs[name][20]:.2e}, after 200 {costs[name][200]:.2e}")
assert max(one[20] for one in costs.values()) < 2 * min(one[20] for one in costs.values())
assert all(costs[name][200] < costs["plain"][200] / 100 for name in ("momentum", "Adam"))

# %% [markdown]
# **Solution 5.** A larger rate arrives earlier and then trembles more: the noise of single samples is taken in whole. A
# smaller one is quieter and late. Hence rates that fall: large while far, small when near.


# %%
def stochastic(rate, steps=4000):
    rng, theta, way = np.random.default_rng(1), 0.0, []
    for _ in range(steps):
        theta -= rate * (theta - (3.0 + rng.normal()))  # the mean of noisy numbers, one number at a time
        way.append(theta)
    return np.abs(np.array(way) - 3.0)


small, large = stochastic(0.003), stochastic(0.3)
assert large[:100].mean() < small[:100].mean()  # arrives earlier
assert large[-1000:].mean() > 3 * small[-1000:].mean()  # trembles more
