"""Area-to-point ordinary kriging on a regular grid, where it is one convolution per image.

All fine pixels at the same place inside their coarse pixel see the same geometry, so ``f*f`` rows of
weights serve a whole image (Wang, Shi and Atkinson 2015). Weights do not depend on the sill, only on the
range in coarse pixels.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from lstsr_jax.ops._shapes import require_factor
from lstsr_jax.ops.blocks import from_blocks
from lstsr_jax.sharpening.regularisation import PIXEL_SIZE, log_ranges, point_model, regularise
from lstsr_jax.sharpening.variogram import require_window

BORDERS = ("extend", "paper")


def area_semivariances(
    sill: ArrayLike, range: ArrayLike, factor: int = 4, window: int = 5, pixel_size: float = PIXEL_SIZE
) -> tuple[np.ndarray, np.ndarray]:
    """Semivariances of the exponential point model averaged over the fine pixels of coarse pixels.

    Args:
        sill: of the point model, any unit; an array broadcasts with ``range``.
        range: of the point model, in the unit of ``pixel_size``.
        factor: fine pixels per coarse pixel and axis.
        window: side of the neighbourhood in coarse pixels; ``n = window**2`` of them, row-major.
        pixel_size: side of a coarse pixel.

    Returns:
        Area to area ``(..., n, n)``, and point to area ``(..., f*f, n)`` from the fine pixels of the
        central coarse pixel, row-major. Float64, in the unit of the sill.

    Raises:
        ValueError: for a wrong factor or window, or a range that is not positive.
    """
    require_factor(factor)
    require_window(window)
    sills, reach = np.broadcast_arrays(np.asarray(sill, float), np.asarray(range, float) / pixel_size)
    if not ((reach > 0) & np.isfinite(reach)).all():
        raise ValueError(f"range must be positive and finite, got {range!r}")
    lead, n = reach.shape, window * window
    areas, points = regularise(point_model, reach.reshape(-1), factor, window - 1)
    row, column = np.divmod(np.arange(n), window)
    apart = (row[None, :] - row[:, None] + window - 1, column[None, :] - column[:, None] + window - 1)
    half = window // 2
    near = points[:, :, :, half : half + window, half : half + window]
    scale = sills[..., None, None]
    area_to_area = areas[:, apart[0], apart[1]].reshape(*lead, n, n)
    return scale * area_to_area, scale * near.reshape(*lead, factor * factor, n)


def kriging_weights(
    sill: ArrayLike, range: ArrayLike, factor: int = 4, window: int = 5, pixel_size: float = PIXEL_SIZE
) -> np.ndarray:
    """Ordinary area-to-point kriging weights of a coarse neighbourhood for the fine pixels of its centre.

    Args:
        sill: of the point model. It cancels out; it stands here so that a fitted pair can be passed on.
        range: of the point model in the unit of ``pixel_size``, a number or an array.
        factor: fine pixels per coarse pixel and axis.
        window: side of the neighbourhood in coarse pixels.
        pixel_size: side of a coarse pixel.

    Returns:
        ``(..., f*f, window**2)`` float64, both row-major. Rows sum to one; the mean of all rows is one at
        the central pixel and zero elsewhere, which is what makes area-to-point kriging coherent.

    Raises:
        ValueError: for a wrong factor or window, or a range that is not positive.
    """
    sill = np.ones_like(sill, float)  # a flat residual has sill zero, and weights all the same
    between, towards = area_semivariances(sill, range, factor, window, pixel_size)
    scale = between.max((-2, -1), keepdims=True)
    *lead, n, _ = between.shape
    system = np.ones((*lead, n + 1, n + 1))
    system[..., :n, :n] = between / scale
    system[..., n, n] = 0.0
    known = np.ones((*lead, n + 1, factor * factor))
    known[..., :n, :] = np.swapaxes(towards / scale, -1, -2)
    return np.swapaxes(np.linalg.solve(system, known)[..., :n, :], -1, -2)


@functools.lru_cache(maxsize=8)
def _weight_table(factor: int, window: int) -> np.ndarray:
    """Cubic spline of the weights over ln(range): ``(intervals, 4, f*f, n)``, highest power first."""
    knots = log_ranges(factor)
    weights = kriging_weights(1.0, np.exp(knots), factor, window, 1.0)
    return np.ascontiguousarray(np.moveaxis(CubicSpline(knots, weights).c, 0, 1))


def weights_of_range(reach: jax.Array, factor: int, window: int) -> jax.Array:
    """:func:`kriging_weights` for ranges ``(...)`` in coarse pixels: a table look-up, to 1e-6 in float32.

    Ranges beyond the table (uncorrelated fine pixels, or a straight line over the window) take its ends.
    """
    knots = log_ranges(factor)
    step = float(knots[1] - knots[0])
    place = jnp.clip((jnp.log(reach) - float(knots[0])) / step, 0.0, len(knots) - 1.0)
    interval = jnp.minimum(place.astype(jnp.int32), len(knots) - 2)
    t = ((place - interval) * step)[..., None, None]
    table = jnp.asarray(_weight_table(factor, window), reach.dtype)[interval]
    a, b, c, d = (table[..., i, :, :] for i in (0, 1, 2, 3))
    return ((a * t + b) * t + c) * t + d


def krige(residual: jax.Array, weights: jax.Array, factor: int, border: str = "extend") -> jax.Array:
    """Distribute a coarse residual over fine pixels.

    Args:
        residual: ``(..., h, w, 1)`` in K without NaN.
        weights: ``(..., f*f, n)``, one set per image.
        factor: fine = coarse x factor.
        border: ``"extend"``: the outermost residuals are repeated beyond the edge; ``"paper"``: coarse
            pixels whose window does not fit get zero, as in the authors' code.

    Returns:
        ``(..., h*f, w*f, 1)`` in K. Its block means are ``residual``, with ``"extend"`` up to the edge.
    """
    height, width = residual.shape[-3:-1]
    window = round(weights.shape[-1] ** 0.5)
    half = window // 2
    lead = [(0, 0)] * (residual.ndim - 3)
    padded = jnp.pad(residual[..., 0], [*lead, (half, half), (half, half)], mode="edge")
    shifted = [padded[..., i : i + height, j : j + width] for i in range(window) for j in range(window)]
    views = jnp.stack(shifted, -1)
    fine = jnp.einsum("...hwn,...pn->...hwp", views, weights, precision=jax.lax.Precision.HIGHEST)
    if border == "paper":
        inside = [(np.arange(n) >= half) & (np.arange(n) < n - half) for n in (height, width)]
        kept = (inside[0][:, None] & inside[1][None, :]).reshape((1,) * len(lead) + (height, width, 1))
        fine = jnp.where(kept, fine, 0.0)
    return from_blocks(fine[..., None], factor)
