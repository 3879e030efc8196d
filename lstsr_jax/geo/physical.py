"""Physical values of a raster's numbers: kelvin, NDVI or metres by what the file declares, else a refusal.

A wrong unit is never guessed away: where a file does not say its scale and its numbers are not what the product
stores, the message says what they look like and how to declare it.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.quantity import Quantity, Unit, likeness, remedy, require_physical, scaled, within

LST_SCALE_K: Final = 0.02
LST_PHYSICAL_K: Final = (150.0, 400.0)
"""The product's coldest number, and hotter than any land seen from space (354 K, Lut desert)."""
NDVI_SCALE: Final = 1e-4
NDVI_FILL: Final = -3000
NDVI_PHYSICAL: Final = (-0.2, 1.0)
ELEVATION_PHYSICAL_M: Final = (-500.0, 9000.0)
"""Lower than any land (the shore of the Dead Sea, -430 m), and higher than any (8849 m)."""
ELEVATION_GAPS: Final = (-32768, -32767, -9999)
"""What marks gaps in elevation of whole metres, also where a file does not declare it: no land is as low."""

_ROWS: Final = 64  # at once: what is compared stays in the cache
_SAME_SCALE = 1e-9  # some writers round a scale to float32
_NO_UNIT = ("", "1", "none", "na", "n/a", "-")
_KELVIN = ("k", "kelvin", "kelvins", "degk", "degree_kelvin", "degrees_kelvin")
_CELSIUS = ("c", "degc", "deg_c", "°c", "celsius", "degree_celsius", "degrees_celsius", "degree_c", "degrees_c")
_FAHRENHEIT = ("f", "degf", "deg_f", "°f", "fahrenheit", "degree_fahrenheit", "degrees_fahrenheit")
_FRACTION = ("ndvi", "unitless", "dimensionless", "fraction")
_PERCENT = ("%", "percent", "per_cent", "pct")
_LENGTHS = {
    **dict.fromkeys((*_NO_UNIT, "m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("ft", "foot", "feet", "us_survey_foot", "us_survey_feet"), 0.3048),
    **dict.fromkeys(("dm", "decimetre", "decimetres", "decimeter", "decimeters"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
}


KELVIN: Final = Unit("kelvin", 1.0)
CELSIUS: Final = Unit("degrees Celsius", 1.0, 273.15)
FAHRENHEIT: Final = Unit("degrees Fahrenheit", 5 / 9, 273.15 - 32 * 5 / 9)


def temperature_unit(declared: str) -> Unit | None:
    """The unit of temperature that a file or an attribute declares; kelvin if it declares none, None if it is another.

    Args:
        declared: as it is written, such as ``"K"``, ``"degC"`` or ``""``.
    """
    unit = declared.strip().lower().replace(" ", "_")
    kinds = ((_NO_UNIT, KELVIN), (_KELVIN, KELVIN), (_CELSIUS, CELSIUS), (_FAHRENHEIT, FAHRENHEIT))
    return next((found for names, found in kinds if unit in names), None)


LST: Final = Quantity(
    "LST",
    " K",
    LST_PHYSICAL_K,
    usual=(220.0, 345.0),
    spread=80.0,
    top=220.0,
    units=(
        KELVIN,
        CELSIUS,
        Unit("counts of 0.02 K", LST_SCALE_K),
        FAHRENHEIT,
        Unit("tenths of kelvin", 0.1),
        Unit("hundredths of kelvin", 0.01),
        Unit("tenths of a degree Celsius", 0.1, 273.15),
        Unit("hundredths of a degree Celsius", 0.01, 273.15),
        Unit("thousandths of kelvin", 0.001),
    ),
)
NDVI: Final = Quantity(
    "NDVI",
    "",
    NDVI_PHYSICAL,
    usual=NDVI_PHYSICAL,
    spread=1.2,
    top=0.02,
    units=(
        Unit("a fraction", 1.0),
        Unit("percent", 0.01),
        Unit("NDVI times 200 plus 20", 0.005, -0.1),
        Unit("NDVI times 1000", 0.001),
        Unit("NDVI times 10000", NDVI_SCALE),
        Unit("NDVI times 1e8", 1e-8),
    ),
)


ELEVATION: Final = Quantity(
    "elevation",
    " m",
    ELEVATION_PHYSICAL_M,
    usual=(-450.0, 6500.0),
    spread=7000.0,
    top=-450.0,
    units=(Unit("metres", 1.0),),
)


def lst_of_band(path: Path, band: Band) -> NDArray[np.float32]:
    """LST in kelvin of a GeoTIFF's band.

    The scale, offset and unit that the file declares are applied. Without them unsigned 16-bit integers are the
    product's steps of 0.02 K, and floating point is kelvin. 0 K is the product's fill.

    Args:
        path: for messages.
        band: as read.

    Returns:
        (H, W) float32, NaN where nothing is.

    Raises:
        GranuleError: the numbers are not LST in kelvin: none is physical, an integer is not, or more than
            one in a thousand of floating point is not (one in twenty where all of these are one lower number: a gap
            marker).
    """
    unit = temperature_unit(band.units)
    if unit is None:
        raise GranuleError(f"{path}: its unit {band.units!r} is none of temperature; give LST in kelvin")
    missing = band.missing
    scale = LST_SCALE_K if abs(band.scale - LST_SCALE_K) < _SAME_SCALE else band.scale
    if band.values.dtype.kind != "f" and not band.declares_scale and unit == KELVIN:
        if band.values.dtype != np.uint16:
            raise GranuleError(
                f"{path}: LST is {band.values.dtype} without a scale, not the product's uint16"
                + likeness(LST, band.values[~missing & (band.values != 0)])
            )
        scale = LST_SCALE_K
    kelvin = scaled(band, missing, scale, band.offset)
    if unit != KELVIN:
        kelvin = kelvin * unit.scale + unit.offset
    missing |= np.abs(kelvin) < 1e-3
    require_physical(path, band, kelvin, ~missing, LST)
    return within(kelvin, missing, LST)


def ndvi_of_band(path: Path, band: Band) -> NDArray[np.float32]:
    """NDVI as a fraction of a GeoTIFF's band.

    The scale that the file declares is applied; one above 1 divides, as MOD13 writes it. Without it signed 16-bit
    integers are the product's steps of 0.0001, and floating point is a fraction. -3000 is the product's fill.

    Args:
        path: for messages.
        band: as read.

    Returns:
        (H, W) float32 of -0.2..1, NaN where nothing is.

    Raises:
        GranuleError: the numbers are not NDVI: see ``lst_of_band``.
    """
    unit = band.units.strip().lower().replace(" ", "_")
    if unit not in (*_NO_UNIT, *_FRACTION, *_PERCENT):
        raise GranuleError(f"{path}: its unit {band.units!r} is none of NDVI; give NDVI as a fraction")
    missing = band.missing | (band.values == NDVI_FILL)
    scale = 1 / band.scale if band.scale > 1 else band.scale
    scale = NDVI_SCALE if abs(scale - NDVI_SCALE) < _SAME_SCALE else scale
    if band.values.dtype.kind != "f" and not band.declares_scale and unit not in _PERCENT:
        seen = band.values[~missing]
        if band.values.dtype != np.int16:
            text = f"{path}: NDVI is {band.values.dtype} without a scale, not the product's int16"
            raise GranuleError(text + likeness(NDVI, seen))
        if seen.size and seen.min() >= -20 and 1 < seen.max() <= 100:  # at most 0.01: no land is as bare
            raise GranuleError(f"{path}: NDVI of {seen.min()} to {seen.max()} steps of 0.0001{remedy(NDVI.units[1])}")
        scale = NDVI_SCALE
    ndvi = scaled(band, missing, scale, band.offset)
    if unit in _PERCENT:
        ndvi *= 0.01
    missing |= np.abs(ndvi - NDVI_FILL * NDVI_SCALE) < 1e-6
    if band.values.dtype.kind == "f":  # a ratio lies within -1..1; the product ends at -0.2: water, which it leaves out
        water = ~missing & (ndvi >= -1) & (ndvi < NDVI_PHYSICAL[0])
        if (~missing & ~water).any():
            missing |= water
    require_physical(path, band, ndvi, ~missing, NDVI)
    return within(ndvi, missing, NDVI)


def elevation_of_band(path: Path, band: Band) -> NDArray[np.float32]:
    """Elevation in metres of a GeoTIFF's band.

    The scale, offset and unit (metres, feet, ...) that the file declares are applied; without them numbers are metres.

    Args:
        path: for messages.
        band: as read.

    Returns:
        (H, W) float32 of -500..9000, NaN where nothing is.

    Raises:
        GranuleError: the numbers are no elevation: 8-bit integers, a unit that is none of length, or see
            ``lst_of_band``.
    """
    unit = band.units.strip().lower().replace(" ", "_")
    if unit not in _LENGTHS:
        raise GranuleError(f"{path}: its unit {band.units!r} is none of elevation; give a DEM in metres")
    missing = band.missing
    if band.values.dtype.kind != "f" and not band.declares_scale:
        if band.values.dtype.itemsize == 1:
            raise GranuleError(
                f"{path}: {band.values.dtype} numbers are no elevation, but classes or a shaded relief; give a DEM in "
                "metres"
            )
        missing |= np.isin(band.values, ELEVATION_GAPS)
    metres = scaled(band, missing, band.scale, band.offset) * _LENGTHS[unit]
    require_physical(path, band, metres, ~missing, ELEVATION)
    return within(metres, missing, ELEVATION)


def require_valid(path: Path, layer: str, stored: NDArray[Any], valid: tuple[int, int], fill: int) -> None:
    """Refuse a dataset of the product that holds numbers which the product never holds: they are damage.

    Args:
        path: for messages.
        layer: the dataset's name.
        stored: its numbers.
        valid: the least and the greatest.
        fill: the number of "nothing here".

    Raises:
        GranuleError: there is another number.
    """
    if any(_odd(stored[row : row + _ROWS], valid, fill).any() for row in range(0, len(stored), _ROWS)):
        odd = _odd(stored, valid, fill)
        raise GranuleError(
            f"{path}: {layer} is damaged: {int(odd.sum())} of its numbers, such as {stored[odd][0]}, are not within "
            f"{valid[0]}..{valid[1]}; download it again"
        )


def _odd(stored: NDArray[Any], valid: tuple[int, int], fill: int) -> NDArray[np.bool_]:
    odd: NDArray[np.bool_] = (stored != fill) & ~((stored >= valid[0]) & (stored <= valid[1]))
    return odd
