"""ECOSTRESS LST at 70 m, averaged to the pixels of a coarser sensor: truth at 250 m for LST at 1 km.

Read are L2T tiles (``ECO..._LST.tif``, kelvin, UTM) and the subsets of AppEEARS (``ECO..._LST_doy..._aid0001.tif``,
steps of 0.02 K, longitude and latitude), with the cloud mask and the quality layer beside them where they exist.
"""

import re
from pathlib import Path

import numpy as np
import rasterio
import rasterio.warp
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Grid, warp_field

_LAYER = re.compile(r"_LST(?=\.tif|_doy)")
STEP_K = 0.02
"""Of the integers of AppEEARS."""
COLDEST_K = 150.0
GOOD_QUALITY = 1
"""The largest value of the two lowest bits of the quality layer that is kept: produced, with or without a remark."""
WHOLE = 0.999
"""The share of an averaged pixel that must be observed."""


def lst_files(folder: Path) -> list[Path]:
    """The LST files of a folder, sorted by name."""
    return sorted(path for path in folder.rglob("ECO*.tif") if _LAYER.search(path.name))


def read_ecostress(path: Path) -> tuple[NDArray[np.float32], Grid]:
    """LST as it is in the file.

    Returns:
        ``(H, W)`` K, NaN where there is none or cloud, and where it lies.

    Raises:
        InputError: if the file cannot be read.
    """
    stored, grid = _read(path)
    lst = stored.astype(np.float32) * (np.float32(STEP_K) if stored.dtype.kind in "ui" else np.float32(1))
    lst[~(lst > COLDEST_K)] = np.nan
    for name, refused in (("cloud", lambda x: x == 1), ("cloud_mask", lambda x: x == 1), ("QC", _bad_quality)):
        beside = path.with_name(f"_{name}".join(_LAYER.split(path.name)))
        if beside.is_file():
            lst[refused(_read(beside, grid.shape)[0])] = np.nan
    return lst, grid


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
    return np.where(share >= WHOLE, mean, np.nan)


def _utm_grid(grid: Grid, pixel_m: float) -> Grid:
    crs = grid.crs
    if crs.is_geographic:
        left, bottom, right, top = grid.bounds
        zone = int((left + right) / 2 % 360 / 6 + 30) % 60 + 1
        crs = CRS.from_epsg((32600 if bottom + top >= 0 else 32700) + zone)
    left, bottom, right, top = rasterio.warp.transform_bounds(grid.crs, crs, *grid.bounds)
    shape = (int((top - bottom) / pixel_m), int((right - left) / pixel_m))
    return Grid(shape, Affine(pixel_m, 0, left, 0, -pixel_m, top), crs)


def _bad_quality(stored: NDArray[np.integer]) -> NDArray[np.bool_]:
    return (stored & 3) > GOOD_QUALITY


def _read(path: Path, shape: tuple[int, int] | None = None) -> tuple[np.ndarray, Grid]:
    try:
        with rasterio.open(path) as file:
            stored, grid = file.read(1), Grid(file.shape, file.transform, file.crs)
    except rasterio.RasterioError as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch it again") from error
    if shape not in (None, grid.shape):
        raise InputError(f"{path}: {grid.shape} pixels beside LST of {shape}; fetch both again")
    return stored, grid
