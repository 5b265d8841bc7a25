"""Series as people have them: the course's files, both layouts of each, and tables of one's own."""

import gzip

import numpy as np
import pytest

from equilearn.data import load_series
from equilearn.data.files import VARIABLE
from equilearn.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode("latin-1"))
    return path


def test_the_courses_series_are_read_oldest_first(shared):
    ozone, sp500, weather, bitcoin = (load_series(name) for name in ("ozone", "sp500", "weather", "bitcoin"))
    assert len(ozone.values) == 2855 and ozone.values[:2].tolist() == [0.3454, 0.3090]
    assert "days are not in the file" in ozone.notes
    assert len(sp500.values) == 4779 and sp500.values[0] == 1283.27 and sp500.prices
    assert len(weather.values) == 19_132 and weather.values[:2].tolist() == [18.76, 18.96] and weather.period == 144
    assert bitcoin.values[-1] == 8035.88 and bitcoin.values[-2] == 8051 and bitcoin.prices
    assert "line 1 (above the line of names)" in bitcoin.notes
    assert "5 rows are not where their time belongs" in bitcoin.notes, "those of 2017-11-12"


def test_other_layouts_of_the_same_series(folder):
    put(
        folder, "bitcoin/coinbase.csv", "time,USD,EUR\n1514764800,13880,11500\n1514764860,,\n1514764920,13900.5,11600\n"
    )
    bitcoin = load_series("bitcoin")
    assert bitcoin.values.tolist() == [13880, 13900.5] and "line 3 (no value)" in bitcoin.notes
    lines = "".join(f"01.01.2009 00:{t}0:00,996.5,{-8 - t / 10:.2f}\n" for t in range(1, 6))
    put(folder, "weather/jena_climate_2009_2016.csv", "Date Time,p (mbar),T (degC)\n" + lines)
    np.testing.assert_allclose(load_series("weather").values, [-8.1, -8.2, -8.3, -8.4, -8.5])


def test_rows_out_of_order_are_sorted_and_told(folder):
    put(folder, "sp500/sp_und.csv", "date,close\n20010102,1\n20010104,3\n20010103,2\n20010105,4\n")
    series = load_series("sp500")
    assert series.values.tolist() == [1, 2, 3, 4] and "1 rows are not where their time belongs" in series.notes


def test_a_column_of_ones_own(folder):
    path = put(folder, "sales.csv", "month;Units Sold;price\n1;1.000,5;2\n2;2.000,5;3\n3;;4\n")
    sales = load_series(f"{path}:Units Sold")
    assert sales.values.tolist() == [1000.5, 2000.5] and sales.words == "Units Sold of sales.csv"
    assert "line 4 (no value)" in sales.notes


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ozon", "", "there is no 'ozon'; there are ozone, sp500, weather, bitcoin, or path"),
        ("{own}:height", "a,b\n1,2\n2,3\n", "has no column `height`"),
        ("{own}:a", "a,b\n1,2\nx,3\n", "line 3: `a` is 'x', which is no number"),
        ("{own}:a", "a,b\n1,2\n", "fewer than two numbers in `a`"),
        ("{own}:a", "", "is empty"),
        ("nowhere.csv:a", "", "no such file"),
        (":a", "", "there is no ':a'"),
    ],
)
def test_what_cannot_be_read_is_named(folder, name, content, said):
    own = put(folder, "own.csv", content)
    with pytest.raises(UserError, match=said):
        load_series(name.replace("{own}", str(own)))


@pytest.mark.parametrize(
    ("name", "file", "content", "said"),
    [
        ("sp500", "sp500/sp_und.csv.gz", "date,close\n2001-01-03,2\n2001-01-02,1\n", "line 2: `date` is '2001-01-03'"),
        ("ozone", "ozone/PNoz.dat", "1.996 0.2 0.3\n", "line 1 does not hold four numbers"),
        ("ozone", "ozone/PNoz.dat", "1.996 0.2 ozone 1\n", "line 1 holds something that is no number"),
        ("ozone", "ozone/PNoz.dat", " \n", "is empty"),
        ("sp500", "sp500/nothing", "", "not in .* put it there by hand"),
    ],
)
def test_files_of_the_course_that_are_not_right_are_named(folder, name, file, content, said):
    put(folder, file, content)
    with pytest.raises(UserError, match=said):
        load_series(name)


def test_other_columns_are_read_beside_and_stay_with_their_steps(folder):
    put(folder, "sp500/sp_und.csv.gz", "date,close,volume\n20010103,2,20\n20010102,1,10\n20010104,3,\n20010105,4,40\n")
    series = load_series("sp500", beside=("Volume",))
    assert series.values.tolist() == [1, 2, 4] and series.beside.tolist() == [[10], [20], [40]]
    assert "line 4 (no value)" in series.notes, "a step without the other column is left out, and told"
    assert load_series("sp500").beside.shape == (4, 0)
    put(folder, "ozone/PNoz.dat", "1.996 0.201 0.3454 -0.0003\n1.996 0.202 0.309 0.0016\n")
    assert load_series("ozone", beside=("sulphur dioxide",)).beside.tolist() == [[-0.0003], [0.0016]]


@pytest.mark.parametrize(
    ("name", "beside", "said"),
    [
        ("sp500", ("height",), "has no column 'height'; it has date, close"),
        ("sp500", ("close",), "'close' is the series itself"),
        ("sp500", ("date",), "'date' is the time of the steps"),
        ("sp500", ("date", "Date"), "a column is given twice"),
        ("ozone", ("so3",), "has no column 'so3'; it has year, day, ozone, sulphur_dioxide"),
    ],
)
def test_other_columns_that_are_not_there_are_named(folder, name, beside, said):
    put(folder, "sp500/sp_und.csv.gz", "date,close\n20010103,2\n20010102,1\n")
    put(folder, "ozone/PNoz.dat", "1.996 0.201 0.3454 -0.0003\n1.996 0.202 0.309 0.0016\n")
    with pytest.raises(UserError, match=said):
        load_series(name, beside=beside)
