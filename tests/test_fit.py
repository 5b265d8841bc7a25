"""`fit` for people who have a table: least squares as the oracle, round trips, and sentences for what is no data."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from equilearn.errors import UserError
from equilearn.learn import LearnSettings
from equilearn.learn.checkpoint import read_header, save_tree
from equilearn.learn.recording import Recorder
from equilearn.networks import activation_of
from equilearn.optimizers import adam
from equilearn.supervised import (
    classification_baselines,
    classification_metrics,
    compare,
    confusion_matrix,
    fit,
    load,
    regression_baselines,
    regression_metrics,
    split,
)

FEW = LearnSettings(episodes=3, batch_size=32, check_every=1)


def homes(seed=0, rows=300):
    """House prices in dollars, linear in size, age and place, with a spread of the noise of 15,000."""
    rng = np.random.default_rng(seed)
    rooms, year = rng.integers(1, 9, rows), rng.integers(1900, 2020, rows)
    place, garden = rng.choice(["hill", "river", "old town"], rows), rng.random(rows) < 0.4
    worth = 45_000.0 * rooms + 900.0 * (year - 1900) + 60_000 * (place == "river") + 30_000 * garden
    price = worth + 15_000 * rng.normal(size=rows)
    return pd.DataFrame({"rooms": rooms, "year": year, "place": place, "garden": garden, "price": price})


def lawn(seed=0, rows=200):
    """Two numbers and a label in words that follows from them but for a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    return x, np.where(x[:, 0] + x[:, 1] + 0.2 * rng.normal(size=rows) > 0, "wet", "dry")


# ---- least squares and scikit-learn as independent answers


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_table_in_dollars_comes_out_next_to_least_squares(seed):
    fitted = fit(homes(seed), target="price", seed=seed)
    results = compare(fitted)
    assert list(results) == ["mean", "least squares", "gradient boosting", "network"]
    assert results["least squares"]["r2"] > 0.95
    assert results["network"]["r2"] > results["least squares"]["r2"] - 0.01
    assert fitted.test() == results["network"]


def test_units_of_inputs_and_targets_do_not_matter():
    x, t = homes()[["rooms", "year"]].to_numpy(float), homes()["price"].to_numpy()
    plain = fit((x, t), settings=FEW).predict(x)
    for inputs, targets in ((1e-8, 1.0), (1e8, 1e8), (1.0, 1e-8), (1.0, 1e40)):
        scaled = fit((x * inputs, t * targets), settings=FEW)
        np.testing.assert_allclose(scaled.predict(x * inputs) / targets, plain, rtol=1e-4)
        assert scaled.test()["r2"] == pytest.approx(fit((x, t), settings=FEW).test()["r2"], abs=1e-3)


def test_a_small_difference_of_large_numbers_is_not_lost():
    moved = homes().assign(year=homes()["year"] * 1.0 + 1e9)
    np.testing.assert_allclose(
        fit(moved, target="price", settings=FEW).predict(moved),
        fit(homes(), target="price", settings=FEW).predict(homes()), rtol=1e-4,
    )  # fmt: skip


def test_logistic_regression_is_converged():
    x, labels = lawn()
    data = split(x, labels, seed=0)
    ours = classification_baselines(data)["logistic regression"]
    center, spread = data.x_train.mean(axis=0), data.x_train.std(axis=0)
    exact = LogisticRegression(tol=1e-10, max_iter=10_000).fit((data.x_train - center) / spread, data.t_train)
    probabilities = exact.predict_proba((data.x_test - center) / spread)
    expected = classification_metrics(probabilities, (data.t_test == "wet").astype(int))
    assert ours["log_loss"] == pytest.approx(expected["log_loss"], abs=2e-4)


def test_a_baseline_that_has_not_converged_says_so(monkeypatch):
    monkeypatch.setattr("equilearn.supervised.baselines.ITERATIONS", 2)
    with pytest.warns(UserWarning, match="has not converged in 2 iterations"):
        classification_baselines(split(*lawn(), seed=0))


