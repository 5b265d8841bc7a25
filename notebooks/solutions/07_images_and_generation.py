# %% [markdown]
# # Solutions to notebook 7: pictures

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression

from equilearn.data import image_split
from equilearn.images import fit_classifier
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam
from equilearn.whitebox.activations import sigmoid
from equilearn.whitebox.convolution import convolve
from equilearn.whitebox.descent import Adam
from equilearn.whitebox.mlp import MLP

# %% [markdown]
# **Solution 1.** A filter with ones above the diagonal and minus ones below it answers where the picture changes across
# the diagonal. On the ring that is at the upper right and at the lower left, where its borders run along the diagonal.

# %%
rows, columns = np.mgrid[:28, :28]
radius = np.hypot(rows - 13.5, columns - 13.5)
ring = ((radius > 6) & (radius < 10)).astype(float)
diagonal = np.triu(np.ones((3, 3)), 1) - np.tril(np.ones((3, 3)), -1)
answer = np.abs(convolve(ring[None, None], diagonal[None, None], np.zeros(1))[0, 0])
places = np.argwhere(answer == answer.max()) + 1 - 13.5  # middle of the window, from the middle of the ring
angles = np.rad2deg(np.arctan2(places[:, 0], places[:, 1]))  # rows grow downwards
print("angles of the largest answers:", np.unique(angles.round()))
assert abs(np.rad2deg(np.arctan2(*np.abs(places).mean(axis=0))) - 45) < 5  # on average 45 degrees
assert np.all(places[:, 0] * places[:, 1] < 0)  # up right and down left alone, nowhere else

# %% [markdown]
# **Solution 2.** Both lose about forty points of a hundred. The convolutions do find the strokes where they now are,
# but behind them stands a perceptron that has learnt where strokes usually are, and pooling forgives a pixel or two,
# not three. Convolution alone is not invariance: what helps is to show moved pictures while training.

# %%
whole = image_split("mnist", seed=0)
data = whole._replace(
    x_train=whole.x_train[:2500], t_train=whole.t_train[:2500],
    x_validation=whole.x_validation[:500], t_validation=whole.t_validation[:500],
    x_test=whole.x_test[:1000], t_test=whole.t_test[:1000],
)  # fmt: skip
labels = data.t_test.argmax(axis=1)
aside = np.roll(data.x_test.reshape(-1, 28, 28), 3, axis=2).reshape(-1, 784)
settings = LearnSettings(episodes=4, batch_size=32, check_every=1, keep_best=True)
line = LogisticRegression(max_iter=50, tol=1e-2).fit(data.x_train, data.t_train.argmax(axis=1))
tellers = {"logistic regression": line.predict}
for name, shift in {"LeNet-5": 0, "LeNet-5, shown moved digits": 3}.items():
    net = fit_classifier(data, settings, network="lenet", shift=shift, optimizer=adam(3e-3), seed=0)
    tellers[name] = lambda x, net=net: net.predict(x).argmax(axis=1)
straight, moved = {}, {}
for name, tell in tellers.items():
    straight[name], moved[name] = (float(np.mean(tell(x) == labels)) for x in (data.x_test, aside))
    print(f"{name:<28} {straight[name]:.3f} of the digits as they are, {moved[name]:.3f} of the moved ones")
assert all(moved[name] < straight[name] - 0.2 for name in ("logistic regression", "LeNet-5"))
assert moved["LeNet-5, shown moved digits"] > moved["LeNet-5"] + 0.2

# %% [markdown]
# **Solution 3.** Whoever sees $x$ and knows both densities says $D(x) = p(x) / (p(x) + q(x))$: it maximises
# $p \log D + q \log(1 - D)$ point by point. For $N(1, 1)$ against $N(0, 1)$ the logit is
# $\log p - \log q = x - 1/2$: a line, so one neuron can say it.

# %%
rng = np.random.default_rng(0)
x = np.concatenate([rng.normal(1, 1, 20_000), rng.normal(0, 1, 20_000)])[:, None]
t = np.repeat([1.0, 0.0], 20_000)[:, None]
teller = MLP.fresh([1, 1], output="logistic", seed=0)
teller.train(x, t, epochs=300, rule=Adam(0.05))
weight, bias = teller.weights[0].item(), teller.biases[0].item()
print(f"the neuron's logit: {weight:.3f} x + {bias:.3f}")
assert abs(weight - 1) < 0.05 and abs(bias + 0.5) < 0.05

# %% [markdown]
# **Solution 4.** With the logit $l$ and $D = \sigma(l)$: the slope of $\log(1 - D)$ is $-D$, which is 0.01 in size
# where the discriminator is sure; the slope of $-\log D$ is $-(1 - D)$, 0.99 in size. The second learns a hundred times
# faster from a bad start; the two have the same optimum.

# %%
logit, step = float(np.log(0.01 / 0.99)), 1e-6


def slope(cost):
    return float((cost(np.array(logit + step)) - cost(np.array(logit - step))) / (2 * step))


saturating, lively = slope(lambda h: np.log(sigmoid(-h))), slope(lambda h: -np.log(sigmoid(h)))
print(f"slopes: log(1 - D) {saturating:.4f}, -log D {lively:.4f}")
assert abs(saturating + 0.01) < 1e-5 and abs(lively + 0.99) < 1e-5
