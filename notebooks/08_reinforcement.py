# %% [markdown]
# # 8. Learning by trial and error
#
# Nobody tells the agent what is right. It acts, the world answers with a new state and a reward, and what counts is the
# sum of all rewards to come. We begin where everything is known and the answer exact (dynamic programming), take away
# the knowledge (Q-learning), then the table (deep Q-networks), then the list of actions (policy gradients).

# %%
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from equilearn.labs.learning import at_random, baseline
from equilearn.learn import key_of
from equilearn.reinforcement import (
    DDPG,
    DQN,
    RACE,
    CartPole,
    Gridworld,
    Steering,
    Tabular,
    policy_iteration,
    train,
    value_iteration,
)
from equilearn.reinforcement.agent import without_exploration
from equilearn.reinforcement.gridworld import MOVES, draw_map
from equilearn.reinforcement.watching import game, picture
from equilearn.whitebox.activations import softmax
from equilearn.whitebox.bellman import q_learning
from equilearn.whitebox.bellman import value_iteration as by_hand

# %% [markdown]
# ## The Bellman equation
#
# $$ v(s) = \max_a \Big[ r(s, a) + \gamma \sum_{s'} P(s' \mid s, a)\, v(s') \Big] $$
#
# The value of a state is what the best action pays now plus, discounted, the value of where it leads. It is an equation
# with the unknown on both sides; iterating it *must* converge, since each sweep shrinks all errors by $\gamma$.
#
# The world: a walk from S to G (+1), with a hole H (-1), walls, and 0.01 for every step.

# %%
room = Gridworld(anywhere=True)
problem = room.tables()
plan = value_iteration(problem, tolerance=1e-4)
white, sweeps = by_hand(problem.transition, problem.reward, problem.discount, tolerance=1e-6)
exact = policy_iteration(problem)
print(f"value iteration: {len(plan.changes)} sweeps; policy iteration: {len(exact.changes)} rounds")
assert np.abs(plan.values - exact.values).max() <= 2e-4 and np.abs(white - exact.values).max() < 1e-6


# %%
def arrows(axis, world, table, title):
    draw_map(axis, world)
    for cell in np.flatnonzero(world.open):
        row, column = divmod(int(cell), len(world.rows[0]))
        down, right = MOVES[int(np.argmax(table[cell]))]
        axis.arrow(column, row, 0.24 * right, 0.24 * down, head_width=0.13, color="C0")
        axis.text(column, row + 0.4, f"{table[cell].max():.2f}", ha="center", va="center", fontsize=7)
    axis.set(title=title, xlabel="column")


bounds = plan.changes[0] * problem.discount ** np.arange(len(plan.changes))
assert np.all(plan.changes <= bounds + 1e-6)

# %% [markdown]
# ## Q-learning: the same values, without knowing the rules
#
# Take away $r$ and $P$; leave only steps. After $(s, a)$ has led to $s'$ and paid $r$:
#
# $$ Q(s, a) \leftarrow Q(s, a) + \eta\, \big[ r + \gamma \max_b Q(s', b) - Q(s, a) \big] $$
#
# The white box learns in loops; the agent of the package plays many games at once on the loop that trains everything
# here.

# %%
q_exact = problem.action_values(exact.values)
tables = {}
to, reward = problem.transition.argmax(axis=2), problem.reward
ends = np.isin(room.cells, list("GH"))
tables["white box"] = q_learning(
    lambda rng: int(rng.choice(np.flatnonzero(room.open))),
    lambda s, a, rng: (int(to[s, a]), float(reward[s, a]), bool(ends[to[s, a]])),
    len(room.cells), 4, problem.discount, games=2000, epsilon=0.5, power=0.0, rng=np.random.default_rng(0),
)  # fmt: skip
trained = train(Tabular(steps=100_000, checks=2, check_games=2), room, seed=0, live=False)
tables["agent"] = np.asarray(trained.networks.values)
for name, table in tables.items():
    off = np.abs(table - q_exact)[room.open].max() / np.abs(q_exact[room.open]).max()
    print(f"{name:<10} largest error of the table {100 * off:.2g} % of the largest value")
    assert off < 0.01

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
arrows(axes[0], room, q_exact, "Exact: dynamic programming")
arrows(axes[1], room, tables["agent"], "Learnt: from steps alone")
axes[2].semilogy(np.arange(1, len(plan.changes) + 1), np.maximum(plan.changes, 1e-8), "o-", label="largest change")
axes[2].semilogy(np.arange(1, len(bounds) + 1), bounds, "k--", label=r"bound: $\gamma^k$")
axes[2].set(xlabel="sweep of value iteration", ylabel="change of a value", title="The contraction")
axes[2].legend()
plt.show()

