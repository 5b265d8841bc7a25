"""The one training loop: generate, learn, check (Azinovic, Gaegauf and Scheidegger, Algorithm 1)."""

from equilearn.learn.driver import Run, key_of, learn
from equilearn.learn.ensemble import learn_many
from equilearn.learn.problem import Note, Problem, Score
from equilearn.learn.settings import LearnSettings
from equilearn.learn.stopping import Outcome, Target

__all__ = ["LearnSettings", "Note", "Outcome", "Problem", "Run", "Score", "Target", "key_of", "learn", "learn_many"]
