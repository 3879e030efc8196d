"""The training loop: epochs of pmapped steps, validation, logs and checkpoints."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from lstsr_jax import config as configs
from lstsr_jax.config import Config
from lstsr_jax.data import PreparedDataset, TrainingBatches, evaluation_batches, share_out
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.predictor import input_channels, normalization_for
from lstsr_jax.training import checkpoints, schedule
from lstsr_jax.training.logs import EpochLog
from lstsr_jax.training.state import TrainState, create_state
from lstsr_jax.training.step import (
    AXIS,
    EvalStep,
    Task,
    make_eval_step,
    make_train_step,
    parallel_eval_step,
    parallel_train_step,
)


def train(config: Config, dataset: PreparedDataset, workdir: Path, *, resume: bool = False) -> Path:
    """Train a network and return the workdir that holds its checkpoints and logs.

    Args:
        config: what to train and how.
        dataset: prepared patches with a ``train`` and a ``validation`` split.
        workdir: receives ``config.json``, ``log.csv``, ``tensorboard/`` and ``checkpoints/<step>``.
        resume: go on from the last checkpoint of ``workdir``, to the same result as an uninterrupted run.

    Raises:
        InputError: if the configuration cannot be run, a split is empty, ``workdir`` holds another run, or the loss is
            not finite.
    """
    configs.check(config)
    last = checkpoints.latest(workdir)
    _check_workdir(workdir, config, last, resume)
    devices = jax.local_devices()
    batches = TrainingBatches(dataset.source("train"), config, devices=len(devices))
    validation = dataset.source("validation")
    normalization = normalization_for(config.model, dataset.metadata["max_k"]["train"])
    task = Task(create_model(config.model, axis_name=AXIS), config.model, normalization)
    rate = schedule.learning_rate(config.train, batches.steps_per_epoch)
    optimizer = optax.adam(rate)
    side = config.data.patch_size
    state = create_state(task.module, optimizer, config.train.seed, (side, side, input_channels(config.model)))
    # Placed as pmap's replicated argument, so that no step copies it.
    state = jax.device_put(state, NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec()))
    if last is not None:
        state = checkpoints.restore(last, state)
        _say(f"resuming from {last}")
    train_step = parallel_train_step(make_train_step(task, optimizer))
    eval_step = parallel_eval_step(make_eval_step(task))
    description = {
        **configs.to_json(config),
        "normalization": {"kind": normalization.kind, "scale_k": normalization.scale_k},
        "dataset": {"directory": str(dataset.directory), "build": dataset.metadata},
    }
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "config.json").write_text(json.dumps(description, indent=1) + "\n")
    first, offset = divmod(int(state.step), batches.steps_per_epoch)
    with checkpoints.Checkpoints(workdir) as store, EpochLog(workdir, first) as log:
        for epoch in range(first, config.train.epochs):
            start = time.perf_counter()
            losses = []
            progress = tqdm(
                batches.epoch(epoch, offset),
                desc=f"epoch {epoch + 1}/{config.train.epochs}",
                total=batches.steps_per_epoch - offset,
                unit="step",
                disable=None,
            )
            for batch in progress:
                state, metrics = train_step(state, batch)
                losses.append(metrics["loss"])
                if len(losses) % 10 == 0:  # a look at an older loss does not wait for the device
                    done = len(losses) * config.train.batch_size / (time.perf_counter() - start)
                    progress.set_postfix(loss=f"{float(losses[-10]):.4f} K²", patches=f"{done:.0f}/s")
            loss = float(np.mean(jax.device_get(losses)))
            if not np.isfinite(loss):
                raise InputError(
                    f"the loss is not finite in epoch {epoch + 1}; lower --train.learning-rate; "
                    f"the last good checkpoint is {checkpoints.latest(workdir)}"
                )
            seconds = time.perf_counter() - start
            scores = _validate(eval_step, state, validation, config.train.batch_size, len(devices))
            row = {
                "learning_rate": float(rate(state.step - 1)),
                "train_rmse_k": loss**0.5,
                "validation_rmse_k": scores["rmse"],
                "validation_ilr_rmse_k": scores["ilr_rmse"],
                "patches_per_second": len(losses) * config.train.batch_size / seconds,
            }
            log.write(epoch, row)
            _say(
                f"epoch {epoch + 1}/{config.train.epochs}: train RMSE {row['train_rmse_k']:.4f} K, validation RMSE "
                f"{scores['rmse']:.4f} K ({config.model.upsampling} {scores['ilr_rmse']:.4f} K), "
                f"{row['patches_per_second']:.0f} patches/s"
            )
            if (epoch + 1) % config.train.checkpoint_every == 0 or epoch + 1 == config.train.epochs:
                store.save(state, description, scores["rmse"])
            offset = 0
    return workdir


def _validate(
    eval_step: EvalStep, state: TrainState, source: Any, batch_size: int, devices: int
) -> dict[str, float]:
    """Mean over validation images of the RMSE of the network and of its interpolated input, in K."""
    sums = []
    for batch, _ in evaluation_batches(source, batch_size):
        sums.append(eval_step(state.variables, share_out(batch, devices)))
    total = jax.tree.map(lambda *parts: float(np.sum(parts)), *jax.device_get(sums))
    return {name: total[name] / max(total["images"], 1) for name in ("rmse", "ilr_rmse")}


def _check_workdir(workdir: Path, config: Config, last: Path | None, resume: bool) -> None:
    """Refuse to mix two runs in one workdir."""
    if last is None:
        if resume:
            raise InputError(f"--resume: {workdir} holds no finished checkpoint; leave --resume out to start")
        return
    if not resume:
        raise InputError(f"--workdir {workdir}: holds a run already; add --resume, or choose another")
    stored = json.loads((workdir / "config.json").read_text())
    wanted = json.loads(json.dumps(configs.to_json(config)))
    for part in ("model", "train", "data"):
        for name, value in wanted[part].items():
            if stored[part].get(name) != value and name not in ("epochs", "data_dir"):
                raise InputError(
                    f"--resume: {part}.{name} is {value!r} but the run in {workdir} has {stored[part].get(name)!r}; "
                    "give the run's own values"
                )


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