# %% [markdown]
# (The changes follow the bound while the news of the goal spreads, one cell a sweep; once it has arrived everywhere,
# after eight sweeps, nothing is left to change: no step of this world is uncertain.)
#
# **Exercise 1.** How many sweeps does the bound promise for an accuracy of $10^{-4}$, if the discount is 0.9, 0.99,
# 0.999?
#
# **Exercise 2.** Let one step in five slip to a side (`Gridworld(slip=0.2)`). Where does the best path change, and why?
# Does Q-learning still find the values, and with which step sizes?
#
# ## Why policy gradients, and why they work
#
# A table of values needs an action for every question, and the best one by trying all: with an angle of a steering
# wheel there are infinitely many. So learn the *policy*: probabilities $\pi_\theta(a)$, more of what paid. The trick is
# that the gradient of an expected reward is an expectation again, which one can sample:
#
# $$ \nabla_\theta\, \mathrm{E}[R] = \mathrm{E}\big[ R\; \nabla_\theta \log \pi_\theta(a) \big] $$
#
# and so the loss to descend is $-\log \pi_\theta(a)\, R$. On three one-armed bandits everything can be computed:

# %%
pays = np.array([1.0, 1.5, 3.0])
theta = np.array([0.3, 0.0, -0.5])
chance = softmax(theta)
true_slope = chance * (pays - chance @ pays)  # the derivative of sum_a pi(a) pays(a)
rng = np.random.default_rng(0)
actions = rng.choice(3, size=100_000, p=chance)
score = np.eye(3)[actions] - chance  # the gradient of log pi(a)
samples = {
    "reward": pays[actions, None] * score,
    "reward less baseline": (pays[actions] - chance @ pays)[:, None] * score,
}
for name, one in samples.items():
    print(f"{name:<22} mean {one.mean(axis=0).round(3)}  spread of a sample {one.std(axis=0).round(2)}")
    assert np.abs(one.mean(axis=0) - true_slope).max() < 5 * one.std(axis=0).max() / np.sqrt(len(actions))
print(f"exact gradient              {true_slope.round(3)}")
assert samples["reward less baseline"].std() < samples["reward"].std()

# %% [markdown]
# A baseline does not change the mean, since $\mathrm{E}[\nabla \log \pi] = 0$, but takes noise away: better than usual
# is what counts.

# %%
figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for name, baseline_on in (("reward", False), ("reward less the mean so far", True)):
    ways = []
    for seed in range(20):
        draw, th, mean, way = np.random.default_rng(seed), np.zeros(3), 0.0, []
        for step in range(300):
            p = softmax(th)
            a = draw.choice(3, p=p)
            gain = pays[a] + draw.normal()
            th = th + 0.1 * (gain - mean * baseline_on) * (np.eye(3)[a] - p)
            mean += (gain - mean) / (step + 1)
            way.append(softmax(th) @ pays)
        ways.append(way)
    axis.plot(np.mean(ways, axis=0), label=name)
    axis.fill_between(range(300), *np.percentile(ways, [10, 90], axis=0), alpha=0.2)
axis.axhline(3.0, color="k", linestyle=":", label="the best arm")
axis.set(xlabel="step", ylabel="expected reward", title="Policy gradient on three bandits, 20 starts")
axis.legend(fontsize=8)
plt.show()

# %% [markdown]
# **Exercise 3.** Show that the baseline does not change the mean. Which constant makes the variance smallest?
#
# ## An action that is a number
#
# A car on a winding road is steered by an angle. An agent that compares actions would need a list of angles; *DDPG*
# has two networks instead. The critic $Q(s, a)$ learns as above, from single steps; the actor $\mu(s)$ climbs it:
#
# $$ \nabla_\theta\, Q\big(s, \mu_\theta(s)\big) = \nabla_a Q\; \nabla_\theta \mu_\theta(s) $$
#
# The gradient goes *through* the critic, so that no action has to be tried. Near the middle of the road the car is
# nearly linear, and Riccati's equation has the best controller: that is what a network can hope for. Several starts,
# and lists of angles beside it: `equilearn lab steering`.

# %%
road = Steering()
gains = jnp.asarray(road.linear_controller(), jnp.float32)


def riccati(observation, *, key):
    place = observation * jnp.array([3.0, 1.0, 1 / 20])  # in metres, radians and 1/metre
    return -(place @ gains)[:, None]


