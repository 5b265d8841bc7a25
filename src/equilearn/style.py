"""How figures look: colours that people with any colour vision can tell apart, few lines, everything labelled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc3311", "#882255", "#56b4e9")
"""Okabe and Ito's palette, the strong half first."""


CSS = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; font-size: 1.2rem; } .lead { color: #555; margin-top: 0; }
.verdict { border-left: 6px solid #222; background: #f6f6f6; padding: .8rem 1.2rem; margin: 1rem 0; }
.verdict b { font-size: 1.15rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; } td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } .wide { overflow-x: auto; }
.figures { display: grid; grid-template-columns: repeat(2, 1fr); grid-auto-flow: dense; gap: 1.5rem; align-items: end; }
@media (max-width: 50rem) { .figures { grid-template-columns: 1fr; } }
figure { margin: 0; } figure.broad { grid-column: 1 / -1; } img { max-width: 100%; }
caption { caption-side: bottom; color: #555; font-size: .9rem; text-align: left; padding-top: .3rem; }
figcaption { color: #555; font-size: .9rem; }
details { margin: 1rem 0; } pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .85rem; }
"""
"""Of every page; `autoescape` of the templates leaves it as it is, since it has no quotes or angle brackets."""


class Picture(Figure):
    """A figure that notebooks show also where nobody imported pyplot."""

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows."""
        return png(self)


def new_figure(rows: int = 1, columns: int = 1, *, height: float = 3.4, **options: Any) -> tuple[Figure, Any]:
    """Return a figure with a grid of axes (a single one where rows and columns are 1)."""
    figure = Picture(figsize=(4.4 * columns + 0.8, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, **options)
    for axis in np.atleast_1d(axes).flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.5)
    return figure, axes


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file's content."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def bands(axis: Axes, x: Real[np.ndarray, " x"], samples: Float[np.ndarray, "samples x"], *, log: bool = False) -> None:
    """Draw mean, median and the bands between the percentiles 10 and 90, and 0.1 and 99.9, of samples at each x."""
    low, p10, median, p90, high = np.percentile(samples, [0.1, 10, 50, 90, 99.9], axis=0)
    mean = samples.mean(axis=0)
    if log:
        floor = 1e-8
        low, p10, median, p90, high, mean = (
            np.log10(np.maximum(one, floor)) for one in (low, p10, median, p90, high, mean)
        )
    axis.fill_between(x, low, high, color=COLOURS[0], alpha=0.13, linewidth=0, label="0.1 to 99.9 %")
    axis.fill_between(x, p10, p90, color=COLOURS[0], alpha=0.3, linewidth=0, label="10 to 90 %")
    axis.plot(x, median, color=COLOURS[0], linewidth=1.4, label="median")
    axis.plot(x, mean, color=COLOURS[3], linewidth=1.4, linestyle="--", label="mean")
