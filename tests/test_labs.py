"""Labs at small settings, with shapes enforced: what each one claims must already show, over seeds."""

import itertools
import json
import math
import re

import numpy as np
import optax
import pytest
from test_labs_kept import result_of, without_seconds

from equilearn import cli, lab_runs
from equilearn.errors import UserError
from equilearn.labs import LABS, find
from equilearn.labs.approximation import Approximation
from equilearn.labs.borrowing import Borrowing
from equilearn.labs.carbon_tax import CarbonTax
from equilearn.labs.classification import Classification
from equilearn.labs.forecast import Forecast
from equilearn.labs.gradient_descent import GradientDescent
from equilearn.labs.gradients import Gradients
from equilearn.labs.landscape import Landscape
from equilearn.labs.mlp import MLP
from equilearn.labs.overfitting import RATE, RECIPES, Overfitting
from equilearn.labs.perceptron import Perceptron
from equilearn.labs.regression import KEPT_RATE, PLAIN, STOPPING, Regression
from equilearn.labs.tabular import Tabular, _words
from equilearn.optimizers import adam
from equilearn.supervised import regression_baselines


def words(findings):
    return " ".join(caption for kind, caption, _ in findings.parts if kind == "text")


def assert_labelled(findings):
    """Every picture says what is on its axes."""
    for kind, caption, figure in findings.parts:
        if kind == "figure":
            axes = [axis for axis in figure.axes if axis.axison]
            assert any(axis.get_xlabel() for axis in axes), caption
            assert any(axis.get_ylabel() for axis in axes), caption


def test_all_six_kinds_of_gradients_are_named_rightly():
    """Factors a layer by the closed form: sqrt(width E[g'^2]) sigma, with E[g'^2] of 1/2 (ReLU) and 1 (small tanh)."""
    findings = Gradients(width=60, seeds=5).run(live=False)
    assert findings.result["verdict"] == {
        "sigmoid, normal(0, 1)": "stays",
        "sigmoid, Glorot": "vanishes",
        "tanh, normal(0, 0.01)": "vanishes",
        "tanh, Glorot": "stays",
        "ReLU, normal(0, 1)": "explodes",
        "ReLU, He": "stays",
    }
    for name, factor in (
        ("tanh, normal(0, 0.01)", 0.01 * math.sqrt(60)),
        ("ReLU, normal(0, 1)", math.sqrt(60 / 2)),
        ("ReLU, He", 1.0),
        ("sigmoid, Glorot", 0.25),
    ):
        assert findings.result["ratio"][name] ** (1 / 19) == pytest.approx(factor, rel=0.15), name
    assert_labelled(findings)


def test_a_perceptron_learns_what_a_line_separates_and_draws_it_away_from_the_points():
    lab = Perceptron(seeds=20, iterations=50)
    findings = lab.run(live=False)
    assert findings.result["best_line_right"] == {"OR": 4, "AND": 4, "XOR": 3}
    assert findings.result["solved"]["XOR"] == "0 of 20"
    for name in ("or", "and", "xor"):
        w1, w2, bias = lab._train(name)["line"]
        distances = [abs(w1 * x + w2 * y - bias) / math.hypot(w1, w2) for x in (0, 1) for y in (0, 1)]
        assert min(distances) > 0.1, "the line drawn keeps away from the points"
        assert max(distances) < 2, "the line drawn is in the picture"
    assert_labelled(findings)


def test_descent_finds_the_minimum_and_no_word_says_that_fifty_cannot_be_beaten():
    findings = GradientDescent(samples=50_000, rate=4e-5, starts=2).run(live=False)
    for name, one in findings.result["one_number"].items():
        assert one["x"] == pytest.approx(4 / 3, abs=1e-6), name
    assert 40 < findings.result["stochastic"]["last_cost"] < 70, "half the variance of the noise is 50"
    assert "no line has an expected cost below" in words(findings)
    assert_labelled(findings)


