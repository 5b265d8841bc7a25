"""The command line: `equilearn solve NAME`, `train AGENT WHERE`, `lab NAME`, `list`, `resume`, `evaluate`, `simulate`.

Flags come from typed dataclasses: the model's parameters and the settings. What a user can get wrong ends in one
message and exit code 2; an interrupted run in 130; a run whose numbers stopped being finite in 1.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from equilearn.errors import UserError
from equilearn.flags import EvaluateFlags, ResumeFlags, SimulateFlags, ranges

USAGE = """usage: equilearn COMMAND ...

commands:
  solve NAME            solve an economy (a name from `equilearn list`), or your own: path/to/model.py:Class
  train AGENT WHERE     let an agent (a name from `equilearn list`) learn on an environment: an id like CartPole-v1, or
                        your own: path/to/environment.py:Class
  lab NAME              do an exercise of the course (a name from `equilearn list`)
  list                  what there is to solve and to do
  resume DIR            go on with an interrupted run, training or lab
  evaluate DIR          certify a solution anew, on a fresh path
  simulate DIR          simulate a solution and write the labelled paths (NetCDF)

`equilearn solve NAME --help` shows the parameters of the economy and the settings; `equilearn train AGENT --help` those
of the agent.

several processes, the same command in each (under Slurm or Open MPI no flags are needed):
  equilearn --coordinator HOST:PORT --processes N --rank I solve NAME --out DIR"""

HELP = {
    "continue_from": "Start from the solution in this folder or file; parameters and network are its own where no flag "
    "says otherwise, and a quarter of the recommended episodes is the budget.",
    "uncertain": "Parameters that become states, each with its range: NAME=LOW:HIGH.",
    "seed": "Seed of all randomness.",
    "out": "Run folder.",
    "on_host": "Step Gymnasium's own environment, even where there is a twin of pure functions.",
}
"""Flags of `solve` beside the model's parameters and the settings."""


