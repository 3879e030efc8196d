"""Filling of unobserved pixels, so that a network never sees a hole.

Arrays are ``(..., H, W, C)`` in kelvin; NaN means no observation.
"""

import jax
import jax.numpy as jnp

from lstsr_jax.ops._shapes import require_image
from lstsr_jax.ops.observed import as_float
from lstsr_jax.ops.resize import upsample


def _pull(values: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Halve the resolution: weighted mean over 2x2, weight one where any of the four was known."""
    *lead, height, width, channels = values.shape
    pad = [(0, 0)] * len(lead) + [(0, height % 2), (0, width % 2), (0, 0)]
    values, weights = jnp.pad(values, pad), jnp.pad(weights, pad)
    shape = (*lead, (height + 1) // 2, 2, (width + 1) // 2, 2, channels)
    total = (values * weights).reshape(shape).sum((-4, -2))
    count = weights.reshape(shape).sum((-4, -2))
    return total / jnp.maximum(count, 1e-6), jnp.minimum(count, 1.0)


def fill_gaps(lst: jax.Array) -> jax.Array:
    """Fill NaN pixels smoothly from observed neighbours; observed pixels stay as they are.

    A pull-push pyramid (Gortler et al. 1996): average the known pixels to ever coarser levels until every gap has
    closed, then fill each level's gaps by bilinear interpolation of the level above.

    Args:
        lst: ``(..., H, W, C)`` in K. Masked elements of a numpy array are gaps; integers become float32.

    Returns:
        The same shape without NaN; an image with no observation at all stays NaN.

    Raises:
        ValueError: if the rank is below three.

    Example:
        >>> import jax.numpy as jnp
        >>> lst = jnp.full((4, 4, 1), 290.0).at[1, 2].set(jnp.nan)
        >>> fill_gaps(lst)[1, 2, 0].item()
        290.0
    """
    lst = as_float("lst", lst)
    require_image("lst", lst.shape)
    known = jnp.isfinite(lst)
    count = known.sum((-3, -2), keepdims=True)
    # Departures from the image's mean, so that float32 keeps its digits through the weighted sums.
    level = jnp.where(known, lst, 0).sum((-3, -2), keepdims=True) / jnp.maximum(count, 1)
    pyramid = [(jnp.where(known, lst - level, 0), known.astype(lst.dtype))]
    while max(pyramid[-1][0].shape[-3:-1]) > 1:
        pyramid.append(_pull(*pyramid[-1]))
    filled = pyramid.pop()[0]
    while pyramid:
        values, weights = pyramid.pop()
        finer = upsample(filled, 2, "bilinear")[..., : values.shape[-3], : values.shape[-2], :]
        filled = weights * values + (1 - weights) * finer
    return jnp.where(known, lst, jnp.where(count > 0, filled + level, jnp.nan))
