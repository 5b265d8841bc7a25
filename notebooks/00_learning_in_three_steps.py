# %% [markdown]
# # 0. Learning in three steps
#
# Whatever is called learning in these three days is three steps:
#
# 1. a **model**: a function with numbers (parameters) that are not known yet,
# 2. a **cost**: one number that says how badly the model does on what was observed,
# 3. an **optimisation**: change the parameters until the cost is small.
#
# We begin with the smallest model there is, one neuron, and end with why the costs are what they are. All of it is
# NumPy: `equilearn.whitebox`, about a screen a file, to be read beside this page.

# %%
import matplotlib.pyplot as plt
import numpy as np

from equilearn.whitebox.activations import ACTIVATIONS, sigmoid, softmax
from equilearn.whitebox.descent import Rule, descend
from equilearn.whitebox.losses import binary_cross_entropy, negative_log_likelihood
from equilearn.whitebox.mlp import MLP
from equilearn.whitebox.neuron import LOGIC_NEURONS, Neuron, hebb
from equilearn.whitebox.perceptron import Perceptron

# %% [markdown]
# ## The neuron
#
# McCulloch and Pitts (1943): a neuron adds up its inputs, each with a weight, and fires if the sum is above a
# threshold. With the right numbers it computes AND, OR and NOT. Nobody has learnt anything yet: the numbers are set by
# hand.

# %%
rows = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
for name in ("and", "or"):
    neuron = LOGIC_NEURONS[name]
    print(f"{name.upper():<4} weights {neuron.weights}, threshold {neuron.threshold}: {neuron(rows)}")
assert LOGIC_NEURONS["and"](rows).tolist() == [0, 0, 0, 1] and LOGIC_NEURONS["or"](rows).tolist() == [0, 1, 1, 1]

# %% [markdown]
# ## Hebb's rule: what fires together, wires together
#
# Hebb (1949) let experience set the weights: $w_i \leftarrow w_i + \eta\, x_i\, y$. The classic picture is a dog that
# sees food and hears a bell. Food alone makes it salivate; after bell and food have come together a few times, the bell
# alone does.

# %%
food_and_bell = np.array([[1.0, 1.0]])
bell = np.array([[0.0, 1.0]])
weights = np.array([1.0, 0.0])  # food is wired from birth, the bell is not
heard = [(bell @ weights).item()]
for _ in range(6):
    fires = Neuron(weights, threshold=0.5)(food_and_bell)
    weights = hebb(weights, food_and_bell, fires, rate=0.15)
    heard.append((bell @ weights).item())
print("weight of the bell after each meal:", np.round(heard, 2))
assert Neuron(np.array([1.0, 0.0]), 0.5)(bell)[0] == 0 and Neuron(weights, 0.5)(bell)[0] == 1

# %% [markdown]
# Hebb's rule only ever strengthens, and nothing tells it that an answer was wrong. That is what the perceptron's rule
# adds: it moves the weights by the *error*.
#
# **Exercise 1.** Let the bell ring ten times more, always with food. What happens to its weight, and what would you
# change in the rule so that it does not?
#
# ## One neuron worked by hand
#
# Weights $3$ and $-2$, bias $1$, inputs $-1$ and $2$, and the sigmoid instead of the threshold:
#
# $$ \sigma(1 + 3 \cdot (-1) - 2 \cdot 2) = \sigma(-6) = \frac{1}{1 + e^{6}} \approx 0.002 $$
#
# The neuron is all but silent. The border where it is undecided, $\sigma = 1/2$, is the line $1 + 3x_1 - 2x_2 = 0$.

# %%
h = 1 + np.array([3.0, -2.0]) @ np.array([-1.0, 2.0])
print(f"h = {h:.0f}, sigma(h) = {sigmoid(h):.6f}")
assert abs(sigmoid(h) - 0.002) < 5e-4

# %%
grid = np.linspace(-4, 4, 161)
x1, x2 = np.meshgrid(grid, grid)
figure, axis = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
drawn = axis.contourf(grid, grid, sigmoid(1 + 3 * x1 - 2 * x2), levels=20, cmap="viridis")
axis.plot(grid, (1 + 3 * grid) / 2, "w--", label="$1 + 3x_1 - 2x_2 = 0$")
axis.plot(-1, 2, "o", color="white", markeredgecolor="black", label="the input $(-1, 2)$")
axis.set(xlabel="$x_1$", ylabel="$x_2$", ylim=(-4, 4), title="One neuron: its answer in the plane")
axis.legend(loc="lower right", facecolor="lightgrey", framealpha=1)
figure.colorbar(drawn, label=r"$\sigma(h)$")
plt.show()

