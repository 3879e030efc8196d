"""NDVI for a scene: the file of its period and tile, brought to its fine grid."""

import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo import NDVI_PRODUCTS, GranuleError, Grid, Guide, NdviLibrary, Scene, read_guide


class Placed(Protocol):
    """What has a tile and a date: a scene, or a granule's name."""

    @property
    def tile(self) -> str:
        """Such as "h18v04"."""

    @property
    def date(self) -> datetime.date:
        """Day of acquisition."""


def find_guide(path: Path, scene: Placed) -> Path:
    """The NDVI file for a scene: ``path`` itself, or of a directory the one of the scene's tile nearest in time.

    Raises:
        InputError: if there is none.
    """
    if not path.is_dir():
        return path
    try:
        library = NdviLibrary(path, sorted(NDVI_PRODUCTS, key=lambda name: -NDVI_PRODUCTS[name].pixels))
    except GranuleError as error:
        raise InputError(f"`ndvi` {error}") from error
    found = library.path_for(scene.tile, scene.date)
    if found is None:
        raise InputError(f"`ndvi` {path}: no NDVI of {scene.tile} near {scene.date}; fetch MOD13Q1 or MOD13A2")
    return found


def guide_of(path: Path, scene: Scene, factor: int) -> Guide:
    """NDVI on the fine grid of a scene.

    Args:
        path: NDVI file or a directory of them.
        scene: whose place, tile and date count.
        factor: fine = coarse x factor.

    Raises:
        InputError: if there is no such file, or it lies elsewhere.
    """
    path = find_guide(path, scene)
    grid = Grid((scene.lst.shape[0], scene.lst.shape[1]), scene.transform, scene.crs)
    guide = read_guide(path, grid.refine(factor), near=scene.date)
    if np.isnan(guide.values).all():
        raise InputError(f"`ndvi` {path}: holds nothing over {scene.granule}; give the NDVI of tile {scene.tile}")
    return guide


def coarseness_warning(guide: Guide, factor: int) -> str:
    """One line if the pixels of a guide are no finer than the LST's, ``factor`` fine ones; else nothing."""
    if guide.pixel < 0.75 * factor:
        return ""
    return f"`ndvi` {guide.path.name}: no finer than the LST, nothing in it sharpens the map; give MOD13Q1 (250 m)"
