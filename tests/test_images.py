"""Classifiers of pictures, generators and discriminators, pictures of one's own, and the labs on them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from equilearn.data import drawn_digit, picture_folder, read_picture
from equilearn.errors import UserError
from equilearn.images import fit_classifier, make, players
from equilearn.images.adversarial import still_network
from equilearn.images.classifier import logits, moved
from equilearn.labs.ball import HELD, RADIUS, SIDE, Ball, folded, throw
from equilearn.labs.classification import Classification
from equilearn.labs.gan import CENTRES, GAN, RADII, Plane, energy_distance, judged, points
from equilearn.labs.images import Images
from equilearn.learn import LearnSettings, key_of, learn
from equilearn.networks import MLP
from equilearn.networks.generative import ConvDense, Generator
from equilearn.optimizers import adam
from equilearn.supervised import Split, classification_baselines


def bars(count, seed, side=12):
    """Return pictures of an upright or a lying bar somewhere: told apart by a convolution, not by any one pixel."""
    rng, long = np.random.default_rng(seed), side // 3
    x, labels = np.zeros((count, side, side), np.float32), rng.integers(0, 2, count)
    for one, label in zip(x, labels, strict=True):
        at, begin = rng.integers(2, side - 2), rng.integers(1, side - long - 1)
        one[(slice(begin, begin + long), at) if label else (at, slice(begin, begin + long))] = 1
    return x.reshape(count, -1), np.eye(2, dtype=np.float32)[labels]


@pytest.fixture(scope="module")
def data():
    return Split(*bars(512, 0), *bars(200, 1), *bars(400, 2))


def accuracy(fitted, data):
    return float((fitted.predict(data.x_test).argmax(axis=1) == data.t_test.argmax(axis=1)).mean())


@pytest.mark.slow
def test_convolutions_tell_what_rows_of_pixels_do_not_and_moments_are_fixed_in_use(data):
    settings = LearnSettings(episodes=4, batch_size=32, check_every=4)
    fitted = fit_classifier(data, settings, network="modern", optimizer=adam(4e-3))
    linear = classification_baselines(data, scale=False)["logistic regression"]["accuracy"]
    assert accuracy(fitted, data) > 0.97 > linear + 0.1
    whole = fitted.predict(data.x_test)
    np.testing.assert_allclose(fitted.predict(data.x_test[:7]), whole[:7], atol=1e-5)
    x = jnp.asarray((255 * data.x_train).astype(np.uint8).reshape(-1, 12, 12))
    own = logits(fitted.network, x, None)[1]
    assert float(jnp.abs(own[0][0]).max()) > 0.05, "moments that are not those of the start"
    np.testing.assert_allclose(fitted.moments[0][0], own[0][0], atol=0.1)


def stop_at_the_second(calls):
    def stop(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    return stop


def test_a_classifier_goes_on_where_it_was_killed(data, tmp_path, monkeypatch):
    settings = LearnSettings(episodes=3, batch_size=64, check_every=1, checkpoint_seconds=0.0)

    def run(folder):
        return fit_classifier(data, settings, network="mlp", shift=1, folder=folder, resume=True)

    whole = run(tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr("equilearn.learn.driver._record", stop_at_the_second([]))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut")
    again = run(tmp_path / "cut")
    assert again.run.state.episode == 3
    for a, b in zip(jax.tree.leaves(whole.network), jax.tree.leaves(again.network), strict=True):
        assert not eqx.is_array(a) or jnp.array_equal(a, b)


def test_pictures_are_moved_whole_and_mirrored():
    x = jnp.zeros((200, 9, 9), jnp.uint8).at[:, 4, 4].set(7).at[:, 4, 5].set(9)
    out = np.asarray(moved(x, 2, True, key=jax.random.key(0)))
    assert out.dtype == np.uint8 and (out.sum(axis=(1, 2)) == 16).all()
    rows, columns = np.array([np.argwhere(one == 7)[0] for one in out]).T
    other = np.array([np.argwhere(one == 9)[0] for one in out])[:, 1]
    assert set(rows) == {2, 3, 4, 5, 6} and set(columns) <= {2, 3, 4, 5, 6} and set(other - columns) == {-1, 1}
    assert jnp.array_equal(moved(x, 0, False, key=jax.random.key(0)), x)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "resnet"}, "there is no 'resnet'; there are mlp, lenet, modern"),
        ({"shift": 9}, "between 0 and 8 pixels, not 9"),
        ({"side": 20}, "28 by 28 pixels, not 20 by 20"),
        ({"pixels": 783}, "783 pixels make no square"),
    ],
)
def test_what_no_classifier_can_be_made_of_is_refused(data, change, words):
    side = change.pop("side", 28)
    data = Split(*bars(20, 0, side), *bars(20, 1, side), *bars(20, 2, side))
    if pixels := change.pop("pixels", None):
        data = data._replace(x_train=data.x_train[:, :pixels])
    with pytest.raises(UserError, match=words):
        fit_classifier(data, LearnSettings(episodes=1, check_every=1), **change)


def test_pictures_of_another_form_are_refused_and_none_is_no_mistake(data):
    fitted = fit_classifier(data, LearnSettings(episodes=1, batch_size=64, check_every=1), network="mlp")
    x = data.x_test[:3]
    for wrong, words in (
        (255 * x, r"pixels must be numbers in \[0, 1\], not from 0 to 255; divide bytes by 255"),
        (x - 0.5, "not from -0.5 to 0.5"),
        (np.where(x > 0.5, np.nan, x), "not from nan to nan"),
        (x[:, :100], "must be 12 by 12 pixels, as in learning, not 10 by 10"),
    ):
        with pytest.raises(UserError, match=words):
            fitted.predict(wrong)
    with pytest.raises(UserError, match="divide bytes by 255"):
        fit_classifier(data._replace(x_train=255 * data.x_train), LearnSettings(episodes=1), network="mlp")
    assert fitted.predict(x[:0]).shape == (0, data.t_train.shape[1])
    np.testing.assert_allclose(fitted.predict(x), fitted.predict(data.x_test)[:3], rtol=1e-5)


def digit(path, *, light, size=90, at=(8, 30)):
    """Draw a one, large and out of the middle."""
    ground, ink = (255, 0) if light else (0, 255)
    picture = np.full((size, size), ground, np.uint8)
    picture[at[0] : at[0] + 60, at[1] : at[1] + 9] = ink
    Image.fromarray(picture).save(path)


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("at", [(8, 30), (25, 2)])
def test_a_digit_of_ones_own_is_brought_into_the_form_of_mnist(tmp_path, light, at):
    digit(tmp_path / "one.png", light=light, at=at)
    read = drawn_digit(tmp_path / "one.png").reshape(28, 28)
    rows, columns = np.nonzero(read > 0.5)
    assert np.ptp(rows) == 19 and np.ptp(columns) <= 3, "twenty pixels high"
    assert abs(rows.mean() - 13.5) <= 0.5 and abs(columns.mean() - 13.5) <= 0.5, "in the middle"
    assert read.max() == 1 and read[0].max() == 0


def test_digits_of_mnist_are_known_again_when_drawn_large_on_white(shared, tmp_path):
    from equilearn.data import load_images

    known, labels = load_images("mnist", "train")
    x, truth = load_images("mnist", "t10k")
    right = []
    for i in range(60):
        big = Image.fromarray((255 * (1 - x[i])).astype(np.uint8).reshape(28, 28)).resize((280, 280))
        sheet = Image.new("L", (400, 500), 255)
        sheet.paste(big, (20, 190))
        sheet.save(tmp_path / "d.png")
        away = ((known[:10_000] - drawn_digit(tmp_path / "d.png")) ** 2).sum(axis=1)
        right.append(labels[away.argmin()] == truth[i])
    assert np.mean(right) > 0.85, "by the nearest of 10,000 training pictures"


def test_transparent_ground_is_white_and_what_is_no_picture_is_refused(tmp_path):
    Image.new("RGBA", (5, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == 1).all()
    assert read_picture(tmp_path / "clear.png", side=6).shape == (6, 6)
    with pytest.raises(UserError, match="is empty; draw one digit"):
        drawn_digit(tmp_path / "clear.png")
    (tmp_path / "no.png").write_bytes(b"no picture")
    (tmp_path / "half.png").write_bytes((tmp_path / "clear.png").read_bytes()[:40])
    for name, words in (("no.png", "cannot be read as a picture"), ("half.png", "cannot be read"), ("none", "no such")):
        with pytest.raises(UserError, match=words):
            read_picture(tmp_path / name)


def test_a_folder_of_pictures_is_a_data_set(tmp_path):
    for label, name in enumerate(("lying", "upright")):
        (tmp_path / name).mkdir()
        x, t = bars(60, 5, 28)
        for i, one in enumerate(x[t[:, label] == 1][:20]):
            Image.fromarray((255 * one).astype(np.uint8).reshape(28, 28)).save(tmp_path / name / f"{i}.png")
    data, classes = picture_folder(tmp_path)
    assert classes == ("lying", "upright") and [len(one) for one in data[::2]] == [32, 4, 4]
    assert data.t_train.sum(axis=0).tolist() == [16, 16] and set(np.unique(data.x_train)) == {0.0, 1.0}
    (tmp_path / "upright" / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"0\.png: cannot be read as a picture"):
        picture_folder(tmp_path)
    for file in list((tmp_path / "upright").iterdir())[:15]:
        file.unlink()
    with pytest.raises(UserError, match="upright: has 5 pictures; a class needs at least 10"):
        picture_folder(tmp_path)
    with pytest.raises(UserError, match="has 0 subfolders"):
        picture_folder(tmp_path / "lying")


@pytest.mark.slow
def test_images_from_a_folder_are_learnt_by_the_lab(tmp_path):
    for label, name in enumerate(("lying", "upright")):
        (tmp_path / name).mkdir()
        x, t = bars(200, 6, 28)
        for i, one in enumerate(x[t[:, label] == 1][:60]):
            Image.fromarray((255 * one).astype(np.uint8).reshape(28, 28)).save(tmp_path / name / f"{i}.png")
    lab = Images(data=str(tmp_path), networks=("mlp",), epochs=2)
    findings = lab.run(live=False)
    assert set(findings.result["test"]) == {"majority", "logistic regression", "mlp"}
    assert [kind for kind, *_ in findings.parts].count("figure") >= 2
    variants = Classification(data=str(tmp_path), epochs=2, seeds=1).run(live=False)
    assert {"majority", "logistic regression", "dropout 0.2"} <= variants.result["test"].keys()
    assert "2 kinds of pictures" in variants.lead and "upright" in str(variants)
    with pytest.raises(UserError, match="must be mnist, fashion-mnist or path/to/folder"):
        Classification(data="clothes")


@pytest.mark.slow
def test_the_lab_shows_what_lenet_sees_and_reads_a_digit_of_ones_own(shared, tmp_path):
    digit(tmp_path / "one.png", light=True)
    lab = Images(networks=("lenet",), images=600, epochs=1, picture=str(tmp_path / "one.png"))
    findings = lab.run(live=False)
    drawn = [caption for kind, caption, _ in findings.parts if kind == "figure"]
    assert [caption.split(":")[0].split(" of which")[0] for caption in drawn] == [
        "Learning",
        "What LeNet-5 sees",
        "Mistakes",
        "Your own digit",
    ]
    assert len(findings.result["own digit"]["lenet"]) == 10
    assert sum(findings.result["own digit"]["lenet"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_the_discriminator_trains_on_both_kinds_and_the_generator_through_it_alone():
    """The gradient of the game is that of each player's own loss, with the other one held fixed."""
    keys = jax.random.split(jax.random.key(0), 3)
    pair = {"generator": MLP((2, 8, 2), key=keys[0]), "discriminator": MLP((2, 8, 1), key=keys[1])}
    problem = Plane(latent=2, penalty=0.3, episodes=4, rings=False)
    batch, key = points(False, 32, key=keys[2]), jax.random.key(5)
    slopes = eqx.filter_grad(lambda n: problem.loss(n, None, batch, key=key)[0])(pair)
    noise = jax.random.normal(key, (32, 2))

    def fooling(generator):
        return jnp.mean(jnp.log1p(jnp.exp(-pair["discriminator"](generator(noise))[:, 0])))

    def telling(judge):
        real, fake = jax.nn.sigmoid(judge(batch)[:, 0]), jax.nn.sigmoid(judge(pair["generator"](noise))[:, 0])
        steep = jax.vmap(jax.grad(lambda x: judge(x[None])[0, 0]))(batch)
        return -jnp.mean(jnp.log(real)) - jnp.mean(jnp.log(1 - fake)) + 0.15 * jnp.mean(jnp.sum(steep**2, axis=1))

    expected = {
        "generator": eqx.filter_grad(fooling)(pair["generator"]),
        "discriminator": eqx.filter_grad(telling)(pair["discriminator"]),
    }
    for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)
    held = eqx.filter_grad(lambda judge: jnp.sum(still_network(judge)(batch)))(pair["discriminator"])
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(held))


