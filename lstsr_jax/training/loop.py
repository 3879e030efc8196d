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
from lstsr_jax.data import FIELDS, PreparedDataset
from lstsr_jax.data.finer import Joined, read_fine_patches
from lstsr_jax.data.memory import DecodedOnce
from lstsr_jax.errors import InputError
from lstsr_jax.training import checkpoints, failures
from lstsr_jax.training import workdir as workdirs
from lstsr_jax.training.checkpoints import Checkpoints
from lstsr_jax.training.feed import on_devices
from lstsr_jax.training.interrupts import Interrupts, Stopped
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.pairs.examples import read_examples
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.profile import StepProfile
from lstsr_jax.training.program import Program, build_program
from lstsr_jax.training.progress import Progress
from lstsr_jax.training.start import starting_point
from lstsr_jax.training.state import TrainState
from lstsr_jax.training.stream import Stream
from lstsr_jax.training.validate import validate
from lstsr_jax.training.watch import Watch


def train(
    config: Config,
    dataset: PreparedDataset | None,
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
        dataset: prepared patches with a ``train`` and a ``validation`` split; None to train on pairs
            (``config.data.pairs``, docs/pairs.md) or finer rasters (``config.data.fine``) alone. Without a validation
            split, and with pairs, the last checkpoint is the one that counts.
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
    if dataset is None and config.data.pairs is None:
        _require_guides_of_finer(config)
    pairs, finer = read_examples(config), read_fine_patches(config.data, guided=bool(config.model.guides))
    beside = {name: record for name, record in (("pairs", pairs.record), ("fine", finer.record)) if record}
    workdirs.check(workdir, config, dataset.metadata if dataset else {}, beside, last, resume)

    used = ("train", "validation") if settings.use_validation else ("train",)
    sources = [dataset.source("+".join(used))] if dataset else []
    sources += [finer.examples] if finer.examples else []
    patches = Joined(*sources) if sources else None
    validation = DecodedOnce(dataset.source("validation"), FIELDS, config.data.in_memory) if dataset else None
    built = dataset.metadata["max_k"] if dataset else {}
    max_k = max([built[split] for split in used if built] + [finer.max_k])
    own = program.module if program and "module" in program.given else module
    start = starting_point(config, max_k, last, own)
    pairs.require_unseen(start.record.get("init"))
    place = program.placement if program else Placement.of(devices)
    shares = {"devices": len(place.local), "process": place.process, "processes": place.processes}
    stream = Stream(config, patches, pairs.training, **shares)
    per_epoch = stream.steps_per_epoch
    steps_for = (config, start.normalization, per_epoch)
    program = program or build_program(*steps_for, devices, module=module, optimizer=optimizer)
    program.require(*steps_for)
    description = {
        **configs.to_json(config),
        "normalization": dataclasses.asdict(start.normalization),
        **({"dataset": {"directory": str(dataset.directory), "build": dataset.metadata}} if dataset else {}),
        **beside,
        **({"denoises": not config.model.conserve_energy} if pairs.training else {}),
        **start.record,
        **program.given,
    }

    with contextlib.ExitStack() as stack:
        # Opened first, closed last: a full disk and a signal are still answered while checkpoints are being written.
        stack.enter_context(workdirs.full_disk_is_bad_input(workdir))
        interrupts = Interrupts(settings.checkpoint_minutes if place.is_main else 0, place.processes)
        stack.enter_context(interrupts)
        counted = (stream.batch_size, stream.unit)
        progress = stack.enter_context(Progress(settings.epochs, per_epoch, *counted, active=place.is_main))
        for remark in (*pairs.remarks, *filter(None, [finer.line])):
            progress.say(remark)
        if place.is_main:
            stack.enter_context(workdirs.alone_in(workdir, last))
            workdirs.write_config(workdir, description)
        state = program.initial_state(config, start.variables)
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
                stream, step, workdir / "not_finite.csv", store.latest(), write=place.is_main
            )
        )
        if first < total and interrupts.agree(first, now=True).stop:
            raise Stopped(f"stopped before step {first + 1}")

        steps = stack.enter_context(contextlib.closing(stream.steps(first, total)))
        for step, batch in enumerate(on_devices(steps, place), first):
            if step == first or step % per_epoch == 0:
                progress.begin(step)
            state, metrics = program.train_step(state, batch)
            watch.add(step, metrics)
            profiler.step(metrics)
            progress.step(watch.mse)

            epochs_done, within = divmod(step + 1, per_epoch)
            epoch_ended, finished = within == 0, step + 1 == total
            validation_rmse = None
            if epoch_ended:
                watch.settle()
                speed = {f"{stream.unit}_per_second": progress.per_second()}
                scores = validate(program, state, config, validation, pairs.held_out)
                if not np.isfinite(list(scores.values())).all():
                    raise failures.validation_not_finite(epochs_done, store.latest())
                row = {**_rates(program, step, state), **scores, **speed}
                log.write(epochs_done, row)
                progress.end(_line(epochs_done, config, row))
                # A checkpoint chosen by the pairs left out would be scored too well on them.
                chosen = not (settings.use_validation or pairs.training)
                validation_rmse = scores.get("validation_rmse_k") if chosen else None
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


def _require_guides_of_finer(config: Config) -> None:
    if "ndvi" in config.model.guides:
        raise InputError("`model.guide` ndvi: finer LST brings no NDVI; add `data.granules` and `data.ndvi`")
    if "elevation" in config.model.guides and config.data.elevation is None:
        raise InputError("`model.guide` elevation: finer LST brings no elevation; give `data.elevation`")


def _rates(program: Program, step: int, state: TrainState) -> dict[str, float]:
    """What an epoch came to in training, whose last step was ``step``."""
    rate = {} if program.schedule is None else {"learning_rate": float(program.schedule(step))}
    return {**rate, "train_rmse_k": state.rmse()}


def _line(epoch: int, config: Config, row: dict[str, float]) -> str:
    ilr = config.model.upsampling
    line = f"epoch {epoch}/{config.train.epochs}: train RMSE {row['train_rmse_k']:.4f} K"
    if "validation_rmse_k" in row:
        line += f", validation RMSE {row['validation_rmse_k']:.4f} K ({ilr} {row['validation_ilr_rmse_k']:.4f} K)"
    if "pairs_rmse_ub_k" in row:
        line += f", pairs left out RMSE-ub {row['pairs_rmse_ub_k']:.4f} K ({ilr} {row['pairs_ilr_rmse_ub_k']:.4f} K), "
        line += f"SSIM-ub {row['pairs_ssim_ub']:.4f}"
    (unit, speed), *_ = [(name, value) for name, value in row.items() if name.endswith("_per_second")]
    return f"{line}, {speed:.{0 if speed >= 10 else 2}f} {unit.removesuffix('_per_second')}/s"
