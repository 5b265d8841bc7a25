# %% [markdown]
# # 7. Pictures: seeing, and making what was never seen
#
# A picture is a table of numbers in which neighbours belong together, and a thing is the same thing two pixels further
# left. Convolution builds both into the network. First by hand, then on handwritten digits; then two networks play
# against each other, and one of them learns to make what it has never been shown.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from equilearn.data import image_split
from equilearn.images import fit_classifier, players
from equilearn.labs.gan import CENTRES, Plane, energy_distance, judged, points
from equilearn.learn import LearnSettings, learn
from equilearn.networks import MLP
from equilearn.optimizers import adam
from equilearn.supervised import classification_baselines
from equilearn.whitebox.convolution import convolve, convolve_backwards, max_pool

# %% [markdown]
# ## Convolution by hand
#
# $$ y[r, s] = b + \sum_{u, v} w[u, v]\; x[r + u, s + v] $$
#
# A small window of weights (a filter) slides over the picture; at every place the weighted sum of what lies under it is
# written down. Nine weights, wherever they stand: a dense layer between the same pictures would have 784 times 676.

# %%
picture = np.zeros((28, 28))
rows, columns = np.mgrid[:28, :28]
radius = np.hypot(rows - 13.5, columns - 13.5)
picture[(radius > 6) & (radius < 10)] = 1.0  # a ring
filters = {
    "blur": np.full((3, 3), 1 / 9),
    "left edges": np.array([[-1.0, 0, 1]] * 3),
    "top edges": np.array([[-1.0, 0, 1]] * 3).T,
    "corners": np.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]),
}
bank = np.stack(list(filters.values()))[:, None]  # (4 filters, 1 channel, 3, 3)
maps = convolve(picture[None, None], bank, np.zeros(4))[0]
r, s = 9, 11
assert np.isclose(maps[1, r, s], np.sum(filters["left edges"] * picture[r : r + 3, s : s + 3]))
print("picture", picture.shape, "-> feature maps", maps.shape)

# %% [markdown]
# **Pooling** keeps the largest value of every block: a quarter of the numbers, and it no longer matters in which of the
# four places something was.

# %%
pooled, _ = max_pool(np.maximum(maps[None], 0))
figure, axes = plt.subplots(2, 5, figsize=(11, 4.6), layout="constrained")
axes[0, 0].imshow(picture, cmap="gray_r")
axes[0, 0].set(title="picture", xlabel="column", ylabel="row")
axes[1, 0].imshow(max_pool(picture[None, None])[0][0, 0], cmap="gray_r")
axes[1, 0].set(title="pooled", xlabel="column", ylabel="row")
for k, name in enumerate(filters):
    axes[0, k + 1].imshow(maps[k], cmap="coolwarm", vmin=-4, vmax=4)
    axes[0, k + 1].set(title=name, xlabel="column")
    axes[1, k + 1].imshow(pooled[0, k], cmap="coolwarm", vmin=-4, vmax=4)
    axes[1, k + 1].set(title="rectified, pooled", xlabel="column")
plt.show()

# %% [markdown]
# A moved picture gives moved maps: the network has to learn a stroke once, not once for every place. And on the way
# back each weight collects the error from all places at which it stood, which is again a convolution.

# %%
moved = np.roll(picture, (2, -3), axis=(0, 1))
moved_maps = convolve(moved[None, None], bank, np.zeros(4))[0]
assert np.allclose(moved_maps[:, 4:-4, 4:-4], np.roll(maps, (2, -3), axis=(1, 2))[:, 4:-4, 4:-4])
errors = np.random.default_rng(0).normal(size=(1, 4, 26, 26))
_, by_hand, _ = convolve_backwards(picture[None, None], bank, errors)
nudged = bank.copy()
nudged[2, 0, 1, 0] += 1e-6
change = (convolve(picture[None, None], nudged, np.zeros(4)) - convolve(picture[None, None], bank, np.zeros(4))) / 1e-6
print(f"derivative by hand {by_hand[2, 0, 1, 0]:.6f}, by moving the weight {np.sum(change * errors):.6f}")
assert abs(by_hand[2, 0, 1, 0] - np.sum(change * errors)) < 1e-6

# %% [markdown]
# **Exercise 1.** Which three-by-three filter finds diagonal edges? Apply it to the ring and say where its map is
# largest.
#
# ## Digits: LeNet-5
#
# LeCun and others read cheques with it in 1998: two layers of convolution and pooling, then a small perceptron. Here
# with 3,000 training pictures and four passes, so that the page is done in seconds; all 55,000 and better networks:
# `equilearn lab images`.

# %%
whole = image_split("mnist", seed=0)
data = whole._replace(
    x_train=whole.x_train[:3000], t_train=whole.t_train[:3000],
    x_validation=whole.x_validation[:500], t_validation=whole.t_validation[:500],
    x_test=whole.x_test[:1000], t_test=whole.t_test[:1000],
)  # fmt: skip
labels = data.t_test.argmax(axis=1)
settings = LearnSettings(episodes=4, batch_size=32, check_every=1, keep_best=True)
accuracy = {name: row["accuracy"] for name, row in classification_baselines(data, scale=False).items()}
net = fit_classifier(data, settings, network="lenet", optimizer=adam(3e-3), seed=0)
accuracy["LeNet-5"] = float(np.mean(net.predict(data.x_test).argmax(axis=1) == labels))
for name, share in accuracy.items():
    print(f"{name:<22} {share:.3f} of {len(labels):,} new digits right")
