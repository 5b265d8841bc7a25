"""What the sequence labs stand on: tasks whose answers are known, twins, readers of sentences; and the labs, small."""

import jax.numpy as jnp
import numpy as np
import pytest
from test_labs import assert_labelled, words

from equilearn import lab_runs
from equilearn.errors import UserError
from equilearn.labs.memory import Memory, _fails
from equilearn.labs.sentiment import Sentiment
from equilearn.labs.similar import Similar, _right
from equilearn.labs.text import Text
from equilearn.labs.translate import Translate
from equilearn.learn import key_of
from equilearn.sequences import Padded
from equilearn.sequences.recall import draw, linear
from equilearn.sequences.sentences import Reader, fit_reader, judged
from equilearn.sequences.twins import Twin, contrastive, distance, draw_pairs, standardised

rng = np.random.default_rng(0)


@pytest.mark.parametrize("gap", [0, 3, 9])
def test_the_symbol_is_shown_exactly_gap_steps_before_the_question(gap):
    x, y = draw("recall", jnp.asarray(gap), 10, 50, key=key_of(0))
    shown = np.asarray(x[:, :, :8]).sum(axis=2)
    assert (np.argwhere(shown)[:, 1] == 9 - gap).all() and shown.sum() == 50
    np.testing.assert_array_equal(x[:, 9 - gap, :8], y)
    assert (np.asarray(x[:, 9 - gap, 8]) == 0).all() and np.asarray(x[:, :, 8]).std() > 0.8


def test_a_wave_goes_on_from_what_was_seen():
    """A gap of 0 asks for the last value seen, up to the noise on it; a longer one for what a longer draw shows."""
    x, y = draw("waves", jnp.asarray(0), 40, 500, key=key_of(0))
    assert float(jnp.std(x[:, -1, 0] - y[:, 0])) == pytest.approx(0.05, rel=0.1)
    assert float(jnp.mean(y**2)) == pytest.approx(0.5, rel=0.15)


def test_least_squares_that_sees_all_steps_has_nothing_to_remember():
    assert linear("recall", 5, 12) == 1.0
    assert linear("waves", 1, 40) < 0.1 < linear("waves", 15, 40)


def test_the_gap_at_which_a_cell_fails_is_the_first_whose_median_is_too_low():
    assert _fails(np.array([[1, 1, 0.2], [0.9, 1, 0.9], [0, 0, 0]]), (5, 10, 20)) == 10
    assert _fails(np.ones((2, 3)), (5, 10)) is None


@pytest.mark.slow
@pytest.mark.slow
def test_every_cell_remembers_over_three_steps_and_foretells_a_wave():
    findings = Memory(gaps=(3,), waves=(1,), hidden=12, updates=250, seeds=1).run(live=False)
    assert min(one[0][0] for one in findings.result["recall"].values()) > 0.9
    assert max(one[0][0] for one in findings.result["waves"].values()) < 0.25, "half of the waves' variance"
    assert set(findings.result["fails at"].values()) <= {None, 3}
    assert_labelled(findings)


def test_standardised_windows_know_neither_level_nor_size():
    x = rng.normal(size=(4, 20))
    np.testing.assert_allclose(standardised(100 + 7 * x), standardised(x), atol=1e-12)
    assert (standardised(np.ones((1, 5))) == 0).all()


def test_pairs_of_one_series_do_not_overlap_and_half_are_of_two():
    ramps = [1000.0 * i + np.arange(100.0) ** 2 for i in range(3)]
    made = draw_pairs(ramps, 10, 200, rng=np.random.default_rng(0))
    assert made.together.mean() == 0.5 and made.first.shape == (200, 10)
    same = made.together == 1
    assert not any((a == b).all() for a, b in zip(made.first[same], made.second[same], strict=True))
    with pytest.raises(UserError, match="fewer than three windows of 40"):
        draw_pairs(ramps, 40, 10, rng=rng)
    with pytest.raises(UserError, match="at least two series"):
        draw_pairs(ramps[:1], 10, 10, rng=rng)


def test_the_contrastive_loss_is_hadsells_and_equal_windows_are_at_the_same_point():
    d = jnp.asarray([0.3, 0.3, 2.0])
    np.testing.assert_allclose(contrastive(d, jnp.asarray([1, 0, 0])), [0.09, 0.49, 0.0], atol=1e-6)
    network = Twin("gru", 5, 3, key=key_of(0))
    x, y = jnp.asarray(rng.normal(size=(2, 4, 12)), jnp.float32)
    np.testing.assert_allclose(distance(network, x, x), 1e-4, atol=1e-6)
    np.testing.assert_allclose(distance(network, x, y), distance(network, y, x), rtol=1e-6)


def test_the_limit_of_a_distance_is_the_best_of_the_validation_part():
    held, together = np.array([1.0, 2, 3, 4]), np.array([1, 1, 0, 1])
    assert _right(held, together, np.array([1.5, 2.5, 5]), np.array([1, 0, 0])) == 1.0
    assert _right(held, np.zeros(4), np.array([1.5]), np.array([0])) == 1.0


