"""Texts: vocabularies, n-grams against probability theory, language models against exact entropies, translation."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.data import load_reviews, load_sentences, load_text
from equilearn.data.numerals import joined, pieces, spell
from equilearn.errors import UserError
from equilearn.learn import key_of
from equilearn.sequences import NGrams, Vocabulary, padded
from equilearn.sequences.dictionary import Dictionary, nearest
from equilearn.sequences.language import LanguageModel, Reading, World, bits, fit_language, rows_of, write
from equilearn.sequences.translation import Pairs, Translator, translate
from equilearn.sequences.vocabulary import UNKNOWN, words_of

rng = np.random.default_rng(0)
TRANSITION = np.array([[0, 0, 0, 0], [0, 0.8, 0.1, 0.1], [0, 0.05, 0.05, 0.9], [0, 0.5, 0.5, 0]])
"""Of a Markov chain over the codes 1 to 3."""


def chain(length, seed=0):
    draws, codes = np.random.default_rng(seed).random(length), [1]
    cumulated = TRANSITION.cumsum(axis=1)
    for draw in draws[1:]:
        codes.append(int(np.searchsorted(cumulated[codes[-1]], draw, side="right")))
    return np.array(codes, np.int32)


def entropy_rate():
    inner = TRANSITION[1:, 1:]
    values, vectors = np.linalg.eig(inner.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary = stationary / stationary.sum()
    logs = np.log2(np.where(inner > 0, inner, 1))
    return float(-(stationary[:, None] * inner * logs).sum())


def test_what_is_not_in_the_vocabulary_is_one_unknown_symbol():
    vocabulary = Vocabulary.of("abracadabra", least=2)
    assert vocabulary.symbols == (UNKNOWN, "a", "b", "r")
    assert vocabulary.encode("cab").tolist() == [0, 1, 2]
    assert vocabulary.decode([1, 0]) == ["a", UNKNOWN]
    assert len(Vocabulary.of("abracadabra", most=2)) == 3


def test_words_are_taken_apart_with_signs_and_lines():
    assert words_of("We know't,\nwe know't.") == ["We", "know't", ",", "\n", "we", "know't", "."]


def test_sequences_of_different_length_stand_side_by_side():
    made = padded([np.array([3, 2, 1]), np.array([5]), np.array([], int)], longest=2)
    assert made.codes.tolist() == [[3, 2], [5, 0], [0, 0]] and made.lengths.tolist() == [2, 1, 1]


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_of_all_that_may_follow_sum_to_one(order):
    train = rng.integers(0, 6, 300).astype(np.int32)
    train[train == 5] = 4  # one symbol is never seen
    made = NGrams(train, 6, order).smooth(rng.integers(0, 6, 100).astype(np.int32))
    for context in ([], [1], [1, 2, 3], [5, 5, 5, 1], list(train[:5])):
        last = [made.probabilities(np.array([*context, x], np.int32))[-1] for x in range(6)]
        assert sum(last) == pytest.approx(1, abs=1e-12) and min(last) > 0


def test_unsmoothed_pairs_are_relative_frequencies():
    train = np.array([1, 2, 1, 2, 1, 1, 2], np.int32)
    made = NGrams(train, 3, 2)
    made.discounts[:] = 0
    assert made.probabilities(np.array([1, 2], np.int32))[1] == pytest.approx(3 / 4)
    assert made.probabilities(np.array([1, 1], np.int32))[1] == pytest.approx(1 / 4)
    assert made.probabilities(np.array([2, 1], np.int32))[1] == pytest.approx(1)


def test_pairs_need_as_many_bits_as_a_chain_has_and_longer_ones_no_fewer():
    train, validation, test = chain(30_000, 1), chain(3000, 2), chain(30_000, 3)
    models = [NGrams(train, 4, order).smooth(validation) for order in (1, 2, 3, 4)]
    need = [float(-np.log2(model.probabilities(test)).mean()) for model in models]
    assert need[1] == pytest.approx(entropy_rate(), abs=0.02)
    assert need[0] > need[1] + 0.2 and max(need[2:]) < need[1] + 0.01


@pytest.fixture(scope="module")
def reader():
    """A network that has read a Markov chain."""
    train, validation = chain(20_000, 1), chain(2000, 2)
    return fit_language(train, validation, 4, passes=8, hidden=16, tracks=16, steps=16, seed=0)


@pytest.mark.slow
def test_a_network_needs_as_many_bits_as_the_chain_has(reader):
    network, run = reader
    test = chain(10_000, 3)
    need = float(bits(network, test, chain(200, 4)).mean())
    assert need == pytest.approx(entropy_rate(), abs=0.03)
    assert len(run.history) == 8 and run.history[-1]["errors/bits/mean"] < run.history[0]["errors/bits/mean"]


def test_what_a_network_writes_has_the_chains_frequencies_and_cold_it_repeats_the_likeliest(reader):
    network, _ = reader
    written = np.asarray(write(network, jnp.asarray([1, 1]), 5000, jnp.asarray(1.0), key=key_of(0)))
    assert written.min() >= 1, "never the unknown symbol"
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (written[:-1], written[1:]), 1)
    np.testing.assert_allclose(pairs[1:] / pairs[1:].sum(axis=1, keepdims=True), TRANSITION[1:], atol=0.06)
    cold = np.asarray(write(network, jnp.asarray([2, 1]), 50, jnp.asarray(0.01), key=key_of(0)))
    assert (cold == 1).all()


def test_bits_do_not_depend_on_how_a_text_is_cut(reader):
    network, _ = reader
    text, before = chain(300, 5), chain(50, 6)
    whole = bits(network, text, before)
    first, second = bits(network, text[:120], before), bits(network, text[120:], np.concatenate([before, text[:120]]))
    np.testing.assert_allclose(whole, np.concatenate([first, second]), atol=1e-3)


def test_the_state_is_carried_from_chunk_to_chunk_and_from_piece_to_piece():
    """Tracks read in chunks give what they give when they are read in one go, and every symbol is read once."""
    text = np.arange(1, 401, dtype=np.int32)
    network = LanguageModel("lstm", 401, 8, key=key_of(0))
    problem = Reading(jnp.asarray(text), jnp.asarray(rows_of(text, 1, 4)), 3, 10, 4, 3, 4)
    world = World(network.reading.start(3), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
    read, states = [], None
    for piece in range(4):
        data, world = problem.generate(network, world, key=jax.random.fold_in(key_of(1), piece))
        assert data.shape == (3, 3, 11)
        for chunk in data:
            read.append(np.asarray(chunk))
            _, parts = problem.loss(network, world, chunk[None], key=key_of(0))
            world = problem.after_step(network, world, chunk[None], parts)
    tracks = np.concatenate([chunk[:, :-1] for chunk in read], axis=1)
    assert tracks.shape == (3, 120) and (np.diff(tracks.ravel()) == 1).all()
    assert all((a[:, -1] == b[:, 0]).all() for a, b in itertools.pairwise(read))
    _, states = network(jnp.asarray(tracks))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), states, world.states)
    assert int(world.piece) == 0
    _, again = problem.generate(network, world, key=key_of(9))
    assert all((np.asarray(leaf) == 0).all() for leaf in jax.tree.leaves(again.states)), "a new pass has read nothing"


def test_a_text_that_is_too_short_is_refused(tmp_path):
    with pytest.raises(UserError, match="fewer than one chunk of 64 in each of 64 tracks"):
        fit_language(chain(1000), chain(100), 4, passes=1)
    with pytest.raises(UserError, match=r"no\.txt: no such file"):
        load_text(str(tmp_path / "no.txt"))
    (tmp_path / "blank.txt").write_text(" \n")
    with pytest.raises(UserError, match="holds no text"):
        load_text(str(tmp_path / "blank.txt"))


def test_reviews_have_no_sentence_twice(shared):
    words, labels, kinds, _ = load_reviews()
    assert 10_000 < len(words) == len(labels) <= 10_662 and 0.48 < np.mean(labels) < 0.52
    assert kinds == ("against", "for") and load_sentences("reviews").labels == labels


def sentences_in(path, rows):
    path.write_text("Remark;Kind\n" + "".join(f"{text};{kind}\n" for text, kind in rows))
    return f"{path}:remark:Kind"


def test_sentences_of_ones_own_are_of_two_kinds_and_there_once(tmp_path):
    rows = [(f"this is number {i}", "spam" if i % 3 else "ham") for i in range(150)]
    rows += [("", "spam"), ("this is number 3", "ham"), ("both of them", "ham"), ("Both of them!", "spam"),
             ("both of them", "spam"), ("nobody knows", "")]  # fmt: skip
    found = load_sentences(sentences_in(tmp_path / "own.csv", rows))
    assert found.kinds == ("ham", "spam") and len(found.words) == len(found.labels) == 151
    assert found.words[4] == ["this", "is", "number", "4"] and found.labels[3:6] == [0, 1, 1]
    assert ["both", "of", "them", "!"] in found.words and ["both", "of", "them"] not in found.words
    assert "5 rows are left out" in found.notes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("books", "is neither reviews nor path/to/table.csv:sentence:kind"),
        ("{}:remark", "is neither reviews nor path/to/table.csv:sentence:kind"),
        ("no.csv:remark:kind", "no such file"),
        ("{}:words:kind", "has no column `words`"),
        ("{}:remark:sort", "has no column `sort` beside `remark`"),
        ("{}:remark:remark", "has no column `remark` beside `remark`"),
        ("{}:remark:kind", "`kind` has 3 different values"),
    ],
)
def test_a_table_that_holds_no_sentences_of_two_kinds_is_named(tmp_path, name, said):
    path = tmp_path / "own.csv"
    sentences_in(path, [(f"number {i}", "abc"[i % 3]) for i in range(200)])
    with pytest.raises(UserError) as error:
        load_sentences(name.format(path))
    assert said in str(error.value)


def test_numbers_are_spelt_taken_apart_and_put_together():
    numbers = [0, 21, 71, 80, 81, 99, 100, 200, 1_001, 80_000, 999_999]
    french = spell(numbers, "fr")
    assert french[1:6] == [
        "vingt et un",
        "soixante et onze",
        "quatre-vingts",
        "quatre-vingt-un",
        "quatre-vingt-dix-neuf",
    ]
    for spelt in (*french, *spell(numbers, "en")):
        assert joined(pieces(spelt)) == spelt


def test_a_dictionary_finds_the_words_of_a_language_without_grammar():
    table = {"one": "un", "two": "deux", "three": "trois", "four": "quatre"}
    english = [list(rng.choice([*table, "the"], 5)) for _ in range(200)]
    french = [[table[word] for word in words if word != "the"] for words in english]
    made = Dictionary(english, french)
    assert made(["two", "the", "four", "nine"]) == ["deux", "quatre"]
    np.testing.assert_allclose(made.table[1:].sum(axis=1), 1)


def test_the_nearest_sequence_is_itself_where_it_is_known():
    known = [["a", "b"], ["b", "a"], ["a", "b", "c"]]
    assert nearest(known, [["b", "a"], ["a", "b", "c", "d"]]).tolist() == [1, 2]


@pytest.mark.slow
def test_writing_step_by_step_is_reading_all_that_was_written_at_once():
    network = Translator(7, 9, 12, key=key_of(0))
    source, lengths = jnp.asarray(rng.integers(1, 7, (5, 6))), jnp.asarray([6, 1, 3, 4, 2])
    codes, seen = translate(network, source, lengths, 1, 8)
    begun = jnp.concatenate([jnp.ones((5, 1), jnp.int32), codes[:, :-1]], axis=1)
    np.testing.assert_array_equal(jnp.argmax(network(source, lengths, begun), axis=2), codes)
    np.testing.assert_allclose(np.asarray(seen).sum(axis=2), 1, atol=1e-5)
    for row, length in zip(np.asarray(seen), lengths, strict=True):
        assert (row[:, int(length) :] == 0).all(), "nothing after a source's end is looked at"
    changed = source.at[1, 3].set(0)
    np.testing.assert_array_equal(translate(network, changed, lengths, 1, 8)[0], codes)
    assert Pairs(source, lengths, codes).source is source
