"""Ten epochs of the course's Fashion-MNIST network, here and in Keras: the same work. Needs `[bench]`."""

import time

import numpy as np

from equilearn.data import image_split
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam, constant
from equilearn.supervised import fit

EPOCHS, BATCH = 10, 32


def measure() -> dict:
    """Return seconds and test accuracy on both sides, over two seeds."""
    import keras

    data = image_split("fashion-mnist", seed=0)
    rows, ratios = [], []
    settings = LearnSettings(episodes=EPOCHS, batch_size=BATCH, check_every=EPOCHS)
    for seed in (0, 1):
        began = time.perf_counter()
        fitted = fit(data, (128,), settings, classify=True, optimizer=adam(1e-3, schedule=constant, clip=np.inf),
                     scale=False, activation="relu", seed=seed)  # fmt: skip
        ours, accuracy = time.perf_counter() - began, fitted.test(data)["accuracy"]
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)])
        model.compile(
            optimizer="adam", loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
        )
        began = time.perf_counter()
        model.fit(data.x_train, data.t_train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        theirs = time.perf_counter() - began
        score = float(model.evaluate(data.x_test, data.t_test, verbose=0)[1])
        rows.append([seed, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}", f"{accuracy:.4f}", f"{score:.4f}"])
        ratios.append(theirs / ours)
        print(rows[-1], flush=True)
    return {
        "columns": ["seed", "s here", "s Keras", "ratio", "accuracy here", "accuracy Keras"],
        "rows": rows,
        "text": f"784-128-10 ReLU, Adam 1e-3, batches of {BATCH}, {EPOCHS} epochs of {len(data.x_train):,} images; "
        "compilation included on both sides.",
    }
