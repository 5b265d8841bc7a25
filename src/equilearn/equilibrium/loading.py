"""Saved solutions, read again: whose they are is compared with the class that they are read for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from equilearn.equilibrium.encoding import class_name, decode, decode_model, encode
from equilearn.equilibrium.fingerprint import equations_of
from equilearn.equilibrium.model import Model
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.solution import Solution, fresh_policy, in_precision, solution_path
from equilearn.errors import UserError
from equilearn.learn import Outcome
from equilearn.learn.checkpoint import load_tree, read_header
from equilearn.learn.identity import difference


def load_solution(path: str | Path, model: type[Model] | Model) -> Solution:
    """Return a saved solution of a model class; its parameters are those it was solved with.

    Args:
        path: the file.
        model: the class; or a model of it, whose parameters the stored ones must then be.

    Raises:
        UserError: the file is missing, damaged, or holds a solution of another model.
    """
    target = solution_path(path)
    header = read_header(target)
    try:
        solution = _read(target, header, model if isinstance(model, type) else _kind_of(model))
        if isinstance(model, Model) and (found := difference(encode(solution.model), encode(model))):
            raise UserError(f"holds a solution of another {model.name}: {found}.")
    except UserError as error:
        text = str(error)
        raise UserError(text if text.startswith(str(target)) else f"{target}: {text}") from None
    return solution


def _kind_of(model: Model) -> type[Model]:
    return type(getattr(model, "model", model))  # of the model whose parameters are uncertain, too


EXPECTED = {
    "model": dict,
    "settings": dict,
    "equations": str,
    "precision": str,
    "seed": int,
    "outcome": str,
    "message": str,
    "seconds": (int, float),
    "episodes": int,
    "gradient_steps": int,
}
"""What the header of a saved solution says, and of which type."""


def _read(target: Path, header: dict[str, Any], kind: type[Model]) -> Solution:
    for name, types in EXPECTED.items():
        if name not in header:
            raise UserError(f"is no saved solution (it has no {name!r}).")
        if not isinstance(header[name], types) or isinstance(header[name], bool):
            raise UserError(f"is damaged: its {name} is {header[name]!r}; take another copy, or solve again.")
    if header["precision"] not in ("float32", "float64") or header["outcome"] not in list(Outcome):
        raise UserError("is damaged: it says nothing sensible of its precision or outcome; solve again.")
    with in_precision(header["precision"]):
        model = decode_model(header["model"], kind)
        settings = decode(header["settings"])
        if not isinstance(settings, SolveSettings):
            raise UserError("is damaged: it holds no settings; take another copy, or solve again.")
        if difference(header["equations"], equations_of(model)):
            raise UserError(
                f"was solved with other equations than {class_name(kind)} has now: its file has changed since. Solve "
                "again, or load it with the file as it was."
            )
        function = load_tree(target, eqx.filter_eval_shape(fresh_policy, model, settings, key=jax.random.key(0)))
    if not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(eqx.filter(function, eqx.is_array))):
        raise UserError("holds numbers that are not finite; solve again.")
    return Solution(
        model=model,
        settings=settings,
        policy_function=function,
        seed=header["seed"],
        outcome=Outcome(header["outcome"]),
        message=header["message"],
        seconds=header["seconds"],
        episodes=header["episodes"],
        gradient_steps=header["gradient_steps"],
    )