# ---- what goes in, and in which form it comes back


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (lambda wet: np.where(wet, "wet", "dry"), str),
        (lambda wet: pd.Series(np.where(wet, "wet", "dry")).astype("category"), str),
        (lambda wet: wet, bool),
        (lambda wet: np.where(wet, 7, -3), int),
        (lambda wet: np.where(wet, 7.0, -3.0), int),
        (lambda wet: np.where(wet, 7, -3)[:, None], int),
        (lambda wet: list(np.where(wet, "1", "0")), str),
    ],
    ids=["text", "category", "bool", "int", "float", "column", "digits"],
)
def test_labels_come_back_as_they_were(labels, kind):
    x, words = lawn()
    t = labels(words == "wet")
    fitted = fit((x, t), (8,), LearnSettings(episodes=40, batch_size=20, check_every=10), classify=True,
                 optimizer=adam(0.02))  # fmt: skip
    predicted, flat = fitted.predict(x), np.asarray(t).reshape(-1)
    assert predicted.shape == np.shape(t) and type(predicted.reshape(-1)[0].item()) is kind
    assert fitted.labels == sorted(set(flat.tolist()))
    assert np.mean(predicted.reshape(-1) == flat) > 0.9
    q = fitted.probabilities(x)
    np.testing.assert_array_equal(np.array(fitted.labels)[q.argmax(axis=1)], predicted.reshape(-1))
    np.testing.assert_allclose(q.sum(axis=1), 1)
    assert fitted.test((x, t))["accuracy"] == pytest.approx(np.mean(predicted.reshape(-1) == flat))
    assert fitted.confusion((x, t)).sum() == len(x)


def test_a_column_of_labels_of_noise_is_not_learnt():
    rng = np.random.default_rng(0)
    data = split(rng.normal(size=(300, 3)), rng.integers(0, 3, (300, 1)), seed=0)
    accuracy = fit(data, (8,), FEW, classify=True).test(data)["accuracy"]
    assert accuracy < 0.7 and len(set(data.t_test.reshape(-1))) == 3


def test_words_and_one_hot_are_the_same_problem():
    x, words = lawn()
    data = split(x, words, seed=0)
    one_hot = data._replace(
        **{k: np.stack([getattr(data, k) == w for w in ("dry", "wet")], axis=1).astype(float)
           for k in ("t_train", "t_validation", "t_test")}
    )  # fmt: skip
    by_words, by_shares = (fit(one, (8,), FEW, classify=True) for one in (data, one_hot))
    np.testing.assert_array_equal(by_words.probabilities(x), by_shares.predict(x))
    assert by_words.test() == by_shares.test()


@pytest.mark.parametrize("make", [
    lambda x: x, lambda x: x.tolist(), lambda x: pd.DataFrame(x), lambda x: x.astype(np.float32),
    lambda x: x.astype(int), lambda x: x.astype(object), lambda x: jnp.asarray(x), np.asfortranarray,
    lambda x: x.astype(np.uint8), lambda x: x.astype(np.float16), lambda x: x.astype(np.longdouble),
    lambda x: pd.DataFrame(x.astype(int)).astype("Int64"), lambda x: {"a": x[:, 0], "b": x[:, 1]},
])  # fmt: skip
def test_numbers_of_any_type_are_the_same_numbers(make):
    x = np.random.default_rng(0).integers(0, 9, (60, 2)).astype(float)
    t = x[:, 0] - 2 * x[:, 1]
    expected = fit((x, t), (4,), FEW).predict(x)
    np.testing.assert_allclose(fit((make(x), t), (4,), FEW).predict(make(x)), expected, rtol=1e-5, atol=1e-5)


def test_columns_may_have_numbers_for_names():
    table = homes()[["rooms", "year", "price"]]
    numbered = table.set_axis([0, 1, 2], axis=1)
    named = fit(table, (4,), FEW, target="price")
    np.testing.assert_array_equal(fit(numbered, (4,), FEW, target=2).predict(numbered), named.predict(table))