assert accuracy["LeNet-5"] > accuracy["logistic regression"] > accuracy["majority"]

# %%
said = net.predict(data.x_test)
wrong = np.flatnonzero(said.argmax(axis=1) != labels)
most = wrong[np.argsort(-said[wrong].max(axis=1))[:8]]
figure, axes = plt.subplots(2, 8, figsize=(11, 3.2), layout="constrained")
for axis, one in zip(axes[0], most, strict=True):
    axis.imshow(data.x_test[one].reshape(28, 28), cmap="gray_r")
    axis.set(xticks=[], yticks=[], xlabel=f"{labels[one]}, read as {said[one].argmax()}")
filters = np.asarray(net.network.c1.weights).T.reshape(6, 5, 5)
for axis, one in zip(axes[1], filters, strict=False):
    axis.imshow(one, cmap="coolwarm", vmin=-np.abs(filters).max(), vmax=np.abs(filters).max())
    axis.set(xticks=[], yticks=[], xlabel="a filter learnt")
seen = np.asarray(net.network.maps(jnp.asarray(data.x_test[:1]).reshape(1, 28, 28, 1))[0])[0]
for k, axis in enumerate(axes[1, 6:]):
    axis.imshow(seen[..., k], cmap="coolwarm")
    axis.set(xticks=[], yticks=[], xlabel="a map of a digit")
figure.suptitle("Above: wrong, and surest of it. Below: the first layer")
plt.show()

# %% [markdown]
# Look at what is wrong: some of it you would not have read either.
#
# **Exercise 2.** Move all test digits three pixels to the right. What do LeNet-5 and logistic regression lose: is it
# what you expected of a convolutional net? What happens if the training pictures are moved too (`shift=3`)?
#
# ## Two networks play: generative adversarial nets
#
# The *generator* makes points out of noise, the *discriminator* tells them from real ones; each learns against the
# other (Goodfellow and others, 2014). In the plane one can see everything: the real points lie on eight small heaps.

# %%
episodes = 120
problem = Plane(latent=2, penalty=0.1, episodes=episodes, rings=False)
keys = jax.random.split(jax.random.key(0), 6)
he = {"activation": jax.nn.relu, "initialiser": jax.nn.initializers.he_normal()}
pair = {
    "generator": MLP((2, 64, 64, 2), key=keys[0], **he),
    "discriminator": MLP((2, 64, 64, 1), key=keys[1], **he),
}
world = problem.world(pair, pictures=5, samples=2000, key=keys[2])
settings = LearnSettings(episodes=episodes, batch_size=256, check_every=40)
run = learn(problem, pair, world, players(2e-3), settings, key=keys[3], title="GAN")
way = np.asarray(run.state.world["way"], float)
real, more = (np.asarray(points(False, 2000, key=key), float) for key in keys[4:])
normal = np.random.default_rng(0).multivariate_normal(more.mean(axis=0), np.cov(more.T), 2000)

# %% [markdown]
# A linear generator can only make one normal distribution: it stands beside, with the mean and the covariance of the
# real points; and so do new real points, which is the best that there is. A heap counts as found if at least two in a
# hundred points lie on it.

# %%
made = {"real points": more, "one normal distribution": normal, "untrained": way[0], "generator": way[-1]}
for name, x in made.items():
    count = judged(x, False)
    print(f"{name:<24} {count['modes']} of 8 heaps, {count['share']:.0%} of the points on them, "
          f"energy distance {energy_distance(x, real):.4f}")  # fmt: skip
assert judged(way[-1], False)["modes"] >= 7 > judged(way[0], False)["modes"]
assert energy_distance(way[-1], real) < energy_distance(normal, real)

# %%
figure, axes = plt.subplots(1, 5, figsize=(13, 3.4), sharex=True, sharey=True, layout="constrained")
for i, axis in enumerate(axes):
    axis.plot(*way[i].T, ".", markersize=1.5, alpha=0.5)
    axis.plot(*CENTRES.T, "x", color="C3", markersize=5)
    axis.set(title=f"episode {i * episodes // 4}", xlabel="$x_1$", aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
axes[0].set_ylabel("$x_2$")
plt.show()

# %% [markdown]
# The crosses are the real heaps. That a generator forgets some of them (*mode collapse*) is the usual failure; the lab
# (`equilearn lab gan`) counts over ten starts, and plays the same game with digits.
#
# **Exercise 3.** If the real points have density $p$ and the made ones $q$, which discriminator is best? Check your
# formula: let a neuron tell $N(1, 1)$ from $N(0, 1)$.
#
# **Exercise 4.** The generator could lower $\log(1 - D)$ instead of raising $\log D$. Compare the two slopes (with
# respect to the discriminator's logit) where the discriminator is sure, $D = 0.01$. Which one learns from a bad start?