def main(arguments: list[str] | None = None) -> None:
    """Answer signals, run a command, exit with its code."""
    from equilearn import interrupts

    interrupts.install()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Join the other processes where there are any, run a command, return its exit code."""
    from equilearn.launch import join, leave

    try:
        arguments, joined = join(arguments)
    except UserError as error:
        print(f"equilearn: {error}", file=sys.stderr)
        return 2
    return leave(_command, arguments) if joined else _command(arguments)


def _command(arguments: list[str]) -> int:
    """Run a command; what a user can cause ends in one message."""
    commands = {
        "solve": _solve,
        "train": _train,
        "lab": _lab,
        "list": _list,
        "resume": _resume,
        "evaluate": _evaluate,
        "simulate": _simulate,
    }
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from equilearn import __version__

        print(f"equilearn {__version__}")
        return 0
    command = commands.get(arguments[0])
    from equilearn import interrupts

    try:
        if command is None:
            raise UserError(f"{arguments[0]}: no such command; there are {', '.join(commands)}.")
        return command(arguments[1:])
    except UserError as error:
        print(f"equilearn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(interrupts.interrupted(), file=sys.stderr)
        return error.code if isinstance(error, interrupts.Interrupted) else 130
    except BrokenPipeError:
        return 141


def _list(arguments: list[str]) -> int:
    from equilearn import agents, economies, labs

    if arguments:
        raise UserError(f"list: takes no arguments, but was given {arguments[0]}.")
    for title, texts in (
        ("economies (equilearn solve NAME)", economies.descriptions()),
        ("agents (equilearn train NAME CartPole-v1)", agents.descriptions()),
        ("labs (equilearn lab NAME)", labs.descriptions()),
    ):
        print(f"{title}:")
        width = max(map(len, texts))
        for name, text in texts.items():
            print(f"  {name:<{width}}  {text}")
    return 0


def _lab(arguments: list[str]) -> int:
    import tyro

    from equilearn import labs

    name, flags = _target("lab", arguments, "a lab's NAME")
    if name in ("-h", "--help"):
        print(USAGE)
        return 0
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
        return _parse(command, f"lab {name}", flags)

    parsed = parse(kind())
    if getattr(parsed, "full", False):
        parsed = parse(kind.in_full())
    return _do(name, parsed.lab, parsed.out or _new_folder(name))


def _train(arguments: list[str]) -> int:
    import tyro

    from equilearn import agents

    name, flags = _target("train", arguments, "an agent's AGENT")
    if name in ("-h", "--help"):
        print(USAGE)
        return 0
    kind = agents.find(name)
    target, flags = _target(f"train {name}", flags, "an environment's WHERE")
    fields: list[Any] = [
        ("agent", Annotated[kind, tyro.conf.arg(name="")], dataclasses.field(default=kind())),
        ("seed", Annotated[int, tyro.conf.arg(help=HELP["seed"])], 0),
        ("on_host", Annotated[bool, tyro.conf.arg(help=HELP["on_host"]), tyro.conf.FlagCreatePairsOff], False),
        ("out", Annotated[Path | None, tyro.conf.arg(help=HELP["out"])], None),
    ]
    command = dataclasses.make_dataclass("Train", fields)
    command.__doc__ = kind.__doc__
    parsed = _parse(command, f"train {name} WHERE", [target] if target in ("-h", "--help") else flags)
    from equilearn.agent_runs import Training, begin

    training = Training(parsed.agent, target, parsed.seed, parsed.on_host)
    folder = parsed.out or _new_folder(f"{name.lower()}-{training.place.replace('/', '-')}")
    _advise(folder, target if training.own else None)
    print(f"Training {training.title}; everything goes to {folder}", flush=True)
    return _say(begin(training, folder), folder)


def _do(name: str, lab: Any, folder: Path) -> int:
    """Do a lab in its folder and print what it found."""
    from equilearn import labs

    _advise(folder)
    print(f"Doing the lab {name}; everything goes to {folder}", flush=True)
    return _say(labs.run(name, lab, folder), folder)


def _say(findings: Any, folder: Path) -> int:
    """Print what was found."""
    print(findings)
    print(f"Report: {folder / 'report.html'}")
    return 0


def _advise(folder: Path, model: str | None = None) -> None:
    """Say from now on how to go on after an interruption."""
    from equilearn import interrupts

    interrupts.advise(f"`equilearn resume {folder}{f' --model {model}' if model else ''}` goes on")


def _target(command: str, arguments: list[str], what: str) -> tuple[str, list[str]]:
    """Split the positional argument off."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        raise UserError(f"{command}: give {what} first: equilearn {command} {what.split()[-1].upper()} ...")
    return arguments[0], arguments[1:]


def _parse(kind: Any, name: str, arguments: list[str]) -> Any:
    """Parse flags into a dataclass; what is wrong becomes one message."""
    import tyro

    try:
        return tyro.cli(kind, prog=f"equilearn {name}", args=arguments)
    except UserError:
        raise
    except Exception as error:  # a parameter of a kind that no flag can be made of
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name}: no flags can be made of its parameters ({reason}); solve it from Python.") from error


def _solve(arguments: list[str]) -> int:
    import tyro

    from equilearn.economies import find
    from equilearn.equilibrium import SolveSettings, Uncertain
    from equilearn.equilibrium.start import warm_settings
    from equilearn.runs import open_run

    target, flags = _target("solve", arguments, "a model's NAME")
    if target in ("-h", "--help"):
        print(USAGE)
        return 0
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
            ("out", Annotated[Path | None, tyro.conf.arg(help=HELP["out"])], None),
        ]
        command = dataclasses.make_dataclass("Solve", fields)
        command.__doc__ = kind.__doc__
        return _parse(command, f"solve {target}", flags)

    parsed, start = parse(model), None
    if parsed.continue_from is not None:
        start = open_run(parsed.continue_from, target)
        model = getattr(start.model, "model", start.model)
        parsed = parse(model, start)
    parsed = parse(parsed.model, start)  # again: the settings a model recommends may depend on its parameters
    model = Uncertain(parsed.model, ranges(parsed.uncertain)) if parsed.uncertain else parsed.model
    from equilearn.learn.devices import alone, is_first
    from equilearn.runs import begin

    if parsed.out is None and not alone():
        raise UserError("solve: several processes need --out DIR, the same folder for all.")
    folder = parsed.out or _new_folder(target)
    _advise(folder, target if ":" in target else None)
    if is_first():
        print(f"Solving {target}; everything goes to {folder}", flush=True)
    solution, result = begin(target, model, parsed.settings, parsed.seed, folder, start=start)
    return _report(solution, result, folder)


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


