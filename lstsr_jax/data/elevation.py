"""Elevation on the grid of an LST scene."""

import functools
from pathlib import Path

import numpy as np

from lstsr_jax.geo import Grid, Scene, read_elevation


def elevation_for(path: Path, scene: Scene) -> np.ndarray:
    """Elevation on the grid of ``scene``, ``(H, W)`` float32 in m; NaN where there is none.

    Raises:
        GranuleError: if the file is no elevation that can be read.
    """
    return _read(path, Grid((scene.lst.shape[0], scene.lst.shape[1]), scene.transform, scene.crs))


@functools.lru_cache(maxsize=16)
def _read(path: Path, grid: Grid) -> np.ndarray:
    return read_elevation(path, grid).values
