"""JAX programs in JavaScript: what `jax.make_jaxpr` traces of a function, written as loops over typed arrays.

Every shape is known when a program is traced, so all that only moves numbers (broadcasting, transposing, slicing,
concatenating) becomes a table of places, and what is left is arithmetic: element by element, products of matrices,
reductions, loops. An array is flat, of the type it has in Python, so that single precision rounds as it does there.

    v7 = tanh(v6)   ->   for (let i = 0; i < 96; i++) v7[i] = Math.tanh(v6[i]);

What depends on constants alone is computed once, when the page opens.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from equilearn.report.operations import OPERATIONS, RUNTIME, TranslationError

ARRAYS = {
    "float32": "Float32Array", "float64": "Float64Array", "int32": "Int32Array", "uint32": "Uint32Array",
    "int64": "Float64Array", "bool": "Uint8Array",
}  # fmt: skip
"""JavaScript's array for every type there may be; a Float64Array holds whole numbers below 2^53 exactly."""
FEW = 8
"""So many numbers are written out; more are in base 64."""


@dataclass(frozen=True)
class _Array:
    """An array of a program: its name in JavaScript, or its numbers where they are known beforehand."""

    shape: tuple[int, ...]
    dtype: str
    name: str
    fixed: bool
    known: np.ndarray | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def translate(function: Callable[..., Any], *arguments: Any) -> str:
    """Return a JavaScript expression: a function from a list of arrays to a list of arrays.

    Args:
        function: of arrays, to any tree of arrays; inputs and outputs of the translation are the leaves, flat.
        arguments: arrays, or what `jax.ShapeDtypeStruct` says of them.

    Raises:
        TranslationError: something in the function has no translation; the message names it.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    writer = _Writer()
    inputs = [writer.new(variable.aval) for variable in closed.jaxpr.invars]
    outputs = writer.block(closed.jaxpr, [writer.constant(one) for one in closed.consts], inputs)
    reads = "".join(f"{one.name}.set(given[{i}]);" for i, one in enumerate(inputs))
    returned = ",".join(f"{writer.name(one)}.slice()" for one in outputs)
    lines = [*writer.constants, *writer.buffers, *writer.setup, "return given => {", reads, *writer.lines]
    return "(() => {" + RUNTIME + "\n".join(lines) + f"\nreturn [{returned}];\n}};\n}})()"


class _Writer:
    """Lines of JavaScript as they are written: constants, buffers, what is done once, what is done every time."""

    def __init__(self) -> None:
        self.constants: list[str] = []
        self.buffers: list[str] = []
        self.setup: list[str] = []
        self.lines: list[str] = []
        self._names: dict[tuple[str, bytes], str] = {}

    def new(self, aval: Any, shape: Sequence[int] | None = None, *, fixed: bool = False) -> _Array:
        """Return a new buffer of an abstract value's type."""
        kind = _kind(aval.dtype)
        own = tuple(aval.shape if shape is None else shape)
        name = f"v{len(self.buffers)}"
        self.buffers.append(f"const {name}=new {ARRAYS[kind]}({math.prod(own)});")
        return _Array(own, kind, name, fixed)

    def constant(self, value: Any) -> _Array:
        """Return an array whose numbers are known."""
        numbers = np.asarray(value)
        return _Array(numbers.shape, _kind(numbers.dtype), "", True, numbers)

    def name(self, one: _Array) -> str:
        """Return the name of an array; a constant is written down when it is first needed."""
        if one.known is None:
            return one.name
        kind = ARRAYS[one.dtype]
        flat = np.ravel(one.known).astype("float64" if one.dtype == "int64" else one.dtype)
        key = (kind, flat.tobytes())
        if key not in self._names:
            self._names[key] = name = f"c{len(self._names)}"
            small = f"{kind}.of({','.join(map(_number, flat))})"
            big = f'decode("{base64.b64encode(flat.tobytes()).decode()}",{kind})'
            self.constants.append(f"const {name}={small if flat.size <= FEW else big};")
        return self._names[key]

    def at(self, one: _Array, index: str) -> str:
        """Return how an element is read; a single number stands for all."""
        if one.size != 1:
            return f"{self.name(one)}[{index}]"
        return f"{one.name}[0]" if one.known is None else _number(one.known.item())

    def do(self, line: str, *used: _Array) -> None:
        """Write a line where it belongs: done once if all that it uses is fixed."""
        (self.setup if all(one.fixed for one in used) else self.lines).append(line)

    def take(self, one: _Array, places: np.ndarray) -> _Array:
        """Return the array whose elements are those at the given places of another's."""
        if one.known is not None:
            return self.constant(np.ravel(one.known)[places])
        flat = places.ravel()
        if flat.size == one.size and np.array_equal(flat, np.arange(flat.size)):
            return _Array(places.shape, one.dtype, one.name, one.fixed)
        out = self.new(np.empty(0, one.dtype), places.shape, fixed=one.fixed)
        if flat.size and np.array_equal(flat, flat[0] + np.arange(flat.size)):
            self.do(f"{out.name}.set({one.name}.subarray({flat[0]},{flat[-1] + 1}));", one)
        elif flat.size and np.all(flat == flat[0]):
            self.do(f"{out.name}.fill({one.name}[{flat[0]}]);", one)
        else:
            table = self.name(self.constant(flat.astype(np.int32)))
            self.do(f"for(let i=0;i<{flat.size};i++){out.name}[i]={one.name}[{table}[i]];", one)
        return out

    def join(self, parts: Sequence[_Array]) -> _Array:
        """Return the elements of arrays one after another."""
        if len(parts) == 1:
            return parts[0]
        if all(one.known is not None for one in parts):
            return self.constant(np.concatenate([np.ravel(one.known) for one in parts]))  # pyright: ignore
        out = self.new(np.empty(0, parts[0].dtype), (sum(p.size for p in parts),), fixed=all(p.fixed for p in parts))
        at = 0
        for one in parts:
            if one.size:
                self.do(f"{out.name}.set({self.name(one)},{at});", *parts)
            at += one.size
        return out

    def each(self, aval: Any, used: Sequence[_Array], text: str) -> _Array:
        """Return an array computed element by element; the text has {0}, {1}, ... for the arrays used."""
        out = self.new(aval, fixed=all(one.fixed for one in used))
        used, one = [self._wide(each, out.shape) for each in used], out.size == 1
        line = f"{out.name}[{0 if one else 'i'}]=" + text.format(*(self.at(each, "i") for each in used)) + ";"
        self.do(line if one else f"for(let i=0;i<{out.size};i++){line}", *used)
        return out

    def _wide(self, one: _Array, shape: tuple[int, ...]) -> _Array:
        """Return an array that is as large as others that it is computed with; a single number stays one."""
        if one.size == 1 or one.shape == shape:
            return one
        return self.take(one, np.broadcast_to(np.arange(one.size).reshape(one.shape), shape))

    def block(self, jaxpr: Any, constants: Sequence[_Array], inputs: Sequence[_Array]) -> list[_Array]:
        """Write a program's equations; return its outputs."""
        known: dict[Any, _Array] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *inputs], strict=True))

        def read(variable: Any) -> _Array:
            return self.constant(variable.val) if isinstance(variable, Literal) else known[variable]

        for equation in jaxpr.eqns:
            made = self.equation(equation, [read(variable) for variable in equation.invars])
            known |= zip(equation.outvars, made, strict=True)
        return [read(variable) for variable in jaxpr.outvars]

    def inner(self, program: Any, inputs: Sequence[_Array]) -> list[_Array]:
        """Write a program within this one."""
        if not hasattr(program, "consts"):
            return self.block(program, [], inputs)
        return self.block(program.jaxpr, [self.constant(one) for one in program.consts], inputs)

    def equation(self, equation: Any, used: list[_Array]) -> list[_Array]:
        """Write one equation; return what it gives."""
        name = equation.primitive.name.replace("-", "_")
        if name in OPERATIONS:
            return OPERATIONS[name](self, used, [variable.aval for variable in equation.outvars], equation.params)
        for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
            if key in equation.params:
                return self.inner(equation.params[key], used)
        raise TranslationError(f"the operation `{equation.primitive.name}` has no translation to JavaScript")


def _kind(dtype: Any) -> str:
    kind = str(dtype)
    if kind not in ARRAYS:
        raise TranslationError(f"numbers of type {kind} have no translation to JavaScript")
    return kind


def _number(value: Any) -> str:
    """Return a number as JavaScript writes it."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "(-Infinity)" if number < 0 else "Infinity"
    text = json.dumps(int(number) if number == int(number) and abs(number) < 1e15 else number)
    return f"({text})" if number < 0 else text
