"""NDVI on the grid of an LST scene."""

import functools
from pathlib import Path

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, NdviLibrary, NdviScene, Scene, read_ndvi

_OFFSET_TOLERANCE = 0.01
"""Pixels that two grids may lie apart."""


def list_ndvi(directory: Path) -> NdviLibrary:
    """The NDVI granules at 1 km of a directory; as of the LST, those of another size than the manifest says stay out.

    Raises:
        InputError: if it is missing or holds none.
    """
    try:
        return NdviLibrary(directory, of_right_size=True)
    except GranuleError as error:
        raise InputError(f"`data.ndvi` {error}") from error


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
    same = abs(found.transform.a - scene.transform.a) < 1e-3 and abs(found.transform.e - scene.transform.e) < 1e-3
    offsets = (
        (scene.transform.f - found.transform.f) / found.transform.e,
        ((scene.transform.c - found.transform.c) / found.transform.a),
    )
    row, col = (round(offset) for offset in offsets)
    if not same or max(abs(offset - round(offset)) for offset in offsets) > _OFFSET_TOLERANCE:
        raise InputError(f"{path}: NDVI is not on the grid of {scene.path.name}; give a 1 km product such as MOD13A2")
    return _window(found.ndvi, row, col, (scene.lst.shape[0], scene.lst.shape[1]))


def _window(field: np.ndarray, row: int, col: int, shape: tuple[int, int]) -> np.ndarray:
    """The window that begins at a row and column of a field; NaN where it reaches beyond."""
    if (row, col) == (0, 0) and field.shape == shape:
        return field
    result = np.full(shape, np.nan, np.float32)
    rows, cols = (
        slice(max(first, 0), min(first + side, whole))
        for first, side, whole in zip((row, col), shape, field.shape, strict=True)
    )
    if rows.start < rows.stop and cols.start < cols.stop:
        result[rows.start - row : rows.stop - row, cols.start - col : cols.stop - col] = field[rows, cols]
    return result


@functools.lru_cache(maxsize=2)
def _read(path: Path) -> NdviScene:
    return read_ndvi(path)
