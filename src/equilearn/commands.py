"""The commands that begin something: `solve`, `train` and `lab`, and what they print."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated, Any

from equilearn.errors import UserError
from equilearn.flags import parsed_as, ranges, target_of

HELP = {
    "continue_from": "Start from the solution in this folder or file; parameters and network are its own where no flag "
    "says otherwise, and a quarter of the recommended episodes is the budget.",
    "uncertain": "Parameters that become states, each with its range: NAME=LOW:HIGH.",
    "seed": "Seed of all randomness.",
    "seeds": "Solve from so many seeds, from --seed on: the best, and how far the others are from it.",
    "out": "Run folder.",
    "on_host": "Step Gymnasium's own environment, even where there is a twin of pure functions.",
}
"""Flags of `solve` beside the model's parameters and the settings."""


def solve(arguments: list[str]) -> int:
    """Solve a model in a run folder, and print its certificate."""
    import tyro

    from equilearn.economies import find
    from equilearn.equilibrium import SolveSettings, Uncertain
    from equilearn.equilibrium.start import warm_settings
    from equilearn.runs import open_run

    target, flags = target_of("solve", arguments, "a model's NAME")
    kind = find(target)
    model = _default(kind, target)

    _refuse_clashes(kind, target)

    def parse(model: Any, start: Any = None) -> Any:
        settings = _recommended(model, target)
        settings = settings if start is None else warm_settings(settings, start)
        fields = [
            ("model", Annotated[kind, tyro.conf.arg(name="")], dataclasses.field(default=model)),
            (
                "settings",
                Annotated[SolveSettings, tyro.conf.arg(name="")],
                dataclasses.field(default=settings),
            ),
            ("uncertain", Annotated[tuple[str, ...], tyro.conf.arg(help=HELP["uncertain"])], ()),
            ("continue_from", Annotated[Path | None, tyro.conf.arg(help=HELP["continue_from"])], None),
            ("seed", Annotated[int, tyro.conf.arg(help=HELP["seed"])], 0),
            ("seeds", Annotated[int | None, tyro.conf.arg(help=HELP["seeds"])], None),
            ("out", Annotated[Path | None, tyro.conf.arg(help=HELP["out"])], None),
        ]
        command = dataclasses.make_dataclass("Solve", fields)
        command.__doc__ = kind.__doc__
        return parsed_as(command, f"solve {target}", flags)

    parsed, start = parse(model), None
    if parsed.continue_from is not None:
        start = open_run(parsed.continue_from, target)
        model = getattr(start.model, "model", start.model)
        kind = type(model)  # of a file, which has been read once more
        parsed = parse(model, start)
    parsed = parse(parsed.model, start)  # again: the settings a model recommends may depend on its parameters
    model = Uncertain(parsed.model, ranges(parsed.uncertain)) if parsed.uncertain else parsed.model
    from equilearn import runs, seed_runs
    from equilearn.equilibrium.seeds import seeds_of
    from equilearn.learn.devices import alone, is_first

    seeds = None if parsed.seeds is None else seeds_of(parsed.seeds, parsed.seed)
    if parsed.out is None and not alone():
        raise UserError("solve: several processes need --out DIR, the same folder for all.")
    folder = parsed.out or _new_folder(target)
    advise(folder, target if ":" in target else None)
    if is_first():
        print(f"Solving {target}; everything goes to {folder}", flush=True)
    if seeds:
        solution, result = seed_runs.begin(target, model, parsed.settings, seeds, folder, start=start)
    else:
        solution, result = runs.begin(target, model, parsed.settings, parsed.seed, folder, start=start)
    return report(solution, result, folder)


def train(arguments: list[str]) -> int:
    """Train an agent on an environment in a run folder, and print what it can."""
    import tyro

    from equilearn import agents

    name, flags = target_of("train", arguments, "an agent's AGENT")
    kind = agents.find(name)
    target, flags = target_of(f"train {name}", flags, "an environment's WHERE")
    fields: list[Any] = [
        ("agent", Annotated[kind, tyro.conf.arg(name="")], dataclasses.field(default=kind())),
        ("seed", Annotated[int, tyro.conf.arg(help=HELP["seed"])], 0),
        ("on_host", Annotated[bool, tyro.conf.arg(help=HELP["on_host"]), tyro.conf.FlagCreatePairsOff], False),
        ("out", Annotated[Path | None, tyro.conf.arg(help=HELP["out"])], None),
    ]
    command = dataclasses.make_dataclass("Train", fields)
    command.__doc__ = kind.__doc__
    parsed = parsed_as(command, f"train {name} WHERE", [target] if target in ("-h", "--help") else flags)
    from equilearn.agent_runs import Training, begin

    training = Training(parsed.agent, target, parsed.seed, parsed.on_host)
    folder = parsed.out or _new_folder(f"{name.lower()}-{training.place.replace('/', '-')}")
    advise(folder, target if training.own else None)
    print(f"Training {training.title}; everything goes to {folder}", flush=True)
    return say(begin(training, folder), folder)