def _report(solution: Any, result: dict[str, Any], folder: Path) -> int:
    from equilearn.equilibrium.accuracy import table
    from equilearn.learn import Outcome

    code = 1 if solution.outcome is Outcome.DIVERGED else 0
    if not result:  # another process reports
        return code
    print(f"{solution.outcome.value}: {solution.message}")
    if solution.outcome is Outcome.DIVERGED:
        rate = solution.settings.learning_rate / 3
        print(f"To go on from there: equilearn resume {folder} --learning-rate {rate:.2g}")
    print(
        f"{solution.episodes:,} episodes, {solution.gradient_steps:,} gradient steps, "
        f"{solution.seconds:.1f} s of learning"
    )
    print(f"Errors on {'; '.join(result['coverage']['where'])}:")
    policies = result["policy_errors"] or {"line": "", "notes": []}
    lines = [table(result["accuracy"]), policies["line"], *policies["notes"], *result["notes"]]
    print("\n".join([*(line for line in lines if line), *result.get("failures", [])]))
    print(result["verdict"]["words"])
    print(f"Report: {folder / 'report.html'}")
    return code


def _resume(arguments: list[str]) -> int:
    folder, flags = _target("resume", arguments, "the run's folder DIR")
    _advise(Path(folder))
    parsed = _parse(ResumeFlags, "resume DIR", [folder] if folder.startswith("-") else flags)
    from equilearn import agent_runs, labs
    from equilearn.learn.devices import alone
    from equilearn.runs import resume

    changes = {n: v for n, v in vars(parsed).items() if n != "model" and v is not None}
    lab, training = labs.stored(Path(folder)), agent_runs.stored(Path(folder))
    if lab or training:
        what = "a lab" if lab else "an agent's training"
        if not alone():
            raise UserError(f"{folder}: holds {what}, which runs in one process.")
        if changes or (lab and parsed.model):
            raise UserError(f"{folder}: is {what}, which goes on as it was begun; leave the other flags out.")
    if lab:
        return _do(*lab, Path(folder))
    _advise(Path(folder), parsed.model)
    if training:
        return _say(agent_runs.resume(Path(folder), training, parsed.model), Path(folder))
    solution, result = resume(Path(folder), parsed.model, changes)
    return _report(solution, result, Path(folder))


def _evaluate(arguments: list[str]) -> int:
    folder, flags = _target("evaluate", arguments, "the run's folder DIR")
    parsed = _parse(EvaluateFlags, "evaluate DIR", [folder] if folder.startswith("-") else flags)
    from equilearn.runs import open_run

    solution = open_run(Path(folder), parsed.model)
    print(solution.accuracy(parsed.periods, burn_in=parsed.burn_in, seed=parsed.seed))
    return 0


def _simulate(arguments: list[str]) -> int:
    folder, flags = _target("simulate", arguments, "the run's folder DIR")
    parsed = _parse(SimulateFlags, "simulate DIR", [folder] if folder.startswith("-") else flags)
    from equilearn.learn.files import write_atomically
    from equilearn.runs import open_run

    path = Path(folder)
    out = parsed.out or (path if path.is_dir() else path.parent) / "simulation.nc"
    solution = open_run(path, parsed.model)
    if not out.parent.is_dir():
        raise UserError(f"{out}: the folder {out.parent} does not exist.")
    data = solution.simulate(parsed.periods, burn_in=parsed.burn_in, paths=parsed.paths, seed=parsed.seed)
    write_atomically(out, bytes(data.to_netcdf(engine="scipy")))
    print(f"{out}: {', '.join(str(name) for name in data.data_vars)} over {dict(data.sizes)}")
    return 0