def test_several_targets_keep_their_units_and_shape():
    table = homes().assign(rent=lambda one: one["price"] / 250)
    fitted = fit(table, target=["price", "rent"], optimizer=adam(0.01))
    predicted = fitted.predict(table)
    assert predicted.shape == (300, 2)
    np.testing.assert_allclose(predicted.mean(axis=0), table[["price", "rent"]].mean(), rtol=0.05)
    assert fit(table.drop(columns="rent"), target=["price"], settings=FEW).predict(table).shape == (300, 1)


def test_columns_are_found_by_name_and_others_not_looked_at():
    table = homes()
    fitted = fit(table, target="price", settings=FEW)
    mixed = table[["garden", "year", "place", "rooms"]].assign(note="x", when=pd.Timestamp("2020-01-01"))
    np.testing.assert_array_equal(fitted.predict(mixed), fitted.predict(table))
    assert fitted.coding.inputs.inputs[:3] == ["rooms", "year", "place = hill"]


def test_a_word_not_seen_counts_as_the_average_one():
    table = homes()
    fitted = fit(table, (), target="price")
    strange = table.drop(columns="price").head(1).assign(place="moon")
    known = [fitted.predict(strange.assign(place=place))[0] for place in ("hill", "river", "old town")]
    shares = [fitted.coding.inputs.words["place"][place] for place in ("hill", "river", "old town")]
    assert fitted.predict(strange)[0] == pytest.approx(float(np.dot(known, shares)), rel=1e-5)


def test_a_word_that_looks_like_a_number_is_a_word_where_words_are():
    table = homes(rows=60).assign(street=["7", "Elm", "Oak"] * 20, code=pd.Categorical([10115, 10117] * 30))
    fitted = fit(table, (4,), FEW, target="price")
    expected = fitted.predict(table)[:2]
    np.testing.assert_allclose(fitted.predict(table.iloc[[0]]), expected[:1], rtol=1e-6)
    for code in ([10115, 10117], ["10115", "10117"], [10115.0, 10117.0]):
        np.testing.assert_allclose(fitted.predict(table.head(2).assign(code=code)), expected, rtol=1e-6)
    assert fitted.predict(table.head(0)).shape == (0,)


def test_the_coding_sees_the_training_part_only():
    x, t = homes().drop(columns="price"), homes()["price"]
    data = split(x, t, seed=0)
    moved = data._replace(x_test=data.x_test.assign(rooms=10**6, place="moon"), t_test=data.t_test * 1e6)
    a, b = (fit(one, (4,), FEW) for one in (data, moved))
    np.testing.assert_array_equal(a.predict(x), b.predict(x))
    np.testing.assert_allclose(a.coding.answers.center, data.t_train.mean())


def test_classes_are_spread_evenly_over_the_parts():
    x, _ = lawn(rows=400)
    rare = np.where(np.arange(400) < 40, "rare", "common")
    data = fit((x, rare), (2,), FEW).data
    for t, rows in ((data.t_train, 320), (data.t_validation, 40), (data.t_test, 40)):
        assert len(t) == rows and abs(np.sum(t == "rare") - rows / 10) <= 1


@pytest.mark.parametrize("name", ["Tanh", "gelu"])
def test_activations_by_name_are_the_functions(name):
    table = homes(rows=80)
    function = {"Tanh": jnp.tanh, "gelu": jax.nn.gelu}[name]
    by_name, by_function = (fit(table, (4,), FEW, target="price", activation=one) for one in (name, function))
    np.testing.assert_array_equal(by_name.predict(table), by_function.predict(table))
    for known in ("relu", "swish", "sigmoid", "softplus", "elu", "selu", "leaky_relu"):
        assert activation_of(known) is getattr(jax.nn, known)