# %% [markdown]
# **Exercise 2.** Multiply weights and bias by ten. What stays, what changes, and to what does the neuron come close?
#
# ## Activations and their derivatives
#
# Learning by descent needs slopes. Where the derivative is nearly zero, nothing is learnt: the step has none anywhere,
# the sigmoid's is at most $1/4$ and dies on both sides, ReLU's is one on the right side.

# %%
h = np.linspace(-5, 5, 401)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name, (function, derivative) in ACTIVATIONS.items():
    axes[0].plot(h, function(h), label=name)
    axes[1].plot(h, derivative(h), label=name)
axes[0].set(xlabel="$h$", ylabel="$g(h)$", ylim=(-1.5, 3), title="Activations")
axes[1].set(xlabel="$h$", ylabel="$g'(h)$", ylim=(-0.3, 1.3), title="Derivatives")
axes[1].legend(fontsize=8, loc="center left")
plt.show()
for name, (function, derivative) in ACTIVATIONS.items():
    middle, step = np.linspace(-4.95, 4.95, 100), 1e-6  # finite differences, away from the kinks at 0
    slope = (function(middle + step) - function(middle - step)) / (2 * step)
    assert np.abs(slope - derivative(middle)).max() < 1e-6, name

# %% [markdown]
# ## House prices in three steps
#
# What should a house of a given size cost? We have 60 sales (made up, so that the truth is known: 60 thousand francs
# for the plot, 4 thousand a square metre, and haggling of about 80 thousand).
#
# **Step 1, the model.** $h_\theta(x) = \theta_0 + \theta_1 x$.

# %%
rng = np.random.default_rng(0)
size = rng.uniform(50, 250, 60)  # square metres
price = 60 + 4 * size + 80 * rng.normal(size=60)  # thousand francs
train, test = np.arange(60) < 40, np.arange(60) >= 40
mean, spread = size[train].mean(), size[train].std()
design = np.stack([np.ones(60), (size - mean) / spread], axis=1)  # scaled by the training part

# %% [markdown]
# **Step 2, the cost.** Half the mean squared error, $J(\theta) = \frac{1}{2m} \sum_i (h_\theta(x_i) - t_i)^2$. It is a
# bowl over the plane of all possible lines: every point of the bowl is a line through the sales.


# %%
def cost(theta):
    return float(np.mean((design[train] @ theta - price[train]) ** 2) / 2)


def slope(theta):
    return design[train].T @ (design[train] @ theta - price[train]) / train.sum()


# %% [markdown]
# **Step 3, the optimisation.** Walk downhill: $\theta \leftarrow \theta - \eta\, \nabla J(\theta)$, here with
# $\eta = 0.3$ from a line that says nothing.

# %%
path = np.array(list(descend(Rule(0.3), slope, [0.0, 0.0], steps=60, tolerance=1e-6)))
exact = np.linalg.lstsq(design[train], price[train], rcond=None)[0]
print(f"descent {path[-1]}, least squares {exact}, after {len(path) - 1} steps")
assert np.abs(path[-1] - exact).max() < 1e-4

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
axes[0].plot(size[train], price[train], "o", markersize=4, label="sales to learn from")
axes[0].plot(size[test], price[test], "x", markersize=5, label="sales kept apart")
metres = np.array([50.0, 250.0])
for step, shade in ((0, 0.25), (1, 0.45), (3, 0.7), (len(path) - 1, 1.0)):
    theta = path[step]
    axes[0].plot(metres, theta[0] + theta[1] * (metres - mean) / spread, "C3", alpha=shade, label=f"after {step} steps")
axes[0].set(xlabel="size, square metres", ylabel="price, thousand francs", title="The model")
axes[0].legend(fontsize=8)
first, second = np.linspace(-50, 1050, 80), np.linspace(-250, 650, 80)
bowl = np.array([[cost(np.array([a, b])) for a in first] for b in second])
axes[1].contour(first, second, bowl, levels=np.geomspace(bowl.min() * 1.2, bowl.max(), 14), cmap="viridis")
axes[1].plot(*path.T, "C3.-", linewidth=1)
axes[1].set(xlabel=r"$\theta_0$", ylabel=r"$\theta_1$", title=r"The cost $J(\theta)$, and the way down")
axes[2].semilogy([max(cost(theta) - cost(exact), 1e-11) for theta in path], "C3.-")
axes[2].set(xlabel="step", ylabel=r"$J(\theta) - J$ of least squares", title="The optimisation")
plt.show()

# %% [markdown]
# Is it any good? The 20 sales that nobody has looked at decide, and the simplest answer (the mean price) stands beside.

# %%
naive = np.sqrt(np.mean((price[test] - price[train].mean()) ** 2))
line = np.sqrt(np.mean((price[test] - design[test] @ path[-1]) ** 2))
print(f"error on new sales: mean price {naive:.0f} thousand francs, line {line:.0f}; the haggling alone is 80")
assert line < naive / 2

