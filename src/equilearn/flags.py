"""Flags: those of the commands that work on a run folder, as typed dataclasses, and how flags are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from equilearn.errors import UserError


@dataclasses.dataclass(frozen=True)
class ResumeFlags:
    """Go on with a run, an agent's training or a lab from its last checkpoint; a run also with other settings."""

    model: str | None = None
    """path/to/model.py:Class, for a run of your own model, or a training on your own environment."""
    learning_rate: float | None = None
    """Go on with another learning rate: a lower one after a divergence."""
    episodes: int | None = None
    """Go on until so many episodes in all."""
    seconds: float | None = None
    """Go on until so many seconds of learning in all."""


@dataclasses.dataclass(frozen=True)
class EvaluateFlags:
    """Certify a solution anew on a fresh path; prints the table of errors."""

    periods: int = 10_000
    """Periods simulated after burn-in."""
    burn_in: int = 2_000
    """Periods dropped before them."""
    seed: int = 1
    """Seed of the path."""
    policy_paths: int | None = None
    """Paths from each state along which errors of the policies are estimated, 8 to 1,024; four times as many halve
    their standard errors. By default 16, and 8 where the network gives more than ten numbers."""
    model: str | None = None
    """path/to/model.py:Class, for a solution of your own model."""


@dataclasses.dataclass(frozen=True)
class SimulateFlags:
    """Simulate a solution and write states, policies and definitions, labelled, to a NetCDF file."""

    periods: int = 10_000
    """Periods kept."""
    burn_in: int = 2_000
    """Periods dropped before them."""
    paths: int = 1
    """Paths side by side."""
    seed: int = 1
    """Seed of the simulation."""
    out: Path | None = None
    """File to write; by default simulation.nc in the run folder."""
    model: str | None = None
    """path/to/model.py:Class, for a solution of your own model."""


def ranges(texts: tuple[str, ...]) -> tuple[tuple[str, float, float], ...]:
    """Return the parameters that become states, each with its range: from NAME=LOW:HIGH.

    Raises:
        UserError: a text is not of this form.
    """
    found = []
    for text in texts:
        name, _, bounds = text.partition("=")
        try:
            low, high = (float(x) for x in bounds.split(":"))
        except ValueError:
            raise UserError(f"--uncertain: {text!r} is not of the form NAME=LOW:HIGH.") from None
        found.append((name.replace("-", "_"), low, high))
    return tuple(found)


def target_of(command: str, arguments: list[str], what: str) -> tuple[str, list[str]]:
    """Split the positional argument off."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        raise UserError(f"{command}: give {what} first: equilearn {command} {what.split()[-1].upper()} ...")
    return arguments[0], arguments[1:]


def parsed_as(kind: Any, name: str, arguments: list[str]) -> Any:
    """Parse flags into a dataclass; what is wrong becomes one message."""
    import tyro

    try:
        return tyro.cli(kind, prog=f"equilearn {name}", args=arguments)
    except UserError:
        raise
    except Exception as error:  # a parameter of a kind that no flag can be made of
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name}: no flags can be made of its parameters ({reason}); solve it from Python.") from error
