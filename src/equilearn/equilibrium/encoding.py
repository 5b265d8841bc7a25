"""Models and settings as JSON, and back.

A dataclass becomes {"kind": its name, field: value, ...}, a model also tells its module; going back, only the kinds
named here are built, and those that the model's class itself has as defaults (shocks and rules of one's own), so
reading a file never imports or runs anything.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from equilearn.equilibrium.balancing import ReLoBRaLo
from equilearn.equilibrium.chains import EndogenousChain, MarkovChain
from equilearn.equilibrium.gaussian import AR1, VAR, Gaussian
from equilearn.equilibrium.model import Model
from equilearn.equilibrium.quadrature import GaussHermite, Monomial, QuasiMonteCarlo
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.several import Shocks
from equilearn.equilibrium.shocks import Deterministic
from equilearn.equilibrium.uncertain import Uncertain
from equilearn.errors import UserError
from equilearn.learn import Target
from equilearn.parameters import fit_field

KINDS = {
    kind.__name__: kind
    for kind in (
        AR1,
        VAR,
        Deterministic,
        EndogenousChain,
        Gaussian,
        GaussHermite,
        MarkovChain,
        Monomial,
        QuasiMonteCarlo,
        ReLoBRaLo,
        Shocks,
        SolveSettings,
        Target,
    )
}


Kinds = Mapping[str, type]


def encode(value: Any) -> Any:
    """Return a JSON-serialisable form of a parameter, a model or settings.

    Raises:
        UserError: the value is of a kind that cannot be stored.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        where = {"module": type(value).__module__} if isinstance(value, Model) else {}
        return {"kind": type(value).__qualname__, **where, **fields}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UserError(
        f"a value of type {type(value).__name__} cannot be stored; use numbers, strings, tuples and shocks "
        "(one's own shocks and rules are frozen dataclasses)."
    )


def decode(value: Any, kinds: Kinds = KINDS) -> Any:
    """Return what `encode` was given; lists come back as tuples.

    Raises:
        UserError: the text names a kind that is not known here, or values that the kind refuses.
    """
    if isinstance(value, dict):
        kind = kinds.get(str(value.get("kind", "")))
        if kind is None:
            raise UserError(f"the file holds a {value.get('kind')!r}, which is not known here.")
        return _build(kind, value, kinds)
    return tuple(decode(item, kinds) for item in value) if isinstance(value, list) else value


def _build(kind: type, value: Mapping[str, Any], kinds: Kinds) -> Any:
    given = {name: decode(item, kinds) for name, item in value.items() if name not in ("kind", "module")}
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    if different := sorted(fields.keys() ^ given.keys()):
        raise UserError(f"{kind.__name__} has other fields than in the file ({', '.join(different)}).")
    try:
        return kind(**{n: fit_field(fields[n], v, kind, f"{kind.__name__}: {n}") for n, v in given.items()})
    except UserError:
        raise
    except Exception as error:  # a value of a wrong type, where the kind does not look at types itself
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"the file's {kind.__name__} has a value that it cannot have ({reason}).") from None


def kinds_of(model: type[Model] | Model) -> Kinds:
    """Return the kinds that a stored model of this class may be made of: ours, and those in its defaults."""
    found: dict[str, type] = {}

    def add(value: Any) -> None:
        if isinstance(value, tuple):
            for item in value:
                add(item)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            found.setdefault(type(value).__qualname__, type(value))
            for field in dataclasses.fields(value):
                add(getattr(value, field.name))

    for field in dataclasses.fields(model):  # pyright: ignore[reportArgumentType]
        add(field.default)
    return {**found, **KINDS}


def class_name(kind: type) -> str:
    """Return a class's name with its module: what tells two classes of one name apart."""
    return f"{kind.__module__}.{kind.__qualname__}"


def decode_model(value: Any, kind: type[Model]) -> Model:
    """Return a model of the given class with the stored parameters.

    Raises:
        UserError: the stored model is of another class or has other parameters.
    """
    if not isinstance(value, dict):
        raise UserError("holds no model.")
    if value.get("kind") == Uncertain.__name__ and "model" in value:
        ranges = decode(value.get("ranges", []))
        if not all(isinstance(one, tuple) and len(one) == 3 for one in ranges):
            raise UserError("holds ranges of uncertain parameters that are no (name, low, high).")
        return Uncertain(decode_model(value["model"], kind), ranges)
    stored = f"{value.get('module')}.{value.get('kind')}"
    if not _same_class(stored, kind):
        raise UserError(f"holds a solution of {stored}, not of {class_name(kind)}.")
    return _build(kind, value, kinds_of(kind))


def _same_class(stored: str, kind: type) -> bool:
    """Return whether a stored name is that of a class; a script's own name is what its file is called."""
    module, here = sys.modules.get(kind.__module__), class_name(kind)
    file = getattr(module, "__file__", None) or ""
    script = file.rpartition("/")[2].removesuffix(".py")
    names = {here, f"__main__.{kind.__qualname__}"} if not kind.__module__.startswith("equilearn.") else {here}
    return stored in names or (kind.__module__ == "__main__" and stored == f"{script}.{kind.__qualname__}")


def storable(model: Model) -> dict[str, Any]:
    """Return a model's stored form, having tried that it can be read back.

    Raises:
        UserError: a parameter cannot be stored, or does not come back as it was.
    """
    inner = model.model if isinstance(model, Uncertain) else model
    for field in dataclasses.fields(inner):  # pyright: ignore[reportArgumentType]
        value = getattr(inner, field.name)
        try:
            back = decode(encode(value), kinds_of(type(inner))) if field.init else value
        except UserError as error:
            raise UserError(f"{inner.name}.{field.name}: {error}") from None
        if back != value:
            raise UserError(
                f"{inner.name}.{field.name}: {value!r} would come back from a file as {back!r}; use plain numbers, "
                "strings, tuples and frozen dataclasses."
            )
    return encode(model)