def lab(arguments: list[str]) -> int:
    """Do a lab in its folder, and print what it found."""
    import tyro

    from equilearn import labs

    name, flags = target_of("lab", arguments, "a lab's NAME")
    kind = labs.find(name)

    def parse(lab: Any) -> Any:
        fields: list[Any] = [
            ("lab", Annotated[kind, tyro.conf.arg(name="")], dataclasses.field(default=lab)),
            ("out", Annotated[Path | None, tyro.conf.arg(help=HELP["out"])], None),
        ]
        if kind.full:
            settings = ", ".join(f"{name} {' '.join(map(str, v)) if isinstance(v, tuple) else v}"
                                 for name, v in kind.full.items())  # fmt: skip
            text = f"The long study, where no other flag says otherwise: {settings}."
            fields.append(("full", Annotated[bool, tyro.conf.arg(help=text), tyro.conf.FlagCreatePairsOff], False))
        command = dataclasses.make_dataclass("LabCommand", fields)
        command.__doc__ = f"{kind.__doc__}\n\nTakes {labs.duration(kind.seconds, kind.full_seconds)}, on one core."
        return parsed_as(command, f"lab {name}", flags)

    parsed = parse(kind())
    if getattr(parsed, "full", False):
        parsed = parse(kind.in_full())
    from equilearn.lab_runs import begin

    folder = parsed.out or _new_folder(name)
    advise(folder)
    print(f"Doing the lab {name}; everything goes to {folder}", flush=True)
    return say(begin(name, parsed.lab, folder), folder)


def say(findings: Any, folder: Path) -> int:
    """Print what was found."""
    print(findings)
    print(f"Report: {folder / 'report.html'}")
    return 0


def report(solution: Any, result: dict[str, Any], folder: Path) -> int:
    """Print the certificate and the verdict of a run."""
    from equilearn.equilibrium.accuracy import table
    from equilearn.learn import Outcome

    code = 1 if solution.outcome is Outcome.DIVERGED else 0
    if not result:  # another process reports
        return code
    print(f"{solution.outcome.value}: {solution.message}")
    if solution.outcome is Outcome.DIVERGED:
        from equilearn.equilibrium.seeds import own_folder
        from equilearn.folders import read_settings

        rate = solution.settings.learning_rate / 3
        place = own_folder(folder, solution.seed) if read_settings(folder)["run"] == "seeds" else folder
        print(f"To go on from there: equilearn resume {place} --learning-rate {rate:.2g}")
    print(solution.effort)
    print(f"Errors on {'; '.join(result['coverage']['where'])}:")
    policies = result["policy_errors"] or {"line": "", "notes": []}
    lines = [table(result["accuracy"]), policies["line"], *policies["notes"], *result["notes"]]
    print("\n".join([*(line for line in lines if line), *result.get("failures", [])]))
    print(result["verdict"]["words"])
    print(f"Report: {folder / 'report.html'}")
    return code


def advise(folder: Path, model: str | None = None) -> None:
    """Say from now on how to go on after an interruption."""
    from equilearn import interrupts

    interrupts.advise(f"`equilearn resume {folder}{f' --model {model}' if model else ''}` goes on")


def _recommended(model: Any, target: str) -> Any:
    """Return the settings that a model recommends."""
    from equilearn.equilibrium import SolveSettings

    try:
        settings = model.settings()
    except Exception as error:
        raise UserError(f"{target}: its settings() raises {type(error).__name__}: {error}") from None
    if not isinstance(settings, SolveSettings):
        raise UserError(f"{target}: its settings() must return SolveSettings, not {type(settings).__name__}.")
    return settings


def _refuse_clashes(kind: Any, target: str) -> None:
    """Refuse parameters that would be flags twice."""
    from equilearn.equilibrium import SolveSettings

    taken = {field.name for field in dataclasses.fields(SolveSettings)} | HELP.keys()
    for field in dataclasses.fields(kind):
        if field.name.replace("-", "_") in taken or field.name in ("model", "settings", "help"):
            raise UserError(
                f"{target}: its parameter `{field.name}` has the name of a flag of the command; give it another name, "
                "or solve it from Python."
            )


def _default(kind: Any, target: str) -> Any:
    """Return the model with its default parameters."""
    try:
        return kind()
    except UserError:
        raise
    except TypeError as error:
        raise UserError(f"{target}: {error}; give every parameter a default, or define the method.") from None
    except Exception as error:
        raise UserError(f"{target}: cannot be made: {type(error).__name__}: {error}") from None


def _new_folder(target: str) -> Path:
    """Return a folder under `runs/` that does not exist yet."""
    name = target.rpartition(":")[2] if ":" in target else target
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
