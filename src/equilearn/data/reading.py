"""Text files as people have them: packed or not, of any common encoding, separator and way to write numbers.

What cannot be read is named with its line; what is left out is returned, so that it can be told.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from equilearn.errors import UserError

LARGEST = 2**31
"""Bytes of an unpacked file at most."""
PACKED: dict[bytes, Callable[[io.BytesIO], Any]] = {
    b"\x1f\x8b": lambda content: gzip.GzipFile(fileobj=content),
    b"\xfd7zXZ": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
    b"PK\x03\x04": lambda content: _only_member(content),
}
"""How packed files begin, and what opens them."""
MISSING = frozenset(("", "-", ".", "?", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing"))
"""Words for a number that is not there, in any case."""
NO_WORD = frozenset(("", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "null", "NULL", "None"))
"""Words for a word that is not there; NONE in capitals is an answer to some questions."""


def _only_member(content: io.BytesIO) -> Any:
    archive = zipfile.ZipFile(content)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if "[Content_Types].xml" in names:
        raise UserError("is an Excel file; save the sheet as CSV")
    if len(names) != 1:
        raise UserError(f"is a zip archive of {len(names)} files; unpack it and keep the one")
    return archive.open(names[0])


def unpacked(path: Path) -> bytes:
    """Return a file's content, unpacked where it is packed (gzip, xz, bzip2, zip), whatever its name says.

    Raises:
        UserError: it cannot be read, is damaged or cut off, or unpacks to more than 2 GiB.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()}).") from None
    for _ in range(3):  # a packed file in a zip archive, say
        opener = next((one for magic, one in PACKED.items() if content.startswith(magic)), None)
        if opener is None:
            break
        try:
            with opener(io.BytesIO(content)) as file:
                content = file.read(LARGEST + 1)
        except UserError as error:
            raise UserError(f"{path}: {error}.") from None
        except Exception:  # whatever a damaged archive makes its readers raise
            raise UserError(f"{path}: is damaged or cut off; get it again.") from None
        if len(content) > LARGEST:
            raise UserError(f"{path}: unpacks to more than {LARGEST >> 30} GiB; it is not the file expected.")
    return content


def text_of(path: Path) -> str:
    """Return a file's text: UTF-8 or UTF-16 with or without a byte-order mark, else Western European.

    Raises:
        UserError: it cannot be read, or is no text.
    """
    content = unpacked(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif b"\x00" in content[:4]:
        encodings = ["utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return text
    raise UserError(f"{path}: is no text; it should be a table in text form (CSV).")


@dataclass
class Sheet:
    """A table of words as a file has it."""

    path: Path
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    """Where each row ends in the file, counted from 1."""
    left_out: dict[str, list[int]]
    """Lines that are no rows of the table, by the reason."""

    def keep(self, kept: list[bool], reason: str) -> None:
        """Leave out some rows, for a reason."""
        gone = [line for line, stays in zip(self.lines, kept, strict=True) if not stays]
        if gone:
            self.left_out.setdefault(reason, []).extend(gone)
            self.rows = [row for row, stays in zip(self.rows, kept, strict=True) if stays]
            self.lines = [line for line, stays in zip(self.lines, kept, strict=True) if stays]

    def column(self, name: str) -> list[str]:
        """Return the words of a column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def report(self) -> str:
        """Return in words what was left out; empty where nothing was."""
        parts = [f"{listed(lines)} ({reason})" for reason, lines in self.left_out.items()]
        return f"{self.path}: left out: {'; '.join(parts)}." if parts else ""


def listed(lines: list[int]) -> str:
    """Return line numbers in words."""
    shown = ", ".join(map(str, lines[:8])) + (f" and {len(lines) - 8} more" if len(lines) > 8 else "")
    return f"line{'s' if len(lines) > 1 else ''} {shown}"


def sheet_of(path: Path, needed: str) -> Sheet:
    """Return the table in a file: separated by commas, semicolons, tabs or bars, below a line of names.

    Names are made lower case, blanks in them underscores. Lines with another number of fields, and the line of names
    where it is repeated, are left out.

    Args:
        path: the file.
        needed: a column by which the line of names is known; lines above it are left out.

    Raises:
        UserError: the file cannot be read, is empty, has no such column, or two of one name.
    """
    text = text_of(path)
    if not text.strip():
        raise UserError(f"{path}: is empty; get it again.")
    start, separator = _names_at(path, text.splitlines()[:50], needed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    csv.field_size_limit(2**24)
    made: Sheet | None = None
    try:
        for fields in reader:
            row = [field.strip() for field in fields]
            if made is None and reader.line_num > start:
                made = Sheet(path, _names(path, row), [], [], {})
                if start:
                    made.left_out["above the line of names"] = list(range(1, start + 1))
            elif made is not None:
                _add(made, row, reader.line_num)
    except csv.Error as error:
        raise UserError(
            f"{path}: line {reader.line_num}: {error}; look for a quotation mark without a second."
        ) from None
    assert made is not None
    if not made.rows:
        raise UserError(f"{path}: has names of columns, but no rows; get it again.")
    return made


def _names_at(path: Path, lines: list[str], needed: str) -> tuple[int, str]:
    """Return how many lines are above the line of names, and the separator."""
    for number, line in enumerate(lines):
        for separator in ",;\t|":
            try:
                fields = next(csv.reader([line], delimiter=separator), [])
            except csv.Error:
                continue
            if len(fields) > 1 and needed in map(column_name, fields):
                return number, separator
    raise UserError(
        f"{path}: has no column `{needed}`; it is not the table expected (it begins with {lines[0][:60]!r})."
    )


def column_name(field: str) -> str:
    """Return a column's name as tables here have it."""
    return re.sub(r"\s+", "_", field.strip().lower())


def _names(path: Path, row: list[str]) -> list[str]:
    names = [column_name(field) for field in row]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise UserError(f"{path}: has two columns `{twice}`; take out one.")
    return names


def _add(sheet: Sheet, row: list[str], line: int) -> None:
    """Add a row, or leave its line out."""
    if not any(row):
        return
    if len(row) == len(sheet.names) + 1 and not row[-1]:
        row = row[:-1]  # a separator at the end of every line
    if len(row) != len(sheet.names):
        sheet.left_out.setdefault(f"not {len(sheet.names)} fields", []).append(line)
    elif column_name(row[0]) == sheet.names[0] and [column_name(field) for field in row] == sheet.names:
        sheet.left_out.setdefault("names of columns again", []).append(line)
    else:
        sheet.rows.append(row)
        sheet.lines.append(line)


POINT = re.compile(r"[+-]?\d+\.(\d{1,2}|\d{4,})|[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}|[+-]?0\.\d+")
COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})|[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}|[+-]?0,\d+")
"""Numbers that can only be read with a decimal point, or a decimal comma."""


