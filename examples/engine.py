"""When to replace an engine: a discrete choice, by its values in states that were not chosen (Rust, 1987).

    equilearn solve examples/engine.py:Engine

Keep it at a cost that rises with its age, or pay for a new one; tastes are extreme-value of size `taste`, and
d' = exp(shock) is how far it is driven:

    V(x) = taste log(exp(keep(x) / taste) + exp(replace / taste))
    keep(x) = -cost x + discount E V(x + d'),   replace = -price + discount E V(d')
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from equilearn import AR1, EndogenousChain, Expect, Interval, Model, Real, Shock, Shocks, SolveSettings


class Engine(Model):
    """The owner of an engine that gets dearer with age."""

    cost: float = 0.3
    price: float = 2.0
    taste: float = 0.5
    discount: float = 0.8
    shock: Shock = Shocks(driven=AR1(0.0, 0.3), renewed=EndogenousChain(2))

    class State(NamedTuple):
        """How far it is driven in the period before, whether it was replaced, and its age."""

        shock: Any
        age: Array

    class Policy(NamedTuple):
        """Value before tastes are known, and the chance of replacement."""

        value: Array
        chance: Array

    def initial(self, key: Array) -> State:
        """Return an engine of any age up to five."""
        return self.State(self.shock.initial, jax.random.uniform(key, maxval=5.0))

    def features(self, state: State) -> Array:
        """The age is all that matters."""
        return state.age[None]

    def policies(self, state: State) -> dict:
        """A value is any number."""
        return {"value": Real(-3.0, 1.0), "chance": Interval(0.0, 1.0)}

    def process(self, state: State, policy: Policy) -> Shock:
        """The chain says what was chosen."""
        return self.shock.given(renewed=(1 - policy.chance, policy.chance))  # pyright: ignore

    def transition(self, state: State, policy: Policy, shock: Any) -> State:
        """What is driven is added to the age, which a new engine has not."""
        return self.State(shock, jnp.where(shock.renewed == 1, 0.0, state.age) + jnp.exp(shock.driven))

    def errors(self, state: State, policy: Policy, expect: Expect) -> dict[str, Array]:
        """Return the errors of the value and of the chance."""

        def after(age: Any) -> Array:
            return expect(lambda s, p, policy_of: policy_of(s._replace(age=age + jnp.exp(s.shock.driven))).value)

        keep = -self.cost * state.age + self.discount * after(state.age)
        replace = -self.price + self.discount * after(0.0)
        value = self.taste * jnp.logaddexp(keep / self.taste, replace / self.taste)
        chance = jax.nn.sigmoid((replace - keep) / self.taste)
        return {"bellman": value - policy.value, "choice": chance - policy.chance}

    def settings(self) -> SolveSettings:
        """Return settings for a value, which is found more slowly than a choice."""
        return SolveSettings(episodes=1500, width=32)
