"""What a layer may hold, and whether its numbers are that: else a refusal that names the unit they look like."""

import dataclasses
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band

TOLERATED_SHARE: Final = 1e-3
"""Share of unphysical values up to which a floating-point layer is read, without them; integers may have none."""
TOLERATED_MARKER_SHARE: Final = 0.05
"""The same where all of them are one number below the range: it marks gaps, such as a 0 with an offset added to it."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit that numbers may be in: value = number * scale + offset."""

    text: str
    scale: float
    offset: float = 0.0


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


def scaled(band: Band, missing: NDArray[np.bool_], scale: float, offset: float) -> NDArray[np.float64]:
    """A band's numbers times ``scale`` plus ``offset``, NaN where they are missing."""
    return np.where(missing, np.nan, band.values.astype(np.float64)) * scale + offset


def within(values: NDArray[Any], missing: NDArray[np.bool_], quantity: Quantity) -> NDArray[np.float32]:
    """Values as float32 with NaN where they are missing or not physical."""
    result = values.astype(np.float32)
    result[missing | ~_physical(result, quantity)] = np.nan
    return result


def _physical(values: NDArray[np.float32], quantity: Quantity) -> NDArray[np.bool_]:
    low, high = (np.float32(bound) for bound in quantity.bounds)
    return (values >= low) & (values <= high)


def require_physical(path: Path, band: Band, values: NDArray[Any], seen: NDArray[np.bool_], quantity: Quantity) -> None:
    """Refuse a layer whose values, where something is ``seen``, are not physical.

    Args:
        path: for messages.
        band: as read.
        values: of it.
        seen: where there is one.
        quantity: what they are to be.

    Raises:
        GranuleError: with the range, the share, and what the numbers look like.
    """
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
        raise GranuleError(text + likeness(quantity, stored))
    numbers, times = np.unique(band.values[odd], return_counts=True)
    gap = f"{numbers[times.argmax()]:g}"
    if times.max() > 0.9 * bad:
        raise GranuleError(
            f"{text}; if {gap} marks gaps, declare it with gdal_translate -a_nodata {gap}, else download it again"
        )
    raise GranuleError(f"{text}; download it again, or declare what marks its gaps with gdal_translate -a_nodata")


def likeness(quantity: Quantity, stored: NDArray[Any]) -> str:
    """The end of a message: what stored numbers look like, and the remedy."""
    unit = quantity.likely_unit(stored)
    if unit is None:
        right = quantity.units[0].text
        return f"; give {right} as float32, or declare scale and offset with gdal_translate -a_scale -a_offset"
    return remedy(unit)


def remedy(unit: Unit) -> str:
    """The end of a message: which unit it is, and how to declare it."""
    return (
        f": the numbers look like {unit.text}; if they are, declare it with gdal_translate -a_scale {unit.scale:.6g} "
        f"-a_offset {unit.offset:.6g} or convert them"
    )
