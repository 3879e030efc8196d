"""Products on disk: their names, their three formats, and the tags that say how they were made."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from lstsr_jax.errors import InputError
from lstsr_jax.files import replacing, replacing_directory
from lstsr_jax.geo import write_raster
from lstsr_jax.product.fine import FineScene

SUFFIX = {"cog": ".tif", "netcdf": ".nc", "zarr": ".zarr"}
_BLOCK = 512


def output_path(directory: Path, granule: str, overpass: str, factor: int, format: str) -> Path:
    """Where a product goes, such as ``<granule>_LST_Day_250m.tif``."""
    return directory / f"{granule}_LST_{overpass.capitalize()}_{1000 // factor}m{SUFFIX[format]}"


def quality_path(path: Path) -> Path:
    """The quality layer beside a COG: its name with ``QC`` for ``LST``."""
    return path.with_name(path.name.replace("_LST_", "_QC_"))


def require_format(format: str) -> None:
    """Refuse a format whose libraries are not installed, before any work.

    Raises:
        InputError: with the command that installs them.
    """
    wanted = {"cog": (), "netcdf": ("xarray", "rioxarray", "h5netcdf", "h5py"), "zarr": ("xarray", "rioxarray", "zarr")}
    for name in wanted[format]:
        try:
            importlib.import_module(name)
        except ImportError:
            raise InputError(f"`format` {format}: needs {name}; run pip install 'lstsr-jax[netcdf]'") from None


def write(path: Path, fine: FineScene, format: str, packed: bool, tags: Mapping[str, str]) -> None:
    """Write a product; the file called ``path`` comes last, so that where it is, all of it is.

    Args:
        path: from :func:`output_path`.
        fine: what to write.
        format: ``"cog"``, ``"netcdf"`` or ``"zarr"``.
        packed: uint16 in steps of 0.02 K in place of float32.
        tags: metadata.
    """
    _WRITERS[format](path, fine, packed, tags)


def read_tags(path: Path) -> dict[str, str]:
    """The tags of a product.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        if path.suffix == ".tif":
            with rasterio.open(path) as file:
                return dict(file.tags())
        import xarray

        engine: Any = "zarr" if path.suffix == ".zarr" else "h5netcdf"
        with xarray.open_dataset(path, engine=engine) as file:
            return {key: str(value) for key, value in file.attrs.items()}
    except Exception as error:  # whatever a library says of a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: unreadable ({reason}); redo it with `overwrite`") from error


def _write_cog(path: Path, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
    if fine.quality is not None:
        legend = {"quality_scheme": fine.source.scheme.name, "quality_legend": fine.source.scheme.legend}
        described = {**tags, **legend}
        write_raster(quality_path(path), fine.quality, fine.transform, fine.crs, tags=described, descriptions=["QC"])
    bands = fine.bands
    array = fine.lst if len(bands) == 1 else np.stack(list(bands.values()))
    write_raster(
        path, array, fine.transform, fine.crs, tags={**tags, "units": "K"}, packed=packed, descriptions=list(bands)
    )


def _write_netcdf(path: Path, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
    from lstsr_jax.product.cf import to_dataset

    dataset = to_dataset(fine, tags)
    encoding = {
        str(name): {
            **_stored(str(name), packed, variable.dtype),
            "zlib": True,
            "complevel": 4,
            "chunksizes": tuple(min(_BLOCK, side) for side in variable.shape),
        }
        for name, variable in dataset.data_vars.items()
        if variable.ndim == 2
    }
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def _write_zarr(path: Path, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
    from lstsr_jax.product.cf import to_dataset

    dataset = to_dataset(fine, tags)
    encoding = {
        str(name): {
            **_stored(str(name), packed, variable.dtype),
            "chunks": tuple(min(_BLOCK, side) for side in variable.shape),
        }
        for name, variable in dataset.data_vars.items()
        if variable.ndim == 2
    }
    with replacing_directory(path) as temporary:
        dataset.to_zarr(temporary, mode="w", zarr_format=2, consolidated=True, encoding=encoding)


def _stored(name: str, packed: bool, dtype: np.dtype[Any]) -> dict[str, Any]:
    """How a variable is stored."""
    if name == "qc":
        return {"dtype": dtype.name}
    if packed:
        return {"dtype": "uint16", "scale_factor": 0.02, "add_offset": 0.0, "_FillValue": np.uint16(0)}
    return {"dtype": "float32", "_FillValue": np.float32(np.nan)}


_WRITERS: dict[str, Callable[[Path, FineScene, bool, Mapping[str, str]], None]] = {
    "cog": _write_cog,
    "netcdf": _write_netcdf,
    "zarr": _write_zarr,
}
