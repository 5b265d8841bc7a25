"""Texts: the works that the course's next-letter networks read, one's own file, and sentences of film reviews."""

from __future__ import annotations

import re
from pathlib import Path

from equilearn.data.files import locate
from equilearn.data.reading import text_of
from equilearn.errors import UserError

SHAKESPEARE = (
    "text/tinyshakespeare.txt",
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "6fb458f1232090904fb40fe944165e91",
)
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


def load_reviews() -> tuple[list[list[str]], list[int]]:
    """Return sentences of film reviews as words, and whether each is in favour (1) or not (0).

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
        if line not in both[1 - label] and (words := re.findall(r"[^\W_]+(?:'[^\W_]+)?|[!?]", line.lower()))
    ]
    if len({label for _, label in sentences}) < 2:
        raise UserError(f"{REVIEWS[0]}: it and its counterpart hold no sentences; get them again.")
    return [words for words, _ in sentences], [label for _, label in sentences]
