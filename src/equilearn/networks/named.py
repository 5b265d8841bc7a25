"""Activations and initialisers by name, so that a network can be asked for, and stored, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from equilearn.errors import UserError
from equilearn.networks.mlp import Activation, Initialiser

ACTIVATIONS: dict[str, Activation] = {
    "elu": jax.nn.elu,
    "gelu": jax.nn.gelu,
    "leaky_relu": jax.nn.leaky_relu,
    "linear": jax.nn.identity,
    "relu": jax.nn.relu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "swish": jax.nn.swish,
    "tanh": jnp.tanh,
}
INITIALISERS: dict[str, Initialiser] = {
    "glorot": jax.nn.initializers.glorot_uniform(),
    "he": jax.nn.initializers.he_normal(),
    "lecun": jax.nn.initializers.lecun_normal(),
    "orthogonal": jax.nn.initializers.orthogonal(),
}


def named(what: str, choice: Any, table: Mapping[str, Callable[..., Any]]) -> Any:
    """Return a function given by its name in a table (in any case), or the function itself.

    Raises:
        UserError: there is no such name, or the choice is no function; the message begins with `what`.
    """
    if isinstance(choice, str):
        found = table.get(choice.lower())
        if found is None:
            raise UserError(f"{what}: there is no {choice!r}; there are {', '.join(table)}, or give a function.")
        return found
    if not callable(choice):
        raise UserError(f"{what}: must be one of {', '.join(table)}, or a function, not {choice!r}.")
    return choice


def activation_of(choice: Any) -> Activation:
    """Return an activation by its name, or the function itself once it is seen to map arrays element by element.

    Raises:
        UserError: there is no such name, or the function fails, or gives another shape or no real numbers.
    """
    function = named("activation", choice, ACTIVATIONS)
    given = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    try:
        made = jax.eval_shape(function, given)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"activation: cannot be applied to an array of floats ({reason}).") from None
    if getattr(made, "shape", None) != given.shape or not jnp.issubdtype(made.dtype, jnp.floating):
        raise UserError("activation: must map an array of floats to one of the same shape, element by element.")
    return function


def name_of(activation: Activation) -> str | None:
    """Return the name of an activation; None where it is a function of one's own."""
    return next((name for name, function in ACTIVATIONS.items() if function is activation), None)
