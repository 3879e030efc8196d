"""File names of MODIS granules and of their layers, taken apart, and what a file holds by its name.

``MOD11A1.A2020001.h18v04.061.2021003092415.hdf`` is a granule; ``<granule>_LST_Day_1km.tif`` one of its layers,
as the public COG mirror of the product names it. Other names are read by ``lstsr_jax.geo.free_names``.
"""

import dataclasses
import datetime
import re
from pathlib import Path
from typing import Final

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import TILE_PIXELS
from lstsr_jax.geo.products import (
    LST_EXPECTED,
    NDVI_PRODUCTS,
    PRODUCTS,
    Layers,
    Overpass,
    Product,
    describe_product,
    foreign_kind,
)
from lstsr_jax.geo.tile_names import parse_tile


class UnknownNameError(GranuleError):
    """A file name that is of another form than those read here, so that the content must tell what the file is."""


NAME_FORM: Final = "MOD11A1.AYYYYDDD.hHHvVV.061.YYYYDDDHHMMSS, then .hdf or _LST_Day_1km.tif"
HDF_SUFFIXES: Final = (".hdf", ".h5", ".he5", ".hdf5")
NETCDF_SUFFIXES: Final = (".nc", ".nc4")
TIFF_SUFFIXES: Final = (".tif", ".tiff")

