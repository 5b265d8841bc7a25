"""`explorer.html`: a page in which the reader moves the state and the shock of a solved economy.

The policy function, the model's definitions and its law of motion are translated to JavaScript (`javascript.py`), so
the page asks nobody: it computes what `Solution.policy` does, in the same precision, and where the economy
goes from there.

There is a slider for every number of the state that moves on a simulated path. A vector of more than `FEW` numbers
(capital by age, a histogram) has sliders for its principal directions instead: a place on one is a share of the seen
states, ordered along the direction, and the vector there is the mean of those around it. So every slider alone leads
through averages of what was seen, which no straight line would.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Num
from jinja2 import Environment
from markupsafe import Markup

from equilearn.equilibrium import Solution
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.plots import RANGE
from equilearn.equilibrium.shocks import entries, named, shock_of
from equilearn.equilibrium.simulation import initial_states
from equilearn.equilibrium.solution import in_precision
from equilearn.errors import UserError
from equilearn.learn.files import refuse, write_atomically
from equilearn.networks.scaling import BOUND
from equilearn.report.javascript import translate
from equilearn.report.operations import TranslationError
from equilearn.style import CSS

FEW = 4
"""A vector of so many numbers has a slider for each."""
DIRECTIONS, LEAST = 3, 0.01
"""At most so many principal directions of a longer one, each with at least this share of its variance."""
KNOTS = 21
"""Groups of the seen states along a direction."""
STARTS = 1_000
"""Initial states, whose mean is where a reader begins in an economy that does not come back to where it was."""
HERE = Path(__file__).parent


def write_explorer(
    solution: Solution, path: str | Path, *, problem: str = "", simulation: xr.Dataset | None = None
) -> Path:
    """Write a page that shows a solution in any state: open it in a browser and move the sliders.

    The page is one file that refers to no other and computes everything itself.

    Args:
        solution: of any model.
        path: of the page.
        problem: its title; the model's name where none is given.
        simulation: one path of the solution, where it is at hand; else one is simulated.

    Returns:
        The path.

    Raises:
        UserError: an operation in the model has no translation; nothing in the state moves; the file cannot be written.
    """
    path, model = Path(path), solution.model
    simulation = solution.simulate() if simulation is None else simulation
    with in_precision(solution.precision):
        data, program = _contents(solution.policy_function, simulation)
    described = getattr(model, "model", model)  # the one whose parameters are uncertain
    page = (
        Environment(autoescape=True)
        .from_string((HERE / "explorer.html").read_text())
        .render(
            problem=problem or model.name,
            description=((type(described).__doc__ or "").strip().splitlines() or [""])[0],
            css=Markup(CSS),
            range=RANGE,
            data=Markup(json.dumps(data).replace("<", "\\u003c")),
            program=Markup(program),
            script=Markup((HERE / "explorer.js").read_text()),
        )
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(path.parent, error) from None
    write_atomically(path, page.encode())
    return path


def step(policy: PolicyFunction, state: Any, indices: tuple[Any, ...]) -> tuple[Any, Array, dict[str, Array]]:
    """Return where an economy goes without surprises, how far it is from what was learnt, and what is seen of it.

    Args:
        policy: the policy function.
        state: today's.
        indices: those of next period's shock, one for every chain; its numbers are their conditional means.

    Returns:
        Next period's state; the largest distance of a feature from its mean, in spreads; states, policies and
        definitions by name.
    """
    model, scaling, decision = policy.model, policy.scaling, policy(state)
    current = shock_of(state)
    moves = any(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(current))
    shock = model.process(state, decision).mean(current) if moves else current
    following = model.transition(state, decision, model.shock.with_indices(shock, indices))
    far = jnp.max(jnp.abs((model.features(state) - scaling.mean) / scaling.spread), initial=0.0)
    return following, far, named(state) | decision._asdict() | model.definitions(state, decision)


def _contents(policy: PolicyFunction, simulation: xr.Dataset) -> tuple[dict[str, Any], str]:
    """Return what the page must know of the model, and the program that it runs.

    Raises:
        UserError: an operation in the model has no translation; nothing in the state moves.
    """
    model = policy.model
    form = jax.eval_shape(model.initial, jax.random.key(0))
    indices = model.shock.indices(form.shock) if model.shock.chains else ()
    shapes: dict[str, tuple[int, ...]] = {}

    def listed(state: Any, indices: tuple[Any, ...]) -> list[Any]:
        following, far, seen = step(policy, state, indices)
        shapes.update({name: jnp.shape(value) for name, value in seen.items()})
        return [*jax.tree.leaves(following), far, *seen.values()]

    try:
        program = translate(listed, form, indices)
    except TranslationError as error:
        raise UserError(f"{model.name}: there is no explorer, since {error}.") from None
    fields = entries(form)
    seen = [np.asarray(simulation[one.name].values).reshape(simulation.sizes["period"], -1) for one in fields]
    starts = seen if model.ergodic else _starts(model)
    first = [_middle(values) for values in starts]
    controls = [
        {"field": number, **one}
        for number, (entry, values, start) in enumerate(zip(fields, seen, first, strict=True))
        for one in _controls(model, entry.name, values, start)
    ]
    if not controls:
        raise UserError(f"{model.name}: there is no explorer, since nothing in the state moves on the simulated path.")
    return {
        "start": [values.tolist() for values in first],
        "least": [np.minimum(values.min(axis=0), one).tolist() for values, one in zip(seen, first, strict=True)],
        "most": [np.maximum(values.max(axis=0), one).tolist() for values, one in zip(seen, first, strict=True)],
        "controls": controls,
        "chains": [number for number, one in enumerate(fields) if _is_index(one)],
        "panels": _panels(model, shapes, [one.name for one in fields], [fields[one["field"]].name for one in controls]),
        "bound": BOUND,
        "ergodic": model.ergodic,
    }, program


def _panels(
    model: Model, shapes: dict[str, tuple[int, ...]], own: list[str], moving: list[str]
) -> list[dict[str, Any]]:
    """Return what may be drawn, and what usually is: the model's definitions first, then policies, then states.

    Args:
        model: the model.
        shapes: of all that is seen, by name.
        own: names of the states.
        moving: names of those that have a slider.
    """
    sets = jax.eval_shape(model.policies, jax.eval_shape(model.initial, jax.random.key(0)))
    prices = [name for one in sets.values() for name in one.multipliers()]
    decided = [name for name in model.Policy._fields if name in shapes]  # pyright: ignore[reportAttributeAccessIssue]
    defined = [name for name in shapes if name not in (*own, *decided)]
    among, order = moving if not model.ergodic else [name for name in decided if name not in prices], list(shapes)
    panels = []
    for name in (*defined, *decided, *own):
        title, shape = name.replace("_", " "), shapes[name]
        labels, few = _labels(model, name, shape), np.prod(shape) <= FEW
        for part in range(max(len(labels), 1) if few else 1):
            panels.append({
                "title": title if shape == () or not few else f"{title} [{labels[part]:g}]",
                "at": order.index(name),
                "part": part,
                "labels": [] if few else labels,
                "axis": model.coordinates().get(name, ("component",))[0].replace("_", " "),
                "usual": name in defined or name in among,
            })  # fmt: skip
    return panels


def _is_index(entry: Any) -> bool:
    """Return whether an entry of a state is the index of a chain."""
    return entry.field.split(".")[0] == "shock" and jnp.issubdtype(entry.value.dtype, jnp.integer)


def _starts(model: Model) -> list[Num[np.ndarray, "starts numbers"]]:
    """Return the values of initial states, field by field."""
    states = jax.jit(lambda key: initial_states(model, STARTS, key=key))(jax.random.key(0))
    return [np.asarray(leaf).reshape(STARTS, -1) for leaf in jax.tree.leaves(states)]


def _middle(values: Num[np.ndarray, "states numbers"]) -> Num[np.ndarray, " numbers"]:
    """Return the mean of what was seen; of whole numbers the most frequent."""
    if np.issubdtype(values.dtype, np.floating):
        return values.mean(axis=0, dtype=np.float64).astype(values.dtype)
    found, counts = np.unique(values, axis=0, return_counts=True)
    return found[counts.argmax()]


def _controls(model: Model, name: str, values: Num[np.ndarray, "states numbers"], start: Any) -> list[dict[str, Any]]:
    """Return the sliders of a field of the state, of those of its numbers that move."""
    title, whole = name.replace("_", " "), not np.issubdtype(values.dtype, np.floating)
    moving = [place for place in range(values.shape[1]) if np.ptp(values[:, place]) > 0]
    if len(moving) > FEW and not whole:
        return _directions(title, values.astype(np.float64), start)
    labels = _labels(model, name, values.shape[1:])
    sliders = []
    for place in moving:
        ends = (0, 100) if whole else RANGE
        low, high = np.percentile(values[:, place], ends)
        sliders.append({
            "title": title if values.shape[1] == 1 else f"{title} [{labels[place]:g}]",
            "place": place,
            "low": float(min(low, start[place])),
            "high": float(max(high, start[place])),
            "value": float(start[place]),
            "whole": whole,
        })  # fmt: skip
    return sliders


def _directions(
    title: str, values: Num[np.ndarray, "states numbers"], start: Num[np.ndarray, " numbers"]
) -> list[dict[str, Any]]:
    """Return the sliders of a long vector: its principal directions."""
    centred = values - values.mean(axis=0)
    variances, vectors = np.linalg.eigh(centred.T @ centred)
    shares = variances[::-1] / variances.sum()
    sliders = []
    for number, (share, vector) in enumerate(itertools.islice(zip(shares, vectors.T[::-1], strict=True), DIRECTIONS)):
        if share < LEAST:
            break
        direction = vector * np.where(vector.sum() < 0, -1, 1)  # up is more, where there is such a thing
        scores = centred @ direction
        groups = np.array_split(np.argsort(scores, kind="stable"), KNOTS)
        at = np.interp((start - values.mean(axis=0)) @ direction, [scores[g].mean() for g in groups], np.arange(KNOTS))
        sliders.append({
            "title": f"{title}, direction {number + 1} ({100 * share:.0f} %)",
            "knots": [np.float32(values[group].mean(axis=0)).tolist() for group in groups],
            "low": 0.0,
            "high": KNOTS - 1.0,
            "value": float(at),
            "whole": False,
        })  # fmt: skip
    return sliders


def _labels(model: Model, name: str, shape: tuple[int, ...]) -> list[float]:
    """Return the numbers along a vector: the model's own, like ages, where it has some; none for a single number."""
    if shape == ():
        return []
    own, size = np.asarray(model.coordinates().get(name, ("", np.zeros(0)))[1]), int(np.prod(shape))
    plain = own.shape != (size,) or own.dtype.kind not in "iuf"
    return [float(x) for x in (np.arange(size) if plain else own)]
