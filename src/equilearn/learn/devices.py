"""Several devices, several processes: samples are split over all devices, everything else is the same on each.

JAX partitions the compiled call: each device simulates and differentiates its share of the samples, and gradients are
averaged over all devices, so a run gives what it gives on one device, up to the order of summation. Only the loop's
call is split: everything before and after it runs on each process's own first device. Several processes are one
program that is started several times; only the process of rank 0 writes files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float

from equilearn import __version__
from equilearn.errors import UserError, first_line
from equilearn.learn.rollcall import address_of, come_to, wait_for_all

Tree = TypeVar("Tree")
SAMPLES = "samples"
PATIENCE_SECONDS = 60.0
"""How long processes wait for each other at the start."""
SILENCE_SECONDS = 10
"""After which a process that does not answer JAX's coordinator counts as dead."""
A_DAY = 24 * 3600


def connect(coordinator: str | None = None, processes: int | None = None, rank: int | None = None) -> None:
    """Join the other processes of a run; call it before anything else uses JAX.

    Under a launcher that JAX knows (Slurm, Open MPI) no argument is needed, and without one and without arguments
    nothing happens.

    Args:
        coordinator: address of the process of rank 0, `host:port`, the same for all; it listens there only.
        processes: number of processes.
        rank: of this one, from 0.

    Raises:
        UserError: some of the three are given and others not, or one is wrong, or the others did not come.
    """
    given = [one is not None for one in (coordinator, processes, rank)]
    launched = int(os.environ.get("SLURM_STEP_NUM_TASKS", os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))) > 1
    if not any(given) and not launched:
        return
    if any(given) and not all(given):
        raise UserError("--coordinator, --processes and --rank belong together: give all three, or none.")
    bind = None
    if coordinator is not None and processes is not None and rank is not None:
        host, port = address_of(coordinator)
        if processes < 1 or not 0 <= rank < processes:
            raise UserError(f"--rank: must be between 0 and --processes less 1, not {rank} of {processes}.")
        if processes == 1:
            return
        me = {"rank": rank, "processes": processes, "equilearn": __version__, "jax": jax.__version__}
        if rank == 0:
            bind = wait_for_all(host, port, me, patience=PATIENCE_SECONDS)
        else:
            come_to(host, port, me, patience=PATIENCE_SECONDS)
    try:
        _join(coordinator, processes, rank, bind)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes of the run did not find each other: {first_line(error)}") from None


def _join(coordinator: str | None, processes: int | None, rank: int | None, bind: str | None) -> None:
    """Let JAX connect the processes.

    Processors talk to each other without JAX's coordinator once they are connected, and part from it: it would answer
    signals in our place, and end this process natively, without words or a checkpoint, when another one dies. Other
    devices go on to need it.
    """
    jax.config.update("jax_enable_preemption_service", False)
    jax.distributed.initialize(
        coordinator,
        processes,
        rank,
        initialization_timeout=int(PATIENCE_SECONDS),
        coordinator_bind_address=bind,
        heartbeat_timeout_seconds=SILENCE_SECONDS,
        shutdown_timeout_seconds=A_DAY,  # the others wait for the certificate that the first one makes
    )
    if jax.default_backend() == "cpu":
        gathered([0.0])
        jax.distributed.shutdown()


def memory() -> int | None:
    """Return the bytes of memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def is_first() -> bool:
    """Return whether this process is the one that writes files: rank 0, or the only one."""
    return jax.process_index() == 0


def alone() -> bool:
    """Return whether there is only one process."""
    return jax.process_count() == 1


def _mesh() -> Mesh | None:
    """Return all devices in a row; None where there is only one."""
    count = jax.device_count()
    return None if count == 1 else jax.make_mesh((count,), (SAMPLES,), axis_types=(AxisType.Auto,))


def splitting() -> contextlib.AbstractContextManager[Any]:
    """Within: programs that are compiled split samples over all devices; elsewhere `split_samples` does nothing."""
    mesh = _mesh()
    return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)


def split_samples(tree: Tree) -> Tree:
    """Within a compiled program: split arrays along their first axis over the devices, where it can be divided."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return tree

    def one(leaf: Any) -> Any:
        even = eqx.is_array(leaf) and leaf.ndim > 0 and leaf.shape[0] % mesh.size == 0
        return jax.lax.with_sharding_constraint(leaf, PartitionSpec(SAMPLES)) if even else leaf

    return jax.tree.map(one, tree)


def gather(tree: Tree) -> Tree:
    """Within a compiled program: make arrays the same on every device."""
    if jax.sharding.get_abstract_mesh().empty:
        return tree
    return jax.tree.map(
        lambda leaf: jax.lax.with_sharding_constraint(leaf, PartitionSpec()) if eqx.is_array(leaf) else leaf, tree
    )


def everywhere(tree: Tree) -> Tree:
    """Put arrays on every device: those of the first process."""
    mesh = _mesh()
    if mesh is None:
        return tree
    whole = NamedSharding(mesh, PartitionSpec())
    leaves, structure = jax.tree.flatten(tree)
    arrays = [np.asarray(_data(leaf)) for leaf in leaves if eqx.is_array(leaf)]
    with talking():
        arrays = iter(arrays if alone() else multihost_utils.broadcast_one_to_all(arrays))

    def put(leaf: Any) -> Any:
        array = jax.make_array_from_process_local_data(whole, next(arrays))
        return jax.random.wrap_key_data(array) if _is_key(leaf) else array

    return structure.unflatten([put(leaf) if eqx.is_array(leaf) else leaf for leaf in leaves])


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def here(tree: Tree) -> Tree:
    """Return arrays that are the same on every device as arrays of this process's first device."""
    if _mesh() is None:
        return tree
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree)


def gathered(numbers: Sequence[int | float]) -> Float[np.ndarray, "processes numbers"]:
    """Return the numbers of all processes, one row each: all see the same, once all have come here."""
    if alone():
        return np.asarray([numbers], float)
    with talking():
        return np.asarray(multihost_utils.process_allgather(np.asarray(numbers, np.float32)))


def texts(text: str) -> list[str]:
    """Return the texts of all processes, by rank."""
    if alone():
        return [text]
    data = text.encode()
    lengths = gathered([len(data)])[:, 0].astype(int)
    padded = np.zeros(lengths.max(), np.int32)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    with talking():
        rows = multihost_utils.process_allgather(padded)
    return [bytes(row[:length].astype(np.uint8)).decode() for row, length in zip(rows, lengths, strict=True)]


class PeerLostError(UserError):
    """Another process of the run ended, or cannot be reached."""


@contextlib.contextmanager
def talking() -> Iterator[None]:
    """Within: what cannot be done because another process is gone raises `PeerLostError`."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if alone() or isinstance(error, UserError):
            raise
        reason = first_line(error)[:300]
        raise PeerLostError(
            f"another process of the run ended or cannot be reached; what it printed says why ({reason})."
        ) from None
