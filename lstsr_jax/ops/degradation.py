"""The degradation that makes training pairs: what a sensor with coarser pixels would have seen of a fine field."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.pooling import l4_pool, mean_pool
from lstsr_jax.ops.resize import upsample

_ANY_TEMPERATURE_K = 280.0  # stands in where an image has no observation; masked out of every score


def degrade(truth: jax.Array, factor: int = 4) -> tuple[jax.Array, jax.Array]:
    """The coarse input of a batch without gaps, and where the fine pixels can be scored.

    Args:
        truth: ``(b, H, W, 1)`` K with NaN gaps.
        factor: fine = coarse x factor.

    Returns:
        coarse ``(b, H/f, W/f, 1)`` K, gaps filled from their neighbours; mask ``(b, H, W, 1)``, True where the fine
        pixel and the whole coarse pixel that holds it were observed. An image without any observation is filled with
        a constant, so that its coarse field alone does not tell: the mask does.

    Raises:
        ValueError: if the shape is no image, or its sides are not multiples of ``factor``.

    Example:
        >>> import jax.numpy as jnp
        >>> truth = jnp.full((1, 64, 64, 1), 300.0).at[0, 5, 6].set(jnp.nan)
        >>> coarse, mask = degrade(truth)
        >>> coarse.shape, mask[0, 4:8, 4:8].any().item(), mask.sum().item()
        ((1, 16, 16, 1), False, 4080)
    """
    coarse = l4_pool(truth, factor)
    observed = jnp.isfinite(coarse)
    mask = upsample(observed.astype(truth.dtype), factor, "nearest") > 0.5
    coarse = fill_gaps(coarse)
    return jnp.where(jnp.isfinite(coarse), coarse, _ANY_TEMPERATURE_K), mask


def coarsen(images: Mapping[str, jax.Array], factor: int) -> dict[str, jax.Array]:
    """Pool ``ndvi`` and ``elevation``, ``(B, H, W, 1)``, by their mean and every other image, in K, by norm-L4.

    Returns:
        ``(B, H/factor, W/factor, 1)`` by name; a block of LST that holds a NaN is NaN.

    Raises:
        ValueError: if the sides are no multiples of ``factor``.
    """
    if factor == 1:
        return dict(images)
    pools = {"ndvi": mean_pool, "elevation": mean_pool}
    return {name: pools.get(name, l4_pool)(image, factor) for name, image in images.items()}
