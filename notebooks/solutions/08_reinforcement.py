# %% [markdown]
# # Solutions to notebook 8: trial and error

# %%
import numpy as np

from equilearn.labs.learning import at_random, baseline
from equilearn.reinforcement import PPO, RACE, CartPole, Gridworld, Tabular, policy_iteration, train
from equilearn.whitebox.activations import softmax
from equilearn.whitebox.bellman import q_learning

# %% [markdown]
# **Solution 1.** Errors shrink by $\gamma$ a sweep, so $k = \log 10^{-4} / \log \gamma$ sweeps if the first guess is
# wrong by one: 88, 917 and 9,206. Patience is dear. A world with one state and reward $1 - \gamma$ needs exactly so
# many.

# %%
for discount, promised in ((0.9, 88), (0.99, 917), (0.999, 9206)):
    value, sweeps = 0.0, 0
    while abs(value - 1) > 1e-4:
        value, sweeps = 1 - discount + discount * value, sweeps + 1
    print(f"discount {discount}: {sweeps:,} sweeps")
    assert sweeps == promised == int(np.ceil(np.log(1e-4) / np.log(discount)))

# %% [markdown]
# **Solution 2.** Beside the hole a slip costs the game, so the best walk keeps away from it: who walks as if nothing
# slipped loses value. A step now has a chance in it, and a table that believes the last step entirely (step size one)
# never settles; step sizes that fall with the visits average it out.

# %%
firm, slippery = Gridworld(anywhere=True), Gridworld(anywhere=True, slip=0.2)
problem = slippery.tables()
careless, careful = policy_iteration(firm.tables()).policy, policy_iteration(problem)
lost = (careful.values - problem.values_of(careless))[slippery.open]
print(
    f"other actions in {np.sum(careful.policy != careless)} cells; carelessness costs up to {lost.max():.3f} of value"
)
assert lost.min() > -1e-9 and lost.max() > 0.05
q = problem.action_values(careful.values)


def off(table):
    return np.abs(table - q)[slippery.open].max() / np.abs(q[slippery.open]).max()


falling = off(np.asarray(train(Tabular(steps=300_000, checks=1, check_games=2), slippery, live=False).networks.values))


def step(s, a, rng):
    s_next = int(rng.choice(len(slippery.cells), p=problem.transition[s, a]))
    here = slippery.cells[s_next]
    return s_next, slippery.step_reward + {"G": 1.0, "H": -1.0}.get(here, 0.0), here in "GH"


constant = off(
    q_learning(
        lambda rng: int(rng.choice(np.flatnonzero(slippery.open))), step, len(slippery.cells), 4, slippery.discount,
        games=2000, epsilon=0.5, power=0.0, rng=np.random.default_rng(0),
    )
)  # fmt: skip
print(f"largest error of the table: step sizes that fall {falling:.1%}, step size one {constant:.1%}")
assert falling < 0.05 < constant

# %% [markdown]
# **Solution 3.** $\mathrm{E}[b\, \nabla \log \pi] = b \sum_a \pi(a) \nabla \pi(a) / \pi(a) = b\, \nabla \sum_a \pi(a) =
# b\, \nabla 1 = 0$. The variance of $(R - b)\, s$ with $s = \nabla \log \pi$ is smallest for
# $b = \mathrm{E}[R\, |s|^2] / \mathrm{E}[|s|^2]$: the mean reward, weighted by how much an action can teach.

# %%
pays, chance = np.array([1.0, 1.5, 3.0]), softmax(np.array([0.3, 0.0, -0.5]))
score = np.eye(3) - chance  # (action, parameter)
assert np.abs(chance @ score).max() < 1e-15
length = np.sum(score**2, axis=1)
best = float(chance @ (pays * length) / (chance @ length))


def variance(b):
    sample = (pays - b)[:, None] * score
    return float(chance @ np.sum(sample**2, axis=1) - np.sum((chance @ sample) ** 2))


constants = np.linspace(0, 4, 4001)
print(f"best constant {best:.3f}, mean reward {chance @ pays:.3f}")
assert abs(constants[np.argmin([variance(b) for b in constants])] - best) < 1e-3
assert variance(best) <= variance(chance @ pays) < variance(0.0)

# %% [markdown]
# **Solution 4.** Within 40,000 steps. The gradient of the expected reward is an expectation over games of the policy
# that is to be changed: steps of an older policy belong to another expectation. The Bellman equation holds for every
# step, whoever took it, so DQN learns from each many times. (One seed of each says nothing about which is faster: the
# lab `cartpole` has several.)

# %%
pole = CartPole()
agent = train(PPO(steps=40_000, checks=4, check_games=10), pole, seed=0, live=False)
reached, chance_level = agent.returns(50).mean(), np.mean(baseline(pole, at_random(pole))["returns"])
curve = [(int(row["data/steps"]), float(row["scores/return/mean"])) for row in agent.run.history]
print("steps and returns:", [(steps, round(value)) for steps, value in curve], f"at last {reached:.0f}")
assert reached > 10 * chance_level and curve[0][1] < reached

# %% [markdown]
# **Solution 5.** B can be entered every second step. Standing on B, the circle is worth $V_B = [-0.01\,(1 + \gamma) +
# \gamma b] / (1 - \gamma^2)$; from S it takes six steps to B, and four to G. Circling pays if $-0.01 \sum_{k<6}
# \gamma^k + \gamma^5 b + \gamma^6 V_B > -0.01 \sum_{k<4} \gamma^k + \gamma^3$, which is linear in $b$.

# %%
g = 0.95
walk = [0.01 * np.sum(g ** np.arange(n)) for n in (4, 6)]
honest = -walk[0] + g**3
fixed, per_bonus = -walk[1] - g**6 * 0.01 * (1 + g) / (1 - g**2), g**5 + g**6 * g / (1 - g**2)
border = float((honest - fixed) / per_bonus)


def arrives(bonus):
    world = Gridworld(rows=RACE, bonus=bonus)
    tables, policy = world.tables(), policy_iteration(world.tables()).policy
    cell = "".join(RACE).index("S")
    for _ in range(100):
        cell = int(tables.transition[cell, policy[cell]].argmax())
    return world.cells[cell] == "G"


print(f"circling pays from a bonus of {border:.4f} on")
assert arrives(0.99 * border) and not arrives(1.01 * border)
