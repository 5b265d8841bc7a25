"""The compiled calls of the loop, kept by all that they depend on: other seeds of a problem are not compiled again."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import equilearn.learn.devices as devices
from equilearn.compiling import compiled
from equilearn.errors import UserError
from equilearn.learn.episode import Call, compiled_call, host_call
from equilearn.learn.problem import Problem
from equilearn.learn.settings import LearnSettings
from equilearn.learn.state import LearnState

KEPT_PROGRAMS = 4
_programs: dict[Any, Call] = {}


def program_for(
    problem: Problem, state: LearnState, optimizer: optax.GradientTransformation, settings: LearnSettings
) -> Call:
    """Return the call, compiled ahead, so that nothing can recompile during the run.

    Raises:
        UserError: an environment on the host is to be split over processes.
    """
    extra = optax.with_extra_args_support(optimizer)
    if problem.generates_on_host:
        if not devices.alone():
            raise UserError("an environment that steps on the host cannot be split over several processes.")
        return host_call(extra, settings)
    key = (optimizer, settings, *_signature((problem, state)))
    if key not in _programs:
        program = compiled(compiled_call(extra, settings))
        if len(_programs) >= KEPT_PROGRAMS:
            _programs.pop(next(iter(_programs)))
        until = devices.everywhere(jnp.int32(0))
        with devices.splitting():
            _programs[key] = program.lower(problem, state, until).compile()
    return _programs[key]


def _signature(tree: Any) -> Any:
    """Return what a compiled call depends on: shapes and types of arrays, and everything that is no array."""
    arrays, rest = eqx.partition(tree, lambda leaf: isinstance(leaf, (jax.Array, np.ndarray)))
    kinds = tuple(jax.typeof(leaf) for leaf in jax.tree.leaves(arrays))
    return kinds, jax.tree.structure(arrays), tuple(jax.tree.leaves(rest)), jax.tree.structure(rest)
