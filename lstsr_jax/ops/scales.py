"""The same patches at a coarser scale: 1 km LST and NDVI as 2 km ones, to train and score 8 km to 2 km."""

from collections.abc import Mapping

import jax

from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.sharpening import pool_ndvi


def coarsen(images: Mapping[str, jax.Array], factor: int) -> dict[str, jax.Array]:
    """Pool ``ndvi``, ``(B, H, W, 1)``, by its mean and every other image, in K, by norm-L4.

    Returns:
        ``(B, H/factor, W/factor, 1)`` by name; a block of LST that holds a NaN is NaN.

    Raises:
        ValueError: if the sides are no multiples of ``factor``.
    """
    if factor == 1:
        return dict(images)
    pools = {"ndvi": pool_ndvi}
    return {name: pools.get(name, l4_pool)(image, factor) for name, image in images.items()}
