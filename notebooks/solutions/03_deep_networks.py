# %% [markdown]
# # Solutions to notebook 3: deep networks

# %%
import numpy as np

from equilearn.data import load_small
from equilearn.labs.gradients import Gradients
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.supervised import Split, fit, split


def draw(n, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    return x, np.cos(np.pi * x / 2).prod(axis=1, keepdims=True)


# %% [markdown]
# **Solution 1.** At the rim and in the corners: there are training points on one side only, and the network goes on
# beyond the last of them as it likes.

# %%
data = Split(*draw(2000, 0), *draw(500, 1), *draw(2000, 2))
inside = np.abs(data.x_test).max(axis=1) < 0.8
errors, rim = {}, {}
for activation in ("relu", "swish"):
    settings = LearnSettings(episodes=40, batch_size=64, check_every=40)
    fitted = fit(data, (64, 64), settings, optimizer=adam(0.01), activation=activation)
    gap = np.abs(fitted.predict(data.x_test) - data.t_test)[:, 0]
    errors[activation], rim[activation] = float(np.mean(gap**2)), (gap[~inside].max(), gap[inside].max())
    print(f"{activation:<6} mean squared error {errors[activation]:.1e}, largest: rim {gap[~inside].max():.3f}, "
          f"inside {gap[inside].max():.3f}")  # fmt: skip
assert all(outer > inner for outer, inner in rim.values())

# %% [markdown]
# **Solution 2.** The function is smooth, and ReLU can only put flat pieces together: at its seams the error is largest.
# Swish is smooth itself, and its largest error is smaller. (The mean hardly tells them apart: it depends on how the
# descent ended.) For a function with kinks it would be the other way round.

# %%
assert max(rim["swish"]) < max(rim["relu"])

# %% [markdown]
# **Solution 3.** They do not, or hardly: the accuracies of one recipe over seeds (split, weights and order) overlap
# with those of the others. What one run shows is luck as much as recipe.

# %%
x, t = load_small("digits")
accuracies = {}
for name, options in {"plain": {}, "dropout 0.2": {"dropout": 0.2}}.items():
    accuracies[name] = []
    for seed in range(5):
        digits = split(x, t, seed=seed)
        settings = LearnSettings(episodes=10, batch_size=64, check_every=10)
        fitted = fit(digits, (64,), settings, classify=True, activation="relu", seed=seed, **options)
        accuracies[name].append(fitted.test(digits)["accuracy"])
    print(f"{name:<12} {min(accuracies[name]):.3f} to {max(accuracies[name]):.3f}")
means = [np.mean(one) for one in accuracies.values()]
spread = max(np.ptp(one) for one in accuracies.values())
assert abs(means[0] - means[1]) < spread

# %% [markdown]
# **Solution 4.** ReLU with He's weights: each layer keeps the size of signals on average, so that fifty layers keep it
# too. With the sigmoid (slope at most 1/4) the error is gone long before it reaches the first layer.

# %%
ratios = Gradients(depth=50, seeds=3).run(live=False).result["ratio"]
print({name: f"{ratio:.1e}" for name, ratio in ratios.items()})
assert 1e-2 < ratios["ReLU, He"] < 1e2 and ratios["sigmoid, Glorot"] < 1e-10
assert abs(np.log(ratios["ReLU, He"])) == min(abs(np.log(r)) for r in ratios.values())
