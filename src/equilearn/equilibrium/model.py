"""What an economist writes: states, policies, a law of motion and equilibrium conditions.

    class Growth(Model):
        capital_share: float = 0.36                       # parameters are typed fields with defaults
        shock: Shock = AR1(persistence=0.9, innovation_std=0.04)

        class State(NamedTuple): ...                      # `shock` and whatever else is known today
        class Policy(NamedTuple): ...                     # what the network predicts

        def initial(self, key): ...                       # a feasible state
        def policies(self, state): ...                    # a feasible set for each policy
        def transition(self, state, policy, shock): ...   # next period's state
        def errors(self, state, policy, expect): ...      # zero in equilibrium, unit-free

Every method sees one economy in one period (no batch axis); the package vectorises. A state's or policy's shape is
that of the arrays that `initial` and `policies` give. `expect(f)` is the expectation, conditional on today, of
f(next state, next policy). Where f has a third parameter it is given the policy function as well: the policies in any
other state (after a default, a deviation), and their derivatives.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, dataclass_transform

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from equilearn.equilibrium.sets import FeasibleSet
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.shocks import Deterministic, Shock, shock_of
from equilearn.equilibrium.varying import closed
from equilearn.errors import UserError, first_line
from equilearn.learn import Target
from equilearn.networks import MLP, Scaling
from equilearn.parameters import given_fields, plain_defaults

KINKED = 2.0
"""Steepness of the activation that is recommended where a policy has kinks."""
ALIKE = 0.1
"""Share of the loss in which all components of an error count the same, however a model weighs them."""
Expect = Callable[[Callable[..., Any]], Any]
"""Conditional expectation of a function of next period's state and policy and, where it asks, the policy function."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Model(abc.ABC):
    """A dynamic stochastic economy; subclasses are frozen dataclasses whose fields are its parameters."""

    State: ClassVar[type]
    Policy: ClassVar[type]
    shock: Shock = Deterministic()
    ergodic: ClassVar[bool] = True
    """Whether a long path visits every relevant state; where not (time is a state), the certificate's path restarts."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        plain_defaults(cls)
        own = "__init__" in cls.__dict__
        try:
            dataclass(frozen=True, kw_only=True)(cls)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{cls.__name__}: {error}. Parameters are fields with a type and an immutable default: numbers, "
                "tuples, shocks."
            ) from None
        _check_fields(cls)
        if not own:
            cls.__init__ = _in_plain_form(cls, cls.__init__)

    def __new__(cls, *arguments: Any, **given: Any) -> Any:
        """Return a new model, unless a method that every model must have is missing."""
        if missing := sorted(getattr(cls, "__abstractmethods__", ())):
            raise UserError(f"{cls.__name__}: define the method{'s' * (len(missing) > 1)} {', '.join(missing)}.")
        del arguments, given
        return super().__new__(cls)

    @property
    def name(self) -> str:
        """Name of the model's class."""
        return type(self).__name__

    def process(self, state: Any, policy: Any) -> Shock:
        """Return the shock as it moves from a state, given today's decision: `shock`, unless a model says otherwise.

        Probabilities and volatilities that depend on state and policy are said here:
        `return self.shock.given((1 - p, p))` for an `EndogenousChain`, `return AR1(0.9, volatility)`. Expectations,
        simulations and responses go by it.
        """
        del state, policy
        return self.shock

    @abc.abstractmethod
    def initial(self, key: PRNGKeyArray) -> Any:
        """Return a feasible state, drawn with the key or always the same."""

    @abc.abstractmethod
    def policies(self, state: Any) -> Mapping[str, FeasibleSet]:
        """Return the set that each policy lives in, given the state."""

    @abc.abstractmethod
    def transition(self, state: Any, policy: Any, shock: Any) -> Any:
        """Return next period's state, where next period's shock has the given value."""

    @abc.abstractmethod
    def errors(self, state: Any, policy: Any, expect: Expect) -> dict[str, Array]:
        """Return the named errors in the equilibrium conditions: unit-free, zero in equilibrium."""

    def weights(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return with what weights the components of an error or a policy count, by its name: the mass of those whom it
        concerns.

        At or above zero, not all zero, of the error's or policy's shape; components of what is not named here count the
        same. The certificate's means and percentiles are weighted and, for errors, nine tenths of the loss and the
        least squares of the estimated policy errors.
        """
        del state, policy
        return {}

    def units(self) -> dict[str, str]:
        """Return in words what one unit of an error means, by its name: "consumption, relative"."""
        return {}

    def features(self, state: Any) -> Float[Array, " features"]:
        """Return what the network sees of the state: by default every number but a Markov chain's index.

        Redundant features (prices, cash on hand) may help; scaling is found from the data.
        """
        values = state._asdict().items()
        return jnp.concatenate(
            [jnp.zeros(0), *(self.shock.numbers(x) if name == "shock" else jnp.ravel(x) for name, x in values)]
        )

    def definitions(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return further quantities that simulations report: prices, consumption, income."""
        del state, policy
        return {}

    def coordinates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Return, for variables with an axis, its name and labels: {"capital": ("age", ages)}."""
        return {}

    def settings(self) -> SolveSettings:
        """Return the settings that solve this model well.

        Where a chain leaves some of its states for good, or may do so, paths start again now and then: the way there
        would be forgotten. Elsewhere they do so seldom: a path that an early policy carried away would else stay there,
        and a few such make most of the loss. Where a bound has a multiplier (`Complement`), the network is made to
        follow kinks. Early in the learning paths start again often.
        """
        stays = not self.shock.chains or (self.shock.chain is not None and self.shock.chain.irreducible)
        seldom = 0.002 if self.ergodic and not self.shock.deterministic else 0.0
        return SolveSettings(
            restart=seldom if stays else 0.02, early_restart=0.1, steepness=KINKED if _kinked(self) else 1.0
        )

    def required(self) -> tuple[Target, ...]:
        """Return the bounds that the certificate must meet for the report to call the solution accurate."""
        return ()

    def safeguards(self, state: Any, policy: Any) -> dict[str, Array]:
        """Return where a clamp of the model's own acts, true or false, by what it is in words.

        Clamps (a floor of consumption, a largest capital) keep a policy that is still learning feasible; where one acts
        in the solution, that of another economy was found. The certificate names those that act.
        """
        del state, policy
        return {}

    def figures(self, solution: Any, simulation: Any, errors: Any) -> dict[str, Any]:
        """Return the model's own figures for the report, by title; see `equilearn.report`."""
        del solution, simulation, errors
        return {}


def _check_fields(kind: type) -> None:
    """Check that a class changes its parameters in a way that reaches its instances.

    Raises:
        UserError: a name stands for a parameter and for something else.
    """
    for field in dataclasses.fields(kind):  # pyright: ignore[reportArgumentType]
        name = f"{kind.__name__}.{field.name}"
        if field.name not in ("shock", "ergodic") and hasattr(Model, field.name):
            raise UserError(f"{name}: every model has something else of that name; call the parameter otherwise.")
        stands = inspect.getattr_static(kind, field.name, field.default)
        if field.default is dataclasses.MISSING or stands is field.default:
            continue
        if callable(stands) or isinstance(stands, property):
            raise UserError(f"{name}: is a parameter of the class this one derives from; no method can replace it.")
        if not _same(stands, field.default):
            raise UserError(
                f"{name}: write `{field.name}: {_type_name(field.default)} = {stands!r}`; without a type the "
                f"parameter keeps its old value, {field.default!r}."
            )


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _type_name(value: Any) -> str:
    return "tuple" if isinstance(value, tuple) else type(value).__name__


def _in_plain_form(kind: type, initialise: Callable[..., None]) -> Callable[..., None]:
    """Return a dataclass's `__init__` that brings what it is given to plain form first; see `parameters`."""

    @functools.wraps(initialise)
    def wrapped(self: Any, *unnamed: Any, **given: Any) -> None:
        if unnamed:
            raise UserError(f"{kind.__name__}: give parameters by name, like {kind.__name__}(discount=0.9).")
        _check_fields(kind)
        values = given_fields(kind, given)
        try:
            initialise(self, **values)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{kind.__name__}: raised {type(error).__name__}: {first_line(error)}") from error

    return wrapped


def _kinked(model: Model) -> bool:
    """Return whether a set of the model has a multiplier; no, where the model is wrong, which its checks will name."""
    try:
        sets = jax.eval_shape(lambda key: model.policies(model.initial(key)), jax.random.key(0))
        return any(one.multipliers() for one in sets.values())
    except Exception:
        return False


class PolicyFunction(eqx.Module):
    """The solution as a function: state -> policy."""

    network: MLP
    scaling: Scaling
    template: Model = eqx.field(static=True)
    """The model; where some of its numbers are arguments of the programs, all but these."""
    numbers: dict[str, Any] = eqx.field(default_factory=dict)
    """These, by name."""

    @property
    def model(self) -> Any:
        """The model, which is traced where its numbers are."""
        return closed(self.template, self.numbers)

    def __call__(self, state: Any, move: Float[Array, " raw"] | None = None) -> Any:
        """Return the policies in one state, or those of raw numbers moved away from the network's."""
        raw = self.raw(state)
        return assemble(self.model, state, raw if move is None else raw + move)

    def raw(self, state: Any) -> Float[Array, " raw"]:
        """Return the network's numbers in one state, before the feasible sets."""
        outputs = self.network(self.scaling(self.model.features(state)), self.model.shock.index(shock_of(state)))
        sets = list(self.model.policies(state).values())
        ends = list(itertools.accumulate(one.outputs for one in sets))[:-1]
        own = zip(sets, jnp.split(outputs, ends), strict=True)
        return jnp.concatenate([one.raw(part).ravel() for one, part in own])


def assemble(model: Model, state: Any, raw: Float[Array, " raw"]) -> Any:
    """Map a network's raw numbers into the model's feasible sets; return the policies."""
    values: dict[str, Array] = {}
    for name, feasible, own in pieces(model, state, raw):
        values |= feasible.values(name, own)
    return model.Policy(**values)


def pieces(model: Model, state: Any, raw: Float[Array, " raw"]) -> Iterator[tuple[str, FeasibleSet, Array]]:
    """Yield every feasible set of the model with its name and its part of the raw numbers."""
    at = 0
    for name, feasible in model.policies(state).items():
        yield name, feasible, raw[at : at + feasible.size].reshape(feasible.shape)
        at += feasible.size


def expectation(
    policy: Any,
    state: Any,
    decision: Any,
    moves: Float[Array, "nodes raw"] | None = None,
    nodes: tuple[Any, Float[Array, " nodes"]] | None = None,
) -> Expect:
    """Return the conditional expectation operator in a state, given today's decision.

    The policy is a function of the state that knows its `model`: a `PolicyFunction`, or a plan to try a model with.
    `moves` are added to tomorrow's raw numbers, at each node of the shock its own.

    It is a sum over the nodes of the shock, or over those that are given: exact for a Markov chain, a quadrature rule
    for continuous shocks. What does not depend on next period's shock is computed once.
    """
    model = policy.model
    values, probabilities = model.process(state, decision).nodes(shock_of(state)) if nodes is None else nodes

    def expect(function: Callable[..., Any]) -> PyTree[Array]:
        def at(shock: Any, *move: Array) -> PyTree[Array]:
            following = model.transition(state, decision, shock)
            return applied(function, following, policy(following, *move), policy)

        outcomes = jax.vmap(at)(values) if moves is None else jax.vmap(at)(values, moves)
        return jax.tree.map(lambda leaf: jnp.tensordot(probabilities, leaf, axes=1), outcomes)

    return expect


def asks_for_policy(function: Callable[..., Any]) -> bool:
    """Return whether a function of next period's state and policy asks for the policy function as well."""
    try:
        own = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function that does not say what it takes
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional and one.default is inspect.Parameter.empty for one in own) == 3


