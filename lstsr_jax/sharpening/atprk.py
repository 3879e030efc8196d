"""ATPRK, area-to-point regression kriging (Wang, Shi and Atkinson 2015).

For LST: Granero-Belinchon et al. 2019. The whole of it, variogram fit included, is one jitted function.
"""

import functools

import jax
import jax.numpy as jnp

from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.resize import upsample
from lstsr_jax.sharpening.kriging import BORDERS, krige, weights_of_range
from lstsr_jax.sharpening.regression import check_pair, covariate, regress
from lstsr_jax.sharpening.regularisation import PIXEL_SIZE
from lstsr_jax.sharpening.variogram import fit_variogram, require_window


def atprk(
    lst: jax.Array,
    ndvi: jax.Array,
    factor: int = 4,
    *,
    window: int = 5,
    border: str = "extend",
    variogram: tuple[jax.Array | float, jax.Array | float] | None = None,
    ndvi_pool: str = "mean",
    min_lst: float | None = None,
    coarse_ndvi: jax.Array | None = None,
    pixel_size: float = PIXEL_SIZE,
) -> jax.Array:
    """Sharpen LST with NDVI: coarse regression, its residual distributed by area-to-point kriging.

    With ``ndvi_pool="mean"`` and ``border="extend"`` the mean of each observed block of the result is the
    coarse LST, whatever the variogram. The variogram is fitted to each image and takes no part in
    gradients.

    Args:
        lst: coarse LST ``(..., h, w, 1)`` in K; NaN where not observed. The residual of a gap is
            interpolated before kriging, so that its neighbours see no edge.
        ndvi: fine NDVI ``(..., h*f, w*f, 1)``, leading axes as ``lst``; NaN where not observed. A fine gap
            takes the NDVI of its coarse pixel; a coarse pixel without any takes an interpolation of its
            neighbours' (an image without any, zero): there the result is an area-to-point interpolation of
            the LST.
        factor: fine = coarse x factor.
        window: side of the kriging neighbourhood in coarse pixels (the paper's figure used 3, its library
            defaults to 5).
        border: ``"extend"`` repeats the outermost residuals beyond the edge; ``"paper"`` leaves a ring of
            ``window // 2`` coarse pixels with the bare regression, as the authors' code does.
        variogram: sill (K^2) and range of the exponential point model, numbers or one per image ``(...)``;
            None fits it.
        ndvi_pool: ``"mean"``, or ``"l4"`` as in the paper's notebook (not coherent; loses the sign of NDVI).
        min_lst: coarse pixels colder than this (K) stay out of the fit of the line.
        coarse_ndvi: ``(..., h, w, 1)`` to use in place of the pooled NDVI.
        pixel_size: side of a coarse pixel, the unit of the range; metres by default.

    Returns:
        ``(..., h*f, w*f, 1)`` in K, NaN exactly where the coarse LST is NaN.

    Raises:
        ValueError: if shapes or options do not fit.
    """
    lst, ndvi, coarse_ndvi = check_pair(lst, ndvi, factor, ndvi_pool, coarse_ndvi)
    require_window(window)
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    reach = None
    if variogram is not None:
        reach = jnp.asarray(variogram[1], lst.dtype) / pixel_size
        if reach.ndim and reach.shape != lst.shape[:-3]:
            raise ValueError(f"range must be a number or one per image {lst.shape[:-3]}, got {reach.shape}")
        reach = jnp.broadcast_to(reach, lst.shape[:-3])
    coldest = jnp.asarray(-jnp.inf if min_lst is None else min_lst, lst.dtype)
    options = {"factor": factor, "window": window, "border": border, "ndvi_pool": ndvi_pool}
    result: jax.Array = _atprk(lst, ndvi, coarse_ndvi, coldest, reach, **options)
    return result


@functools.partial(jax.jit, static_argnames=("factor", "window", "border", "ndvi_pool"))
def _atprk(
    lst: jax.Array,
    ndvi: jax.Array,
    coarse_ndvi: jax.Array | None,
    min_lst: jax.Array,
    reach: jax.Array | None,
    *,
    factor: int,
    window: int,
    border: str,
    ndvi_pool: str,
) -> jax.Array:
    observed = jnp.isfinite(lst)
    level, fine, residual = regress(lst, covariate(ndvi, factor, ndvi_pool, coarse_ndvi), min_lst)
    residual = jnp.where(observed, residual, jnp.nan)
    if reach is None:
        _, reach = fit_variogram(jax.lax.stop_gradient(residual), factor, window=window, pixel_size=1.0)
    residual = fill_gaps(residual)
    residual = jnp.where(jnp.isfinite(residual), residual, 0.0)  # an image without any observation
    detail = krige(residual, weights_of_range(reach, factor, window), factor, border)
    observed_fine = upsample(observed.astype(lst.dtype), factor, "nearest") > 0
    return jnp.where(observed_fine, level + (fine + detail), jnp.nan)
