"""What is asked for: products, tiles, dates; checked before anything is sent."""

import dataclasses
import datetime
import math
from collections.abc import Sequence

from data_builders.download.products import PRODUCTS, FileName
from lstsr_jax.errors import InputError
from lstsr_jax.geo.tile_names import parse_tile, tile_name

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Request:
    """One product of some tiles and dates.

    Attributes:
        product: such as "MOD11A1".
        collection: such as "061".
        tiles: such as ("h18v04",).
        start: first day, UTC.
        end: last day, UTC, included.
        every_tile: a tile without any granule is an error: it was named; one of a box may be open sea.
    """

    product: str
    collection: str
    tiles: tuple[str, ...]
    start: datetime.date
    end: datetime.date
    every_tile: bool = True

    def __str__(self) -> str:
        """For messages: product, tiles and dates."""
        tiles = ", ".join(self.tiles[:4]) + (f" and {len(self.tiles) - 4} more tiles" if len(self.tiles) > 4 else "")
        return f"{self.product}.{self.collection} of {tiles} from {self.start} to {self.end}"

    def holds(self, name: FileName) -> bool:
        """Whether a granule is of this product, collection and tiles, and its period meets the dates."""
        last = name.date + datetime.timedelta(days=PRODUCTS[self.product].days - 1)
        return (
            (name.product, name.collection) == (self.product, self.collection)
            and name.tile in self.tiles
            and name.date <= self.end
            and last >= self.start
        )

    def gaps(self, names: Sequence[FileName]) -> list[tuple[str, datetime.date, datetime.date]]:
        """Stretches of the dates that no granule covers: (tile, first day, last day)."""
        one_day = datetime.timedelta(days=1)
        covered = {(name.tile, name.date + i * one_day) for name in names for i in range(PRODUCTS[self.product].days)}
        found: list[tuple[str, datetime.date, datetime.date]] = []
        for tile in self.tiles:
            for i in range((self.end - self.start).days + 1):
                day = self.start + i * one_day
                if (tile, day) in covered:
                    continue
                if found and found[-1][0] == tile and found[-1][2] == day - one_day:
                    found[-1] = (tile, found[-1][1], day)
                else:
                    found.append((tile, day, day))
        return found


def requests_for(
    products: str | Sequence[str],
    start: datetime.date | str,
    end: datetime.date | str,
    *,
    tiles: Sequence[str] = (),
    bbox: Sequence[float] | None = None,
    collection: str | None = None,
    with_ndvi: bool = False,
) -> list[Request]:
    """Check what a user asks for.

    Args:
        products: one or several names of `PRODUCTS`.
        start: first day (UTC), a date or "YYYY-MM-DD".
        end: last day (UTC), included.
        tiles: such as ["h18v04"]; either these or ``bbox``.
        bbox: west, south, east, north in degrees; west > east crosses 180 degrees.
        collection: version of the product; default: the one that the archive serves.
        with_ndvi: add the 16-day NDVI at 1 km of the same tiles and dates: MOD13A2 and MYD13A2 for Terra and Aqua,
            VNP13A2 for Suomi NPP, VJ113A2 for NOAA-20 and NOAA-21.

    Returns:
        One request per product, LST before NDVI.

    Raises:
        InputError: naming the flag.
    """
    first, last = _date("--start", start), _date("--end", end)
    if first > last:
        raise InputError(f"--start {first} is after --end {last}; exchange them")
    names = [products] if isinstance(products, str) else list(products)
    for name in names:
        if name not in PRODUCTS:
            raise InputError(f"--product {name}: not known; choose from {' '.join(PRODUCTS)}")
    if not names:
        raise InputError(f"--product: give one of {' '.join(PRODUCTS)}")
    if bool(tiles) == (bbox is not None):
        raise InputError("--tile: give tiles (--tile h18v04) or a box (--bbox W S E N), one of the two")
    wanted = tiles_of(bbox) if bbox is not None else tuple(dict.fromkeys(tiles))
    for tile in wanted:
        try:
            parse_tile(tile)
        except ValueError as error:
            raise InputError(f"--tile {tile}: {error}") from None
    if collection is not None and not (collection.isascii() and collection.isdigit() and len(collection) == 3):
        raise InputError(f"--collection {collection}: three digits such as 061 (MODIS) or 002 (VIIRS)")
    collections = {name: collection or PRODUCTS[name].collection for name in names}
    if with_ndvi:
        companions = [ndvi for name in names if (ndvi := PRODUCTS[name].ndvi) is not None]
        collections = {**{name: PRODUCTS[name].collection for name in companions}, **collections}
    ordered = sorted(collections, key=lambda name: PRODUCTS[name].ndvi is None)
    return [Request(name, collections[name], wanted, first, last, every_tile=bool(tiles)) for name in ordered]


def tiles_of(bbox: Sequence[float]) -> tuple[str, ...]:
    """Tiles that a box of longitudes and latitudes meets.

    Within a row of tiles x = R lon cos(lat) is monotonic in the latitude, so its extremes are at the corners.

    Raises:
        InputError: not four numbers of a box on the globe.
    """
    from lstsr_jax.geo.grid import TILE_WIDTH_M, lonlat_to_sinusoidal  # brings numpy and rasterio: 0.2 s

    text = " ".join(map(str, bbox))
    if len(bbox) != 4 or not all(map(math.isfinite, bbox)):
        raise InputError(f"--bbox {text}: give west south east north in degrees")
    west, south, east, north = bbox
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90 and west != east):
        raise InputError(f"--bbox {text}: west south east north within -180..180 and -90..90 degrees, south < north")
    spans = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
    tiles = []
    for v in range(18):
        bottom, top = max(south, 80 - 10 * v), min(north, 90 - 10 * v)
        if bottom >= top:
            continue
        for left, right in spans:
            x, _ = lonlat_to_sinusoidal([left, left, right, right], [bottom, top, bottom, top])
            first, last = math.floor(x.min() / TILE_WIDTH_M + 1e-9), math.ceil(x.max() / TILE_WIDTH_M - 1e-9)
            tiles += [tile_name(h + 18, v) for h in range(max(first, -18), min(last, 18))]
    return tuple(sorted(dict.fromkeys(tiles)))


def _date(flag: str, value: datetime.date | str) -> datetime.date:
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{flag} {value}: no such day; write it like 2020-06-01") from None
