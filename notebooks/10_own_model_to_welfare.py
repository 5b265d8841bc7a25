# %% [markdown]
# # 10. From an own model to a welfare comparison
#
# A household earns a low or a high income, may save but not borrow, and cannot insure itself. How much would it give
# for an insurance that replaces part of what it loses? Everything on the way is one call each: write the model, solve
# it, ask how right the solution is, look at it, change the policy, compare.

# %%
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from jax import Array

import equilearn as eq

# %% [markdown]
# ## The model
#
# The household has power utility, cash on hand $m = R a + y_z$ and the Euler equation
#
# $$c^{-\gamma} = \beta R\, E\, c'^{-\gamma} + \mu, \qquad a' = m - c \ge 0, \qquad \mu\, a' = 0.$$
#
# The insurance takes a share of the distance to mean income from whoever earns more and gives it to whoever earns less:
# mean income stays as it is. `Complement` gives savings and the multiplier of their limit from one number, so that one
# of them is always zero. `initial` draws the assets that paths start with, and with `restart` they start again now and
# then: a household that never holds much must still know what to do with the assets of one that does.


# %%
class Household(eq.Model):
    """Saving under uncertain income, with a share of it insured."""

    discount: float = 0.92
    gross_return: float = 1.03
    risk_aversion: float = 2.0
    income: tuple[float, ...] = (0.7, 1.3)
    insured: float = 0.0
    shock: eq.MarkovChain = eq.MarkovChain(((0.8, 0.2), (0.2, 0.8)))

    class State(NamedTuple):
        shock: Array
        assets: Array

    class Policy(NamedTuple):
        savings: Array
        multiplier: Array

    def initial(self, key):
        return self.State(self.shock.initial, jax.random.uniform(key, maxval=3.0))

    def cash(self, state):
        own = jnp.asarray(self.income)
        return self.gross_return * state.assets + (own + self.insured * (own.mean() - own))[state.shock]

    def consumption(self, state, policy):
        return self.cash(state) - policy.savings

    def policies(self, state):
        cash = self.cash(state)
        return {"savings": eq.Complement(0.0, cash, scale=2 * cash**-self.risk_aversion)}

    def transition(self, state, policy, shock):
        return self.State(shock, policy.savings)

    def errors(self, state, policy, expect):
        later = expect(lambda s, p: self.consumption(s, p) ** -self.risk_aversion)
        value = self.discount * self.gross_return * later + policy.multiplier
        return {"euler": eq.euler_error(value, self.consumption(state, policy), self.risk_aversion)}

    def definitions(self, state, policy):
        return {"cash": self.cash(state), "consumption": self.consumption(state, policy)}

    def utility(self, state, policy, scale):
        power = 1 - self.risk_aversion
        return (scale * self.consumption(state, policy)) ** power / power


# %% [markdown]
# ## Solve it, and ask how right it is
#
# The certificate says how far the equation is from holding on a fresh path, how far the *policy* is from the exact one,
# and whether the solution is the only one nearby.

# %%
settings = eq.SolveSettings(episodes=1_000, width=32, restart=0.02)
uninsured = eq.solve(Household(), settings=settings)
accuracy = uninsured.accuracy(4_000)
print(accuracy)
assert accuracy.summary()["euler"]["mean"] < 2e-3
assert accuracy.policy.unique

# %% [markdown]
# ## Look at it
#
# Where assets are low and income is low, the household saves nothing and the multiplier is above zero.

# %%
uninsured.plot(variables=["savings", "consumption"])

# %%
uninsured.plot("errors", accuracy=accuracy)

# %%
table = uninsured.table(Household.State(shock=jnp.asarray([0, 0, 1, 1]), assets=jnp.asarray([0.0, 1.0, 0.0, 1.0])))
print(table.round(3))
assert table.savings[0] == 0 and table.savings[2] > 0

# %% [markdown]
# How often is it at the limit?

# %%
at_limit = uninsured.bounds(4_000)["savings at its lower bound"]
print(f"savings are at their limit in {100 * at_limit:.1f} % of the periods")
assert 0.05 < at_limit < 0.9

# %% [markdown]
# ## The policy
#
# Half of the risk insured. The solution at hand is a good place to start from: a quarter of the steps is enough.

# %%
insured = eq.solve(Household(insured=0.5), start=uninsured, settings=eq.SolveSettings(
    episodes=250, width=32, restart=0.02
))  # fmt: skip
paths = {"uninsured": uninsured.simulate(4_000), "insured": insured.simulate(4_000)}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for name, path in paths.items():
    axes[0].hist(path.assets, bins=40, density=True, histtype="step", label=name)
    axes[1].hist(path.consumption, bins=40, density=True, histtype="step", label=name)
axes[0].set(xlabel="assets", ylabel="density")
axes[1].set(xlabel="consumption")
axes[0].legend(frameon=False)
plt.show()

# %%
tables = {name: eq.moments(path, ["assets", "cash", "consumption"]) for name, path in paths.items()}
for name, moments in tables.items():
    print(name, moments[["mean", "std", "autocorrelation 1"]].round(3), sep="\n")
assert tables["insured"]["std"]["consumption"] < tables["uninsured"]["std"]["consumption"]
assert tables["insured"]["mean"]["assets"] < tables["uninsured"]["mean"]["assets"]  # less to be afraid of

# %% [markdown]
# ## What it is worth
#
# By what share would consumption have to rise in every period for the uninsured to be as well off? With the shocks that
# come, from the states in which the uninsured are; and from two of these states.

# %%
found = eq.welfare(uninsured, insured)
print("on average:", found)
gains = {}
for name, shock, assets in (("poor", 0, 0.0), ("well off", 1, 0.5)):
    start = Household.State(jnp.asarray(shock), jnp.asarray(assets))
    gains[name] = eq.welfare(uninsured, insured, start=start)
    print(f"{name}: {100 * gains[name].equivalent:.2f} % ± {200 * gains[name].standard_error:.2f}")
assert gains["poor"].equivalent > found.equivalent > 0
assert gains["poor"].equivalent - 4 * gains["poor"].standard_error > gains["well off"].equivalent

# %% [markdown]
# The poor gain most: they get payments at once. And part of the gain is that savings for bad times can be eaten up. Who
# compares the two long runs only, forgets that: the insured have less assets there, and the gain looks smaller.

# %%
long_run = eq.welfare(uninsured, insured, transition=False)
print("long runs only:", long_run)
assert long_run.equivalent + 4 * long_run.standard_error < found.equivalent

# %% [markdown]
# **Exercise 1.** Find the gain for a share insured of 0.25, 0.5 and 1.0, each solution started from the one before.
# Where does the household stop saving for bad times altogether?
#
# **Exercise 2.** What is half an insurance worth to the poor with `risk_aversion=4.0`? `eq.solve_many` solves both
# calibrations in one call.
#
# **Exercise 3.** What is a shock worth? Compare `uninsured.impulse_response(0, state=...)` from a rich and from a poor
# state, and explain the bands.
