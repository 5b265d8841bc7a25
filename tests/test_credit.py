"""The credit table as people have it: written here in many ways, read as the same numbers, or its line is named."""

import bz2
import gzip
import io
import lzma
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest

from equilearn.data import crickets, lending_club
from equilearn.data.files import VARIABLE
from equilearn.data.tables import LEAKS, LENDING_CLUB, NUMBERS, WORDS
from equilearn.errors import UserError


def loans(layout, rows=60):
    """A table with every column of a layout, drawn at random, some of it missing."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"grade": rng.choice(list("ABCDEFG"), rows)})
    for name in NUMBERS[layout]:
        table[name] = np.round(rng.uniform(0, 90_000, rows), 2) if "income" in name else rng.integers(0, 40, rows)
    for name in WORDS[layout]:
        table[name] = rng.choice(["own", "MORTGAGE", "10+ years", " 36 months"], rows)
    for name in LEAKS[layout]:
        table[name] = rng.integers(0, 9, rows)
    if layout == "2018":
        table["debt_to_income"] = np.round(rng.uniform(0, 40, rows), 2)
        table.loc[4, "debt_to_income"] = None
        table.loc[7, "verified_income"] = None
    return table


LOANS = loans("2018")


def put(folder, content, layout="2018"):
    path = folder / LENDING_CLUB[layout]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def text(table, **options):
    return table.to_csv(index=False, **options)


def zipped(*names, content=None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, content or text(LOANS))
    return buffer.getvalue()


def with_comma(table):
    """Every number as text with a decimal comma and points between thousands."""
    swap = str.maketrans(",.", ".,")
    numbers = {n: table[n].map(lambda v: "" if pd.isna(v) else f"{v:,.2f}".translate(swap)) for n in NUMBERS["2018"]}
    return table.assign(**numbers)


PLAIN = text(LOANS)
AS_PEOPLE_HAVE_IT = {
    "gzip": gzip.compress(PLAIN.encode()),
    "xz": lzma.compress(PLAIN.encode()),
    "bzip2": bz2.compress(PLAIN.encode()),
    "zip": zipped("loans.csv"),
    "gzip in zip": zipped("loans.csv.gz", content=gzip.compress(PLAIN.encode())),
    "utf-8 with a mark": gzip.compress(b"\xef\xbb\xbf" + PLAIN.encode()),
    "utf-16": PLAIN.encode("utf-16"),
    "utf-16 without a mark": PLAIN.encode("utf-16-le"),
    "windows lines": text(LOANS, lineterminator="\r\n").encode(),
    "old mac lines": text(LOANS, lineterminator="\r").encode(),
    "semicolons": text(LOANS, sep=";").encode(),
    "tabs": text(LOANS, sep="\t").encode(),
    "bars": text(LOANS, sep="|").encode(),
    "all quoted": text(LOANS, quoting=1).encode(),
    "thousands": text(LOANS.assign(annual_income=LOANS["annual_income"].map("{:,.2f}".format))).encode(),
    "blanks between thousands": text(LOANS.assign(annual_income=LOANS["annual_income"].map(
        lambda v: f"{v:,.2f}".replace(",", " ")))).encode(),
    "dollars": text(LOANS.assign(annual_income=LOANS["annual_income"].map("${:,.2f}".format))).encode(),
    "per cent": text(LOANS.assign(debt_to_income=LOANS["debt_to_income"].map(
        lambda v: "n/a" if pd.isna(v) else f"{v}%"))).encode(),
    "decimal commas": text(with_comma(LOANS), sep=";").encode(),
    "decimal commas, quoted": text(with_comma(LOANS)).encode(),
    "small grades": text(LOANS.assign(grade=LOANS["grade"].str.lower() + "  ")).encode(),
    "capital names": text(LOANS.rename(columns=str.upper)).encode(),
    "blanks in names": text(LOANS.rename(columns=lambda n: f" {n.replace('_', ' ').title()} ")).encode(),
    "numbered rows": LOANS.to_csv().encode(),
    "other order": text(LOANS[sorted(LOANS)]).encode(),
    "separator at the end": PLAIN.replace("\n", ",\n").encode(),
    "empty lines": (PLAIN.replace("\n", "\n\n", 5) + "\n\n\n").encode(),
    "other words for missing": text(LOANS, na_rep="NA").encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_PEOPLE_HAVE_IT)
def test_the_same_table_in_any_form_is_the_same_numbers(kind, tmp_path, monkeypatch):
    expected = [*NUMBERS["2018"], *WORDS["2018"]]
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    put(tmp_path, AS_PEOPLE_HAVE_IT[kind])
    x, t, names = lending_club("2018")
    found = dict(zip(names, x.T, strict=True))
    for name in NUMBERS["2018"]:
        np.testing.assert_allclose(found[name], LOANS[name].fillna(0).to_numpy(float), err_msg=name)
    for name in WORDS["2018"]:
        for word, rows in LOANS[name].fillna("missing").str.strip().groupby(LOANS[name].fillna("missing").str.strip()):
            np.testing.assert_array_equal(np.flatnonzero(found[f"{name} = {word}"]), rows.index)
    np.testing.assert_array_equal(np.flatnonzero(found["debt_to_income missing"]), [4])
    assert {name.split(" = ")[0].removesuffix(" missing") for name in names} == set(expected)
    np.testing.assert_array_equal(np.array(list("ABCDEFG"))[t.argmax(axis=1)], LOANS["grade"])


def test_latin_letters_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    put(tmp_path, text(LOANS.assign(loan_purpose="café")).encode("latin-1"))
    assert "loan_purpose = café" in lending_club("2018")[2]


def test_an_unpacked_file_under_its_own_name_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    put(tmp_path, PLAIN.encode())
    path = tmp_path / LENDING_CLUB["2018"]
    path.rename(path.with_suffix(""))
    assert len(lending_club("2018")[0]) == len(LOANS)


LINES = PLAIN.splitlines(keepends=True)
LEFT_OUT = {
    "footer": (PLAIN + "\r\nTotal amount funded: 81866225\r\n", r"line 63 \(not \d+ fields\)", 60),
    "two footers": (PLAIN + "Total: 3\nTotal: 4\n", "lines 62, 63", 60),
    "title above": ("Notes offered by prospectus\n" + PLAIN, "line 1 .above the line of names", 60),
    "no grade": (text(LOANS.assign(grade=LOANS["grade"].mask(LOANS.index == 3))), r"line 5 \(no grade\)", 59),
    "names again": ("".join([*LINES[:10], LINES[0], *LINES[10:]]), "line 11 .names of columns again", 60),
    "a line cut short": ("".join([*LINES[:10], LINES[10][:40] + "\n", *LINES[11:]]), r"line 11 \(not", 59),
    "a column not known": (text(LOANS.assign(recoveries=5.0)), "columns not known and left out: recoveries", 60),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_is_left_out_is_named(kind, tmp_path, monkeypatch):
    content, message, rows = LEFT_OUT[kind]
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    put(tmp_path, content.encode())
    with pytest.warns(UserWarning, match=message):
        x, t, names = lending_club("2018")
    assert len(x) == len(t) == rows and not any("recoveries" in name for name in names)


REFUSED = {
    "empty": (b"", "is empty"),
    "blank": (b"\n\n \n", "is empty"),
    "names only": (text(LOANS.head(0)).encode(), "no rows"),
    "numbered grades": (text(LOANS.assign(grade=3)).encode(), "line 2: the grade is '3'"),
    "another grade": (text(LOANS.replace({"grade": {"A": "H"}})).encode(), r"line \d+: the grade is 'H'"),
    "no grade at all": (text(LOANS.assign(grade=None)).encode(), "no grade.*60 of 60 lines"),
    "cut gzip": (gzip.compress(PLAIN.encode())[:900], "damaged or cut off"),
    "cut xz": (lzma.compress(PLAIN.encode())[:900], "damaged or cut off"),
    "zip of two": (zipped("a.csv", "b.csv"), "zip archive of 2 files"),
    "Excel": (zipped("[Content_Types].xml", "xl/workbook.xml"), "Excel file; save the sheet as CSV"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is no text"),
    "a web page": (b"<html><body>Not found</body></html>", "no column `grade`.*<html>"),
    "no grade column": (text(LOANS.drop(columns="grade")).encode(), "no column `grade`"),
    "two grade columns": (PLAIN.replace("sub_grade", "grade", 1).encode(), "two columns `grade`"),
    "a column missing": (text(LOANS.drop(columns="annual_income")).encode(), "lacks the column `annual_income`"),
    "the other layout": (text(loans("2014")).encode(), "the table of the layout '2014'"),
    "a word for a number": (text(LOANS.assign(loan_amount="much")).encode(), "line 2: `loan_amount` is 'much'"),
    "an infinite number": (text(LOANS.assign(loan_amount="inf")).encode(), "line 2: `loan_amount` is 'inf'"),
    "points and commas": (
        text(LOANS.assign(annual_income="12,5", debt_to_income=3.25)).encode(), "decimal point.*decimal comma"),
    "thousands at the wrong place": (
        text(LOANS.assign(annual_income=["1,50,000", *["9,000.50"] * 59])).encode(), "line 2: `annual_income`"),
    "many words": (
        text(pd.concat([LOANS] * 3).assign(loan_purpose=[f"for {i}" for i in range(180)])).encode(),
        "`loan_purpose` has 180 different values"),
    "an open quotation mark": (PLAIN.replace("\nB", '\n"B', 1).replace("\nC", '\n"C', 1).encode(), "line"),
    "half of the lines": (PLAIN.encode() + b"3,4\n" * 60, "60 of 120 lines, so it is not the table"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_named(kind, tmp_path, monkeypatch):
    content, message = REFUSED[kind]
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    put(tmp_path, content)
    with warnings.catch_warnings(), pytest.raises(UserError, match=message) as caught:
        warnings.simplefilter("ignore")
        lending_club("2018")
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / LENDING_CLUB["2018"]).mkdir(parents=True)
    with pytest.raises(UserError, match="is a folder"):
        lending_club("2018")


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (b"20,88.6\r\n16,71.6\r\n\r\n", 2),
        (b"\xef\xbb\xbf20;88.6\n16;71.6", 2),
        (b"20\t88.6\n16 71.6\n", 2),
        (b"chirps,degrees\n20,88.6\n16,71.6\n", "line 1 is 'chirps,degrees'"),
        (b"20,88.6\n16,nan\n", "line 2 is '16,nan'"),
        (b"20,88.6\n16\n", "line 2 is '16'"),
        (b"20,88.6\n", "1 pairs, too few"),
        (b"", "0 pairs, too few"),
    ],
)
def test_crickets_are_pairs_or_their_line_is_named(content, outcome, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "crickets").mkdir()
    (tmp_path / "crickets" / "SGD_data.txt").write_bytes(content)
    if isinstance(outcome, str):
        with pytest.raises(UserError, match=outcome):
            crickets()
    else:
        chirps, degrees = crickets()
        np.testing.assert_array_equal([chirps, degrees], [[20, 16], [88.6, 71.6]])
