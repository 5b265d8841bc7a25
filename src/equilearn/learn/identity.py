"""Whose a run is: all that its result depends on, as JSON, and the first difference between two of them.

A checkpoint carries the identity of its run, a saved solution that of its model. Whatever goes on from a file, or
reads it, compares, and refuses in one sentence that names the difference. Programs (equations, optimisers) are
compared by a fingerprint of what JAX traces of them; it holds within one version of JAX and of this package only, and
is not compared across versions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from equilearn.learn.problem import Networks, Problem
from equilearn.learn.settings import LearnSettings

FINGERPRINT = re.compile(r"^(.+):([0-9a-f]{16})$")
GROUPS = ("parameters", "settings")
"""Parts of an identity whose entries go by their own names in messages."""
UNIMPORTANT = ("checkpoint_seconds",)
"""Settings that do not change a result."""


def fingerprint(function: Callable[..., Any], *arguments: Any) -> str:
    """Return a short text that is the same for the same program on arguments of the same shapes and types."""
    from equilearn import __version__

    traced = jax.make_jaxpr(function)(*arguments)
    digest = hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", str(traced.jaxpr)).encode())
    for constant in traced.consts:
        digest.update(np.asarray(constant).tobytes())
    return f"equilearn {__version__}, jax {jax.__version__}:{digest.hexdigest()[:16]}"


def identity_of(
    problem: Problem,
    optimizer: optax.GradientTransformation,
    settings: LearnSettings,
    networks: Networks,
    key: PRNGKeyArray,
    given: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the identity of a run of the loop; `given` names what else it depends on, and overrides."""
    kind = type(problem)
    given = dict(given or {})
    identity = given | {
        "problem": f"{kind.__module__}.{kind.__qualname__}",
        "settings": {n: v for n, v in dataclasses.asdict(settings).items() if n not in UNIMPORTANT},
        "key": jax.random.key_data(key).tolist(),
        "precision": precision(),
        "data": digest(problem),
        "optimizer": given.get("optimizer") or _optimizer(optimizer, networks),
    }
    return json.loads(json.dumps(identity))


def precision() -> str:
    """Return in which precision new arrays are made: float32, or float64 with `JAX_ENABLE_X64`."""
    return jnp.zeros(()).dtype.name


def digest(tree: Any) -> str:
    """Return a short text that is the same for the same arrays."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)):
        digest.update(np.asarray(leaf).tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def _optimizer(optimizer: optax.GradientTransformation, networks: Networks) -> str:
    def update(parameters: Any) -> Any:
        extra = optax.with_extra_args_support(optimizer)
        size = optax.tree_utils.tree_sum
        return extra.update(
            parameters,
            extra.init(parameters),
            parameters,
            progress=jnp.float32(0),
            value=size(parameters),
            grad=parameters,
            value_fn=lambda p, progress=None: size(p),  # the name by which line searches pass it on
        )

    return fingerprint(update, eqx.filter(networks, eqx.is_inexact_array))


def difference(there: Any, here: Any, *, differing: Mapping[str, Any] | None = None) -> str | None:
    """Return in words the first difference between two identities; None where there is none.

    Args:
        there: of the file.
        here: of what is asked for.
        differing: settings that may differ, by name, with the values that they had, oldest first.
    """
    return _difference(there, here, (), differing or {})


def _difference(there: Any, here: Any, path: tuple[str, ...], differing: Mapping[str, Any]) -> str | None:
    if isinstance(there, dict) and isinstance(here, dict):
        for name in [*here, *(one for one in there if one not in here)]:
            found = _difference(there.get(name), here.get(name), (*path, name), differing)
            if found is not None:
                return found
        return None
    if there == here or _other_versions(there, here):
        return None
    name = ".".join(path[1:] if len(path) > 1 and path[0] in GROUPS else path)
    if name in differing and there in json.loads(json.dumps(differing[name])):
        return None
    if isinstance(here, str) and FINGERPRINT.match(here):
        return f"its {name} changed since"
    return f"{name} is {_short(there)} there, but {_short(here)} here"


def _other_versions(there: Any, here: Any) -> bool:
    """Return whether these are fingerprints that other versions made, which say nothing."""
    marks = [FINGERPRINT.match(one) if isinstance(one, str) else None for one in (there, here)]
    return bool(marks[0] and marks[1] and marks[0][1] != marks[1][1])


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:57] + "..."
