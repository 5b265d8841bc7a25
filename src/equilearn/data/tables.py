"""Tables: crickets, logic, credit grades (Lending Club), and the synthetic cases of the course's TensorFlow tour."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float

from equilearn.data.files import locate
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
IDENTIFIERS = ("rownames", "emp_title", "state", "issue_month")
"""Columns with too many values, or that only say which loan it is."""


def crickets() -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return 15 pairs: chirps per second, and degrees Fahrenheit (Pierce, 1948).

    Raises:
        UserError: the file is nowhere to be had.
    """
    path = locate("crickets/SGD_data.txt", hint="it is the course's file; put it there by hand")
    pairs = np.loadtxt(path, delimiter=",")
    return pairs[:, 0], pairs[:, 1]


LOGIC = {"or": (0, 1, 1, 1), "and": (0, 0, 0, 1), "xor": (0, 1, 1, 0)}


def logic(name: str) -> tuple[Float[np.ndarray, "4 2"], Float[np.ndarray, "4 1"]]:
    """Return the truth table of "or", "and" or "xor"."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=2))), np.array(LOGIC[name], float)[:, None]


def lending_club(layout: str) -> tuple[Float[np.ndarray, "n inputs"], Float[np.ndarray, "n grades"], list[str]]:
    """Return inputs, one-hot grades A to G, and the inputs' names, for the layout "2014" or "2018".

    Numbers stay numbers (a missing one becomes zero, with a column that says so); words become one column per
    value. The columns in `LEAKS` are left out.

    Raises:
        UserError: the layout is unknown, or the file is nowhere to be had or damaged.
    """
    import pandas as pd

    if layout not in LENDING_CLUB:
        raise UserError(f"lending_club: layout must be one of {', '.join(LENDING_CLUB)}, not {layout!r}.")
    path = locate(LENDING_CLUB[layout], hint="it is a public table; put it there by hand")
    table = pd.read_csv(path)
    if "grade" not in table:
        raise UserError(f"{path}: has no column `grade`; it is not the table expected.")
    grades = np.array([GRADES.index(grade) for grade in table["grade"]])
    kept = table.drop(columns=["grade", *LEAKS[layout], *IDENTIFIERS], errors="ignore")
    columns: dict[str, np.ndarray] = {}
    for name in kept:
        values = kept[name]
        if pd.api.types.is_numeric_dtype(values):
            columns[str(name)] = values.fillna(0).to_numpy(float)
            if bool(values.isna().to_numpy().any()):
                columns[f"{name} missing"] = values.isna().to_numpy(float)
        else:
            words = values.fillna("missing").astype(str).str.strip()
            columns |= {f"{name} = {word}": (words == word).to_numpy(float) for word in sorted(words.unique())}
    x = np.stack(list(columns.values()), axis=1)
    return x, np.eye(len(GRADES))[grades], list(columns)


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
