"""Semivariograms of a coarse residual: the empirical one, and the point model whose regularisation fits it.

The model is ``sill * (1 - exp(-h / (range / 3)))`` (Wang, Shi and Atkinson 2015). Its sill is a factor and
its range can be measured in coarse pixels, so all that a fit needs is a function of one number: tables over
that number (:mod:`lstsr_jax.sharpening.regularisation`) replace the search.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax.ops._shapes import require_factor, require_image
from lstsr_jax.sharpening.regularisation import PIXEL_SIZE, log_ranges, point_model, regularise


def require_window(window: int) -> None:
    """Raise unless ``window`` is an odd integer of at least three coarse pixels."""
    if not isinstance(window, int) or window < 3 or window % 2 == 0:
        raise ValueError(f"window must be an odd integer of at least 3 coarse pixels, got {window!r}")


def lag_distances(window: int = 5) -> np.ndarray:
    """Distinct non-zero distances within a ``window`` x ``window`` square, ascending, in pixels."""
    result: np.ndarray = np.sqrt(_squared_lags(window))
    return result


def _squared_lags(window: int) -> np.ndarray:
    """Squared distances, integers: two lags are equal when these are, which floating point cannot promise."""
    square = np.arange(window) ** 2
    return np.unique(square[:, None] + square[None, :])[1:]


def _by_lag(areas: np.ndarray, window: int) -> np.ndarray:
    """Regularised semivariogram at each lag of a window, ``(K, lags)``: between blocks less within one."""
    offset = np.arange(-(window - 1), window)
    square = offset[:, None] ** 2 + offset[None, :] ** 2
    pairs = (window - np.abs(offset))[:, None] * (window - np.abs(offset))[None, :]
    within = areas[:, window - 1, window - 1]
    weights = [(square == lag) * pairs / (pairs * (square == lag)).sum() for lag in _squared_lags(window)]
    result: np.ndarray = np.stack([(areas * weight).sum((1, 2)) for weight in weights], -1) - within[:, None]
    return result


class _Shapes(NamedTuple):
    """Regularised model at the knots: shape over the lags, its derivative by ln(range), the shape's sill."""

    shape: np.ndarray
    slope: np.ndarray
    sill: np.ndarray


@functools.lru_cache(maxsize=8)
def _shapes(factor: int, window: int) -> _Shapes:
    """Shapes are scaled to one at the longest lag, so that float32 tells long ranges apart."""

    def point_slope(lag: np.ndarray, reach: np.ndarray) -> np.ndarray:
        result: np.ndarray = -3.0 * lag / reach * np.exp(-3.0 * lag / reach)
        return result

    reach = np.exp(log_ranges(factor))
    model = _by_lag(regularise(point_model, reach, factor, window - 1)[0], window)
    slope = _by_lag(regularise(point_slope, reach, factor, window - 1)[0], window)
    last, last_slope = model[:, -1:], slope[:, -1:]
    return _Shapes(model / last, (slope * last - model * last_slope) / last**2, 1.0 / last[:, 0])


def _windows_over(length: int, window: int, step: int) -> np.ndarray:
    """How many windows hold both pixel ``i`` and pixel ``i + step`` of a line, for each ``i`` of it."""
    i = np.arange(length)
    first, last = np.minimum(i, i + step), np.maximum(i, i + step)
    count = np.minimum(first, max(length - window, 0)) - np.maximum(last - window + 1, 0) + 1
    return np.where((first >= 0) & (last < length), np.maximum(count, 0), 0)


def semivariogram(residual: jax.Array, window: int = 5) -> jax.Array:
    """Empirical semivariogram, the mean over all windows of the mean over their pairs at each lag.

    The windows overlap, so a pair counts as often as there are windows that hold it; that is how it is
    computed here: one weighted sum per offset. Pairs with a NaN are left out.

    Args:
        residual: ``(..., h, w, 1)`` in K; NaN where unknown.
        window: side of the windows in coarse pixels.

    Returns:
        ``(..., lags)`` in K^2, at :func:`lag_distances`; NaN at lags without a pair.

    Raises:
        ValueError: for a wrong rank, channel count or window.
    """
    residual = jnp.asarray(residual)
    require_image("residual", residual.shape)
    require_window(window)
    if residual.shape[-1] != 1:
        raise ValueError(f"residual must have one channel, got shape {residual.shape}")
    result: jax.Array = _semivariogram(residual[..., 0], window)
    return result


