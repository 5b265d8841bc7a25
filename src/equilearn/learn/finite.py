"""Where a number stopped being finite: flags that the compiled program sets, and what they say.

Within an episode the order is data, loss, networks; the check comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PyTree


def finite_flags(prefix: str, tree: PyTree[Any]) -> dict[str, Bool[Array, ""]]:
    """Return, under the path of every inexact array in the tree, whether all of it is finite."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {f"finite/{prefix}{jax.tree_util.keystr(path)}": jnp.all(jnp.isfinite(leaf)) for path, leaf in leaves}


def origin(records: dict[str, np.ndarray], first_episode: int) -> tuple[int, str] | None:
    """Return how many episodes of a call were good, and where its first non-finite number came from, if there is one.

    `records` hold one row an episode; within an episode the order is data, loss, networks.
    """
    names = [name for name in records if name.startswith("finite/")]
    for row in np.flatnonzero(records["active"]):
        bad = [name.removeprefix("finite/") for name in names if not records[name][row]]
        for kind, what in (
            ("data", "the generated data"),
            ("loss", "the loss"),
            ("networks", "the networks, after a gradient step"),
        ):
            here = [name.removeprefix(kind).strip("[]'.") for name in bad if name.startswith(kind)]
            if here:
                named = ", ".join(one for one in here if one != "loss") or "all of it"
                return int(row), f"episode {first_episode + int(row) + 1}: {what} ({named})"
    return None


def bad_check(errors: Mapping[str, Mapping[str, float]], episode: int) -> tuple[int, str] | None:
    """Return, like `origin`, which errors or scores of a check are not finite, if some are not."""
    bad = [
        name
        for name, figures in errors.items()
        if "note" not in figures and not np.all(np.isfinite(list(figures.values())))
    ]
    return (0, f"episode {episode}: the check ({', '.join(bad)})") if bad else None
