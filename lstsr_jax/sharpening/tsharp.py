"""TsHARP: thermal sharpening by a regression on NDVI (Agam et al. 2007, Remote Sens. Environ. 107)."""

import functools

import jax
import jax.numpy as jnp

from lstsr_jax.ops.resize import upsample
from lstsr_jax.sharpening.regression import check_pair, covariate, fractional_cover, regress

_FORMS = ("linear", "fractional_cover")


def tsharp(
    lst: jax.Array,
    ndvi: jax.Array,
    factor: int = 4,
    *,
    form: str = "linear",
    ndvi_pool: str = "mean",
    min_lst: float | None = None,
    coarse_ndvi: jax.Array | None = None,
) -> jax.Array:
    """Sharpen LST with NDVI: regress at the coarse scale, apply at the fine, add the residual back.

    One line per image; the residual of a coarse pixel is added to all its fine pixels alike. With
    ``form="linear"`` and ``ndvi_pool="mean"`` the mean of each block is therefore the coarse LST.

    Args:
        lst: coarse LST ``(..., h, w, 1)`` in K; NaN where not observed.
        ndvi: fine NDVI ``(..., h*f, w*f, 1)``, leading axes as ``lst``; NaN where not observed. A fine gap
            takes the NDVI of its coarse pixel, a coarse pixel without NDVI that of its neighbours, an image
            without NDVI none: there the block is constant.
        factor: fine = coarse x factor.
        form: ``"linear"`` in NDVI, or ``"fractional_cover"``: linear in ``1 - ((max - NDVI) / (max -
            min))^0.625`` with the extremes of each image, the form the original recommends.
        ndvi_pool: how fine NDVI becomes coarse: ``"mean"``, or ``"l4"`` as in the paper's notebook (see
            :func:`lstsr_jax.sharpening.pool_ndvi`: it loses the sign).
        min_lst: coarse pixels colder than this (K) stay out of the fit (``min_T`` of the authors' later
            code).
        coarse_ndvi: ``(..., h, w, 1)`` to use in place of the pooled NDVI.

    Returns:
        ``(..., h*f, w*f, 1)`` in K, NaN exactly where the coarse LST is NaN. Flat NDVI gives the coarse LST
        itself.

    Raises:
        ValueError: if shapes or options do not fit.
    """
    lst, ndvi, coarse_ndvi = check_pair(lst, ndvi, factor, ndvi_pool, coarse_ndvi)
    if form not in _FORMS:
        raise ValueError(f"form must be one of {', '.join(_FORMS)}, got {form!r}")
    coldest = jnp.asarray(-jnp.inf if min_lst is None else min_lst, lst.dtype)
    result: jax.Array = _tsharp(lst, ndvi, coarse_ndvi, coldest, factor=factor, form=form, ndvi_pool=ndvi_pool)
    return result


@functools.partial(jax.jit, static_argnames=("factor", "form", "ndvi_pool"))
def _tsharp(
    lst: jax.Array,
    ndvi: jax.Array,
    coarse_ndvi: jax.Array | None,
    min_lst: jax.Array,
    *,
    factor: int,
    form: str,
    ndvi_pool: str,
) -> jax.Array:
    x = covariate(ndvi, factor, ndvi_pool, coarse_ndvi)
    if form == "fractional_cover":
        x = fractional_cover(x, ndvi)
    level, fine, residual = regress(lst, x, min_lst)
    observed = upsample(jnp.isfinite(lst).astype(lst.dtype), factor, "nearest") > 0
    return jnp.where(observed, level + (fine + upsample(residual, factor, "nearest")), jnp.nan)