# %% [markdown]
# **Exercise 3.** Which step sizes $\eta$ converge? The bowl of scaled data has curvature one in every direction; find
# the border by trial, and say why it is where it is.
#
# ## Shall we lend? The same three steps for a decision
#
# A bank knows of 300 past applicants their yearly income and their debt, and whether they paid back. The model is now
# the sigmoid of a line, a probability; the cost is the cross-entropy; the optimisation is the same.

# %%
income = np.maximum(rng.normal(80, 25, 300), 20)  # thousand francs a year
debt = rng.gamma(2.0, 20.0, 300)  # thousand francs
paid = (rng.random(300) < sigmoid(0.06 * (income - 70) - 0.05 * (debt - 50))).astype(float)
train, test = np.arange(300) < 200, np.arange(300) >= 200
x = np.stack([income, debt], axis=1)
x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
t = paid[:, None]
judge = MLP.fresh([2, 1], output="logistic", seed=0)  # no hidden layer: one sigmoid neuron
losses = judge.train(x[train], t[train], epochs=300, rate=0.5)
right = np.mean((judge(x[test]) > 0.5) == (t[test] > 0.5))
usual = np.mean(t[test] == np.round(t[train].mean()))
print(f"right on 100 new applicants: always the same answer {usual:.0%}, the neuron {right:.0%}")
assert right > usual

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for answer, colour, name in ((1, "C0", "paid back"), (0, "C3", "did not")):
    axes[0].scatter(income[paid == answer], debt[paid == answer], s=12, color=colour, label=name)
(w1, w2), b = judge.weights[0][:, 0], judge.biases[0][0]
centre, width = (np.stack([income, debt])[:, train].mean(axis=1), np.stack([income, debt])[:, train].std(axis=1))
at = np.linspace(10, 150, 2)
axes[0].plot(at, centre[1] - width[1] * (b + w1 * (at - centre[0]) / width[0]) / w2, "k--", label="undecided")
axes[0].set(xlabel="income, thousand francs a year", ylabel="debt, thousand francs", ylim=(0, 160))
axes[0].legend(fontsize=8)
axes[1].plot(losses)
axes[1].axhline(np.log(2), color="k", linestyle=":", label="a coin")
axes[1].set(xlabel="epoch", ylabel="cross-entropy, training part")
axes[1].legend()
plt.show()

# %% [markdown]
# **Exercise 4.** Money is lost when a loan fails (all of it) and earned when it is paid back (five per cent). At which
# probability should the bank lend? How much does the choice of one half cost, on the applicants kept apart?
#
# ## Why these costs? Because they are likelihoods
#
# Ask which parameters make the observations most probable, and take minus the logarithm:
#
# | what is observed | if it is drawn from | minus the log-likelihood is |
# |---|---|---|
# | a number $t$ | a normal distribution around $y$ | $(y - t)^2 / 2$ up to constants: the **squared error** |
# | yes or no | a coin with probability $y$ | $-t \log y - (1-t) \log(1-y)$: the **binary cross-entropy** |
# | one of $K$ classes | a die with probabilities $y_k$ | $-\sum_k t_k \log y_k$: the **categorical cross-entropy** |
#
# So least squares is right for noise that is normal, and wrong for a noise with wild outliers; and cross-entropy is not
# an invention but the only cost that belongs to a probability.

# %%
toss = (rng.random(50) < 0.7).astype(float)
logits = np.linspace(-2, 4, 601)
curve = np.array([binary_cross_entropy(np.full((50, 1), one), toss[:, None])[0] for one in logits])
best = sigmoid(logits[curve.argmin()])
print(f"share of heads {toss.mean():.3f}; the cost is lowest at probability {best:.3f}")
assert abs(best - toss.mean()) < 0.003
likelihood = np.exp([np.sum(toss * np.log(sigmoid(one)) + (1 - toss) * np.log(sigmoid(-one))) for one in logits])
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
axes[0].plot(sigmoid(logits), likelihood / likelihood.max())
axes[0].set(xlabel="probability of heads", ylabel="likelihood of 50 tosses, largest = 1")
axes[1].plot(sigmoid(logits), curve)
axes[1].set(xlabel="probability of heads", ylabel="binary cross-entropy")
for axis in axes:
    axis.axvline(toss.mean(), color="k", linestyle=":", label="share of heads seen")
    axis.legend()
plt.show()

# %%
h = rng.normal(size=(6, 3))
labels = rng.integers(0, 3, 6)
by_hand = -np.mean([np.log(softmax(h)[n, k]) for n, k in enumerate(labels)])
assert abs(by_hand - negative_log_likelihood(softmax(h), labels)) < 1e-12

