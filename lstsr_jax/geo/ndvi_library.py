"""Which NDVI granule of a directory belongs to an LST scene: the 16-day period nearest in time."""

import datetime
from collections.abc import Sequence
from pathlib import Path

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.names import parse_name
from lstsr_jax.geo.ndvi import PERIOD_DAYS

PRODUCTS_1KM = ("MOD13A2", "MYD13A2")
PRODUCTS_250M = ("MOD13Q1", "MYD13Q1")
LARGEST_DISTANCE_DAYS = 32
"""NDVI further away in time than this is no NDVI of the scene."""

_Rank = tuple[int, str, str, bool]


class NdviLibrary:
    """The NDVI granules of a directory, by tile and first day of their period.

    Where several files serve one period, the product named first wins, then the newest collection and production, then
    HDF4 over GeoTIFF, as it carries the pixel reliability.
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
        for path in sorted(directory.rglob("*")):
            if path.suffix.lower() not in (".hdf", ".tif", ".tiff"):
                continue
            try:
                name = parse_name(path)
            except GranuleError:
                continue
            if name.product not in products or not (name.layer is None or name.layer.endswith("NDVI")):
                continue
            rank = (-products.index(name.product), name.collection, name.production, path.suffix.lower() == ".hdf")
            tile = self._files.setdefault(name.tile, {})
            if name.date not in tile or tile[name.date][0] < rank:
                tile[name.date] = rank, path
        if not self._files:
            raise GranuleError(
                f"--ndvi {directory}: no {' or '.join(products[::2])} granule; give .hdf granules or their "
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
