"""Which NDVI granule of a directory belongs to an LST scene: the 16-day period nearest in time."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.names import HDF4_SUFFIX, TIFF_SUFFIXES, parse_name
from lstsr_jax.geo.ndvi import PERIOD_DAYS
from lstsr_jax.geo.walk import Skipped, walk

PRODUCTS_1KM = ("MOD13A2", "MYD13A2")
PRODUCTS_250M = ("MOD13Q1", "MYD13Q1")
LARGEST_DISTANCE_DAYS = 32
"""NDVI further away in time than this is no NDVI of the scene."""

_Rank = tuple[int, str, str, bool, bool]
_NDVI_LIKE: Final = re.compile(r"M[OY]D13|V(NP|J1|J2)13", re.I)


class NdviLibrary:
    """The NDVI granules of a directory, by tile and first day of their period.

    Where several files serve one period, the product named first wins, then the newest collection and production, then
    HDF4 over GeoTIFF, as it carries the pixel reliability. Links are followed, each folder once.

    Attributes:
        directory: as given.
        skipped: what looks like NDVI by its name but is not named as the archive names it, and what cannot be read.
    """

    def __init__(self, directory: Path, products: Sequence[str] = PRODUCTS_1KM) -> None:
        """List the granules by their names; nothing is opened.

        Raises:
            GranuleError: if the directory is missing or holds none of ``products``.
        """
        if not directory.is_dir():
            raise GranuleError(f"--ndvi {directory}: no such directory")
        self.directory = directory
        self._files: dict[str, dict[datetime.date, tuple[_Rank, Path]]] = {}
        files, self.skipped = walk(directory)
        for path in files:
            if path.suffix.lower() not in (HDF4_SUFFIX, *TIFF_SUFFIXES):
                continue
            try:
                name = parse_name(path)
            except GranuleError as error:
                if "NDVI" in path.name.upper() or _NDVI_LIKE.match(path.name):
                    self.skipped.append(Skipped(path, str(error).removeprefix(f"{path.name}: ")))
                continue
            if name.product not in products or not (name.layer is None or name.layer.endswith("NDVI")):
                continue
            whole = path.suffix.lower() == HDF4_SUFFIX
            rank = (-products.index(name.product), name.collection, name.production, whole, not name.copy)
            tile = self._files.setdefault(name.tile, {})
            if name.date not in tile or tile[name.date][0] < rank:
                tile[name.date] = rank, path
        if not self._files:
            seen = (
                f" ({self.skipped[0].path.name}: {self.skipped[0].reason.partition('; ')[0]})" if self.skipped else ""
            )
            raise GranuleError(
                f"--ndvi {directory}: no {' or '.join(products[::2])} granule{seen}; give .hdf granules or their "
                "<granule>_..._16_days_NDVI.tif files"
            )

    @property
    def paths(self) -> list[Path]:
        """Its granules, by path."""
        return sorted(path for periods in self._files.values() for _, path in periods.values())

    def path_for(self, tile: str, date: datetime.date) -> Path | None:
        """The granule of ``tile`` whose 16 days hold ``date`` or lie nearest to it; None if all are too far away."""
        periods = self._files.get(tile, {})
        if not periods:
            return None
        start = min(periods, key=lambda first: (_distance(first, date), -periods[first][0][0], first))
        return periods[start][1] if _distance(start, date) <= LARGEST_DISTANCE_DAYS else None


def _distance(first: datetime.date, date: datetime.date) -> int:
    """Days between ``date`` and the period that starts on ``first``; zero inside it."""
    days = (date - first).days
    return max(-days, days - (PERIOD_DAYS - 1), 0)
