"""A field that guides a map, from a raster of any grid: its content is checked, then it is warped onto a fine grid."""

import dataclasses
import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import said_by
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.geo.ndvi import read_ndvi
from lstsr_jax.geo.physical import ndvi_of_band
from lstsr_jax.geo.place import is_sinusoidal
from lstsr_jax.geo.warp import Grid, warp_field

METRES_PER_DEGREE: Final = 111195.0
"""Of latitude, on the sphere of the MODIS grid."""


@dataclasses.dataclass(frozen=True, eq=False)
class Guide:
    """A guide on a fine grid.

    Attributes:
        values: (H, W) float32, interpolated or averaged; NaN where there is nothing.
        path: the file it was read from.
        pixel: side of the file's pixels, in those of the fine grid.
        overlaps: whether the file reaches the grid at all.
    """

    values: NDArray[np.float32]
    path: Path
    pixel: float
    overlaps: bool = True


def read_guide(path: str | Path, target: Grid, *, near: datetime.date | None = None) -> Guide:
    """Read NDVI for a fine grid.

    Args:
        path: what ``read_ndvi`` takes; or NDVI as a GeoTIFF in any coordinate system but the MODIS sinusoidal one,
            called so: its name holds "NDVI" and need not say product, tile or date. Its range, unit, scale and gaps
            are checked as those of the products.
        target: where it is wanted.
        near: of a netCDF of several periods the one that holds this day or lies nearest to it.

    Returns:
        NDVI as a fraction; all NaN where the file lies elsewhere.

    Raises:
        GranuleError: as ``read_ndvi``; the numbers are not NDVI, or the file is not called so.
    """
    path = Path(path)
    band = _of_another_grid(path)
    if band is None:
        scene = read_ndvi(path, near=near)
        return _warped(path, scene.ndvi, Grid(_shape(scene.ndvi), scene.transform, scene.crs), target)
    if "NDVI" not in path.stem.upper():
        raise GranuleError(f"{path}: its name does not say that it is NDVI; call it so, such as {path.stem}_NDVI.tif")
    values = ndvi_of_band(path, band)
    return _warped(path, values, Grid(_shape(values), band.transform, band.crs), target)


def _of_another_grid(path: Path) -> Band | None:
    """The band of a GeoTIFF that lies on no grid of an NDVI product; None of any other file."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    band = read_band(path)
    if is_sinusoidal(band.crs) or (band.crs.is_geographic and _says_product(path)):  # AppEEARS, put back on the grid
        return None
    return band


def _says_product(path: Path) -> bool:
    try:
        return said_by(path).product is not None
    except GranuleError:
        return False


def _shape(field: NDArray[np.float32]) -> tuple[int, int]:
    return field.shape[0], field.shape[1]


def pixel_ratio(source: Grid, target: Grid) -> float:
    """Side of the pixels of a grid, in those of another."""
    side, fine = (grid.pixel_m * (METRES_PER_DEGREE if grid.crs.is_geographic else 1.0) for grid in (source, target))
    return side / fine


def _warped(path: Path, field: NDArray[np.float32], source: Grid, target: Grid) -> Guide:
    return Guide(warp_field(field, source, target), path, pixel_ratio(source, target))
