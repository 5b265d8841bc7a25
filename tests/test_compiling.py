"""Work in batches is the work of all at once, traced once, whatever the number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from equilearn.compiling import in_batches


@pytest.mark.parametrize("total", [1, 7, 8, 9, 10, 16, 17, 100])
def test_batches_give_what_all_at_once_gives_and_are_traced_once(total):
    traced = []

    def one(pair):
        traced.append(pair)
        return {"sum": pair[0] + pair[1].sum(), "row": 2 * pair[1]}

    numbers = jnp.arange(total, dtype=jnp.float32)
    rows = jax.random.normal(jax.random.key(0), (total, 3))
    found = jax.jit(lambda pairs: in_batches(one, pairs, 8))((numbers, rows))
    assert len(traced) == 1
    np.testing.assert_allclose(found["sum"], numbers + rows.sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(found["row"], 2 * rows)


def test_nothing_gives_nothing():
    assert in_batches(lambda x: x + 1, jnp.zeros((0, 3)), 8).shape == (0, 3)
