"""The grid for a warp: where the part of a raster that exists lies in another coordinate system."""

import math
from typing import Final

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.warp import Grid

_LATTICE: Final = 200
"""Pixels along a side that stand for the inside of a raster, beside all those of its outline."""
_CORNERS: Final = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0.5, 0.5)])
"""Rows and columns, from a pixel's own, of its corners in turn and its centre."""
_LARGEST: Final = 20
_ALWAYS: Final = 2**24
Points = NDArray[np.float64]


def target_grid(source: Grid, crs: CRS, *, inside: ArrayLike | None = None, resolution: float | None = None) -> Grid:
    """The north-up grid that holds a raster's pixels in another coordinate system.

    Only pixels that exist count: those of ``inside`` that can be projected there and back. (The corners of a tile at
    the rim of the sinusoidal map lie off the globe; PROJ takes such a point for one on the other side of the Earth.)
    Longitudes across the 180th meridian run on beyond 180. Edges are multiples of the pixel size.

    Args:
        source: where the raster lies.
        crs: of the result.
        inside: (H, W) bool of ``source``: which pixels exist. None for all.
        resolution: side of a pixel in units of ``crs``; None for a pixel of the median area of the source's there,
            rounded to two digits.

    Returns:
        The grid.

    Raises:
        ValueError: no pixel can be projected; a resolution below a tenth of the source's pixel or above ten times it;
            a grid of more than 20 times the source's pixels (and more than 2^24).
    """
    shown = np.ones(source.shape, bool) if inside is None else np.asarray(inside, bool)
    if shown.shape != source.shape:
        raise ValueError(f"inside {shown.shape} must have the shape of its grid {source.shape}")
    x, y = _project(source, crs, *_sample(shown))
    known = np.isfinite(x)
    if not known.any():
        raise ValueError("none of its pixels can be projected there; choose a coordinate system of the place")
    if crs.is_geographic:
        x = _continuous(x, math.tau / crs.units_factor[1])
    own = _pixel_side(x, y)
    unit = crs.units_factor[0]
    if resolution is None:
        size = _rounded(own)
    elif own / 10 <= resolution <= own * 10:
        size = resolution
    else:
        limits = f"{_rounded(own / 10):g} to {_rounded(own * 10):g}"
        raise ValueError(f"its unit is the {unit}, and a pixel of this map is about {_rounded(own):g}; give {limits}")
    left, bottom = (math.floor(np.nanmin(values) / size + 1e-6) for values in (x, y))
    right, top = (math.ceil(np.nanmax(values) / size - 1e-6) for values in (x, y))
    if crs.is_geographic:  # no row reaches beyond a pole
        pole = math.floor(math.radians(90) / crs.units_factor[1] / size + 1e-6)
        bottom, top = max(bottom, -pole), min(top, pole)
    rows, columns = max(top - bottom, 1), max(right - left, 1)
    if rows * columns > max(_LARGEST * shown.sum(), _ALWAYS):
        found = f"{rows} x {columns} pixels of {size:g} ({unit}), {rows * columns * 4 / 1e9:.3g} GB"
        raise ValueError(f"gives a map of {found}; choose a coordinate system of the place, or larger pixels")
    return Grid((rows, columns), _north_up(left * size, top * size, size), crs)


def _north_up(left: float, top: float, size: float) -> Affine:
    return Affine(size, 0.0, left, 0.0, -size, top)


def _sample(inside: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels on the outline of what is inside, and of a lattice of the others."""
    padded = np.pad(inside, 1)
    surrounded = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    chosen = inside & ~surrounded
    steps = tuple(slice(side // _LATTICE // 2, None, side // _LATTICE + 1) for side in inside.shape)
    chosen[steps] = inside[steps]
    rows, columns = np.nonzero(chosen)
    return rows, columns


def _project(source: Grid, crs: CRS, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Points, Points]:
    """Corners and centre of pixels, each (N, 5), in another coordinate system; NaN where there is no way back."""
    x, y = source.xy(columns[:, None] + _CORNERS[:, 1], rows[:, None] + _CORNERS[:, 0])
    transformer = pyproj.Transformer.from_crs(
        pyproj.CRS.from_wkt(source.crs.to_wkt()), pyproj.CRS.from_wkt(crs.to_wkt()), always_xy=True
    )
    there = transformer.transform(x, y)
    back = transformer.transform(*there, direction="INVERSE")
    with np.errstate(invalid="ignore"):  # where there is no way, PROJ answers inf
        known = np.isfinite(there[0] + there[1]) & (np.hypot(back[0] - x, back[1] - y) < 0.1 * source.pixel_m)
    return np.where(known, there[0], np.nan), np.where(known, there[1], np.nan)


def _continuous(lon: Points, circle: float) -> Points:
    """Longitudes of one range without a jump: it begins behind the widest gap between them, and may run beyond 180."""
    present = np.unique(lon[np.isfinite(lon)])
    gaps = np.diff(present, append=present[0] + circle)
    widest = int(np.argmax(gaps))
    start = present[(widest + 1) % len(present)]
    result: Points = start + (lon - start) % circle
    return result


def _pixel_side(x: Points, y: Points) -> float:
    """Side of the square whose area is the median one of pixels, each (N, 5) corners and centre."""
    side = [x[:, [1, 3]] - x[:, :1], y[:, [1, 3]] - y[:, :1]]
    area = np.abs(side[0][:, 0] * side[1][:, 1] - side[0][:, 1] * side[1][:, 0])
    area = area[np.isfinite(area)]
    if not area.size:
        raise ValueError("none of its pixels can be projected there whole; choose a coordinate system of the place")
    return math.sqrt(float(np.median(area)))


def _rounded(value: float) -> float:
    """To two significant digits."""
    return float(f"{value:.1e}")
