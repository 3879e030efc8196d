"""NDVI on the grid of an LST scene."""

import functools
from pathlib import Path

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo import NdviLibrary, NdviScene, Scene, read_ndvi


def ndvi_for(library: NdviLibrary, scene: Scene) -> np.ndarray:
    """NDVI on the grid of ``scene``, ``(H, W)`` float32; NaN where there is none.

    Raises:
        GranuleError: if the NDVI granule is unreadable.
        InputError: if it is on another grid.
    """
    path = library.path_for(scene.tile, scene.date)
    if path is None:
        return np.full(scene.lst.shape, np.nan, np.float32)
    found = _read(path)
    aligned = np.allclose(tuple(found.transform), tuple(scene.transform), rtol=0, atol=1.0)
    if found.ndvi.shape != scene.lst.shape or not aligned:
        raise InputError(f"{path}: NDVI is not on the grid of {scene.path.name}; give the 1 km product MOD13A2")
    return found.ndvi


@functools.lru_cache(maxsize=2)
def _read(path: Path) -> NdviScene:
    return read_ndvi(path)
