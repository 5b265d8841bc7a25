"""The complete study of Genz's functions, as batched programs and (a sample of it) as a loop over Keras models.

Needs the extra `[bench]`. The same networks (64-32-16 Swish), optimiser (Adam), batches and steps on both sides.
"""

import time

import numpy as np

from equilearn.data import GENZ, draw_parameters, sample
from equilearn.labs.genz import Design, Genz, seed_of, study


def keras_fit(dimension: int, points: int, steps: int, name: str, seed: int) -> tuple[float, float]:
    """Return seconds of a Keras model's construction and fit, and its mean error relative to the deviation."""
    import keras

    parameters = draw_parameters(name, dimension, seed=seed)
    x, t = sample(name, dimension, points, parameters=parameters, seed=seed + 1)
    x_test, t_test = sample(name, dimension, 1000, parameters=parameters, seed=seed + 2)
    deviation = sample(name, dimension, 20_000, parameters=parameters, seed=seed + 3)[1].std()
    began = time.perf_counter()
    keras.utils.set_random_seed(seed % 2**31)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
    model = keras.Sequential([keras.Input((dimension,)), *(keras.layers.Dense(n, "swish") for n in (64, 32, 16)),
                              keras.layers.Dense(1)])  # fmt: skip
    model.compile(keras.optimizers.Adam(rate), "mse")
    mean, std = t.mean(), t.std() or 1.0
    centre, spread = x.mean(axis=0), x.std(axis=0)
    model.fit((x - centre) / spread, (t - mean) / std, batch_size=min(points, 500), epochs=steps, verbose=0)
    seconds = time.perf_counter() - began
    guess = model.predict((x_test - centre) / spread, verbose=0) * std + mean
    return seconds, float(np.abs(guess - t_test).mean() / deviation)


def measure() -> dict:
    """Return seconds of the complete study on both sides, and mean errors on the sampled cells."""
    lab = Genz.in_full()
    began = time.perf_counter()
    ours = {(d, n): study(d, n, lab.seeds, lab.steps, Design(), seed=lab.seed) for d in lab.dimensions
            for n in lab.points}  # fmt: skip
    seconds = time.perf_counter() - began
    networks = len(GENZ) * lab.seeds * len(ours)
    rows, keras_total = [], 0.0
    names = ("oscillatory", "discontinuous")
    d = 5
    keras_fit(d, 10, 20, "gaussian", 0)  # warm up
    for n in lab.points:
        fits = [keras_fit(d, n, lab.steps, name, seed_of(lab.seed, list(GENZ).index(name), 0, d)) for name in names]
        each = float(np.mean([one[0] for one in fits]))
        keras_total += each * networks / len(lab.points)
        index = [list(GENZ).index(name) for name in names]
        mine = float(np.mean([ours[d, n]["mae"][i][0] for i in index]))
        rows.append([n, len(fits), f"{each:.1f}", f"{mine:.3f}", f"{np.mean([one[1] for one in fits]):.3f}"])
        print(rows[-1], flush=True)
    return {
        "columns": ["points", "Keras models measured", "s each", "our mean error", "theirs"],
        "rows": rows,
        "text": f"Ours: the complete study, {networks} networks of {lab.steps} steps in {seconds:.0f} s, compilation "
        f"included. Keras: `fit` in a loop, {len(names) * len(lab.points)} models measured and extrapolated to "
        f"{networks}: {keras_total / 3600:.1f} hours, **{keras_total / seconds:.0f} times** longer. Mean errors over "
        f"the same functions ({', '.join(names)}; d = {d}, the same points), in standard deviations.",
    }