@pytest.mark.slow
def test_linear_activations_stay_least_squares_and_no_wider_network_is_worse():
    lab = Approximation(epochs=400, seeds=3)
    made = {name: part(None) for name, part in lab.parts().items() if name == "64-64 linear" or "-" not in name}
    least = regression_baselines(lab._data())["least squares"]["mse"]
    assert made["64-64 linear"]["mse"] == pytest.approx([least] * 3, rel=0.1)
    widths = [made[f"{n} tanh"]["mse"] for n in (4, 16, 64, 256)]
    for narrow, wide in itertools.pairwise(widths):
        assert np.median(wide) < 1.5 * np.median(narrow), "at most the training's noise"
    assert max(widths[-1]) < 0.1 * min(widths[0]) < 0.1 * least
    assert_labelled(lab.report(dict.fromkeys(lab.parts(), made["64 tanh"])))


def test_where_a_wider_network_is_worse_the_training_is_blamed():
    lab = Approximation(seeds=1)
    one = {"parameters": 9, "mse": [0.1], "max": [1.0], "epoch": [1], "loss": [0.1]}
    made = dict.fromkeys(lab.parts(), one) | {"256 tanh": one | {"mse": [0.2]}}
    assert "256 units against 64), the training has not found" in words(lab.report(made))
    assert "No wider network is worse" in words(lab.report(dict.fromkeys(lab.parts(), one)))


@pytest.mark.slow
def test_early_stopping_stops_where_the_rate_does_not_fall():
    lab = Regression(samples=2000, epochs=12, seeds=2)
    parts = lab.parts()
    plain, kept, stopped = (parts[name](None) for name in (PLAIN, KEPT_RATE, STOPPING))
    least = lab.report({name: plain for name in parts}).result["test"]["least squares"]["mse"]
    assert max(plain["mse"]) < 0.1 * least
    assert plain["epochs"] == kept["epochs"] == [12, 12]
    assert min(stopped["epochs"]) < 12, "it stops"
    assert stopped["mse"] != kept["mse"], "and ends elsewhere"
    for ended, best in zip(stopped["epochs"], stopped["lowest"], strict=True):
        assert ended == 12 or ended == best + 2, "after two epochs without a better one"


@pytest.fixture(scope="module")
def overfitting():
    """The lab done once for the tests that look at it."""
    return Overfitting(epochs=2000, seeds=3).run(live=False)


@pytest.mark.slow
def test_the_largest_network_overfits_and_the_remedies_help(overfitting):
    result = overfitting.result["by_seed"]
    large, floor = result["128-128 units"], 0.3**2
    assert max(large["training"]) < floor < np.median(large["test"])
    assert min(result["1 unit"]["training"]) > floor, "too small a network under-fits"
    stopped = result["128-128, early stopping"]
    assert max(stopped["epochs"]) < 2000
    assert [end - best for end, best in zip(stopped["epochs"], stopped["restored"], strict=True)] == [400] * 3
    for remedy in ("early stopping", "weight decay"):
        assert np.median(result[f"128-128, {remedy}"]["test"]) < np.median(large["test"]), remedy
    assert_labelled(overfitting)


def test_the_remedies_differ_from_the_plain_network_in_one_thing(monkeypatch):
    """Every row is trained by Adam at one rate; only the row called weight decay has any."""
    seen = {}

    def spy(data, hidden, settings, *, optimizer, **options):
        seen[name] = (hidden, optimizer, settings.patience, options["dropout"])
        raise KeyboardInterrupt

    monkeypatch.setattr("equilearn.labs.overfitting.fit", spy)
    for name, part in Overfitting().parts().items():  # noqa: B007 (the spy uses it)
        with pytest.raises(KeyboardInterrupt):
            part(None)
    plain = ((128, 128), adam(RATE, weight_decay=0.0), None, 0.0)
    assert seen["128-128 units"] == plain
    for name in list(RECIPES)[3:]:
        assert sum(a != b for a, b in zip(seen[name], plain, strict=True)) == 1, name
    assert seen["128-128, weight decay"][1] == adam(RATE, weight_decay=RECIPES["128-128, weight decay"][1]["decay"])


