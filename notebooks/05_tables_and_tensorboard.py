# %% [markdown]
# # 5. Tables, scaling, and TensorBoard
#
# Rows and columns: the data of most people. Two lessons: look at the scale of your inputs before you build anything
# deep, and put least squares beside every network.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from equilearn.data.tables import random_network_data
from equilearn.learn import LearnSettings
from equilearn.learn.recording import read_metrics
from equilearn.optimizers import adam
from equilearn.supervised import compare, fit, split

# %% [markdown]
# ## A table that looks hard
#
# Ten inputs made from one hidden number by five wide layers of random ReLU units. Its author calls it complex.

# %%
x, t = random_network_data(10_000, 10, (200,) * 4, 1, 0.1, seed=1234)
print(f"inputs: mean {x.mean():.0f}, standard deviation {x.std():.0f}, largest {x.max():.0f}")
data = split(x, t, (0.9, 0.05, 0.05), seed=0)
settings = LearnSettings(episodes=10, batch_size=256, check_every=1)
scores = {}
for scale in (False, True):
    fitted = fit(data, (64, 32), settings, optimizer=adam(5e-3), scale=scale, activation="relu")
    scores[scale] = fitted.test(data)["r2"]
    print(f"network, {'scaled' if scale else 'raw'} inputs: R2 = {scores[scale]:.4f}")
linear = compare(fitted, data)["least squares"]["r2"]
print(f"least squares:              R2 = {linear:.4f}")
assert scores[True] > 0.97 and linear > 0.97

# %% [markdown]
# The inputs are a piecewise linear function of one number; only their scale is enormous. Least squares does not mind.
#
# **Exercise 1.** Standardise with the mean and deviation of the *whole* table instead of the training part. Does the
# test error change here? When would it?
#
# ## Watching a run
#
# Give `fit` a folder, and the loop leaves `metrics.jsonl` and TensorBoard events there.

# %%
folder = Path(tempfile.mkdtemp())
for name, rate in {"slow": 1e-4, "good": 5e-3, "wild": 0.3}.items():
    (folder / name).mkdir()
    fit(data, (64, 32), settings, optimizer=adam(rate), activation="relu", folder=folder / name)
print(f"tensorboard --logdir {folder}")

# %%
figure, axis = plt.subplots()
curves = {}
for name in ("slow", "good", "wild"):
    rows = read_metrics(folder / name)
    curves[name] = [row["errors/validation/mean"] for row in rows]
    axis.semilogy([row["episode"] for row in rows], curves[name], "-o", label=name)
axis.set(xlabel="epoch", ylabel="validation error")
axis.legend(title="learning rate")
plt.show()
assert curves["good"][-1] < curves["slow"][-1]

# %% [markdown]
# **Exercise 2.** What is the noise floor of this problem, and which run reaches it?
#
# **Exercise 3.** `equilearn lab tabular` grades real loans from A to G. Why are interest rate and instalment left out
# of its inputs? What does weighting the rare classes cost? (`--tensorboard DIR` keeps its events.)

# %%
print(
    "noise floor (mean squared error):",
    0.1**2,
    " least squares:",
    np.round(compare(fitted, data)["least squares"]["mse"], 4),
)
