# %% [markdown]
# # Solutions to notebook 2: neurons and perceptrons

# %%
import numpy as np
from scipy.optimize import linprog

from equilearn.data import load_small, logic
from equilearn.supervised import classification_baselines, classification_metrics, split
from equilearn.whitebox.mlp import MLP

# %% [markdown]
# **Solution 1.** A line would need $b < 0$, $w_1 + b > 0$, $w_2 + b > 0$, $w_1 + w_2 + b < 0$. The two in the middle
# add up to $w_1 + w_2 + 2b > 0$, the two outer ones to $w_1 + w_2 + 2b < 0$. Both cannot be. A linear program agrees:
# it finds a line with a margin for OR and AND, and says that there is none for XOR.

# %%
separable = {}
for name in ("or", "and", "xor"):
    x, t = logic(name)
    side = np.where(t > 0.5, 1.0, -1.0)
    rows = -side * np.column_stack([x, np.ones(4)])  # side (w x + b) >= 1
    separable[name] = linprog(np.zeros(3), A_ub=rows, b_ub=-np.ones(4), bounds=(None, None)).status == 0
print(separable)
assert separable == {"or": True, "and": True, "xor": False}

# %% [markdown]
# **Solution 2.** With four hidden units XOR is learnt from all or nearly all starts: there are more ways to a good
# answer, and fewer valleys without one.

# %%
x, t = logic("xor")
solved = {}
for hidden in (2, 4):
    nets = [MLP.fresh([2, hidden, 1], output="logistic", seed=seed) for seed in range(10)]
    for net in nets:
        net.train(x, t, epochs=1000, rate=0.5)
    solved[hidden] = sum(bool(np.all((net(x) > 0.5) == (t > 0.5))) for net in nets)
print("starts of ten that learn XOR, by hidden units:", solved)
assert solved[4] >= 9 and solved[4] >= solved[2]

# %% [markdown]
# **Solution 3.** The accuracies of ten splits lie several points apart: 38 test flowers, of which two or three are
# hard. The mean difference to logistic regression is smaller than what the splits differ by: no winner on irises.

# %%
network, logistic = [], []
for seed in range(10):
    data = split(*load_small("iris"), (0.5, 0.25, 0.25), seed=seed)
    centre, spread = data.x_train.mean(axis=0), data.x_train.std(axis=0)
    x_train, x_validation, x_test = ((one - centre) / spread for one in (data.x_train, data.x_validation, data.x_test))
    net = MLP.fresh([4, 5, 3], output="softmax", seed=seed)
    net.train(x_train, data.t_train, epochs=800, rate=0.1, validation=(x_validation, data.t_validation), patience=100)
    network.append(classification_metrics(net(x_test), data.t_test.argmax(axis=1))["accuracy"])
    logistic.append(classification_baselines(data)["logistic regression"]["accuracy"])
gaps = np.array(network) - np.array(logistic)
print(
    f"network {min(network):.3f} to {max(network):.3f}, less logistic regression {gaps.mean():+.3f} +- {gaps.std():.3f}"
)
assert np.ptp(network) > 0.02 and abs(gaps.mean()) < 2 * gaps.std()

# %% [markdown]
# **Solution 4.** With 200 pictures the test accuracy stops rising after about ten hidden units: 64 inputs times 10 are
# already 640 weights. (Here with the small digits of scikit-learn; `equilearn lab mlp` has the large ones.)

# %%
x, t = load_small("digits")
data = split(x / 16, t, (200 / 1797, 200 / 1797, 1397 / 1797), seed=0)
accuracy = {}
for hidden in (1, 2, 5, 10, 20):
    net = MLP.fresh([64, hidden, 10], output="softmax", activation="tanh", seed=0)
    net.train(data.x_train, data.t_train, epochs=400, rate=0.1, validation=(data.x_validation, data.t_validation),
              patience=50)  # fmt: skip
    accuracy[hidden] = classification_metrics(net(data.x_test), data.t_test.argmax(axis=1))["accuracy"]
print({hidden: round(float(share), 3) for hidden, share in accuracy.items()})
assert accuracy[1] < accuracy[2] < accuracy[5] and accuracy[20] - accuracy[10] < 0.5 * (accuracy[10] - accuracy[1])