def test_adams_decay_is_that_of_adamw():
    parameters = {"w": np.full((2, 3), 0.5, np.float32), "b": np.ones(3, np.float32)}
    gradient = {"w": np.full((2, 3), 0.01, np.float32), "b": np.full(3, 0.02, np.float32)}
    ours, theirs = (
        adam(0.1, weight_decay=0.2, clip=math.inf),
        optax.adamw(0.1, weight_decay=0.2, mask={"w": True, "b": False}),
    )
    step, _ = ours.update(gradient, ours.init(parameters), parameters, progress=np.float32(0.02))
    wanted, _ = theirs.update(gradient, theirs.init(parameters), parameters)
    shrink = 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * 0.02))  # the schedule at that progress
    for name in parameters:
        assert np.asarray(step[name]) == pytest.approx(shrink * np.asarray(wanted[name]), rel=1e-4)


def test_the_words_on_credit_say_who_is_better():
    one = {"accuracy": 0.36, "balanced_accuracy": 0.3, "log_loss": 1.4, "calibration_error": 0.01}
    baselines = {name: one for name in ("majority", "logistic regression", "gradient boosting")}
    worse = {name: {key: [value - 0.01] * 3 for key, value in one.items()} for name in
             ("network", "network, classes weighted")}  # fmt: skip
    text = _words(baselines, worse)
    assert "accuracy is 0.350. Better without any network:" in text and "gradient boosting (0.360)" in text
    better = {name: {key: [value + 0.01] * 3 for key, value in one.items()} for name in worse}
    assert "None of the answers without a network is better" in _words(baselines, better)


@pytest.mark.slow
def test_the_loss_is_lowest_where_training_ended():
    findings = Landscape(epochs=15, points=9, seeds=2).run(live=False)
    for one in findings.result["by_seed"].values():
        assert max(one["centre"]) < 0.1 * min(one["worst"])
    assert_labelled(findings)


@pytest.mark.slow
def test_scaling_matters_to_the_network_and_not_to_least_squares():
    hard = Tabular(samples=3000, epochs=6, seeds=2)._synthetic("complex regression")["scores"]
    assert max(hard["network, scaled"]) < 0.1 * min(hard["network, raw"])
    assert max(hard["linear"]) < 0.1 * min(hard["naive"])


@pytest.mark.slow
def houses(path, rows=300):
    """A table as people have it: words, numbers with units, a name of every row, something missing."""
    draws = np.random.default_rng(1)
    size, town = draws.uniform(40, 200, rows), draws.choice(["Bern", "Zug"], rows)
    price = 3000 * size + 200_000 * (town == "Zug") + draws.normal(0, 5000, rows)
    lines = [f"house {i};{a:.1f};{b};${c:,.2f};" for i, (a, b, c) in enumerate(zip(size, town, price, strict=True))]
    lines[7] = "house 7;;Bern;$1,000.00;"
    path.write_text("Name;Living size;Town;Price;Remark\n" + "\n".join(lines) + "\n")
    return f"{path}:Price"


@pytest.mark.slow
def test_a_table_of_ones_own_is_foretold_next_to_least_squares(tmp_path):
    findings = Tabular(data=houses(tmp_path / "houses.csv"), seeds=2).run(live=False)
    scores = {name: float(np.median(one["mse"])) for name, one in findings.result["own"].items()}
    assert scores["least squares"] < 2 * 5000**2 and scores["network"] < 4 * 5000**2 < scores["mean"] / 100
    text = str(findings)
    assert "price of houses.csv, foretold from 2 other columns" in text
    assert "`remark` (empty), `name` (too many different words)" in text and "line 9 (something is missing)" in text
    kinds = Tabular(data=f"{tmp_path / 'houses.csv'}:town", seeds=1).run(live=False).result["own"]
    assert kinds["network"]["accuracy"][0] > 0.9 > kinds["majority"]["accuracy"][0]


