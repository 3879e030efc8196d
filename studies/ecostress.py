"""ECOSTRESS LST at 70 m, averaged to the pixels of a coarser sensor: truth at 250 m for LST at 1 km.

Read are L2T tiles (``ECO..._LST.tif``, kelvin, UTM) and the subsets of AppEEARS (``ECO..._LST_doy..._aid0001.tif``,
longitude and latitude), by :func:`lstsr_jax.geo.finer.read_clear`.
"""

import re
from pathlib import Path

import numpy as np
import rasterio.warp
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import Grid, warp_field
from lstsr_jax.geo.finer import COVERED

_LAYER = re.compile(r"_LST(?=\.tif|_doy)")


def lst_files(folder: Path) -> list[Path]:
    """The LST files of a folder, sorted by name."""
    return sorted(path for path in folder.rglob("ECO*.tif") if _LAYER.search(path.name))


def average(lst: NDArray[np.float32], grid: Grid, pixel_m: float) -> NDArray[np.float32]:
    """The mean over square pixels of ``pixel_m`` metres, in the UTM zone of the scene.

    Args:
        lst: ``(H, W)`` K with NaN gaps.
        grid: where it lies.
        pixel_m: side of the new pixels, several of the old.

    Returns:
        ``(H', W')`` K; NaN where less than the whole pixel was observed.
    """
    target = _utm_grid(grid, pixel_m)
    share = warp_field(np.isfinite(lst), grid, target, kind="average")
    mean = warp_field(lst, grid, target, kind="average")
    return np.where(share >= COVERED, mean, np.nan)


def _utm_grid(grid: Grid, pixel_m: float) -> Grid:
    crs = grid.crs
    if crs.is_geographic:
        left, bottom, right, top = grid.bounds
        zone = int((left + right) / 2 % 360 / 6 + 30) % 60 + 1
        crs = CRS.from_epsg((32600 if bottom + top >= 0 else 32700) + zone)
    left, bottom, right, top = rasterio.warp.transform_bounds(grid.crs, crs, *grid.bounds)
    shape = (int((top - bottom) / pixel_m), int((right - left) / pixel_m))
    return Grid(shape, Affine(pixel_m, 0, left, 0, -pixel_m, top), crs)
