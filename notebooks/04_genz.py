# %% [markdown]
# # 4. The exercise of day one: Genz's functions
#
# Six families of functions on the unit cube, each hard in its own way. Take $N$ random points, fit a network, and
# measure the mean and the **largest** error on 1,000 fresh points. How do they fall with $N$? What does dimension do?

# %%
import matplotlib.pyplot as plt
import numpy as np

from equilearn.data import GENZ, draw_parameters, sample
from equilearn.labs.genz import Design, study

# %%
figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
grid = np.linspace(0, 1, 101)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
for axis, name in zip(axes.flat, GENZ, strict=True):
    c, w = draw_parameters(name, 2, seed=1)
    axis.imshow(GENZ[name][0](points, c, w).reshape(101, 101), extent=(0, 1, 0, 1), origin="lower")
    axis.set(title=name, xlabel="$x_1$", ylabel="$x_2$")
plt.show()

# %% [markdown]
# ## The study
#
# All functions and seeds of a cell are trained side by side in one compiled program (`learn_many`). Errors are
# in units of the function's standard deviation; what a constant would do is in `cells[n]["naive"]`, by function.

# %%
sizes = (10, 50, 100, 500)
cells = {n: study(2, n, 5, 1000, Design(), seed=0) for n in sizes}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, key in zip(axes, ("mae", "max"), strict=True):
    for index, name in enumerate(GENZ):
        axis.loglog(sizes, [np.median(cells[n][key][index]) for n in sizes], "-o", label=name)
    axis.set(xlabel="training points", ylabel=f"{'mean' if key == 'mae' else 'largest'} error")
axes[0].legend(fontsize=8)
plt.show()

# %%
names = list(GENZ)
print(
    "mean error of the training mean:", dict(zip(names, np.median(cells[500]["naive"], axis=1).round(2), strict=True))
)
for name in ("oscillatory", "discontinuous"):
    i = names.index(name)
    falls = {key: np.median(cells[10][key][i]) / np.median(cells[500][key][i]) for key in ("mae", "max")}
    print(f"{name:<14} mean error falls by {falls['mae']:5.1f}, largest by {falls['max']:5.1f}")
    if name == "discontinuous":
        assert falls["max"] < falls["mae"]  # the largest error of a jump is the jump

# %% [markdown]
# **Exercise 1.** Why does the largest error of the discontinuous function hardly fall, while its mean error does?
#
# **Exercise 2.** Do the same in five dimensions (`study(5, ...)`). Which functions become harder, which easier, and
# what has the normalisation of $c$ to do with it?
#
# **Exercise 3.** Where does the network lose to least squares (`cells[n]["linear"]`)? When would you not use one?

# %%
for n in sizes:
    worse = [name for i, name in enumerate(GENZ) if np.median(cells[n]["mae"][i]) > np.median(cells[n]["linear"][i])]
    print(f"{n:4d} points: least squares is better for {', '.join(worse) or 'none'}")

# %% [markdown]
# **Exercise 4.** Is it the data or the training that is scarce? Double the steps (`study(2, 50, 5, 2000, ...)`).
#
# **Exercise 5.** Data of your own: write a function of ten inputs, `sample` it, and find the number of points that a
# network needs to beat least squares.
c, w = draw_parameters("gaussian", 10, seed=3)
x, t = sample("gaussian", 10, 1000, parameters=(c, w), seed=4)
print(x.shape, t.shape)
