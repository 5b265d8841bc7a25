# %% [markdown]
# # 2. Neurons, perceptrons, and what hidden units are for
#
# One neuron adds up what it is told, and fires or not. Many of them in two layers can compute anything. This
# notebook goes from the first to the second, with back-propagation written by hand (`equilearn.whitebox.mlp`).

# %%
import matplotlib.pyplot as plt
import numpy as np

from equilearn.data import load_small, logic
from equilearn.supervised import classification_baselines, classification_metrics, confusion_matrix, split
from equilearn.whitebox.activations import sigmoid
from equilearn.whitebox.approximation import bump
from equilearn.whitebox.descent import Adam
from equilearn.whitebox.mlp import MLP
from equilearn.whitebox.perceptron import Perceptron

# %% [markdown]
# ## One neuron: OR and AND, but not XOR

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
grid = np.linspace(-0.5, 1.5, 201)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
solved = {}
for axis, name in zip(axes, ("or", "and", "xor"), strict=True):
    x, t = logic(name)
    neuron = Perceptron.fresh(2, 1, seed=0)
    needed = neuron.train(x, t, rate=0.25, iterations=1000)
    solved[name] = bool(np.array_equal(neuron.recall(x), t))
    fires = neuron.recall(points).reshape(201, 201)
    axis.contourf(grid, grid, fires, levels=[-0.5, 0.5, 1.5], colors=["mistyrose", "lightblue"])
    axis.scatter(*x.T, c=np.where(t[:, 0] > 0, "C0", "C3"), s=80)
    axis.set(xlabel="$x_1$", ylabel="$x_2$", title=f"{name.upper()}: {'solved' if solved[name] else 'not solved'}")
    print(name, needed, "iterations")
plt.show()
assert solved == {"or": True, "and": True, "xor": False}

# %% [markdown]
# Blue points should lie on blue ground, where the neuron fires. The rule stops as soon as they do, often with the line
# (the border of the two grounds) close by a point; with XOR it goes round for ever, and the line may leave the picture.
#
# **Exercise 1.** Prove that no line separates the two classes of XOR. (Add up the four inequalities.)
#
# ## Two hidden units
#
# A multi-layer perceptron bends the line. Its gradient is the chain rule, one layer after the other.

# %%
x, t = logic("xor")
share, right = [], []
for seed in range(20):
    net = MLP.fresh([2, 2, 1], output="logistic", seed=seed)
    losses = net.train(x, t, epochs=2000, rate=0.25)
    right.append(int(((net(x) > 0.5) == (t > 0.5)).sum()))
    share.append(right[-1] == 4)
print(f"XOR solved from {sum(share)} of 20 starts; the others have {[n for n in right if n < 4]} of 4 rows right")
assert any(share)

# %% [markdown]
# How it comes about, epoch by epoch: the border bends until both corners lie on one side.

# %%
net = MLP.fresh([2, 4, 1], output="logistic", seed=0)
figure, axes = plt.subplots(1, 5, figsize=(13, 3), sharey=True, layout="constrained")
done = 0
for axis, epoch in zip(axes, (0, 100, 200, 400, 2000), strict=True):
    if epoch > done:
        net.train(x, t, epochs=epoch - done, rate=0.25)
    done = epoch
    axis.contourf(grid, grid, net(points).reshape(201, 201), levels=np.linspace(0, 1, 11), cmap="RdBu")
    axis.scatter(*x.T, c=np.where(t[:, 0] > 0, "C0", "C3"), edgecolor="white", s=60)
    axis.set(xlabel="$x_1$", title=f"epoch {epoch}")
axes[0].set_ylabel("$x_2$")
plt.show()
assert np.all((net(x) > 0.5) == (t > 0.5))

# %% [markdown]
# ## Why hidden units are enough: a bump from sigmoids
#
# Two steep sigmoids make a ridge, four make two ridges that cross, and one more, above them, keeps the crossing alone.
# Of such bumps any continuous function can be built: that is the theorem of universal approximation.

# %%
ridge = sigmoid(10 * (points[:, 0] - 0.2)) - sigmoid(10 * (points[:, 0] - 0.8))
crossed = ridge + sigmoid(10 * (points[:, 1] - 0.2)) - sigmoid(10 * (points[:, 1] - 0.8))
one_bump = bump(points, np.array([0.2, 0.2]), np.array([0.8, 0.8]), 20.0)
stages = {
    "one sigmoid": sigmoid(10 * (points[:, 0] - 0.2)),
    "a ridge": ridge,
    "two ridges": crossed,
    "a bump": one_bump,
}
figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
for axis, (name, values) in zip(axes, stages.items(), strict=True):
    axis.contourf(grid, grid, values.reshape(201, 201), levels=12, cmap="viridis")
    axis.set(xlabel="$x_1$", title=name)
