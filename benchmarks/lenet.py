"""An epoch of LeNet-5 on MNIST, here, in Keras and in PyTorch: the same work. Needs `[bench]`.

The net is that of LeCun, Bottou, Bengio and Haffner (1998) with a softmax at its end, on all sides: trained sampling,
1.7159 tanh(2 a / 3), and the third layer's table of connections.
"""

import time

import numpy as np

from benchmarks.epochs import (
    COLUMNS,
    Turn,
    by_turns,
    keras_on_tensorflow,
    keras_side,
    libraries,
    row,
    torch_side,
    verdict,
)
from equilearn.data import image_split
from equilearn.images import fit_classifier
from equilearn.learn import LearnSettings
from equilearn.networks.convolutional import CONNECTIONS
from equilearn.optimizers import adam, constant

BATCH, EPOCHS, ROUNDS = 128, 1, 2
SEEN = np.array([[float(channel in row) for row in CONNECTIONS] for channel in range(6)], np.float32)
"""Which maps of S2 the maps of C3 see."""


def keras_lenet():
    """Return the network in Keras."""
    keras = keras_on_tensorflow()
    layers, ops = keras.layers, keras.ops

    def squash(a):
        return 1.7159 * ops.tanh(2 * a / 3)

    class Subsampling(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
            self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros")

        def call(self, x):
            return squash(self.scale * ops.average_pool(x, 2, 2) + self.shift)

    class Connected(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel * SEEN)

    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, padding="same", activation=squash), Subsampling(),
        Connected(16, 5, activation=squash), Subsampling(),
        layers.Conv2D(120, 5, activation=squash), layers.Flatten(),
        layers.Dense(84, activation=squash), layers.Dense(10),
    ])  # fmt: skip


def torch_lenet():
    """Return the network in PyTorch."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool2d, conv2d

    def squash(a):
        return 1.7159 * torch.tanh(2 * a / 3)

    class Squash(nn.Module):
        def forward(self, a):
            return squash(a)

    class Subsampling(nn.Module):
        def __init__(self, maps):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(maps, 1, 1))
            self.shift = nn.Parameter(torch.zeros(maps, 1, 1))

        def forward(self, x):
            return squash(self.scale * avg_pool2d(x, 2) + self.shift)

    class Connected(nn.Conv2d):
        def __init__(self):
            super().__init__(6, 16, 5)
            self.register_buffer("seen", torch.tensor(SEEN.T[:, :, None, None]))

        def forward(self, x):
            return conv2d(x, self.weight * self.seen, self.bias)

    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), Squash(), Subsampling(6), Connected(), Squash(), Subsampling(16),
        nn.Conv2d(16, 120, 5), Squash(), nn.Flatten(), nn.Linear(120, 84), Squash(), nn.Linear(84, 10),
    )  # fmt: skip


def measure() -> dict:
    """Return seconds of an epoch and test accuracies on all sides."""
    said = libraries()
    import torch

    keras = keras_on_tensorflow()
    data = image_split("mnist", seed=0)
    whole = len(data.x_train) // BATCH * BATCH
    data = data._replace(x_train=data.x_train[:whole], t_train=data.t_train[:whole])
    settings = LearnSettings(episodes=EPOCHS, batch_size=BATCH, check_every=EPOCHS)
    labels, labels_test = data.t_train.argmax(axis=1), data.t_test.argmax(axis=1)

    def accuracy(said) -> float:
        return float(np.mean(np.asarray(said).argmax(axis=1) == labels_test))

    def ours(seed: int) -> Turn:
        fitted = fit_classifier(
            data, settings, network="lenet", optimizer=adam(1e-3, schedule=constant, clip=np.inf), seed=seed
        )
        return Turn(fitted.run.seconds / EPOCHS, accuracy(fitted.predict(data.x_test)))

    began = time.perf_counter()
    first = ours(0)
    compiling = time.perf_counter() - began - EPOCHS * first.seconds
    usual = {"batch": BATCH, "epochs": EPOCHS}
    pictures, pictures_test = data.x_train.reshape(-1, 28, 28, 1), data.x_test.reshape(-1, 28, 28, 1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    sides = {
        "here": ours,
        "keras": keras_side(
            keras_lenet, {"loss": loss}, pictures, labels,
            judge=lambda model: accuracy(model.predict(pictures_test, verbose=0)), **usual,
        ),
        "torch": torch_side(
            torch_lenet, torch.nn.functional.cross_entropy, pictures.reshape(-1, 1, 28, 28), labels,
            judge=lambda net: accuracy(net(torch.as_tensor(pictures_test.reshape(-1, 1, 28, 28)))), **usual,
        ),
    }  # fmt: skip
    cells = row(by_turns(sides, ROUNDS), 4)
    return {
        "columns": [*COLUMNS, "accuracy here", "Keras", "PyTorch"],
        "rows": [cells],
        "text": f"LeNet-5 as published but for its softmax, Adam 1e-3, batches of {BATCH}, {whole:,} pictures of "
        f"MNIST, single precision; {said}. {ROUNDS} rounds by turns, each from new weights: medians (lowest to "
        "highest), ratios of turns of the same round. Not in the seconds: what our first call took beside its epoch, "
        f"{compiling:.0f} s, most of it compilation; four batches of the others. Ours contain the check on 5,000 "
        f"validation pictures. Accuracy: of the test pictures, after one epoch. In the end, {verdict(cells)}. "
        "This is a small net on a CPU: it says nothing of larger ones, nor of graphics cards.",
    }
