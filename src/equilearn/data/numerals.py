"""Numbers spelt in words, in English and in French, by the library num2words: pairs that are exact and endless."""

from __future__ import annotations

import re
from collections.abc import Iterable

from equilearn.errors import UserError


def spell(numbers: Iterable[int], language: str) -> list[str]:
    """Return whole numbers in words.

    Args:
        numbers: not below zero.
        language: a code of num2words, "en" or "fr" say.

    Raises:
        UserError: num2words is not installed.
    """
    try:
        from num2words import num2words
    except ModuleNotFoundError:
        raise UserError("numbers in words: need num2words; install it: pip install num2words.") from None
    return [num2words(int(number), lang=language) for number in numbers]


def pieces(spelt: str) -> list[str]:
    """Return the words of a spelt number, and the hyphens and commas between them."""
    return re.findall(r"[^\s,-]+|[,-]", spelt)


def joined(words: Iterable[str]) -> str:
    """Return what `pieces` took apart."""
    return " ".join(words).replace(" - ", "-").replace(" ,", ",")