def test_a_table_that_nothing_can_be_learnt_from_is_named(tmp_path):
    path = tmp_path / "own.csv"
    for content, name, said in (
        (None, ":y", "is no path/to/table.csv:column"),
        (None, f"{path}:x", "no such file"),
        ("x,y\n" + "1,2\n" * 60, f"{path}:z", "has no column `z`"),
        ("x,y\n" + "1,2\n" * 40, f"{path}:x", "has 40 rows in which nothing is missing; at least 50"),
        ("x,y\n" + ",2\n" * 60, f"{path}:x", "has 0 rows in which nothing is missing"),
        ("x,y\n" + "1,\n" * 60, f"{path}:x", "has no column beside `x`"),
        ("x,y\n" + "1,2\n" * 60 + "12x,2\n", f"{path}:x", "line 62: `x` is '12x', which is no number"),
        ("x,y\n" + "1,2\n" * 60 + "1,n.a.!\n", f"{path}:x", "line 62: `y` is 'n.a.!', which is no number"),
        ("x;y\n" + "1.25;2\n" * 60 + "1,25;2\n", f"{path}:x", "with a decimal point ('1.25') and with a decimal comma"),
    ):
        if content:
            path.write_text(content)
        assert cli.run(["lab", "tabular", "--data", name, "--out", str(tmp_path / "run")]) == 2
        assert not (tmp_path / "run").exists()
        with pytest.raises(UserError, match=re.escape(said)):
            Tabular(data=name).learns_from()


@pytest.mark.parametrize(
    "given", [{"epochs": 50}, {"samples": 500}, {"layout": "2018"}, {"tensorboard": "events"}], ids=str
)
def test_settings_of_the_courses_tables_are_refused_with_ones_own(given):
    with pytest.raises(UserError, match=f"Tabular: {next(iter(given))} is for the course's data"):
        Tabular(data="own.csv:price", **given)


@pytest.mark.slow
def test_images_are_told_apart_better_than_by_the_majority_and_early_stopping_stops(shared):
    findings = Classification(images=2000, epochs=25, seeds=2).run(live=False)
    test, by_seed = findings.result["test"], findings.result["by_seed"]
    assert test["128 ReLU (the course's)"]["accuracy"] > 0.7 > test["majority"]["accuracy"]
    assert min(by_seed["early stopping"]["epochs"]) < 25
    assert by_seed["early stopping"]["log_loss"] != by_seed["128 ReLU (the course's)"]["log_loss"]
    assert_labelled(findings)


@pytest.mark.slow
def test_hidden_units_learn_what_one_neuron_cannot(shared, monkeypatch):
    monkeypatch.setattr("equilearn.labs.mlp.LOGIC_EPOCHS", 1000)
    monkeypatch.setattr("equilearn.labs.mlp.HIDDEN", (1, 5, 20))
    monkeypatch.setattr("equilearn.labs.mlp.MORE", (200, 1000))
    findings = MLP(seeds=3, images=5000, hidden=(64,), epochs=10, digits_seeds=1).run(live=False)
    result = findings.result
    assert result["logic"]["AND"] == 1 and result["logic"]["XOR"] > 0
    few = result["mnist_200"]
    assert few["1"] < few["5"] < few["20"] + 0.05
    assert result["mnist"]["network"] > result["mnist"]["logistic regression"] > result["mnist"]["majority"]
    assert_labelled(findings)


