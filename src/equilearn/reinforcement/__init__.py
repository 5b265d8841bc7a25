"""Reinforcement learning: environments, dynamic programming, agents."""
