"""Several shocks in one model, each with its own name and process, independent of each other.

    shock: Shock = Shocks(productivity=AR1(0.9, 0.01), income=MarkovChain(((0.9, 0.1), (0.5, 0.5))))

The state's `shock` has a field for each: `state.shock.productivity`, `state.shock.income`. Expectations run over all
combinations of the components' nodes. Components that are correlated are one `VAR` or `Gaussian`.
"""

from __future__ import annotations

import collections
import functools
import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from equilearn.equilibrium.chains import EndogenousChain, MarkovChain
from equilearn.equilibrium.quadrature import MAXIMUM_NODES
from equilearn.equilibrium.shocks import Shock
from equilearn.errors import UserError


@functools.cache
def _values(names: tuple[str, ...]) -> Any:
    """Return the type of the values of so many shocks: a named tuple."""
    return collections.namedtuple("Shocks", names)


@dataclass(frozen=True, init=False, repr=False)
class Shocks(Shock):
    """Several shocks by name, independent of each other; a value is a named tuple of the components' values."""

    components: tuple[tuple[str, Shock], ...]
    """Name and process of each."""

    def __init__(self, components: Sequence[tuple[str, Shock]] = (), **named: Shock) -> None:
        """Name the shocks.

        Args:
            components: (name, process) of each.
            named: the same as keywords, name=process.

        Raises:
            UserError: a name cannot be one, or is given twice; a process is none.
        """
        pairs = tuple(_pair(one) for one in (*components, *named.items()))
        if not pairs:
            raise UserError("Shocks: name at least one process, like Shocks(productivity=AR1(0.9, 0.01)).")
        if len(dict(pairs)) < len(pairs):
            raise UserError("Shocks: a name is given twice.")
        object.__setattr__(self, "components", pairs)

    def __getattr__(self, name: str) -> Any:
        """Return a component by its name."""
        own = dict(self.__dict__.get("components", ()))
        if name not in own:
            raise AttributeError(f"Shocks: there is no shock {name!r}; there are {', '.join(own)}.")
        return own[name]

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return f"Shocks({', '.join(f'{name}={shock!r}' for name, shock in self.components)})"

    def given(self, **moving: Any) -> Shocks:
        """Return the shocks as they move in one state of an economy; for a model's `process`.

        Args:
            moving: for a component, by name, the probabilities of next period's states of an `EndogenousChain`, or the
                process that stands for it here.

        Raises:
            UserError: there is no such component, or it cannot move so.
        """
        for name in moving:
            if name not in dict(self.components):
                raise UserError(f"Shocks: there is no shock {name!r}; there are {', '.join(dict(self.components))}.")
        changed = Shocks.__new__(Shocks)
        object.__setattr__(
            changed,
            "components",
            tuple((name, _moved(name, own, moving[name]) if name in moving else own) for name, own in self.components),
        )
        return changed

    def _each(self, value: Any) -> list[tuple[str, Shock, Any]]:
        """Return name, process and value of every component."""
        return [(name, shock, getattr(value, name)) for name, shock in self.components]

    def _joined(self, values: Sequence[Any]) -> Any:
        return _values(tuple(name for name, _ in self.components))(*values)

    @property
    def initial(self) -> Any:
        """The components' values in the middle of their processes."""
        return self._joined([shock.initial for _, shock in self.components])

    def nodes(self, current: Any) -> tuple[Any, Float[Array, " nodes"]]:
        """Return all combinations of the components' nodes, the last component's fastest, and their probabilities.

        Raises:
            UserError: these are more than 100,000.
        """
        own = [shock.nodes(value) for _, shock, value in self._each(current)]
        sizes = tuple(weights.shape[0] for _, weights in own)
        total = math.prod(sizes)
        if total > MAXIMUM_NODES:
            raise UserError(
                f"Shocks: {' times '.join(map(str, sizes))} are {total:,} nodes; take rules with fewer points, or one "
                "VAR or Gaussian with the rule Monomial or QuasiMonteCarlo."
            )

        def spread(leaf: Array, at: int) -> Array:
            inner = leaf.shape[1:]
            shaped = leaf.reshape(*[1] * at, sizes[at], *[1] * (len(sizes) - at - 1), *inner)
            return jnp.broadcast_to(shaped, (*sizes, *inner)).reshape(total, *inner)

        values = [jax.tree.map(functools.partial(spread, at=i), one) for i, (one, _) in enumerate(own)]
        weights = functools.reduce(lambda a, b: (a[:, None] * b).reshape(-1), [one for _, one in own])
        return self._joined(values), weights

    def mean(self, current: Any) -> Any:
        """Return the components' conditional means."""
        return self._joined([shock.mean(value) for _, shock, value in self._each(current)])

    def draw(self, current: Any, *, key: PRNGKeyArray) -> Any:
        """Draw every component."""
        return self._joined(
            [s.draw(value, key=jax.random.fold_in(key, i)) for i, (_, s, value) in enumerate(self._each(current))]
        )

    def flat(self, current: Any, *, key: PRNGKeyArray) -> Any:
        """Draw every component from its flatter distribution."""
        return self._joined(
            [s.flat(value, key=jax.random.fold_in(key, i)) for i, (_, s, value) in enumerate(self._each(current))]
        )

    @property
    def chains(self) -> Mapping[str, int]:
        """The components' chains, by the components' names."""
        return {name: size for name, shock in self.components for size in shock.chains.values()}

    def indices(self, value: Any) -> tuple[Any, ...]:
        """Return the components' indices."""
        return tuple(index for _, shock, own in self._each(value) for index in shock.indices(own))

    def with_indices(self, value: Any, indices: Sequence[Any]) -> Any:
        """Return a value whose components have other indices."""
        left = list(indices)
        return self._joined(
            [s.with_indices(own, [left.pop(0) for _ in s.chains]) if s.chains else own
             for _, s, own in self._each(value)]
        )  # fmt: skip

    def numbers(self, value: Any) -> Float[Array, " numbers"]:
        """Return the components' real numbers."""
        return jnp.concatenate([shock.numbers(own) for _, shock, own in self._each(value)])

    @property
    def chain(self) -> MarkovChain | None:
        """The joint chain of all components that are one; None where there is none, or one's probabilities follow."""
        chains = [shock.chain for _, shock in self.components if shock.chains]
        rows = [chain.transition for chain in chains if chain is not None]
        if not rows or len(rows) < len(chains):
            return None
        return functools.reduce(lambda a, b: MarkovChain.product(a.transition, b.transition), map(MarkovChain, rows))

    @property
    def possible(self) -> Bool[np.ndarray, "states states"]:
        """Whether the joint index can go from i to j in one period, as far as is known beforehand."""
        joint = functools.reduce(np.kron, [shock.possible.astype(int) for _, shock in self.components])
        return joint.astype(bool)

    def impulse(self, value: Any, size: float, component: Any = None) -> Any:
        """Return a value with an impulse on one component: its name, or name and number in a vector.

        Raises:
            UserError: there is no such component, or it cannot have this value.
        """
        names = [name for name, _ in self.components]
        name, inner = component if isinstance(component, tuple) and len(component) == 2 else (component, None)
        if name not in names:
            raise UserError(f"component: must be the name of a shock, one of {', '.join(names)}, not {component!r}.")
        return value._replace(**{name: dict(self.components)[name].impulse(getattr(value, name), size, inner)})

    def real_parameters(self) -> list[str]:
        """Return the names of the components' parameters that are real numbers: productivity.persistence."""
        return [f"{name}.{own}" for name, shock in self.components for own in shock.real_parameters()]

    def replaced(self, name: str, value: float) -> Shock:
        """Return the shocks with another value of a component's parameter, which it checks."""
        component, _, inner = name.partition(".")
        return Shocks([(n, s.replaced(inner, value) if n == component else s) for n, s in self.components])

    def forged(self, name: str, value: Any) -> Shocks:
        """Return the shocks with a component's parameter that may be traced, and that nobody checks."""
        component, _, inner = name.partition(".")
        return self.given(**{component: dict(self.components)[component].forged(inner, value)})


def _pair(one: Any) -> tuple[str, Shock]:
    """Return the name and the process of a component, if they can be that."""
    if not isinstance(one, tuple) or len(one) != 2:
        raise UserError(f"Shocks: give every process by name, like Shocks(productivity=AR1(0.9, 0.01)), not {one!r}.")
    name, shock = one
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise UserError(f"Shocks: {name!r} cannot be the name of a shock; use letters, digits and _.")
    if hasattr(Shocks, name) or hasattr(tuple, name) or name == "components":
        raise UserError(f"Shocks: a shock cannot be called {name!r}, which every shock has already; call it otherwise.")
    if not isinstance(shock, Shock) or isinstance(shock, Shocks):
        raise UserError(f"Shocks: {name} must be one process (AR1, MarkovChain, VAR), not {type(shock).__name__}.")
    return name, shock


def _moved(name: str, own: Shock, moving: Any) -> Shock:
    if isinstance(moving, Shock):
        return moving
    if not isinstance(own, EndogenousChain):
        raise UserError(
            f"Shocks: {name} is a {type(own).__name__}, whose probabilities are its own; make it an EndogenousChain."
        )
    return own.given(moving)
