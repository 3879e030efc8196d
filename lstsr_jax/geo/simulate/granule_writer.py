"""Simulated granules as files, in every container that is read."""

import datetime
from pathlib import Path
from typing import Final, Literal

import numpy as np

from lstsr_jax.geo.grid import SINUSOIDAL, refine_transform
from lstsr_jax.geo.names import parse_name
from lstsr_jax.geo.ndvi import NDVI_VALID, PERIOD_DAYS, period_start
from lstsr_jax.geo.physical import ELEVATION_GAPS, NDVI_FILL, NDVI_SCALE
from lstsr_jax.geo.products import PRODUCTS
from lstsr_jax.geo.raster import write_raster
from lstsr_jax.geo.simulate.granule import FACTOR, SimulatedGranule
from lstsr_jax.geo.simulate.hdf4_writer import write_hdf4
from lstsr_jax.geo.simulate.hdf5_writer import write_hdf5
from lstsr_jax.geo.simulate.layers import specs_of
from lstsr_jax.geo.simulate.subset_writer import write_appeears, write_netcdf

Format = Literal["hdf4", "hdf5", "cog", "appeears", "netcdf", "opendap"]
_REMARK: Final = "simulated by lstsr-jax: not an observation"


def write_granule(
    simulated: SimulatedGranule,
    directory: str | Path,
    format: Format | None = None,
    *,
    ndvi: bool = False,
    elevation: bool = False,
) -> list[Path]:
    """Write a simulated granule under the names of the archive, or of AppEEARS.

    Args:
        simulated: from ``simulate_granule``.
        directory: where; made if needed. Files of the same names are replaced.
        format: None: as the archive has the product, "hdf4" (``<granule>.hdf``) or "hdf5" (``<granule>.h5``). "cog":
            ``<granule>_<layer>.tif`` for each layer. "appeears": a GeoTIFF in longitude and latitude for each layer of
            an overpass; "netcdf": all of them in one netCDF. "opendap": a netCDF on the native grid, LST in float
            kelvin.
        ndvi: also write the NDVI of the 16-day period as ``MOD13A2..._1_km_16_days_NDVI.tif`` and
            ``MOD13Q1..._250m_16_days_NDVI.tif``.
        elevation: also write the elevation at 250 m as ``<tile>_elevation.tif``, in whole metres.

    Returns:
        The files, granule first.

    Raises:
        ValueError: another format.
    """
    directory, row = Path(directory), PRODUCTS[simulated.product]
    format = row.container if format is None else format
    if format in ("hdf4", "hdf5"):
        if format != row.container:
            raise ValueError(f"format of {row.name} must be {row.container!r} or a subset's, got {format!r}")
        path = directory / f"{simulated.granule}{'.hdf' if format == 'hdf4' else '.h5'}"
        write = write_hdf4 if format == "hdf4" else write_hdf5
        paths = [write(path, parse_name(path), simulated.layers, simulated.transform, _remark(simulated))]
    elif format == "cog":
        paths = [_write_layer(simulated, directory, key) for key in specs_of(row.name)]
    elif format == "appeears":
        paths = write_appeears(simulated, directory)
    elif format in ("netcdf", "opendap"):
        directory.mkdir(parents=True, exist_ok=True)
        place = f"{row.name}.{row.collection}_1km_aid0001" if format == "netcdf" else simulated.granule
        paths = [write_netcdf([simulated], directory / f"{place}.nc", native=format == "opendap")]
    else:
        raise ValueError(
            f"format must be 'hdf4' or 'cog', or 'hdf5', 'appeears', 'netcdf', 'opendap' or None; got {format!r}"
        )
    paths += _write_ndvi(simulated, directory) if ndvi else []
    return paths + ([_write_elevation(simulated, directory)] if elevation else [])


def _write_layer(simulated: SimulatedGranule, directory: Path, key: str) -> Path:
    spec = specs_of(simulated.product)[key]
    return write_raster(
        directory / f"{simulated.granule}_{key}.tif",
        simulated.layers[key],
        simulated.transform,
        SINUSOIDAL,
        nodata=None if isinstance(spec.fill, str) else spec.fill,
        scale=spec.scale,
        offset=spec.offset or 0.0,
        tags={"long_name": spec.long_name, "remark": _remark(simulated)},
    )


def _write_ndvi(simulated: SimulatedGranule, directory: Path) -> list[Path]:
    start = period_start(simulated.date)
    produced = start + datetime.timedelta(days=PERIOD_DAYS + 2)
    suffix = f"A{start:%Y%j}.{simulated.tile}.061.{produced:%Y%j}120000"
    size = simulated.size
    coarse = simulated.ndvi.reshape(size, FACTOR, size, FACTOR).mean(axis=(1, 3))
    fine_transform = refine_transform(simulated.transform, FACTOR)
    products = (
        ("13A2", "1_km", coarse, simulated.transform),
        ("13Q1", "250m", simulated.ndvi, fine_transform),
    )
    return [
        write_raster(
            directory / f"MOD{product}.{suffix}_{resolution}_16_days_NDVI.tif",
            np.clip(np.rint(values / NDVI_SCALE), *NDVI_VALID).astype(np.int16),
            transform,
            SINUSOIDAL,
            nodata=NDVI_FILL,
            scale=NDVI_SCALE,
            tags={"remark": _remark(simulated)},
        )
        for product, resolution, values, transform in products
    ]


def _write_elevation(simulated: SimulatedGranule, directory: Path) -> Path:
    return write_raster(
        directory / f"{simulated.tile}_elevation.tif",
        np.rint(simulated.elevation).astype(np.int16),
        refine_transform(simulated.transform, FACTOR),
        SINUSOIDAL,
        nodata=ELEVATION_GAPS[0],
        tags={"units": "m", "remark": _remark(simulated)},
    )


def _remark(simulated: SimulatedGranule) -> str:
    return f"{_REMARK} (seed {simulated.seed}, place {simulated.place_seed})"
