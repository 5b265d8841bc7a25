# %% [markdown]
# # 9. Economies: deep equilibrium nets
#
# An economy in equilibrium is a set of equations that must hold in every state that can occur. A deep equilibrium net
# is a network for the decisions, trained by the loop of these three days:
#
# 1. **generate**: simulate the economy with the current network,
# 2. **learn**: lower the errors of the equations on what was simulated,
# 3. **check**: the errors on a fresh path that was not learnt from,
#
# until the errors are small enough. No data are needed: the equations are the teacher. First in fifty lines by hand,
# then with the package, up to the economy of overlapping generations with a borrowing limit, and a climate.

# %%
from dataclasses import replace

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import equilearn as eq
from equilearn.economies.analytic_olg import AnalyticOLG
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate import Climate
from equilearn.economies.olg import OLG
from equilearn.equilibrium import perfect_foresight
from equilearn.optimizers import adam

# %% [markdown]
# ## Brock and Mirman by hand
#
# A planner with log utility owns capital $k$, output is $k^\alpha$, and what is not consumed is next period's capital:
# $\max \sum_t \beta^t \log c_t$ with $c_t + k_{t+1} = k_t^\alpha$. Optimal is what satisfies the Euler equation
#
# $$ \frac{1}{c_t} = \beta\, \frac{\alpha\, k_{t+1}^{\alpha - 1}}{c_{t+1}} $$
#
# and it is known: save the share $\alpha\beta$ of output, whatever capital is. The network is not told. It maps $\log
# k$ to a savings rate; the sigmoid at its end makes every guess feasible.

# %%
alpha, beta = 0.36, 0.99


def savings_rate(weights, k):
    hidden = jnp.tanh(jnp.log(k)[:, None] * weights["w1"] + weights["b1"])
    return jax.nn.sigmoid(hidden @ weights["w2"] + weights["b2"])


def euler_errors(weights, k):
    output = k**alpha
    saved = savings_rate(weights, k) * output
    consumed = output - saved
    consumed_next = (1 - savings_rate(weights, saved)) * saved**alpha
    return beta * alpha * saved ** (alpha - 1) * consumed / consumed_next - 1  # zero in equilibrium, without units


def loss(weights, k):
    return jnp.mean(euler_errors(weights, k) ** 2)


keys = jax.random.split(jax.random.key(0), 3)
weights = {
    "w1": jax.random.normal(keys[0], (16,)), "b1": jnp.zeros(16),
    "w2": 0.1 * jax.random.normal(keys[1], (16,)), "b2": jnp.zeros(()),
}  # fmt: skip
optimizer = optax.adam(optax.cosine_decay_schedule(0.02, 3000))


def episode(carry, key):
    weights, state, k = carry
    k = savings_rate(weights, k) * k**alpha  # generate: one period further, with the current network
    which, where = jax.random.split(key)  # one number never serves two purposes
    again = jax.random.uniform(where, k.shape, minval=0.1)  # some start again, or all would end in one point
    k = jnp.where(jax.random.bernoulli(which, 0.5, k.shape), again, k)
    error, slope = jax.value_and_grad(loss)(weights, k)  # learn
    step, state = optimizer.update(slope, state)
    return (optax.apply_updates(weights, step), state, k), error


@jax.jit
def train(weights, k, key):
    carry = (weights, optimizer.init(weights), k)
    return jax.lax.scan(episode, carry, jax.random.split(key, 3000))


(weights, _, _), errors = train(weights, jax.random.uniform(keys[2], (128,), minval=0.1), keys[2])
fresh = jnp.linspace(0.1, 1.0, 200)  # check: where the network may never have been
print(f"mean Euler error {float(jnp.abs(euler_errors(weights, fresh)).mean()):.1e}")
rates = np.asarray(savings_rate(weights, fresh))
print(f"savings rate {rates.min():.5f} to {rates.max():.5f}; exact {alpha * beta:.5f}")
assert np.abs(rates - alpha * beta).max() < 2e-3

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
axes[0].semilogy(np.asarray(errors))
axes[0].set(xlabel="episode", ylabel="mean squared Euler error", title="Fifty lines learn")
axes[1].plot(fresh, rates, label="network")
axes[1].axhline(alpha * beta, color="k", linestyle="--", label=r"exact, $\alpha\beta$")
axes[1].axhline(0.5, color="0.6", linestyle=":", label="naive: save half")
axes[1].set(xlabel="capital", ylabel="share of output saved", ylim=(0, 0.6))
axes[1].legend()
plt.show()

