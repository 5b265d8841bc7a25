"""Series: horizons on a ramp, parts that do not overlap, baselines on known laws, the test against its level."""

import os
from pathlib import Path

import numpy as np
import pytest

from equilearn.errors import UserError
from equilearn.sequences import (
    chronological,
    diebold_mariano,
    fit_autoregression,
    forecast_baselines,
    persistence,
    returns,
    seasonal_persistence,
    windows,
)

RAMP = np.arange(200.0)
rng = np.random.default_rng(0)


@pytest.mark.parametrize("horizons", [(1,), (7,), (1, 6, 24)])
def test_the_target_of_horizon_h_is_exactly_h_steps_ahead(horizons):
    table = np.stack([1000 + RAMP, RAMP], axis=1)
    seen = windows(table, history=10, horizons=horizons, target=1)
    for j, h in enumerate(horizons):
        np.testing.assert_array_equal(seen.y[:, j] - seen.x[:, -1, 1], h)
    np.testing.assert_array_equal(seen.x[:, -1, 1], seen.last)
    np.testing.assert_array_equal(np.diff(seen.x[:, :, 1], axis=1), 1)
    assert seen.last[0] == 9 and seen.y[-1].max() == 199, "no window is left out"
    assert seen.x.shape == (200 - 10 - max(horizons) + 1, 10, 2)


def test_no_value_is_the_target_of_two_parts_and_inputs_never_reach_forward():
    parts = chronological(RAMP, history=10, horizons=(1, 5))
    targets = [set(part.y.ravel()) for part in parts]
    assert not targets[0] & targets[1] and not targets[1] & targets[2] and not targets[0] & targets[2]
    assert max(targets[0]) < 160 <= min(targets[1]) and max(targets[1]) < 180 <= min(targets[2])
    assert parts.train.x.max() < 160
    for part in parts:
        assert (part.x[:, -1, 0] < part.y.min(axis=1)).all()


def test_the_courses_windows_of_ozone_are_counted_as_it_counts_them(shared):
    """2,855 days, a history of 50 and two steps ahead: 2,804 windows; the linear answer has the published error."""
    values = np.loadtxt(Path(os.environ["EQUILEARN_DATA"]) / "ozone" / "PNoz.dat")[:, 2]
    seen = windows(values, history=50, horizons=(2,))
    assert len(seen.y) == 2804
    train, test = (type(seen)(*(field[part] for field in seen)) for part in (slice(2524), slice(2524, None)))
    linear = np.mean((fit_autoregression(train)(test) - test.y) ** 2)
    assert len(test.y) == 280 and linear == pytest.approx(4.096e-4, rel=2e-3)
    assert np.mean((persistence(test) - test.y) ** 2) == pytest.approx(5.817e-4, rel=2e-3)


def test_a_season_ago_is_a_whole_number_of_seasons_ago():
    waves = np.sin(2 * np.pi * RAMP / 12) + 0.001 * RAMP
    seen = windows(waves, history=24, horizons=(1, 12, 13))
    guess = seasonal_persistence(seen, (1, 12, 13), 12)
    np.testing.assert_allclose(seen.y - guess, [[0.012, 0.012, 0.024]] * len(guess), atol=1e-9)


def test_autoregression_finds_a_linear_law_and_persistence_does_not():
    series = [0.3, -0.2]
    for _ in range(600):
        series.append(1.6 * series[-1] - 0.8 * series[-2] + 0.1 * rng.normal())
    parts = chronological(series, history=5)
    made = forecast_baselines(parts, (1,))
    errors = {name: np.sqrt(np.mean((guess - parts.test.y) ** 2)) for name, guess in made.items()}
    assert errors["linear AR(5)"] == pytest.approx(0.1, rel=0.25)
    assert errors["persistence"] > 1.2 * errors["linear AR(5)"]
    assert set(made) == {"mean", "persistence", "linear AR(5)"}


