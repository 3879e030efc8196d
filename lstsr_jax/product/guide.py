"""NDVI for a scene: the file of its period and tile, brought to its fine grid."""

import dataclasses
import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject

from lstsr_jax.errors import InputError
from lstsr_jax.geo import NDVI_PRODUCTS, NdviLibrary, Scene, read_ndvi

METRES_PER_DEGREE = 111195.0
"""Of latitude, on the sphere of the MODIS grid."""


class Placed(Protocol):
    """What has a tile and a date: a scene, or a granule's name."""

    @property
    def tile(self) -> str:
        """Such as "h18v04"."""

    @property
    def date(self) -> datetime.date:
        """Day of acquisition."""


@dataclasses.dataclass(frozen=True, eq=False)
class Guide:
    """NDVI on a fine grid.

    Attributes:
        ndvi: ``(H, W)`` float32, interpolated bilinearly; NaN where there is none.
        path: the file it was read from.
        pixel: side of the file's pixels, in those of the fine grid.
    """

    ndvi: NDArray[np.float32]
    path: Path
    pixel: float

    def warning(self, factor: int) -> str:
        """One line if its pixels are no finer than the LST's, ``factor`` fine ones; else nothing."""
        if self.pixel < 0.75 * factor:
            return ""
        return f"`ndvi` {self.path.name}: no finer than the LST, nothing in it sharpens the map; give MOD13Q1 (250 m)"


def find_ndvi(path: Path, scene: Placed) -> Path:
    """The NDVI file for a scene: ``path`` itself, or of a directory the one of the scene's tile nearest in time.

    Raises:
        InputError: if there is none.
    """
    if not path.is_dir():
        return path
    found = NdviLibrary(path, sorted(NDVI_PRODUCTS, key=lambda name: -NDVI_PRODUCTS[name].pixels)).path_for(
        scene.tile, scene.date
    )
    if found is None:
        raise InputError(f"`ndvi` {path}: no NDVI of {scene.tile} near {scene.date}; fetch MOD13Q1 or MOD13A2")
    return found


def read_guide(path: Path, scene: Scene, transform: Affine, shape: tuple[int, int]) -> Guide:
    """Read NDVI for a fine grid.

    Args:
        path: NDVI file or a directory of them.
        scene: whose tile, date and coordinate system count.
        transform: of the fine grid.
        shape: (H, W) of the fine grid.

    Raises:
        InputError: if there is no such file, or it lies elsewhere.
    """
    path = find_ndvi(path, scene)
    source = read_ndvi(path, near=scene.date)
    ndvi = np.full(shape, np.nan, np.float32)
    reproject(
        source.ndvi,
        ndvi,
        src_transform=source.transform,
        src_crs=source.crs,
        src_nodata=np.nan,
        dst_transform=transform,
        dst_crs=scene.crs,
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    if np.isnan(ndvi).all():
        raise InputError(f"`ndvi` {path}: holds nothing over {scene.granule}; give the NDVI of tile {scene.tile}")
    side = abs(source.transform.a) * (1 if source.crs.is_projected else METRES_PER_DEGREE)
    return Guide(ndvi, path, side / abs(transform.a))