# ---- round trips


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "activation": "tanh"}, {"scale": False}])
@pytest.mark.parametrize("kind", ["numbers", "labels", "shares"])
def test_a_saved_fit_predicts_the_same(kind, options, tmp_path):
    table = homes()
    table["dear"] = np.where(table["price"] > table["price"].median(), "yes", "no")
    if options.get("scale") is False:
        table["year"] = (table["year"] - 1960) / 50
        table["price"] /= 1e5
    if kind == "shares":
        t = np.stack([table["dear"] == "yes", table["dear"] == "no"], axis=1)
        fitted = fit((table[["rooms", "year"]].to_numpy(), t), (8,), FEW, classify=True, **options)
        rows = table[["rooms", "year"]].to_numpy()
    else:
        target, other = ("price", "dear") if kind == "numbers" else ("dear", "price")
        fitted = fit(table.drop(columns=other), (8,), FEW, target=target, **options)
        rows = table
    path = fitted.save(tmp_path / "house")
    again = load(path)
    np.testing.assert_array_equal(again.predict(rows), fitted.predict(rows))
    assert again.predict(rows).dtype == fitted.predict(rows).dtype
    if kind != "shares":
        assert again.test(table) == fitted.test(table)
    with pytest.raises(UserError, match="no training part"):
        compare(again)


def test_a_fit_is_the_same_in_double_precision(tmp_path):
    table = homes(rows=80)
    fitted = fit(table, (4,), FEW, target="price", batch_norm=True)
    path = fitted.save(tmp_path / "single")
    with jax.enable_x64(True):
        np.testing.assert_array_equal(load(path).predict(table), fitted.predict(table))
        double = fit(table, (4,), FEW, target="price", batch_norm=True).save(tmp_path / "double")
    assert np.isfinite(load(double).predict(table)).all()


def test_a_resumed_fit_ends_bit_for_bit_as_one_that_was_not_stopped(tmp_path, monkeypatch):
    table = homes(rows=100)
    settings = LearnSettings(episodes=12, batch_size=20, check_every=2, keep_best=True, checkpoint_seconds=1e-9)
    whole = fit(table, (8,), settings, target="price", folder=tmp_path / "whole", dropout=0.1)
    copied = 0

    def stop_after_three(self, *arguments, record=Recorder.write, **named):
        nonlocal copied
        record(self, *arguments, **named)
        copied += 1
        if copied == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "write", stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            fit(table, (8,), settings, target="price", folder=tmp_path / "cut", dropout=0.1)
    resumed = fit(table, (8,), settings, target="price", folder=tmp_path / "cut", dropout=0.1, resume=True)
    np.testing.assert_array_equal(resumed.predict(table), whole.predict(table))
    assert resumed.test() == whole.test()
    shutil.copytree(tmp_path / "cut", tmp_path / "other")
    for wrong in ({"seed": 1}, {"activation": "tanh"}, {"dropout": 0.2}):
        with pytest.raises(UserError, match="holds another run"):
            fit(table, (8,), settings, target="price", folder=tmp_path / "other", resume=True,
                **({"dropout": 0.1} | wrong))  # fmt: skip
    with pytest.raises(UserError, match="holds another run"):
        fit(table.assign(price=table["price"] ** 1.01), (8,), settings, target="price", folder=tmp_path / "other",
            dropout=0.1, resume=True)  # fmt: skip


# ---- what cannot be learnt ends in one sentence


def spoiled(**columns):
    return homes().assign(**columns)


def at(row, value, column="rooms"):
    """The table with one value of a column replaced."""
    table = homes()
    table[column] = table[column].astype(object if isinstance(value, str) or value is None else float)
    table.loc[row, column] = value
    return table


X, T = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50.0)
LABELS = np.arange(50) % 2
BROKEN = X.copy()
BROKEN[7, 1] = np.nan
DAYS = pd.date_range("2020-01-01", periods=300)
PRICE = {"target": "price"}

