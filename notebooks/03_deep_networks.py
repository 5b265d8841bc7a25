# %% [markdown]
# # 3. Deep networks, gently
#
# The same three steps, now fast: networks on Equinox, optimisers on Optax, one training loop for everything
# (`equilearn.learn`). First a smooth function of two numbers, then pictures, then what the recipes of the trade
# (initialisation, early stopping, dropout, batch normalisation) really change.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

from equilearn.data import load_small
from equilearn.labs.gradients import Gradients
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.supervised import Split, compare, fit, split

# %% [markdown]
# ## Regression: $\cos(\pi x_1/2)\cos(\pi x_2/2)$ on the square


# %%
def draw(n, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    return x, np.cos(np.pi * x / 2).prod(axis=1, keepdims=True)


data = Split(*draw(10_000, 0), *draw(1000, 1), *draw(1000, 2))
settings = LearnSettings(episodes=10, batch_size=32, check_every=1)
fitted = fit(data, (64, 64), settings, optimizer=adam(0.01), activation="relu")
scores = compare(fitted, data)
for name, one in scores.items():
    print(f"{name:<14} mean squared error {one['mse']:.2e}   largest error {one['max']:.2e}")
assert scores["network"]["mse"] < 0.01 * scores["least squares"]["mse"]

# %%
grid = np.linspace(-1, 1, 81)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
gap = fitted.predict(points)[:, 0] - np.cos(np.pi * points / 2).prod(axis=1)
most = np.abs(gap).max()
plt.imshow(gap.reshape(81, 81), extent=(-1, 1, -1, 1), origin="lower", cmap="coolwarm", vmin=-most, vmax=most)
plt.colorbar(label="network less function")
plt.xlabel("$x_1$")
plt.ylabel("$x_2$")
plt.show()

# %% [markdown]
# **Exercise 1.** Where on the square are the errors largest, and why there?
#
# **Exercise 2.** Replace the activation (`activation="swish"`). What changes, and why for this function?

# %% [markdown]
# ## Classification: digits of 8 x 8 pixels
#
# (Fashion-MNIST with the course's network: `equilearn lab classification`.)

# %%
digits = split(*load_small("digits"), seed=0)
recipes = {
    "plain": {},
    "He's weights": {"initialiser": jax.nn.initializers.he_normal()},
    "dropout 0.2": {"dropout": 0.2},
    "batch normalisation": {"batch_norm": True},
}
for name, options in recipes.items():
    fitted = fit(
        digits,
        (128,),
        LearnSettings(episodes=20, batch_size=32, check_every=1, patience=5),
        classify=True,
        activation="relu",
        **options,
    )
    test = fitted.test(digits)
    print(f"{name:<20} accuracy {test['accuracy']:.3f}   log loss {test['log_loss']:.3f}   {fitted.run.message}")
for name, one in list(compare(fitted, digits).items())[:2]:
    print(f"{name:<20} accuracy {one['accuracy']:.3f}   log loss {one['log_loss']:.3f}")
assert test["accuracy"] > 0.9

# %% [markdown]
# **Exercise 3.** Do the recipes differ by more than two seeds of one recipe do? Run each with five seeds before you
# believe any of it.
#
# ## Why deep networks need care: gradients that vanish

# %%
findings = Gradients(depth=15, seeds=3).run()
ratios = findings.result["ratio"]
findings

# %%
assert ratios["sigmoid, Glorot"] < 1e-2  # the first layers of a deep sigmoid network hardly learn
assert 1e-2 < ratios["ReLU, He"] < 1e2

# %% [markdown]
# **Exercise 4.** Which activation and initialisation would you choose for fifty layers? Check with
# `Gradients(depth=50)`.
