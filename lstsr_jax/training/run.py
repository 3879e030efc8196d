"""One training run: its data, its compiled steps and its state, epoch by epoch."""

import contextlib
import csv
import dataclasses
import functools
import io
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from tqdm import tqdm

from lstsr_jax import config as configs
from lstsr_jax.config import Config, ModelConfig, TrainConfig
from lstsr_jax.data import Example, PreparedDataset, TrainingBatches, evaluation_batches, share_out
from lstsr_jax.errors import InputError
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, input_channels, normalization_for
from lstsr_jax.training import schedule
from lstsr_jax.training.checkpoints import Checkpoints
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.profile import StepProfile
from lstsr_jax.training.requests import Requests, Stopped
from lstsr_jax.training.state import TrainState, create_state
from lstsr_jax.training.step import (
    AXIS,
    EvalStep,
    Task,
    TrainStep,
    make_eval_step,
    make_train_step,
    parallel_eval_step,
    parallel_train_step,
)
from lstsr_jax.training.watch import NotFiniteError, Watch
from lstsr_jax.training.workdir import write_atomically


@dataclasses.dataclass(frozen=True)
class EpochResult:
    """What an epoch came to.

    Attributes:
        row: of the log.
        validation_rmse: what ranks the checkpoint, in K; None if its patches were trained on, so the last one counts.
        stop: whether any process was asked to stop within it.
    """

    row: dict[str, float]
    validation_rmse: float | None
    stop: bool