# %% [markdown]
# **Exercise 1.** Leave the sigmoid out and let the network say capital itself. What can go wrong in the first episode?
#
# ## The same with the package
#
# `economies/brock_mirman.py` has nothing of training in it: what the state is, what is decided and between which
# bounds, how the economy moves, which error must be zero. The loop, the simulation and the check are the package's.

# %%
solution = eq.solve(
    BrockMirman(discount=beta), seed=0, settings=replace(BrockMirman().settings(), episodes=100, width=16)
)
accuracy = solution.accuracy()
print(accuracy)
assert accuracy.summary()["euler"]["mean"] < 1e-3 and accuracy.policy.unique

# %% [markdown]
# ## What the certificate says
#
# - **The equations hold.** The Euler error is in units of consumption: $10^{-4}$ is a mistake of one franc in ten
#   thousand, period by period, measured on a fresh path that was not learnt from.
# - **The policy is right.** Small errors of equations are not yet small errors of decisions: where mistakes pay back
#   slowly, they add up. So the certificate linearises the equations around the network and estimates how far the
#   *policy* is from the exact one, with a standard error.
# - **It is the only one nearby.** The same linearisation gives the rate at which deviations die out; below one, no
#   other solution is near.
#
# Where a closed form exists, we can look whether it tells the truth.

# %%
capital = np.linspace(0.15, 0.3, 50)
states = BrockMirman.State(jnp.asarray(capital, jnp.float32))
off = np.abs(np.asarray(solution.policy(states).savings_rate) - alpha * beta)
estimate = accuracy.policy.summary()["savings_rate"]
print("the certificate's estimate of the policy's error:", {k: float(f"{v:.1e}") for k, v in estimate.items()})
print(f"true error: mean {off.mean():.1e}, largest {off.max():.1e}")
assert off.max() < 2e-3

# %% [markdown]
# **Exercise 2.** A planner with $\beta = 0.9$ saves less. Solve again, starting from the solution at hand
# (`eq.solve(..., start=solution)`), and hold it against the closed form.
#
# ## Overlapping generations with a closed form
#
# Three generations, four aggregate shocks: the state is the wealth of everybody, and nobody saves when old. With log
# utility and labour only when young there is a formula (Huffman, 1987): each age saves a fixed share of its cash.

# %%
analytic = AnalyticOLG(generations=3)
three = eq.solve(analytic, seed=0, settings=replace(analytic.settings(), episodes=100, batch_size=128))
path = three.simulate(1000)
saved = path.savings_rate.values
print(
    "exact shares saved", analytic.exact_savings_rate.round(4), "network, mean of a path", saved.mean(axis=0).round(4)
)
print(f"largest difference on 1,000 periods {np.abs(saved - analytic.exact_savings_rate).max():.1e}")
assert np.abs(saved - analytic.exact_savings_rate).max() < 1e-2

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for age, line in enumerate(path.capital.values[:120].T, start=2):
    axes[0].plot(line, label=f"generation {age}")
axes[0].set(xlabel="period", ylabel="capital", title="Wealth of the two older generations")
axes[0].legend()
axes[1].plot(saved[:120], linewidth=1)
for rate in analytic.exact_savings_rate:
    axes[1].axhline(rate, color="k", linestyle="--", linewidth=0.8)
axes[1].set(xlabel="period", ylabel="share of cash saved", ylim=(0, 0.7), title="Policies; dashed: closed form")
plt.show()

# %% [markdown]
# ## The benchmark economy, small
#
# No closed form any more: risk aversion of two, wages that rise and fall with age, shocks to productivity and
# depreciation, and a limit to borrowing that binds for the young (Azinovic, Gaegauf and Scheidegger, 2022; theirs has
# sixty generations: `equilearn solve olg`). Here six, and a training so short that errors are ten times theirs.
#
# **A limit that binds** has two equations: savings are at least the limit, and the multiplier is zero unless they are
# at it. The set `Complement` gives both from one number, so that their product is exactly zero, always.

