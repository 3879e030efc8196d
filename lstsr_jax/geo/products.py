"""The products that are read, declared: a row of ``PRODUCTS`` each for LST, of ``NDVI_PRODUCTS`` for NDVI.

Adding a product is adding a row and, if its quality bits are new, a scheme in ``lstsr_jax.geo.quality``.

Sources: the user guides of MOD11, MOD21 (Collection 6.1), VNP21 and VJ121 (Collection 2), MOD13 and VNP13, and the
attributes of the granules themselves.
"""

import dataclasses
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Overpass = Literal["day", "night"]


@dataclasses.dataclass(frozen=True)
class Packing:
    """How a layer stores its values: value = number * scale + offset.

    Attributes:
        dtype: of the stored numbers.
        scale: of one step.
        offset: value of the number 0.
        valid: the least and the greatest number.
        fill: the numbers of "nothing here", the usual one first.
    """

    dtype: str
    scale: float
    offset: float
    valid: tuple[int, int]
    fill: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Layers:
    """The names of one overpass's layers."""

    lst: str
    quality: str
    view_time: str
    view_angle: str


LST_PACKING: Final = Packing("uint16", 0.02, 0.0, (7500, 65535), (0,))
VIEW_TIME_PACKING: Final = Packing("uint8", 0.1, 0.0, (0, 240), (255,))
VIEW_ANGLE_PACKING: Final = Packing("uint8", 1.0, -65.0, (0, 130), (255,))


@dataclasses.dataclass(frozen=True)
class Product:
    """An LST product at 1 km on the MODIS sinusoidal grid.

    Attributes:
        name: its short name.
        platform: the satellite.
        algorithm: "split window" (MOD11) or "TES", temperature-emissivity separation (MOD21, VNP21).
        container: of the archive's granules, "hdf4" (HDF4-EOS) or "hdf5" (HDF5-EOS5).
        collection: the one whose layout this is.
        grid: name of the grid inside them.
        layers: of each overpass it holds.
        quality: name of the scheme of its quality layers, in ``lstsr_jax.geo.quality.SCHEMES``.
        period_days: 1 for a day, 8 for a mean of eight days.
        lst: packing of LST, in kelvin.
        view_time: packing of the view time, in local solar hours.
        view_angle: packing of the view zenith angle, in degrees; negative seen from the east.
    """

    name: str
    platform: str
    algorithm: Literal["split window", "TES"]
    container: Literal["hdf4", "hdf5"]
    collection: str
    grid: str
    layers: Mapping[Overpass, Layers]
    quality: str
    period_days: int = 1
    lst: Packing = LST_PACKING
    view_time: Packing = VIEW_TIME_PACKING
    view_angle: Packing = VIEW_ANGLE_PACKING

    @property
    def overpasses(self) -> tuple[Overpass, ...]:
        """Those it holds, day first."""
        return tuple(self.layers)

    def overpass_of(self, layer: str) -> Overpass | None:
        """The overpass whose LST a layer of this name holds, in small letters or capitals; None of another layer."""
        return next((key for key, layers in self.layers.items() if layers.lst.lower() == layer.lower()), None)


_MOD11: Final[Mapping[Overpass, Layers]] = {
    "day": Layers("LST_Day_1km", "QC_Day", "Day_view_time", "Day_view_angl"),
    "night": Layers("LST_Night_1km", "QC_Night", "Night_view_time", "Night_view_angl"),
}
_TES: Final = Layers("LST_1KM", "QC", "View_Time", "View_Angle")
_DAY: Final[Mapping[Overpass, Layers]] = {"day": _TES}
_NIGHT: Final[Mapping[Overpass, Layers]] = {"night": _TES}
_TES_8_DAYS: Final[Mapping[Overpass, Layers]] = {
    "day": Layers("LST_Day_1KM", "QC_Day", "View_Time_Day", "View_Angle_Day"),
    "night": Layers("LST_Night_1KM", "QC_Night", "View_Time_Night", "View_Angle_Night"),
}
_MOD11_GRID, _MOD11_8_DAYS_GRID = "MODIS_Grid_Daily_1km_LST", "MODIS_Grid_8Day_1km_LST"
_MOD21_GRID = "MODIS_Grid_Daily_1km_LST21"
_VNP21_GRID, _VNP21_8_DAYS_GRID = "VIIRS_Grid_Daily_1km_LST21", "VIIRS_Grid_8Day_1km_LST21"