@functools.partial(jax.jit, static_argnames="window")
def _semivariogram(field: jax.Array, window: int) -> jax.Array:
    """Scan over the offsets of half a plane: one compiled step, and memory for one offset, however large the image."""
    *lead, height, width = field.shape
    reach = window - 1
    offsets = [(dy, dx) for dy in range(window) for dx in range(-reach, window) if dy > 0 or dx > 0]
    lags = np.searchsorted(_squared_lags(window), [dy * dy + dx * dx for dy, dx in offsets])
    over_rows = np.stack([_windows_over(height, window, dy) for dy, _ in offsets])[:, None, :, None]
    over_columns = np.stack([_windows_over(width, window, dx) for _, dx in offsets])[:, None, None, :]
    field = field.reshape(-1, height, width)
    known = jnp.isfinite(field)
    field = jnp.where(known, field, 0.0)
    margin = [(0, 0), (0, reach), (reach, reach)]
    padded, padded_known = jnp.pad(field, margin), jnp.pad(known, margin)

    def pairs_at(carry: None, step: tuple[jax.Array, ...]) -> tuple[None, tuple[jax.Array, jax.Array]]:
        dy, dx, rows, columns = step
        corner, times = (jnp.zeros_like(dy), dy, dx + reach), rows * columns
        there = jax.lax.dynamic_slice(padded, corner, field.shape)
        both = known & jax.lax.dynamic_slice(padded_known, corner, field.shape)
        counted = jnp.where(both, times, 0.0)
        return carry, ((counted * 0.5 * (field - there) ** 2).sum((-2, -1)), counted.sum((-2, -1)))

    weights = (jnp.asarray(over_rows, field.dtype), jnp.asarray(over_columns, field.dtype))
    steps = (*(jnp.asarray(axis, jnp.int32) for axis in zip(*offsets, strict=True)), *weights)
    _, sums = jax.lax.scan(pairs_at, None, steps)
    count = len(_squared_lags(window))
    total, weight = (jax.ops.segment_sum(x, jnp.asarray(lags), count) for x in sums)
    gamma = jnp.where(weight > 0, total / jnp.maximum(weight, 1.0), jnp.nan)
    return jnp.moveaxis(gamma, 0, -1).reshape(*lead, count)


def fit_variogram(
    residual: jax.Array, factor: int = 4, *, window: int = 5, pixel_size: float = PIXEL_SIZE
) -> tuple[jax.Array, jax.Array]:
    """Deconvolve: find the exponential point model whose regularisation fits the empirical semivariogram.

    Unweighted least squares over the lags. The sill is linear and eliminated; the range is the best of 512
    knots, from no correlation to a straight line, refined where the derivative changes sign. It is thus the
    global optimum in that interval, where an unbounded search may run away along the straight line. Pure
    JAX.

    Args:
        residual: coarse residual ``(..., h, w, 1)`` in K; NaN where unknown.
        factor: fine = coarse x factor.
        window: side in coarse pixels of the windows in which pairs are formed.
        pixel_size: side of a coarse pixel, the unit of the range.

    Returns:
        Sill in K^2 and range in the unit of ``pixel_size``, each ``(...)``. A residual without variance, or
        with too few pixels for a pair, has sill 0 and the range of one window.

    Raises:
        ValueError: for a wrong rank, factor or window.
    """
    require_factor(factor)
    sill, reach = _fit(semivariogram(residual, window), factor, window)
    return sill, reach * pixel_size


@functools.partial(jax.jit, static_argnames=("factor", "window"))
def _fit(gamma: jax.Array, factor: int, window: int) -> tuple[jax.Array, jax.Array]:
    """Sill, and range in coarse pixels, from the empirical semivariogram ``(..., lags)``."""
    tables = _shapes(factor, window)
    known = jnp.isfinite(gamma)[..., None, :]
    gamma = jnp.where(known, gamma[..., None, :], 0.0)
    lead = (1,) * (gamma.ndim - 2)
    shape, slope = (jnp.asarray(t, gamma.dtype).reshape(lead + t.shape) for t in tables[:2])
    shape = jnp.where(known, shape, 0.0)
    power = jnp.maximum((shape * shape).sum(-1, keepdims=True), jnp.finfo(gamma.dtype).tiny)
    height = (gamma * shape).sum(-1, keepdims=True) / power
    misfit = gamma - height * shape
    downhill = (misfit * slope).sum(-1)  # positive where a longer range fits better
    height = height[..., 0]

    def at(table: jax.Array, knot: jax.Array) -> jax.Array:
        return jnp.take_along_axis(table, knot[..., None], -1)[..., 0]

    best = (misfit * misfit).sum(-1).argmin(-1)
    other = jnp.clip(best + jnp.where(at(downhill, best) > 0, 1, -1), 0, downhill.shape[-1] - 1)
    a, b = at(downhill, best), at(downhill, other)
    crossing = a * b < 0
    share = jnp.where(crossing, a / jnp.where(crossing, a - b, 1.0), 0.0)
    knots, log_sills = (jnp.asarray(t, gamma.dtype) for t in (log_ranges(factor), np.log(tables.sill)))
    log_range, log_sill, scale = (
        first + share * (second - first)
        for first, second in (
            (knots[best], knots[other]),
            (log_sills[best], log_sills[other]),
            (at(height, best), at(height, other)),
        )
    )
    flat = ~(at(height, best) > 0)
    sill = jnp.where(flat, 0.0, scale * jnp.exp(log_sill))
    return sill, jnp.where(flat, float(window), jnp.exp(log_range))