def test_shapes_of_generator_and_discriminator_and_the_moments_of_use():
    generator = Generator(5, 7, (6, 4), key=jax.random.key(0))
    noise = jax.random.normal(jax.random.key(1), (16, 5))
    made, own = eqx.filter_jit(generator)(noise)
    assert made.shape == (16, 28, 28, 1) and made.min() >= 0 and made.max() <= 1
    np.testing.assert_allclose(make(generator, own, noise[:1]), made[:1], atol=1e-5)
    judge = ConvDense((28, 28, 1), ((4, 4, 2), (6, 4, 2)), (3, 1), key=jax.random.key(2))
    assert jax.eval_shape(judge, made).shape == (16, 1) and judge.dense.weights[0].shape == (5 * 5 * 6, 3)


def test_modes_are_counted_and_distances_of_equal_distributions_are_small():
    real, more = (np.asarray(points(False, 2000, key=key), float) for key in jax.random.split(jax.random.key(0)))
    assert judged(real, False)["modes"] == 8 and judged(real, False)["share"] > 0.98
    half = real[np.linalg.norm(real - CENTRES[0], axis=1) < 3]
    assert judged(half, False)["modes"] < 8
    ring = np.asarray(points(True, 2000, key=jax.random.key(1)), float)
    assert judged(ring, True) == {"modes": 2, "share": pytest.approx(0.997, abs=0.005)}
    assert judged(ring[np.linalg.norm(ring, axis=1) < RADII.mean()], True)["modes"] == 1
    assert abs(energy_distance(real, more)) < 0.01 < 0.1 < energy_distance(real, 0.1 * more)


