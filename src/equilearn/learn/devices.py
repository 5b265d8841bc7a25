"""Several devices, several processes: samples are split over all devices, everything else is the same on each.

JAX partitions the compiled call: each device simulates and differentiates its share of the samples, and gradients are
averaged over all devices, so a run gives what it gives on one device, up to the order of summation. Several processes
are one program that is started several times; only the process of rank 0 writes files.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from equilearn.errors import UserError

Tree = TypeVar("Tree")
SAMPLES = "samples"
PATIENCE_SECONDS = 10
"""After which a process that no longer answers counts as dead."""


def connect(coordinator: str | None = None, processes: int | None = None, rank: int | None = None) -> None:
    """Join the other processes of a run; call it before anything else uses JAX.

    Under a launcher that JAX knows (Slurm, Open MPI) no argument is needed, and without one and without arguments
    nothing happens.

    Args:
        coordinator: address of the process of rank 0, `host:port`, the same for all.
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
    if all(given):
        assert coordinator is not None and processes is not None and rank is not None
        host, _, port = coordinator.rpartition(":")
        if not host or not port.isdigit():
            raise UserError(f"--coordinator: must be host:port, not {coordinator!r}.")
        if processes < 1 or not 0 <= rank < processes:
            raise UserError(f"--rank: must be between 0 and --processes less 1, not {rank} of {processes}.")
    try:
        jax.distributed.initialize(
            coordinator, processes, rank, initialization_timeout=60, heartbeat_timeout_seconds=PATIENCE_SECONDS
        )
    except (RuntimeError, ValueError) as error:
        text = str(error).strip().splitlines()[0]
        raise UserError(f"the processes of the run did not find each other: {text}") from None


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


def split_samples(tree: Tree) -> Tree:
    """Within a compiled program: split arrays along their first axis over the devices, where it can be divided."""
    mesh = _mesh()
    if mesh is None:
        return tree
    split = NamedSharding(mesh, PartitionSpec(SAMPLES))

    def one(leaf: Any) -> Any:
        even = eqx.is_array(leaf) and leaf.ndim > 0 and leaf.shape[0] % mesh.size == 0
        return jax.lax.with_sharding_constraint(leaf, split) if even else leaf

    return jax.tree.map(one, tree)


def gather(tree: Tree) -> Tree:
    """Within a compiled program: make arrays the same on every device."""
    mesh = _mesh()
    if mesh is None:
        return tree
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, whole) if eqx.is_array(x) else x, tree)


def everywhere(tree: Tree) -> Tree:
    """Put arrays, which every process has alike, on every device."""
    mesh = _mesh()
    if mesh is None:
        return tree
    whole = NamedSharding(mesh, PartitionSpec())

    def put(leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        return jax.make_array_from_process_local_data(whole, np.asarray(leaf))

    return jax.tree.map(put, tree)


def here(tree: Tree) -> Tree:
    """Return arrays that are the same on every device as arrays of this process's first device."""
    if _mesh() is None:
        return tree
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree)


def agreed(number: float) -> float:
    """Return the first process's number: what all processes go by."""
    return number if alone() else float(multihost_utils.broadcast_one_to_all(np.float64(number)))
