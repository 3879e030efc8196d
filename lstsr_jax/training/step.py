"""The train and evaluation steps: pure functions of the state and a batch, mapped over devices by ``jax.pmap``.

The step bodies know nothing of ``pmap`` but the name of its axis. A batch is a dict: ``lst``, ``(b, H, W, 1)``
high-resolution LST in K, NaN where nothing was observed; for guided networks ``ndvi`` of the same shape; optionally
``seen``, the field to degrade in place of ``lst``, and ``noise``, ``(b, h, w, 1)`` K, added to the coarse input. The
degradation to the coarse input runs inside the step.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.flatten_util import ravel_pytree

from lstsr_jax.config import ModelConfig
from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.ops.metrics import rmse
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import Normalization, coarse_to_fine
from lstsr_jax.training.state import TrainState

AXIS = "batch"
CHARBONNIER_K = 0.1
PENALTIES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "mse": jnp.square,
    "l1": jnp.abs,
    "charbonnier": lambda error: jnp.hypot(error, CHARBONNIER_K),
}
"""What an error in K costs, by name of the loss."""
Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
TrainStep = Callable[[TrainState, Any], tuple[TrainState, Metrics]]
EvalStep = Callable[[Any, Any], Metrics]


@dataclasses.dataclass(frozen=True)
class Task:
    """What is learnt: the network, the path from coarse to fine LST around it, the scale of the patches, the loss."""

    module: nn.Module
    model: ModelConfig
    normalization: Normalization
    coarsen: int = 1
    loss: str = "mse"


def make_train_step(
    task: Task,
    optimizer: optax.GradientTransformation,
    axis_name: str = AXIS,
    *,
    accumulate: int = 1,
    average_decay: float = 0.0,
) -> TrainStep:
    """The body of one training step: the task's loss, a mean over the observed pixels of the global batch.

    Besides ``loss`` it reports ``mse`` in K^2, whatever is minimised, and ``gradient_norm``. Loss, gradients, metrics
    and batch statistics are reduced over ``axis_name`` in one collective, so that the result does not depend on how
    many devices share the batch (a module with batch normalisation reduces over the axis itself besides). With
    ``accumulate`` a device takes its share in that many parts, one after the other, to the same gradient; batch
    normalisation then sees one part (of all devices) at a time. A state that carries an average of its parameters has
    it moved with ``average_decay``, less in the first steps.
    """
    penalty = PENALTIES[task.loss]
    training: dict[str, Any] = {"train": True} if _takes_train(task.module) else {}

    def part_sums(params: Any, batch_stats: Any, part: Batch) -> tuple[_Sums, Any]:
        truth, mask = part["lst"], part["mask"]

        def cost_of(params: Any) -> tuple[jax.Array, Any]:
            updates: dict[str, Any] = {"batch_stats": batch_stats}

            def network(x: jax.Array) -> jax.Array:
                variables = {"params": params, **({"batch_stats": batch_stats} if batch_stats else {})}
                y: jax.Array
                y, updated = task.module.apply(variables, x, mutable=["batch_stats"], **training)
                updates.update(updated)
                return y

            fine = coarse_to_fine(network, part["coarse"], task.model, task.normalization, part.get("ndvi"))
            error = jnp.where(mask, fine - jnp.where(mask, truth, 0), 0)
            cost = jnp.where(mask, penalty(error), 0).sum()
            return cost, (jnp.square(error).sum(), updates["batch_stats"])

        (cost, (squared, batch_stats)), gradient = jax.value_and_grad(cost_of, has_aux=True)(params)
        return _Sums(mask.sum(dtype=cost.dtype), cost, squared, gradient), batch_stats

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        images = coarsen({name: batch[name] for name in ("lst", "ndvi", "seen") if name in batch}, task.coarsen)
        coarse, mask = degrade(images["lst"], task.model.factor)
        if "seen" in images:
            coarse, seen = degrade(images.pop("seen"), task.model.factor)
            mask &= seen
        if "noise" in batch:
            coarse = coarse + batch["noise"]
        whole = {**images, "coarse": coarse, "mask": mask}
        if accumulate == 1:
            sums, batch_stats = part_sums(state.params, state.batch_stats, whole)
        else:
            parts = jax.tree.map(lambda x: x.reshape(accumulate, -1, *x.shape[1:]), whole)

            def add(carry: Any, part: Batch) -> tuple[Any, None]:
                sums, batch_stats = carry
                more, batch_stats = part_sums(state.params, batch_stats, part)
                return (jax.tree.map(jnp.add, sums, more), batch_stats), None

            zero = jnp.zeros(())
            zeros = _Sums(zero, zero, zero, jax.tree.map(jnp.zeros_like, state.params))
            (sums, batch_stats), _ = jax.lax.scan(add, (zeros, state.batch_stats), parts)
        sums, batch_stats = _sum_over_devices((sums, batch_stats), axis_name)
        # A module that does not reduce its statistics over the axis has them averaged; else they are equal already.
        batch_stats = jax.tree.map(lambda total: total / jax.lax.axis_size(axis_name), batch_stats)
        loss, mse, gradient = jax.tree.map(
            lambda total: total / jnp.maximum(sums.pixels, 1), (sums.cost, sums.squared, sums.gradient)
        )
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics = {"loss": loss, "mse": mse, "gradient_norm": optax.tree.norm(gradient)}
        decay = jnp.minimum(average_decay, (1 + state.step) / (10 + state.step))
        average = optax.incremental_update(params, state.average, 1 - decay) if state.average else {}
        squared_error, epoch_steps = state.squared_error + mse, state.epoch_steps + 1
        done = TrainState(state.step + 1, params, batch_stats, opt_state, average, squared_error, epoch_steps)
        return done, metrics

    return train_step


def make_eval_step(task: Task, axis_name: str = AXIS) -> EvalStep:
    """The body of one validation step: sums over images of the RMSE of the network and of the interpolated input.

    The batch may be padded with images that are NaN throughout: they are not counted.
    """

    def eval_step(variables: Any, batch: Batch) -> Metrics:
        images = coarsen(batch, task.coarsen)
        truth = images["lst"]
        coarse, mask = degrade(truth, task.model.factor)

        def network(x: jax.Array) -> jax.Array:
            return task.module.apply(variables, x)  # type: ignore[return-value]

        fine = coarse_to_fine(network, coarse, task.model, task.normalization, images.get("ndvi"))
        ilr = upsample(coarse, task.model.factor, task.model.upsampling)
        counted = (mask & jnp.isfinite(truth)).any((1, 2, 3))

        def total(estimate: jax.Array) -> jax.Array:
            return jnp.where(counted, rmse(truth, estimate, mask=mask), 0).sum()

        sums = {"images": counted.sum(), "rmse": total(fine), "ilr_rmse": total(ilr)}
        result: Metrics = _sum_over_devices(sums, axis_name)
        return result

    return eval_step


class _Sums(NamedTuple):
    """Sums over the observed pixels of a batch: their number, the loss, the squared error in K^2, the gradient."""

    pixels: jax.Array
    cost: jax.Array
    squared: jax.Array
    gradient: Any


def _sum_over_devices(tree: Any, axis_name: str) -> Any:
    """The sum over the devices of an axis of every leaf, in one collective; none on one device."""
    if jax.lax.axis_size(axis_name) == 1:
        return tree
    flat, restore = ravel_pytree(tree)
    return restore(jax.lax.psum(flat, axis_name))


def _takes_train(module: nn.Module) -> bool:
    """Whether a module's ``__call__`` has the argument ``train``."""
    return "train" in inspect.signature(type(module).__call__).parameters


def parallel_train_step(
    step: TrainStep, axis_name: str = AXIS, *, devices: Sequence[jax.Device] | None = None
) -> TrainStep:
    """Map a train step over devices (all by default): state replicated and donated, batch arrays ``(devices, b, ...)``.

    With several processes each passes the arrays of its own devices.
    """
    mapped: TrainStep = jax.pmap(
        step, axis_name, in_axes=(None, 0), out_axes=(None, None), donate_argnums=(0,), devices=devices
    )
    return mapped


def parallel_eval_step(
    step: EvalStep, axis_name: str = AXIS, *, devices: Sequence[jax.Device] | None = None
) -> EvalStep:
    """Map an evaluation step over devices: variables replicated, batch arrays ``(devices, b, ...)``."""
    mapped: EvalStep = jax.pmap(step, axis_name, in_axes=(None, 0), out_axes=None, devices=devices)
    return mapped