REFUSED = {
    "nothing": (None, {}, "give a DataFrame"),
    "a number": (3.5, {}, "give a DataFrame"),
    "a file name": ("prices.csv", {}, "give a DataFrame"),
    "an array alone": (X, {}, "give a DataFrame"),
    "three arrays": ((X, T, T), {}, "give a DataFrame"),
    "no target": (homes(), {}, "say which column"),
    "another target": (homes(), {"target": "prize"}, "no column 'prize'; there are 'rooms'"),
    "a number as target": (homes(), {"target": 4}, "no column '4'"),
    "no names": (homes(), {"target": []}, "target is empty"),
    "every column": (homes()[["year", "price"]], {"target": ["year", "price"]}, "no column to predict from"),
    "target of arrays": ((X, T), {"target": "price"}, "leave it out"),
    "target of a split": (split(X, T, seed=0), {"target": "price"}, "leave `target` out"),
    "inputs as text": (("abc", T), {}, "inputs: must be a table"),
    "ragged rows": (([[1, 2], [3]] * 25, T), {}, "inputs: cannot be read"),
    "lengths": ((X, T[:-1]), {}, "50 rows, but the targets 49"),
    "transposed": ((X.T, T), {}, "2 rows, but the targets 50"),
    "images": ((np.zeros((50, 4, 4)), T), {}, "reshape"),
    "columns of one name": (homes().set_axis(["a", "b", "a", "c", "price"], axis=1), PRICE, "named 'a'"),
    "three rows": (homes(rows=3), PRICE, "too few"),
    "no rows": (homes().head(0), PRICE, "too few|no row|missing"),
    "missing number": (at(17, np.nan), PRICE, "column 'rooms' is missing .* row 17"),
    "infinite number": (at(5, np.inf), PRICE, "column 'rooms' is infinite .* row 5"),
    "too large": (at(5, 1e305), PRICE, "column 'rooms' is too large .* row 5"),
    "missing word": (at(3, None, "place"), PRICE, "column 'place' is missing .* row 3"),
    "missing target": (at(9, np.nan, "price"), PRICE, "target 'price' is missing .* row 9"),
    "infinite target": (at(9, -np.inf, "price"), PRICE, "target 'price' is infinite .* row 9"),
    "missing in an array": ((BROKEN, T), {}, "column 1 is missing .* row 7"),
    "missing target in a vector": ((X, np.where(T == 4, np.nan, T)), {}, "column 0 is missing .* row 4"),
    "dates": (spoiled(sold=DAYS), PRICE, "column 'sold' holds dates"),
    "dates as objects": (spoiled(sold=[day.date() for day in DAYS]), PRICE, "column 'sold' holds dates"),
    "periods": (spoiled(sold=pd.period_range("2020", periods=300, freq="D")), PRICE, "column 'sold' holds dates"),
    "durations": (spoiled(age=DAYS - DAYS[0]), PRICE, "column 'age' holds dates"),
    "complex numbers": (spoiled(z=1j), PRICE, "column 'z' holds complex"),
    "lists": (spoiled(list=[[1]] * 300), PRICE, "column 'list' holds values of type list"),
    "numbers as text": (spoiled(income=[f"{i},000" for i in range(300)]), PRICE, "'income' holds numbers written"),
    "numbers and text": (spoiled(income=["12", "n/a", "13"] * 100), PRICE, "'income' holds numbers written .*'n/a'"),
    "names": (spoiled(name=[f"Mr {i}" for i in range(300)]), PRICE, "column 'name' holds 240 different words"),
    "numeric target as text": (spoiled(price=homes()["price"].map("{:.0f} $".format)), PRICE, "written as text"),
    "constant target": (spoiled(price=1.0), PRICE, "target 'price' is 1 in every row"),
    "text as numbers": (spoiled(), {"target": "place", "classify": False}, "target 'place' holds words"),
    "two targets of text": (spoiled(), {"target": ["place", "price"]}, "target 'place' holds words"),
    "one label": ((X, np.ones(50)), {"classify": True}, "one label only"),
    "fractions as labels": ((X, T / 3), {"classify": True}, "which is no label"),
    "missing label": ((X, ["a", None] * 25), {"classify": True}, "no label in row 1"),
    "too many labels": ((X, T), {"classify": True}, "50 different labels"),
    "mixed labels": ((X, np.array(["a", 1] * 25, object)), {"classify": True}, "mixes text"),
    "shares that do not sum to one": ((X, np.ones((50, 3))), {"classify": True}, "row 0 .* no class"),
    "a label not in the training part": (
        split(X, LABELS, seed=0)._replace(t_test=np.array([0, 0, 5, 1, 0])), {"classify": True}, "label 5"),
    "parts of other widths": (split(X, T, seed=0)._replace(x_test=X[:5, :1]), {}, "x_test has other columns"),
    "parts of other lengths": (split(X, T, seed=0)._replace(x_test=X[:4]), {}, "x_test has 4 rows, but t_test 5"),
    "missing in a part": (
        split(homes(rows=50)[["rooms"]], T, seed=0)._replace(x_validation=at(2, np.nan)[["rooms"]],
                                                                       t_validation=np.arange(300.0)),
        {}, "x_validation: column 'rooms' is missing .* row 2"),
    "missing target in a part": (
        split(X, T, seed=0)._replace(t_test=np.array([1, np.nan, 2, 3, 4])), {},
        "t_test: column 0 is missing .* row 1"),
    "missing label in a part": (
        split(X, LABELS.astype(str), seed=0)._replace(t_test=np.array(["1", None, "0", "1", "0"], object)), {},
        "t_test: column 0 is missing .* row 1"),
    "an empty part": (split(X, T, seed=0)._replace(x_test=X[:0], t_test=T[:0]), {}, "x_test has no rows"),
    "hidden text": ((X, T), {"hidden": "64"}, "hidden: must be the units"),
    "hidden below one": ((X, T), {"hidden": (8, 0)}, "hidden: must be the units"),
    "hidden fraction": ((X, T), {"hidden": (8, 2.5)}, "hidden: must be the units"),
    "hidden enormous": ((X, T), {"hidden": (10**6, 10**6)}, "weights; choose smaller"),
    "activation": ((X, T), {"activation": "rely"}, "there is no 'rely'; there are elu"),
    "activation as a number": ((X, T), {"activation": 3}, "activation: must be one of"),
    "activation of another shape": ((X, T), {"activation": jnp.sum}, "element by element"),
    "activation that fails": ((X, T), {"activation": np.linalg.inv}, "activation: cannot be applied"),
    "initialiser": ((X, T), {"initialiser": "xavier"}, "there is no 'xavier'; there are glorot"),
    "initialiser of another shape": ((X, T), {"initialiser": lambda key, shape: jnp.zeros(3)}, "the shape asked for"),
    "dropout": ((X, T), {"dropout": 1.0}, "dropout: must be at least 0 and below 1"),
    "dropout nan": ((X, T), {"dropout": float("nan")}, "dropout: must be"),
    "batch_norm": ((X, T), {"batch_norm": "yes"}, "batch_norm must be True or False"),
    "scale": ((X, T), {"scale": "standard"}, "scale must be True or False"),
    "classify": ((X, T), {"classify": "yes"}, "classify must be"),
    "settings": ((X, T), {"settings": 100}, "LearnSettings"),
    "optimizer": ((X, T), {"optimizer": "adam"}, "Optax transformation"),
    "seed": ((X, T), {"seed": -1}, "seed"),
    "seed as text": ((X, T), {"seed": "one"}, "seed: must be a whole number"),
    "shares": ((X, T), {"shares": (0.9, 0.2)}, "three shares"),
    "shares above one": ((X, T), {"shares": (0.9, 0.2, 0.1)}, "sum to one"),
    "class weights of numbers": ((X, T), {"class_weights": [1.0]}, "class_weights: must be"),
    "class weights of others": ((X, LABELS), {"classify": True, "class_weights": [1, 2, 3]}, "must be 2 numbers"),
    "class weights below zero": ((X, LABELS), {"classify": True, "class_weights": [1, -2]}, "must be 2 numbers"),
    "class weights all zero": ((X, LABELS), {"classify": True, "class_weights": [0, 0]}, "all zero"),
    "folder": ((X, T), {"folder": 3}, "folder: must be a path"),
    "resume without a folder": ((X, T), {"resume": True}, "name it by `folder`"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learnt_ends_in_one_sentence(name):
    data, options, message = REFUSED[name]
    with pytest.raises(UserError, match=message) as caught:
        fit(data, **({"settings": FEW} | options))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("options", [
    {"optimizer": optax.sgd(1e6)}, {"optimizer": adam(1e4, clip=np.inf)}, {"optimizer": optax.sgd(float("nan"))},
    {"scale": False, "optimizer": adam(1e-5)}, {"activation": jnp.log},
])  # fmt: skip
@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_diverged_fit_gives_no_metrics(options, target):
    table = homes()
    table["dear"], table["price"] = table["price"] > table["price"].median(), table["price"] + 1e6
    if target == "dear" and "scale" in options:
        pytest.skip("classes have no scale")
    with pytest.raises(UserError, match=r"fit: diverged.*Lower the learning rate"):
        fit(table, (16,), FEW, target=target, **options)


def test_what_cannot_be_predicted_is_named():
    table = homes()
    fitted = fit(table, (4,), FEW, target="price")
    for rows, message in (
        (table.drop(columns=["year", "place"]), "no column 'year', 'place'; the table has"),
        (table.to_numpy(), "give a DataFrame"),
        (table.iloc[0], "a table of one row"),
        (table.assign(garden=1), "column 'garden' should hold words .'False', 'True'., but has the number 1 in row 0"),
        (table.assign(rooms="many"), "column 'rooms' should hold numbers, but has 'many' in row 0"),
        (at(4, np.nan), "column 'rooms' is missing .* row 4"),
        (at(4, None, "place"), "column 'place' is missing .* row 4"),
        (None, "must be a table"),
    ):
        with pytest.raises(UserError, match=message):
            fitted.predict(rows)
    with pytest.raises(UserError, match="predicts numbers, not classes"):
        fitted.probabilities(table)
    with pytest.raises(UserError, match="no column 'price'"):
        fitted.test(table.drop(columns="price"))
    with pytest.raises(UserError, match="give a Split"):
        fitted.test(3)
    words = fit(lawn(), (4,), FEW)
    with pytest.raises(UserError, match="has 3 columns, but the network was fitted to 2"):
        words.predict(np.zeros((5, 3)))
    with pytest.raises(UserError, match="label 'damp' in row 1, which is none of 'dry', 'wet'"):
        words.test((np.zeros((2, 2)), ["dry", "damp"]))


def test_an_activation_of_ones_own_is_not_saved(tmp_path):
    fitted = fit((X, T), (4,), FEW, activation=lambda h: h * jnp.tanh(h))
    with pytest.raises(UserError, match="a file holds no code; choose one by name"):
        fitted.save(tmp_path / "own")
    assert not list(tmp_path.iterdir())


def test_damaged_fits_are_named(tmp_path):
    fitted = fit(homes(), (4,), FEW, target="price")
    path = fitted.save(tmp_path / "house")
    header, tree = read_header(path), (fitted.network, fitted.moments)
    kept = {name: header[name] for name in ("inputs", "answers", "network")}

    def refused(message, weights=tree, **changes):
        broken = json.loads(json.dumps(kept))
        for place, value in changes.items():
            part, _, name = place.partition("__")
            if name:
                broken[part][name] = value
            else:
                broken[part] = value
        save_tree(path, weights, broken)
        with pytest.raises(UserError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)

    refused("holds no fit", inputs=3)
    for change in (
        {"inputs__names": 5}, {"inputs__words": {"place": 3}}, {"inputs__center": ["x"]}, {"inputs__spread": [0.0]},
        {"inputs__center": [float("nan")] * 6}, {"answers__kind": "code"}, {"answers__labels": [[1]]},
        {"answers__center": [1.0, 2.0]}, {"answers__spread": [0.0]}, {"network__sizes": [7, -1, 1]},
        {"network__sizes": [7, 4.5, 1]}, {"network__sizes": [7] * 5000}, {"network__activation": "os.system"},
        {"network__activation": ["relu"]}, {"network__dropout": "half"}, {"network__batch_norm": 1}, {"network": {}},
    ):  # fmt: skip
        refused("is damaged|other settings", **change)
    huge = jax.tree.map(lambda leaf: leaf * np.inf, tree)
    refused("not finite", weights=huge)
    refused("other settings|is damaged", network__sizes=[7, 10**7, 1])
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UserError, match="damaged"):
        load(path)
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "nothing")
    with pytest.raises(UserError, match="cannot be written"):
        fitted.save(path / "below a file")
    for wrong in (3, None):
        with pytest.raises(UserError, match="path: must be"):
            load(wrong)


