"""Shapes are enforced in every test; compiled programs are dropped after each file and kept on disk for the session."""

import gc
import os
import tempfile
from pathlib import Path

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    PROGRAMS = tempfile.TemporaryDirectory(prefix="equilearn-programs-")
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": PROGRAMS.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    """Set before JAX is imported, and inherited by pytest's workers and by the command lines that tests start."""

if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
    """Compiling takes most of the tests' time: a sixth of it this way. What runs long is compiled better: `levels`."""

if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) % len(cores)]})
    """One core each: workers that share cores slow each other down severalfold."""

import jax
import pytest
from jaxtyping import install_import_hook

hook = install_import_hook("equilearn", "beartype.beartype")
hook.__enter__()


def pytest_collection_finish():
    """Look for garbage seldom, and never among what was imported: Python's search took 8 % of the tests' time.

    What tests leave behind is collected after each file.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 10)


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    """Drop compiled programs after each file: thousands of them in one process exhaust its memory mappings."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture(autouse=True, scope="session")
def levels():
    """Compile what learns for long at XLA's first level of optimisation, and all else, which runs briefly, at none.

    An economy's learning of at most a hundred episodes, its certificate and its simulations run for tenths of a second:
    optimised they run up to twice as fast, and take more than twice as long to compile.
    """
    from equilearn import compiling
    from equilearn.equilibrium import SolveSettings
    from equilearn.learn import driver

    usual, program_for = compiling._options, driver.program_for
    level = 0

    def for_learning(problem, state, optimizer, settings):
        nonlocal level
        level = int(not isinstance(settings, SolveSettings) or settings.episodes > 100)
        try:
            return program_for(problem, state, optimizer, settings)
        finally:
            level = 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            compiling,
            "_options",
            lambda once: usual(False) and {**usual(False), "xla_backend_optimization_level": level},
        )
        patch.setattr(driver, "program_for", for_learning)
        yield program_for


@pytest.fixture(scope="module")
def like_other_processes(levels):
    """Compile what learns as the processes do that tests start: for files that compare the two bit for bit."""
    from equilearn.learn import driver, programs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "program_for", levels)
        programs._programs.clear()
        yield
        programs._programs.clear()


@pytest.fixture
def shared(monkeypatch):
    """Point the package at the folder of real data; skip the test where there is none."""
    folder = Path(os.environ.get("EQUILEARN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}")
    monkeypatch.setenv("EQUILEARN_DATA", str(folder))