_NAME = re.compile(
    r"""
    (?P<granule>
        (?P<product>(?:VJ[12]|[A-Z]{3})\d{2}[A-Z0-9]{1,3})  # MOD11A1: platform, product, resolution
        \.A(?P<year>\d{4})(?P<day>\d{3})            # acquisition: year, day of the year
        \.(?P<tile>h\d{2}v\d{2})
        \.(?P<collection>\d{3})                     # 061
        \.(?P<production>\d{13})                    # production: year, day of the year, HHMMSS
    )
    (?:_(?P<layer>\w+))?                            # LST_Day_1km, QC_Night, 1_km_16_days_NDVI, ...
    (?P<copy>\ ?\(\d+\)|\ -\ copy(?:\ \(\d+\))?|\ copy(?:\ \d+)?)?  # as browsers and file managers mark a second copy
    (?:\.(?P<extension>hdf5?|he?5|tiff?))?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_OVERPASS = re.compile(r"(?:^|_)(?P<overpass>Day|Night)(?:_|$)", re.IGNORECASE)
_LST = re.compile(r"LST_(?:(?:Day|Night)_)?(?P<size>\d+)(?P<unit>k?m)", re.IGNORECASE | re.ASCII)


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
        copy: whether the name is marked as a second copy, as in ``<granule> (1).hdf``.
    """

    product: str
    date: datetime.date
    tile: str
    collection: str
    production: str
    layer: str | None = None
    overpass: Overpass | None = None
    copy: bool = False

    @property
    def granule(self) -> str:
        """The granule's id: its name without layer and extension."""
        return f"{self.product}.A{self.date:%Y%j}.{self.tile}.{self.collection}.{self.production}"

    @property
    def lst_pixels(self) -> int | None:
        """Pixels along the side of a tile for a layer of LST: 1200 for "LST_Day_1km"; None for other layers."""
        found = _LST.fullmatch(self.layer or "")
        if found is None or not int(found["size"]):
            return None
        metres = int(found["size"]) * (1000 if found["unit"].lower() == "km" else 1)
        return TILE_PIXELS * round(1000 / metres) or None


def parse_name(path: str | Path) -> GranuleName:
    """Take a granule's or layer's file name apart.

    Args:
        path: file name with or without directory and extension, in small letters or capitals; the file need not exist.

    Returns:
        The name's parts, written as the archive writes them.

    Raises:
        GranuleError: the name is of another form (``UnknownNameError``), or its date or tile does not exist.
    """
    name = Path(path).name
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownNameError(f"{name}: not named as a MODIS granule; names of the form {NAME_FORM} are expected")
    first = datetime.date(int(match["year"]), 1, 1) if int(match["year"]) else None
    date = first + datetime.timedelta(days=int(match["day"]) - 1) if first and int(match["day"]) else None
    if first is None or date is None or date.year != first.year:
        raise GranuleError(f"{name}: day {match['day']} of {match['year']} does not exist; check the name")
    tile = match["tile"].lower()
    try:
        parse_tile(tile)
    except ValueError as error:
        raise GranuleError(f"{name}: {error}") from None
    product = match["product"].upper()
    layer = canonical_layer(product, match["layer"]) if match["layer"] else None
    return GranuleName(
        product=product,
        date=date,
        tile=tile,
        collection=match["collection"],
        production=match["production"],
        layer=layer,
        overpass=overpass_of(product, layer),
        copy=match["copy"] is not None,
    )


def lst_overpasses(path: Path) -> tuple[GranuleName, tuple[Overpass, ...]]:
    """Which LST at 1 km a file holds by its name: the one answer for files, folders and readers.

    Args:
        path: the file; it need not exist.

    Returns:
        Its name, and the overpasses: those of the product for a granule, one for an LST layer, none for another
        layer of an LST granule, such as QC_Day or Day_view_time.

    Raises:
        GranuleError: neither; the message says what it is, as far as a name can tell (``UnknownNameError`` where the
            name is of another form).
    """
    suffix = path.suffix.lower()
    if suffix not in (*HDF_SUFFIXES, *TIFF_SUFFIXES):
        raise UnknownNameError(
            f"{path.name}: neither .hdf, .h5, .nc nor .tif; give a granule, a GeoTIFF layer or a netCDF of one"
        )
    try:
        name = parse_name(path)
    except UnknownNameError as error:
        kind = foreign_kind(path.name)
        if kind is None:
            raise
        raise UnknownNameError(f"{path.name}: {kind}; {LST_EXPECTED}") from error
    require_lst_product(path.name, name.product)
    if suffix in HDF_SUFFIXES:
        if name.layer is not None:
            raise GranuleError(f"{path.name}: layer {name.layer} in an {suffix} name; whole granules are expected")
        return name, PRODUCTS[name.product].overpasses
    if name.layer is None:
        raise GranuleError(f"{path.name}: not an LST layer; give {lst_layers(name.product)}")
    if name.lst_pixels is None or name.overpass is None:
        return name, ()
    if name.lst_pixels != TILE_PIXELS:
        raise GranuleError(f"{path.name}: layer {name.layer} is not LST at 1 km; give the 1 km layer")
    if PRODUCTS[name.product].overpass_of(name.layer) is None:
        raise GranuleError(
            f"{path.name}: {name.layer} is no LST layer of {name.product}; give {lst_layers(name.product)}"
        )
    return name, (name.overpass,)


def require_lst_product(label: object, product: str) -> None:
    """Refuse a product that is not LST at 1 km.

    Args:
        label: what the message begins with, such as the path.
        product: its short name.

    Raises:
        GranuleError: it is another.
    """
    if product not in PRODUCTS:
        raise GranuleError(f"{label}: product {describe_product(product)} is not 1 km LST; {LST_EXPECTED}")


def layers_of(label: object, row: Product, overpass: Overpass) -> Layers:
    """The layers of one overpass of a product.

    Raises:
        GranuleError: the product does not hold it; the message begins with ``label``.
    """
    if overpass not in row.layers:
        raise GranuleError(f"{label}: {row.name} holds the {row.overpasses[0]}, not the {overpass}; ask for that")
    return row.layers[overpass]


def lst_layers(product: str) -> str:
    """The names that the LST layers of a product have as GeoTIFFs, for messages."""
    names = [layers.lst for layers in PRODUCTS[product].layers.values()]
    return "<granule>_" + ".tif or _".join(names) + ".tif"


def canonical_layer(product: str, layer: str) -> str:
    """A layer's name in the product's own capitals."""
    known: list[str] = []
    if product in PRODUCTS:
        for layers in PRODUCTS[product].layers.values():
            known += (layers.lst, layers.quality, layers.view_time, layers.view_angle)
    elif product in NDVI_PRODUCTS:
        known.append(NDVI_PRODUCTS[product].layer.replace(" ", "_"))
    return next((name for name in known if name.lower() == layer.lower()), layer)


def overpass_of(product: str | None, layer: str | None) -> Overpass | None:
    """The overpass that a layer belongs to, by its name, or by its product if that holds but one."""
    if layer is None:
        return None
    if found := _OVERPASS.search(layer):
        return "day" if found["overpass"].lower() == "day" else "night"
    row = PRODUCTS.get(product or "")
    return row.overpasses[0] if row is not None and len(row.overpasses) == 1 else None
