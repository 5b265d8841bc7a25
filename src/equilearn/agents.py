"""Agents, and how they are found by name; listing them imports none of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from equilearn.catalogue import describe
from equilearn.errors import UserError

AGENTS = {
    "dqn": "deep_q:DQN",
    "pqn": "parallel_q:PQN",
    "reinforce": "reinforce:Reinforce",
    "ppo": "proximal:PPO",
    "ddpg": "deterministic:DDPG",
    "tabular": "tabular:Tabular",
}
"""Name -> file of `reinforcement/` and class in it; the name is the class's in small letters."""


def descriptions() -> dict[str, str]:
    """Return the first line of every agent's docstring, by name, without importing the agents."""
    return describe(AGENTS, Path(__file__).parent / "reinforcement")


def find(name: str) -> type[Any]:
    """Return an agent's class by its name, in letters of any size.

    Raises:
        UserError: there is no such agent.
    """
    if name.lower() not in AGENTS:
        raise UserError(f"{name}: no such agent; there are {', '.join(AGENTS)}.")
    file, kind = AGENTS[name.lower()].split(":")
    return getattr(importlib.import_module(f"equilearn.reinforcement.{file}"), kind)
