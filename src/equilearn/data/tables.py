"""Tables: crickets, logic, credit grades (Lending Club), and the synthetic cases of the course's TensorFlow tour."""

from __future__ import annotations

import itertools
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from equilearn.data.files import locate
from equilearn.data.reading import (
    MISSING,
    NO_WORD,
    Sheet,
    column_name,
    decimal_mark,
    numbers_of,
    sheet_of,
    text_of,
    values_of,
)
from equilearn.errors import UserError

GRADES = "ABCDEFG"
LENDING_CLUB = {
    "2014": "lending-club/lending_club_loan_data_2007_2014_clean.csv.gz",
    "2018": "lending-club/loans_full_schema_2018.csv.gz",
}
LEAKS = {
    "2014": ("int_rate", "sub_grade", "installment", "total_pymnt", "loan_status"),
    "2018": ("interest_rate", "sub_grade", "installment", "balance", "paid_total", "paid_principal", "paid_interest",
             "paid_late_fees", "loan_status"),
}  # fmt: skip
"""Columns that reveal the grade (the price follows from it) or what happened after the loan was made: left out."""
NUMBERS = {
    "2014": ("loan_amnt", "funded_amnt_inv", "annual_inc", "open_acc", "total_acc"),
    "2018": ("emp_length", "annual_income", "debt_to_income", "annual_income_joint", "debt_to_income_joint",
             "delinq_2y", "months_since_last_delinq", "earliest_credit_line", "inquiries_last_12m",
             "total_credit_lines", "open_credit_lines", "total_credit_limit", "total_credit_utilized",
             "num_collections_last_12m", "num_historical_failed_to_pay", "months_since_90d_late",
             "current_accounts_delinq", "total_collection_amount_ever", "current_installment_accounts",
             "accounts_opened_24m", "months_since_last_credit_inquiry", "num_satisfactory_accounts",
             "num_accounts_120d_past_due", "num_accounts_30d_past_due", "num_active_debit_accounts",
             "total_debit_limit", "num_total_cc_accounts", "num_open_cc_accounts", "num_cc_carrying_balance",
             "num_mort_accounts", "account_never_delinq_percent", "tax_liens", "public_record_bankrupt",
             "loan_amount", "term"),
}  # fmt: skip
"""Columns of numbers that are known when the loan is made."""
WORDS = {
    "2014": ("term", "emp_length", "home_ownership", "verification_status", "purpose"),
    "2018": ("homeownership", "verified_income", "verification_income_joint", "loan_purpose", "application_type",
             "initial_listing_status", "disbursement_method"),
}  # fmt: skip
"""Columns of words that are known then, of few different values."""
IDENTIFIERS = ("", "rownames", "emp_title", "state", "issue_month")
"""Columns with too many values, or that only say which loan it is."""
MOST_WORDS = 100
FEWEST_ROWS = 50
"""Of a table of one's own."""
MOST_LEFT_OUT = 0.1
"""Where more lines than this share are no rows of the table, it is not the table expected."""


