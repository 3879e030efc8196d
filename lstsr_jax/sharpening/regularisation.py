"""Regularisation of a point semivariogram: what it becomes between areas, and from a point to an area.

An average over the ``f`` x ``f`` fine pixels of a coarse pixel is a moving mean of the point function on
the grid of fine offsets, done once for point to area and twice for area to area: no loop over pairs. All of
it is a function of the range in coarse pixels alone, evaluated once in float64 at the knots of a table;
fits and weights on the accelerator look things up there. Host code, numpy.
"""

from collections.abc import Callable

import numpy as np

PIXEL_SIZE = 926.625433
"""Side of a MODIS "1 km" pixel in metres."""
_KNOTS = 512
_LONGEST = 1e6  # coarse pixels: beyond, the model is a straight line at every lag of a window


def log_ranges(factor: int) -> np.ndarray:
    """Knots of all tables: ln(range in coarse pixels), from uncorrelated fine pixels to a straight line."""
    return np.linspace(np.log(0.13 / factor), np.log(_LONGEST), _KNOTS)


def point_model(lag: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Exponential model with sill one: ``1 - exp(-3 lag / reach)``."""
    result: np.ndarray = -np.expm1(-3.0 * lag / reach)
    return result


def _moving_mean(x: np.ndarray, size: int) -> np.ndarray:
    """Mean over every ``size`` x ``size`` square of the last two axes."""
    for axis in (-2, -1):
        x = np.lib.stride_tricks.sliding_window_view(x, size, axis=axis).mean(-1)
    return x


def regularise(
    model: Callable[[np.ndarray, np.ndarray], np.ndarray], reach: np.ndarray, factor: int, blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Average a point function of distance over fine pixels.

    Args:
        model: ``(distance, reach)`` in coarse pixels -> value.
        reach: ``(K,)`` in coarse pixels.
        factor: fine pixels per coarse pixel and axis.
        blocks: largest block offset wanted along an axis.

    Returns:
        Area to area ``(K, 2*blocks+1, 2*blocks+1)`` by block offset; point to area
        ``(K, f, f, 2*blocks+1, 2*blocks+1)`` from fine pixel ``(p, q)`` of the central block.
    """
    start = blocks * factor + factor - 1
    steps = np.arange(-start, start + 1) / factor
    lag = np.hypot(steps[:, None], steps[None, :])
    point = model(lag[None], np.asarray(reach, float)[:, None, None])
    to_area = _moving_mean(point, factor)  # at index i: squares that begin at fine offset i - start
    areas = _moving_mean(to_area, factor)[:, ::factor, ::factor]
    first = factor - 1 - np.arange(factor)  # fine pixel p sees block -blocks begin at -blocks*f - p
    index = first[:, None] + factor * np.arange(2 * blocks + 1)[None, :]
    return areas, to_area[:, index[:, None, :, None], index[None, :, None, :]]
