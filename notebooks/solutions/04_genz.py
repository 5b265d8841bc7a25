# %% [markdown]
# # Solutions to notebook 4: Genz's functions

# %%
import warnings

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor

from equilearn.data import GENZ, draw_parameters
from equilearn.labs.genz import Design, study

names = list(GENZ)
jump = names.index("discontinuous")
two = {(n, steps): study(2, n, 2, steps, Design(), seed=0) for n, steps in ((50, 500), (500, 500), (50, 1000))}


def median(cell, key, name):
    return float(np.median(cell[key][names.index(name)]))


# %% [markdown]
# **Solution 1.** A network is continuous and goes through the jump at some slope: close enough to it, it is wrong by
# about half of the jump or more, however many points there are. More points only make the strip narrower in which it is
# wrong: the mean falls, the largest error stays.

# %%
falls = {key: median(two[50, 500], key, "discontinuous") / median(two[500, 500], key, "discontinuous")
         for key in ("mae", "max")}  # fmt: skip
print("ten times the points divide the errors by", {key: round(value, 2) for key, value in falls.items()})
assert falls["mae"] > falls["max"] and median(two[500, 500], "max", "discontinuous") > 0.5

# %% [markdown]
# **Solution 2.** The coefficients $c$ are normalised to a fixed sum, so in more dimensions each direction becomes
# flatter: most families are not much harder in five dimensions than in two, and what is hard is the jump: the corner in
# which the function lives has fewer points in it.

# %%
five = study(5, 500, 2, 500, Design(), seed=0)
for name in names:
    errors = [median(cell, "mae", name) for cell in (two[500, 500], five)]
    print(f"{name:<14} mean error in 2 dimensions {errors[0]:.3f}, in 5 {errors[1]:.3f}")
sums = {d: {round(float(np.sum(draw_parameters("gaussian", d, seed=s)[0])), 6) for s in range(5)} for d in (2, 5)}
assert all(len(one) == 1 for one in sums.values()) and sums[2] == sums[5]  # the same sum in every dimension
assert median(five, "mae", "discontinuous") > 0.8 * median(two[500, 500], "mae", "discontinuous")

# %% [markdown]
# **Solution 3.** With ten points least squares wins in some families, with five hundred in none or few: a plane has
# three numbers to find, a network hundreds. Where a plane is enough, or data are few, take the plane.

# %%
few = study(2, 10, 2, 500, Design(), seed=0)
loses = {n: sum(median(cell, "mae", name) > median(cell, "linear", name) for name in names)
         for n, cell in ((10, few), (500, two[500, 500]))}  # fmt: skip
print("families of six where least squares is better:", loses)
assert loses[500] <= loses[10] and loses[500] <= 3

# %% [markdown]
# **Solution 4.** Both, and the data more: twice the steps help somewhat, ten times the points help more, and beyond
# some number of steps a network only learns its fifty points by heart.

# %%
by_steps = np.median([median(two[50, 500], "mae", n) / median(two[50, 1000], "mae", n) for n in names])
by_points = np.median([median(two[50, 500], "mae", n) / median(two[500, 500], "mae", n) for n in names])
print(f"errors are divided by {by_steps:.2f} with twice the steps, by {by_points:.2f} with ten times the points")
assert by_points > by_steps

# %% [markdown]
# **Solution 5.** A wave of a weighted sum of ten inputs: a plane misses all of the wave. With a handful of points the
# network does no better than the plane; some hundreds are enough.

# %%
rng = np.random.default_rng(0)
weights = rng.normal(size=10) / np.sqrt(10)


def own(x):
    return np.sin(3 * x @ weights)


x_test = rng.normal(size=(2000, 10))
needed = None
for n in (20, 100, 500, 2500):
    x = rng.normal(size=(n, 10))
    line = LinearRegression().fit(x, own(x)).predict(x_test)
    with warnings.catch_warnings(action="ignore"):  # it stops after 200 iterations, and says so
        learner = MLPRegressor(hidden_layer_sizes=(64,), solver="lbfgs", alpha=1e-2, max_iter=200, random_state=0)
        network = learner.fit(x, own(x)).predict(x_test)
    errors = [float(np.mean((one - own(x_test)) ** 2)) for one in (line, network)]
    print(f"{n:5d} points: least squares {errors[0]:.3f}, network {errors[1]:.3f}")
    needed = n if needed is None and errors[1] < 0.9 * errors[0] else needed
assert needed is not None and needed > 20