class Run:
    """A run: what stays the same, and the state that the steps replace.

    Trains as a context: that listens to signals, finishes checkpoints being written, and closes a profiler trace.

    Attributes:
        state: of the run.
        store: its checkpoints, while the context is open.
    """

    store: Checkpoints

    def __init__(
        self,
        config: Config,
        dataset: PreparedDataset,
        workdir: Path,
        placement: Placement,
        profile: Path | None = None,
    ) -> None:
        """Build the steps, and the state that a new run starts from."""
        self.config, self.workdir, self.placement = config, workdir, placement
        used = ("train", "validation") if config.train.use_validation else ("train",)
        self._source, self._validation = dataset.source("+".join(used)), dataset.source("validation")
        self.batches = TrainingBatches(
            self._source,
            config,
            devices=len(placement.local),
            process=placement.process,
            processes=placement.processes,
        )
        normalization = normalization_for(config.model, max(dataset.metadata["max_k"][split] for split in used))
        self._rate = schedule.learning_rate(config.train, self.batches.steps_per_epoch)
        compiled = _compiled(config.model, config.train, normalization, self.batches.steps_per_epoch, placement.devices)
        module, optimizer, self._train_step, self._eval_step = compiled
        side = config.data.patch_size
        shape = (side, side, input_channels(config.model))
        averaged = config.train.average_decay > 0
        state = create_state(module, optimizer, config.train.seed, shape, averaged=averaged)
        self.state = placement.replicate(state)
        self.requests = Requests(config.train.checkpoint_minutes if placement.is_main else 0)
        self._profile = StepProfile(profile)
        self.description = {
            **configs.to_json(config),
            "normalization": {"kind": normalization.kind, "scale_k": normalization.scale_k},
            "dataset": {"directory": str(dataset.directory), "build": dataset.metadata},
        }

    def __enter__(self) -> Self:
        """Begin to listen, and open the folder of checkpoints."""
        with contextlib.ExitStack() as around:
            # First in, last out: a signal while the last checkpoint is being written does not cut it short.
            around.enter_context(self.requests)
            self.store = around.enter_context(Checkpoints(self.workdir, self.placement))
            around.enter_context(self._profile)
            self._around = around.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Finish pending writes and give the signals back."""
        self._around.__exit__(kind, error, tb)

    def epoch(self, number: int, offset: int, errors: list[float]) -> EpochResult:
        """Train for the rest of an epoch and validate."""
        start, size = time.perf_counter(), self.config.train.batch_size
        watch = Watch(errors)
        progress = tqdm(
            self.batches.epoch(number, offset),
            desc=f"epoch {number + 1}/{self.config.train.epochs}",
            initial=offset,
            total=self.batches.steps_per_epoch,
            unit="step",
            disable=None if self.placement.is_main else True,
        )
        try:
            for done, batch in enumerate(progress, offset + 1):
                self._step(batch, watch)
                if watch.errors and done % 10 == 0:
                    speed = (done - offset) * size / (time.perf_counter() - start)
                    progress.set_postfix(mse=f"{watch.errors[-1]:.4f} K²", patches=f"{speed:.0f}/s")
                if done < self.batches.steps_per_epoch:
                    self._answer(watch)
            watch.settle()
        except NotFiniteError as error:
            raise self._not_finite(number * self.batches.steps_per_epoch + error.index) from None
        stop = bool(watch.take_requests()[1])
        seconds = time.perf_counter() - start
        scores = _validate(self._eval_step, self.state, self._validation, size, self.placement)
        if not np.isfinite(scores["rmse"]):
            raise InputError(
                f"the validation RMSE is not finite after epoch {number + 1}; lower --train.learning-rate; "
                f"the last good checkpoint is {self.store.latest()}"
            )
        row = {
            "learning_rate": float(self._rate(self.state.step - 1)),
            "train_rmse_k": watch.mean() ** 0.5,
            "validation_rmse_k": scores["rmse"],
            "validation_ilr_rmse_k": scores["ilr_rmse"],
            "patches_per_second": (self.batches.steps_per_epoch - offset) * size / seconds,
        }
        self.say(
            f"epoch {number + 1}/{self.config.train.epochs}: train RMSE {row['train_rmse_k']:.4f} K, validation RMSE "
            f"{scores['rmse']:.4f} K ({self.config.model.upsampling} {scores['ilr_rmse']:.4f} K), "
            f"{row['patches_per_second']:.0f} patches/s"
        )
        return EpochResult(row, None if self.config.train.use_validation else scores["rmse"], stop)

    def _step(self, batch: dict[str, Any], watch: Watch) -> None:
        if self.placement.processes > 1:  # agree with the others by way of the step itself
            asked = np.zeros((len(self.placement.local), 2), np.int32)
            asked[0] = self.requests.asked()
            batch = {**batch, "requests": asked}
        self.state, metrics = self._train_step(self.state, batch)
        watch.add(metrics)
        self._profile.step(metrics)

    def _answer(self, watch: Watch) -> None:
        """Save, or save and stop, within an epoch, if that was asked for."""
        save, stop = watch.take_requests() if self.placement.processes > 1 else self.requests.asked()
        if not (save or stop):
            return
        watch.settle()
        stop |= watch.take_requests()[1]
        self.store.save(self.state, self.description, watch.errors, None)
        self.requests.saved()
        if stop:
            self._stop()

    def finish_epoch(self, number: int, result: EpochResult) -> None:
        """Save at the end of an epoch, if it is time to; stop, if that was asked for."""
        train = self.config.train
        stopping = result.stop if self.placement.processes > 1 else bool(self.requests.asked()[1])
        stopping &= number + 1 < train.epochs
        if stopping or (number + 1) % train.checkpoint_every == 0 or number + 1 == train.epochs:
            self.store.save(self.state, self.description, [], result.validation_rmse)
            self.requests.saved()
        if stopping:
            self._stop()

    def _stop(self) -> None:
        saved = self.store.latest()
        step, per_epoch = int(self.state.step), self.batches.steps_per_epoch
        raise Stopped(f"stopped after step {step} (epoch {(step - 1) // per_epoch + 1}); saved as {saved}")

    def _not_finite(self, step: int) -> InputError:
        """Name the step, where its patches came from, and what to do; all of them are listed in a file."""
        examples = [self._source[i] for i in self.batches.examples(step)]
        path = self.workdir / "not_finite.csv"
        if self.placement.is_main:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(("granule", "row", "col"))
            writer.writerows(map(_provenance, examples))
            write_atomically(path, text.getvalue())
        named = ", ".join("{} row {} col {}".format(*_provenance(example)) for example in examples[:3])
        last = self.store.latest()
        kept = f"the last good checkpoint is {last}" if last else "there is no good checkpoint"
        return InputError(
            f"the loss or its gradient is not finite at step {step + 1} "
            f"(epoch {step // self.batches.steps_per_epoch + 1}), whose patches are {named}, ... (all in {path}); "
            f"look at them or lower --train.learning-rate; {kept}"
        )

    def say(self, line: str) -> None:
        """Tell the user, once for all processes."""
        if self.placement.is_main:
            tqdm.write(line, file=sys.stderr)


def _provenance(example: Example) -> tuple[str, int, int]:
    granule = example["granule"]
    return granule.decode() if isinstance(granule, bytes) else str(granule), int(example["row"]), int(example["col"])


@functools.lru_cache(maxsize=8)
def _compiled(
    model: ModelConfig,
    train: TrainConfig,
    normalization: Normalization,
    steps_per_epoch: int,
    devices: tuple[jax.Device, ...],
) -> tuple[nn.Module, optax.GradientTransformation, TrainStep, EvalStep]:
    """Network, optimiser and steps: kept, so that going on in the same process compiles nothing again."""
    module = create_model(model, axis_name=AXIS)
    optimizer = optax.adam(schedule.learning_rate(train, steps_per_epoch))
    task = Task(_as_trained(module, model, train), model, normalization, train.coarsen, train.loss)
    step = make_train_step(task, optimizer, accumulate=train.accumulate, average_decay=train.average_decay)
    evaluated = make_eval_step(Task(module, model, normalization, train.coarsen))
    return (
        module,
        optimizer,
        parallel_train_step(step, devices=devices),
        parallel_eval_step(evaluated, devices=devices),
    )


def _as_trained(module: nn.Module, model: ModelConfig, train: TrainConfig) -> nn.Module:
    """The network with the precision and the memory budget of the training."""
    if model.name != "mrunet":
        return module
    dtype = None if train.dtype == "float32" else jnp.dtype(train.dtype)
    return module.clone(dtype=dtype, remat=train.remat)


def _validate(
    eval_step: EvalStep, state: TrainState, source: Any, batch_size: int, placement: Placement
) -> dict[str, float]:
    """Mean over validation images of the RMSE of the network and of its interpolated input, in K."""
    sums = []
    for batch, _ in evaluation_batches(source, batch_size, process=placement.process, processes=placement.processes):
        sums.append(eval_step(state.variables, share_out(batch, len(placement.local))))
    total = jax.tree.map(lambda *parts: float(np.sum(parts)), *jax.device_get(sums))
    return {name: total[name] / max(total["images"], 1) for name in ("rmse", "ilr_rmse")}
