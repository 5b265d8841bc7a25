"""How single operations of JAX are written in JavaScript: a table from their names to functions that write them.

Each gets the writer (see `javascript.py`), the arrays that the operation uses, the abstract values of what it gives,
and its parameters; it returns the arrays that it gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

ELEMENTWISE = {
    "add": "{0}+{1}", "add_any": "{0}+{1}", "sub": "{0}-{1}", "mul": "{0}*{1}", "neg": "-{0}", "rem": "{0}%{1}",
    "max": "Math.max({0},{1})", "min": "Math.min({0},{1})", "pow": "Math.pow({0},{1})", "square": "{0}*{0}",
    "atan2": "Math.atan2({0},{1})", "clamp": "Math.min(Math.max({1},{0}),{2})", "rsqrt": "1/Math.sqrt({0})",
    "exp2": "Math.pow(2,{0})", "logistic": "1/(1+Math.exp(-{0}))", "is_finite": "Number.isFinite({0})",
    "eq": "{0}==={1}", "ne": "{0}!=={1}", "lt": "{0}<{1}", "le": "{0}<={1}", "gt": "{0}>{1}", "ge": "{0}>={1}",
    "lt_to": "{0}<{1}", "le_to": "{0}<={1}", "and": "{0}&{1}", "or": "{0}|{1}", "xor": "{0}^{1}",
    **{name: f"Math.{name}({{0}})" for name in (
        "abs", "sqrt", "cbrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
        "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "sign")},
}  # fmt: skip
"""What is done element by element; {0}, {1}, ... are the elements of the arrays used."""
RUNNING = {
    "sum": ("0", "s+{0}"), "prod": ("1", "s*{0}"), "max": ("-Infinity", "Math.max(s,{0})"), "and": ("1", "s&{0}"),
    "min": ("Infinity", "Math.min(s,{0})"), "or": ("0", "s|{0}"),
}  # fmt: skip
"""Reductions: where a running number s starts, and how it goes on with {0}."""
SAME = ("stop_gradient", "copy", "copy_p", "reduce_precision", "optimization_barrier", "pvary")
SCATTERS = {"scatter": "=", "scatter_add": "+=", "scatter_sub": "-=", "scatter_mul": "*="}
RUNTIME = """
const decode = (text, kind) => new kind(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const even = x => { const y = Math.round(x); return Math.abs(x % 1) === 0.5 && y % 2 !== 0 ? y - 1 : y; };
const place = (index, from, strides, tops, clips) => {
  let sum = 0;
  for (let k = 0; k < strides.length; k++) {
    let at = index[from + k];
    if (clips) at = Math.min(Math.max(at, 0), tops[k]);
    else if (at < 0 || at > tops[k]) return -1;
    sum += at * strides[k];
  }
  return sum;
};
"""
"""What programs call; `place` is where a slice begins that is chosen while the program runs, -1 if outside."""


class TranslationError(Exception):
    """A program holds an operation that has no translation."""


def _each(w: Any, used: Any, outputs: Any, p: Any, *, text: str) -> list[Any]:
    return [w.each(outputs[0], used, text)]


def _same(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    return list(used)


def _division(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    real = np.issubdtype(outputs[0].dtype, np.floating)
    return [w.each(outputs[0], used, "{0}/{1}" if real else "Math.trunc({0}/{1})")]


def _not(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    return [w.each(outputs[0], used, "1-{0}" if outputs[0].dtype == bool else "~{0}")]


def _integer_power(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    return [w.each(outputs[0], used, f"Math.pow({{0}},{p['y']})")]


def _converted(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    new = np.dtype(p["new_dtype"])
    if str(new) == used[0].dtype:
        return list(used)
    texts = {"b": "{0}!==0", "i": "Math.trunc({0})", "u": "Math.trunc({0})"}
    return [w.each(outputs[0], used, texts.get(new.kind, "{0}"))]


def _rounded(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    away = int(p["rounding_method"]) == 0
    return [w.each(outputs[0], used, "Math.sign({0})*Math.floor(Math.abs({0})+0.5)" if away else "even({0})")]


def _selected(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    if len(used) == 3:
        return [w.each(outputs[0], used, "{0}?{2}:{1}")]
    cases = ",".join(f"{{{i}}}" for i in range(1, len(used)))
    return [w.each(outputs[0], used, f"[{cases}][{{0}}]")]


def _iota(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    return [w.constant(np.indices(p["shape"])[p["dimension"]].astype(p["dtype"]))]


def _moved(w: Any, used: Any, outputs: Any, p: Any, *, how: Callable[..., Any]) -> list[Any]:
    """Write what moves numbers alone: `how` does to their places what the operation does to them."""
    ends = np.cumsum([one.size for one in used])
    places = [np.arange(end - one.size, end).reshape(one.shape) for one, end in zip(used, ends, strict=True)]
    moved = how(p, outputs, *places)
    joined = w.join(used)
    return [w.take(joined, one) for one in (moved if isinstance(moved, list) else [moved])]


def _broadcast(p: Any, outputs: Any, x: np.ndarray) -> np.ndarray:
    shape = np.ones(len(p["shape"]), int)
    shape[list(p["broadcast_dimensions"])] = x.shape
    return np.broadcast_to(x.reshape(shape), p["shape"])


def _sliced(p: Any, outputs: Any, x: np.ndarray) -> np.ndarray:
    steps = p["strides"] or [1] * x.ndim
    return x[tuple(slice(a, b, s) for a, b, s in zip(p["start_indices"], p["limit_indices"], steps, strict=True))]


def _padded(p: Any, outputs: Any, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    for axis, (low, high, inner) in enumerate(p["padding_config"]):
        x = np.moveaxis(x, axis, 0)
        wide = np.full((max(0, len(x) + inner * (len(x) - 1)), *x.shape[1:]), value)
        wide[:: inner + 1] = x
        wide = np.concatenate([np.full((max(low, 0), *x.shape[1:]), value), wide[max(-low, 0) :]])
        wide = np.concatenate([wide, np.full((max(high, 0), *x.shape[1:]), value)])[: len(wide) + high]
        x = np.moveaxis(wide, 0, axis)
    return x


MOVES: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": lambda p, outputs, x: x.reshape(outputs[0].shape),
    "squeeze": lambda p, outputs, x: x.reshape(outputs[0].shape),
    "expand_dims": lambda p, outputs, x: x.reshape(outputs[0].shape),
    "transpose": lambda p, outputs, x: x.transpose(p["permutation"]),
    "rev": lambda p, outputs, x: np.flip(x, p["dimensions"]),
    "slice": _sliced,
    "tile": lambda p, outputs, x: np.tile(x, p["reps"]),
    "concatenate": lambda p, outputs, *parts: np.concatenate(parts, p["dimension"]),
    "stack": lambda p, outputs, *parts: np.stack(parts, p["axis"]),
    "split": lambda p, outputs, x: np.split(x, np.cumsum(p["sizes"])[:-1], p["axis"]),
    "pad": _padded,
}


def _rows(w: Any, one: Any, axes: Sequence[int], *, flip: bool = False) -> tuple[Any, np.ndarray]:
    """Return an array with some axes merged into a last one, and the places from which its numbers come."""
    places = np.arange(one.size).reshape(one.shape)
    kept = [axis for axis in range(places.ndim) if axis not in axes]
    rows = places.transpose([*kept, *axes]).reshape(*(one.shape[axis] for axis in kept), -1)
    rows = rows[..., ::-1] if flip else rows
    return w.take(one, rows), rows


def _reduced(w: Any, used: Any, outputs: Any, p: Any, *, kind: str) -> list[Any]:
    start, on = RUNNING[kind]
    rows, _ = _rows(w, used[0], p["axes"])
    out, length = w.new(outputs[0], fixed=rows.fixed), rows.shape[-1]
    step = on.format(w.at(rows, f"r*{length}+k"))
    w.do(
        f"for(let r=0;r<{out.size};r++){{let s={start};for(let k=0;k<{length};k++)s={step};{out.name}[r]=s;}}",
        rows,
    )
    return [out]


def _cumulated(w: Any, used: Any, outputs: Any, p: Any, *, kind: str) -> list[Any]:
    start, on = RUNNING[kind]
    rows, places = _rows(w, used[0], [p["axis"]], flip=p["reverse"])
    out, length = w.new(outputs[0], places.shape, fixed=rows.fixed), rows.shape[-1]
    step = on.format(w.at(rows, f"r*{length}+k"))
    loop = f"for(let k=0;k<{length};k++){{s={step};{out.name}[r*{length}+k]=s;}}"
    w.do(f"for(let r=0;r<{out.size // length};r++){{let s={start};{loop}}}", rows)
    return [w.take(out, np.argsort(places.ravel()).reshape(used[0].shape))]


def _furthest(w: Any, used: Any, outputs: Any, p: Any, *, sign: str) -> list[Any]:
    rows, _ = _rows(w, used[0], p["axes"])
    out, length = w.new(outputs[0], fixed=rows.fixed), rows.shape[-1]
    better = f"{w.at(rows, f'r*{length}+k')}{sign}{w.at(rows, f'r*{length}+b')}"
    loop = f"for(let k=1;k<{length};k++)if({better})b=k;"
    w.do(f"for(let r=0;r<{out.size};r++){{let b=0;{loop}{out.name}[r]=b;}}", rows)
    return [out]


def _sorted(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    rows = [_rows(w, one, [p["dimension"]]) for one in used]
    places, fixed, length = rows[0][1], all(one.fixed for one in used), rows[0][0].shape[-1]
    out = [w.new(one, places.shape, fixed=fixed) for one in outputs]
    names = [w.name(one) for one, _ in rows]
    keys = "||".join(f"{name}[r*{length}+i]-{name}[r*{length}+j]" for name in names[: p["num_keys"]])
    copies = "".join(f"{to.name}[r*{length}+k]={name}[r*{length}+o[k]];" for to, name in zip(out, names, strict=True))
    w.do(
        f"for(let r=0;r<{out[0].size // length};r++){{const o=[...Array({length}).keys()].sort((i,j)=>{keys}||i-j);"
        f"for(let k=0;k<{length};k++){{{copies}}}}}",
        *used,
    )
    back = np.argsort(places.ravel()).reshape(used[0].shape)
    return [w.take(one, back) for one in out]


def _product(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    """Write a product as rows times rows: axes that both keep first, then each one's own, then what is summed over."""
    contracted, kept = p["dimension_numbers"]
    flat = []
    for one, summed, both in zip(used, contracted, kept, strict=True):
        own = [axis for axis in range(len(one.shape)) if axis not in (*summed, *both)]
        places = np.arange(one.size).reshape(one.shape).transpose([*both, *own, *summed])
        sizes = [math.prod(one.shape[axis] for axis in axes) for axes in (both, own, summed)]
        flat.append(w.take(one, places.reshape(sizes)))
    (a, b), ((batches, m, length), (_, n, _)) = flat, (one.shape for one in flat)
    out = w.new(outputs[0], fixed=a.fixed and b.fixed)
    w.do(
        f"for(let g=0;g<{batches};g++)for(let m=0;m<{m};m++)for(let n=0;n<{n};n++){{"
        f"let s=0;const x=(g*{m}+m)*{length},y=(g*{n}+n)*{length};"
        f"for(let k=0;k<{length};k++)s+={w.at(a, 'x+k')}*{w.at(b, 'y+k')};{out.name}[(g*{m}+m)*{n}+n]=s;}}",
        a, b,
    )  # fmt: skip
    return [out]


def _strides(shape: Sequence[int]) -> np.ndarray:
    return np.asarray([math.prod(shape[i + 1 :]) for i in range(len(shape))], int)


def _window(
    shape: Sequence[Any],
    window: Sequence[Any],
    inside: Sequence[Any],
    gone: Sequence[Any],
    mapped: Sequence[Any],
    sizes: Sequence[Any],
    batched: tuple[Sequence[Any], Sequence[Any]],
) -> tuple[np.ndarray, np.ndarray, list[int], list[int]]:
    """Return where in an operand the elements of slices are, whose beginnings are chosen while the program runs.

    Args:
        shape: of the operand.
        window: shape of the slices' array.
        inside: its axes that run inside a slice.
        gone: axes of the operand that slices do not have.
        mapped: axes of the operand in which beginnings are given.
        sizes: of a slice along every axis of the operand.
        batched: axes of the operand, and of the indices, that run side by side.

    Returns:
        For every element its place inside its slice and the number of the slice; the strides of the given axes, and
        the largest beginnings.
    """
    strides, coordinates = _strides(shape), np.indices(window)
    outside = [axis for axis in range(len(window)) if axis not in inside]
    left = [axis for axis in range(len(shape)) if axis not in (*gone, *batched[0])]
    offset = np.zeros(window, int)
    for axis, own in zip(inside, left, strict=True):
        offset += coordinates[axis] * strides[own]
    for own, axis in zip(*batched, strict=True):
        offset += coordinates[outside[axis]] * strides[own]
    number = np.zeros(window, int)
    for axis in outside:
        number = number * window[axis] + coordinates[axis]
    return offset, number, [int(strides[axis]) for axis in mapped], [int(shape[axis] - sizes[axis]) for axis in mapped]


def _slices(
    w: Any, operand: Any, indices: Any, window: Any, clips: bool, fill: str, aval: Any, update: tuple[Any, str] | None
) -> list[Any]:
    """Write reading slices, or writing them where an update with its sign is given."""
    offset, number, strides, tops = window
    places, numbers = w.constant(offset.astype(np.int32)), w.constant(number.astype(np.int32))
    used = (operand, indices) if update is None else (operand, indices, update[0])
    out = w.new(aval, fixed=all(one.fixed for one in used))
    begin = f"place({w.name(indices)},{w.at(numbers, 'i')}*{len(strides)},{strides},{tops},{str(clips).lower()})"
    at, loop = w.at(places, "i"), f"for(let i=0;i<{offset.size};i++){{const p={begin};"
    if update is None:
        w.do(f"{loop}{out.name}[i]=p<0?{fill}:{w.name(operand)}[p+{at}];}}", *used)
    else:
        w.do(f"{out.name}.set({w.name(operand)});{loop}if(p>=0){out.name}[p+{at}]{update[1]}{w.at(update[0], 'i')};}}",
             *used)  # fmt: skip
    return [out]


def _clips(mode: Any) -> bool:
    return "FILL" not in str(getattr(mode, "name", mode))


def _gathered(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    d, operand = p["dimension_numbers"], used[0]
    window = _window(
        operand.shape, outputs[0].shape, d.offset_dims, d.collapsed_slice_dims, d.start_index_map, p["slice_sizes"],
        (d.operand_batching_dims, d.start_indices_batching_dims),
    )  # fmt: skip
    usual = "NaN" if np.issubdtype(outputs[0].dtype, np.floating) else "0"
    fill = usual if p["fill_value"] is None else w.at(w.constant(np.asarray(p["fill_value"])), "0")
    return _slices(w, operand, used[1], window, _clips(p["mode"]), fill, outputs[0], None)


def _scattered(w: Any, used: Any, outputs: Any, p: Any, *, sign: str) -> list[Any]:
    d, (operand, indices, update) = p["dimension_numbers"], used
    inside = [update.shape[axis] for axis in d.update_window_dims]
    gone = (*d.inserted_window_dims, *d.operand_batching_dims)
    sizes = [1 if axis in gone else inside.pop(0) for axis in range(len(operand.shape))]
    window = _window(
        operand.shape, update.shape, d.update_window_dims, d.inserted_window_dims, d.scatter_dims_to_operand_dims,
        sizes, (d.operand_batching_dims, d.scatter_indices_batching_dims),
    )  # fmt: skip
    return _slices(w, operand, indices, window, _clips(p["mode"]), "0", outputs[0], (update, sign))


def _dynamic_slice(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    operand, axes = used[0], range(len(used[0].shape))
    window = _window(operand.shape, outputs[0].shape, axes, (), axes, p["slice_sizes"], ((), ()))
    return _slices(w, operand, w.join(used[1:]), window, True, "0", outputs[0], None)


def _dynamic_update(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    operand, update, axes = used[0], used[1], range(len(used[0].shape))
    window = _window(operand.shape, update.shape, axes, (), axes, update.shape, ((), ()))
    return _slices(w, operand, w.join(used[2:]), window, True, "0", outputs[0], (update, "="))


def _carried(w: Any, first: Sequence[Any]) -> list[Any]:
    """Write buffers for what a loop carries, which begin with given numbers."""
    carry = [w.new(np.empty(0, one.dtype), one.shape) for one in first]
    w.lines += [f"{to.name}.set({w.name(one)});" for to, one in zip(carry, first, strict=True)]
    return carry


def _carry_on(w: Any, carry: Sequence[Any], after: Sequence[Any]) -> None:
    """Write what a loop carries on; all of it is read before any of it is overwritten."""
    kept = [w.new(np.empty(0, one.dtype), one.shape) for one in carry]
    w.lines += [f"{to.name}.set({w.name(one)});" for to, one in zip(kept, after, strict=True)]
    w.lines += [f"{to.name}.set({one.name});" for to, one in zip(carry, kept, strict=True)]


def _scan(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    constants, carries = p["num_consts"], p["num_carry"]
    carry = _carried(w, used[constants : constants + carries])
    given = used[constants + carries :]
    inputs = [w.new(np.empty(0, one.dtype), one.shape[1:]) for one in given]
    stacked = [w.new(aval) for aval in outputs[carries:]]
    w.lines.append(f"for(let t={p['length']}-1;t>=0;t--){{" if p["reverse"] else f"for(let t=0;t<{p['length']};t++){{")
    w.lines += [
        f"{to.name}.set({w.name(one)}.subarray(t*{to.size},(t+1)*{to.size}));"
        for to, one in zip(inputs, given, strict=True)
    ]
    made = w.inner(p["jaxpr"], [*used[:constants], *carry, *inputs])
    w.lines += [f"{to.name}.set({w.name(one)},t*{one.size});"
                for to, one in zip(stacked, made[carries:], strict=True)]  # fmt: skip
    _carry_on(w, carry, made[:carries])
    w.lines.append("}")
    return [*carry, *stacked]


def _while(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    of_test, of_body = p["cond_nconsts"], p["body_nconsts"]
    carry = _carried(w, used[of_test + of_body :])
    w.lines.append("for(;;){")
    goes_on = w.inner(p["cond_jaxpr"], [*used[:of_test], *carry])[0]
    w.lines.append(f"if(!{w.at(goes_on, '0')})break;")
    _carry_on(w, carry, w.inner(p["body_jaxpr"], [*used[of_test : of_test + of_body], *carry]))
    w.lines.append("}")
    return carry


def _cond(w: Any, used: Any, outputs: Any, p: Any) -> list[Any]:
    out = [w.new(aval) for aval in outputs]
    last = len(p["branches"]) - 1
    w.lines.append(f"switch(Math.min(Math.max({w.at(used[0], '0')},0),{last})){{")
    for number, branch in enumerate(p["branches"]):
        w.lines.append(f"case {number}:{{")
        made = w.inner(branch, used[1:])
        w.lines += [f"{to.name}.set({w.name(one)});" for to, one in zip(out, made, strict=True)]
        w.lines.append("break;}")
    w.lines.append("}")
    return out


OPERATIONS: dict[str, Callable[..., list[Any]]] = {
    **{name: partial(_each, text=text) for name, text in ELEMENTWISE.items()},
    **{name: partial(_moved, how=how) for name, how in MOVES.items()},
    **{f"reduce_{name}": partial(_reduced, kind=name) for name in RUNNING},
    **{f"cum{name}": partial(_cumulated, kind=name) for name in ("sum", "prod", "max", "min")},
    **{name: partial(_scattered, sign=sign) for name, sign in SCATTERS.items()},
    **dict.fromkeys(SAME, _same),
    "div": _division, "not": _not, "integer_pow": _integer_power, "convert_element_type": _converted,
    "round": _rounded, "select_n": _selected, "iota": _iota, "sort": _sorted, "dot_general": _product,
    "argmax": partial(_furthest, sign=">"), "argmin": partial(_furthest, sign="<"), "gather": _gathered,
    "dynamic_slice": _dynamic_slice, "dynamic_update_slice": _dynamic_update, "scan": _scan, "while": _while,
    "cond": _cond,
}  # fmt: skip
