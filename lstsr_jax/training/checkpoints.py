"""Checkpoints of a training run: the last and the best, asynchronous, whole or absent."""

import contextlib
import errno
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from lstsr_jax.errors import InputError
from lstsr_jax.predictor.checkpoint import (
    CHECKPOINTS,
    read_metadata,
    read_variables,
    step_directories,
    with_checksums,
)
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.state import TrainState

_policies = ocp.checkpoint_managers
_DELETED = "deleted"
_FORMAT = 2
"""Of the training state: 1 (not written down) kept the errors of an epoch's steps in the JSON."""


class Checkpoints:
    """The ``checkpoints`` folder of a workdir, kept to the last and the best by validation RMSE."""

    def __init__(self, workdir: Path, placement: Placement) -> None:
        """Open the folder, creating it if need be, and clear what a killed run left half done."""
        self._workdir, self._placement = workdir, placement
        self._deleted = (workdir / CHECKPOINTS / _DELETED).resolve()
        self._empty_deleted()
        keep = _policies.AnyPreservationPolicy(
            [
                _policies.LatestN(1),
                # The metric to rank by is higher-is-better unless reversed.
                _policies.BestN(
                    get_metric_fn=lambda m: m["validation_rmse"],
                    reverse=True,
                    n=1,
                    keep_checkpoints_without_metrics=False,
                ),
            ]
        )
        self._manager = ocp.CheckpointManager(
            (workdir / CHECKPOINTS).resolve(),
            item_names=("variables", "training", "config"),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=keep,
                cleanup_tmp_directories=True,
                # Moved away in one go and then deleted: a kill leaves no checkpoint with parts missing.
                todelete_subdir=_DELETED,
            ),
        )

    def save(self, state: TrainState, config: dict[str, Any], validation_rmse: float | None) -> None:
        """Write the state in the background; ``config`` and the metric go with it.

        Args:
            state: what to save; a step that no checkpoint holds yet.
            config: stored with it.
            validation_rmse: of this state, in K; None within an epoch.

        Raises:
            InputError: if the state is not finite.
            OSError: if the disk is full.
        """
        step = int(state.step)
        if not bool(_all_finite(state)):
            raise InputError(
                f"the parameters after step {step} are not finite and not saved; lower `train.learning_rate`; "
                f"the last good checkpoint is {self.latest()}"
            )
        self._manager.wait_until_finished()  # as saving does anyway; it may be deleting still
        self._empty_deleted()
        self._require_space(sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
        metrics = None if validation_rmse is None else {"validation_rmse": validation_rmse}
        metadata = {**config, "step": step, "training_format": _FORMAT, **(metrics or {})}
        metadata = with_checksums(metadata, variables=state.variables, training=_unpublished(state))
        state = self._placement.to_global(state)
        args = ocp.args.Composite(
            variables=ocp.args.StandardSave(state.variables),
            training=ocp.args.StandardSave(_unpublished(state)),
            config=ocp.args.JsonSave(metadata),
        )
        self._manager.save(step, args=args, metrics=metrics)

    def latest(self) -> Path | None:
        """The last checkpoint, once pending writes are finished."""
        self._manager.wait_until_finished()
        return latest(self._workdir)

    def _require_space(self, size: int) -> None:
        """Better to find the disk full before a half is written."""
        if shutil.disk_usage(self._workdir).free < size:
            raise OSError(errno.ENOSPC, f"No space left on device for a checkpoint of {size} bytes")

    def _empty_deleted(self) -> None:
        if self._placement.is_main:
            shutil.rmtree(self._deleted, ignore_errors=True)

    def __enter__(self) -> Self:
        """Use as a context: pending writes are finished on the way out."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Finish pending writes and close."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._empty_deleted)
            stack.callback(self._manager.close)
            self._manager.wait_until_finished()


@jax.jit
def _all_finite(state: TrainState) -> jax.Array:
    leaves = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def latest(workdir: Path) -> Path | None:
    """The last finished checkpoint directory of a workdir, or None."""
    steps = step_directories(workdir)
    return steps[-1] if steps else None


def restore(directory: Path, state: TrainState, placement: Placement, given: dict[str, str]) -> TrainState:
    """The state of a run as saved in ``directory``, in the structure of ``state``.

    Args:
        directory: of the checkpoint.
        state: any state of the run.
        placement: where the arrays go.
        given: names of the caller's own module and optimiser, as stored.

    Raises:
        InputError: if the checkpoint is unreadable, of another model or optimiser, of an earlier version, or holds no
            training state.
    """
    if not (directory / "training").is_dir():
        raise InputError(f"{directory}: holds weights only, no training state; start a new run from it")
    metadata = read_metadata(directory)
    if metadata.get("training_format") != _FORMAT:
        raise InputError(
            f"{directory}: its training state is of another version of lstsr_jax and cannot be resumed (predicting "
            "with it works); start a new run in another workdir"
        )
    for name in ("module", "optimizer"):
        if metadata.get(name) != given.get(name):
            theirs = f"{name} {metadata[name]}" if name in metadata else f"the {name} of its configuration"
            raise InputError(f"{directory}: was trained with {theirs}; give train() the same, or start a new run")
    abstract = placement.abstract(state)
    variables = read_variables(directory, abstract.variables)
    training = read_variables(directory, _unpublished(abstract), item="training")
    variables, training = placement.to_local((variables, training))
    published = variables["params"]
    return TrainState(
        step=placement.replicate(jnp.asarray(metadata["step"], jnp.int32)),
        params=training["params"] if state.average else published,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=training["opt_state"],
        average=published if state.average else {},
        **training["epoch"],
    )


def _unpublished(state: TrainState) -> dict[str, Any]:
    """What going on needs beside the variables that are scored and published."""
    epoch = {"squared_error": state.squared_error, "epoch_steps": state.epoch_steps}
    return {"opt_state": state.opt_state, "epoch": epoch, **({"params": state.params} if state.average else {})}
