"""The train and evaluation steps: pure functions of the state and a batch, mapped over devices by ``jax.pmap``.

The step bodies know nothing of ``pmap`` but the name of its axis. A batch is a dict: ``lst``, ``(b, H, W, 1)``
high-resolution LST in K, NaN where nothing was observed; the guides of the network, such as ``ndvi``, of the same
shape; optionally ``turn``, ``(b,)``, the orientation of :mod:`lstsr_jax.ops.dihedral` to bring all these into;
``seen``, the field to degrade in place of ``lst``; and ``noise``, ``(b, h, w, 1)`` K, added to the coarse input. Turns
and the degradation to the coarse input run inside the step. Beside these, or without them, ``pairs``: a
batch of pairs with ASTER (:mod:`lstsr_jax.training.pairs.objective`).
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.flatten_util import ravel_pytree

from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.ops.metrics import rmse
from lstsr_jax.ops.resize import upsample
from lstsr_jax.predictor import coarse_to_fine
from lstsr_jax.training.pairs.objective import pairs_cost, pairs_score_sums
from lstsr_jax.training.patches import degraded, patches_cost
from lstsr_jax.training.state import TrainState
from lstsr_jax.training.task import Batch, Cost, CostOf, Metrics, Task

AXIS = "batch"
TrainStep = Callable[[TrainState, Any], tuple[TrainState, Metrics]]
EvalStep = Callable[[Any, Any], Metrics]
_Sums = tuple[Cost, Any]
"""The cost of a part of a batch, and its gradient."""


def make_train_step(
    task: Task,
    optimizer: optax.GradientTransformation,
    axis_name: str = AXIS,
    *,
    accumulate: int = 1,
    average_decay: float = 0.0,
) -> TrainStep:
    """The body of one training step: the task's loss, a mean over the observed pixels or the pairs of the global batch.

    Besides ``loss`` it reports ``mse`` in K^2, whatever is minimised (of the patches, if the batch holds any), and
    ``gradient_norm``. Loss, gradients, metrics
    and batch statistics are reduced over ``axis_name`` in one collective, so that the result does not depend on how
    many devices share the batch (a module with batch normalisation reduces over the axis itself besides). With
    ``accumulate`` a device takes its share in that many parts, one after the other, to the same gradient; batch
    normalisation then sees one part (of all devices) at a time. A state that carries an average of its parameters has
    it moved with ``average_decay``, less in the first steps.
    """
    training: dict[str, Any] = {"train": True} if _takes_train(task.module) else {}

    def part_sums(cost_of: CostOf, params: Any, batch_stats: Any, part: Batch) -> tuple[_Sums, Any]:
        def total(params: Any) -> tuple[jax.Array, Any]:
            updates: dict[str, Any] = {"batch_stats": batch_stats}

            def network(x: jax.Array) -> jax.Array:
                variables = {"params": params, **({"batch_stats": batch_stats} if batch_stats else {})}
                y: jax.Array
                y, updated = task.module.apply(variables, x, mutable=["batch_stats"], **training)
                updates.update(updated)
                return y

            fine = coarse_to_fine(network, part["coarse"], task.model, task.normalization, **task.guides(part))
            cost = cost_of(task, fine, part)
            return cost.cost, (cost, updates["batch_stats"])

        (_, (cost, batch_stats)), gradient = jax.value_and_grad(total, has_aux=True)(params)
        return (cost, gradient), batch_stats

    def sums_of(cost_of: CostOf, params: Any, batch_stats: Any, whole: Batch) -> tuple[_Sums, Any]:
        if accumulate == 1:
            return part_sums(cost_of, params, batch_stats, whole)
        parts = jax.tree.map(lambda x: x.reshape(accumulate, -1, *x.shape[1:]), whole)

        def add(carry: Any, part: Batch) -> tuple[Any, None]:
            sums, batch_stats = carry
            more, batch_stats = part_sums(cost_of, params, batch_stats, part)
            return (jax.tree.map(jnp.add, sums, more), batch_stats), None

        zero = jnp.zeros(())
        zeros = Cost(zero, zero, zero, zero), jax.tree.map(jnp.zeros_like, params)
        (sums, batch_stats), _ = jax.lax.scan(add, (zeros, batch_stats), parts)
        return sums, batch_stats

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        batch_stats, terms, weights = state.batch_stats, [], []
        if "lst" in batch:
            sums, batch_stats = sums_of(patches_cost, state.params, batch_stats, degraded(task, batch))
            terms.append(sums)
            weights.append(task.patches_weight if "pairs" in batch else 1.0)
        if "pairs" in batch:
            sums, batch_stats = sums_of(pairs_cost, state.params, batch_stats, batch["pairs"])
            terms.append(sums)
            weights.append(1.0)
        terms, batch_stats = _sum_over_devices((terms, batch_stats), axis_name)
        # A module that does not reduce its statistics over the axis has them averaged; else they are equal already.
        batch_stats = jax.tree.map(lambda total: total / jax.lax.axis_size(axis_name), batch_stats)
        loss, gradient = _weighted_mean(terms, weights)
        first = terms[0][0]
        mse = first.squared / jnp.maximum(first.pixels, 1)
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

    The batch may be padded with images that are NaN throughout: they are not counted. Of a batch of pairs, as of
    :func:`.pairs_score_sums`.
    """

    def eval_step(variables: Any, batch: Batch) -> Metrics:
        if "pairs" in batch:
            scored: Metrics = _sum_over_devices(pairs_score_sums(task, variables, batch["pairs"]), axis_name)
            return scored
        images = coarsen(batch, task.coarsen)
        truth = images["lst"]
        coarse, mask = degrade(truth, task.model.factor)

        def network(x: jax.Array) -> jax.Array:
            return task.module.apply(variables, x)  # type: ignore[return-value]

        fine = coarse_to_fine(network, coarse, task.model, task.normalization, **task.guides(images))
        ilr = upsample(coarse, task.model.factor, task.model.upsampling)
        counted = (mask & jnp.isfinite(truth)).any((1, 2, 3))

        def total(estimate: jax.Array) -> jax.Array:
            return jnp.where(counted, rmse(truth, estimate, mask=mask), 0).sum()

        sums = {"images": counted.sum(), "rmse": total(fine), "ilr_rmse": total(ilr)}
        result: Metrics = _sum_over_devices(sums, axis_name)
        return result

    return eval_step


def _weighted_mean(terms: Sequence[_Sums], weights: Sequence[float]) -> tuple[jax.Array, Any]:
    """The loss and its gradient: of each term the mean over what it counts, times its weight, added up."""

    def mean(cost: Cost, total: jax.Array, weight: float) -> jax.Array:
        value = total / jnp.maximum(cost.counted, 1)
        return value if weight == 1 else weight * value

    losses = [mean(cost, cost.cost, weight) for (cost, _), weight in zip(terms, weights, strict=True)]
    gradients = [
        jax.tree.map(lambda total, cost=cost, weight=weight: mean(cost, total, weight), gradient)
        for (cost, gradient), weight in zip(terms, weights, strict=True)
    ]
    return sum(losses[1:], losses[0]), jax.tree.map(lambda first, *more: sum(more, first), *gradients)


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