def test_other_columns_help_where_they_know_more():
    cause = rng.normal(size=500)
    effect = np.concatenate([[0.0], cause[:-1]]) + 0.01 * rng.normal(size=500)
    parts = chronological(np.stack([effect, cause], axis=1), history=3)
    made = forecast_baselines(parts, (1,), period=2)
    error = {name: np.std(guess - parts.test.y) for name, guess in made.items()}
    assert error["linear AR(3), all columns"] < 0.05 < 0.5 < error["linear AR(3)"]
    assert "seasonal persistence" in made


def test_returns_are_differences_of_logs():
    np.testing.assert_allclose(returns([1.0, np.e, 1.0]), [1, -1])


def test_equal_forecasts_are_told_apart_as_seldom_as_the_level_says():
    """Forecasts three steps ahead make errors that overlap; 5 % of 2,000 pairs should look different."""
    rejected = 0
    for _ in range(2000):
        a, b = (np.convolve(rng.normal(size=202), np.ones(3), "valid") for _ in range(2))
        rejected += diebold_mariano(a, b, horizon=3).p_value < 0.05
    assert 0.03 < rejected / 2000 < 0.08
    naive = [
        diebold_mariano(*(np.convolve(rng.normal(size=202), np.ones(3), "valid") for _ in range(2))).p_value < 0.05
        for _ in range(2000)
    ]
    assert np.mean(naive) > 0.1, "without the overlap the test is wrong: the horizon matters"


def test_a_better_forecast_is_found_and_named():
    a, b = rng.normal(size=400), 1.3 * rng.normal(size=400)
    found = diebold_mariano(a, b)
    assert found.difference < 0 and found.statistic < -2 and found.p_value < 0.05
    assert found.verdict("ours", "theirs").startswith("ours is better than theirs")
    assert diebold_mariano(b, a).verdict("theirs", "ours").startswith("ours is better than theirs")
    assert "cannot be told apart" in diebold_mariano(a, a).verdict("a", "a")
    one = diebold_mariano(a, b, loss="absolute")
    plain = np.abs(a) - np.abs(b)
    exact = plain.mean() / (plain.std() / np.sqrt(400)) * np.sqrt(399 / 400)
    assert one.statistic == pytest.approx(exact)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: windows(RAMP[:5], history=5), "5 steps are too few"),
        (lambda: windows(RAMP, history=0), "history must be a whole number of at least 1"),
        (lambda: windows(RAMP, history=3, horizons=(0,)), "every horizon must be a whole number"),
        (lambda: windows(RAMP, history=3, horizons=(1, 2, 1)), "given twice"),
        (lambda: chronological(np.ones(99), history=3), "nothing to learn"),
        (lambda: windows(RAMP, history=3, horizons=()), "at least one horizon"),
        (lambda: windows(RAMP, history=3, target=1), "target must be one of the 1 columns"),
        (lambda: windows(["a", "b"], history=1), "must be numbers"),
        (lambda: windows(np.array([1.0, np.nan, 2.0]), history=1), "step 1 of column 0 is missing"),
        (lambda: windows(np.zeros((2, 2, 2)), history=1), "not the shape"),
        (lambda: chronological(RAMP, history=3, shares=(0.5, 0.5, 0.5)), "sum to one"),
        (lambda: chronological(RAMP[:12], history=10), "has no window"),
        (lambda: returns([1.0, 0.0]), "prices above zero"),
        (lambda: seasonal_persistence(windows(RAMP, history=3), (1,), 12), "needs a history of 12"),
        (lambda: diebold_mariano([1.0, 2.0], [1.0]), "as many errors"),
        (lambda: diebold_mariano([1.0, np.nan], [1.0, 2.0]), "finite numbers"),
        (lambda: diebold_mariano([1.0, 2.0], [1.0, 2.0], loss="cubed"), "squared or absolute"),
    ],
)
def test_wrong_arguments_are_named(call, said):
    with pytest.raises(UserError, match=said):
        call()
