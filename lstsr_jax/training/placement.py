"""Where the arrays of a run live: on all devices of this process, and for checkpoints on those of all processes.

Everywhere but in a checkpoint a process sees its own devices only, as ``jax.pmap`` does.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lstsr_jax.training.step import AXIS


@dataclasses.dataclass(frozen=True)
class Placement:
    """The devices of a run and this process's place among them.

    Attributes:
        devices: all devices, of all processes.
        process: number of this process.
        processes: how many there are.
    """

    devices: tuple[jax.Device, ...]
    process: int
    processes: int

    @classmethod
    def of(cls, devices: Sequence[jax.Device] | None = None) -> "Placement":
        """All devices there are, or those given."""
        return cls(tuple(jax.devices() if devices is None else devices), jax.process_index(), jax.process_count())

    @property
    def local(self) -> list[jax.Device]:
        """The devices of this process."""
        return [device for device in self.devices if device.process_index == self.process]

    @property
    def is_main(self) -> bool:
        """Whether this process writes logs and speaks to the user."""
        return self.process == 0

    def replicate(self, tree: Any) -> Any:
        """A copy on each local device, placed as the replicated argument of ``pmap``, so that no step copies it."""
        return jax.device_put(tree, NamedSharding(Mesh(np.array(self.local), (AXIS,)), PartitionSpec()))

    def shard(self, tree: Any) -> Any:
        """``(devices, ...)`` arrays along their first axis over the local devices, as ``pmap`` places a mapped one."""
        return jax.device_put(tree, NamedSharding(Mesh(np.array(self.local), (AXIS,)), PartitionSpec(AXIS)))

    def to_global(self, tree: Any) -> Any:
        """Replicated arrays as arrays of all processes: what orbax writes."""
        if self.processes == 1:
            return tree
        mesh = Mesh(np.array(self.devices), (AXIS,))
        return multihost_utils.host_local_array_to_global_array(tree, mesh, PartitionSpec())

    def abstract(self, tree: Any) -> Any:
        """Shapes, types and placement over all processes of replicated arrays: what orbax reads into."""
        whole = NamedSharding(Mesh(np.array(self.devices), (AXIS,)), PartitionSpec())
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=whole), tree)

    def to_local(self, tree: Any) -> Any:
        """Inverse of :meth:`to_global`."""
        if self.processes == 1:
            return tree
        mesh = Mesh(np.array(self.devices), (AXIS,))
        return multihost_utils.global_array_to_host_local_array(tree, mesh, PartitionSpec())


def share_out(batch: dict[str, Any], devices: int) -> dict[str, Any]:
    """``(B, ...)`` arrays as ``(devices, B/devices, ...)``: what a step mapped over ``devices`` takes."""
    shared: dict[str, Any] = jax.tree.map(lambda values: values.reshape(devices, -1, *values.shape[1:]), batch)
    return shared
