"""What a lab, or an agent's training, finds: words, tables and pictures in order, and the figures for people's scripts.

Either fills a `Findings`; `write_findings` makes of it `result.json`, `figures/*.png` and one self-contained page.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure

from equilearn.learn.files import refuse, write_atomically, write_json
from equilearn.style import CSS, png

PARTS = """<p class="lead">{{ lead }}</p>
{% for kind, caption, content in parts %}
{% if kind == "heading" %}<h2>{{ caption }}</h2>
{% elif kind == "text" %}<p>{{ caption }}</p>
{% elif kind == "table" %}<div class="wide"><table><caption>{{ caption }}</caption>
<tr>{% for cell in content[0] %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in content[1:] %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% else %}<figure><img alt="{{ caption }}" src="data:image/{{ "gif" if kind == "animation" else "png" }};base64,{{
image(content) }}"> <figcaption>{{ caption }}</figcaption></figure>
{% endif %}{% endfor %}
"""
PAGE = (
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}: equilearn</title>
<style>{{ css }}</style></head><body>
<h1>{{ title }}</h1>"""
    + PARTS
    + """<details><summary>Settings and versions</summary><pre>{{ details }}</pre></details>
</body></html>
"""
)


def cell(value: Any) -> str:
    """Return a value as a table shows it: three significant digits for numbers that are not whole."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if value != value:
        return "–"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def spread(values: Sequence[float] | np.ndarray) -> str:
    """Return figures of several seeds as a table shows them: the median, with the lowest and the highest."""
    return f"{cell(float(np.median(values)))} ({cell(float(min(values)))} to {cell(float(max(values)))})"


@dataclass
class Findings:
    """What a lab found, in the order in which a reader meets it."""

    lead: str
    """One sentence: what the lab is about."""
    result: dict[str, Any] = field(default_factory=dict)
    """Final figures, by name: the content of `result.json`."""
    parts: list[tuple[str, str, Any]] = field(default_factory=list)

    def heading(self, title: str) -> None:
        """Begin a section."""
        self.parts.append(("heading", title, None))

    def text(self, paragraph: str) -> None:
        """Add a paragraph."""
        self.parts.append(("text", paragraph, None))

    def table(self, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table; a row has as many cells as there are columns."""
        for row in rows:
            assert len(row) == len(columns), (columns, row)
        self.parts.append(("table", caption, [list(columns), *([cell(one) for one in row] for row in rows)]))

    def figure(self, caption: str, figure: Figure) -> None:
        """Add a figure; its file's name is made from the caption's beginning (to the first colon)."""
        self.parts.append(("figure", caption, figure))

    def animation(self, caption: str, gif: bytes) -> None:
        """Add an animated picture, a GIF; its file's name is made like a figure's."""
        self.parts.append(("animation", caption, gif))

    def __str__(self) -> str:
        """Return words and tables as plain text."""
        lines = [self.lead]
        for kind, caption, content in self.parts:
            if kind == "heading":
                lines += ["", caption, "-" * len(caption)]
            elif kind == "text":
                lines.append(caption)
            elif kind == "table":
                widths = [max(len(row[i]) for row in content) for i in range(len(content[0]))]
                lines.append(f"{caption}:")
                lines += ["  " + "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in content]
        return "\n".join(lines)

    def drawn(self) -> list[tuple[str, str, Any]]:
        """Return the parts, with figures as the content of PNG files."""
        return [(k, caption, png(one) if k == "figure" else one) for k, caption, one in self.parts]

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return _render(PARTS, self.lead, self.drawn())


def _render(template: str, lead: str, parts: list[tuple[str, str, Any]], **more: str) -> str:
    """Return findings as HTML."""
    page = Environment(autoescape=True).from_string(template)
    return page.render(lead=lead, parts=parts, image=lambda content: base64.b64encode(content).decode(), **more)


def write_findings(folder: Path, title: str, findings: Findings, details: dict[str, Any]) -> None:
    """Write `figures/*.png`, `result.json` and `report.html` into a run folder.

    Args:
        folder: an existing run folder.
        title: the lab's name, or what was trained.
        findings: what it found.
        details: settings and versions, shown at the page's end and kept in `result.json`.
    """
    parts = findings.drawn()
    if any(kind in ("figure", "animation") for kind, *_ in parts):
        try:
            (folder / "figures").mkdir(exist_ok=True)
        except OSError as error:
            raise refuse(folder, error) from None
    for kind, caption, content in parts:
        if kind in ("figure", "animation"):
            name = re.sub(r"[^a-z0-9]+", "-", caption.split(":")[0].lower()).strip("-")
            write_atomically(folder / "figures" / f"{name}.{'png' if kind == 'figure' else 'gif'}", content)
    html = _render(PAGE, findings.lead, parts, title=title, css=CSS, details=json.dumps(details, indent=2))
    write_atomically(folder / "report.html", html.encode())
    result = {"problem": title, **findings.result, **details}
    write_json(folder / "result.json", result)
