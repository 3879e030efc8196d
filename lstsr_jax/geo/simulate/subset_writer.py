"""Simulated granules as the archive's subsetters give them: AppEEARS GeoTIFF and netCDF, OPeNDAP netCDF."""

import datetime
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.files import replacing
from lstsr_jax.geo.grid import EARTH_RADIUS_M, PIXEL_M, TILE_PIXELS, lonlat_to_sinusoidal, sinusoidal_to_lonlat
from lstsr_jax.geo.products import PRODUCTS
from lstsr_jax.geo.raster import write_raster
from lstsr_jax.geo.simulate.granule import SimulatedGranule
from lstsr_jax.geo.simulate.layers import specs_of

_DEGREES: Final = 10 / TILE_PIXELS
_ORIGIN: Final = datetime.date(2000, 1, 1)


def write_appeears(simulated: SimulatedGranule, directory: Path) -> list[Path]:
    """Write a GeoTIFF in longitude and latitude, by nearest neighbour, for each layer of an overpass.

    Args:
        simulated: the granule.
        directory: where.

    Returns:
        The files, named as AppEEARS names them.
    """
    row, place = PRODUCTS[simulated.product], f"doy{simulated.date:%Y%j}000000_aid0001"
    transform, rows, columns = _lonlat(simulated.transform, simulated.size)
    paths = []
    for key in _layers(simulated.product):
        spec, values = specs_of(row.name)[key], simulated.layers[key]
        numeric = not isinstance(spec.fill, str)
        kind = values.dtype if numeric else np.dtype(np.int16 if values.dtype == np.uint8 else np.int32)
        fill = -999 if isinstance(spec.fill, str) else spec.fill
        copied = _copied(values.astype(kind), rows, columns, fill)
        name = f"{row.name}.{row.collection}_{key}_{place}.tif"
        scale, offset = (spec.scale, spec.offset or 0.0) if numeric else (None, 0.0)
        paths.append(
            write_raster(
                directory / name, copied, transform, CRS.from_epsg(4326), nodata=float(fill), scale=scale, offset=offset
            )
        )
    return paths


def write_netcdf(granules: Sequence[SimulatedGranule], path: Path, *, native: bool) -> Path:
    """Write the days of one place and product into a netCDF-4.

    Args:
        granules: of one product, tile and size.
        path: the file.
        native: as OPeNDAP, on the sinusoidal grid, coordinates of pixel corners, LST in float kelvin. Else as AppEEARS,
            in longitude and latitude, in stored numbers.

    Returns:
        The path.
    """
    first = granules[0]
    row = PRODUCTS[first.product]
    transform, rows, columns = _lonlat(first.transform, first.size)
    shape = (first.size, first.size) if native else (rows.shape[0], columns.shape[1])
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        doi = f"10.5067/{'MODIS' if row.container == 'hdf4' else 'VIIRS'}/{row.name}.{row.collection}"
        if native:
            file.attrs["identifier_product_doi"] = np.bytes_(doi)
        else:
            file.attrs["title"] = np.bytes_(f"{row.name}.{row.collection} for aid0001")
        names = ("YDim", "XDim") if native else ("lat", "lon")
        place = first.transform if native else transform
        half = 0.0 if native else 0.5
        coordinates = (
            place.f + place.e * (np.arange(shape[0]) + half),
            place.c + place.a * (np.arange(shape[1]) + half),
        )
        standard = ("projection_y_coordinate", "projection_x_coordinate") if native else ("latitude", "longitude")
        units = ("meter", "meter") if native else ("degrees_north", "degrees_east")
        for name, values, title, unit in zip(names, coordinates, standard, units, strict=True):
            _axis(file, name, values, {"standard_name": title, "units": unit})
        days = np.array([(granule.date - _ORIGIN).days for granule in granules], np.float64)
        _axis(file, "time", days, {"units": "days since 2000-01-01 00:00:00"})
        if native:
            projection = file.create_dataset("eos_cf_projection", data=np.uint8(0))
            projection.attrs["earth_radius"] = np.array([EARTH_RADIUS_M])
        for key in _layers(row.name):
            spec = specs_of(row.name)[key]
            is_lst = key in [layers.lst for layers in row.layers.values()]
            stack: NDArray[Any] = np.stack([granule.layers[key] for granule in granules])
            fill: float = -999 if isinstance(spec.fill, str) else spec.fill
            if native and is_lst:
                stack = (stack * np.float64(spec.scale or 1)).astype(np.float32)
            else:
                stack = stack.astype(np.int32)
                if not native:
                    stack = np.stack([_copied(values, rows, columns, fill) for values in stack])
            found = file.create_dataset(key, data=stack, compression="gzip")
            for axis, name in enumerate(("time", *names)):
                found.dims[axis].attach_scale(file[name])
            found.attrs["_FillValue"] = np.array([fill], stack.dtype)
            if spec.units is not None:
                found.attrs["units"] = np.bytes_(spec.units)
            if spec.scale is not None and not (native and is_lst):
                found.attrs["scale_factor"] = np.array([spec.scale])
                found.attrs["add_offset"] = np.array([spec.offset or 0.0])
    return path


def _layers(product: str) -> list[str]:
    """The names of a product's LST, quality and view layers."""
    found: list[str] = []
    for layers in PRODUCTS[product].layers.values():
        found += (layers.lst, layers.quality, layers.view_time, layers.view_angle)
    return found


def _axis(file: h5py.File, name: str, values: NDArray[np.float64], attributes: dict[str, str]) -> None:
    found = file.create_dataset(name, data=values)
    found.make_scale(name)
    for key, text in attributes.items():
        found.attrs[key] = np.bytes_(text)


def _lonlat(transform: Affine, size: int) -> tuple[Affine, NDArray[np.int64], NDArray[np.int64]]:
    """A raster in longitude and latitude that covers a native window, and the native row and column of its pixels."""
    left, top = transform.c, transform.f
    right, bottom = left + PIXEL_M * size, top - PIXEL_M * size
    corners = np.meshgrid((left, right), np.linspace(bottom, top, 64))
    lon, lat = sinusoidal_to_lonlat(*corners)
    west = math.floor(float(np.nanmin(lon)) / _DEGREES + 1e-6)
    east = math.ceil(float(np.nanmax(lon)) / _DEGREES - 1e-6)
    north = round(float(np.nanmax(lat)) / _DEGREES)
    place = Affine(_DEGREES, 0.0, west * _DEGREES, 0.0, -_DEGREES, north * _DEGREES)
    x, y = lonlat_to_sinusoidal(
        (west + np.arange(east - west) + 0.5) * _DEGREES, (north - np.arange(size)[:, None] - 0.5) * _DEGREES
    )
    columns = np.floor((x - left) / PIXEL_M).astype(np.int64)
    rows = np.broadcast_to(np.floor((top - y) / PIXEL_M).astype(np.int64), columns.shape)
    return place, rows, columns


def _copied(values: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64], fill: float) -> NDArray[Any]:
    """Values at rows and columns, the fill outside."""
    height, width = values.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = values[np.where(inside, rows, 0), np.where(inside, columns, 0)]
    return np.where(inside, found, np.asarray(fill, values.dtype))