# %%
tight, loose = OLG(generations=6), OLG(generations=6, borrowing_limit=-0.2)
short = replace(tight.settings(), episodes=80, width=32, depth=2)
solved = {"no borrowing": eq.solve(tight, seed=0, settings=short, optimizer=adam(3e-3))}
solved["limit -0.2"] = eq.solve(loose, start=solved["no borrowing"], settings=short, optimizer=adam(3e-3))
paths = {name: one.simulate(2000) for name, one in solved.items()}
euler = solved["no borrowing"].accuracy(4000).summary()["euler"]
print(f"Euler errors without borrowing: mean {euler['mean']:.1e}, largest {euler['max']:.1e}")
assert euler["mean"] < 5e-3

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
for name, one in paths.items():
    axes[0].plot(one.age, one.consumption.mean("period"), "o-", label=name)
    axes[1].plot(one.age, one.financial_wealth.mean("period"), "o-", label=name)
    axes[2].plot(one.saver_age, (one.multiplier > 1e-6).mean("period"), "o-", label=name)
axes[0].set(xlabel="age", ylabel="mean consumption")
axes[1].set(xlabel="age", ylabel="mean financial wealth")
axes[2].set(xlabel="age", ylabel="share of periods at the limit")
axes[0].legend()
plt.show()
young = {name: float(one.consumption.mean("period")[0]) for name, one in paths.items()}
print("consumption of the youngest:", young)
assert young["limit -0.2"] > young["no borrowing"]

# %% [markdown]
# The young, whose wages will rise, consume more if they may borrow. All sixty generations, responses to shocks and the
# published figures beside ours: `equilearn lab borrowing`.
#
# **Exercise 3.** `Complement` makes savings and multiplier from one raw number of the network. Draw both against that
# number. Where is the kink? Show that the product of multiplier and slack is zero for *any* network, trained or not:
# how many equations are left for the loss?
#
# ## What should a tonne of CO2 cost?
#
# A planner decides how much to consume, to invest and to abate; emissions stay in the air and warm it, warming destroys
# output. The same kind of model, with centuries in place of generations (`economies/climate.py`): the network sees the
# year, capital, carbon in three places and two temperatures, and says which share is consumed and what carbon and
# warmth cost. Without uncertainty the equations also have an exact path, by Newton's method (`perfect_foresight`); the
# network, which was never shown it, is held against it. Business as usual, the naive policy, abates nothing.

# %%
climate, usual = Climate(), Climate(business_as_usual=True)
planner = eq.solve(climate, seed=0, settings=replace(climate.settings(), episodes=250))
start, horizon = climate.state_2015(), 300
found, exact = planner.follow(start, horizon), perfect_foresight(climate, start, horizon)
naive = perfect_foresight(usual, start, horizon)
euler = planner.accuracy(2000).summary()["euler"]
print(f"Euler errors: mean {euler['mean']:.1e}, largest {euler['max']:.1e}")
for name, one in {"network": found, "exact": exact, "business as usual": naive}.items():
    print(
        f"{name:<18} tax in 2020 {float(one.carbon_tax[5]):5.1f} dollars a tonne, warming in 2100 "
        f"{float(one.warming[85]):.2f} K"
    )
off = np.abs(found.carbon_tax.values / exact.carbon_tax.values - 1)[:136].max()
print(f"largest distance of the network's tax from the exact one, 2015 to 2150: {100 * off:.2g} %")
assert off < 0.02 and float(naive.warming[85]) > float(exact.warming[85])

# %%
years = 2015 + np.arange(136)
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
labels = {
    "carbon_tax": "carbon tax, dollars a tonne of CO2",
    "warming": "warming, K",
    "emissions": "emissions, GtCO2 a year",
}
lines = {"network": (found, "C0-"), "exact": (exact, "k--"), "business as usual": (naive, "C3:")}
for axis, (key, label) in zip(axes, labels.items(), strict=True):
    for name, (one, style) in lines.items():
        axis.plot(years, one[key].values[:136], style, label=name)
    axis.set(xlabel="year", ylabel=label)
axes[1].legend()
plt.show()
taxes = exact.carbon_tax.values
assert np.all(np.diff(taxes[:60]) > 0)  # a richer world has more to lose

# %% [markdown]
# From four starts the network's tax ends 0.1 to 0.4 % off. The tax rises with output, and falls at last with the price
# of the technology that replaces carbon altogether.
#
# **Exercise 4.** A pulse of 100 GtC is put into the air. How much of it is left after ten and after a hundred years in
# the four calibrations of the carbon cycle (`economies.climate_physics.pulse_response`)? What does that mean for a tax?
