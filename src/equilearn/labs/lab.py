"""What a lab is: settings that are checked, work in named parts, and a report made of the parts' figures alone.

    parts():  name -> function that does one part of the work and returns its figures
    report(): figures of all parts -> words, tables and pictures

Figures are what JSON can hold, so that a part that is finished can be kept (`parts.py`), and a killed lab goes on
with the next one. The report sees nothing but figures, fresh or kept: it comes out the same.
"""

from __future__ import annotations

import abc
import dataclasses
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from equilearn.errors import UserError

if TYPE_CHECKING:
    from equilearn.report import Findings

Figures = Mapping[str, Any]
"""Figures of finished parts, by the part's name."""
Part = Callable[[Path | None], Any]
"""Does one part of a lab, given the folder where long work may keep its checkpoints (None keeps none)."""
COUNT = (1, 10_000_000)
"""Bounds of a whole number that counts something, where a lab has no narrower ones."""
SEED = (0, 2**32 - 1)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Lab(abc.ABC):
    """An exercise; subclasses are frozen dataclasses whose fields are its settings."""

    seconds: ClassVar[int]
    """What the lab takes by default, measured on one core of an AMD EPYC, compilation included; at most 120, or 300
    where a language or a game is learnt."""
    full_seconds: ClassVar[int | None] = None
    """The same with `--full`; None where there is no longer study."""
    full: ClassVar[Mapping[str, Any]] = {}
    """Settings of the long study, by name."""
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Lowest and highest value of a number, by name, where `COUNT` and `SEED` do not fit."""
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What a text may be, by name."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        """Check the type and the range of every setting.

        Raises:
            UserError: a setting is of the wrong type, out of range, not finite, unknown, or an empty list.
        """
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):  # pyright: ignore[reportArgumentType]
            value, kind = getattr(self, field.name), kinds[field.name]
            if typing.get_origin(kind) is not tuple:
                self._check(field.name, value, kind)
                continue
            if not isinstance(value, tuple) or not (value or field.default == ()):
                raise self._wrong(field.name, f"must be a list of at least one value, not {value!r}")
            for one in value:
                self._check(field.name, one, typing.get_args(kind)[0])

    def _check(self, name: str, value: Any, kind: type) -> None:
        """Check one value of a setting."""
        words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[kind]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number if kind is float else isinstance(value, kind) and isinstance(value, bool) == (kind is bool)):
            raise self._wrong(name, f"must be {words}, not {value!r}")
        if number:
            low, high = self.bounds.get(name, SEED if name == "seed" else COUNT if kind is int else (-1e9, 1e9))
            if value != value:
                raise self._wrong(name, "must be a number, not nan")
            if not low <= value <= high:
                bound = f"at least {low:,}" if value < low else f"at most {high:,}"
                raise self._wrong(name, f"must be {bound}, not {value:,}")
        if name in self.choices and value not in self.choices[name]:
            raise self._wrong(name, f"must be one of {', '.join(self.choices[name])}, not {value!r}")

    def _wrong(self, name: str, text: str) -> UserError:
        return UserError(f"{type(self).__name__}: {name} {text}.")

    @classmethod
    def in_full(cls, **settings: Any) -> Any:
        """Return the lab with the settings of its long study, except those that are given."""
        return cls(**{**cls.full, **settings})

    def learns_from(self) -> Any:
        """Return what the work depends on beside the settings, read from files: arrays and texts, nested.

        It is asked for before anything is written; by its digest a folder knows whether it has changed.

        Raises:
            UserError: a file is missing or wrong.
        """
        return None

    @abc.abstractmethod
    def parts(self) -> dict[str, Part]:
        """Return the work by name, in order."""

    @abc.abstractmethod
    def report(self, made: Figures) -> Findings:
        """Return what the parts' figures say."""

    def run(self, folder: Path | None = None, *, title: str = "", live: bool = True) -> Findings:
        """Do the exercise.

        Args:
            folder: where finished parts are kept, and taken from; None keeps nothing.
            title: what the live line begins with; by default the lab's class.
            live: show the live line where there is a terminal.

        Raises:
            UserError: the folder holds parts of other settings or other data, or damaged ones.
        """
        from equilearn.labs.parts import do

        return self.report(do(self, title or type(self).__name__, folder, live=live))


def from_starts(name: str, starts: int, work: Callable[[Path | None, int], Any]) -> dict[str, Part]:
    """Return one part for each random start: `NAME 1`, `NAME 2` and so on; `work` is given the folder and the start."""
    return {f"{name} {start + 1}": lambda folder, start=start: work(folder, start) for start in range(starts)}
