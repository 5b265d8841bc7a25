"""What a path can see of a Markov chain: which states it can reach, and how often it is in each in the long run.

A long path forgets where it began. Of a chain P whose states all lead to each other it sees everything, in the shares
of the stationary distribution. Of any other chain it sees the part in which it ends, and nothing of the way there:
P = ((0.98, 0.02), (0, 1)) is in its second state for ever. From the distribution p of first states, the shares in the
long run are those of p P~ P~ P~ ..., where P~ = (P + I) / 2 has the same limits and no periods.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from equilearn.equilibrium.chains import MarkovChain

SQUARINGS = 40


def forgets(chain: MarkovChain, first: Int[np.ndarray, " paths"]) -> bool:
    """Return whether all that can be reached from the first states is visited again and again."""
    reach = chain.reachable
    seen = reach[np.unique(first)].any(axis=0)
    return bool(reach[np.ix_(seen, seen)].all())


def long_run(chain: MarkovChain, first: Int[np.ndarray, " paths"]) -> Float[np.ndarray, " states"]:
    """Return the shares of the chain's states in the long run, from the first states of so many paths."""
    power = 0.5 * (np.asarray(chain.transition, float) + np.eye(chain.states))
    for _ in range(SQUARINGS):
        power = power @ power
        power /= power.sum(axis=1, keepdims=True)
    start = np.bincount(first, minlength=chain.states) / first.size
    return start @ power
