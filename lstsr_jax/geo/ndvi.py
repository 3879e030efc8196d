"""NDVI of the 16-day products MOD13A2 (1 km) and MOD13Q1 (250 m), from HDF4-EOS or GeoTIFF."""

import dataclasses
import datetime
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import read_band
from lstsr_jax.geo.grid import SINUSOIDAL, TILE_PIXELS
from lstsr_jax.geo.hdf4 import Dataset, open_hdf4
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.names import HDF4_SUFFIX, TIFF_SUFFIXES, GranuleName, UnknownNameError, parse_name
from lstsr_jax.geo.physical import NDVI_FILL, NDVI_SCALE, ndvi_of_band, require_valid
from lstsr_jax.geo.place import require_grid, require_product
from lstsr_jax.geo.products import NDVI_EXPECTED, NDVI_PRODUCTS, describe_product

NDVI_VALID: Final = (-2000, 10000)
PERIOD_DAYS: Final = 16


@dataclasses.dataclass(frozen=True, eq=False)
class NdviScene:
    """NDVI of one 16-day period over one tile.

    Attributes:
        ndvi: (H, W) float32, -0.2..1; NaN where there is none.
        transform: (column, row) to metres of `crs`.
        crs: coordinate reference system.
        date: first day of the period.
        tile: such as "h18v04".
        product: such as "MOD13A2".
        granule: the granule's id.
        path: the file it was read from.
    """

    ndvi: NDArray[np.float32]
    transform: Affine
    crs: CRS
    date: datetime.date
    tile: str
    product: str
    granule: str
    path: Path


def period_start(date: datetime.date) -> datetime.date:
    """First day of the 16-day period that holds `date`: days 1, 17, ... 353 of a year."""
    day = date.timetuple().tm_yday
    return date - datetime.timedelta(days=(day - 1) % PERIOD_DAYS)


def read_ndvi(path: str | Path, reliability: Collection[int] = (0, 1, 2)) -> NdviScene:
    """Read a 16-day NDVI layer.

    Args:
        path: MOD13A2 or MOD13Q1 (or MYD13) as .hdf, or its layer `<granule>_1_km_16_days_NDVI.tif` or
            `<granule>_250m_16_days_NDVI.tif`.
        reliability: ranks of the pixel reliability layer to keep, where there is one (HDF4 only): 0 good,
            1 marginal, 2 snow or ice, 3 cloudy, -1 not processed. Snow is kept: its low NDVI is real.

    Returns:
        The scene.

    Raises:
        GranuleError: the file is missing, damaged, of another product, not georeferenced or without NDVI.
    """
    path = Path(path)
    if path.suffix.lower() == HDF4_SUFFIX:
        return _read_hdf4(path, reliability)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _read_tiff(path)
    raise unknown_file(path, "neither .hdf nor .tif", "give a MOD13A2 or MOD13Q1 granule or its NDVI layer")


def _read_hdf4(path: Path, reliability: Collection[int]) -> NdviScene:
    with open_hdf4(path) as file:
        name = file.name()
        prefix = _prefix(path, name)
        data = file.read(f"{prefix} NDVI")
        shape = data.values.shape[0], data.values.shape[1]
        transform = file.transform(shape, name.tile, _tile_pixels(name))
        layer = f"{prefix} pixel reliability"
        rank = file.read(layer).values if layer in file.names else None
    _check_attributes(path, data)
    require_valid(path, f"{prefix} NDVI", data.values, NDVI_VALID, NDVI_FILL)
    ndvi = to_ndvi(data.values)
    if rank is not None:
        if rank.shape != shape:
            raise GranuleError(f"{path}: {layer} has shape {rank.shape}, not {shape}; download it again")
        ndvi[~np.isin(rank, list(reliability))] = np.nan
    return _scene(path, name, ndvi, transform, SINUSOIDAL)


def _read_tiff(path: Path) -> NdviScene:
    try:
        name = parse_name(path)
    except UnknownNameError as error:
        reason = str(error).replace("MOD11A1", "MOD13A2").replace("_LST_Day_1km", "_1_km_16_days_NDVI")
        raise unknown_file(path, reason, NDVI_EXPECTED) from None
    _prefix(path, name)
    if not (name.layer or "").endswith("16_days_NDVI"):
        raise GranuleError(f"{path}: not an NDVI layer; give <granule>_1_km_16_days_NDVI.tif")
    band = read_band(path)
    require_product(path, band.tags, name.product)
    shape = band.values.shape[0], band.values.shape[1]
    require_grid(path, band.crs, band.transform, shape, name.tile, _tile_pixels(name))
    return _scene(path, name, ndvi_of_band(path, band), band.transform, band.crs)


def _tile_pixels(name: GranuleName) -> int:
    """Pixels along the side of a tile of a 1 km (A2) or 250 m (Q1) product."""
    return 4 * TILE_PIXELS if name.product.endswith("Q1") else TILE_PIXELS


def to_ndvi(stored: NDArray[Any]) -> NDArray[np.float32]:
    """NDVI of the product's 16-bit numbers: 0.0001 each, NaN outside -2000..10000 (-3000 is fill)."""
    ndvi = (stored * np.float64(NDVI_SCALE)).astype(np.float32)
    return np.where((stored >= NDVI_VALID[0]) & (stored <= NDVI_VALID[1]), ndvi, np.float32(np.nan))


def _prefix(path: Path, name: GranuleName) -> str:
    if name.product not in NDVI_PRODUCTS:
        raise GranuleError(f"{path}: product {describe_product(name.product)} is not NDVI; {NDVI_EXPECTED}")
    return "250m 16 days" if name.product.endswith("Q1") else "1 km 16 days"


def _check_attributes(path: Path, data: Dataset) -> None:
    """Refuse a granule whose numbers mean something else than MOD13's."""
    factor = float(data.attributes.get("scale_factor", 1 / NDVI_SCALE))  # MOD13 divides by it
    scale = 1 / factor if factor > 1 else factor
    if abs(scale - NDVI_SCALE) > 1e-9:
        raise GranuleError(f"{path}: NDVI scale is {scale}, not {NDVI_SCALE}; use collection 6 or 6.1")
    for key, value in {"add_offset": 0.0, "valid_range": NDVI_VALID, "_FillValue": NDVI_FILL}.items():
        found = data.attributes.get(key, value)
        if not np.array_equal(np.asarray(found, float), np.asarray(value, float)):
            raise GranuleError(f"{path}: {key} of NDVI is {found}, not {value}; use collection 6 or 6.1")
    if data.values.dtype != np.int16:
        raise GranuleError(f"{path}: NDVI is {data.values.dtype}, not int16; use collection 6 or 6.1")


def _scene(path: Path, name: GranuleName, ndvi: NDArray[np.float32], transform: Affine, crs: CRS) -> NdviScene:
    return NdviScene(ndvi, transform, crs, name.date, name.tile, name.product, name.granule, path)
