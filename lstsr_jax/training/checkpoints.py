"""Checkpoints of a training run: the last and the best, asynchronous, whole or absent."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import orbax.checkpoint as ocp

from lstsr_jax.errors import InputError
from lstsr_jax.storage import CHECKPOINTS, read_metadata, read_variables, step_directories
from lstsr_jax.training.state import TrainState

_policies = ocp.checkpoint_managers


class Checkpoints:
    """The ``checkpoints`` folder of a workdir, kept to the last and the best by validation RMSE."""

    def __init__(self, workdir: Path) -> None:
        """Open the folder, creating it if need be."""
        self._workdir = workdir
        keep = _policies.AnyPreservationPolicy(
            [
                _policies.LatestN(1),
                # The metric to rank by is higher-is-better unless reversed.
                _policies.BestN(get_metric_fn=lambda m: m["validation_rmse"], reverse=True, n=1),
            ]
        )
        self._manager = ocp.CheckpointManager(
            (workdir / CHECKPOINTS).resolve(),
            item_names=("variables", "training", "config"),
            options=ocp.CheckpointManagerOptions(preservation_policy=keep, cleanup_tmp_directories=True),
        )

    def save(self, state: TrainState, config: dict[str, Any], validation_rmse: float) -> None:
        """Write the state in the background; ``config`` and the metric go with it."""
        step = int(state.step)
        args = ocp.args.Composite(
            variables=ocp.args.StandardSave(state.variables),
            training=ocp.args.StandardSave({"opt_state": state.opt_state}),
            config=ocp.args.JsonSave({**config, "step": step, "validation_rmse": validation_rmse}),
        )
        self._manager.save(step, args=args, metrics={"validation_rmse": validation_rmse})

    def __enter__(self) -> Self:
        """Use as a context: pending writes are finished on the way out."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Finish pending writes and close."""
        self._manager.wait_until_finished()
        self._manager.close()


def latest(workdir: Path) -> Path | None:
    """The last finished checkpoint directory of a workdir, or None."""
    steps = step_directories(workdir)
    return steps[-1] if steps else None


def restore(directory: Path, state: TrainState) -> TrainState:
    """The state of a run as it was saved in ``directory``, in the structure and placement of ``state``.

    Raises:
        InputError: if the checkpoint is unreadable, of another model, or holds no training state.
    """
    if not (directory / "training").is_dir():
        raise InputError(f"{directory}: holds weights only, no training state; start a new run from it")
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
    variables = read_variables(directory, abstract.variables)
    training = read_variables(directory, {"opt_state": abstract.opt_state}, item="training")
    step = jax.device_put(jax.numpy.asarray(read_metadata(directory)["step"], jax.numpy.int32), state.step.sharding)
    return TrainState(step, variables["params"], variables.get("batch_stats", {}), training["opt_state"])