_ROWS: Final = (
    Product("MOD11A1", "Terra", "split window", "hdf4", "061", _MOD11_GRID, _MOD11, "MOD11"),
    Product("MYD11A1", "Aqua", "split window", "hdf4", "061", _MOD11_GRID, _MOD11, "MOD11"),
    Product("MOD21A1D", "Terra", "TES", "hdf4", "061", _MOD21_GRID, _DAY, "TES16"),
    Product("MOD21A1N", "Terra", "TES", "hdf4", "061", _MOD21_GRID, _NIGHT, "TES16"),
    Product("MYD21A1D", "Aqua", "TES", "hdf4", "061", _MOD21_GRID, _DAY, "TES16"),
    Product("MYD21A1N", "Aqua", "TES", "hdf4", "061", _MOD21_GRID, _NIGHT, "TES16"),
    Product("VNP21A1D", "Suomi NPP", "TES", "hdf5", "002", _VNP21_GRID, _DAY, "TES16"),
    Product("VNP21A1N", "Suomi NPP", "TES", "hdf5", "002", _VNP21_GRID, _NIGHT, "TES16"),
    Product("VJ121A1D", "NOAA-20", "TES", "hdf5", "002", _VNP21_GRID, _DAY, "TES16"),
    Product("VJ121A1N", "NOAA-20", "TES", "hdf5", "002", _VNP21_GRID, _NIGHT, "TES16"),
    Product("VJ221A1D", "NOAA-21", "TES", "hdf5", "002", _VNP21_GRID, _DAY, "TES16"),
    Product("VJ221A1N", "NOAA-21", "TES", "hdf5", "002", _VNP21_GRID, _NIGHT, "TES16"),
    Product("MOD11A2", "Terra", "split window", "hdf4", "061", _MOD11_8_DAYS_GRID, _MOD11, "MOD11", 8),
    Product("MYD11A2", "Aqua", "split window", "hdf4", "061", _MOD11_8_DAYS_GRID, _MOD11, "MOD11", 8),
    Product("VNP21A2", "Suomi NPP", "TES", "hdf5", "002", _VNP21_8_DAYS_GRID, _TES_8_DAYS, "TES8", 8),
    Product("VJ121A2", "NOAA-20", "TES", "hdf5", "002", _VNP21_8_DAYS_GRID, _TES_8_DAYS, "TES8", 8),
)
PRODUCTS: Final[Mapping[str, Product]] = MappingProxyType({row.name: row for row in _ROWS})
"""The LST products, by name."""


@dataclasses.dataclass(frozen=True)
class NdviProduct:
    """A 16-day NDVI product on the MODIS sinusoidal grid.

    Attributes:
        name: its short name.
        resolution: of its layers, as their names begin.
        pixels: along the side of a tile.
        packing: of NDVI.
        ranks: of the pixel reliability layer that are kept. Snow is: its low NDVI is real.
    """

    name: str
    resolution: str
    pixels: int
    packing: Packing
    ranks: tuple[int, ...]

    @property
    def layer(self) -> str:
        """The name of its NDVI."""
        return f"{self.resolution} 16 days NDVI"

    @property
    def reliability(self) -> str:
        """The name of its pixel reliability."""
        return f"{self.resolution} 16 days pixel reliability"