axes[0].set_ylabel("$x_2$")
plt.show()
assert one_bump.reshape(201, 201)[100, 100] > 0.95 and one_bump.reshape(201, 201)[100, 10] < 0.01

# %% [markdown]
# The cost is not convex: a start that fails has come to a valley where some of the four points are wrong.
#
# **Exercise 2.** Give the network four hidden units. In how many starts is XOR learnt now?
#
# ## A check that should never be left out
#
# Is the hand-written gradient right? Move one weight a little, and see whether the cost changes as it says.

# %%
net = MLP.fresh([2, 3, 1], output="logistic", seed=1)
_, gradient, *_ = net.gradient(x, t)
h = 1e-6
net.weights[0][1, 2] += h
up = net.loss(x, t)
net.weights[0][1, 2] -= 2 * h
down = net.loss(x, t)
print(f"back-propagation {gradient[0][1, 2]:.10f}, finite difference {(up - down) / (2 * h):.10f}")
assert abs(gradient[0][1, 2] - (up - down) / (2 * h)) < 1e-8

# %% [markdown]
# ## The paper ball, uncrumpled
#
# Red points in the middle, green ones around them: no line parts them, and layers without a non-linearity are one line
# however many there are. With $\tanh$ every layer pulls the sheet a little flatter, until for the last a line is
# enough.

# %%
rng = np.random.default_rng(0)
angle, red = rng.uniform(0, 2 * np.pi, 300), np.arange(300) < 150
ring = np.where(red, 0.6 * rng.random(300), 1.0 + 0.4 * rng.random(300))[:, None] * np.stack(
    [np.cos(angle), np.sin(angle)], 1
)
belongs = red[:, None].astype(float)
shares = {}
for activation in ("linear", "tanh"):
    sheet = MLP.fresh([2, 8, 2, 1], activation=activation, output="logistic", seed=2)
    sheet.train(ring, belongs, epochs=1000, rule=Adam(0.03))
    shares[activation] = float(np.mean((sheet(ring) > 0.5) == (belongs > 0.5)))
print("right, by activation:", shares)
assert shares["tanh"] > 0.98 > 0.7 > shares["linear"]
hs, outs, _ = sheet.forward(ring)
flat = outs[1] - outs[1].mean(axis=0)
views = {
    "the points": ring,
    "first layer (its two main directions)": flat @ np.linalg.svd(flat)[2][:2].T,
    "second layer": outs[2],
}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for axis, (name, view) in zip(axes, views.items(), strict=True):
    axis.scatter(*view.T, c=np.where(red, "C3", "C2"), s=10)
    axis.set(xlabel="first number", ylabel="second number", title=name)
plt.show()

# %% [markdown]
# ## Irises: training, validation, test
#
# The recipe: split first; fit the scaling on the training part only; choose when to stop on the validation part;
# look at the test part once; compare with the simplest answers.

# %%
data = split(*load_small("iris"), (0.5, 0.25, 0.25), seed=0)
centre, spread = data.x_train.mean(axis=0), data.x_train.std(axis=0)
x_train, x_validation, x_test = ((one - centre) / spread for one in (data.x_train, data.x_validation, data.x_test))
net = MLP.fresh([4, 5, 3], output="softmax", seed=0)
losses = net.train(
    x_train, data.t_train, epochs=3000, rate=0.1, validation=(x_validation, data.t_validation), patience=200
)
labels = data.t_test.argmax(axis=1)
accuracy = classification_metrics(net(x_test), labels)["accuracy"]
print("test accuracy", f"{accuracy:.3f}")
for name, one in classification_baselines(data).items():
    print(name, f"{one['accuracy']:.3f}")
print("confusion matrix (rows actual, columns predicted):")
print(confusion_matrix(labels, net(x_test).argmax(axis=1), 3))
assert accuracy > classification_baselines(data)["majority"]["accuracy"]

# %%
watched = MLP.fresh([4, 5, 3], output="softmax", seed=0)  # once more, ten epochs at a time, for the training part
trained_on = [watched.train(x_train, data.t_train, epochs=10, rate=0.1)[-1] for _ in range(len(losses) // 10)]
figure, axis = plt.subplots()
axis.plot(losses, label="validation part")
axis.plot(np.arange(1, len(trained_on) + 1) * 10, trained_on, label="training part")
axis.axvline(int(np.argmin(losses)), color="k", linestyle=":", label="weights of this epoch are restored")
axis.set(xlabel="epoch", ylabel="loss", yscale="log")
axis.legend()
plt.show()

# %% [markdown]
# **Exercise 3.** Repeat for ten seeds of the split. How far apart are the test accuracies? Is the network better
# than logistic regression, or is that noise?
#
# **Exercise 4.** `equilearn lab mlp` does the same for a noisy sine and for handwritten digits (200 images, and all
# 60,000). How many hidden units do 200 images support?
