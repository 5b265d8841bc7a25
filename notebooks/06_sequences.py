# %% [markdown]
# # 6. Sequences: networks that remember
#
# A text, a temperature, a price: what comes next depends on what came before, and on how long ago. A recurrent network
# reads one step at a time and keeps a state. This notebook opens the cell, differentiates it by hand, shows why it
# forgets, how the LSTM was built not to, and ends with a forecast and what it has to beat.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.sequences import chronological, diebold_mariano, forecast_baselines
from equilearn.sequences.forecaster import fit_forecaster
from equilearn.whitebox.descent import Adam
from equilearn.whitebox.lstm import LSTM
from equilearn.whitebox.recurrent import RNN

# %% [markdown]
# ## The recurrent cell
#
# $$ h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t + b), \qquad z_t = \mathrm{softmax}(W_{hz} h_t + c) $$
#
# The same three matrices in every step; the loss is the sum over the steps of $-\log$ of the probability of what came.
# The smallest example is the word *hello*: given a letter, which is the next? After an *l* comes an *l* or an *o*: who
# sees the last letter only cannot know.

# %%
letters = "helo"
word = [letters.index(letter) for letter in "hello" * 4]
x = np.eye(4)[word[:-1]][None]  # (1 sequence, 19 steps, 4 inputs)
labels = np.array(word[1:])[None]
network = RNN.fresh(4, 8, 4, seed=0)

# %% [markdown]
# ## Back-propagation through time, by hand and by machine
#
# Unrolled, a recurrent network is a deep network whose layers share their weights: the error runs back from the last
# step to the first, and every step adds to the same gradient. `whitebox.recurrent` writes it down in ten lines; JAX
# derives it.


# %%
def loss_in_jax(parameters):
    h, total = jnp.zeros((1, 8)), 0.0
    for t in range(x.shape[1]):
        h = jnp.tanh(h @ parameters["w_hh"] + x[:, t] @ parameters["w_xh"] + parameters["b"])
        scores = jax.nn.log_softmax(h @ parameters["w_hz"] + parameters["c"])
        total = total - scores[0, labels[0, t]]
    return total


loss, by_hand = network.gradient(x, labels)
with jax.enable_x64(True):
    value, by_machine = jax.jit(jax.value_and_grad(loss_in_jax))({k: jnp.asarray(v) for k, v in vars(network).items()})
    gap = max(float(np.abs(getattr(by_hand, name) - by_machine[name]).max()) for name in by_machine)
print(f"loss {loss:.12f} and {float(value):.12f}; largest difference of a derivative {gap:.1e}")
assert gap < 1e-12

# %% [markdown]
# With the gradient, learning is the descent of the first notebook (here Adam). Beside it stands a table of pairs: how
# often each letter follows each.

# %%
names = list(vars(network))
sizes = [getattr(network, name).size for name in names]


def fill(vector):
    for name, part in zip(names, np.split(vector, np.cumsum(sizes)[:-1]), strict=True):
        setattr(network, name, part.reshape(getattr(network, name).shape))


def slope(vector):
    fill(vector)
    _, gradient = network.gradient(x, labels)
    return np.concatenate([getattr(gradient, name).ravel() for name in names])


rule = Adam(0.05)
vector = np.concatenate([getattr(network, name).ravel() for name in names])
memory, way = rule.start(vector), []
for _ in range(150):
    vector, memory = rule.step(vector, slope, memory)
    fill(vector)
    way.append(network.gradient(x, labels)[0] / labels.size)
said = network.forward(x)[1].argmax(axis=2)[0]
table = np.zeros((4, 4))
np.add.at(table, (word[:-1], word[1:]), 1)
by_pairs = table[word[:-1]].argmax(axis=1)
print("asked:", "".join(letters[i] for i in word[:-1]))
print("pairs:", "".join(letters[i] for i in by_pairs))
print("said: ", "".join(letters[i] for i in said))
assert np.array_equal(said, labels[0]) and not np.array_equal(by_pairs, labels[0])

