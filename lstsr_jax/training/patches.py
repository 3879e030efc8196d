"""Patches as training examples: degraded to their coarse input inside the step, and compared pixel by pixel."""

import jax
import jax.numpy as jnp

from lstsr_jax.config import GUIDES
from lstsr_jax.ops.degradation import coarsen, degrade
from lstsr_jax.ops.dihedral import transform_each
from lstsr_jax.ops.resize import upsample
from lstsr_jax.training.task import PENALTIES, Batch, Cost, Task

SMOOTH_K = 0.05
"""A patch that bicubic interpolates better than this counts as if it had this error, not ever more."""
_IMAGE = (1, 2, 3)


def degraded(task: Task, batch: Batch) -> Batch:
    """The coarse input and the mask of a batch of patches, turned, beside its images; see the module :mod:`.step`.

    With ``task.weigh_by`` bicubic also ``scale``, ``(b,)``: the mean penalty of the interpolated input, before noise.
    """
    images = {name: batch[name] for name in ("lst", *GUIDES, "seen") if name in batch}
    if "turn" in batch:
        images = {name: transform_each(values, batch["turn"]) for name, values in images.items()}
    images = coarsen(images, task.coarsen)
    coarse, mask = degrade(images["lst"], task.model.factor)
    scale = {}
    if task.weigh_by == "bicubic":
        bicubic = upsample(coarse, task.model.factor, "bicubic")
        smallest = PENALTIES[task.loss](jnp.asarray(SMOOTH_K))
        scale = {"scale": jnp.maximum(_means(task, bicubic, images["lst"], mask), smallest)}
    if "seen" in images:
        coarse, seen = degrade(images.pop("seen"), task.model.factor)
        mask &= seen
    if "noise" in batch:
        coarse = coarse + batch["noise"]
    return {**images, **scale, "coarse": coarse, "mask": mask}


def patches_cost(task: Task, fine: jax.Array, part: Batch) -> Cost:
    """The task's penalty, summed over the observed pixels; or, weighed by bicubic, the shares summed over patches."""
    truth, mask = part["lst"], part["mask"]
    error = jnp.where(mask, fine - jnp.where(mask, truth, 0), 0)
    squared = jnp.square(error).sum()
    if task.weigh_by == "bicubic":
        counted = mask.any(_IMAGE).sum(dtype=squared.dtype)
        cost = (_means(task, fine, truth, mask) / part["scale"]).sum()
        return Cost(counted, cost, mask.sum(dtype=squared.dtype), squared)
    cost = jnp.where(mask, PENALTIES[task.loss](error), 0).sum()
    pixels = mask.sum(dtype=cost.dtype)
    return Cost(pixels, cost, pixels, squared)


def _means(task: Task, fine: jax.Array, truth: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean penalty of each image where the mask is True, ``(b,)``; 0 where it never is."""
    error = jnp.where(mask, fine - jnp.where(mask, truth, 0), 0)
    return jnp.where(mask, PENALTIES[task.loss](error), 0).sum(_IMAGE) / jnp.maximum(mask.sum(_IMAGE), 1)
