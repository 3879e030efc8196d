"""What a fine field costs against ASTER, on ASTER's own grid: as the evaluation scores it, differentiable.

A batch of pairs is a dict: ``coarse`` ``(b, h, w, 1)`` K without gaps; the guides of the network, such as ``ndvi``,
``(b, 4h, 4w, 1)``, NaN where there is none; ``aster`` ``(b, P, Q, 1)`` K, ``mask`` of the same shape, True where it is
scored, and ``rows``, ``columns`` ``(b, P, Q)``: where each ASTER pixel lies in the fine field, registered.
"""

import jax
import jax.numpy as jnp

from lstsr_jax.ops.metrics import rmse, ssim
from lstsr_jax.ops.resize import upsample
from lstsr_jax.ops.sampling import sample_bilinear
from lstsr_jax.predictor import coarse_to_fine
from lstsr_jax.training.task import Batch, Cost, Metrics, Task

_IMAGE = (1, 2, 3)


def unbiased_scores(fine: jax.Array, pairs: Batch) -> tuple[jax.Array, jax.Array, jax.Array]:
    """RMSE-ub in K and SSIM-ub of fine fields ``(b, 4h, 4w, 1)`` K, ``(b,)`` each, and where a pair counts, ``(b,)``.

    The mean difference of each pair is taken out first. A pair without a scored pixel does not count and scores 0; the
    SSIM of one without a whole window is 1.
    """
    truth, mask = pairs["aster"], pairs["mask"]
    seen = sample_bilinear(fine, pairs["rows"], pairs["columns"])
    pixels = mask.sum(_IMAGE)
    total = jnp.where(mask, seen - truth, 0).sum(_IMAGE)
    seen = seen - (total / jnp.maximum(pixels, 1))[:, None, None, None]
    counted = pixels > 0
    error = jnp.where(counted, rmse(truth, seen, mask=mask), 0)
    similarity = ssim(truth, seen, mask=mask)
    return error, jnp.where(jnp.isfinite(similarity), similarity, 1), counted


def pairs_cost(task: Task, fine: jax.Array, part: Batch) -> Cost:
    """RMSE-ub + ``task.ssim_weight`` (1 - SSIM-ub), summed over pairs."""
    error, similarity, counted = unbiased_scores(fine, part)
    cost = jnp.where(counted, error + task.ssim_weight * (1 - similarity), 0).sum()
    pixels = part["mask"].sum(_IMAGE).astype(cost.dtype)
    return Cost(counted.sum(dtype=cost.dtype), cost, pixels.sum(), (pixels * jnp.square(error)).sum())


def pairs_score_sums(task: Task, variables: object, pairs: Batch) -> Metrics:
    """Sums over the pairs that count: their number, RMSE-ub and SSIM-ub of the network, RMSE-ub of its input."""

    def network(x: jax.Array) -> jax.Array:
        return task.module.apply(variables, x)  # type: ignore[arg-type, return-value]

    fine = coarse_to_fine(network, pairs["coarse"], task.model, task.normalization, **task.guides(pairs))
    ilr = upsample(pairs["coarse"], task.model.factor, task.model.upsampling)
    (error, similarity, counted), (input_error, _, _) = (unbiased_scores(field, pairs) for field in (fine, ilr))
    return {
        "pairs": counted.sum(),
        "rmse_ub": error.sum(),
        "ssim_ub": jnp.where(counted, similarity, 0).sum(),
        "ilr_rmse_ub": input_error.sum(),
    }