def applied(function: Callable[..., Any], following: Any, then: Any, policy: Callable[[Any], Any]) -> Any:
    """Return a function's value in next period's state, given the policies there and, where it asks, all others."""
    return function(following, then, policy) if asks_for_policy(function) else function(following, then)


def traced_errors(policy: PolicyFunction, state: Any) -> dict[str, Array]:
    """Return the errors in the equilibrium conditions in one state, traced anew."""
    decision = policy(state)
    return policy.model.errors(state, decision, expectation(policy, state, decision))


equation_errors = eqx.filter_jit(traced_errors)
"""The same; traced once for all programs that use it."""


def estimated_errors(policy: PolicyFunction, state: Any, count: int, *, key: PRNGKeyArray) -> dict[str, Array]:
    """Return two independent estimates of the errors in one state, leading axis 2; each is from about `count` nodes."""
    decision, model = policy(state), policy.model
    values, weights = model.process(state, decision).sampled(shock_of(state), count, key=key)

    def errors(own: Float[Array, " drawn"]) -> dict[str, Array]:
        return model.errors(state, decision, expectation(policy, state, decision, nodes=(values, own)))

    return jax.vmap(errors)(weights)


def component_weights(policy: PolicyFunction, state: Any) -> dict[str, Array]:
    """Return the weights of the components of errors and policies in one state, their mean one, where given.

    Where one is negative or all are zero, they are not numbers.
    """
    given = {name: jnp.asarray(own) for name, own in policy.model.weights(state, policy(state)).items()}
    return {name: jnp.where(jnp.all(own >= 0), own, jnp.nan) / jnp.mean(own) for name, own in given.items()}


def square_counts(policy: PolicyFunction, state: Any) -> dict[str, Array]:
    """Return what the square of every component of an error counts: mostly its weight, and a little all alike."""
    weights = jax.lax.stop_gradient(component_weights(policy, state))
    return {name: ALIKE + (1 - ALIKE) * own for name, own in weights.items()}
