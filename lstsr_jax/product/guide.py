"""NDVI for a scene: the file of its period and tile, brought to its fine grid."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import reproject

from lstsr_jax.errors import InputError
from lstsr_jax.geo import PRODUCTS_1KM, PRODUCTS_250M, NdviLibrary, Scene, read_ndvi


def find_ndvi(path: Path, scene: Scene) -> Path:
    """The NDVI file for a scene: ``path`` itself, or of a directory the one of the scene's tile nearest in time.

    Raises:
        InputError: if there is none.
    """
    if not path.is_dir():
        return path
    found = NdviLibrary(path, (*PRODUCTS_250M, *PRODUCTS_1KM)).path_for(scene.tile, scene.date)
    if found is None:
        raise InputError(f"--ndvi {path}: no NDVI of {scene.tile} near {scene.date}; fetch MOD13Q1 or MOD13A2")
    return found


def read_guide(path: Path, scene: Scene, transform: Affine, shape: tuple[int, int]) -> NDArray[np.float32]:
    """NDVI on a fine grid.

    Args:
        path: NDVI file or a directory of them.
        scene: whose tile, date and coordinate system count.
        transform: of the fine grid.
        shape: (H, W) of the fine grid.

    Returns:
        ``(H, W)`` float32, interpolated bilinearly; NaN where there is none.

    Raises:
        InputError: if there is no such file, or it lies elsewhere.
    """
    path = find_ndvi(path, scene)
    source = read_ndvi(path)
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
        raise InputError(f"--ndvi {path}: holds nothing over {scene.granule}; give the NDVI of tile {scene.tile}")
    return ndvi