# %% [markdown]
# ## The slides' letters
#
# Books and slides each have letters of their own. The course's multi-layer perceptron has inputs $x_\iota$, hidden
# units $\zeta$ and outputs $\kappa$; here is where each stands in the white box (`net` is a `whitebox.mlp.MLP` with one
# hidden layer; a row of `x` is a sample).
#
# | slide | equation | white box |
# |---|---|---|
# | $v_{\iota\zeta}$, first weights | | `net.weights[0][iota, zeta]` |
# | $w_{\zeta\kappa}$, second weights | | `net.weights[1][zeta, kappa]` |
# | bias: a weight of an input $-1$ | | `-net.biases[...]` (`Perceptron`: last row of `weights`, input $-1$) |
# | $\beta$, steepness of the sigmoid | | 1: a steepness is the size of the weights |
# | 4.4 | $h_\zeta = \sum_\iota x_\iota v_{\iota\zeta}$ | `hs[0]` of `hs, outs, _ = net.forward(x)` |
# | 4.5 | $a_\zeta = g(h_\zeta) = 1 / (1 + e^{-\beta h_\zeta})$ | `outs[1]`, by `activations.logistic` |
# | 4.6 | $h_\kappa = \sum_\zeta a_\zeta w_{\zeta\kappa}$ | `hs[1]` |
# | 4.7 | $y_\kappa = g(h_\kappa)$ | `net(x)` |
# | 4.8 | $\delta_o(\kappa) = (y_\kappa - t_\kappa)\, y_\kappa (1 - y_\kappa)$ | `losses.squared_error_of_logistic` |
# | 4.9 | $\delta_h(\zeta) = a_\zeta (1 - a_\zeta) \sum_\kappa w_{\zeta\kappa} \delta_o(\kappa)$ | `delta` there |
# | 4.10 | $w_{\zeta\kappa} \leftarrow w_{\zeta\kappa} - \eta\, \delta_o(\kappa)\, a_\zeta$ | `descent.Rule(eta).step` |
# | 4.11 | $v_{\iota\zeta} \leftarrow v_{\iota\zeta} - \eta\, \delta_h(\zeta)\, x_\iota$ | the same step |
#
# Line by line, one sample at a time as on the slide (`output="logistic squared"` is the pair of 4.7 and 4.8), against
# the network's own step:

# %%
net = MLP.fresh([2, 3, 2], output="logistic squared", seed=1)
(v, w), (b, c) = net.weights, net.biases
sample, target, eta = np.array([[0.5, -1.0]]), np.array([[1.0, 0.0]]), 0.25
a = sigmoid(sample @ v + b)  # 4.4, 4.5
y = sigmoid(a @ w + c)  # 4.6, 4.7
delta_o = (y - target) * y * (1 - y)  # 4.8
delta_h = a * (1 - a) * (delta_o @ w.T)  # 4.9
w_new = w - eta * a.T @ delta_o  # 4.10
v_new = v - eta * sample.T @ delta_h  # 4.11
net.train(sample, target, epochs=1, rule=Rule(eta))
assert np.allclose(net.weights[1], w_new, rtol=1e-13) and np.allclose(net.weights[0], v_new, rtol=1e-13)
print("4.4 to 4.11 by hand and the white box agree to the last digit but rounding")

# %% [markdown]
# The factor $y(1 - y)$ in 4.8 has a price: an output that is confidently *wrong* has hardly any slope and hardly
# learns. The cross-entropy cancels it, $\delta_o = y - t$, which is why everybody uses it for yes-and-no.

# %%
h = np.linspace(-8, 8, 200)
figure, axis = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
axis.plot(h, (sigmoid(h) - 1) * sigmoid(h) * sigmoid(-h), label="squared error (4.8)")
axis.plot(h, sigmoid(h) - 1, label="cross-entropy")
axis.set(xlabel="$h_\\kappa$, where the target is 1", ylabel=r"$\delta_o$")
axis.legend()
plt.show()

# %% [markdown]
# **Exercise 5.** Start a neuron at $h = -6$ with target 1 (weight $-6$ from an input of 1). How many steps with
# $\eta = 1$ does each of the two costs need until $y > 1/2$?
#
# ## The first learning machine
#
# The perceptron of the second notebook learns with the step instead of the sigmoid, by the error alone. It already
# has the shape of everything that follows: a model, a measure of what is wrong, a rule that changes the weights.

# %%
machine = Perceptron.fresh(2, 1, seed=0)
steps = machine.train(rows, LOGIC_NEURONS["or"](rows)[:, None], rate=0.25, iterations=100)
print(f"OR learnt after {steps} passes; weights {machine.weights[:, 0].round(2)} (the last is the threshold)")
assert np.array_equal(machine.recall(rows)[:, 0], LOGIC_NEURONS["or"](rows))
