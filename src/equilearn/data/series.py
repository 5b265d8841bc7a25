"""Series in time: ozone, S&P 500, weather, bitcoin, and a column of anyone's own table. Oldest value first.

Known series are sorted by their times; a table of one's own must be in order. Steps at which there is no value (of the
series, or of a column asked for beside it) are left out, and told: the values before and after them then count as
neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from equilearn.data.files import locate
from equilearn.data.reading import Sheet, column_name, decimal_mark, numbers_of, sheet_of, text_of
from equilearn.errors import UserError


class Known(NamedTuple):
    """Where a series of the course is, and what it is."""

    files: tuple[str, ...]
    """The first that is there is read."""
    columns: tuple[str, ...]
    """The first that is there is read."""
    times: str
    """Column of the time; empty where there is none."""
    form: str
    """How times are written, as `datetime.strptime` has it."""
    period: int | None
    """Steps in a season."""
    prices: bool
    words: str


KNOWN = {
    "sp500": Known(("sp500/sp_und.csv.gz",), ("close",), "date", "%Y%m%d", None, True, "S&P 500, daily close"),
    "weather": Known(
        ("weather/jena_climate_2009_2016.csv", "weather/jena_mpi_roof_2024.csv.gz"),
        ("t_(degc)",), "date_time", "%d.%m.%Y %H:%M:%S", 144, False, "temperature in Jena, C, every ten minutes",
    ),
    "bitcoin": Known(
        ("bitcoin/coinbase.csv", "bitcoin/Coinbase_BTCUSD_1h.csv.gz"),
        ("usd", "close"), "date", "%Y-%m-%d %I-%p", None, True, "bitcoin, US dollars",
    ),
}  # fmt: skip
OZONE = "ozone/PNoz.dat"
OZONE_COLUMNS = ("year", "day", "ozone", "sulphur_dioxide")
HINT = "it is a file of the course; put it there by hand"
NAMES = ("ozone", *KNOWN)


class Series(NamedTuple):
    """A series, and what is to be known of it."""

    values: Float[np.ndarray, " T"]
    words: str
    """What it is, in what unit, how often."""
    period: int | None
    """Steps in a season, where there is one."""
    prices: bool
    """Whether these are prices, of which returns are to be foretold."""
    notes: str
    """What the file had that is no step of the series, or out of order; empty where there is nothing."""
    beside: Float[np.ndarray, "T C"]
    """Other columns of the same table, as they were asked for."""


def load_series(name: str, *, beside: Sequence[str] = ()) -> Series:
    """Return a series of the course (`NAMES`), or of one's own: `path/to/table.csv:column`.

    Args:
        name: of the series.
        beside: other columns of its table, in any case, with blanks or underscores.

    Raises:
        UserError: there is no such series or column; a column is named twice; the file is nowhere to be had, or cannot
            be read.
    """
    others = [column_name(column) for column in beside]
    if len(set(others)) < len(others):
        raise UserError(f"beside: a column is given twice in {', '.join(others)}.")
    if name == "ozone":
        return _ozone(locate(OZONE, hint=HINT), others)
    if name in KNOWN:
        known = KNOWN[name]
        return _known(known, _first_of(known.files), others)
    path, colon, column = name.rpartition(":")
    if not colon or not path or not column:
        raise UserError(f"series: there is no {name!r}; there are {', '.join(NAMES)}, or path/to/table.csv:column.")
    return _own(Path(path), column, others)


def _first_of(files: tuple[str, ...]) -> Path:
    for file in files[:-1]:
        try:
            return locate(file)
        except UserError:
            continue
    return locate(files[-1], hint=HINT)


def _ozone(path: Path, others: list[str]) -> Series:
    """Read the course's file: year, day, ozone and sulphur dioxide, each in thousands, apart by blanks."""
    _there(others, "ozone", OZONE_COLUMNS, path)
    rows = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        if not line.split():
            continue
        try:
            rows.append([float(field) for field in line.split()])
        except ValueError:
            raise UserError(f"{path}: line {number} holds something that is no number; correct it.") from None
        if len(rows[-1]) != 4 or not np.isfinite(rows[-1]).all():
            raise UserError(f"{path}: line {number} does not hold four numbers: year, day, ozone, sulphur dioxide.")
    if not rows:
        raise UserError(f"{path}: is empty; get it again.")
    table = np.array(rows)
    years, days = np.round(1000 * table[:, :2].T).astype(int)
    dates = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]") + (days - 1)
    missing = int((dates[-1] - dates[0]).astype(int)) + 1 - len(np.unique(dates))
    notes = f"{missing} days are not in the file: those before and after count as neighbours." if missing > 0 else ""
    beside = table[:, [OZONE_COLUMNS.index(one) for one in others]]
    return Series(table[:, 2], "ozone divided by 1000, daily", None, False, notes, beside)


def _there(others: list[str], column: str, names: Sequence[str], path: Path) -> None:
    """Refuse columns that are not in the table, or are the series itself."""
    for one in others:
        if one == column:
            raise UserError(f"beside: {one!r} is the series itself, whose past is seen anyway.")
        if one not in names:
            raise UserError(f"beside: {path} has no column {one!r}; it has {', '.join(names)}.")


def _known(known: Known, path: Path, others: list[str]) -> Series:
    sheet = _sheet(path, known.columns)
    column = next(one for one in known.columns if one in sheet.names)
    if known.times in others:
        raise UserError(f"beside: {known.times!r} is the time of the steps, by which they are sorted.")
    series = _column(sheet, column, known.words, others)
    if known.times not in sheet.names:
        return series._replace(period=known.period, prices=known.prices)
    words = sheet.column(known.times)
    times = pd.to_datetime(words, format=known.form, errors="coerce").to_numpy()
    if (unread := np.flatnonzero(np.isnat(times))).size:
        raise UserError(
            f"{path}: line {sheet.lines[unread[0]]}: `{known.times}` is {words[unread[0]][:40]!r}, not a time "
            f"written as {known.form}; without times the order is not known."
        )
    order = np.argsort(times, kind="stable")
    forwards = np.diff(times).astype(float)
    strays = min(int((forwards < 0).sum()), int((forwards > 0).sum()))
    said = f"{path}: {strays} rows are not where their time belongs; sorted by `{known.times}`." if strays else ""
    notes = " ".join(filter(None, (series.notes, said)))
    return Series(series.values[order], known.words, known.period, known.prices, notes, series.beside[order])


def _own(path: Path, column: str, others: list[str]) -> Series:
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a table as path/to/table.csv:column.")
    sheet = _sheet(path, (column_name(column),))
    return _column(sheet, column_name(column), f"{column} of {path.name}", others)


def _sheet(path: Path, columns: tuple[str, ...]) -> Sheet:
    for column in columns[:-1]:
        try:
            return sheet_of(path, column)
        except UserError:
            continue
    return sheet_of(path, columns[-1])


def _column(sheet: Sheet, column: str, words: str, others: list[str]) -> Series:
    _there(others, column, sheet.names, sheet.path)
    table = np.stack(
        [numbers_of(sheet, one, decimal_mark(sheet.column(one), sheet.path)) for one in (column, *others)], axis=1
    )
    there = np.all(np.isfinite(table), axis=1)
    sheet.keep([bool(one) for one in there], "no value")
    if there.sum() < 2:
        asked = " beside ".join(f"`{one}`" for one in (column, *others))
        raise UserError(f"{sheet.path}: fewer than two numbers in {asked}; nothing can be foretold from them.")
    return Series(table[there, 0], words, None, False, sheet.report(), table[there, 1:])
