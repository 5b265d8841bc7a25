"""An epoch of an LSTM on windows of a series, here, in Keras and in PyTorch: the same work. Needs `[bench]`."""

import time

import jax
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
from equilearn.data import load_series
from equilearn.learn import LearnSettings
from equilearn.optimizers import adam, constant
from equilearn.sequences import Windows, chronological
from equilearn.sequences.forecaster import fit_forecaster

HISTORY, HIDDEN, EPOCHS, ROUNDS, BATCHES = 50, 64, 2, 3, (64, 256)


def compare(parts, batch: int) -> tuple[list[str], float, float]:
    """Return a row of the table, our seconds of compilation, and the number of windows."""
    import torch

    keras = keras_on_tensorflow()
    whole = len(parts.train.x) // batch * batch
    parts = parts._replace(train=Windows(*(field[:whole] for field in parts.train)))
    settings = LearnSettings(episodes=EPOCHS, batch_size=batch, check_every=EPOCHS)

    def ours(seed: int) -> Turn:
        fitted = fit_forecaster(
            parts, settings, hidden=HIDDEN, base="mean", seed=seed,
            optimizer=adam(1e-3, schedule=constant, clip=np.inf),
        )  # fmt: skip
        errors = (fitted.predict(parts.test) - parts.test.y) / fitted.spread
        return Turn(fitted.run.seconds / EPOCHS, float(np.sqrt(np.mean(errors**2))))

    began = time.perf_counter()
    ours(0)
    compiling = time.perf_counter() - began
    flat = parts.train.x[:, -1]
    center, spread = flat.mean(axis=0), flat.std(axis=0)
    scaled = [((values - center) / spread).astype(np.float32) for part in (parts.train, parts.test)
              for values in (part.x, part.y)]  # fmt: skip
    x, t, x_test, t_test = scaled

    def error(said) -> float:
        return float(np.sqrt(np.mean((np.asarray(said) - t_test) ** 2)))

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.out = torch.nn.LSTM(1, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, 1)

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    layers = keras.layers
    usual = {"batch": batch, "epochs": EPOCHS}
    sides = {
        "here": ours,
        "keras": keras_side(
            lambda: keras.Sequential([keras.Input((HISTORY, 1)), layers.LSTM(HIDDEN), layers.Dense(1)]),
            {"loss": "mse"}, x, t, judge=lambda model: error(model.predict(x_test, verbose=0)), **usual,
        ),
        "torch": torch_side(
            Net, torch.nn.functional.mse_loss, x, t, judge=lambda net: error(net(torch.as_tensor(x_test))), **usual
        ),
    }  # fmt: skip
    return row(by_turns(sides, ROUNDS), 3), compiling, whole


def measure() -> dict:
    """Return seconds of an epoch and test errors on all sides."""
    said = libraries()
    parts = chronological(load_series("ozone").values, history=HISTORY)
    rows, notes, verdicts = [], [], []
    for batch in BATCHES:
        cells, compiling, whole = compare(parts, batch)
        jax.clear_caches()
        rows.append([batch, *cells])
        notes.append(f"{compiling:.1f} s for batches of {batch} ({whole:,} windows)")
        verdicts.append(f"batches of {batch}: {verdict(cells)}")
    return {
        "columns": ["batch", *COLUMNS, "test error here", "Keras", "PyTorch"],
        "rows": rows,
        "text": f"One LSTM layer of {HIDDEN} units on windows of {HISTORY} days of ozone, a linear layer, Adam 1e-3, "
        f"single precision; {said}. {ROUNDS} rounds of {EPOCHS} epochs by turns, each from new weights: medians "
        "(lowest to highest), ratios of turns of the same round. Not in the seconds: our first call, with compilation, "
        f"of {' and '.join(notes)}; four batches of the others. Ours contain the check on the validation part. Test "
        f"error: root mean square in standard deviations, after those epochs. In the end, {'; '.join(verdicts)}. "
        "This is one small layer on a CPU: it says nothing of larger ones, nor of graphics cards.",
    }
