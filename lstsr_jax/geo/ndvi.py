"""NDVI of the 16-day products, at 1 km, 500 m or 250 m, from HDF-EOS granules or GeoTIFF."""

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
from lstsr_jax.geo.free_names import said_by
from lstsr_jax.geo.geotiff import read_band
from lstsr_jax.geo.grid import SINUSOIDAL
from lstsr_jax.geo.hdf import open_hdf
from lstsr_jax.geo.identify import unknown_file
from lstsr_jax.geo.layer_file import place_band
from lstsr_jax.geo.names import HDF_SUFFIXES, NAME_FORM, NETCDF_SUFFIXES, TIFF_SUFFIXES
from lstsr_jax.geo.netcdf import band_of, describe_dates, frame_of, product_inside
from lstsr_jax.geo.physical import NDVI_PHYSICAL, ndvi_of_band, require_valid
from lstsr_jax.geo.place import require_product
from lstsr_jax.geo.products import NDVI_EXPECTED, NDVI_PRODUCTS, NdviProduct, describe_product
from lstsr_jax.geo.stored import require_packing, values_of

NDVI_VALID: Final = NDVI_PRODUCTS["MOD13A2"].packing.valid
PERIOD_DAYS: Final = 16


@dataclasses.dataclass(frozen=True, eq=False)
class NdviScene:
    """NDVI of one 16-day period over one tile, or over a window of the grid.

    Attributes:
        ndvi: (H, W) float32, -0.2..1; NaN where there is none, and on water below -0.2.
        transform: (column, row) to metres of ``crs``.
        crs: coordinate reference system.
        date: first day of the period.
        tile: such as "h18v04"; "h28v11-h31v12" for a window across tiles.
        product: such as "MOD13A2".
        granule: the granule's id; of another file its name without the layer's.
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
    """First day of the 16-day period that holds ``date``: days 1, 17, ... 353 of a year."""
    day = date.timetuple().tm_yday
    return date - datetime.timedelta(days=(day - 1) % PERIOD_DAYS)


def read_ndvi(
    path: str | Path, reliability: Collection[int] | None = None, *, near: datetime.date | None = None
) -> NdviScene:
    """Read a 16-day NDVI layer.

    Args:
        path: a granule of a product of ``NDVI_PRODUCTS`` (.hdf, .h5), or its NDVI layer as GeoTIFF, such as
            ``<granule>_1_km_16_days_NDVI.tif`` or AppEEARS's, or a netCDF of AppEEARS or OPeNDAP.
        reliability: ranks of the pixel reliability layer to keep, where there is one (granules only). None for the
            product's usual ones: of MOD13 0 good, 1 marginal and 2 snow, not 3 cloudy and -1 not processed; of VNP13
            and VJ113 0 excellent to 6 poor and 8 snow.
        near: of a netCDF of several periods the one that holds this day or lies nearest to it.

    Returns:
        The scene.

    Raises:
        GranuleError: the file is missing, damaged, of another product, not georeferenced or without NDVI.
    """
    path = Path(path)
    if path.suffix.lower() in HDF_SUFFIXES:
        return _read_granule(path, reliability)
    if path.suffix.lower() in NETCDF_SUFFIXES:
        return _read_netcdf(path, reliability, near)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _read_tiff(path)
    raise unknown_file(
        path, "neither .hdf, .h5, .nc nor .tif", "give a MOD13, VNP13 or VJ113 granule or its NDVI layer"
    )


def _read_granule(path: Path, reliability: Collection[int] | None) -> NdviScene:
    with open_hdf(path) as file:
        name = file.name()
        row = _row(path, name.product)
        data = file.read(row.layer)
        shape = data.values.shape[0], data.values.shape[1]
        transform = file.transform(shape, name.tile, row.pixels)
        rank = file.read(row.reliability).values if row.reliability in file.names else None
    attributes = dict(data.attributes)
    scale = attributes.get("scale_factor")
    if isinstance(scale, float | int) and scale > 1:  # MOD13 divides by it
        attributes["scale_factor"] = 1 / scale
    require_packing(path, "NDVI", data.values.dtype, attributes, row.packing)
    fills = np.isin(data.values, row.packing.fill)
    require_valid(
        path, row.layer, np.where(fills, row.packing.fill[0], data.values), row.packing.valid, row.packing.fill[0]
    )
    ndvi = values_of(data.values, row.packing)
    ndvi[ndvi < np.float32(NDVI_PHYSICAL[0])] = np.nan
    if rank is not None:
        if rank.shape != shape:
            raise GranuleError(f"{path}: {row.reliability} has shape {rank.shape}, not {shape}; download it again")
        ndvi[~np.isin(rank, list(row.ranks if reliability is None else reliability))] = np.nan
    return NdviScene(ndvi, transform, SINUSOIDAL, name.date, name.tile, row.name, name.granule, path)


def _read_netcdf(path: Path, reliability: Collection[int] | None, near: datetime.date | None) -> NdviScene:
    said = said_by(path)
    with open_hdf(path) as file:
        row = _row(path, product_inside(file) or said.product or "an unnamed product")
        names = {name.strip("_").replace(" ", "_"): name for name in file.names}
        key, rank_key = (name.replace(" ", "_") for name in (row.layer, row.reliability))
        if key not in names:
            raise GranuleError(f"{path}: no variable {key}, only {', '.join(file.names[:6])}; {NDVI_EXPECTED}")
        frame = frame_of(path, file, names[key], said, row.pixels)
        if near is None and len(frame.dates) > 1:
            raise GranuleError(f"{path}: {describe_dates(frame.dates)}; choose the nearest with near=")
        date = frame.dates[0] if near is None else min(frame.dates, key=lambda day: (days_between(day, near), day))
        band = band_of(frame, file, names[key], date)
        rank = band_of(frame, file, names[rank_key], date).values if rank_key in names else None
    placement = place_band(path, band, None, row.pixels)
    ndvi: NDArray[Any] = placement.settle(ndvi_of_band(path, band), np.nan)
    if rank is not None:
        kept = np.isin(rank, list(row.ranks if reliability is None else reliability))
        ndvi[~placement.settle(kept, False)] = np.nan
    return NdviScene(
        ndvi, placement.transform, placement.crs, date, placement.tile, row.name, f"{path.stem}_A{date:%Y%j}", path
    )


def days_between(first: datetime.date, date: datetime.date) -> int:
    """Days between ``date`` and the 16-day period that starts on ``first``; zero inside it."""
    days = (date - first).days
    return max(-days, days - (PERIOD_DAYS - 1), 0)


def _read_tiff(path: Path) -> NdviScene:
    said = said_by(path)
    if said.product is None or said.date is None:
        known = " and ".join(key for key in ("product", "date") if getattr(said, key) is None)
        form = NAME_FORM.replace("MOD11A1", "MOD13A2").replace("_LST_Day_1km", "_1_km_16_days_NDVI")
        reason = f"{path.name}: its name does not say the {known}; a name says both as {form} or as AppEEARS writes it"
        raise unknown_file(path, reason, NDVI_EXPECTED)
    row = _row(path, said.product)
    if not (said.layer or "").endswith("NDVI"):
        raise GranuleError(f"{path}: not an NDVI layer; give <granule>_{row.layer.replace(' ', '_')}.tif")
    band = read_band(path)
    require_product(path, band.tags, row.name)
    placement = place_band(path, band, said.tile, row.pixels)
    ndvi: NDArray[Any] = placement.settle(ndvi_of_band(path, band), np.nan)
    return NdviScene(ndvi, placement.transform, placement.crs, said.date, placement.tile, row.name, said.granule, path)


def _row(path: Path, product: str) -> NdviProduct:
    if product not in NDVI_PRODUCTS:
        raise GranuleError(f"{path}: product {describe_product(product)} is not NDVI; {NDVI_EXPECTED}")
    return NDVI_PRODUCTS[product]
