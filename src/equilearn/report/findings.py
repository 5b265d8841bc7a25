"""What a run finds: words, tables and pictures in order, and the figures for people's scripts.

A lab, an agent's training, a solution and several seeds fill a `Findings` each; `write_findings` makes of it
`figures/*`, one self-contained page and `result.json`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure

from equilearn.folders import RESULT, read_settings, versions
from equilearn.learn.files import refuse, write_atomically, write_json
from equilearn.style import COLOURS, CSS, png

PARTS = """<p class="lead">{{ lead }}</p>
{% for kind, caption, content in parts %}
{% if kind == "heading" %}<h2>{{ caption }}</h2>
{% elif kind == "text" %}<p>{{ caption }}</p>
{% elif kind == "link" %}<p><a href="{{ content[0] }}">{{ caption }}</a>{{ content[1] }}</p>
{% elif kind == "verdict" %}<div class="verdict" style="border-color: {{ content[0] }}"><b>{{ caption }}</b>
{% for line in content[1:] %}<br>{{ line }}{% endfor %}</div>
{% elif kind == "table" %}<div class="wide"><table>{% if caption %}<caption>{{ caption }}</caption>{% endif %}
<tr>{% for cell in content[0] %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in content[1:] %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% else %}<div{% if content|length > 1 %} class="figures"{% endif %}>{% for words, picture in content %}
<figure{% if picture.broad %} class="broad"{% endif %}><img alt="{{ words }}"
src="data:image/{{ picture.kind }};base64,{{ encoded(picture) }}">
<figcaption>{{ words }}</figcaption></figure>{% endfor %}</div>
{% endif %}{% endfor %}
"""
"""Figures that follow each other are shown side by side where two fit."""
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
BROAD = 6
"""Inches of a figure's width above which it has the whole width of a page."""


class Drawn(NamedTuple):
    """A picture as its file holds it."""

    content: bytes
    kind: str = "png"
    broad: bool = False


def drawn(figure: Figure) -> Drawn:
    """Return a figure as a picture."""
    return Drawn(png(figure), broad=figure.get_figwidth() > BROAD)


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
    """What a run found, in the order in which a reader meets it."""

    lead: str
    """One sentence: what the run is about."""
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

    def verdict(self, words: str, reasons: Sequence[str], *, good: bool) -> None:
        """Add what is to be seen first: whether the result is to be relied on, and why."""
        self.parts.append(("verdict", words, [COLOURS[2] if good else COLOURS[3], *reasons]))

    def link(self, words: str, file: str, rest: str) -> None:
        """Add a sentence that begins with a link to another file of the folder."""
        self.parts.append(("link", words, (file, rest)))

    def figure(self, caption: str, figure: Figure | Drawn) -> None:
        """Add a figure; its file's name is made from the caption's beginning (to the first colon)."""
        self.parts.append(("figure", caption, figure))

    def animation(self, caption: str, gif: bytes) -> None:
        """Add an animated picture, a GIF; its file's name is made like a figure's."""
        self.parts.append(("animation", caption, Drawn(gif, "gif")))

    def __str__(self) -> str:
        """Return words and tables as plain text."""
        lines = [self.lead]
        for kind, caption, content in self.parts:
            if kind == "heading":
                lines += ["", caption, "-" * len(caption)]
            elif kind in ("text", "verdict"):
                lines += [caption, *(content or ())[1:]]
            elif kind == "table":
                widths = [max(len(row[i]) for row in content) for i in range(len(content[0]))]
                lines += [f"{caption}:"] if caption else []
                lines += ["  " + "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in content]
        return "\n".join(lines)

    def shown(self) -> list[tuple[str, str, Any]]:
        """Return the parts as a page shows them: figures drawn, and those that follow each other together."""
        shown: list[tuple[str, str, Any]] = []
        for kind, caption, content in self.parts:
            if kind not in ("figure", "animation"):
                shown.append((kind, caption, content))
                continue
            if not shown or shown[-1][0] != "pictures":
                shown.append(("pictures", "", []))
            shown[-1][2].append((caption, drawn(content) if isinstance(content, Figure) else content))
        return shown

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return _render(PARTS, self.lead, self.shown())


def _render(template: str, lead: str, parts: list[tuple[str, str, Any]], **more: str) -> str:
    """Return findings as HTML."""
    page = Environment(autoescape=True).from_string(template)
    return page.render(lead=lead, parts=parts, encoded=lambda one: base64.b64encode(one.content).decode(), **more)


def write_findings(folder: Path, title: str, findings: Findings) -> dict[str, Any]:
    """Write `figures/*`, `report.html` and `result.json` into a run folder; return what is in the last.

    Args:
        folder: a run folder, whose settings are written.
        title: what was solved or trained, or the lab's name.
        findings: what was found.
    """
    details = {"settings": read_settings(folder), "versions": versions()}
    parts = findings.shown()
    pictures = [one for kind, _, content in parts if kind == "pictures" for one in content]
    if pictures:
        try:
            (folder / "figures").mkdir(exist_ok=True)
        except OSError as error:
            raise refuse(folder, error) from None
    taken: set[str] = set()
    for caption, picture in pictures:
        stem = re.sub(r"[^a-z0-9]+", "-", caption.split(":")[0].lower()).strip("-") or "figure"
        name = next(n for i in range(len(taken) + 1) if (n := stem if i == 0 else f"{stem}-{i + 1}") not in taken)
        taken.add(name)
        write_atomically(folder / "figures" / f"{name}.{picture.kind}", picture.content)
    html = _render(PAGE, findings.lead, parts, title=title, css=CSS, details=json.dumps(details, indent=2))
    write_atomically(folder / "report.html", html.encode())
    result = {"problem": title, **findings.result, **details}
    write_json(folder / RESULT, result)
    return result