def test_metrics_refuse_what_does_not_belong_together():
    q, labels = np.full((6, 2), 0.5), np.zeros(6, int)
    for metric, arguments, message in (
        (regression_metrics, (np.zeros(6), np.zeros((6, 1))), r"\(6,\), but the targets \(6, 1\)"),
        (regression_metrics, (np.zeros(6), np.zeros(5)), r"\(6,\), but the targets \(5,\)"),
        (regression_metrics, (np.zeros((6, 2)), np.zeros((6, 1))), "must be the same"),
        (regression_metrics, ([], []), "not be empty"),
        (regression_metrics, ([1.0, np.nan], [1.0, 2.0]), "predictions: row 1 is missing"),
        (regression_metrics, ([1.0, 2.0], [np.inf, 2.0]), "targets: row 0 is missing or infinite"),
        (regression_metrics, (["a"], ["b"]), "real numbers"),
        (regression_metrics, (3.0, 3.0), "axes"),
        (regression_metrics, ([1j], [1j]), "real numbers"),
        (classification_metrics, (q, labels[:5]), "6 rows of probabilities, but 5 labels"),
        (classification_metrics, (q, labels + 2), "whole numbers from 0 to 1"),
        (classification_metrics, (q, labels - 1), "whole numbers from 0 to 1"),
        (classification_metrics, (q, labels + 0.5), "whole numbers from 0 to 1"),
        (classification_metrics, (q, q), "labels: must have 1 axes"),
        (classification_metrics, (q[:, 0], labels), "probabilities: must have 2 axes"),
        (classification_metrics, (q * 3, labels), "row 0 sums to 3"),
        (classification_metrics, (q * [3, -1], labels), "at least 0"),
        (classification_metrics, (q * np.nan, labels), "missing"),
        (classification_metrics, (q[:0], labels[:0]), "not be empty"),
        (confusion_matrix, (labels, labels + 3, 3), "predicted labels: must be whole numbers from 0 to 2"),
        (confusion_matrix, (labels, labels[:4], 3), "6 actual labels, but 4"),
        (confusion_matrix, (labels, labels, 0), "classes"),
        (regression_baselines, (X,), "must be a Split"),
        (compare, ("network",), "what `fit` returned"),
    ):
        with pytest.raises(UserError, match=message):
            metric(*arguments)


def test_lists_and_vectors_are_measured():
    assert regression_metrics([1, 2, 3], [1, 2, 4])["max"] == 1
    np.testing.assert_array_equal(confusion_matrix([0, 1, 1], [0, 1, 0], 2), [[1, 0], [1, 1]])
