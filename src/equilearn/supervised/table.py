"""Rows and columns as people have them: DataFrames, Series, dictionaries of columns, arrays, lists.

A column holds *numbers* (any real type, complete and finite) or *words* (text, categories, true and false). What is
neither (dates, complex numbers, lists), what is missing, and numbers written as text are refused by name and row.
Rows are counted from 0.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from equilearn.errors import UserError

Rows = Any
"""What a user gives for inputs or targets: DataFrame, Series, dictionary of columns, array or list, (n,) or (n, k)."""
Text = np.ndarray
"""One word a row, as an array of objects."""
LARGEST = 1e300
"""Above this, sums of numbers would overflow."""
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, pd.Period, pd.Interval)


def rows_of(data: Rows, what: str) -> pd.DataFrame | pd.Series | np.ndarray:
    """Return a user's rows as a DataFrame, a Series, or an array (n,) or (n, k).

    Raises:
        UserError: they are none of these, or columns share a name; the message begins with `what`.
    """
    if isinstance(data, Mapping):
        data = _made(lambda: pd.DataFrame(data), what)
    if isinstance(data, pd.DataFrame):
        return _with_names(data, what)
    if isinstance(data, pd.Series):
        return data
    if data is None or isinstance(data, (str, bytes, numbers.Number)) or not hasattr(data, "__len__"):
        raise UserError(f"{what}: must be a table, an array or a list, not {_shown(data)}.")
    if hasattr(data, "toarray"):
        raise UserError(f"{what}: is a sparse array; give {what}.toarray().")
    if isinstance(data, (list, tuple)):
        data = _from_list(data, what)
    array = _made(lambda: np.asarray(data), what)
    if array.dtype.names:
        return _with_names(pd.DataFrame(array), what)
    if array.ndim not in (1, 2):
        raise UserError(
            f"{what}: has the shape {array.shape}; give one row a sample: (n,) or (n, columns), by "
            "array.reshape(len(array), -1) say."
        )
    return array


def _made(make: Any, what: str) -> Any:
    """Return what a constructor of arrays makes, its complaint in one sentence."""
    try:
        return make()
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{what}: cannot be read as a table or an array ({reason}).") from None


def _from_list(data: list[Any] | tuple[Any, ...], what: str) -> Any:
    """Return a list as an array; rows of several types keep the type of each column."""
    array = _made(lambda: np.asarray(data), what)
    if array.dtype.kind in "biuf":
        return array
    if any(isinstance(row, (list, tuple, np.ndarray)) for row in data):
        return _made(lambda: pd.DataFrame(list(data)), what).to_numpy(object)
    array = np.empty(len(data), object)
    array[:] = data
    return array


def _with_names(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the table with its columns' names as text."""
    if table.columns.nlevels > 1:
        raise UserError(f"{what}: its columns have names in several levels; give each one name.")
    names = pd.Index([str(name) for name in table.columns], dtype=object)
    if names.has_duplicates:
        raise UserError(f"{what}: several columns are named {names[names.duplicated()][0]!r}; give each its own name.")
    return table.set_axis(names, axis=1)


def _shown(data: Any) -> str:
    return repr(data)[:40] if isinstance(data, (str, bytes, numbers.Number, type(None))) else type(data).__name__


def take(rows: Any, index: Int[np.ndarray, " part"]) -> Any:
    """Return some of the rows, in the given order, as the same kind."""
    return rows.iloc[index] if isinstance(rows, (pd.DataFrame, pd.Series)) else rows[index]


def is_block(rows: Any) -> bool:
    """Return whether rows are an array of numbers, which can be looked at all at once."""
    return isinstance(rows, np.ndarray) and rows.dtype.kind in "iuf"


def columns(rows: Any) -> dict[str, pd.Series]:
    """Return the columns by name; those of arrays are called `column 0`, `column 1`, ..."""
    if isinstance(rows, pd.Series):
        return {str("column 0" if rows.name is None else rows.name): rows}
    if isinstance(rows, pd.DataFrame):
        return {str(name): pd.Series(rows[name]) for name in rows.columns}
    block = rows[:, None] if rows.ndim == 1 else rows
    return {f"column {i}": pd.Series(block[:, i]) for i in range(block.shape[1])}


def block_of(rows: np.ndarray, what: str) -> Float[np.ndarray, "n k"]:
    """Return an array of numbers as (n, k), single or double precision.

    Raises:
        UserError: a number is missing or infinite.
    """
    block = rows if rows.dtype == np.float32 else rows.astype(float)
    block = block[:, None] if block.ndim == 1 else block
    bad = ~(np.abs(block) <= LARGEST) if block.dtype == float else ~np.isfinite(block)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        _refuse_missing(f"{what}: column {column}", int(row), block[row, column])
    return block


def holds_words(column: pd.Series, what: str) -> bool:
    """Return whether a column holds words; False where it holds numbers.

    Raises:
        UserError: it holds neither (dates, complex numbers, lists), or numbers written as text.
    """
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(kind):
        return True
    if pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, (pd.PeriodDtype, pd.IntervalDtype)):
        raise _dates(what)
    if kind.kind == "m":
        raise _dates(what)
    if kind.kind == "c":
        raise UserError(f"{what} holds complex numbers; give their real and imaginary parts as two columns.")
    if pd.api.types.is_numeric_dtype(kind):
        return False
    return _objects_are_words([value for value in column if not is_missing(value)], what)


