"""Norm-L4 pooling: what a coarser radiometer would have seen of a temperature field.

Arrays are ``(..., H, W, C)`` in kelvin; NaN means no observation.
"""

import jax
import jax.numpy as jnp

from lstsr_jax.ops._shapes import require_factor, require_image
from lstsr_jax.ops.blocks import to_blocks
from lstsr_jax.ops.observed import as_float


def l4_pool(lst: jax.Array, factor: int = 4) -> jax.Array:
    """Pool by the fourth-power mean, ``(mean T^4)^(1/4)``, over ``factor`` x ``factor`` blocks.

    By the Stefan-Boltzmann law the emitted energy of a block is the mean of ``T^4``, so this is the temperature that
    a sensor with ``factor`` times larger pixels would report (paper, section III.A). The fourth power is taken of the
    relative departure from the block's mean, which keeps float32 exact to about 1e-5 K at 300 K.

    Args:
        lst: ``(..., H, W, C)`` in K. H and W must be multiples of ``factor``. Integers and 16-bit floating point are
            computed in, and returned as, float32; masked elements of a numpy array are NaN.
        factor: side of a block in pixels.

    Returns:
        ``(..., H/f, W/f, C)`` in K. A block that holds a NaN is NaN; its gradient is zero, as is that of a block
        of zeros.

    Raises:
        ValueError: if the rank, or the divisibility of H and W, does not hold.

    Example:
        >>> import jax.numpy as jnp
        >>> lst = jnp.full((8, 8, 1), 300.0).at[:4, :4].set(jnp.array([280.0, 280.0, 320.0, 320.0])[:, None, None])
        >>> l4_pool(lst)[..., 0].round(0).tolist()  # the mean of 280 and 320 K would be 300 K
        [[302.0, 300.0], [300.0, 300.0]]
    """
    lst = as_float("lst", lst)
    require_image("lst", lst.shape)
    require_factor(factor)
    if lst.shape[-3] % factor or lst.shape[-2] % factor:
        raise ValueError(f"lst {lst.shape} does not divide into {factor}x{factor} blocks: crop or pad it first")
    blocks = to_blocks(lst, factor)
    valid = jnp.isfinite(blocks).all(axis=-2, keepdims=True)
    blocks = jnp.where(valid, blocks, 1.0)
    # The result does not depend on the centre, so no gradient flows through it.
    centre = jax.lax.stop_gradient(blocks.mean(axis=-2, keepdims=True))
    empty = centre == 0  # a block of zeros: its root has no gradient
    blocks, centre = jnp.where(empty, 1.0, blocks), jnp.where(empty, 1.0, centre)
    d = blocks / centre - 1.0
    excess = (((d + 4.0) * d + 6.0) * d + 4.0) * d  # (1 + d)^4 - 1
    pooled = centre * (1.0 + jnp.expm1(0.25 * jnp.log1p(excess.mean(axis=-2, keepdims=True))))
    return jnp.where(valid, jnp.where(empty, 0.0, pooled), jnp.nan).squeeze(-2)


def mean_pool(field: jax.Array, factor: int = 4) -> jax.Array:
    """Pool a field such as NDVI or elevation by its mean over the observed pixels of ``factor`` x ``factor`` blocks.

    Args:
        field: ``(..., H, W, C)``; NaN where not observed.
        factor: side of a block in pixels.

    Returns:
        ``(..., H/f, W/f, C)``; NaN only where a block holds no observation.
    """
    blocks = to_blocks(field, factor)
    known = jnp.isfinite(blocks)
    count = known.sum(axis=-2)
    pooled = jnp.where(known, blocks, 0.0).sum(axis=-2) / jnp.maximum(count, 1)
    return jnp.where(count > 0, pooled, jnp.nan)


def pool_ndvi(ndvi: jax.Array, factor: int = 4, method: str = "mean") -> jax.Array:
    """Pool NDVI over the observed pixels of each ``factor`` x ``factor`` block.

    Args:
        ndvi: ``(..., H, W, 1)``; NaN where not observed.
        factor: side of a block in pixels.
        method: ``"mean"``, or ``"l4"``: ``(mean NDVI^4)^(1/4)``, what the paper's notebook did by sending
            NDVI through the pooling meant for temperatures. It loses the sign of NDVI: water at -0.2
            becomes +0.2.

    Returns:
        ``(..., H/f, W/f, 1)``; NaN only where a block holds no observation.
    """
    if method == "mean":
        return mean_pool(ndvi, factor)
    blocks = to_blocks(ndvi, factor)
    known = jnp.isfinite(blocks)
    count = known.sum(axis=-2)
    blocks = jnp.where(known, blocks, 0.0)
    # In units of the block's largest value; a block of zeros has no fourth root worth a gradient.
    scale = jax.lax.stop_gradient(jnp.abs(blocks).max(axis=-2))
    positive = scale > 0
    relative = blocks / jnp.expand_dims(jnp.where(positive, scale, 1.0), -2)
    fourth = jnp.where(positive, (relative**4).sum(axis=-2) / jnp.maximum(count, 1), 1.0)
    pooled = jnp.where(positive, scale * fourth**0.25, 0.0)
    return jnp.where(count > 0, pooled, jnp.nan)
