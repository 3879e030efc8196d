"""What a file's name says of the LST or NDVI in it, whatever its form: product, day, overpass, layer.

Beside the archive's names (``lstsr_jax.geo.names``) these are AppEEARS's with any prefix, such as
``MOD11A2.061_LST_Day_1km_doy2023361000000_aid0001.tif``, and what people make of them:
``MOD11A1_2013001.LST_Day_1km.tif``. What a name does not say, a user can.
"""

import dataclasses
import datetime
import re
from pathlib import Path
from typing import Any, Final

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import TILE_PIXELS
from lstsr_jax.geo.names import NAME_FORM, GranuleName, UnknownNameError, canonical_layer, overpass_of, parse_name
from lstsr_jax.geo.products import NDVI_PRODUCTS, PRODUCTS, Overpass, Product

_PRODUCT: Final = re.compile(r"(?<![A-Z0-9])(?:VJ[12]|[A-Z]{3})\d{2}[A-Z0-9]{1,3}(?![A-Z0-9])", re.I | re.ASCII)
_DAY_OF_YEAR: Final = re.compile(
    r"(?<![A-Z0-9])(?:doy|A)?(?P<year>(?:19|20)\d\d)(?P<day>[0-3]\d\d)(?:\d{6})?(?!\d)", re.I | re.ASCII
)
_CALENDAR: Final = re.compile(r"(?<!\d)(?P<date>(?:19|20)\d\d([-_]?)[01]\d\2[0-3]\d)(?!\d)", re.ASCII)
_LST: Final = re.compile(r"LST_(?:(?:Day|Night)_)?\d+k?m", re.I | re.ASCII)


@dataclasses.dataclass(frozen=True)
class Said:
    """What is said of a file: by its name, and by the user where the name is silent.

    Attributes:
        granule: the granule's id; of another name, the name without the layer's.
        product: such as "MOD11A1", or None.
        date: the (first) day, or None.
        overpass: "day" or "night", or None.
        layer: such as "LST_Day_1km", or None.
        tile: of an archive's name, else None.
        pixels: along the side of a tile, of a layer of LST: 1200 for "LST_Day_1km"; None for another layer.
    """

    granule: str
    product: str | None = None
    date: datetime.date | None = None
    overpass: Overpass | None = None
    layer: str | None = None
    tile: str | None = None
    pixels: int | None = TILE_PIXELS

    def with_user(
        self,
        path: Path,
        product: str | None = None,
        date: datetime.date | None = None,
        overpass: Overpass | None = None,
    ) -> "Said":
        """With what the user says of it.

        Raises:
            GranuleError: the user contradicts the name.
        """
        merged: dict[str, Any] = {}
        for key, given in (("product", product), ("date", date), ("overpass", overpass)):
            named = getattr(self, key)
            if named is not None and given is not None and named != given:
                if key == "overpass":
                    raise GranuleError(f"{path}: holds the {named}, not the {given}; ask for the one it holds")
                raise GranuleError(f"{path}: is of {key} {named}, not {given}; leave `{key}` out")
            merged[key] = given if named is None else named
        if self.date is None and date is not None and merged["product"] in PRODUCTS:
            _require_first_day(path, PRODUCTS[merged["product"]], date)
        if merged["overpass"] is None and merged["product"] in PRODUCTS:
            merged["overpass"] = overpass_of(merged["product"], "")
        return dataclasses.replace(self, **merged)

    @property
    def missing(self) -> list[str]:
        """What nobody says, of what must be known."""
        return [key for key in ("product", "date", "overpass") if getattr(self, key) is None]


def _require_first_day(path: Path, row: Product, date: datetime.date) -> None:
    """Refuse a day in the middle of the mean of eight days that the user says it is the date of."""
    late = (date.timetuple().tm_yday - 1) % row.period_days
    if late:
        first = date - datetime.timedelta(days=late)
        raise GranuleError(
            f"{path}: means of {row.period_days} days begin on the days 1, {1 + row.period_days}, "
            f"{1 + 2 * row.period_days}, ... of a year, not on {date}; say the first day of the period, `date` {first}"
        )


def said_by(path: Path) -> Said:
    """What the name of a file says.

    Args:
        path: the file; it need not exist.

    Raises:
        GranuleError: an archive's name with a date or tile that does not exist.
    """
    try:
        name = parse_name(path)
    except UnknownNameError:
        return _free(path.stem)
    return _of_archive(name)


def silent(path: Path, said: Said) -> str:
    """The reason against a file of which something is not said, with the remedy."""
    keys = said.missing
    settings = ", ".join(f"`{key}`" for key in keys)
    return (
        f"{path.name}: not named as a MODIS granule, so its {' and '.join(keys)} {'are' if len(keys) > 1 else 'is'} "
        f"not known; say it with {settings} (of predict.py and read_lst); {NAME_FORM} says all"
    )


def _of_archive(name: GranuleName) -> Said:
    pixels = TILE_PIXELS if name.layer is None else name.lst_pixels
    return Said(name.granule, name.product, name.date, name.overpass, name.layer, name.tile, pixels)


def _free(stem: str) -> Said:
    found = [text.upper() for text in _PRODUCT.findall(stem)]
    product = next((text for text in found if text in PRODUCTS or text in NDVI_PRODUCTS), None)
    layer = _layer(stem, product)
    granule = re.sub(rf"[._-]*{re.escape(layer)}(?![A-Z0-9])", "", stem, flags=re.IGNORECASE) if layer else stem
    pixels: int | None = TILE_PIXELS
    if layer is not None:
        layer = canonical_layer(product or "", layer)
        pixels = GranuleName("", datetime.date.min, "", "", "", layer).lst_pixels
    return Said(granule.strip("._- ") or stem, product, _date(stem), overpass_of(product, layer), layer, None, pixels)


def _layer(stem: str, product: str | None) -> str | None:
    """The name of a layer within another name."""
    row, ndvi = PRODUCTS.get(product or ""), NDVI_PRODUCTS.get(product or "")
    known: list[str] = []
    if row is not None:
        for layers in row.layers.values():
            known += (layers.lst, layers.quality, layers.view_time, layers.view_angle)
    elif ndvi is not None:
        known += (ndvi.layer.replace(" ", "_"), "NDVI")
    known.sort(key=len, reverse=True)
    for name in known:
        if found := re.search(rf"(?<![A-Z0-9]){re.escape(name)}(?![A-Z0-9])", stem, re.IGNORECASE):
            return found[0]
    found = _LST.search(stem)
    return found[0] if found else None


def _date(stem: str) -> datetime.date | None:
    """The only day that a name says; None if it says several or none."""
    days = set()
    for found in _DAY_OF_YEAR.finditer(stem):
        year, day = int(found["year"]), int(found["day"])
        date = datetime.date(year, 1, 1) + datetime.timedelta(days=day - 1)
        if day and date.year == year:
            days.add(date)
    for found in _CALENDAR.finditer(stem):
        try:
            days.add(datetime.date.fromisoformat(re.sub(r"[-_]", "", found["date"])))
        except ValueError:
            continue
    return days.pop() if len(days) == 1 else None
