"""The training loop: open the workdir, restore, and go step by step."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import jax
import numpy as np
import optax
from flax import linen as nn

from lstsr_jax import config as configs
from lstsr_jax.config import Config
from lstsr_jax.data import PreparedDataset, TrainingBatches
from lstsr_jax.predictor import normalization_for
from lstsr_jax.training import checkpoints, failures
from lstsr_jax.training import workdir as workdirs
from lstsr_jax.training.checkpoints import Checkpoints
from lstsr_jax.training.interrupts import Interrupts, Stopped
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.placement import Placement, share_out
from lstsr_jax.training.profile import StepProfile
from lstsr_jax.training.program import Program, build_program
from lstsr_jax.training.progress import Progress
from lstsr_jax.training.state import TrainState
from lstsr_jax.training.validate import Scores, validate
from lstsr_jax.training.watch import Watch


def train(
    config: Config,
    dataset: PreparedDataset,
    workdir: str | Path,
    *,
    module: nn.Module | None = None,
    optimizer: optax.GradientTransformation | None = None,
    program: Program | None = None,
    resume: bool | Literal["auto"] = False,
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
        module: a flax module of your own in place of the network that ``config.model`` names; see
            :func:`build_program`. A checkpoint stores the name of its class: ``load_predictor(path, module=module)``.
        optimizer: an optax optimiser of your own in place of Adam with the schedule of ``config.train``.
        program: steps from :func:`build_program`, compiled already by an earlier run; they bring module, optimiser and
            devices with them.
        resume: go on from the last checkpoint of ``workdir``, to the same result as an uninterrupted run; ``"auto"``:
            if there is a run, else start one.
        devices: devices to share every batch out to; all by default.
        profile: directory for a profiler trace of a few steps.

    Raises:
        InputError: if the configuration cannot be run, a split is empty, ``workdir`` holds another run, the loss is not
            finite, or the disk is full.
        Stopped: on SIGTERM or SIGINT, after saving.
        ValueError: if ``module`` is no network from one field to another, or ``program`` is for another run.
    """
    if program is not None and not (module is optimizer is devices is None):
        raise ValueError("program brings module, optimizer and devices: leave them out, or build it with them")
    workdir, settings = Path(workdir), config.train
    last = checkpoints.latest(workdir)
    workdirs.check(workdir, config, dataset.metadata, last, resume)

    used = ("train", "validation") if settings.use_validation else ("train",)
    source, validation = dataset.source("+".join(used)), dataset.source("validation")
    normalization = normalization_for(config.model, max(dataset.metadata["max_k"][split] for split in used))
    place = program.placement if program else Placement.of(devices)
    batches = TrainingBatches(
        source, config, devices=len(place.local), process=place.process, processes=place.processes
    )
    per_epoch = batches.steps_per_epoch
    program = program or build_program(config, normalization, per_epoch, devices, module=module, optimizer=optimizer)
    program.require(config, normalization, per_epoch)
    description = {
        **configs.to_json(config),
        "normalization": dataclasses.asdict(normalization),
        "dataset": {"directory": str(dataset.directory), "build": dataset.metadata},
        **program.given,
    }

    with contextlib.ExitStack() as stack:
        # Opened first, closed last: a full disk and a signal are still answered while checkpoints are being written.
        stack.enter_context(workdirs.full_disk_is_bad_input(workdir))
        interrupts = Interrupts(settings.checkpoint_minutes if place.is_main else 0, place.processes)
        stack.enter_context(interrupts)
        progress = stack.enter_context(Progress(settings.epochs, per_epoch, settings.batch_size, active=place.is_main))
        if place.is_main:
            workdirs.write_config(workdir, description)
        state = program.initial_state(config)
        if last is not None:
            state = checkpoints.restore(last, state, place, program.given)
            progress.say(f"resuming from {last}")
        elif resume:
            progress.say(f"{workdir} holds no finished checkpoint: starting anew")
        store = stack.enter_context(Checkpoints(workdir, place))
        first, total = int(state.step), settings.epochs * per_epoch
        log = stack.enter_context(EpochLog(workdir, first // per_epoch, active=place.is_main))
        profiler = stack.enter_context(StepProfile(profile))
        watch = Watch(
            lambda step: failures.not_finite(
                source, batches, step, workdir / "not_finite.csv", store.latest(), write=place.is_main
            )
        )
        if first < total and interrupts.agree(first, now=True).stop:
            raise Stopped(f"stopped before step {first + 1}")

        steps = stack.enter_context(contextlib.closing(batches.steps(first, total)))
        for step, batch in enumerate(steps, first):
            if step == first or step % per_epoch == 0:
                progress.begin(step)
            state, metrics = program.train_step(state, share_out(batch, len(place.local)))
            watch.add(step, metrics)
            profiler.step(metrics)
            progress.step(watch.mse)

            epochs_done, within = divmod(step + 1, per_epoch)
            epoch_ended, finished = within == 0, step + 1 == total
            validation_rmse = None
            if epoch_ended:
                watch.settle()
                speed = progress.patches_per_second()
                scores = validate(program, state, validation, settings.batch_size)
                if not np.isfinite(scores.rmse):
                    raise failures.validation_not_finite(epochs_done, store.latest())
                row = _log_row(program, step, state, scores, speed)
                log.write(epochs_done, row)
                progress.end(_line(epochs_done, config, row))
                validation_rmse = None if settings.use_validation else scores.rmse
                state = state.at_epoch_start()
            asked = interrupts.agree(step + 1, metrics, now=epoch_ended)
            due = epoch_ended and (finished or epochs_done % settings.checkpoint_every == 0)
            if asked.save or asked.stop or due:
                watch.settle()
                store.save(state, description, validation_rmse)
                interrupts.saved()
            if asked.stop and not finished:
                raise Stopped(
                    f"stopped after step {step + 1} (epoch {step // per_epoch + 1}); saved as {store.latest()}"
                )
        if interrupts.agree(total, now=True).stop:
            raise Stopped(f"training is done; saved as {store.latest()}")
    return workdir


def _log_row(program: Program, step: int, state: TrainState, scores: Scores, speed: float) -> dict[str, float]:
    """What an epoch came to, whose last step was ``step``."""
    rate = {} if program.schedule is None else {"learning_rate": float(program.schedule(step))}
    return {
        **rate,
        "train_rmse_k": state.rmse(),
        "validation_rmse_k": scores.rmse,
        "validation_ilr_rmse_k": scores.ilr_rmse,
        "patches_per_second": speed,
    }


def _line(epoch: int, config: Config, row: dict[str, float]) -> str:
    return (
        f"epoch {epoch}/{config.train.epochs}: train RMSE {row['train_rmse_k']:.4f} K, validation RMSE "
        f"{row['validation_rmse_k']:.4f} K ({config.model.upsampling} {row['validation_ilr_rmse_k']:.4f} K), "
        f"{row['patches_per_second']:.0f} patches/s"
    )
