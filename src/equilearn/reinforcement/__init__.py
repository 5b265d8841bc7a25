"""Reinforcement learning: environments, dynamic programming, and agents on the one loop.

trained = train(DQN(), "CartPole-v1", seed=0)
trained.returns(100).mean(), trained.save("cart.npz"), trained.watch("cart.gif")
"""

from equilearn.reinforcement.agent import Agent
from equilearn.reinforcement.atari import Atari
from equilearn.reinforcement.boards import CONNECT_FOUR, TIC_TAC_TOE, InARow
from equilearn.reinforcement.classic import CartPole, Pendulum
from equilearn.reinforcement.deep_q import DQN
from equilearn.reinforcement.deterministic import DDPG
from equilearn.reinforcement.environment import Environment, Step
from equilearn.reinforcement.finite import FiniteProblem, Plan, policy_iteration, value_iteration
from equilearn.reinforcement.gridworld import CLIFF, LAKE, RACE, ROOM, Gridworld
from equilearn.reinforcement.growth import Growth, solve_on_grid
from equilearn.reinforcement.minatar import MinAtar
from equilearn.reinforcement.parallel_q import PQN
from equilearn.reinforcement.proximal import PPO
from equilearn.reinforcement.registered import AsGymnasium, register
from equilearn.reinforcement.reinforce import Reinforce
from equilearn.reinforcement.self_play import AlphaZero, Champion, load_champion, self_play
from equilearn.reinforcement.steering import Steering
from equilearn.reinforcement.tabular import Tabular
from equilearn.reinforcement.training import Trained, load, train
from equilearn.reinforcement.tree_search import TreeSearch

register()

__all__ = [
    "CLIFF",
    "CONNECT_FOUR",
    "DDPG",
    "DQN",
    "LAKE",
    "PPO",
    "PQN",
    "RACE",
    "ROOM",
    "TIC_TAC_TOE",
    "Agent",
    "AlphaZero",
    "AsGymnasium",
    "Atari",
    "CartPole",
    "Champion",
    "Environment",
    "FiniteProblem",
    "Gridworld",
    "Growth",
    "InARow",
    "MinAtar",
    "Pendulum",
    "Plan",
    "Reinforce",
    "Steering",
    "Step",
    "Tabular",
    "Trained",
    "TreeSearch",
    "load",
    "load_champion",
    "policy_iteration",
    "register",
    "self_play",
    "solve_on_grid",
    "train",
    "value_iteration",
]