@pytest.mark.slow
def test_productivity_moves_consumption_the_right_way_under_every_limit(tmp_path):
    lab = Borrowing(limits=(0.0, -0.5), episodes=150, paths=200, periods=3)
    findings = lab_runs.begin("borrowing", lab, tmp_path)
    impact = findings.result["impact"]
    for limit in ("0", "-0.5"):
        low, high, worst, _ = impact[limit]
        assert worst < low < 0 < high
    young = np.array(findings.result["impact_by_age"]["0"])[3, 0]
    assert young > np.array(findings.result["impact_by_age"]["-0.5"])[3, 0], "who can borrow needs the wage less"
    assert_labelled(findings)
    kept, whole = tmp_path / "runs" / "limit-0" / "last.npz", (tmp_path / "result.json").read_bytes()
    written = kept.stat().st_mtime_ns
    (tmp_path / "result.json").unlink()
    assert cli.run(["resume", str(tmp_path)]) == 0
    assert (tmp_path / "result.json").read_bytes() == whole
    (tmp_path / "parts" / "limit-0.json").unlink()
    assert cli.run(["resume", str(tmp_path)]) == 0
    assert result_of(tmp_path) == without_seconds(json.loads(whole))
    assert kept.stat().st_mtime_ns == written, "nothing was trained again"


@pytest.mark.slow
def test_the_climate_is_within_one_per_cent_of_the_exact_path():
    lab = CarbonTax()
    one = lab.parts()["CDICE, optimal"](None)
    assert 0 < one["gaps"]["scc"] < 0.01 and one["gaps"]["temperature"] < 0.01


def test_a_law_that_no_line_fits_is_learnt_by_a_network_and_by_no_linear_forecast(tmp_path):
    """The logistic map: each value follows from the last, by a parabola."""
    values = [0.3]
    for _ in range(900):
        values.append(3.9 * values[-1] * (1 - values[-1]))
    (tmp_path / "map.csv").write_text("n,x\n" + "".join(f"{n},{x:.9f}\n" for n, x in enumerate(values)))
    lab = Forecast(series=f"{tmp_path / 'map.csv'}:x", history=4, cell="gru", hidden=16, epochs=60, seeds=1)
    findings = lab.run(live=False)
    mse, test = findings.result["mse"], findings.result["test of the difference"]["1"]["GRU"]
    assert mse["linear + GRU"][0][0] < 0.02 * mse["linear AR(4)"][0], "what the line leaves is learnt on top of it"
    assert mse["GRU"][0][0] < 0.02 * min(mse["linear AR(4)"][0], mse["mean"][0], mse["persistence"][0])
    assert test["p_value"] < 1e-3 and test["difference"] < 0
    assert_labelled(findings)


def test_a_lab_does_not_go_on_with_a_series_that_has_changed(tmp_path):
    table = tmp_path / "own.csv"
    values = np.random.default_rng(0).normal(size=80).cumsum()
    lab = Forecast(series=f"{table}:x", history=3, hidden=4, epochs=1, seeds=1)
    for factor in (1, 2):
        table.write_text("n,x\n" + "".join(f"{n},{factor * x:.6f}\n" for n, x in enumerate(values)))
        if factor == 1:
            lab.run(tmp_path / "run", live=False)
    with pytest.raises(UserError, match="has changed since 'baselines' was done"):
        lab.run(tmp_path / "run", live=False)


@pytest.mark.slow
def test_returns_of_prices_are_not_foretold_and_the_lab_says_so(shared):
    findings = Forecast(series="sp500", epochs=3, seeds=1).run(live=False)
    mse = findings.result["mse"]
    assert min(mse["zero"][0], mse["mean"][0]) < mse["persistence"][0]
    assert findings.result["test of the difference"]["1"]["LSTM"]["p_value"] > 0.01
    assert "cannot be told apart" in words(findings)


@pytest.mark.parametrize("name", LABS)
def test_every_lab_takes_two_minutes_at_most_or_five_and_says_so(name, capsys):
    from equilearn import cli

    kind = find(name)
    assert 1 <= kind.seconds <= (300 if name in ("images", "gan", "text", "selfplay") else 120)
    assert bool(kind.full) == (kind.full_seconds is not None)
    assert kind.full_seconds is None or kind.full_seconds > kind.seconds
    with pytest.raises(SystemExit):
        cli.run(["lab", name, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Takes about" in text and ("--full" in text) == bool(kind.full)
    assert kind.in_full() == kind(**kind.full), "the long study's settings are settings of the lab"
    json.dumps(kind.full)
