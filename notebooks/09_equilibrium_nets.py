# %% [markdown]
# # 9. Economies: deep equilibrium nets
#
# An economy in equilibrium is a set of equations that must hold in every state that can occur. A deep equilibrium net is a
# network for the decisions, trained by the loop of these three days:
#
# 1. **generate**: simulate the economy with the current network,
# 2. **learn**: lower the errors of the equations on what was simulated,
# 3. **check**: the errors on a fresh path that was not learnt from,
#
# until the errors are small enough. No data are needed: the equations are the teacher. First in fifty lines by hand, then
# with the package, up to the economy of overlapping generations with a borrowing limit, and a climate.

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

# %% [markdown]
# ## Brock and Mirman by hand
#
# A planner with log utility owns capital $k$, output is $k^\alpha$, and what is not consumed is next period's capital:
# $\max \sum_t \beta^t \log c_t$ with $c_t + k_{t+1} = k_t^\alpha$. Optimal is what satisfies the Euler equation
#
# $$ \frac{1}{c_t} = \beta\, \frac{\alpha\, k_{t+1}^{\alpha - 1}}{c_{t+1}} $$
#
# and it is known: save the share $\alpha\beta$ of output, whatever capital is. The network is not told. It maps $\log k$
# to a savings rate; the sigmoid at its end makes every guess feasible.

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
optimizer = optax.adam(optax.cosine_decay_schedule(0.02, 1500))


def episode(carry, key):
    weights, state, k = carry
    k = savings_rate(weights, k) * k**alpha  # generate: one period further, with the current network
    k = jnp.where(jax.random.bernoulli(key, 0.1, k.shape), jax.random.uniform(key, k.shape, minval=0.1), k)  # restarts
    error, slope = jax.value_and_grad(loss)(weights, k)  # learn
    step, state = optimizer.update(slope, state)
    return (optax.apply_updates(weights, step), state, k), error


@jax.jit
def train(weights, k, key):
    carry = (weights, optimizer.init(weights), k)
    return jax.lax.scan(episode, carry, jax.random.split(key, 1500))


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
# `economies/brock_mirman.py` has nothing of training in it: what the state is, what is decided and between which bounds, how
# the economy moves, which error must be zero. The loop, the simulation and the check are the package's.

# %%
solution = eq.solve(BrockMirman(discount=beta), seed=0, settings=replace(BrockMirman().settings(), episodes=200))
accuracy = solution.accuracy()
print(accuracy)