def bare(word: str) -> str:
    """Return a number's text without currency, per cent sign, and blanks or apostrophes between thousands."""
    return re.sub(r"[\s\u00a0\u202f'’]", "", word).strip("$€£%")


def decimal_mark(words: Iterable[str], path: Path) -> str:
    """Return "." or ",": how a file's numbers are written, by those that can be read in one way only.

    Raises:
        UserError: some are written with a point, others with a comma.
    """
    found: dict[str, str] = {}
    for word in words:
        number = bare(word)
        for mark, pattern in ((".", POINT), (",", COMMA)):
            if mark not in found and pattern.fullmatch(number):
                found[mark] = word
    if len(found) == 2:
        raise UserError(
            f"{path}: writes numbers with a decimal point ({found['.']!r}) and with a decimal comma ({found[',']!r}); "
            "write all in one way."
        )
    return next(iter(found), ".")


def numbers_of(sheet: Sheet, name: str, mark: str) -> Float[np.ndarray, " rows"]:
    """Return a column's numbers; nan where one is missing.

    Args:
        sheet: the table.
        name: of the column.
        mark: of decimals, "." or ","; the other one may stand between thousands.

    Raises:
        UserError: a field is no number; the message names the line.
    """
    words = sheet.column(name)
    known = {word: _number(word, mark) for word in set(words)}
    bad = next((i for i, word in enumerate(words) if known[word] is None), None)
    if bad is not None:
        raise UserError(
            f"{sheet.path}: line {sheet.lines[bad]}: `{name}` is {words[bad][:40]!r}, which is no number; correct it "
            "or take the line out."
        )
    return np.array([known[word] for word in words], float)


def values_of(sheet: Sheet, name: str) -> np.ndarray:
    """Return a column's numbers (nan where one is missing), or its words (None where one is) if most are no numbers.

    Raises:
        UserError: most of its words are numbers, but not all, or they are not all written in one way.
    """
    words = sheet.column(name)
    given = [word for word in words if word.lower() not in MISSING]
    counted = sum(_number(word, ".") is not None or _number(word, ",") is not None for word in given)
    if 2 * counted >= len(given):
        return numbers_of(sheet, name, decimal_mark(words, sheet.path))
    return np.array([None if word.lower() in MISSING else word for word in words], object)


def _number(word: str, mark: str) -> float | None:
    """Return a number, nan where it is missing, None where it is something else."""
    if word.lower() in MISSING:
        return np.nan
    number, between = bare(word), "," if mark == "." else "."
    if between in number:
        if not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(between)}\d{{3}})+({re.escape(mark)}\d*)?", number):
            return None
        number = number.replace(between, "")
    try:
        value = float(number.replace(mark, "."))
    except ValueError:
        return None
    return value if np.isfinite(value) else None
