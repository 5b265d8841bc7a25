# %% [markdown]
# # Solutions to notebook 9: economies

# %%
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

import equilearn as eq
from equilearn.economies.brock_mirman import BrockMirman
from equilearn.economies.climate_physics import CARBON_CYCLES, pulse_response
from equilearn.equilibrium import Complement

# %% [markdown]
# **Solution 1.** A fresh network says anything. Where it says more capital than there is output, consumption is
# negative: its logarithm does not exist, and with other utilities the Euler error is not a number either, or has the
# wrong sign and pulls the wrong way. A sigmoid (or any set that is feasible by construction) makes every guess an
# economy.

# %%
rng = np.random.default_rng(0)
output = rng.uniform(0.1, 1.0, 1000) ** 0.36
raw = rng.normal(size=1000)  # what a fresh network may say
said, share = np.exp(raw), 1 / (1 + np.exp(-raw))
print(f"negative consumption: capital said outright {np.mean(said > output):.0%}, as a share of output "
      f"{np.mean(share * output > output):.0%}")  # fmt: skip
assert np.mean(said > output) > 0.3 and np.all(share * output < output)

# %% [markdown]
# **Solution 2.** The exact share is $0.36 \cdot 0.9 = 0.324$. Started from the solution for 0.99, where it is 0.3564, a
# few episodes are enough.

# %%
settings = replace(BrockMirman().settings(), episodes=100, width=16)
first = eq.solve(BrockMirman(discount=0.99), seed=0, settings=settings)
second = eq.solve(BrockMirman(discount=0.9), start=first, settings=replace(settings, episodes=50))
capital = jnp.linspace(0.12, 0.25, 20)
rates = np.asarray(second.policy(BrockMirman.State(capital)).savings_rate)
print(f"savings rate {rates.min():.4f} to {rates.max():.4f}, exact {0.36 * 0.9:.4f}")
assert np.abs(rates - 0.324).max() < 5e-3

# %% [markdown]
# **Solution 3.** With $x^+ = \max(x, 0)$ and $x^- = \max(-x, 0)$ savings are a function of $x^+$ alone and the
# multiplier of $x^-$ alone; one of the two is always zero. The kink of both is at $x = 0$, where the limit begins to
# bind, while the network's number $x$ is smooth. So the product needs no equation in the loss: the Euler equation is
# the only one.

# %%
limit = Complement(-0.2, 1.0, scale=2.0, start=0.0)
number = jnp.linspace(-2.0, 2.0, 401)
both = limit.values("savings", number)
savings, multiplier = np.asarray(both["savings"]), np.asarray(both["multiplier"])
assert np.all(multiplier * (savings + 0.2) == 0) and np.all((multiplier > 0) | (savings >= np.float32(-0.2)))
assert np.all(savings[number < 0] == np.float32(-0.2)) and np.all(multiplier[number > 0] == 0)

# %% [markdown]
# **Solution 4.** After ten years most of it is still there, after a hundred years about half, and the calibrations
# differ. What is emitted today warms everybody for centuries: the tax is the price of all that, discounted, and so
# depends on how much people care for those who come later.

# %%
for name, cycle in CARBON_CYCLES.items():
    left = pulse_response(cycle, 100)
    print(f"{name:<10} left after ten years {left[10]:.2f}, after a hundred {left[100]:.2f}")
    assert 1 > left[10] > left[100] > 0.2 and left[10] > 0.5