# %%
states = network.forward(x)[0][0, 1:11]
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
axes[0].semilogy(way)
axes[0].set(xlabel="step of descent", ylabel="loss per letter", title="Learning hello")
drawn = axes[1].imshow(states.T, cmap="coolwarm", vmin=-1, vmax=1, aspect="auto")
axes[1].set(xlabel="letter that has just been read", ylabel="hidden unit", title="What the network keeps in mind")
axes[1].set_xticks(range(10), [letters[i] for i in word[:10]])
figure.colorbar(drawn, label="$h_t$")
plt.show()

# %% [markdown]
# The two columns of *l* differ: the state tells the first from the second. A table of pairs has no such place.
#
# ## Why it forgets
#
# Through $k$ steps the error is multiplied $k$ times by $W_{hh}^\top$ and by $\tanh' \le 1$. If that shrinks, it is
# gone after a few steps; if it grows, one step of descent throws everything away. Measured, for recurrent matrices of
# three sizes (the largest absolute eigenvalue, $\rho$), and for the memory $c$ of an LSTM whose forget gate is open:

# %%
rng = np.random.default_rng(0)
noise = 0.1 * rng.normal(size=(20, 60, 2))
figure, axis = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
reached = {}
for rho in (0.7, 1.0, 1.3):
    cell = RNN.fresh(2, 16, 2, seed=1)
    cell.w_hh *= rho / np.abs(np.linalg.eigvals(cell.w_hh)).max()
    reached[rho] = cell.error_sizes(1e-9 * noise)  # near rest, where the slope of tanh is one
    axis.semilogy(reached[rho], label=rf"simple cell, $\rho$ = {rho}")
lstm = LSTM.fresh(2, 16, forget=5.0, seed=1)
lstm.weights *= 0.1  # what runs through the gates can still explode; here we look at the way through the memory
errors = np.zeros((20, 60, 16))
errors[:, -1] = 1.0
_, memory_errors = lstm.gradient(noise, errors)
sizes_of_memory = np.linalg.norm(memory_errors, axis=2).mean(axis=0)[:0:-1]
axis.semilogy(sizes_of_memory / sizes_of_memory[0], "k--", label="LSTM, memory $c$, open gate")
axis.set(xlabel="steps back in time", ylabel="size of the error, last step = 1", ylim=(1e-10, 1e8))
axis.legend(fontsize=8)
plt.show()
assert reached[0.7][50] < 1e-6 and reached[1.3][50] > 1e2
assert 0.3 < sizes_of_memory[50] / sizes_of_memory[0] < 3

# %% [markdown]
# **Exercise 1.** Leave the $\tanh$ out (a linear cell). How does the error then go with the number of steps, and what
# decides between vanishing and exploding? Show it on a matrix of your own.
#
# ## The LSTM in four steps
#
# Hochreiter and Schmidhuber (1997) gave the cell a memory $c$ that is *added to*, and gates that decide:
#
# | step | equation | asks |
# |---|---|---|
# | forget | $f = \sigma(W_f s + b_f)$ | what of the memory stays? |
# | store | $i = \sigma(W_i s + b_i)$, $g = \tanh(W_g s + b_g)$ | what is new, and how much of it is taken in? |
# | update | $c_t = f\, c_{t-1} + i\, g$ | the new memory |
# | output | $o = \sigma(W_o s + b_o)$, $h_t = o \tanh c_t$ | what of it is shown? |
#
# with $s = [h_{t-1}, x_t]$. Weights set by hand make it a notepad: the second input says *write*, the first says what.

# %%
weights = np.zeros((3, 4))  # rows: h, value, write; columns: forget, store, new, output
weights[1, 2] = 2.0  # the new content is tanh(2 value)
weights[2, :2] = -20.0, 20.0  # writing closes the forget gate and opens the store gate
notepad = LSTM(weights, np.array([10.0, -10.0, 0.0, 10.0]))
steps = np.zeros((1, 60, 2))
steps[0, :, 0] = 0.6 * rng.normal(size=60)
steps[0, [5, 35]] = [[1.0, 1.0], [-1.0, 1.0]]
shown, kept = notepad.forward(steps)
figure, axes = plt.subplots(2, 1, figsize=(9, 4.4), sharex=True, layout="constrained")
axes[0].plot(steps[0, :, 0], ".-", color="0.6", linewidth=0.8, label="value")
axes[0].plot([5, 35], [1, -1], "C3v", label="write!")
axes[0].set_ylabel("input")
axes[1].plot(kept[0, 1:, 0], "C0", label="memory $c_t$")
axes[1].plot(shown[0, 1:, 0], "C1--", label="shown, $h_t$")
axes[1].set(xlabel="step", ylabel="state")
for axis in axes:
    axis.legend(loc="upper right", fontsize=8)
