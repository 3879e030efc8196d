"""Physical values of a raster's numbers: kelvin or NDVI by what the file declares, else a refusal that names the unit.

A wrong unit is never guessed away: where a file does not say its scale and its numbers are not what the product
stores, the message says what they look like and how to declare it.
"""

import dataclasses
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band

LST_SCALE_K: Final = 0.02
LST_PHYSICAL_K: Final = (150.0, 400.0)
"""The product's coldest number, and hotter than any land seen from space (354 K, Lut desert)."""
NDVI_SCALE: Final = 1e-4
NDVI_FILL: Final = -3000
NDVI_PHYSICAL: Final = (-0.2, 1.0)
TOLERATED_SHARE: Final = 1e-3
"""Share of unphysical values up to which a floating-point layer is read, without them; integers may have none."""
TOLERATED_MARKER_SHARE: Final = 0.05
"""The same where all of them are one number below the range: it marks gaps, such as a 0 with an offset added to it."""

_ROWS: Final = 64  # at once: what is compared stays in the cache
_SAME_SCALE = 1e-9  # some writers round a scale to float32
_NO_UNIT = ("", "1", "none", "na", "n/a", "-")
_KELVIN = ("k", "kelvin", "kelvins", "degk", "degree_kelvin", "degrees_kelvin")
_CELSIUS = ("c", "degc", "deg_c", "°c", "celsius", "degree_celsius", "degrees_celsius", "degree_c", "degrees_c")
_FAHRENHEIT = ("f", "degf", "deg_f", "°f", "fahrenheit", "degree_fahrenheit", "degrees_fahrenheit")
_FRACTION = ("ndvi", "unitless", "dimensionless", "fraction")
_PERCENT = ("%", "percent", "per_cent", "pct")


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit that numbers may be in: value = number * scale + offset."""

    text: str
    scale: float
    offset: float = 0.0


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


@dataclasses.dataclass(frozen=True)
class Quantity:
    """What a layer holds.

    Attributes:
        name: for messages.
        unit: of its values, with a space before it, or "".
        bounds: of what is physical.
        usual: bounds of the bulk (5th to 95th percentile) of a usual scene.
        spread: largest width of that bulk.
        top: smallest upper end of that bulk.
        units: in which people store it, the right one first.
    """

    name: str
    unit: str
    bounds: tuple[float, float]
    usual: tuple[float, float]
    spread: float
    top: float
    units: tuple[Unit, ...]

    def likely_unit(self, stored: NDArray[Any]) -> Unit | None:
        """The first unit in which the bulk of stored numbers is a usual scene; None if there is none."""
        stored = stored[np.isfinite(stored)].astype(np.float64)
        if not stored.size:
            return None
        bulk = np.percentile(stored, [5, 95])
        for unit in self.units:
            low, high = bulk * unit.scale + unit.offset
            usual = low >= self.usual[0] and self.top <= high <= self.usual[1]
            if usual and high - low <= self.spread:
                return unit
        return None


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
                + _likeness(LST, band.values[~missing & (band.values != 0)])
            )
        scale = LST_SCALE_K
    kelvin = _scaled(band, missing, scale, band.offset)
    if unit != KELVIN:
        kelvin = kelvin * unit.scale + unit.offset
    missing |= np.abs(kelvin) < 1e-3
    _require_physical(path, band, kelvin, ~missing, LST)
    return _within(kelvin, missing, LST)


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
            raise GranuleError(text + _likeness(NDVI, seen))
        if seen.size and seen.min() >= -20 and 1 < seen.max() <= 100:  # at most 0.01: no land is as bare
            raise GranuleError(f"{path}: NDVI of {seen.min()} to {seen.max()} steps of 0.0001{_remedy(NDVI.units[1])}")
        scale = NDVI_SCALE
    ndvi = _scaled(band, missing, scale, band.offset)
    if unit in _PERCENT:
        ndvi *= 0.01
    missing |= np.abs(ndvi - NDVI_FILL * NDVI_SCALE) < 1e-6
    if band.values.dtype.kind == "f":  # a ratio lies within -1..1; the product ends at -0.2: water, which it leaves out
        water = ~missing & (ndvi >= -1) & (ndvi < NDVI_PHYSICAL[0])
        if (~missing & ~water).any():
            missing |= water
    _require_physical(path, band, ndvi, ~missing, NDVI)
    return _within(ndvi, missing, NDVI)


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


def _scaled(band: Band, missing: NDArray[np.bool_], scale: float, offset: float) -> NDArray[np.float64]:
    return np.where(missing, np.nan, band.values.astype(np.float64)) * scale + offset


def _within(values: NDArray[Any], missing: NDArray[np.bool_], quantity: Quantity) -> NDArray[np.float32]:
    """Values as float32 with NaN where they are missing or not physical."""
    result = values.astype(np.float32)
    result[missing | ~_physical(result, quantity)] = np.nan
    return result


def _physical(values: NDArray[np.float32], quantity: Quantity) -> NDArray[np.bool_]:
    low, high = (np.float32(bound) for bound in quantity.bounds)
    return (values >= low) & (values <= high)


def _require_physical(
    path: Path, band: Band, values: NDArray[Any], seen: NDArray[np.bool_], quantity: Quantity
) -> None:
    """Refuse a layer whose values, where something is ``seen``, are not physical."""
    odd = seen & ~_physical(values.astype(np.float32), quantity)
    count, bad = int(seen.sum()), int(odd.sum())
    tolerated = 0.0
    if band.values.dtype.kind == "f":
        marker = bad > 0 and np.ptp(band.values[odd]) == 0 and values[odd].max() < quantity.bounds[0]
        tolerated = TOLERATED_MARKER_SHARE if marker else TOLERATED_SHARE
    if bad <= tolerated * count:
        return
    low, high = quantity.bounds
    bounds = f"{low:g}..{high:g}{quantity.unit}"
    share = f"none of {count} is" if bad == count else f"{bad} of {count} are not"
    stored = band.values[seen]
    scale = ""
    if band.declares_scale:
        scale = f" by its scale {band.scale:g} and offset {band.offset:g}"
    if band.units:
        scale += f" (unit {band.units!r})"
    found = f"{values[odd].min():.6g} to {values[odd].max():.6g}"
    text = f"{path}: {quantity.name} of {found}{scale}, {share} within {bounds}"
    if bad == count or bad > 0.5 * count:
        if scale and quantity.likely_unit(stored) is quantity.units[0]:
            raise GranuleError(f"{text}; its stored numbers look like {quantity.units[0].text}: remove scale and unit")
        raise GranuleError(text + _likeness(quantity, stored))
    numbers, times = np.unique(band.values[odd], return_counts=True)
    gap = f"{numbers[times.argmax()]:g}"
    if times.max() > 0.9 * bad:
        raise GranuleError(
            f"{text}; if {gap} marks gaps, declare it with gdal_translate -a_nodata {gap}, else download it again"
        )
    raise GranuleError(f"{text}; download it again, or declare what marks its gaps with gdal_translate -a_nodata")


def _likeness(quantity: Quantity, stored: NDArray[Any]) -> str:
    """The end of a message: what stored numbers look like, and the remedy."""
    unit = quantity.likely_unit(stored)
    if unit is None:
        right = quantity.units[0].text
        return f"; give {right} as float32, or declare scale and offset with gdal_translate -a_scale -a_offset"
    return _remedy(unit)


def _remedy(unit: Unit) -> str:
    return (
        f": the numbers look like {unit.text}; if they are, declare it with gdal_translate -a_scale {unit.scale:.6g} "
        f"-a_offset {unit.offset:.6g} or convert them"
    )
