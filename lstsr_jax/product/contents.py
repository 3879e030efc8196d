"""What a written product holds, read back from its file: what stands beside it is made of that alone."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Grid
from lstsr_jax.product.files import read_tags

LST, SPREAD, QUALITY = "lst", "lst_spread", "qc"
"""Names of bands: those of the variables in netCDF and Zarr."""


@dataclasses.dataclass(frozen=True)
class StoredBand:
    """A band as it is stored: value = number * scale + offset.

    Attributes:
        name: ``lst``, ``lst_spread`` or ``qc``.
        description: in words.
        dtype: of the numbers, such as "float32".
        nodata: number of "nothing here", which may be NaN; None if there is none.
        scale: of a step.
        offset: value of the number 0.
        unit: of the values, "" for codes.
        block: rows and columns of a block in the file.
    """

    name: str
    description: str
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    unit: str
    block: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Contents:
    """A file of a product.

    Attributes:
        grid: where it lies.
        tags: how it was made.
        bands: in their order; in netCDF and Zarr variables.
    """

    grid: Grid
    tags: Mapping[str, str]
    bands: tuple[StoredBand, ...]


def contents_of(path: Path) -> Contents:
    """Read what a file of a product holds, without its pixels.

    Args:
        path: of a product in any of its formats, or the quality layer beside a COG.

    Raises:
        InputError: if it cannot be read.
    """
    tags = read_tags(path)
    try:
        return _of_cog(path, tags) if path.suffix == ".tif" else _of_dataset(path, tags)
    except Exception as error:  # whatever a library says of a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: unreadable ({reason}); redo it with `overwrite`") from error


def _of_cog(path: Path, tags: Mapping[str, str]) -> Contents:
    with rasterio.open(path, driver="GTiff") as file:
        names = [QUALITY] if "quality_legend" in tags else [LST, SPREAD]
        bands = tuple(
            StoredBand(name, description or name, dtype, nodata, scale, offset, tags.get("units", ""), block)
            for name, description, dtype, nodata, scale, offset, block in zip(
                names[: file.count],
                file.descriptions,
                file.dtypes,
                file.nodatavals,
                file.scales,
                file.offsets,
                file.block_shapes,
                strict=True,
            )
        )
        return Contents(Grid((file.height, file.width), file.transform, file.crs), tags, bands)


def _of_dataset(path: Path, tags: Mapping[str, str]) -> Contents:
    import xarray

    engine: Any = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    with xarray.open_dataset(path, engine=engine, mask_and_scale=False, decode_times=False) as file:
        place = file["spatial_ref"].attrs
        left, a, b, top, d, e = map(float, place["GeoTransform"].split())
        bands = []
        for name in (LST, SPREAD, QUALITY):
            if name in file:
                said = file[name].attrs
                fill = said.get("_FillValue")
                bands.append(
                    StoredBand(
                        name,
                        str(said["long_name"]),
                        np.dtype(file[name].dtype).name,
                        None if fill is None else float(fill),
                        float(said.get("scale_factor", 1.0)),
                        float(said.get("add_offset", 0.0)),
                        str(said.get("units", "")),
                        (file[name].shape[0], file[name].shape[1]),
                    )
                )
        height, width = file[LST].shape
        grid = Grid((height, width), Affine(a, b, left, d, e, top), CRS.from_wkt(place["crs_wkt"]))
    return Contents(grid, tags, tuple(bands))
