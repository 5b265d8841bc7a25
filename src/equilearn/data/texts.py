"""Texts: the works that the course's next-letter networks read, one's own file, and sentences of film reviews."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from equilearn.data.files import locate
from equilearn.data.reading import column_name, sheet_of, text_of
from equilearn.errors import UserError

SHAKESPEARE = (
    "text/tinyshakespeare.txt",
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "6fb458f1232090904fb40fe944165e91",
)
FEWEST_SENTENCES = 100
"""Of a table of one's own."""
REVIEWS = ("sentiment/rt-polarity.neg", "sentiment/rt-polarity.pos")
HINT = "it is in rt-polaritydata.tar.gz of www.cs.cornell.edu/people/pabo/movie-review-data; put it there by hand"


def load_text(name: str) -> str:
    """Return a text: `shakespeare` (1.1 million characters of his plays), or that of a file of one's own.

    Raises:
        UserError: the file is nowhere to be had, is no text, or is empty.
    """
    if name == "shakespeare":
        place, url, md5 = SHAKESPEARE
        path = locate(place, url=url, md5=md5)
    else:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"{path}: no such file; give shakespeare, or the path of a text file.")
    text = text_of(path).replace("\r\n", "\n")
    if not text.strip():
        raise UserError(f"{path}: holds no text.")
    return text


class Sentences(NamedTuple):
    """Sentences of two kinds."""

    words: list[list[str]]
    labels: list[int]
    """Of which kind each is, 0 or 1."""
    kinds: tuple[str, str]
    """What the kinds are called."""
    notes: str = ""
    """What was left out, in words."""


def load_sentences(name: str) -> Sentences:
    """Return sentences of two kinds: `reviews`, or a table of one's own as path/to/table.csv:sentence:kind.

    Raises:
        UserError: there is no such file or column; the kinds are not two; the files cannot be read.
    """
    if name == "reviews":
        return load_reviews()
    parts = name.rsplit(":", 2)
    if len(parts) < 3 or not all(parts):
        raise UserError(
            f"data: {name!r} is neither reviews nor path/to/table.csv:sentence:kind, with the names of two columns."
        )
    path, text, kind = Path(parts[0]), *map(column_name, parts[1:])
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a table as path/to/table.csv:sentence:kind.")
    sheet = sheet_of(path, text)
    if text == kind or kind not in sheet.names:
        raise UserError(f"{path}: has no column `{kind}` beside `{text}`; it has {', '.join(sheet.names)}.")
    rows = [_words(one) for one in sheet.column(text)]
    labels = sheet.column(kind)
    kept = [bool(words) and bool(label) for words, label in zip(rows, labels, strict=True)]
    kinds = sorted({label for label, there in zip(labels, kept, strict=True) if there})
    if len(kinds) != 2:
        raise UserError(
            f"{path}: `{kind}` has {len(kinds)} different values in rows with a sentence; it must have two."
        )
    once: dict[tuple[str, ...], set[int]] = {}
    for words, label, there in zip(rows, labels, kept, strict=True):
        if there:
            once.setdefault(tuple(words), set()).add(kinds.index(label))
    known = [(list(words), found.pop()) for words, found in once.items() if len(found) == 1]
    if len(known) < FEWEST_SENTENCES or len({label for _, label in known}) < 2:
        raise UserError(f"{path}: has {len(known)} different sentences; at least {FEWEST_SENTENCES} are needed.")
    gone = len(rows) - len(known)
    notes = f"{gone} rows are left out: empty, there twice, or the same sentence of both kinds." if gone else ""
    said = " ".join(filter(None, (sheet.report(), notes)))
    return Sentences([words for words, _ in known], [label for _, label in known], (kinds[0], kinds[1]), said)


def _words(line: str) -> list[str]:
    """Return the words of a sentence, and its marks of question and exclamation."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?|[!?]", line.lower())


def load_reviews() -> Sentences:
    """Return sentences of film reviews, against (0) and for (1).

    5,331 of each (Pang and Lee, 2005). Sentences that are in the files twice are kept once, so that none is in two
    parts of a split; those in both files are left out.

    Raises:
        UserError: a file is nowhere to be had, or is no text.
    """
    both = [dict.fromkeys(text_of(locate(name, hint=HINT)).splitlines()) for name in REVIEWS]
    sentences = [
        (words, label)
        for label, lines in enumerate(both)
        for line in lines
        if line not in both[1 - label] and (words := _words(line))
    ]
    if len({label for _, label in sentences}) < 2:
        raise UserError(f"{REVIEWS[0]}: it and its counterpart hold no sentences; get them again.")
    return Sentences([words for words, _ in sentences], [label for _, label in sentences], ("against", "for"))
