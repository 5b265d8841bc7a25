# %% [markdown]
# # 1. Walking downhill
#
# Learning has three steps: a **model** with numbers to choose, a **cost** that says how bad a choice is, and an
# **optimisation** that makes the cost small. This notebook is about the third: gradient descent, on one number, on
# fifteen crickets, and one sample at a time. Everything used here is `equilearn.whitebox.descent`: open it beside this
# page, each rule is an equation of two lines.

# %%
import matplotlib.pyplot as plt
import numpy as np

from equilearn.labs.gradient_descent import GradientDescent, raw_descent
from equilearn.whitebox.descent import Adam, Decaying, LineSearch, Momentum, Newton, Rule, descend

# %% [markdown]
# ## One number
#
# $f(x) = x^3 - 2x^2 + 2$ has slope $3x^2 - 4x$ and a minimum at $4/3$. We start at $x = 2$ and step against the slope.


# %%
def f(x):
    return float(x[0] ** 3 - 2 * x[0] ** 2 + 2)


def slope(x):
    return 3 * x**2 - 4 * x


rules = {
    "fixed step 0.1": Rule(0.1),
    "line search": LineSearch(0.3, cost=f),
    "decaying step": Decaying(0.17, decay=0.1),
    "Newton-Raphson": Newton(hessian=lambda x: np.diag(6 * x - 4)),
}
paths = {name: np.array(list(descend(rule, slope, [2.0], steps=200, tolerance=1e-8))) for name, rule in rules.items()}
for name, path in paths.items():
    print(f"{name:<16} {len(path) - 1:3d} steps to {path[-1, 0]:.8f}")
    assert abs(path[-1, 0] - 4 / 3) < 1e-6

# %%
figure, axis = plt.subplots()
for name, path in paths.items():
    axis.semilogy(np.maximum(np.abs(path[:, 0] - 4 / 3), 1e-16), "-o", markersize=3, label=name)
axis.set(xlabel="step", ylabel="distance from the minimum", xlim=(0, 40))
axis.legend()
plt.show()

# %% [markdown]
# A fixed step loses a constant share of the distance in each step: a straight line on this plot. Newton's steps double
# the number of right digits each time: a line that bends down.
#
# **Exercise 1.** For which fixed steps does the descent converge from $x = 2$? Find the largest by trial, then
# explain it by the curvature $f''(4/3) = 4$.
#
# **Exercise 2.** Start at $x = -0.1$. What happens, and why does no step rule help?

# %% [markdown]
# ## A badly scaled line
#
# Chirps of crickets against temperature: least squares has an exact answer, and descent should find it. The
# thermometer's numbers are far from zero, so the cost is a long thin valley. (These fifteen pairs are made up to
# have the same trouble; `equilearn lab gradient-descent` uses the real ones.)

# %%
rng = np.random.default_rng(0)
chirps = rng.uniform(14, 20, 15)
degrees = 25 + 3.3 * chirps + 4 * rng.normal(size=15)
design = np.stack([np.ones(15), chirps], axis=1)
exact = np.linalg.lstsq(design, degrees, rcond=None)[0]
low, high = np.linalg.eigvalsh(design.T @ design / 15)
found, steps = raw_descent(design, degrees, rate=1 / high, tolerance=1e-3)
print(f"least squares {exact}, descent {found} after {steps:,} steps; condition number {high / low:,.0f}")

scaled = np.stack([np.ones(15), (chirps - chirps.mean()) / chirps.std()], axis=1)
_, few = raw_descent(scaled, degrees, rate=1.0, tolerance=1e-3)
print(f"the same with standardised chirps: {few} step(s)")
assert few <= 2 < steps

# %% [markdown]
# **Exercise 3.** Why does the number of steps grow with the condition number? What does standardising do to it?

# %% [markdown]
# ## Rules with a memory
#
# A bowl that is thirty times steeper one way than the other.

# %%
curvature = np.array([1.0, 30.0])
figure, axis = plt.subplots()
first, second = np.meshgrid(np.linspace(-2.2, 1.2, 100), np.linspace(-1.1, 1.1, 100))
axis.contour(first, second, (first**2 + 30 * second**2) / 2, levels=np.geomspace(0.02, 20, 12), cmap="Greys", zorder=0)
for name, rule in {"plain": Rule(0.03), "momentum": Momentum(0.03, m=0.9), "Adam": Adam(0.05)}.items():
    path = np.array(list(descend(rule, lambda x: curvature * x, [-2.0, 1.0], steps=200)))
    axis.plot(*path.T, "-", marker=".", markersize=3, label=name)
axis.set(xlabel="$x_1$", ylabel="$x_2$")
axis.legend()
plt.show()

# %% [markdown]
# ## Local minima, and how many samples a step should see
#
# Where a descent ends depends on where it begins: on a curve with several valleys each start finds its own. And a
# gradient need not be exact: over a mini-batch of $b$ samples its noise falls like $1/\sqrt{b}$, while its price rises
# like $b$.

# %%
valleys = np.linspace(-4, 4, 400)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
axes[0].plot(valleys, 0.1 * valleys**2 + np.cos(2 * valleys), color="0.5")
reached = {}
for begin in (-3.6, -1.2, 0.7, 3.4):
    path = np.array(list(descend(Rule(0.1), lambda x: 0.2 * x - 2 * np.sin(2 * x), [begin], steps=100)))[:, 0]
    reached[begin] = path[-1]
    axes[0].plot(path, 0.1 * path**2 + np.cos(2 * path), ".-", label=f"from {begin}")
axes[0].set(xlabel="$x$", ylabel="cost", title="Four starts")
axes[0].legend(fontsize=8)
assert len(set(np.round(list(reached.values()), 3))) >= 3

noisy_x = np.random.default_rng(1).normal(size=1000)
noisy_t = 3 * noisy_x + np.random.default_rng(2).normal(size=1000)
spreads = {}
for batch in (1, 10, 100, 1000):
    draw, w, seen, way = np.random.default_rng(0), 0.0, 0, []
    while seen < 10_000:
        chosen = draw.permutation(1000)[:batch]
        w -= 0.1 * np.mean((w * noisy_x[chosen] - noisy_t[chosen]) * noisy_x[chosen])
        seen += batch
        way.append((seen, abs(w - noisy_x @ noisy_t / (noisy_x @ noisy_x))))
    spreads[batch] = np.mean([error for _, error in way[len(way) // 2 :]])
    axes[1].loglog(*np.array(way).T, label=f"batches of {batch}", linewidth=1)
axes[1].set(xlabel="samples looked at", ylabel="distance from least squares", ylim=(1e-4, 5), title="The same rate")
axes[1].legend(fontsize=8)
plt.show()
assert spreads[100] < spreads[10] < spreads[1]

# %% [markdown]
# **Exercise 4.** Plot the cost along each path. Which rule is best after 20 steps, which after 200?
#
# ## The whole exercise
#
# The lab does all of this with every optimiser, and stochastic descent on noisy data: no line has an *expected* cost
# below half the variance of the noise (the mean over a finite window scatters around it).

# %%
findings = GradientDescent(samples=20_000, rate=2e-5).run()
findings  # a page with tables and figures

# %% [markdown]
# **Exercise 5.** Make the learning rate of the stochastic example ten times larger, then ten times smaller
# (`GradientDescent(rate=...)`). What is gained, what is lost?