plt.show()
assert abs(kept[0, 35, 0] - np.tanh(2)) < 0.02 and abs(kept[0, 60, 0] + np.tanh(2)) < 0.02

# %% [markdown]
# Thirty steps of noise have passed by and the memory has not moved. Nobody sets weights by hand: that such weights
# *exist* and that the error reaches them is what learning needs. `equilearn lab memory` measures over which gaps cells
# learn it.
#
# **Exercise 2.** A forget gate that stays at $f$ loses a memory as $f^k$. Which bias $b_f$ keeps half of it for 100
# steps (with no other input to the gate)? How long does the usual start, $b_f = 1$, remember?
#
# ## A forecast, and what it has to beat
#
# A series that is not random and yet never repeats (Mackey and Glass, 1977): how many white blood cells there will be
# depends on how many there were 17 days ago.


# %%
def mackey_glass(days, delay=17, parts=10, seed=0):
    history = list(1.2 + 0.1 * np.random.default_rng(seed).normal(size=delay * parts + 1))
    for _ in range((days + 300) * parts):
        past = history[-delay * parts - 1]
        history.append(history[-1] + (0.2 * past / (1 + past**10) - 0.1 * history[-1]) / parts)
    return np.array(history[::parts])[-days:]


series = mackey_glass(2500)
horizons = (1, 12)
parts = chronological(series, history=24, horizons=horizons)
print({name: len(part.y) for name, part in parts._asdict().items()}, "windows, one stretch of time after the other")

# %% [markdown]
# Every forecast stands beside those that cost nothing: the mean, the last value (persistence), and linear
# autoregression on the same 24 days. The network looks at the validation part to choose its epoch, and at the test part
# never.

# %%
settings = LearnSettings(episodes=30, batch_size=64, check_every=1, keep_best=True)
fitted = fit_forecaster(parts, settings, cell="lstm", hidden=24, optimizer=adam(1e-2), seed=0)
forecasts = forecast_baselines(parts, horizons) | {"LSTM": fitted.predict(parts.test)}
mse = {name: np.mean((made - parts.test.y) ** 2, axis=0) for name, made in forecasts.items()}
for name, row in mse.items():
    print(f"{name:<14}" + "".join(f"   {h:2d} days ahead {value:.2e}" for h, value in zip(horizons, row, strict=True)))
off = {name: made - parts.test.y for name, made in forecasts.items()}
linear = "linear AR(24)"
for column, horizon in enumerate(horizons):
    test = diebold_mariano(off["LSTM"][:, column], off[linear][:, column], horizon=horizon)
    print(f"{horizon} days ahead: {test.verdict('LSTM', linear)}")
assert mse["LSTM"][1] < mse[linear][1] < mse["persistence"][1]
assert mse[linear][0] < mse["LSTM"][0] < mse["persistence"][0]

# %%
figure, axis = plt.subplots(figsize=(10, 3.6), layout="constrained")
shown = slice(0, 150)
axis.plot(parts.test.y[shown, 1], color="0.2", label="what came")
for name, style in (("persistence", ":"), (linear, "--"), ("LSTM", "-")):
    axis.plot(forecasts[name][shown, 1], style, label=name)
axis.set(xlabel="day of the test part", ylabel="cells (relative)", title="Foretold twelve days before")
axis.legend(ncol=4, fontsize=8)
plt.show()

# %% [markdown]
# Twelve days ahead the network earns its keep: the rule behind the series is not linear. One day ahead it does not:
# over so short a time every smooth curve is nearly straight, and least squares is exact to the fourth digit. On real
# series the linear forecast is harder still to beat, and prices nobody foretells (`equilearn lab forecast`).
#
# **Exercise 3.** A target one step off is the commonest mistake with series. Make windows of the ramp $0, 1, 2, \dots$
# and check that the target of horizon $h$ is exactly $h$ after the newest value. What is the error of persistence
# there?
#
# **Exercise 4.** Fit the same network to a random walk (the sum of independent normal numbers). Is it better than
# persistence? What does the test say?
