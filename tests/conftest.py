"""Shapes are enforced in every test; compiled programs are dropped after each file."""

import gc

import jax
import pytest
from jaxtyping import install_import_hook

hook = install_import_hook("equilearn", "beartype.beartype")
hook.__enter__()


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    """Drop compiled programs after each file: thousands of them in one process exhaust its memory mappings."""
    yield
    jax.clear_caches()
    gc.collect()