@pytest.mark.slow
def test_the_way_is_kept_and_the_game_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    def run(folder):
        keys = jax.random.split(jax.random.key(0), 3)
        pair = {"generator": MLP((2, 8, 2), key=keys[0]), "discriminator": MLP((2, 8, 1), key=keys[1])}
        problem = Plane(latent=2, penalty=0.1, episodes=6, rings=True)
        world = problem.world(pair, pictures=4, samples=5, key=keys[2])
        settings = LearnSettings(episodes=6, batch_size=1024, check_every=2)
        optimizer = players(1e-3, generator_every=2)
        run = learn(problem, pair, world, optimizer, settings, key=key_of(0), folder=folder, resume=True)
        return run.state, make(run.state.networks["generator"], (), run.state.world["noise"])

    with monkeypatch.context() as patched:
        patched.setattr("equilearn.learn.driver._record", stop_at_the_second([]))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut")
    state, made = run(tmp_path / "whole")
    again, _ = run(tmp_path / "cut")
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True):
        assert not eqx.is_inexact_array(a) or jnp.array_equal(a, b)
    way = state.world["way"]
    np.testing.assert_allclose(way[-1], made, rtol=1e-5)
    assert all(float(jnp.abs(way[i] - way[i + 1]).max()) > 1e-4 for i in range(3))
    assert int(state.world["episode"]) == 6


