"""Shocks: what a process of a model can say of itself.

A shock's current value is part of the state, under the name `shock`. Each process gives, for a current value,

- `nodes(current)`: next period's values (M, ...) and their probabilities (M,), for expectations;
- `draw(current, key)`: one value of next period, for simulation;
- `flat(current, key)`: one value from a flatter distribution, for training on states that are rare.

A value may hold indices of finite chains (`chains`, `indices`) and real numbers (`numbers`). Several chains in one
value have one joint index, the first of them the slowest; it chooses the head of the network, and certificates count by
it.
A shock of one's own needs the four methods that are abstract here.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from equilearn.equilibrium.sampling import drawn_from
from equilearn.equilibrium.varying import bare
from equilearn.errors import UserError

Matrix = tuple[tuple[float, ...], ...]


class Shock(abc.ABC):
    """An exogenous process; what a model's `shock` is."""

    deterministic: ClassVar[bool] = False
    """Whether nothing is ever drawn."""

    @property
    @abc.abstractmethod
    def initial(self) -> Any:
        """A value in the middle of the process, of the shape and type that the state's `shock` must have."""

    @abc.abstractmethod
    def nodes(self, current: Any) -> tuple[Any, Float[Array, " nodes"]]:
        """Return next period's values and their conditional probabilities."""

    def sampled(self, current: Any, count: int, *, key: PRNGKeyArray) -> tuple[Any, Float[Array, "2 drawn"]]:
        """Return nodes drawn for two independent expectations, about `count` for each, and each one's weights on all.

        On average over the key both expectations are those over `nodes`; see `sampling`.
        """
        values, probabilities = self.nodes(current)
        drawn, weights = drawn_from(probabilities, count, key=key)
        return jax.tree.map(lambda leaf: leaf[drawn], values), weights

    def mean(self, current: Any) -> Any:
        """Return the conditional mean of next period's value: where a path goes without innovations."""
        values, probabilities = self.nodes(current)
        return jnp.tensordot(probabilities.astype(current.dtype), values.astype(current.dtype), axes=1)

    @abc.abstractmethod
    def draw(self, current: Any, *, key: PRNGKeyArray) -> Any:
        """Draw next period's value."""

    @abc.abstractmethod
    def flat(self, current: Any, *, key: PRNGKeyArray) -> Any:
        """Draw next period's value from a flatter distribution with the same support or a larger one."""

    @property
    def chains(self) -> Mapping[str, int]:
        """Number of states of every finite chain in a value, by the chain's name; "" where the value is one index."""
        return {}

    @property
    def states(self) -> int:
        """Number of joint states of all finite chains; 1 where there is none."""
        return math.prod(self.chains.values())

    def indices(self, value: Any) -> tuple[Any, ...]:
        """Return the indices that a value holds, in the order of `chains`."""
        del value
        return ()

    def with_indices(self, value: Any, indices: Sequence[Any]) -> Any:
        """Return a value whose indices are replaced, in the order of `chains`."""
        del indices
        return value

    def index(self, value: Any) -> Any:
        """Return the joint index of a value, below `states`; 0 where there is no chain."""
        joint: Any = 0
        for own, size in zip(self.indices(value), self.chains.values(), strict=True):
            joint = own if isinstance(joint, int) else joint * size + own
        return joint

    def with_index(self, value: Any, joint: Any) -> Any:
        """Return a value whose indices are those of a joint index."""
        indices: list[Any] = []
        for size in reversed(tuple(self.chains.values())):
            indices.insert(0, joint % size)
            joint = joint // size
        return self.with_indices(value, indices)

    def numbers(self, value: Any) -> Float[Array, " numbers"]:
        """Return the real numbers of a value, which the network sees."""
        return jnp.ravel(value)

    @property
    def chain(self) -> Any:
        """The `MarkovChain` of the joint index where its probabilities are known beforehand; else None."""
        return None

    @property
    def possible(self) -> Bool[np.ndarray, "states states"]:
        """Whether the joint index can go from i to j in one period, as far as is known beforehand."""
        return np.ones((self.states, self.states), bool)

    def impulse(self, value: Any, size: float, component: Any = None) -> Any:
        """Return a value with an impulse: `size` is added to every real number, or to one component.

        Raises:
            UserError: there is no such component, or it cannot have this value.
        """
        if component is None:
            return value + size
        if jnp.ndim(value) != 1:
            raise UserError(f"component: a {type(self).__name__} has one component only; leave it out.")
        number = jnp.shape(value)[0]
        if isinstance(component, bool) or not isinstance(component, int) or not 0 <= component < number:
            raise UserError(f"component: must be a number from 0 to {number - 1}, not {component!r}.")
        return value.at[component].add(size)

    def real_parameters(self) -> list[str]:
        """Return the names of the parameters that are real numbers."""
        fields = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        return [field.name for field in fields if isinstance(getattr(self, field.name), float)]

    def replaced(self, name: str, value: float) -> Shock:
        """Return the process with another value of a real parameter, which it checks."""
        return dataclasses.replace(self, **{name: value})  # pyright: ignore[reportArgumentType]

    def forged(self, name: str, value: Any) -> Shock:
        """Return the process with a parameter that may be traced, and that nobody checks."""
        changed = bare(self)
        object.__setattr__(changed, name, value)
        return changed


@dataclass(frozen=True)
class Deterministic(Shock):
    """No shock: expectations are next period's value."""

    deterministic: ClassVar[bool] = True

    @property
    def initial(self) -> Float[Array, ""]:
        """Zero; a deterministic model's state needs no `shock`."""
        return jnp.zeros(())

    def nodes(self, current: Array) -> tuple[Float[Array, " 1"], Float[Array, " 1"]]:
        """Return one node of probability one."""
        return jnp.zeros(1), jnp.ones(1)

    def draw(self, current: Array, *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return zero."""
        return jnp.zeros(())

    def flat(self, current: Array, *, key: PRNGKeyArray) -> Float[Array, ""]:
        """Return zero."""
        return jnp.zeros(())


def shock_of(state: Any) -> Any:
    """Return the shock's current value; zero for a deterministic model."""
    return getattr(state, "shock", jnp.zeros(()))


class Entry(NamedTuple):
    """A value in a state."""

    name: str
    """Its name: `capital`, `productivity`."""
    field: str
    """How it is called from the state: `capital`, `shock.productivity`."""
    value: Any


def entries(state: Any) -> list[Entry]:
    """Return the values in a state; those of several shocks one by one."""
    found = []
    for name, value in state._asdict().items():
        if hasattr(value, "_asdict"):
            found += [Entry(own, f"{name}.{own}", part) for own, part in value._asdict().items()]
        else:
            found.append(Entry(name, name, value))
    return found


def named(state: Any) -> dict[str, Any]:
    """Return the values in a state by name."""
    return {entry.name: entry.value for entry in entries(state)}


def square(name: str, field: str, matrix: Any) -> Float[np.ndarray, "d d"]:
    """Return a square matrix in double precision.

    Raises:
        UserError: it is none.
    """
    try:
        if np.iscomplexobj(matrix):
            raise TypeError
        array = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        raise UserError(f"{name}: {field} must be a square matrix of numbers.") from None
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise UserError(f"{name}: {field} must be a square matrix, not of shape {array.shape}.")
    return array


def choose(choice: Bool[Array, ""], one: Any, other: Any) -> Any:
    """Return one value of a shock where the choice is true, else the other."""
    return jax.tree.map(lambda a, b: jnp.where(choice, a, b), one, other)
