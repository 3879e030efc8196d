"""Longitude-latitude rasters that are nearest-neighbour copies of the native grid, put back on it.

AppEEARS and others resample by nearest neighbour to pixels of the same size in degrees: 1/120 degree for 1 km. Each
such pixel holds the number of the native pixel in which its centre lies, so the native pixels can be had back. That
this was so is checked: reading the native grid at the centres must give the file back.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import TILE_PIXELS, TILE_WIDTH_M, lonlat_to_sinusoidal

LOSSLESS_SHARE: Final = 0.99
"""Of the pixels that must come back as they were."""
_SIZE_TOLERANCE = 1e-4
_REMEDY: Final = "ask AppEEARS for the native projection (sinusoidal), or give the granule"


@dataclasses.dataclass(frozen=True, eq=False)
class NativePixels:
    """Where the pixels of a longitude-latitude raster lie in a window of the sinusoidal grid.

    Attributes:
        transform: (column, row) of the window to sinusoidal metres.
        shape: of the window.
        index: (H, W) of the raster: the window's pixel that holds the centre, counted row by row.
        nearest: (rows, columns) of the window: of the raster's pixels with their centre in it the one nearest to the
            middle, counted row by row; -1 where there is none.
    """

    transform: Affine
    shape: tuple[int, int]
    index: NDArray[np.int64]
    nearest: NDArray[np.int64]

    def put_back(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """The raster's numbers on the native window, ``nothing`` where there is none of them."""
        return np.where(self.nearest >= 0, values.ravel()[self.nearest], np.asarray(nothing, values.dtype))

    def share(self, values: NDArray[Any], missing: NDArray[np.bool_]) -> float:
        """Share of the observed pixels that the native window gives back; 1 where nothing is observed."""
        native, gaps = self.put_back(values, 0), self.put_back(missing, True)
        back, gap = native.ravel()[self.index], gaps.ravel()[self.index]
        seen = ~missing | ~gap
        same = (back == values) & ~gap & ~missing
        return float(same.sum() / seen.sum()) if seen.any() else 1.0


def native_pixels(path: Path, transform: Affine, shape: tuple[int, int], pixels: int = TILE_PIXELS) -> NativePixels:
    """Find the native pixels of a longitude-latitude raster.

    Args:
        path: for messages.
        transform: (column, row) to degrees, north up.
        shape: (H, W).
        pixels: along the side of a whole tile: 1200 for 1 km.

    Raises:
        GranuleError: its pixels are not those of a nearest-neighbour copy.
    """
    degrees = 10 / pixels
    turned = abs(transform.b) + abs(transform.d) > 0
    if turned or any(abs(abs(size) / degrees - 1) > _SIZE_TOLERANCE for size in (transform.a, transform.e)):
        raise GranuleError(
            f"{path}: lies on longitude and latitude with pixels of {abs(transform.a):.6g} degrees, not the "
            f"1/{pixels // 10} degree of a nearest-neighbour copy of the native grid; {_REMEDY}"
        )
    west, east = transform.c, transform.c + transform.a * shape[1]
    south, north = transform.f + transform.e * shape[0], transform.f
    if west < -180 - degrees or east > 180 + degrees or south < -90 - degrees or north > 90 + degrees:
        raise GranuleError(f"{path}: reaches beyond 180 degrees of longitude or 90 of latitude; {_REMEDY}")
    return _native_pixels(tuple(transform[:6]), shape, pixels)


def require_lossless(path: Path, native: NativePixels, values: NDArray[Any], missing: NDArray[np.bool_]) -> None:
    """Refuse a raster that the native pixels do not give back.

    Raises:
        GranuleError: less than 99 % of its observed pixels come back: it was interpolated, or resampled twice.
    """
    share = native.share(values, missing)
    if share < LOSSLESS_SHARE:
        raise GranuleError(
            f"{path}: lies on longitude and latitude, and put back on the native grid it gives only {share:.1%} of its "
            f"own pixels back, {LOSSLESS_SHARE:.0%} are needed: it is no nearest-neighbour copy; {_REMEDY}"
        )


@functools.lru_cache(maxsize=4)
def _native_pixels(transform: tuple[float, ...], shape: tuple[int, int], pixels: int) -> NativePixels:
    a, _, left, _, e, top = transform
    lon = np.clip(left + a * (np.arange(shape[1]) + 0.5), -180, 180)
    lat = np.clip(top + e * (np.arange(shape[0]) + 0.5), -90, 90)
    x, y = lonlat_to_sinusoidal(lon, lat[:, None])
    size = TILE_WIDTH_M / pixels
    column, row = x / size, -y / size  # from the centre of the grid
    columns, rows = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    first_column, first_row = int(columns.min()), int(rows.min())
    width, height = int(columns.max()) - first_column + 1, int(rows.max()) - first_row + 1
    index = (rows - first_row) * width + columns - first_column
    distance = (column - columns - 0.5) ** 2 + (row - rows - 0.5) ** 2
    order = np.argsort(-distance, axis=None, kind="stable")
    nearest = np.full(width * height, -1, np.int64)
    nearest[index.ravel()[order]] = order  # of several the last is kept: the nearest
    window = Affine(size, 0.0, first_column * size, 0.0, -size, -first_row * size)
    return NativePixels(window, (height, width), index, nearest.reshape(height, width))
