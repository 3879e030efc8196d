"""What comes in as an array: gaps, numbers and units, checked at the doors.

Values are looked at only where they are known: never under ``jax.jit`` or another transformation.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

PLAUSIBLE_K = (150.0, 400.0)
"""The coldest number of the products, and hotter than any land seen from space (354 K, Lut desert)."""
PLAUSIBLE_M = (-500.0, 9000.0)
"""Lower than any land (the shore of the Dead Sea, -430 m), and higher than any (8849 m)."""
_NDVI_TOLERANCE = 1e-4


def as_float(name: str, values: Any) -> jax.Array:
    """Any array as floating point with NaN gaps: what every door of the library computes with.

    Args:
        name: of the argument, for messages.
        values: a JAX array, or what numpy takes. The mask of a numpy masked array becomes NaN.

    Returns:
        float32 for integers and for 16-bit floating point; other floating point as JAX takes it.

    Raises:
        ValueError: if it holds no real numbers.
    """
    if not isinstance(values, jax.Array):
        values = with_gaps(name, values)
    elif not jnp.issubdtype(values.dtype, jnp.floating) and not jnp.issubdtype(values.dtype, jnp.integer):
        raise ValueError(f"{name} must hold real numbers, got {values.dtype}")
    short = not jnp.issubdtype(values.dtype, jnp.floating) or values.dtype.itemsize < 4
    return jnp.asarray(values, jnp.float32 if short else None)


def with_gaps(name: str, values: Any) -> NDArray[Any]:
    """A numpy array of numbers whose masked or missing elements are NaN.

    Raises:
        ValueError: if it holds no real numbers.
    """
    parts = values if isinstance(values, list | tuple) else [values]
    if any(np.ma.isMaskedArray(part) for part in parts):
        masked = np.ma.asarray(values)
        kind = masked.dtype if masked.dtype.kind == "f" else np.dtype(np.float32)
        return np.asarray(np.ma.filled(masked.astype(kind), np.nan))
    if hasattr(values, "to_numpy") and np.asarray(values).dtype == object:  # pandas, with missing entries
        values = values.to_numpy(dtype=np.float32, na_value=np.nan)
    array = np.asarray(values)
    if array.dtype.kind in "bcOSUmMV" and array.dtype != jnp.bfloat16:
        raise ValueError(f"{name} must hold real numbers, got {array.dtype}")
    return array


def require_kelvin(name: str, field: NDArray[np.floating]) -> None:
    """Raise unless every finite value is a temperature that land has, 150 to 400 K.

    Raises:
        ValueError: saying what the numbers look like, and the remedy.
    """
    low, high = PLAUSIBLE_K
    seen = field[np.isfinite(field)]
    odd = seen[(seen < low) | (seen > high)]
    if not odd.size:
        return
    zeros = int((odd == 0).sum())
    head = f"{name} must be in kelvin, {low:g} to {high:g}: got {seen.min():g} to {seen.max():g}"
    if zeros == odd.size and zeros < seen.size:
        raise ValueError(f"{head}; {zeros} values are 0: if that is no observation, use NaN")
    rest = seen[seen != 0]
    gaps = ", and use NaN for no observation in place of 0" if zeros else ""
    bottom, middle, top = np.percentile(rest if rest.size else seen, [5, 50, 95])
    if -100 < bottom and top < 100:
        raise ValueError(f"{head}; it looks like degrees Celsius: add 273.15 first{gaps}")
    if low / 0.02 <= middle <= high / 0.02:
        raise ValueError(f"{head}; it looks like counts of 0.02 K: multiply by 0.02 first{gaps}")
    if high / 0.02 < middle <= high / 0.01:
        raise ValueError(f"{head}; it looks like hundredths of a kelvin: multiply by 0.01 first{gaps}")
    raise ValueError(f"{head}; {odd.size} values are no land surface temperature: use NaN for no observation")


def require_ndvi(name: str, ndvi: Any) -> None:
    """Raise unless NDVI lies within -1 to 1 where it is finite; nothing is checked under a transformation.

    Raises:
        ValueError: with the range and the remedy.
    """
    outside = _range_outside(ndvi, -1 - _NDVI_TOLERANCE, 1 + _NDVI_TOLERANCE)
    if outside is not None:
        raise ValueError(
            f"{name} must be within -1 to 1, NaN where there is none: got {outside[0]:g} to {outside[1]:g}; "
            "multiply counts by 0.0001, and use NaN for fill"
        )


def require_elevation(name: str, elevation: Any) -> None:
    """Raise unless elevation is within -500 to 9000 m where it is finite; nothing is checked under a transformation.

    Raises:
        ValueError: with the range and the remedy.
    """
    outside = _range_outside(elevation, *PLAUSIBLE_M)
    if outside is not None:
        raise ValueError(
            f"{name} must be in metres, {PLAUSIBLE_M[0]:g} to {PLAUSIBLE_M[1]:g}, NaN where there is none: got "
            f"{outside[0]:g} to {outside[1]:g}; use NaN for what marks gaps, such as -9999 or -32768"
        )


def _range_outside(values: Any, low: float, high: float) -> tuple[float, float] | None:
    """Least and greatest finite value, if one lies outside the bounds; None under a transformation too."""
    if isinstance(values, jax.core.Tracer):
        return None
    least, greatest = (float(bound) for bound in _range(values))
    return (least, greatest) if least < low or greatest > high else None


def _range(values: Any) -> tuple[Any, Any]:
    """Least and greatest finite value; zeros if there is none."""
    if isinstance(values, jax.Array):
        known = jnp.isfinite(values)
        return jnp.where(known, values, 0).min(initial=0), jnp.where(known, values, 0).max(initial=0)
    array = np.asarray(values)
    known = array[np.isfinite(array)]
    return known.min(initial=0), known.max(initial=0)
