"""What is compiled for a run: the network, the optimiser, and the two steps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from lstsr_jax.config import Config, TrainConfig
from lstsr_jax.models import create_model
from lstsr_jax.predictor import Normalization, input_channels
from lstsr_jax.training import schedule as schedules
from lstsr_jax.training.placement import Placement
from lstsr_jax.training.state import TrainState, create_state
from lstsr_jax.training.step import (
    AXIS,
    EvalStep,
    TrainStep,
    make_eval_step,
    make_train_step,
    parallel_eval_step,
    parallel_train_step,
)
from lstsr_jax.training.task import Task

_NOT_COMPILED = {
    *("seed", "batch_size", "use_validation", "checkpoint_every", "checkpoint_minutes"),
    *("augment", "crop", "input_noise_k", "input_blur_px", "input_shift_px", "guide_dropout"),
    *("init", "pairs_batch_size", "pairs_noise_k"),
}


@dataclasses.dataclass(frozen=True)
class Program:
    """The steps of a run, mapped over its devices; compiled at their first call and kept as long as this is.

    Attributes:
        module: the network.
        optimizer: what moves its parameters.
        schedule: learning rate by step; None if the optimiser was given by the caller.
        train_step: ``(state, batch) -> (state, metrics)``; the state given is donated.
        eval_step: ``(variables, batch) -> sums`` over the images of the batch.
        placement: the devices.
        made_for: what of the configuration is compiled in.
        given: names of what the caller gave in place of what the configuration names, stored with checkpoints.
    """

    module: nn.Module
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule | None
    train_step: TrainStep
    eval_step: EvalStep
    placement: Placement
    made_for: dict[str, Any]
    given: dict[str, str]

    def initial_state(self, config: Config, variables: Any = None) -> TrainState:
        """The state that a new run starts from, on all devices: that of ``variables`` if given, else random weights."""
        side, averaged = config.data.patch_size, config.train.average_decay > 0
        shape = (side, side, input_channels(config.model))
        state = create_state(self.module, self.optimizer, config.train.seed, shape, averaged=averaged)
        if variables is not None:
            params, batch_stats = variables["params"], variables.get("batch_stats", {})
            average = jax.tree.map(jnp.copy, params) if averaged else {}
            state = state.replace(params=params, batch_stats=batch_stats, average=average)  # type: ignore[attr-defined]
        result: TrainState = self.placement.replicate(state)
        return result

    def require(self, config: Config, normalization: Normalization, steps_per_epoch: int) -> None:
        """Refuse to run with another configuration than that the steps were built for.

        Raises:
            ValueError: naming what differs.
        """
        wanted = _compiled_in(config, normalization, steps_per_epoch)
        for name, value in wanted.items():
            if self.made_for[name] != value:
                raise ValueError(f"program was built for {name} {self.made_for[name]!r}, not {value!r}: build another")


def build_program(
    config: Config,
    normalization: Normalization,
    steps_per_epoch: int,
    devices: Sequence[jax.Device] | None = None,
    *,
    module: nn.Module | None = None,
    optimizer: optax.GradientTransformation | None = None,
) -> Program:
    """Make the steps of a run.

    Args:
        config: the run's configuration.
        normalization: between kelvin and what the network sees.
        steps_per_epoch: for the schedule.
        devices: to map the steps over; all by default.
        module: a network in place of the one that ``config.model`` names; ``(B, H, W, C)`` normalised -> ``(B, H, W,
            1)``. If its ``__call__`` has an argument ``train``, that is true in training. Batch normalisation may
            reduce over the axis ``"batch"``; if it does not, its running statistics are averaged over devices.
        optimizer: in place of Adam with the schedule of ``config.train``.

    Raises:
        ValueError: if ``module`` is no such network.
    """
    placement = Placement.of(devices)
    model, train = config.model, config.train
    given = {"module": type(module).__qualname__} if module is not None else {}
    if optimizer is not None:
        given["optimizer"] = "given"
    if module is None:
        network = create_model(model, axis_name=AXIS)
        trained = _as_trained(network, train)
    else:
        network = trained = module
        _check_module(module, config)
    schedule = schedules.learning_rate(train, steps_per_epoch) if optimizer is None else None
    if optimizer is None:
        optimizer = optax.adam(schedule)
        if train.clip_norm:
            optimizer = optax.chain(optax.clip_by_global_norm(train.clip_norm), optimizer)
    body = make_train_step(
        Task(
            trained,
            model,
            normalization,
            train.coarsen,
            train.loss,
            train.weigh_by,
            train.ssim_weight,
            train.patches_weight,
        ),
        optimizer,
        accumulate=train.accumulate,
        average_decay=train.average_decay,
    )
    scores = make_eval_step(Task(network, model, normalization, train.coarsen))
    return Program(
        network,
        optimizer,
        schedule,
        parallel_train_step(body, devices=placement.devices),
        parallel_eval_step(scores, devices=placement.devices),
        placement,
        _compiled_in(config, normalization, steps_per_epoch),
        given,
    )


def _compiled_in(config: Config, normalization: Normalization, steps_per_epoch: int) -> dict[str, Any]:
    """What of a configuration the steps depend on, by name."""
    train = {f"train.{name}": value for name, value in dataclasses.asdict(config.train).items()}
    for name in _NOT_COMPILED:
        del train[f"train.{name}"]
    if config.train.schedule == "step":
        del train["train.epochs"]
    model = {f"model.{name}": value for name, value in dataclasses.asdict(config.model).items()}
    return {**model, **train, "normalization": normalization, "steps_per_epoch": steps_per_epoch}


def _as_trained(module: nn.Module, train: TrainConfig) -> nn.Module:
    """The network with the precision and the memory budget of the training."""
    dtype = None if train.dtype == "float32" else jnp.dtype(train.dtype)
    return module.clone(dtype=dtype, remat=train.remat)


def _check_module(module: nn.Module, config: Config) -> None:
    """Refuse a module that cannot be trained here, before anything is compiled."""
    if config.train.dtype != "float32" or config.train.remat:
        raise ValueError("train.dtype and train.remat are for the networks of this package: set them in your module")
    side = config.data.patch_size
    shape = (1, side, side, input_channels(config.model))
    output, variables = jax.eval_shape(
        module.init_with_output, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32)
    )
    if getattr(output, "shape", None) != (*shape[:3], 1):
        raise ValueError(f"module maps {shape} to {getattr(output, 'shape', type(output))}: must be {(*shape[:3], 1)}")
    if not {"params"} <= set(variables) <= {"params", "batch_stats"}:
        raise ValueError(f"module holds the collections {sorted(variables)}: must be params and, if any, batch_stats")