@pytest.mark.slow
def test_eight_modes_are_found_in_the_plane():
    made = GAN(seeds=2, episodes=120).parts()["eight Gaussians"](None)
    assert all(one["modes"] == 8 for one in made["made"])
    assert all(one["distance"] < made["others"]["one normal distribution"]["distance"] / 2 for one in made["made"])


@pytest.mark.slow
def test_balls_fly_straight_and_are_thrown_back():
    inside = jnp.asarray([[0.3, 0.7]])
    np.testing.assert_allclose(folded(inside), inside, atol=1e-6)
    np.testing.assert_allclose(folded(jnp.asarray([[1.0, -0.1]])), [[0.8, 0.3]], atol=1e-6)
    x, later, now = throw(50, 3, 1, key=jax.random.key(0))
    assert x.shape == (50, SIDE, SIDE, 3)
    np.testing.assert_allclose(x.sum(axis=(1, 2)) / SIDE**2, np.pi * RADIUS**2, rtol=0.05)
    for place in (later, now):
        assert place.min() >= RADIUS - 1e-6 and place.max() <= 1 - RADIUS + 1e-6
    rules = Ball(ahead=1).parts()["2 pictures: rules"](None)
    mean = {name: np.mean(one) for name, one in rules.items()}
    assert len(rules["straight on"]) == HELD
    assert mean["straight on, thrown back by the walls"] < mean["straight on"] < mean["stays where it is"]
    assert mean["straight on, thrown back by the walls"] < 0.02, "but for balls thrown back while they were looked at"


@pytest.mark.slow
def test_a_network_learns_where_the_ball_will_be_from_two_pictures_not_from_one(monkeypatch):
    monkeypatch.setattr("equilearn.labs.ball.EACH", 2048)
    monkeypatch.setattr("equilearn.labs.ball.HELD", 1024)
    lab = Ball(frames=(1, 2), ahead=3, episodes=15, seeds=1)
    findings = lab.run(live=False)
    one, two = findings.result["1 picture"], findings.result["2 pictures"]
    assert two["network"][0] < 0.5 * two["stays where it is"]
    assert two["network"][0] < 0.7 * one["network"][0], "one picture says nothing of the direction"
