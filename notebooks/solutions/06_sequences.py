# %% [markdown]
# # Solutions to notebook 6: sequences

# %%
import numpy as np

from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.sequences import chronological, diebold_mariano, persistence, windows
from equilearn.sequences.forecaster import fit_forecaster
from equilearn.whitebox.activations import sigmoid
from equilearn.whitebox.lstm import LSTM

# %% [markdown]
# **Solution 1.** In a linear cell $\partial h_T / \partial h_t = W^{T-t}$ (transposed or not): its size goes with
# $\rho^{T-t}$, where $\rho$ is the largest absolute eigenvalue of $W$. Below one it vanishes, above one it explodes,
# geometrically; at exactly one it stays. Singular values bound it, but do not decide.

# %%
rng = np.random.default_rng(0)
matrix = rng.normal(size=(8, 8))
for rho in (0.8, 1.25):
    w = matrix * rho / np.abs(np.linalg.eigvals(matrix)).max()
    sizes = [np.linalg.norm(np.linalg.matrix_power(w, k)) for k in (200, 400)]
    a_step = (sizes[1] / sizes[0]) ** (1 / 200)
    print(f"largest eigenvalue {rho}: the error changes by a factor {a_step:.3f} a step")
    assert abs(a_step - rho) < 0.01 * rho

# %% [markdown]
# **Solution 2.** $f^{100} = 1/2$ means $f = 2^{-1/100} = 0.9931$, and $b_f = \log(f / (1 - f)) = 4.97$. The usual
# start, $b_f = 1$, has $f = 0.731$: half of the memory is gone after 2.2 steps. (The rule of thumb $b_f =
# \log(\text{gap})$ comes from the same line.)

# %%
f = 2 ** (-1 / 100)
bias = float(np.log(f / (1 - f)))
half_life = float(np.log(0.5) / np.log(sigmoid(np.array(1.0))))
print(f"bias {bias:.2f}; with a bias of 1 half is gone after {half_life:.1f} steps")
assert abs(bias - 4.97) < 0.01 and abs(half_life - 2.2) < 0.05
cell = LSTM(np.zeros((2, 4)), np.array([bias, -40.0, 0.0, 0.0]))  # nothing is stored, only forgotten
cell.weights[1] = [0.0, 80.0, 20.0, 0.0]  # but an input of one is taken in whole
steps = np.zeros((1, 102, 1))
steps[0, 0] = 1.0
_, memory = cell.forward(steps)
assert abs(memory[0, 101, 0] / memory[0, 1, 0] - 0.5) < 1e-6

# %% [markdown]
# **Solution 3.** On a ramp the value is the time, so a target that is one step off shows at once. Persistence is wrong
# by exactly $h$ at horizon $h$: its mean squared error is $h^2$.

# %%
horizons = (1, 2, 7)
ramp = windows(np.arange(100.0), history=5, horizons=horizons)
assert np.array_equal(ramp.y - ramp.x[:, -1:, 0], np.tile(horizons, (len(ramp.y), 1)))
error = np.mean((persistence(ramp) - ramp.y) ** 2, axis=0)
assert np.array_equal(error, np.square(horizons))

# %% [markdown]
# **Solution 4.** What is known of the next value of a random walk is the last one: persistence is the best forecast
# there is, and its error is the variance of a step, one. The network can only come close to it. That the test finds no
# network better is the result to hope for; whoever finds one should look for a leak.

# %%
walk = np.cumsum(rng.normal(size=1500))
parts = chronological(walk, history=16)
fitted = fit_forecaster(
    parts, LearnSettings(episodes=5, batch_size=64, check_every=1, keep_best=True), hidden=8, optimizer=adam(3e-3)
)
network, last = fitted.predict(parts.test) - parts.test.y, persistence(parts.test) - parts.test.y
test = diebold_mariano(network[:, 0], last[:, 0])
print(f"mean squared error {np.mean(network**2):.3f} and {np.mean(last**2):.3f}: {test.verdict('LSTM', 'persistence')}")
assert not (test.p_value < 0.05 and test.difference < 0)  # the network is not better
assert np.mean(network**2) < 1.3 * np.mean(last**2)  # but it has found what there is to find
