# %% [markdown]
# # Solutions to notebook 5: tables

# %%
import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor

from equilearn.data.tables import random_network_data
from equilearn.supervised import split

x, t = random_network_data(10_000, 10, (200,) * 4, 1, 0.1, seed=1234)
data = split(x, t, (0.9, 0.05, 0.05), seed=0)

# %% [markdown]
# **Solution 1.** Not here: with 9,000 rows to train on, the mean and the deviation of all 10,000 are the same to a per
# cent or so. It would where the training part is small, or where the test part is of another time: the future then
# leaks into the scale, and what was measured is not what will be met.

# %%
used = data.x_train.std(axis=0) > 0
change = np.abs(x.std(axis=0) / np.where(used, data.x_train.std(axis=0), 1.0) - 1)[used]
print(f"deviations change by at most {change.max():.1%}")
assert change.max() < 0.02
trend = np.cumsum(np.ones(1000))[:, None]  # a series that grows: the last part is of another size
assert abs(trend.mean() / trend[:500].mean() - 1) > 0.5


def nearest(columns):
    """The test error of the five nearest neighbours, a method for which the scale is everything."""
    fitted = KNeighborsRegressor(5).fit((data.x_train / columns)[:, used], data.t_train)
    return float(np.mean((fitted.predict((data.x_test / columns)[:, used]) - data.t_test) ** 2))


whole, training = (nearest(np.where(used, one.std(axis=0), 1.0)) for one in (x, data.x_train))
print(f"test error scaled by the whole table {whole:.5f}, by the training part {training:.5f}")
assert abs(whole / training - 1) < 0.1

# %% [markdown]
# **Solution 2.** The targets carry noise of standard deviation 0.1, so no forecast has an expected squared error below
# 0.01. Least squares reaches it; so does the run with the good rate. The slow one has not arrived, the wild one jumps.

# %%
mse = float(np.mean((LinearRegression().fit(data.x_train, data.t_train).predict(data.x_test) - data.t_test) ** 2))
print(f"least squares {mse:.4f}, noise 0.01")
assert 0.008 < mse < 0.013

# %% [markdown]
# **Solution 3.** Rate and instalment are set by whoever has already graded the loan: with them in the table the grade
# is read off, and nothing is learnt that a bank could use beforehand. Weights for rare classes raise how many of them
# are found and lower the share that is right. Both on a table of one's own:

# %%
rng = np.random.default_rng(0)
income = rng.normal(size=4000)
grade = (income + rng.normal(size=4000) < -1.8).astype(int)  # one in ten or so is bad
rate = 5 + 3 * grade + 0.1 * rng.normal(size=4000)  # set after the grading
train, test = slice(0, 3000), slice(3000, 4000)
scores, found = {}, {}
for name, columns, weight in (
    ("honest", income[:, None], None), ("honest, weighted", income[:, None], "balanced"),
    ("with the rate", np.column_stack([income, rate]), None),
):  # fmt: skip
    told = LogisticRegression(class_weight=weight).fit(columns[train], grade[train]).predict(columns[test])
    scores[name], found[name] = np.mean(told == grade[test]), np.mean(told[grade[test] == 1])
    print(f"{name:<17} right {scores[name]:.3f}, of the bad ones found {found[name]:.2f}")
assert scores["with the rate"] > 0.99 > scores["honest"]
assert found["honest, weighted"] > found["honest"] + 0.2 and scores["honest, weighted"] < scores["honest"]