_MOD13: Final = (Packing("int16", 1e-4, 0.0, (-2000, 10000), (-3000,)), (0, 1, 2))  # good, marginal, snow
_VNP13: Final = (
    Packing("int16", 1e-4, 0.0, (-10000, 10000), (-15000, -13000)),
    (0, 1, 2, 3, 4, 5, 6, 8),  # excellent to poor, snow; not cloud, its shadow, estimates and long-term means
)
_NDVI_ROWS: Final = (
    NdviProduct("MOD13A2", "1 km", 1200, *_MOD13),
    NdviProduct("MYD13A2", "1 km", 1200, *_MOD13),
    NdviProduct("VNP13A2", "1 km", 1200, *_VNP13),
    NdviProduct("VJ113A2", "1 km", 1200, *_VNP13),
    NdviProduct("MOD13A1", "500m", 2400, *_MOD13),
    NdviProduct("MYD13A1", "500m", 2400, *_MOD13),
    NdviProduct("MOD13Q1", "250m", 4800, *_MOD13),
    NdviProduct("MYD13Q1", "250m", 4800, *_MOD13),
)
NDVI_PRODUCTS: Final[Mapping[str, NdviProduct]] = MappingProxyType({row.name: row for row in _NDVI_ROWS})
"""The NDVI products, by name: the preferred ones of each resolution first."""

LST_EXPECTED: Final = (
    "give LST at 1 km: MOD11A1, MOD11A2, MOD21A1, VNP21A1, VJ121A1 or another product of docs/products.md"
)
NDVI_EXPECTED: Final = f"give 16-day NDVI: {', '.join(NDVI_PRODUCTS)}"

_LST_FAMILY = r"(?:M[OY]D(?:11|21)|V(?:NP|J1|J2)21)"
_KINDS: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (_LST_FAMILY + r"(?:_L2\w*|_NRT|GA|G[DN]|IMG|)", "LST of a swath"),
        (r"M[OY]D11A1|M[OY]D21A1[DN]?|V(?:NP|J1|J2)21A1[DN]?", "daily LST at 1 km"),
        (_LST_FAMILY + "A2", "8-day means of LST at 1 km"),
        (_LST_FAMILY + "B1", "daily LST at 6 km"),
        (_LST_FAMILY + "B2", "8-day means of LST at 6 km"),
        (_LST_FAMILY + "(?:B3|A3)", "monthly means of LST"),
        (_LST_FAMILY + "C1", "daily LST at 0.05 degrees"),
        (_LST_FAMILY + "C2", "8-day means of LST at 0.05 degrees"),
        (_LST_FAMILY + "C3", "monthly means of LST at 0.05 degrees"),
        (r"ECO.*LST.*", "ECOSTRESS LST at 70 m"),
        (r"(?:M[OY]D|V(?:NP|J1|J2))13\w*", "vegetation indices"),
    )
)
_SHORT = re.compile(rf"(?<![A-Z0-9])(?P<short>{_LST_FAMILY}(?:_L2|[A-C]\d[DN]?|G[A-Z])?)(?![A-Z0-9]*\d{{5}})", re.I)
_APPEEARS = re.compile(r"(?:^|[^A-Z0-9])(?P<short>[A-Z][A-Z0-9]{2}\d{2}[A-Z0-9]{1,4})\.\d{3}.*_aid\d{4}\.\w+$", re.I)
_WITHOUT_PRODUCTION = re.compile(r"M[OY]D11A1\.A\d{7}\.h\d\dv\d\d\.\d{3}(?!\.\d{13})", re.I)


def describe_product(short_name: str) -> str:
    """A product's short name, with what it is where that is known: "MOD11A2 (8-day means of LST at 1 km)"."""
    kind = next((kind for pattern, kind in _KINDS if pattern.fullmatch(short_name.upper())), None)
    return f"{short_name} ({kind})" if kind else short_name


def foreign_kind(name: str) -> str | None:
    """What a file is by its name, if that is not the name of a tiled MODIS granule.

    Args:
        name: file name.

    Returns:
        A phrase such as "looks like MOD11_L2 (LST of a swath)"; None where the name tells nothing.
    """
    if re.match(r"ECO.*LST", name, re.I):
        return "looks like ECOSTRESS LST at 70 m"
    if found := _APPEEARS.search(name):
        return f"looks like an AppEEARS extract of {describe_product(found['short'].upper())}"
    if _WITHOUT_PRODUCTION.match(name):
        return "no production time (YYYYDDDHHMMSS) after the collection in its name"
    if (found := _SHORT.search(name)) and found["short"].upper() not in PRODUCTS:
        return f"looks like {describe_product(found['short'].upper())}"
    return None
