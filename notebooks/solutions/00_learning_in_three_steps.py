# %% [markdown]
# # Solutions to notebook 0: learning in three steps

# %%
import numpy as np

from equilearn.whitebox.activations import sigmoid
from equilearn.whitebox.descent import Rule, descend
from equilearn.whitebox.losses import binary_cross_entropy, squared_error_of_logistic
from equilearn.whitebox.mlp import MLP
from equilearn.whitebox.neuron import Neuron, hebb

# %% [markdown]
# **Solution 1.** The weight grows by the same amount at every meal, for ever: Hebb's rule has no end of its own. A rule
# that also forgets, $w \leftarrow (1 - \lambda) w + \eta\, x y$, has one, at $\eta / \lambda$ where both always fire.

# %%
both = np.array([[1.0, 1.0]])
plain, forgetful, forgets = np.array([1.0, 0.0]), np.array([1.0, 0.0]), 0.1
on_the_way = []
for _ in range(100):
    plain = hebb(plain, both, Neuron(plain, threshold=0.5)(both), rate=0.15)
    forgetful = hebb((1 - forgets) * forgetful, both, Neuron(forgetful, threshold=0.5)(both), rate=0.15)
    on_the_way.append(plain[1])
assert np.allclose(np.diff(on_the_way), 0.15)  # no end in sight
assert np.allclose(forgetful, 0.15 / forgets, rtol=1e-3)

# %% [markdown]
# **Solution 2.** The line where the neuron is undecided stays: $10h = 0$ where $h = 0$. The answer becomes steeper: the
# neuron comes close to the step of McCulloch and Pitts. So the steepness $\beta$ of the slides is no separate number:
# it is the size of the weights.

# %%
h = np.linspace(-3, 3, 101)
h = h[np.abs(h) > 0.5]
assert np.array_equal(sigmoid(h) > 0.5, sigmoid(10 * h) > 0.5)
assert np.abs(sigmoid(10 * h) - (h > 0)).max() < 0.01 < np.abs(sigmoid(h) - (h > 0)).max()

# %% [markdown]
# **Solution 3.** On scaled data the curvature of $J$ is one in every direction, so a step multiplies the distance from
# the minimum by $1 - \eta$: it converges for $0 < \eta < 2$, at once for $\eta = 1$, and goes apart beyond 2.

# %%
rng = np.random.default_rng(0)
size = rng.uniform(50, 250, 40)
price = 60 + 4 * size + 80 * rng.normal(size=40)
design = np.stack([np.ones(40), (size - size.mean()) / size.std()], axis=1)
exact = np.linalg.lstsq(design, price, rcond=None)[0]


def after(eta, steps):
    *_, last = descend(Rule(eta), lambda theta: design.T @ (design @ theta - price) / 40, [0.0, 0.0], steps=steps)
    return np.linalg.norm(last - exact) / np.linalg.norm(exact)


assert after(1.0, 1) < 1e-12
assert np.isclose(after(1.9, 10), 0.9**10) and np.isclose(after(2.1, 10), 1.1**10)

# %% [markdown]
# **Solution 4.** Lending 100 earns $5p - 100(1 - p)$ on average, which is above zero for $p > 100/105 \approx 0.95$.
# With the border at one half the bank lends to many whose interest does not pay for the risk.

# %%
income = np.maximum(rng.normal(80, 25, 3000), 20)
debt = rng.gamma(2.0, 20.0, 3000)
paid = rng.random(3000) < sigmoid(0.06 * (income - 70) - 0.05 * (debt - 50))
train, test = np.arange(3000) < 2000, np.arange(3000) >= 2000
x = np.stack([income, debt], axis=1)
x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
judge = MLP.fresh([2, 1], output="logistic", seed=0)
judge.train(x[train], paid[train, None].astype(float), epochs=300, rate=0.5)
chance = judge(x[test])[:, 0]


def earned(border):
    lent = chance > border
    return float(np.sum(np.where(paid[test], 5.0, -100.0)[lent]) / test.sum())


print(f"earned per applicant, of 100 asked for: border 1/2 {earned(0.5):.1f}, border 0.95 {earned(100 / 105):.1f}")
assert earned(100 / 105) > 0 > earned(0.5)

# %% [markdown]
# **Solution 5.** With 4.8 the slope at $h = -6$ is $(y - 1)\, y (1 - y) \approx -0.0025$; with the cross-entropy it is
# $y - 1 \approx -1$. The one crawls for hundreds of steps, the other is there in a handful.

# %%


def steps_until_right(loss):
    weight, steps = np.array([[-6.0]]), 0
    while sigmoid(weight)[0, 0] <= 0.5:
        weight = weight - loss(weight, np.ones((1, 1)))[1]
        steps += 1
    return steps


slow, fast = steps_until_right(squared_error_of_logistic), steps_until_right(binary_cross_entropy)
print(f"squared error {slow} steps, cross-entropy {fast}")
assert fast < 10 and slow > 50 * fast
