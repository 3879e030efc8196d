"""Energy conservation: a fine field whose norm-L4 pooling is the coarse field it came from.

Arrays are ``(..., H, W, C)`` in kelvin; NaN means no observation.
"""

import jax
import jax.numpy as jnp

from lstsr_jax.ops._shapes import require_refinement
from lstsr_jax.ops.blocks import from_blocks, to_blocks
from lstsr_jax.ops.observed import as_float


def conserve_energy(fine: jax.Array, coarse: jax.Array) -> jax.Array:
    """Correct ``fine`` so that ``l4_pool(fine, f) == coarse``.

    The same amount of emitted energy is added to every fine pixel of a block (an additive correction in ``T^4``), so
    the correction has a closed form and keeps the detail inside the block: ``T'^4 = T^4 + (Tc^4 - mean T^4)``.

    Args:
        fine: ``(..., H*f, W*f, C)`` in K.
        coarse: ``(..., H, W, C)`` in K. Blocks whose coarse value is NaN are left as they are; an observed one with a
            NaN in ``fine`` is NaN, with zero gradient.

    Returns:
        ``(..., H*f, W*f, C)`` in K. Where a correction would leave a pixel below 0 K (only possible for fields that no
        land surface has), that pixel is clamped and its block is not exact.

    Raises:
        ValueError: if ``fine`` is not ``coarse`` times one integer factor.

    Example:
        >>> import jax.numpy as jnp
        >>> from lstsr_jax import l4_pool
        >>> fine = jnp.linspace(290.0, 305.0, 16).reshape(4, 4, 1)
        >>> coarse = jnp.full((1, 1, 1), 300.0)
        >>> l4_pool(conserve_energy(fine, coarse)).round(2).item()
        300.0
    """
    fine, coarse = as_float("fine", fine), as_float("coarse", coarse)
    factor = require_refinement(fine.shape, coarse.shape)
    target = jnp.expand_dims(coarse, -2)
    observed = jnp.isfinite(target)
    target = jnp.where(observed, target, 1.0)
    blocks = to_blocks(fine, factor)
    whole = jnp.isfinite(blocks).all(axis=-2, keepdims=True)
    known = observed & whole
    # Relative to the coarse value and as departures from one, so that float32 keeps its digits.
    d = jnp.where(known, blocks, target) / target - 1.0
    energy = (((d + 4.0) * d + 6.0) * d + 4.0) * d  # (T / Tc)^4 - 1
    corrected = jnp.maximum(energy - energy.mean(axis=-2, keepdims=True), -1.0 + 1e-6)
    corrected = target * (1.0 + jnp.expm1(0.25 * jnp.log1p(corrected)))
    left = jnp.where(observed, jnp.nan, blocks)
    return from_blocks(jnp.where(known, corrected, left), factor)
