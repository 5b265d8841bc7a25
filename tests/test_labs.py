"""Labs at small settings, with shapes enforced: what each one claims must already show."""

import json

import numpy as np
import pytest

from equilearn import cli
from equilearn.labs.approximation import Approximation
from equilearn.labs.borrowing import Borrowing
from equilearn.labs.classification import Classification
from equilearn.labs.gradient_descent import GradientDescent
from equilearn.labs.landscape import Landscape
from equilearn.labs.mlp import MLP
from equilearn.labs.overfitting import Overfitting
from equilearn.labs.regression import Regression
from equilearn.labs.tabular import Tabular

pytestmark = pytest.mark.slow


def test_descent_finds_the_minimum_and_the_noise_floor():
    result = GradientDescent(samples=100_000, rate=2e-5).run().result
    for name, one in result["one_number"].items():
        assert one["x"] == pytest.approx(4 / 3, abs=1e-6), name
    assert 45 < result["stochastic"]["last_cost"] < 60, "half the variance of the noise is 50"


def test_linear_activations_stay_least_squares_and_others_do_better():
    result = Approximation(epochs=150).run().result
    activation = result["activation"]
    assert activation["linear"] == pytest.approx(activation["least squares"], rel=0.1)
    assert activation["Swish"] < 0.3 * activation["linear"]


def test_the_gentle_network_beats_least_squares():
    test = Regression(samples=2000, epochs=5).run().result["test"]
    assert test["64-64 ReLU"]["mse"] < 0.1 * test["least squares"]["mse"]


def test_the_largest_network_overfits_and_the_remedies_help():
    result = Overfitting(epochs=1500, seeds=2).run().result["mse"]
    large = result["128-128 units"]
    assert large["training"] < 0.3**2 < large["test"]
    assert result["128-128, early stopping"]["test"] < large["test"]


def test_the_loss_is_lowest_where_training_ended():
    for one in Landscape(epochs=15, points=9).run().result["surfaces"].values():
        assert one["centre"] < 0.1 * one["worst"]


def test_scaling_matters_to_the_network_and_not_to_least_squares():
    cases = Tabular(samples=3000, epochs=6, layout="2018").run().result["synthetic"]
    complex_case = cases["complex regression"]
    assert complex_case["scaled"] < 0.1 * complex_case["raw"]
    assert complex_case["linear"] < 0.1 * complex_case["naive"]


def test_images_are_told_apart_better_than_by_the_majority(shared):
    test = Classification(epochs=1).run().result["test"]
    assert test["128 ReLU (the course's)"]["accuracy"] > 0.7 > test["majority"]["accuracy"]


def test_hidden_units_learn_what_one_neuron_cannot(shared):
    result = MLP(seeds=2, digits_seeds=1, epochs=1).run().result
    assert result["logic"]["AND"] == 1 and result["logic"]["XOR"] > 0
    few = result["mnist_200"]
    assert few["1"] < few["5"] < few["20"] + 0.05
    assert result["mnist"]["network, last start"] > result["mnist"]["logistic regression"]


def test_a_lab_that_solves_economies_goes_on_from_what_its_folder_holds(tmp_path, capsys):
    flags = ["--limits", "0", "--episodes", "60", "--paths", "200", "--periods", "2"]
    assert cli.run(["lab", "borrowing", *flags, "--out", str(tmp_path)]) == 0
    kept = tmp_path / "runs" / "limit0" / "last.npz"
    written, whole = kept.stat().st_mtime_ns, json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "result.json").unlink()
    capsys.readouterr()
    assert cli.run(["resume", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "result.json").read_text()) == whole
    assert kept.stat().st_mtime_ns == written, "nothing was trained again"
    (tmp_path / "settings.json").write_text('{"lab": "borrowing", "settings": {"limit": 0}}')
    assert cli.run(["resume", str(tmp_path)]) == 2
    assert "has other settings than this version's" in capsys.readouterr().err


def test_productivity_moves_consumption_the_right_way_under_every_limit():
    findings = Borrowing(limits=(0.0, -0.5), episodes=300, paths=2000, periods=3).run()
    impact = findings.result["impact"]
    for limit in ("0", "-0.5"):
        low, high, worst, _ = impact[limit]
        assert worst < low < 0 < high
    young = np.array(findings.result["impact_by_age"]["0"])[3, 0]
    assert young > np.array(findings.result["impact_by_age"]["-0.5"])[3, 0], "who can borrow needs the wage less"
