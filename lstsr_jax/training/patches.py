"""Patches as training examples: degraded to their coarse input inside the step, and compared pixel by pixel."""

import jax
import jax.numpy as jnp

from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.training.task import PENALTIES, Batch, Cost, Task


def degraded(task: Task, batch: Batch) -> Batch:
    """The coarse input and the mask of a batch of patches, beside its images; see the module :mod:`.step`."""
    images = coarsen({name: batch[name] for name in ("lst", "ndvi", "seen") if name in batch}, task.coarsen)
    coarse, mask = degrade(images["lst"], task.model.factor)
    if "seen" in images:
        coarse, seen = degrade(images.pop("seen"), task.model.factor)
        mask &= seen
    if "noise" in batch:
        coarse = coarse + batch["noise"]
    return {**images, "coarse": coarse, "mask": mask}


def patches_cost(task: Task, fine: jax.Array, part: Batch) -> Cost:
    """The task's penalty, summed over the observed pixels of the patches."""
    truth, mask = part["lst"], part["mask"]
    error = jnp.where(mask, fine - jnp.where(mask, truth, 0), 0)
    cost = jnp.where(mask, PENALTIES[task.loss](error), 0).sum()
    pixels = mask.sum(dtype=cost.dtype)
    return Cost(pixels, cost, pixels, jnp.square(error).sum())
