# %% [markdown]
# # Solutions to 10. From an own model to a welfare comparison
#
# The household of the notebook, solved shortly.

# %%
import tempfile
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import equilearn as eq


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


# %%
long, short = (eq.SolveSettings(episodes=episodes, width=32, restart=0.02) for episodes in (1_000, 250))
uninsured = eq.solve(Household(), settings=long)

# %% [markdown]
# **Solution 1.** The gain rises with the share, but ever less: the first quarter takes the worst away. With everything
# insured income is certain and the household, less patient than the market ($\beta R < 1$), never saves. Before that it
# saves a little whenever income is high.

# %%
gains, saving, last = [0.0], [], uninsured
for share in (0.25, 0.5, 1.0):
    last = eq.solve(Household(insured=share), start=last, settings=short)
    found = eq.welfare(uninsured, last)
    gains.append(found.equivalent)
    saving.append(1 - last.bounds(2_000)["savings at its lower bound"])
    print(f"{share:.0%} insured: {found}; savings above zero in {saving[-1]:.0%} of the periods")
slopes = np.diff(gains) / np.diff([0.0, 0.25, 0.5, 1.0])
assert np.all(slopes > 0) and np.all(np.diff(slopes) < 0)
assert saving[0] > 0.1 and saving[-1] < 0.02

# %% [markdown]
# **Solution 2.** Whoever fears risk more, gives more for an insurance. (In the long run the cautious hold assets that
# the insured have never learnt of; `welfare` would warn of that. From a poor state neither goes there.)

# %%
with tempfile.TemporaryDirectory() as folder:
    models = {name: Household(risk_aversion=4.0, insured=share) for name, share in (("uninsured", 0.0), ("half", 0.5))}
    table = eq.solve_many(models, folder=folder, settings=long, live=False)
    cautious, safe = (eq.load(place, Household) for place in table.folder)
poor = Household.State(jnp.asarray(0), jnp.asarray(0.0))
half = eq.solve(Household(insured=0.5), start=uninsured, settings=short)
usual, worth = eq.welfare(uninsured, half, start=poor), eq.welfare(cautious, safe, start=poor)
print(f"to the poor, with a risk aversion of 2: {usual}\nof 4: {worth}")
assert worth.equivalent - 4 * worth.standard_error > usual.equivalent + 4 * usual.standard_error

# %% [markdown]
# **Solution 3.** Bad times cost the poor more consumption at once: whoever has assets eats some of them. The bands are
# those of the difference between two paths with the same later shocks, one of which had bad luck today. Later on some
# paths have met again, at the limit, and others have not.

# %%
drops = {}
for name, assets in (("poor", 0.0), ("rich", 1.0)):
    state = Household.State(jnp.asarray(1), jnp.asarray(assets))
    response = uninsured.impulse_response(0, state=state, quantiles=(0.05, 0.95), paths=500)
    drops[name] = response.consumption.values
    low, high = response.consumption_quantiles.values
    print(f"{name}: {drops[name][0]:.3f} at once, {drops[name][4]:.3f} (from {low[4]:.3f} to {high[4]:.3f}) after four")
    assert np.all(low <= high) and abs(drops[name][-1]) < 0.02
assert drops["poor"][0] < drops["rich"][0] < 0