def test_a_reader_does_not_see_what_comes_after_a_sentences_end():
    network = Reader("lstm", 10, 6, 4, key=key_of(0))
    codes, lengths = jnp.asarray(rng.integers(1, 10, (3, 7))), jnp.asarray([7, 2, 4])
    one, seen = network(codes, lengths)
    other, _ = network(codes.at[1, 2:].set(3), lengths)
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(np.asarray(seen).sum(axis=1), 1, atol=1e-5)
    assert (np.asarray(seen)[1, 2:] == 0).all()


@pytest.mark.slow
def test_the_order_of_words_is_read_where_a_bag_of_words_is_blind():
    """Class 1 is 'a before b', class 0 'b before a': the bags are equal."""

    def some(n, seed):
        rng = np.random.default_rng(seed)
        codes, labels = rng.integers(3, 8, (n, 6)), rng.integers(0, 2, n)
        for row, label in zip(codes, labels, strict=True):
            first, second = sorted(rng.choice(6, 2, replace=False))
            row[first], row[second] = (1, 2) if label else (2, 1)
        return Padded(codes.astype(np.int32), np.full(n, 6, np.int32)), labels

    network, _ = fit_reader(some(1500, 0), some(300, 1), 8, embedded=16, hidden=12, epochs=15, seed=0)
    test, labels = some(500, 2)
    chances, _ = judged(network, jnp.asarray(test.codes), jnp.asarray(test.lengths))
    assert np.mean((np.asarray(chances) > 0.5) == (labels == 1)) > 0.9


@pytest.mark.slow
def test_numbers_are_translated_and_a_lab_that_is_done_again_says_the_same(tmp_path):
    lab = Translate(largest=9999, pairs=3000, tests=200, hidden=32, epochs=12, seeds=1)
    findings = lab_runs.begin("translate", lab, tmp_path / "run")
    assert findings.result["right"]["network"][0] > 0.8 > findings.result["right"]["word by word"][0]
    assert findings.result["right"]["nearest number"] == [0.0]
    numbers, made = lab._make().numbers, lab._slices()
    assert not set(numbers[made[0]]) & set(numbers[made[2]]) and len(set(numbers)) == len(numbers)
    assert_labelled(findings)
    (tmp_path / "run" / "parts" / "start-1.json").unlink()
    assert lab_runs.resume(tmp_path / "run").result == findings.result


@pytest.mark.slow
def test_a_network_reads_a_text_with_a_long_memory_better_than_pairs(tmp_path):
    """Every line says one of two words three times, five letters apart: two letters say nothing of it, memory does."""
    lines = [("abcde\n", "abdce\n")[i] * 4 for i in np.random.default_rng(0).integers(0, 2, 600)]
    (tmp_path / "own.txt").write_text("".join(lines))
    lab = Text(data=str(tmp_path / "own.txt"), order=2, hidden=24, passes=40, temperatures=(1.0,))
    findings = lab.run(live=False)
    bits = findings.result["bits"]
    assert (
        bits["GRU"][0] < bits["2-grams"] - 0.1
        and findings.result["difference"] < -2 * findings.result["standard error"]
    )
    assert "fewer bits than the 2-grams" in words(findings)
    assert_labelled(findings)
    folder = tmp_path / "run"
    lab = Text(data=str(tmp_path / "own.txt"), order=1, hidden=4, passes=1, words=True)
    lab.run(folder, live=False)
    (tmp_path / "own.txt").write_text("".join(lines[::-1]))
    with pytest.raises(UserError, match="has changed since 'n-grams' was done"):
        lab.run(folder, live=False)


@pytest.mark.slow
def test_windows_of_two_kinds_of_series_are_told_apart_by_twins_and_not_by_their_distance(tmp_path):
    noise = rng.normal(size=1200)
    smooth = np.convolve(rng.normal(size=1207), np.ones(8), "valid")
    for name, values in {"noise": noise, "smooth": smooth}.items():
        (tmp_path / f"{name}.csv").write_text("n,x\n" + "".join(f"{n},{x:.6f}\n" for n, x in enumerate(values)))
    lab = Similar(series=tuple(f"{tmp_path}/{name}.csv:x" for name in ("noise", "smooth")), window=24, pairs=600,
                  hidden=12, epochs=10, seeds=1)  # fmt: skip
    right = lab.run(live=False).result["right"]
    assert right["twin GRU"][0] > 0.85 and right["twin GRU"][0] > right["distance of the windows"] + 0.1


@pytest.mark.slow
def test_sentences_are_judged_better_than_by_chance(shared):
    findings = Sentiment(embedded=16, hidden=8, epochs=3, splits=2).run(live=False)
    right = findings.result["right"]
    # chance is 0.5 give or take 0.011; so small a network trained so shortly is only to be far from it
    assert np.mean(right["GRU"]) > 0.55 and np.mean(right["naive Bayes, bag of words"]) > 0.73
    assert_labelled(findings)
