"""The NDVI that belongs to an LST scene: the 16-day period nearest in time, on the same grid."""

import datetime
import functools
from pathlib import Path

import numpy as np

from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, NdviScene, Scene, parse_name, read_ndvi

PRODUCTS = ("MOD13A2", "MYD13A2")
PERIOD_DAYS = 16
LARGEST_DISTANCE_DAYS = 32
"""NDVI further away in time than this is no NDVI of the scene."""


class NdviLibrary:
    """The 1 km NDVI granules of a directory, by tile and period."""

    def __init__(self, directory: Path) -> None:
        """List the granules by their names.

        Raises:
            InputError: if the directory is missing or holds no MOD13A2.
        """
        if not directory.is_dir():
            raise InputError(f"--ndvi {directory}: no such directory")
        self.directory = directory
        self.periods: dict[str, dict[datetime.date, Path]] = {}
        for path in sorted(directory.rglob("*")):
            if path.suffix.lower() not in (".hdf", ".tif", ".tiff"):
                continue
            try:
                name = parse_name(path)
            except GranuleError:
                continue
            if name.product in PRODUCTS and (name.layer is None or name.layer.endswith("NDVI")):
                self.periods.setdefault(name.tile, {})[name.date] = path
        if not self.periods:
            raise InputError(
                f"--ndvi {directory}: no MOD13A2 granule; give .hdf granules or <granule>_1_km_16_days_NDVI.tif files"
            )

    def path_for(self, tile: str, date: datetime.date) -> Path | None:
        """The granule of ``tile`` whose 16 days hold ``date`` or lie nearest to it; None if all are too far away."""
        periods = self.periods.get(tile, {})
        if not periods:
            return None
        start = min(sorted(periods), key=lambda first: _distance(first, date))
        return periods[start] if _distance(start, date) <= LARGEST_DISTANCE_DAYS else None

    def field_for(self, scene: Scene) -> np.ndarray:
        """NDVI on the grid of ``scene``, ``(H, W)`` float32; NaN where there is none.

        Raises:
            GranuleError: if the NDVI granule is unreadable or on another grid.
        """
        path = self.path_for(scene.tile, scene.date)
        if path is None:
            return np.full(scene.lst.shape, np.nan, np.float32)
        found = _read(path)
        aligned = np.allclose(found.transform, scene.transform, rtol=0, atol=1.0)
        if found.ndvi.shape != scene.lst.shape or not aligned:
            raise GranuleError(f"{path}: NDVI is not on the grid of {scene.path.name}; give the 1 km product MOD13A2")
        return found.ndvi


def _distance(first: datetime.date, date: datetime.date) -> int:
    """Days between ``date`` and the period that starts on ``first``; zero inside it."""
    days = (date - first).days
    return max(-days, days - (PERIOD_DAYS - 1), 0)


@functools.lru_cache(maxsize=2)
def _read(path: Path) -> NdviScene:
    return read_ndvi(path)
