"""What a solution shows of itself: in a line, in a notebook, in figures and in tables."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd
from jinja2 import Environment

from equilearn.equilibrium.given import given, warn_outside
from equilearn.equilibrium.labelling import components, label
from equilearn.equilibrium.model import Model, PolicyFunction
from equilearn.equilibrium.observation import observed
from equilearn.errors import first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from equilearn.equilibrium.accuracy import Accuracy

HTML = """<div style="max-width: 50em">
<div><b>{{ line }}</b></div>
<div style="border-left: 5px solid {{ colour }}; padding: .2em .8em; margin: .5em 0">{{ words }}</div>
<table><tr><th style="text-align: left">relative to</th><th>mean</th><th>99.9 %</th><th>max</th></tr>
{% for name, row in rows %}<tr><td style="text-align: left">{{ name }}</td>{% for cell in row %}<td>{{ cell }}</td>
{% endfor %}</tr>{% endfor %}</table>
{% for note in notes %}<div>{{ note }}</div>{% endfor %}
{% if image %}<img alt="policies" style="max-width: 100%" src="data:image/png;base64,{{ image }}">{% endif %}
</div>"""


class Shown:
    """The base of `Solution`: how it is shown."""

    model: Model
    policy_function: PolicyFunction
    seed: int
    seconds: float
    episodes: int

    @property
    def precision(self) -> str:
        """In which the solution was made: float32 or float64."""
        return self.policy_function.network.weights[0].dtype.name

    def __repr__(self) -> str:
        """Return one line: the model, how long it was learnt, and how that ended."""
        ended = getattr(self, "outcome", None)
        learnt = f"{self.episodes:,} episodes in {self.seconds:.1f} s, seed {self.seed}"
        return f"Solution({self.model.name}: {learnt}, {getattr(ended, 'value', ended)})"

    @functools.cached_property
    def _certificate(self) -> Accuracy:
        """The certificate with the usual numbers, found when first shown."""
        return self.accuracy()  # pyright: ignore[reportAttributeAccessIssue]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, the errors and the policies; found in seconds when first shown."""
        from equilearn.equilibrium.verdict import judge
        from equilearn.style import png

        accuracy = self._certificate
        verdict = judge(self, accuracy)  # pyright: ignore[reportArgumentType]
        rows = [
            (f"equation {name}", [row[c] for c in ("mean", "99.9", "max")]) for name, row in accuracy.summary().items()
        ]
        if accuracy.policy is not None:
            rows += [
                (f"policy {name}, estimated", [row[f"relative {c}"] for c in ("mean", "99.9", "max")])
                for name, row in accuracy.policy.summary().items()
            ]
        notes = accuracy.notes()
        try:
            image = base64.b64encode(png(self.plot())).decode()
        except Exception as error:  # a figure that cannot be drawn must not hide the verdict
            image, notes = "", [*notes, f"The figure failed: {type(error).__name__}: {first_line(error)}"]
        page = Environment(autoescape=True).from_string(HTML)
        return page.render(
            line=repr(self),
            words=verdict.words,
            colour="#009e73" if verdict.accurate else "#cc3311",
            rows=[(name, [f"{value:.1e}" for value in row]) for name, row in rows],
            notes=notes,
            image=image,
        )

    def plot(self, what: str = "policies", **options: Any) -> Figure:
        """Return a figure.

        Args:
            what: `policies` over a state (`over="capital"`, `over=("capital", 3)`, `over="age"`; all others at their
                mean on a simulated path, a line for every state of the chain); `paths` (options of `simulate`);
                `response` (`shock=` and options of `impulse_response`; bands between `quantiles`); `errors` of the
                equations and of the policies; `training`.
            options: `variables`, a list of names, where there is a choice; `accuracy` for `errors`, where it is at
                hand; and those named above.

        Returns:
            A Matplotlib figure; `figure.savefig(path)` keeps it.

        Raises:
            UserError: there is no such figure, option, variable or state.
        """
        from equilearn.equilibrium.plots import draw
        from equilearn.equilibrium.solution import in_precision

        with in_precision(self.precision):
            return draw(self, what, options)

    def table(self, states: Any) -> pd.DataFrame:
        """Return policies and definitions in given states beside the states, a row for each.

        Args:
            states: a state, or many: a leading axis on every field.

        Returns:
            A column for every number: those of vectors are called `savings[21]`, by the model's labels.

        Raises:
            UserError: the states are not of this model, or impossible.
        """
        from equilearn.equilibrium.solution import in_precision

        with in_precision(self.precision):
            states, axes = given(self.model, states)
            states = states if axes else jax.tree.map(lambda leaf: leaf[None], states)
            warn_outside(self.policy_function, states, "table", level=3)
            values, _ = observed(self.policy_function, jax.tree.map(lambda leaf: leaf[None], states))
            data = label(self.model, {name: np.asarray(value)[0] for name, value in values.items()}, ("state",))
        own = [name for name in _in_order(self.model, states) if name in data]
        order = [*own, *(str(name) for name in data.data_vars if name not in own)]
        return pd.DataFrame(
            {key: column for name in order for key, column in components(data[name], ("state",)).items()}
        )

    def bounds(self, periods: int = 10_000, *, burn_in: int = 2_000, seed: int = 1) -> pd.Series:
        """Return how often each policy is at an end of its feasible set, as shares of the periods of a fresh path.

        For the ends that have a multiplier, which are part of the economics, of a vector's components as well as of the
        periods; for the others, the periods in which any component is there. Clamps that the model names
        (`safeguards`) are among them. What the certificate says in words is this without what is negligible.
        """
        accuracy = self.accuracy(periods, burn_in=burn_in, seed=seed)  # pyright: ignore[reportAttributeAccessIssue]
        shares: dict[str, float] = {}
        for part in accuracy.parts:
            for what, share in {**part.held, **part.binding}.items():
                shares[what] = max(share, shares.get(what, 0.0))
        return pd.Series(shares, name="share of periods", dtype=float)


def _in_order(model: Model, states: Any) -> list[str]:
    """Return the names of states and policies in the order in which the model has them."""
    from equilearn.equilibrium.shocks import named

    return [*named(states), *model.Policy._fields]  # pyright: ignore[reportAttributeAccessIssue]
