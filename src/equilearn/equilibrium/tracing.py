"""What a model's methods depend on, read off their traces: no number is computed, nothing is compiled.

JAX writes a function down as a list of operations. Two questions are answered by walking along it:

- `influences`: which inputs can an output depend on? An input that reaches no output changes nothing.
- `lookups`: which entries of which arrays are looked up, for every state of a Markov chain? JAX takes the nearest entry
  where there is none, so a table that is too short for the chain gives wrong numbers without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np
from jaxtyping import Int

LARGEST = 100_000
"""Numbers of an array that are followed at most."""


def trace(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what JAX traces of a function: its jaxpr."""
    return jax.make_jaxpr(function)(*arguments)


def _inner(equation: Any) -> Any | None:
    """Return the program that an operation calls with its own inputs; None for an operation that calls none."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        program = equation.params.get(name)
        if program is None or equation.primitive.name in ("scan", "while"):
            continue
        closed = program if hasattr(program, "consts") else jex.ClosedJaxpr(program, ())
        if len(closed.jaxpr.invars) == len(equation.invars):
            return closed
    return None


def influences(program: Any) -> list[frozenset[int]]:
    """Return, for every output of a traced function, the inputs (by number) that it can depend on."""
    return _spread(program.jaxpr, [frozenset([i]) for i in range(len(program.jaxpr.invars))])


def _spread(jaxpr: Any, inputs: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    nothing: frozenset[int] = frozenset()
    known: dict[Any, frozenset[int]] = dict(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> frozenset[int]:
        return nothing if isinstance(atom, jex.Literal) else known.get(atom, nothing)

    for equation in jaxpr.eqns:
        given = [read(atom) for atom in equation.invars]
        inner = _inner(equation)
        together = [nothing.union(*given)] * len(equation.outvars)
        results = together if inner is None else _spread(inner.jaxpr, given)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def passed_on(program: Any, output: int) -> int | None:
    """Return the number of the input that an output simply is; None where something is done to it."""
    atom = program.jaxpr.outvars[output]
    inputs = list(program.jaxpr.invars)
    return None if isinstance(atom, jex.Literal) or atom not in inputs else inputs.index(atom)


@dataclass(frozen=True)
class Lookup:
    """One place where an array is looked up at positions that follow from the chain's state alone."""

    array: np.ndarray | None
    """The array; None where its entries depend on other things."""
    size: int
    """Its entries along the axis looked up."""
    positions: Int[np.ndarray, " positions"]
    """All that are looked up, over all states of the chain."""


def lookups(program: Any, known: dict[int, Any]) -> list[Lookup]:
    """Return the look-ups of a traced function at positions that follow from some of its inputs.

    Args:
        program: what `trace` returned.
        known: the values of inputs, by number.
    """
    values = [known.get(i) for i in range(len(program.jaxpr.invars))]
    found: list[Lookup] = []
    _walk(program.jaxpr, program.consts, values, found)
    return found


def _walk(jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Any], found: list[Lookup]) -> list[Any]:
    """Compute what can be computed of whole numbers; note the look-ups; return the outputs, None where unknown."""
    env: dict[Any, Any] = dict(zip(jaxpr.invars, inputs, strict=True))
    env.update((var, np.asarray(value)) for var, value in zip(jaxpr.constvars, constants, strict=True))
    clamped: dict[Any, tuple[Any, int]] = {}

    def read(atom: Any) -> Any:
        return np.asarray(atom.val) if isinstance(atom, jex.Literal) else env.get(atom)

    for equation in jaxpr.eqns:
        given = [read(atom) for atom in equation.invars]
        found += _lookups_of(equation, given)
        name = equation.primitive.name
        if name == "clamp" and given[1] is not None and given[2] is not None and np.size(given[2]) == 1:
            clamped[equation.outvars[0]] = (given[1], int(given[2]) + 1)
        if name in ("select_n", "cond") and (choice := clamped.get(equation.invars[0])) is not None:
            found.append(Lookup(None, choice[1], np.unique(choice[0])))
        env.update(zip(equation.outvars, _outputs(equation, given, found), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _outputs(equation: Any, given: list[Any], found: list[Lookup]) -> list[Any]:
    """Return an operation's results, None where unknown."""
    unknown = [None] * len(equation.outvars)
    if (inner := _inner(equation)) is not None:
        return _walk(inner.jaxpr, inner.consts, given, found)
    for body, arguments in _bodies(equation, given):
        _walk(body.jaxpr, body.consts, arguments, found)
    whole = all(
        np.issubdtype(var.aval.dtype, np.integer) or var.aval.dtype == bool for var in equation.outvars
    ) and all(var.aval.size <= LARGEST for var in equation.outvars)
    if not whole or equation.primitive.multiple_results or list(_bodies(equation, given)):
        return unknown
    if equation.primitive.name == "concatenate" and not all(one is None for one in given):
        return [_concatenated(equation, given)]
    if any(one is None or np.ma.isMaskedArray(one) for one in given):
        return unknown
    return [np.asarray(equation.primitive.bind(*given, **equation.params))]


def _concatenated(equation: Any, given: list[Any]) -> Any:
    """Return arrays put together, those that are not known masked."""
    parts = [
        np.ma.masked_all(var.aval.shape, var.aval.dtype) if value is None else np.ma.asarray(value)
        for var, value in zip(equation.invars, given, strict=True)
    ]
    together = np.ma.concatenate(parts, axis=equation.params["dimension"])
    return together if np.ma.is_masked(together) else together.data


def _bodies(equation: Any, given: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the programs that a loop or a branch runs, with what is known of their inputs."""
    params = equation.params
    if equation.primitive.name == "scan":
        inside = len(params["jaxpr"].jaxpr.invars)
        yield params["jaxpr"], [*given[: params["num_consts"]], *[None] * (inside - params["num_consts"])]
    elif equation.primitive.name == "while":
        first, second = params["cond_nconsts"], params["body_nconsts"]
        body = params["body_jaxpr"]
        yield body, [*given[first : first + second], *[None] * (len(body.jaxpr.invars) - second)]
    elif equation.primitive.name == "cond":
        for branch in params["branches"]:
            yield branch, given[1:]


def _lookups_of(equation: Any, given: list[Any]) -> list[Lookup]:
    """Return the look-ups of one operation, one for each axis whose positions are known."""
    sizes = equation.invars[0].aval.shape if equation.invars else ()
    if equation.primitive.name == "gather" and given[1] is not None:
        axes = equation.params["dimension_numbers"].start_index_map
        columns = [given[1][..., i] for i in range(len(axes))]
    elif equation.primitive.name == "dynamic_slice":
        axes, columns = range(len(given) - 1), given[1:]
    else:
        return []
    found = []
    for axis, column in zip(axes, columns, strict=True):
        if column is None or np.ma.is_masked(column) or equation.params["slice_sizes"][axis] != 1:
            continue
        found.append(Lookup(given[0], sizes[axis], np.unique(np.asarray(column))))
    return found
