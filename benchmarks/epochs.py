"""Seconds of an epoch here, in Keras and in PyTorch, by turns in one run: what the parts on networks have in common.

Each side is given the same arrays, batches, optimiser (Adam, constant rate) and number of steps. JAX and TensorFlow
take the threads that they take of themselves; PyTorch is given one, with which it was several times as fast as with two
where other programs share the cores. What each compiles is compiled before the clock runs. PyTorch runs as it comes
(eagerly), on arrays in memory, indexed by batches, with the fused Adam. Needs `[bench]`.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Turn(NamedTuple):
    """One turn of a side: seconds of an epoch, and how good what it learnt is."""

    seconds: float
    quality: float


WARM = 4
"""Batches before the clock runs."""
Side = Callable[[int], Turn]
"""Learns anew, from a seed."""


def keras_on_tensorflow() -> Any:
    """Return Keras, on the backend that is compared."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    return keras


def keras_side(
    make: Callable[[], Any], compile_: dict[str, Any], x: Any, t: Any, *, batch: int, epochs: int, judge: Callable
) -> Side:
    """Return Keras's side; `compile_` is what `model.compile` is given beside the optimiser, `judge` takes a model."""
    keras = keras_on_tensorflow()
    keras.utils.set_random_seed(0)
    model = make()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), **compile_)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    first = [np.array(one) for one in variables]
    model.fit(x[: WARM * batch], t[: WARM * batch], batch_size=batch, epochs=1, verbose=0)

    def learn(seed: int) -> Turn:
        for variable, value in zip(variables, first, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(seed)
        began = time.perf_counter()
        model.fit(x, t, batch_size=batch, epochs=epochs, verbose=0)
        return Turn((time.perf_counter() - began) / epochs, judge(model))

    return learn


def torch_side(
    make: Callable[[], Any], loss: Callable, x: Any, t: Any, *, batch: int, epochs: int, judge: Callable
) -> Side:
    """Return PyTorch's side; `loss` takes outputs and targets, `judge` a network."""
    import torch

    torch.set_num_threads(1)
    x, t = torch.as_tensor(x), torch.as_tensor(t)

    def epoch(net: Any, optimizer: Any, samples: int) -> None:
        for index in torch.randperm(samples).split(batch):
            optimizer.zero_grad()
            loss(net(x[index]), t[index]).backward()
            optimizer.step()

    def learn(seed: int, epochs: int = epochs, samples: int = len(x)) -> Turn:
        torch.manual_seed(seed)
        net = make()
        optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
        began = time.perf_counter()
        for _ in range(epochs):
            epoch(net, optimizer, samples)
        seconds = (time.perf_counter() - began) / epochs
        with torch.no_grad():
            return Turn(seconds, judge(net))

    learn(0, 1, WARM * batch)
    return learn


def by_turns(sides: dict[str, Side], rounds: int) -> dict[str, list[Turn]]:
    """Return the turns of every side; in every round another one is first."""
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    names = list(sides)
    for n in range(rounds):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            turns[name].append(sides[name](n))
        print({name: [round(float(one), 4) for one in some[-1]] for name, some in turns.items()}, flush=True)
    return turns


def row(turns: dict[str, list[Turn]], digits: int) -> list[str]:
    """Return seconds and qualities of every side, and how many times longer the others take than the first.

    All are medians over the rounds; a ratio is one of two turns of the same round.
    """
    seconds = np.array([[one.seconds for one in some] for some in turns.values()])
    qualities = np.median([[one.quality for one in some] for some in turns.values()], axis=1)
    ratios = seconds[1:] / seconds[0]
    cells = [f"{np.median(some):.3g} ({some.min():.3g} to {some.max():.3g})" for some in seconds]
    cells += [f"{np.median(some):.2f} ({some.min():.2f} to {some.max():.2f})" for some in ratios]
    return cells + [f"{quality:.{digits}f}" for quality in qualities]


COLUMNS = ["s an epoch here", "s Keras", "s PyTorch", "Keras / here", "PyTorch / here"]
"""What `row` begins with, for these sides."""


def verdict(cells: list[str]) -> str:
    """Return in words how a row's ratios stand to the aim: the faster of the two, or better twice as fast."""
    least = min(float(cell.split()[0]) for cell in cells[3:5])
    if least >= 2:
        return "twice as fast here as in the faster of the two, or more"
    return "faster here than in both" if least >= 1 else "slower here than in the faster of the two"


def libraries() -> str:
    """Return the versions of the others."""
    import tensorflow
    import torch

    keras = f"Keras {keras_on_tensorflow().__version__} on TensorFlow {tensorflow.__version__}"
    return f"{keras}, PyTorch {torch.__version__} on one thread"
