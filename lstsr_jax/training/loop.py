"""The training loop: open the workdir, restore, train epoch by epoch."""

from collections.abc import Sequence
from pathlib import Path

import jax

from lstsr_jax import config as configs
from lstsr_jax.config import Config
from lstsr_jax.data import PreparedDataset
from lstsr_jax.training import checkpoints
from lstsr_jax.training import workdir as workdirs
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.requests import Stopped
from lstsr_jax.training.run import Run


def train(
    config: Config,
    dataset: PreparedDataset,
    workdir: Path,
    *,
    resume: bool = False,
    devices: Sequence[jax.Device] | None = None,
    profile: Path | None = None,
) -> Path:
    """Train a network and return the workdir that holds its checkpoints and logs.

    With several processes (``jax.distributed``) all call this with the same arguments, and ``workdir`` is on a disk
    that all of them see.

    Args:
        config: what to train and how.
        dataset: prepared patches with a ``train`` and a ``validation`` split.
        workdir: receives ``config.json``, ``log.csv``, ``tensorboard/`` and ``checkpoints/<step>``.
        resume: go on from the last checkpoint of ``workdir``, to the same result as an uninterrupted run.
        devices: devices to share every batch out to; all by default.
        profile: directory for a profiler trace of a few steps.

    Raises:
        InputError: if the configuration cannot be run, a split is empty, ``workdir`` holds another run, the loss is not
            finite, or the disk is full.
        Stopped: on SIGTERM or SIGINT, after saving.
    """
    configs.check(config)
    last = checkpoints.latest(workdir)
    workdirs.check(workdir, config, dataset.metadata, last, resume)
    with workdirs.full_disk_is_bad_input(workdir):
        run = Run(config, dataset, workdir, Placement.of(devices), profile)
        if run.placement.is_main:
            workdirs.write_config(workdir, run.description)
        errors: list[float] = []
        if last is not None:
            run.state, errors = checkpoints.restore(last, run.state, run.placement)
            run.say(f"resuming from {last}")
        elif resume:
            run.say(f"{workdir} holds no finished checkpoint: starting anew")
        first, offset = divmod(int(run.state.step), run.batches.steps_per_epoch)
        with run, EpochLog(workdir, first, active=run.placement.is_main) as log:
            for epoch in range(first, config.train.epochs):
                result = run.epoch(epoch, offset, errors)
                log.write(epoch, result.row)
                run.finish_epoch(epoch, result)
                offset, errors = 0, []
            if run.requests.asked()[1]:
                raise Stopped(f"training is done; saved as {run.store.latest()}")
    return workdir
