"""What the sharpening methods share: their door, NDVI at both scales, and the line that TsHARP and ATPRK fit.

LST is ``(..., h, w, 1)`` in kelvin and NDVI ``(..., h*f, w*f, 1)``; NaN means no observation.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstsr_jax.ops._shapes import require_factor, require_image
from lstsr_jax.ops.blocks import from_blocks, to_blocks
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.observed import as_float, require_ndvi
from lstsr_jax.ops.pooling import pool_ndvi

POOLS = ("mean", "l4")
_IMAGE = (-3, -2, -1)
_FLAT = 1e-5  # a spread below this share of the largest value is float32 rounding, not information


class Covariate(NamedTuple):
    """NDVI at both scales without gaps, and the coarse pixels where it was truly observed."""

    fine: jax.Array
    coarse: jax.Array
    observed: jax.Array


class Regression(NamedTuple):
    """LST as a line in the covariate: ``level + slope * (x - centre)``, each ``(..., 1, 1, 1)``."""

    slope: jax.Array
    centre: jax.Array
    level: jax.Array


def check_pair(
    lst: jax.Array,
    ndvi: jax.Array,
    factor: int,
    ndvi_pool: str = "mean",
    coarse_ndvi: jax.Array | None = None,
    *,
    several: bool = False,
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Return the arguments as arrays of one dtype.

    ``several``: further channels of ``ndvi`` may hold other predictors in any unit.

    Raises:
        ValueError: if ``lst`` is not ``(..., h, w, 1)``, ``ndvi`` not ``factor`` times finer,
            ``coarse_ndvi`` not of the shape of ``lst``, the pooling is unknown, or NDVI lies outside -1 to 1.
    """
    lst, ndvi = as_float("lst", lst), as_float("ndvi", ndvi)
    require_factor(factor)
    require_image("lst", lst.shape)
    require_image("ndvi", ndvi.shape)
    require_ndvi("ndvi", ndvi[..., :1] if several else ndvi)
    ndvi = ndvi.astype(lst.dtype)
    if lst.shape[-1] != 1:
        raise ValueError(f"lst must have one channel, got {lst.shape}: move other channels to a leading axis")
    *lead, height, width, _ = lst.shape
    expected = (*lead, height * factor, width * factor, ndvi.shape[-1] if several else 1)
    if ndvi.shape != expected:
        raise ValueError(
            f"ndvi {ndvi.shape} must be {factor} times finer than lst {lst.shape}, leading axes alike: "
            f"expected {expected}"
        )
    if ndvi_pool not in POOLS:
        raise ValueError(f"ndvi_pool must be one of {', '.join(POOLS)}, got {ndvi_pool!r}")
    if coarse_ndvi is not None:
        coarse_ndvi = as_float("coarse_ndvi", coarse_ndvi).astype(lst.dtype)
        if coarse_ndvi.shape != lst.shape:
            raise ValueError(f"coarse_ndvi {coarse_ndvi.shape} must have the shape of lst {lst.shape}")
    return lst, ndvi, coarse_ndvi


def covariate(ndvi: jax.Array, factor: int, ndvi_pool: str, coarse_ndvi: jax.Array | None) -> Covariate:
    """NDVI at both scales with its gaps closed, so that no gap of NDVI opens one in the LST.

    A fine gap takes the value of its coarse pixel; a coarse pixel without any NDVI takes an interpolation
    of its neighbours (and stays out of the fit); an image without any NDVI takes zero, which makes its
    regression constant.
    """
    coarse = pool_ndvi(ndvi, factor, ndvi_pool) if coarse_ndvi is None else coarse_ndvi
    observed = jnp.isfinite(coarse)
    filled = fill_gaps(coarse)
    filled = jnp.where(jnp.isfinite(filled), filled, 0.0)
    blocks = to_blocks(ndvi, factor)
    blocks = jnp.where(jnp.isfinite(blocks), blocks, jnp.expand_dims(filled, -2))
    return Covariate(from_blocks(blocks, factor), filled, observed)


def fractional_cover(x: Covariate, ndvi: jax.Array) -> Covariate:
    """Turn NDVI into fractional cover, ``1 - ((max - NDVI) / (max - min))^0.625`` (Agam et al. 2007).

    ``max`` and ``min`` are those of each image's observed fine NDVI. A flat image has no cover to speak of:
    zero.
    """
    known = jnp.isfinite(ndvi)
    highest = jnp.where(known, ndvi, -jnp.inf).max(_IMAGE, keepdims=True)
    lowest = jnp.where(known, ndvi, jnp.inf).min(_IMAGE, keepdims=True)
    spread = highest - lowest
    flat = ~(spread > _FLAT * jnp.maximum(jnp.abs(highest), jnp.abs(lowest)))
    highest, spread = jnp.where(flat, 0.0, highest), jnp.where(flat, 1.0, spread)

    def cover(value: jax.Array) -> jax.Array:
        bare = (highest - value) / spread
        inside = (bare > 0) & (bare < 1)  # the power has no finite gradient at 0
        bare = jnp.where(inside, jnp.where(inside, bare, 0.5) ** 0.625, jnp.clip(bare, 0.0, 1.0))
        return jnp.where(flat, 0.0, 1.0 - bare)

    return Covariate(cover(x.fine), cover(x.coarse), x.observed)


def fit_line(y: jax.Array, x: jax.Array, use: jax.Array) -> Regression:
    """Least squares of ``y`` on ``x`` per image over the pixels of ``use``; slope zero where ``x`` is flat.

    Args:
        y: ``(..., h, w, 1)``, finite, best given as departures so that float32 keeps its digits.
        x: as ``y``.
        use: as ``y``, bool; no pixel at all gives the line zero.

    Returns:
        The line, each part ``(..., 1, 1, 1)``.
    """
    count = jnp.maximum(use.sum(_IMAGE, keepdims=True), 1)

    def mean(values: jax.Array) -> jax.Array:
        return jnp.where(use, values, 0.0).sum(_IMAGE, keepdims=True) / count

    centre, level = mean(x), mean(y)
    dx = x - centre
    variance = mean(dx * dx)
    largest = jnp.where(use, jnp.abs(x), 0.0).max(_IMAGE, keepdims=True)
    flat = variance <= (_FLAT * largest) ** 2
    slope = jnp.where(flat, 0.0, mean(dx * (y - level)) / jnp.where(flat, 1.0, variance))
    return Regression(slope, centre, level)


def predict(line: Regression, x: jax.Array) -> jax.Array:
    """The line at ``x``."""
    return line.level + line.slope * (x - line.centre)


def regress(lst: jax.Array, x: Covariate, min_lst: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Regress coarse LST on the coarse covariate and apply the line to the fine one.

    Args:
        lst: ``(..., h, w, 1)`` in K with NaN gaps.
        x: the covariate at both scales.
        min_lst: pixels colder than this (K) are left out of the fit.

    Returns:
        Per image a reference level ``(..., 1, 1, 1)`` in K; the fine prediction as departures from it; the
        coarse residual in K, zero where LST is NaN.
    """
    observed = jnp.isfinite(lst)
    count = jnp.maximum(observed.sum(_IMAGE, keepdims=True), 1)
    level = jax.lax.stop_gradient(jnp.where(observed, lst, 0.0).sum(_IMAGE, keepdims=True) / count)
    departure = jnp.where(observed, lst, level) - level
    line = fit_line(departure, x.coarse, observed & x.observed & (lst >= min_lst))
    residual = jnp.where(observed, departure - predict(line, x.coarse), 0.0)
    return level, predict(line, x.fine), residual
