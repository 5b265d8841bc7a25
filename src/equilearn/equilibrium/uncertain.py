"""A model whose parameters are states: one network that solves it for a whole box of parameters at once.

    Uncertain(Climate(), climate_sensitivity=(2.0, 4.5), time_preference=(0.01, 0.02))
    Uncertain(Growth(), **{"shock.persistence": (0.8, 0.95)})

The parameters named are drawn uniformly from their ranges when an economy starts, stay with it for ever, and are seen
by the network; every equation of the model is evaluated at them. The solution is a function of state and parameters:
how a policy depends on what is not known is one evaluation away (Scheidegger and Bilionis, 2019).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from equilearn.equilibrium.model import Expect, Model, PolicyFunction, asks_for_policy, equation_errors
from equilearn.equilibrium.sets import FeasibleSet
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.shocks import Shock, shock_of
from equilearn.equilibrium.varying import forged, real_numbers
from equilearn.errors import UserError
from equilearn.learn import Target
from equilearn.networks import MLP, Scaling
from equilearn.networks.mlp import lecun
from equilearn.parameters import fitted

Range = tuple[str, float, float]


@functools.cache
def _state_type(base: type) -> type:
    """Return the state of the model with its parameters added."""
    return NamedTuple("State", [*((name, Array) for name in base._fields), ("parameters", Array)])  # pyright: ignore


def _range(name: Any, bounds: Any) -> Range:
    """Return name, low and high of an uncertain parameter."""
    if not isinstance(name, str) or not isinstance(bounds, (tuple, list, np.ndarray)) or len(bounds) != 2:
        raise UserError(f"Uncertain: the range of {name} must be (low, high), not {bounds!r}.")
    low, high = (fitted(bound, float, f"Uncertain: the range of {name}:") for bound in bounds)
    if not np.isfinite([low, high]).all():
        raise UserError(f"Uncertain: the range of {name} must be finite, not {low} to {high}.")
    return name, low, high


def _with(model: Model, name: str, value: float) -> Model:
    """Return the model with another value of a parameter, which it checks."""
    if name.startswith("shock."):
        changed = {"shock": model.shock.replaced(name.removeprefix("shock."), value)}
    else:
        changed = {name: value}
    return dataclasses.replace(model, **changed)  # pyright: ignore[reportArgumentType]


def _equations(model: Uncertain, like: Any) -> Callable[[Any], Float[np.ndarray, " numbers"]]:
    """Return a function of states like this one, traced once for all values of the parameters.

    It gives errors, next states and policies of a network that says zero in one state and in one that follows it. The
    second has had a shock: in the first, where the shock is at its mean, its persistence changes nothing.
    """
    features = model.features(like).shape[0]
    outputs = sum(one.outputs for one in model.policies(like).values())
    network = MLP((features, outputs), initialiser=lecun, heads=model.shock.states, key=jax.random.key(1))
    network = jax.tree.map(lambda leaf: 0 * leaf if eqx.is_array(leaf) else leaf, network)  # deaf to the parameters
    policy = PolicyFunction(network, Scaling(jnp.zeros(features), jnp.ones(features)), model)

    @jax.jit
    def all_of(state: Any) -> Any:
        decision = policy(state)
        shocks = model.process(state, decision).nodes(shock_of(state))[0]
        following = jax.vmap(lambda shock: model.transition(state, decision, shock))(shocks)
        errors = equation_errors(policy, state)
        return (errors, decision, following._replace(parameters=jnp.zeros(()))), jax.tree.map(
            lambda x: x[-1], following
        )

    def equations(state: Any) -> Float[np.ndarray, " numbers"]:
        first, following = all_of(state)
        second, _ = all_of(following)
        return np.concatenate([np.ravel(np.asarray(x, float)) for x in jax.tree.leaves((first, second))])

    return equations


class Uncertain(Model):
    """A model with a box of parameters as states."""

    model: Model
    ranges: tuple[Range, ...]

    def __init__(self, model: Model, ranges: tuple[Range, ...] = (), **named: tuple[float, float]) -> None:
        """Make the parameters named uncertain.

        Args:
            model: the economy; its other parameters stay as they are.
            ranges: (name, low, high) of each uncertain parameter.
            named: the same as keywords, name=(low, high).

        Raises:
            UserError: a parameter is unknown, no number, or its range is empty.
        """
        if not isinstance(model, Model):
            raise UserError(f"Uncertain: the first argument is a model, not a {type(model).__name__}.")
        ranges = tuple(_range(*one) for one in (*((r[0], r[1:]) for r in ranges), *named.items()))
        known = real_numbers(model)
        for name, low, high in ranges:
            if name not in known:
                raise UserError(
                    f"Uncertain: {model.name} has no real number {name!r} that could be a state (sizes, tuples, words "
                    f"and chains cannot); it has {', '.join(known)}."
                )
            if not low < high:
                raise UserError(f"Uncertain: the range of {name} is empty ({low} to {high}).")
            for bound in (low, high):  # let the model check
                _with(model, name, bound)
        if not ranges:
            raise UserError("Uncertain: name at least one parameter and its range.")
        if len({name for name, *_ in ranges}) < len(ranges):
            raise UserError("Uncertain: a parameter is named twice.")
        for name, value in (
            ("model", model),
            ("ranges", ranges),
            ("shock", model.shock),
            ("State", _state_type(model.State)),
            ("Policy", model.Policy),
            ("ergodic", model.ergodic),
        ):
            object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the uncertain parameters, in the order of `State.parameters`."""
        return tuple(name for name, *_ in self.ranges)

    @property
    def bounds(self) -> Float[np.ndarray, "parameters 2"]:
        """Lower and upper bounds of the uncertain parameters."""
        return np.array([(low, high) for _, low, high in self.ranges], np.float32)

    def at(self, parameters: Any) -> Any:
        """Return the model with the uncertain parameters at given values, which may be traced."""
        return forged(self.model, {name: parameters[index] for index, name in enumerate(self.names)})

    def process(self, state: Any, policy: Any) -> Shock:
        """Return the model's shock at the state's parameters."""
        return self.at(state.parameters).process(self._base(state), policy)

    def check_effects(self) -> None:
        """Check that every uncertain parameter changes the equations between the ends of its range.

        Errors, next states and policies of a network that says zero are compared in an initial state.

        Raises:
            UserError: one changes nothing, or the model's equations need it as a plain number.
        """
        state = self.initial(jax.random.key(0))
        middle = jnp.asarray(self.bounds.mean(axis=1))
        equations = None
        for index, (name, low, high) in enumerate(self.ranges):
            try:
                equations = equations or _equations(self, state._replace(parameters=middle))
                ends = [equations(state._replace(parameters=middle.at[index].set(x))) for x in (low, high)]
            except (TypeError, AttributeError, jax.errors.JAXTypeError) as error:
                reason = (str(error).splitlines() or [""])[0]
                raise UserError(
                    f"Uncertain: {name} cannot be a state of {self.name}, whose equations need it as a plain number, "
                    f"or what was computed when the model was made ({reason})."
                ) from error
            if np.array_equal(ends[0], ends[1], equal_nan=True):
                raise UserError(f"Uncertain: {name} changes nothing in the equations of {self.name}; leave it out.")

    def state(self, base: Any, parameters: Mapping[str, Any]) -> Any:
        """Return the state of a base state and values of the parameters, by name; both may have a leading axis."""
        values = jnp.stack([jnp.asarray(parameters[name], jnp.float32) for name in self.names], axis=-1)
        lead = values.shape[:-1]
        like = jax.eval_shape(self.model.initial, jax.random.key(0))
        fields = jax.tree.map(
            lambda x, one: jnp.broadcast_to(jnp.asarray(x), (*lead, *np.shape(x)[np.ndim(x) - one.ndim :])),
            self.model.State(*base),
            like,
        )
        return self.State(*fields, values)

    def _base(self, state: Any) -> Any:
        return self.model.State(*state[:-1])

    def initial(self, key: PRNGKeyArray) -> Any:
        """Return an initial state of the model with parameters drawn from the box."""
        draw_key, start_key = jax.random.split(key)
        low, high = self.bounds.T
        parameters = low + (high - low) * jax.random.uniform(draw_key, low.shape)
        return self.State(*self.at(parameters).initial(start_key), parameters)

    def policies(self, state: Any) -> Mapping[str, FeasibleSet]:
        """Return the model's sets at the state's parameters."""
        return self.at(state.parameters).policies(self._base(state))

    def transition(self, state: Any, policy: Any, shock: Any) -> Any:
        """Return the model's next state; the parameters stay."""
        return self.State(*self.at(state.parameters).transition(self._base(state), policy, shock), state.parameters)

    def errors(self, state: Any, policy: Any, expect: Expect) -> dict[str, Array]:
        """Return the model's errors at the state's parameters."""

        def expect_base(function: Any) -> Any:
            if not asks_for_policy(function):
                return expect(lambda s, p: function(self._base(s), p))
            here = state.parameters
            return expect(lambda s, p, policy: function(self._base(s), p, lambda o: policy(self.State(*o, here))))

        return self.at(state.parameters).errors(self._base(state), policy, expect_base)

    def weights(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return the model's weights at the state's parameters."""
        return self.at(state.parameters).weights(self._base(state), policy)

    def units(self) -> dict[str, str]:
        """Return the model's units."""
        return self.model.units()

    def features(self, state: Any) -> Float[Array, " features"]:
        """Return the model's features and the parameters."""
        return jnp.concatenate([self.at(state.parameters).features(self._base(state)), state.parameters])

    def definitions(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return the model's definitions at the state's parameters."""
        return self.at(state.parameters).definitions(self._base(state), policy)

    def safeguards(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return where the model's clamps act at the state's parameters."""
        return self.at(state.parameters).safeguards(self._base(state), policy)

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Return the model's coordinates; parameters go by name."""
        return self.model.coordinates() | {"parameters": ("parameter", np.array(self.names))}

    def settings(self) -> SolveSettings:
        """Return the model's settings."""
        return self.model.settings()

    def required(self) -> tuple[Target, ...]:
        """Return the model's required accuracy."""
        return self.model.required()
