"""Values of a product's stored numbers, by the packing that its row declares."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band
from lstsr_jax.geo.lookup import look_up
from lstsr_jax.geo.physical import LST_PHYSICAL_K, require_valid
from lstsr_jax.geo.products import LST_PACKING, Packing


def to_kelvin(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Kelvin of the products' 16-bit numbers: 0.02 K each, NaN outside 7500..65535 (0 is fill)."""
    return values_of(stored, LST_PACKING)


def values_of(stored: NDArray[Any], packing: Packing) -> NDArray[np.float32]:
    """Values of stored numbers, float32; NaN outside the valid range."""
    if stored.dtype == np.dtype(packing.dtype) and stored.dtype.itemsize <= 2 and stored.dtype.kind == "u":
        return look_up(_table(packing), stored)
    return _unpacked(stored, packing)


def kelvin_of_granule(
    path: Path, layer: str, stored: NDArray[Any], attributes: Mapping[str, Any], packing: Packing
) -> NDArray[np.float32]:
    """LST in kelvin of a granule's dataset, whose attributes must be those of the product.

    Args:
        path: for messages.
        layer: its name.
        stored: its numbers.
        attributes: as the file has them.
        packing: of the product's row.

    Returns:
        (H, W) float32, NaN where nothing is.

    Raises:
        GranuleError: another packing, or numbers that the product never holds.
    """
    require_packing(path, "LST", stored.dtype, attributes, packing)
    hottest = round((LST_PHYSICAL_K[1] - packing.offset) / packing.scale)
    require_valid(path, layer, stored, (packing.valid[0], min(hottest, packing.valid[1])), packing.fill[0])
    return values_of(stored, packing)


def require_packing(
    path: Path, what: str, dtype: np.dtype[Any], attributes: Mapping[str, Any], packing: Packing
) -> None:
    """Refuse a granule whose numbers mean something else than its product's row says.

    Args:
        path: for messages.
        what: the quantity, for messages.
        dtype: of the stored numbers.
        attributes: of the dataset. Texts such as "n/a" say nothing; HDF5-EOS5 writes ``_Fillvalue``.
        packing: of the product's row.

    Raises:
        GranuleError: scale, offset, valid range, fill or type differ.
    """
    expected: dict[str, Any] = {
        "scale_factor": packing.scale,
        "add_offset": packing.offset,
        "valid_range": packing.valid,
        "_FillValue": packing.fill if len(packing.fill) > 1 else packing.fill[0],
    }
    _require_attributes(path, what, attributes, packing, expected)
    if dtype != np.dtype(packing.dtype):
        raise GranuleError(f"{path}: {what} is {dtype}, not {packing.dtype}; use {_collection(packing)}")


def _require_attributes(
    path: Path, what: str, attributes: Mapping[str, Any], packing: Packing, expected: Mapping[str, Any]
) -> None:
    known = {"_FillValue" if key.lower() == "_fillvalue" else key: value for key, value in attributes.items()}
    for key, value in expected.items():
        found = known.get(key, value)
        if not isinstance(found, str) and not _same(found, value):
            raise GranuleError(f"{path}: {key} of {what} is {found}, not {value}; use {_collection(packing)}")


def view_of_granule(
    path: Path,
    what: str,
    stored: NDArray[Any],
    attributes: Mapping[str, Any],
    shape: tuple[int, ...],
    packing: Packing,
) -> NDArray[np.float32]:
    """View time or angle of a granule's dataset; NaN where nothing is.

    Raises:
        GranuleError: of another type, shape, scale or offset.
    """
    expected = {"scale_factor": packing.scale, "add_offset": packing.offset}
    _require_attributes(path, what, attributes, packing, expected)
    if stored.dtype != np.dtype(packing.dtype) or stored.shape != shape:
        found = f"{stored.dtype} {stored.shape}, not {packing.dtype} {shape}"
        raise GranuleError(f"{path}: {what} is {found}; fetch it again or remove it")
    return values_of(stored, packing)


def view_of_band(path: Path, what: str, band: Band, packing: Packing) -> NDArray[np.float32]:
    """View time or angle of a raster: in the product's numbers, or in the scale and gaps that the file declares.

    Raises:
        GranuleError: neither.
    """
    plain = not band.declares_scale or np.allclose(
        (band.scale, band.offset), (packing.scale, packing.offset), rtol=1e-6
    )
    if band.values.dtype == np.dtype(packing.dtype) and plain:
        return values_of(band.values, packing)
    if not band.declares_scale and band.values.dtype.kind != "f" and band.nodata is None:
        found = f"{band.values.dtype} {band.values.shape}, not {packing.dtype} {band.values.shape}"
        raise GranuleError(f"{path}: {what} is {found}; fetch it again or remove it")
    scale, offset = band.scale, band.offset
    if not band.declares_scale and band.values.dtype.kind != "f":
        scale, offset = packing.scale, packing.offset
    low, high = (bound * packing.scale + packing.offset for bound in packing.valid)
    values = (np.where(band.missing, np.nan, band.values.astype(np.float64)) * scale + offset).astype(np.float32)
    values[(values < low - 1e-3) | (values > high + 1e-3)] = np.nan
    return values


def _same(found: Any, value: Any) -> bool:
    try:
        found, value = np.asarray(found, float), np.asarray(value, float)
    except (TypeError, ValueError):
        return False
    return found.shape == value.shape and np.allclose(found, value, rtol=1e-9)


def _collection(packing: Packing) -> str:
    return "collection 6 or 6.1 of MODIS, 2 of VIIRS" if packing.dtype == "uint16" else "collection 6 or 6.1"


@functools.cache
def _table(packing: Packing) -> NDArray[np.float32]:
    """The value of every number."""
    return _unpacked(np.arange(np.iinfo(packing.dtype).max + 1, dtype=packing.dtype), packing)


def _unpacked(stored: NDArray[Any], packing: Packing) -> NDArray[np.float32]:
    values = (stored * np.float64(packing.scale) + packing.offset).astype(np.float32)
    inside = (stored >= packing.valid[0]) & (stored <= packing.valid[1]) & ~np.isin(stored, packing.fill)
    return np.where(inside, values, np.float32(np.nan))