def _objects_are_words(values: list[Any], what: str) -> bool:
    if any(isinstance(value, DATES) for value in values):
        raise _dates(what)
    texts = [value for value in values if isinstance(value, str)]
    switches = [value for value in values if isinstance(value, (bool, np.bool_))]
    reals = [
        v for v in values if isinstance(v, (numbers.Real, decimal.Decimal)) and not isinstance(v, (bool, np.bool_))
    ]
    if len(texts) + len(switches) + len(reals) < len(values):
        odd = next(v for v in values if not isinstance(v, (str, bool, np.bool_, numbers.Real, decimal.Decimal)))
        raise UserError(f"{what} holds values of type {type(odd).__name__}; give numbers or text.")
    if not texts:
        return not reals
    written = [text for text in texts if looks_like_a_number(text)]
    if len(written) + len(reals) > len(values) / 2:
        other = next((text for text in texts if not looks_like_a_number(text)), None)
        raise UserError(
            f"{what} holds numbers written as text ({(written or texts)[0]!r}"
            + (f", and {other!r} among them" if other is not None else "")
            + '); make them numbers (pandas.to_numeric), or say that they are categories (.astype("category")).'
        )
    return True


def is_numeric(column: pd.Series) -> bool:
    """Return whether all of a column are numbers: no words, true or false."""
    if column.dtype == object:
        return all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in column)
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def looks_like_a_number(text: str) -> bool:
    """Return whether text is a number as people write it: 12, 1,200.5, 3 %, $ 5."""
    if not any(map(str.isdigit, text)):
        return False
    try:
        float(text.strip().strip("$€£%").replace(",", "").replace(" ", "").replace("'", ""))
    except ValueError:
        return False
    return True


def _dates(what: str) -> UserError:
    return UserError(
        f"{what} holds dates or times; make them numbers (the year, or days since a day: "
        "(table[name] - pandas.Timestamp('2000-01-01')).dt.days), or leave the column out."
    )


def is_missing(value: Any) -> bool:
    """Return whether a value stands for nothing."""
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    return value is None or value is pd.NA or value is pd.NaT


def _refuse_missing(what: str, row: int, value: Any) -> None:
    shown = "missing" if is_missing(value) else "infinite" if np.isinf(value) else "too large"
    raise UserError(f"{what} is {shown} ({value}) in row {row}; fill it in or leave the row out.")


def numbers_of(column: pd.Series, what: str) -> Float[np.ndarray, " n"]:
    """Return a column's numbers in double precision.

    Raises:
        UserError: it holds something else, or a number is missing or infinite.
    """
    if holds_words(column, what):
        odd = next((i for i, value in enumerate(column) if not isinstance(value, numbers.Real)), 0)
        raise UserError(f"{what} should hold numbers, but has {column.iloc[odd]!r} in row {odd}.")
    try:
        values = column.to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):
        values = np.array([_float(value) for value in column])
    bad = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if bad.size:
        _refuse_missing(what, int(bad[0]), values[bad[0]])
    return values


def _float(value: Any) -> float:
    try:
        return np.nan if is_missing(value) else float(value)
    except OverflowError:
        return np.inf


def words_of(column: pd.Series, what: str) -> Text:
    """Return a column's words: text without spaces around it; whole numbers alike whatever their type.

    Raises:
        UserError: a word is missing.
    """
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        _refuse_missing(what, int(missing[0]), column.iloc[int(missing[0])])
    codes, values = pd.factorize(column.astype(object))
    words = np.empty(len(values), object)
    words[:] = [word_of(value) for value in values]
    return words[codes]


def check_complete(rows: Any) -> None:
    """Raise where a value of the inputs is missing, infinite or neither number nor word; rows are then the user's own.

    Raises:
        UserError: naming column and row.
    """
    if is_block(rows):
        block_of(rows, "inputs")
        return
    for name, column in columns(rows).items():
        what = called(name)
        words_of(column, what) if holds_words(column, what) else numbers_of(column, what)


def refuse_gaps(rows: Any, what: str) -> None:
    """Raise where a value is missing or, in numbers, infinite.

    Raises:
        UserError: naming `what`, column and row.
    """
    if is_block(rows):
        block_of(rows, what)
        return
    for name, column in columns(rows).items():
        numeric = is_numeric(column) and column.dtype != object
        bad = ~np.isfinite(column.to_numpy(float, na_value=np.nan)) if numeric else column.isna().to_numpy()
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            _refuse_missing(f"{what}: {called(name)}", row, column.iloc[row])


def called(name: str) -> str:
    """Return how a column is called in a message."""
    return name if name.startswith("column ") else f"column {name!r}"


def word_of(value: Any) -> str:
    """Return the word that a value of a category stands for."""
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)) and float(value).is_integer():
        return str(int(float(value)))
    return str(value).strip()


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return the different values, in order."""
    return sorted(set(values))