def crickets() -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return 15 pairs: chirps per second, and degrees Fahrenheit (Pierce, 1948).

    Raises:
        UserError: the file is nowhere to be had, or a line of it is no pair of numbers.
    """
    path = locate("crickets/SGD_data.txt", hint="it is the course's file; put it there by hand")
    pairs = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            pair = [float(field) for field in re.split(r"[,;\t ]+", line.strip())]
        except ValueError:
            pair = []
        if len(pair) != 2 or not np.isfinite(pair).all():
            raise UserError(
                f"{path}: line {number} is {line.strip()[:40]!r}, which is no pair of numbers (chirps, degrees); "
                "correct it or take it out."
            )
        pairs.append(pair)
    if len(pairs) < 2:
        raise UserError(f"{path}: holds {len(pairs)} pairs, too few for a line; get it again.")
    return np.array(pairs)[:, 0], np.array(pairs)[:, 1]


LOGIC = {"or": (0, 1, 1, 1), "and": (0, 0, 0, 1), "xor": (0, 1, 1, 0)}


def logic(name: str) -> tuple[Float[np.ndarray, "4 2"], Float[np.ndarray, "4 1"]]:
    """Return the truth table of "or", "and" or "xor".

    Raises:
        UserError: there is no such function.
    """
    if name not in LOGIC:
        raise UserError(f"logic: there is no {name!r}; there are {', '.join(LOGIC)}.")
    return np.array(list(itertools.product([0.0, 1.0], repeat=2))), np.array(LOGIC[name], float)[:, None]


def lending_club(layout: str) -> tuple[Float[np.ndarray, "n inputs"], Float[np.ndarray, "n grades"], list[str]]:
    """Return inputs, one-hot grades A to G, and the inputs' names, for the layout "2014" or "2018".

    Numbers stay numbers (a missing one becomes zero, with a column that says so); words become one column per
    value. The columns in `LEAKS` are left out, and so is every column that is not in `NUMBERS` or `WORDS`. The file may
    be packed or not, separated by commas, semicolons or tabs, and write its numbers in any common way.

    Raises:
        UserError: the layout is unknown; the file is nowhere to be had or damaged, lacks a column, or has a grade or a
            number that cannot be read: the message names the line.

    Warns:
        UserWarning: lines or unknown columns were left out; the warning names them.
    """
    if layout not in LENDING_CLUB:
        raise UserError(f"lending_club: layout must be one of {', '.join(LENDING_CLUB)}, not {layout!r}.")
    path = locate(LENDING_CLUB[layout], hint="it is a public table; put it there by hand")
    sheet = sheet_of(path, "grade")
    _check_layout(sheet, layout)
    grades = _grades(sheet)
    columns: dict[str, np.ndarray] = {}
    numeric = {name: sheet.column(name) for name in NUMBERS[layout]}
    mark = decimal_mark((word for words in numeric.values() for word in set(words)), path)
    for name in sheet.names:
        if name in numeric:
            values = numbers_of(sheet, name, mark)
            columns[name] = np.nan_to_num(values)
            if np.isnan(values).any():
                columns[f"{name} missing"] = np.isnan(values).astype(float)
        elif name in WORDS[layout]:
            columns |= _one_for_each_word(sheet, name)
    unknown = [
        n for n in sheet.names if n not in {*NUMBERS[layout], *WORDS[layout], *LEAKS[layout], *IDENTIFIERS, "grade"}
    ]
    told = sheet.report() + (f" {path}: columns not known and left out: {', '.join(unknown)}." if unknown else "")
    if told:
        warnings.warn(told.strip(), stacklevel=2)
    return np.stack(list(columns.values()), axis=1), np.eye(len(GRADES))[grades], list(columns)


def _check_layout(sheet: Sheet, layout: str) -> None:
    """Raise where the columns are not those of the layout."""
    lacking = {one: [n for n in (*NUMBERS[one], *WORDS[one]) if n not in sheet.names] for one in LENDING_CLUB}
    if not lacking[layout]:
        return
    other = next((one for one, names in lacking.items() if not names), None)
    if other is not None:
        raise UserError(
            f"{sheet.path}: is the table of the layout {other!r}; ask for that, or put the right file there."
        )
    names = ", ".join(f"`{name}`" for name in lacking[layout][:5])
    more = f" and {len(lacking[layout]) - 5} more" if len(lacking[layout]) > 5 else ""
    raise UserError(f"{sheet.path}: lacks the column {names}{more}; it is not the whole table, get it again.")


def _grades(sheet: Sheet) -> Int[np.ndarray, " n"]:
    """Return the grades as 0 to 6; rows without one are left out."""
    words = [word.upper() for word in sheet.column("grade")]
    given = [word.lower() not in MISSING for word in words]
    strange = next((i for i, word in enumerate(words) if given[i] and word not in tuple(GRADES)), None)
    if strange is not None:
        raise UserError(
            f"{sheet.path}: line {sheet.lines[strange]}: the grade is {words[strange][:20]!r}, but grades are A to G; "
            "correct it or take the line out."
        )
    total = len(words) + sum(map(len, sheet.left_out.values()))
    sheet.keep(given, "no grade")
    gone = sum(map(len, sheet.left_out.values()))
    if not sheet.rows or gone > max(10, MOST_LEFT_OUT * total):
        raise UserError(
            f"{sheet.report().removesuffix('.')}: that is {gone} of {total} lines, so it is not the table expected; "
            "get it again."
        )
    return np.array([GRADES.index(word) for word, stays in zip(words, given, strict=True) if stays])


def _one_for_each_word(sheet: Sheet, name: str) -> dict[str, np.ndarray]:
    """Return one column per value of a column of words; a missing one is a value too."""
    words = ["missing" if word in NO_WORD else word for word in sheet.column(name)]
    values, which = np.unique(words, return_inverse=True)
    if len(values) > MOST_WORDS:
        raise UserError(
            f"{sheet.path}: `{name}` has {len(values)} different values (line {sheet.lines[0]}: {words[0][:40]!r}), "
            f"too many for a column of words (at most {MOST_WORDS}); it is not the column expected."
        )
    return {f"{name} = {value}": (which == i).astype(float) for i, value in enumerate(values)}


def own_table(name: str) -> tuple[pd.DataFrame, str, str]:
    """Return a table of one's own, the column that is to be foretold, and in words what was left out.

    A column most of whose words are numbers is one of numbers, every other one of words. Columns of words that are
    nearly all different are left out (they say which row it is), then rows in which something is missing.

    Args:
        name: path/to/table.csv:column.

    Raises:
        UserError: there is no such file or column; a column of numbers holds something else; too few rows are whole,
            or no other column is left.
    """
    path, colon, column = name.rpartition(":")
    if not colon or not path or not column:
        raise UserError(f"data: {name!r} is no path/to/table.csv:column, which says what is to be foretold.")
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; give a table as path/to/table.csv:column.")
    target = column_name(column)
    sheet = sheet_of(Path(path), target)
    columns = {one: values_of(sheet, one) for one in sheet.names}
    table = pd.DataFrame(columns)
    empty = [one for one in columns if pd.isna(columns[one]).all()]
    most = min(MOST_WORDS, max(20, 0.4 * len(table)))
    named = [one for one, values in columns.items()
             if one != target and values.dtype == object and len({*values} - {None}) > most]  # fmt: skip
    table = table.drop(columns=[*empty, *named])
    whole = table.notna().all(axis=1).to_numpy()
    sheet.keep(whole.tolist(), "something is missing")
    table = table.loc[whole].reset_index(drop=True)
    if target in empty or len(table) < FEWEST_ROWS:
        raise UserError(
            f"{path}: has {0 if target in empty else len(table)} rows in which nothing is missing; at least "
            f"{FEWEST_ROWS} are needed to learn from, to choose by and to test on."
        )
    if len(table.columns) < 2:
        raise UserError(f"{path}: has no column beside `{target}` to foretell it from.")
    gone = [*(f"`{one}` (empty)" for one in empty), *(f"`{one}` (too many different words)" for one in named)]
    notes = [*([f"Columns left out: {', '.join(gone)}."] if gone else []), sheet.report()]
    return table, target, " ".join(filter(None, notes))


def random_network_data(
    samples: int, inputs: int, layers: tuple[int, ...], outputs: int, noise: float, *, seed: int
) -> tuple[Float[np.ndarray, "n inputs"], Float[np.ndarray, "n outputs"]]:
    """Return targets drawn first, and inputs made of them by a random ReLU network: the tour's synthetic cases.

    Targets are normal, or for several outputs classes drawn as the largest of noisy softmaxed normals (one-hot). With
    one output the inputs are a function of one number, so wide layers change their scale and nothing else.
    """
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(samples, outputs))
    if outputs > 1:
        y = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    x = y
    for units in (*layers, inputs):
        x = np.maximum(x @ rng.uniform(-1, 1, (x.shape[1], units)), 0)
    y = y + noise * rng.normal(size=y.shape)
    return x, np.eye(outputs)[y.argmax(axis=1)] if outputs > 1 else y
