"""File names of MODIS granules and of their layers, taken apart.

`MOD11A1.A2020001.h18v04.061.2021003092415.hdf` is a granule; `<granule>_LST_Day_1km.tif` one of its layers,
as the public COG mirror of the product names it.
"""

import dataclasses
import datetime
import re
from pathlib import Path
from typing import Final, Literal

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import parse_tile

Overpass = Literal["day", "night"]

LST_PRODUCTS: Final = ("MOD11A1", "MYD11A1")
NDVI_PRODUCTS: Final = ("MOD13A2", "MOD13Q1", "MYD13A2", "MYD13Q1")
NAME_FORM: Final = "MOD11A1.AYYYYDDD.hHHvVV.061.YYYYDDDHHMMSS, then .hdf or _LST_Day_1km.tif"

_NAME = re.compile(
    r"""
    (?P<granule>
        (?P<product>[A-Z]{3}\d{2}[A-Z0-9]{1,3})     # MOD11A1: platform, product, resolution
        \.A(?P<year>\d{4})(?P<day>\d{3})            # acquisition: year, day of the year
        \.(?P<tile>h\d{2}v\d{2})
        \.(?P<collection>\d{3})                     # 061
        \.(?P<production>\d{13})                    # production: year, day of the year, HHMMSS
    )
    (?:_(?P<layer>\w+))?                            # LST_Day_1km, QC_Night, 1_km_16_days_NDVI, ...
    (?:\.(?P<extension>hdf|tiff?))?
    """,
    re.VERBOSE,
)
_OVERPASS = re.compile(r"(?:^|_)(?P<overpass>Day|Night|day|night)_|_(?P<last>Day|Night)$")


@dataclasses.dataclass(frozen=True)
class GranuleName:
    """What a granule's file name says.

    Attributes:
        product: such as "MOD11A1".
        date: acquisition; for a 16-day product its first day.
        tile: such as "h18v04".
        collection: such as "061".
        production: time of production as written, YYYYDDDHHMMSS.
        layer: such as "LST_Day_1km", or None for a whole granule.
        overpass: "day" or "night" for a layer of one of them, else None.
    """

    product: str
    date: datetime.date
    tile: str
    collection: str
    production: str
    layer: str | None = None
    overpass: Overpass | None = None

    @property
    def granule(self) -> str:
        """The granule's id: its name without layer and extension."""
        return f"{self.product}.A{self.date:%Y%j}.{self.tile}.{self.collection}.{self.production}"


def parse_name(path: str | Path) -> GranuleName:
    """Take a granule's or layer's file name apart.

    Args:
        path: file name with or without directory and extension; the file need not exist.

    Returns:
        The name's parts.

    Raises:
        GranuleError: the name is of another form, or its date or tile does not exist.
    """
    name = Path(path).name
    match = _NAME.fullmatch(name)
    if match is None:
        raise GranuleError(f"{name}: not named as a MODIS granule; rename it to {NAME_FORM}")
    first = datetime.date(int(match["year"]), 1, 1) if int(match["year"]) else None
    date = first + datetime.timedelta(days=int(match["day"]) - 1) if first and int(match["day"]) else None
    if first is None or date is None or date.year != first.year:
        raise GranuleError(f"{name}: day {match['day']} of {match['year']} does not exist; check the name")
    try:
        parse_tile(match["tile"])
    except ValueError as error:
        raise GranuleError(f"{name}: {error}") from None
    return GranuleName(
        product=match["product"],
        date=date,
        tile=match["tile"],
        collection=match["collection"],
        production=match["production"],
        layer=match["layer"],
        overpass=_overpass_of(match["layer"]),
    )


def _overpass_of(layer: str | None) -> Overpass | None:
    found = _OVERPASS.search(layer) if layer else None
    if found is None:
        return None
    return "day" if (found["overpass"] or found["last"]).lower() == "day" else "night"
