"""Which NDVI granule of a directory belongs to an LST scene: the 16-day period nearest in time."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.free_names import said_by
from lstsr_jax.geo.manifest import check_with_manifest
from lstsr_jax.geo.names import HDF_SUFFIXES, TIFF_SUFFIXES, parse_name
from lstsr_jax.geo.ndvi import days_between
from lstsr_jax.geo.products import NDVI_PRODUCTS
from lstsr_jax.geo.walk import Skipped, walk

PRODUCTS_1KM = tuple(name for name, row in NDVI_PRODUCTS.items() if row.resolution == "1 km")
PRODUCTS_250M = tuple(name for name, row in NDVI_PRODUCTS.items() if row.resolution == "250m")
LARGEST_DISTANCE_DAYS = 32
"""NDVI further away in time than this is no NDVI of the scene."""

ANYWHERE: Final = ""
"""In place of the tile, of files whose names say none."""
_Rank = tuple[int, str, str, bool, bool]
_NDVI_LIKE: Final = re.compile(r"M[OY]D13|V(NP|J1|J2)13", re.I)


class NdviLibrary:
    """The NDVI granules of a directory, by tile and first day of their period.

    Where several files serve one period, the product named first wins, then the newest collection and production, then
    HDF4 over GeoTIFF, as it carries the pixel reliability. Links are followed, each folder once.

    Attributes:
        directory: as given.
        skipped: what looks like NDVI by its name but is not named as the archive names it, what cannot be read, and
            with ``of_right_size`` what has another size.
    """

    def __init__(self, directory: Path, products: Sequence[str] = PRODUCTS_1KM, *, of_right_size: bool = False) -> None:
        """List the granules by their names; nothing is opened.

        Args:
            directory: of the granules.
            products: those that serve, the preferred one first.
            of_right_size: leave aside what has another size than the ``manifest.csv`` beside it says.

        Raises:
            GranuleError: if the directory is missing or holds none of ``products``.
        """
        if not directory.is_dir():
            raise GranuleError(f"{directory}: no such directory")
        self.directory = directory
        self._files: dict[str, dict[datetime.date, tuple[_Rank, Path]]] = {}
        files, self.skipped = walk(directory)
        for path in files:
            if path.suffix.lower() not in (*HDF_SUFFIXES, *TIFF_SUFFIXES):
                continue
            try:
                said = said_by(path)
            except GranuleError as error:
                self._skip(path, str(error).removeprefix(f"{path.name}: "))
                continue
            if said.product is None or said.date is None:
                self._skip(path, "its name does not say the product and the date of NDVI")
                continue
            if said.product not in products or not (said.layer is None or said.layer.endswith("NDVI")):
                continue
            if of_right_size:
                try:
                    check_with_manifest(path)
                except GranuleError as error:
                    self.skipped.append(Skipped(path, str(error).removeprefix(f"{path.name}: ")))
                    continue
            whole = path.suffix.lower() in HDF_SUFFIXES
            collection, production, original = _age(path)
            rank = (-products.index(said.product), collection, production, whole, original)
            tile = self._files.setdefault(said.tile or ANYWHERE, {})
            if said.date not in tile or tile[said.date][0] < rank:
                tile[said.date] = rank, path
        if not self._files:
            seen = (
                f" ({self.skipped[0].path.name}: {self.skipped[0].reason.partition('; ')[0]})" if self.skipped else ""
            )
            known = [name for name in products if name in ("MOD13Q1", "MOD13A2")] or list(products)
            raise GranuleError(
                f"{directory}: no {' or '.join(known)} granule nor one of their kind{seen}; give granules or "
                "their <granule>_..._16_days_NDVI.tif files (docs/products.md)"
            )

    def _skip(self, path: Path, reason: str) -> None:
        """Leave a file aside; one that does not look like NDVI without a word."""
        if "NDVI" in path.name.upper() or _NDVI_LIKE.match(path.name):
            self.skipped.append(Skipped(path, reason))

    @property
    def paths(self) -> list[Path]:
        """Its granules, by path."""
        return sorted(path for periods in self._files.values() for _, path in periods.values())

    def path_for(self, tile: str, date: datetime.date) -> Path | None:
        """The granule of ``tile`` whose 16 days hold ``date`` or lie nearest to it; None if all are too far away.

        Files whose names say no tile, such as AppEEARS's, serve scenes of which no granule is there.
        """
        periods = self._files.get(tile) or self._files.get(ANYWHERE, {})
        if not periods:
            return None
        start = min(periods, key=lambda first: (days_between(first, date), -periods[first][0][0], first))
        return periods[start][1] if days_between(start, date) <= LARGEST_DISTANCE_DAYS else None


def _age(path: Path) -> tuple[str, str, bool]:
    """Collection and production as far as a name says them, and whether it is no marked copy; newer is greater."""
    try:
        name = parse_name(path)
    except GranuleError:
        return "", "", True
    return name.collection, name.production, not name.copy
