"""The command line: `equilearn solve NAME`, `train AGENT WHERE`, `lab NAME`, `list`, `resume`, `evaluate`, `simulate`.

Flags come from typed dataclasses: the model's parameters and the settings. What a user can get wrong ends in one
message and exit code 2; an interrupted run in 130; a run whose numbers stopped being finite in 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from equilearn.commands import advise, lab, report, say, solve, train
from equilearn.errors import UserError
from equilearn.flags import EvaluateFlags, ResumeFlags, SimulateFlags, parsed_as, target_of

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


def main(arguments: list[str] | None = None) -> None:
    """Answer signals, run a command, exit with its code."""
    from equilearn import interrupts
    from equilearn.launch import keep_programs

    interrupts.install()
    keep_programs()
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
    beginning = {"solve": solve, "train": train, "lab": lab}
    commands = beginning | {
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
    if arguments[0] in beginning and arguments[1:] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
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


def _resume(arguments: list[str]) -> int:
    folder, flags = target_of("resume", arguments, "the run's folder DIR")
    advise(Path(folder))
    parsed = parsed_as(ResumeFlags, "resume DIR", [folder] if folder.startswith("-") else flags)
    from equilearn import agent_runs, lab_runs, runs, seed_runs
    from equilearn.folders import WORDS, read_settings
    from equilearn.learn.devices import alone

    changes = {n: v for n, v in vars(parsed).items() if n != "model" and v is not None}
    path = Path(folder)
    kind = read_settings(path)["run"]
    if kind in ("lab", "agent"):
        if not alone():
            raise UserError(f"{folder}: holds {WORDS[kind]}, which runs in one process.")
        if changes or (kind == "lab" and parsed.model):
            raise UserError(f"{folder}: is {WORDS[kind]}, which goes on as it was begun; leave the other flags out.")
    if kind == "seeds" and changes:
        raise UserError(f"{folder}: is of several seeds; go on with other settings in the folder of each seed.")
    advise(path, parsed.model)
    match kind:
        case "lab":
            return say(lab_runs.resume(path), path)
        case "agent":
            return say(agent_runs.resume(path, parsed.model), path)
        case "seeds":
            return report(*seed_runs.resume(path, parsed.model), path)
        case _:
            return report(*runs.resume(path, parsed.model, changes), path)


def _evaluate(arguments: list[str]) -> int:
    folder, flags = target_of("evaluate", arguments, "the run's folder DIR")
    parsed = parsed_as(EvaluateFlags, "evaluate DIR", [folder] if folder.startswith("-") else flags)
    from equilearn.runs import open_run

    solution = open_run(Path(folder), parsed.model)
    flags = {name: getattr(parsed, name) for name in ("burn_in", "seed", "policy_paths")}
    print(solution.accuracy(parsed.periods, **flags))
    return 0


def _simulate(arguments: list[str]) -> int:
    folder, flags = target_of("simulate", arguments, "the run's folder DIR")
    parsed = parsed_as(SimulateFlags, "simulate DIR", [folder] if folder.startswith("-") else flags)
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
