"""How programs are compiled on a CPU: most of a short command is compilation, not work.

XLA's fusion emitters take longer to compile than what they replaced, and what they make runs a third faster and more:
they are for programs that run long. A program that runs once is compiled without them, and at the first level of
optimisation (`python -m benchmarks compiling`).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[..., Any], *, once: bool = False) -> Any:
    """Return `equinox.filter_jit` of a function, by the options for a program that runs long or that runs once.

    What is compiled with options cannot be called while something else is traced.
    """
    jit: Any = eqx.filter_jit
    return jit(function, compiler_options=options_for(once))


def compiled_once(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of arrays and other values that a command calls once or twice, and nothing traces."""

    @functools.cache
    def program() -> Any:
        return compiled(function, once=True)

    @functools.wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        return program()(*arguments, **named)

    return call


def in_batches(function: Callable[[Any], R], inputs: Any, most: int, *, whole: bool = False) -> R:
    """Return `jax.vmap(function)(inputs)`, computed for at most so many at once, one batch after the other.

    All batches are about equally full, for `jax.lax.map` traces and compiles a last, smaller one apart.

    Args:
        function: of one element of the inputs.
        inputs: arrays with one leading axis.
        most: elements of a batch.
        whole: the function takes a whole batch, with its leading axis.
    """
    total = jax.tree.leaves(inputs)[0].shape[0]
    batches = max(-(-total // most), 1)
    size = -(-total // batches)
    places = jnp.minimum(jnp.arange(batches * size), total - 1).reshape(batches, size)
    found = jax.lax.map(function if whole else jax.vmap(function), jax.tree.map(lambda leaf: leaf[places], inputs))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:total], found)


@functools.cache
def options_for(once: bool) -> dict[str, Any]:
    """Return XLA's options for what runs once, on a CPU; those that this version of XLA knows."""
    known = {}
    if not once or jax.default_backend() != "cpu":
        return known
    for name, value in (("xla_backend_optimization_level", 1), ("xla_cpu_use_fusion_emitters", False)):
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
            known[name] = value
    return known
