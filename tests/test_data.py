"""Data: files made here, the real ones where they are, and functions against their definitions."""

import gzip
import struct

import numpy as np
import pytest

from equilearn import cli
from equilearn.data import GENZ, LEAKS, crickets, draw_parameters, lending_club, load_images, load_small, logic, sample
from equilearn.data.files import VARIABLE, locate
from equilearn.data.images import read_idx
from equilearn.data.tables import random_network_data
from equilearn.errors import UserError


def idx(array):
    return b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx_is_read_and_damage_is_named():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(read_idx(idx(array)), array)
    with pytest.raises(UserError, match="cut off"):
        read_idx(idx(array)[:-1])
    with pytest.raises(UserError, match="no IDX"):
        read_idx(b"GIF89a")


def test_images_come_from_the_local_folder(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    images, labels = np.full((3, 28, 28), 255, np.uint8), np.array([1, 2, 3], np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        (tmp_path / "mnist" / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    x, t = load_images("mnist", "train")
    assert x.shape == (3, 784) and x.max() == 1.0
    np.testing.assert_array_equal(t, [1, 2, 3])


@pytest.mark.parametrize(("images", "labels", "message"), [
    (np.zeros((3, 28, 28)), np.arange(2), "2 labels for 3 images"),
    (np.zeros((3, 28, 28)), np.array([1, 2, 12]), "label 12"),
    (np.arange(3), np.arange(3), "not images"),
    (np.zeros((3, 28, 28)), np.zeros((3, 1)), "not labels"),
])  # fmt: skip
def test_images_that_are_not_those_of_the_data_set_are_named(images, labels, message, tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        (tmp_path / "mnist" / f"train-{name}-ubyte.gz").write_bytes(idx(array.astype(np.uint8)))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=message):
        load_images("mnist", "train")


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08", b"\x00\x00\x08\x00", b"\x00\x00\x08\x09" + bytes(40),
                                     b"\x00\x00\x08\x03" + b"\xff" * 12, b"\x00\x00\x0d\x01" + bytes(8)])  # fmt: skip
def test_what_is_no_idx_file_is_named(content):
    with pytest.raises(UserError, match=r"no IDX|cut off"):
        read_idx(content)


def test_names_that_there_are_not_are_named():
    for call in (lambda: load_images("mnist", "test"), lambda: load_images("cifar", "train"),
                 lambda: load_small("wine"), lambda: logic("nand"), lambda: draw_parameters("sine", 2, seed=0),
                 lambda: lending_club("2016")):  # fmt: skip
        with pytest.raises(UserError, match=r"there is no|must be one of"):
            call()


def test_a_missing_file_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=r"crickets/SGD_data.txt: not in .*by hand"):
        locate("crickets/SGD_data.txt", hint="put it there by hand")


@pytest.mark.parametrize("name", GENZ)
@pytest.mark.parametrize("d", [2, 5])
def test_genz_functions_are_their_formulas(name, d):
    c, w = draw_parameters(name, d, seed=1)
    b = GENZ[name][1]
    assert c.sum() == pytest.approx(d if b is None else b) and w.sum() == pytest.approx(1)
    x, t = sample(name, d, 40, parameters=(c, w), seed=2)
    for point, value in zip(x, t[:, 0], strict=True):
        terms = list(zip(point, c, w, strict=True))
        expected = {
            "oscillatory": lambda: np.cos(2 * np.pi * w[0] + sum(ci * xi for xi, ci, _ in terms)),
            "product peak": lambda: np.prod([1 / (1 / ci**2 + (xi - wi) ** 2) for xi, ci, wi in terms]),
            "corner peak": lambda: (1 + sum(ci * xi for xi, ci, _ in terms)) ** -(d + 1),
            "gaussian": lambda: np.exp(-sum((ci * (xi - wi)) ** 2 for xi, ci, wi in terms)),
            "continuous": lambda: np.exp(-sum(ci * abs(xi - wi) for xi, ci, wi in terms)),
            "discontinuous": lambda: (
                0.0 if point[0] > w[0] or point[1] > w[1] else np.exp(sum(ci * xi for xi, ci, _ in terms))
            ),
        }[name]()
        assert value == pytest.approx(expected, rel=1e-10)


def test_the_complex_case_is_a_function_of_one_number():
    x, y = random_network_data(500, 10, (200,) * 4, 1, 0.0, seed=1)
    assert np.linalg.matrix_rank(x / np.abs(x).max()) <= 2
    assert y.shape == (500, 1)


def test_small_data_sets():
    for name, shape, classes in (("iris", (150, 4), 3), ("digits", (1797, 64), 10)):
        x, t = load_small(name)
        assert x.shape == shape and t.shape == (len(x), classes) and np.all(t.sum(axis=1) == 1)


def test_real_files(shared):
    chirps, degrees = crickets()
    assert len(chirps) == 15 and np.polyfit(chirps, degrees, 1) == pytest.approx([3.29109, 25.2323], rel=1e-5)
    x, labels = load_images("mnist", "t10k")
    assert x.shape == (10_000, 784)
    np.testing.assert_array_equal(np.bincount(labels[:200]), [17, 28, 16, 16, 28, 20, 20, 24, 10, 21])
    assert load_images("fashion-mnist", "t10k")[0].shape == (10_000, 784)


def test_credit_grades_leave_out_what_leaks(shared):
    x, t, names = lending_club("2018")
    assert x.shape == (10_000, len(names)) and np.all(t.sum(axis=1) == 1) and np.isfinite(x).all()
    for leak in LEAKS["2018"]:
        assert not any(name.split(" = ")[0] == leak for name in names), leak
    with pytest.raises(UserError, match="layout must be one of"):
        lending_club("2016")


def test_labs_are_listed_and_wrong_flags_are_named(capsys, tmp_path):
    assert cli.run(["list"]) == 0
    listed = capsys.readouterr().out
    for name in ("carbon-tax", "genz", "mlp", "perceptron"):
        assert f"  {name} " in listed
    assert cli.run(["lab", "genze"]) == 2
    assert "no such lab" in capsys.readouterr().err
    assert cli.run(["lab", "genz", "--seeds", "0", "--out", str(tmp_path / "x")]) == 2
    assert "seeds must be at least 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flags", "figures"),
    [
        ("perceptron", ["--seeds", "5"], 1),
        ("dimension", ["--largest", "4"], 1),
        ("genz", ["--dimensions", "2", "--points", "10", "20", "--seeds", "2", "--steps", "50"], 1),
    ],
)
def test_a_lab_leaves_its_folder_and_report(name, flags, figures, tmp_path):
    folder = tmp_path / name
    assert cli.run(["lab", name, *flags, "--out", str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == figures == len(list((folder / "figures").iterdir()))
    first = (folder / "result.json").read_text()
    assert '"problem": "' + name + '"' in first and '"versions"' in first
    assert cli.run(["resume", str(folder)]) == 0
    assert (folder / "result.json").read_text() == first, "what is done is not done again"
