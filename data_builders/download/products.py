"""The products that can be asked for, and the names of their granules."""

import dataclasses
import datetime
import re
from typing import Final, Literal


@dataclasses.dataclass(frozen=True)
class Product:
    """What the archive calls a product.

    Attributes:
        collection: the version that the archive serves: "061" for MODIS, "002" for VIIRS.
        days: length of the period that a granule covers.
        ndvi: the 1 km NDVI product of the same sensor family, for ``--with-ndvi``; None for NDVI itself.
    """

    collection: str
    days: Literal[1, 8, 16]
    ndvi: str | None


_DAILY: Final = {
    "MOD13A2": ("MOD11A1", "MOD21A1D", "MOD21A1N"),
    "MYD13A2": ("MYD11A1", "MYD21A1D", "MYD21A1N"),
    "VNP13A2": ("VNP21A1D", "VNP21A1N"),
    "VJ113A2": ("VJ121A1D", "VJ121A1N", "VJ221A1D", "VJ221A1N"),
}
_EIGHT_DAYS: Final = {"MOD13A2": "MOD11A2", "MYD13A2": "MYD11A2", "VNP13A2": "VNP21A2", "VJ113A2": "VJ121A2"}
_NDVI: Final = ("MOD13A2", "MYD13A2", "MOD13Q1", "MYD13Q1", "MOD13A1", "MYD13A1", "VNP13A2", "VJ113A2")


def _collection(name: str) -> str:
    return "061" if name.startswith("M") else "002"


PRODUCTS: Final = {
    **{name: Product(_collection(name), 1, ndvi) for ndvi, names in _DAILY.items() for name in names},
    **{name: Product(_collection(name), 8, ndvi) for ndvi, name in _EIGHT_DAYS.items()},
    **{name: Product(_collection(name), 16, None) for name in _NDVI},
}

# MODIS and VIIRS alike: product.AYYYYDDD.tile.collection.production.suffix
_NAME: Final = re.compile(
    r"(?P<granule>(?P<product>[A-Z0-9]{6,9})\.A(?P<year>\d{4})(?P<day>\d{3})\.(?P<tile>h\d\dv\d\d)"
    r"\.(?P<collection>\d{3})\.(?P<production>\d{13}))\.(?:hdf|h5)",
    re.ASCII,
)


@dataclasses.dataclass(frozen=True)
class FileName:
    """A granule's file name taken apart; ``granule`` is the name without its suffix."""

    granule: str
    product: str
    date: datetime.date
    tile: str
    collection: str
    production: str


def parse_file_name(name: str) -> FileName | None:
    """Take a file name apart; None if it is no granule's name or its day does not exist."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    year, day = int(match["year"]), int(match["day"])
    if not (1 <= year <= 9998 and 1 <= day <= 366):
        return None
    date = datetime.date(year, 1, 1) + datetime.timedelta(days=day - 1)
    if date.year != year:  # day 366 of a year that has 365
        return None
    return FileName(match["granule"], match["product"], date, match["tile"], match["collection"], match["production"])
