"""Models and settings as JSON, and back.

A dataclass becomes {"kind": its name, field: value, ...}; going back, only the kinds named here are built, so
reading a file never imports or runs anything.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from equilearn.equilibrium.model import Model
from equilearn.equilibrium.quadrature import GaussHermite, Monomial, QuasiMonteCarlo
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.shocks import AR1, Deterministic, Gaussian, MarkovChain
from equilearn.equilibrium.uncertain import Uncertain
from equilearn.errors import UserError
from equilearn.learn import Target

KINDS = {
    kind.__name__: kind
    for kind in (
        AR1,
        Deterministic,
        Gaussian,
        GaussHermite,
        MarkovChain,
        Monomial,
        QuasiMonteCarlo,
        SolveSettings,
        Target,
    )
}


def encode(value: Any) -> Any:
    """Return a JSON-serialisable form of a parameter, a model or settings.

    Raises:
        UserError: the value is of a kind that cannot be stored.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UserError(
        f"a parameter of type {type(value).__name__} cannot be stored; use numbers, strings, tuples and shocks."
    )


def decode(value: Any) -> Any:
    """Return what `encode` was given; lists come back as tuples.

    Raises:
        UserError: the text names a kind that is not known here.
    """
    if isinstance(value, dict):
        kind = KINDS.get(value.get("kind", ""))
        if kind is None:
            raise UserError(f"the file holds a {value.get('kind')!r}, which this version does not know.")
        try:
            return kind(**{name: decode(item) for name, item in value.items() if name != "kind"})
        except TypeError:
            raise UserError(f"the file's {value['kind']} has other fields than this version's.") from None
    return tuple(decode(item) for item in value) if isinstance(value, list) else value


def decode_model(value: dict[str, Any], kind: type[Model]) -> Model:
    """Return a model of the given class with the stored parameters.

    Raises:
        UserError: the stored model is of another class or has other fields.
    """
    if value.get("kind") == Uncertain.__name__ and "model" in value:
        return Uncertain(decode_model(value["model"], kind), decode(value.get("ranges", [])))
    if value.get("kind") != kind.__name__:
        raise UserError(f"holds a solution of {value.get('kind')}, not of {kind.__name__}.")
    fields = {name: decode(item) for name, item in value.items() if name != "kind"}
    try:
        return kind(**fields)
    except TypeError:
        names = {f.name for f in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
        different = sorted(set(fields) ^ names)
        raise UserError(
            f"{kind.__name__} has other parameters than when it was solved ({', '.join(different)})."
        ) from None
