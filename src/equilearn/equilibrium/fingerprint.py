"""The fingerprint of a model's equations: whether they still are those that a run or a solution was made with.

What JAX traces of features, feasible sets, law of motion, expectations and errors in one state, as text. A file of a
model may change while its class keeps its name and its parameters their values; the fingerprint then tells.
"""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from equilearn.equilibrium.model import Model, PolicyFunction, component_weights, equation_errors
from equilearn.errors import UserError
from equilearn.learn.identity import fingerprint, precision
from equilearn.networks import MLP, Scaling
from equilearn.networks.mlp import lecun


def equations_of(model: Model) -> str:
    """Return the fingerprint of a model's equations, in the present precision.

    Raises:
        UserError: the model's methods raise.
    """
    try:
        return _equations_of(model, precision())
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise UserError(f"{model.name}: its equations raise {type(error).__name__}: {reason}") from error


@functools.lru_cache(maxsize=16)
def _equations_of(model: Model, precision: str) -> str:
    del precision
    state = jax.eval_shape(model.initial, jax.random.key(0))
    features = jax.eval_shape(model.features, state).shape[0]
    outputs = sum(one.outputs for one in jax.eval_shape(model.policies, state).values())

    def errors(weights: Any, state: Any) -> Any:
        network = MLP((features, outputs), initialiser=lecun, heads=model.shock.states, key=jax.random.key(0))
        network = eqx.tree_at(lambda n: n.weights, network, weights)
        policy = PolicyFunction(network, Scaling(jnp.zeros(features), jnp.ones(features)), model)
        counted = {f"weights of {name}": own for name, own in component_weights(policy, state).items()}
        return equation_errors(policy, state) | counted

    weights = (jax.ShapeDtypeStruct((features, outputs * model.shock.states), jnp.zeros(()).dtype),)
    return fingerprint(errors, weights, state)
