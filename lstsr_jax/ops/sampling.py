"""Fields looked at between their pixels: the bilinear half of a reprojection, differentiable in the field."""

import jax
import jax.numpy as jnp

from lstsr_jax.ops._shapes import require_image


def sample_bilinear(field: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Bilinear interpolation of fields at given places.

    With the coordinates of :func:`lstsr_jax.geo.warp.coordinates` it is ``geo.warp_field`` where all four neighbours
    are observed.

    Args:
        field: ``(B, H, W, C)`` without gaps, H and W at least 2.
        rows: ``(B, P, Q)`` float, 0 at the centre of the first row; places outside take the value of the edge.
        columns: as ``rows``.

    Returns:
        ``(B, P, Q, C)``.

    Raises:
        ValueError: if ranks or batch sizes do not agree.
    """
    require_image("field", field.shape)
    if field.ndim != 4 or rows.shape != columns.shape or rows.ndim != 3 or len(rows) != len(field):
        raise ValueError(f"field (B, H, W, C), rows and columns (B, P, Q): got {field.shape}, {rows.shape}")
    batch, height, width, channels = field.shape
    rows, columns = jnp.clip(rows, 0, height - 1), jnp.clip(columns, 0, width - 1)
    top = jnp.clip(jnp.floor(rows), 0, height - 2)
    left = jnp.clip(jnp.floor(columns), 0, width - 2)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    first = (top.astype(jnp.int32) * width + left.astype(jnp.int32)).reshape(batch, -1, 1)
    flat = field.reshape(batch, height * width, channels)

    def neighbour(offset: int) -> jax.Array:
        return jnp.take_along_axis(flat, first + offset, axis=1).reshape(*rows.shape, channels)

    upper = (1 - right) * neighbour(0) + right * neighbour(1)
    lower = (1 - right) * neighbour(width) + right * neighbour(width + 1)
    return (1 - down) * upper + down * lower
