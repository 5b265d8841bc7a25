"""Shapes are enforced in every test; compiled programs are dropped after each file and kept on disk for the session."""

import gc
import os
import subprocess
import sys
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
    flags = ["--xla_backend_optimization_level=0", "--xla_cpu_use_fusion_emitters=false"]
    trial = {**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu"}
    known = subprocess.run([sys.executable, "-c", "import jax; jax.devices()"], env=trial, capture_output=True)
    os.environ["XLA_FLAGS"] = " ".join(flags[: 1 if known.returncode else 2])
    """Compiling takes most of the tests' time: a sixth of it this way. What runs long is compiled better: `levels`.

    From JAX 0.12 on XLA has no other than its fusion emitters, and ends a process that asks for others.
    """

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
def chosen_levels():
    """Compile what runs briefly without optimisation (`levels`)."""
    import levels

    with pytest.MonkeyPatch.context() as patch:
        levels.choose(patch)
        yield


@pytest.fixture(scope="module")
def like_other_processes(chosen_levels):
    """Compile what learns as the processes do that tests start: for files that compare the two bit for bit."""
    import levels

    from equilearn import compiling
    from equilearn.learn import driver, programs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "program_for", levels.PROGRAM_FOR)
        patch.setattr(compiling, "options_for", levels.OPTIONS)
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