driver = train(DDPG(steps=6_000, hidden=(64, 64), checks=6, check_games=10), road, seed=0, live=False)
driven = {
    "at random": np.mean(baseline(road, at_random(road))["returns"]),
    "linear, Riccati": np.mean(baseline(road, riccati)["returns"]),
    "DDPG": driver.returns(100).mean(),
}
for name, mean in driven.items():
    print(f"{name:<16} mean return of 100 new drives {mean:.0f} of at most 200")
assert driven["DDPG"] > 0.8 * driven["linear, Riccati"] > driven["at random"]

# %%
policies = {"network": without_exploration(driver.agent, driver.networks), "linear, Riccati": riccati}
places = jnp.linspace(-2.0, 2.0, 81)
seen = jnp.stack([places / 3.0, 0 * places, 0 * places], axis=1)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name, policy in policies.items():
    axes[0].plot(places, np.clip(policy(seen, key=key_of(0)), -0.5, 0.5)[:, 0], label=name)
    axes[1].plot(0.1 * np.arange(100), np.asarray(game(road, policy, key=key_of(1)))[:100, 0], label=name)
axes[0].set(xlabel="distance from the middle, m", ylabel="angle of the wheels, rad", title="What is done where")
axes[1].set(xlabel="time, s", ylabel="distance from the middle, m", title="Ten seconds on the same road")
axes[0].legend()
plt.show()

# %% [markdown]
# ## Deep: a network in place of the table
#
# A pole on a cart has infinitely many states. DQN puts a network in place of the table, and needs two inventions to be
# stable: a *replay* of old steps, and a *target network* that stands still for a while. Here is one short training,
# beside chance and a linear controller written by hand. The full story, with PPO and several seeds: `equilearn lab
# cartpole`.

# %%
pole = CartPole()


def controller(observation, *, key):
    return (observation @ jnp.array([0.1, 0.2, 2.0, 1.0]) > 0).astype(int)


agent = train(DQN(steps=16_000, checks=4, check_games=10), pole, seed=0, live=False)
returns = {
    "at random": np.mean(baseline(pole, at_random(pole))["returns"]),
    "linear, by hand": np.mean(baseline(pole, controller)["returns"]),
    "DQN": agent.returns(100).mean(),
}
for name, mean in returns.items():
    print(f"{name:<16} mean return of 100 new games {mean:.0f} of 500")
assert returns["DQN"] > 3 * returns["at random"]

# %% [markdown]
# A controller that is told what the numbers mean needs no learning. The network was told nothing but the rewards.
#
# **Exercise 4.** PPO is the policy gradient in today's form: it plays a while, learns from that with steps that are not
# allowed to change the policy much, throws it away and plays again. Train one (`PPO(steps=40_000)`). After how many
# steps of the world does it hold the pole? Why must it throw its steps away, and DQN need not?
#
# ## Watch it
#
# `agent.watch("cart.gif")` writes a game as a moving picture; here are eight moments of one.

# %%
states = game(pole, without_exploration(agent.agent, agent.networks), key=key_of(1))
figure, axes = plt.subplots(2, 4, figsize=(11, 4.4), layout="constrained")
for axis, moment in zip(axes.flat, np.linspace(0, len(states) - 1, 8).astype(int), strict=True):
    axis.imshow(picture(pole, states[moment]))
    axis.set(xticks=[], yticks=[], xlabel=f"step {moment}")
plt.show()
print(f"the game lasted {len(states) - 1} steps")

# %% [markdown]
# ## A reward is what you wrote, not what you meant
#
# A walker is to reach G. Someone adds a bonus on the way, B, to help it along. It pays 0.3 every time it is entered.

# %%
lured = Gridworld(rows=RACE, bonus=0.3)
honest = Gridworld(rows=RACE, bonus=0.0)
shaped = Gridworld(rows=RACE, bonus=0.0, shaping=0.05)
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
arrives = {}
for axis, (name, world) in zip(
    axes, {"goal only": honest, "a bonus": lured, "a potential": shaped}.items(), strict=True
):
    tables_of = world.tables()
    best = policy_iteration(tables_of)
    q = tables_of.action_values(best.values)
    arrows(axis, world, q, name)
    cell = "".join(RACE).index("S")
    for _ in range(100):
        cell = int(tables_of.transition[cell, q[cell].argmax()].argmax())
    arrives[name] = world.cells[cell] == "G"
plt.show()
print("arrives at G:", arrives)
assert arrives == {"goal only": True, "a bonus": False, "a potential": True}

# %% [markdown]
# With the bonus the best policy goes round and round: the agent is not at fault. A *potential* (what you gain by coming
# closer you lose by going away) changes no best policy.
#
# **Exercise 5.** From which bonus on does it pay to circle for ever? Compute it by hand from the discount, the map and
# the goal, and check it with policy iteration.
