"""Products on disk: their names, their three formats, and the tags that say how they were made."""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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
    granule, _, layer = path.name.rpartition("_LST_")  # of a free name the granule may hold the letters too
    return path.with_name(f"{granule}_QC_{layer}")


def picture_path(path: Path) -> Path:
    """The picture beside a product: its name with the suffix ``.png``."""
    return path.with_suffix(".png")


class Parts(NamedTuple):
    """The files of a product, under temporary names.

    Attributes:
        product: the map.
        quality: its quality layer; None if it has no file of its own.
        picture: of the map; None if none is drawn.
    """

    product: Path
    quality: Path | None
    picture: Path | None


@contextlib.contextmanager
def replacing_product(path: Path, *, quality: bool, picture: bool) -> Iterator[Parts]:
    """Write the files of a product under temporary names; they take their own only if the block succeeds.

    ``path`` comes last, so that where it is, all of it is. A quality layer or picture of an older product that has no
    successor is removed.

    Args:
        path: from :func:`output_path`.
        quality: whether a quality layer is written beside it.
        picture: whether a picture is drawn.

    Yields:
        The temporary names.
    """
    with replacing_directory(path) if path.suffix == SUFFIX["zarr"] else replacing(path) as product:
        with contextlib.ExitStack() as beside:
            drawn = beside.enter_context(replacing(picture_path(path))) if picture else None
            codes = beside.enter_context(replacing(quality_path(path))) if quality else None
            yield Parts(product, codes, drawn)
        if not quality and path.suffix == SUFFIX["cog"]:
            quality_path(path).unlink(missing_ok=True)
        if not picture and not _shared(path):
            picture_path(path).unlink(missing_ok=True)


def _shared(path: Path) -> bool:
    """Whether a picture beside a product that is not there yet is that of the same in another format."""
    return not path.exists() and any(path.with_suffix(suffix).exists() for suffix in SUFFIX.values())


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


def write(parts: Parts, fine: FineScene, format: str, packed: bool, tags: Mapping[str, str]) -> None:
    """Write the map of a product, and its quality layer.

    Args:
        parts: from :func:`replacing_product`.
        fine: what to write.
        format: ``"cog"``, ``"netcdf"`` or ``"zarr"``.
        packed: uint16 in steps of 0.02 K in place of float32.
        tags: metadata.
    """
    _WRITERS[format](parts, fine, packed, tags)


def read_tags(path: Path) -> dict[str, str]:
    """The tags of a product.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        if path.suffix == ".tif":
            with rasterio.open(path, driver="GTiff") as file:
                return dict(file.tags())
        import xarray

        engine: Any = "zarr" if path.suffix == ".zarr" else "h5netcdf"
        with xarray.open_dataset(path, engine=engine) as file:
            return {key: str(value) for key, value in file.attrs.items()}
    except Exception as error:  # whatever a library says of a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: unreadable ({reason}); redo it with `overwrite`") from error


def has_quality_file(fine: FineScene, format: str) -> bool:
    """Whether the quality codes of a product are in a file of their own."""
    return format == "cog" and fine.quality is not None


def _write_cog(parts: Parts, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
    if parts.quality is not None and fine.quality is not None:
        legend = {"quality_scheme": fine.source.scheme.name, "quality_legend": fine.source.scheme.legend}
        described = {**tags, **legend}
        write_raster(parts.quality, fine.quality, fine.transform, fine.crs, tags=described, descriptions=["QC"])
    bands = fine.bands
    array = fine.lst if len(bands) == 1 else np.stack(list(bands.values()))
    described = {**tags, "units": "K"}
    write_raster(
        parts.product, array, fine.transform, fine.crs, tags=described, packed=packed, descriptions=list(bands)
    )


def _write_netcdf(parts: Parts, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
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
    dataset.to_netcdf(parts.product, engine="h5netcdf", encoding=encoding)


def _write_zarr(parts: Parts, fine: FineScene, packed: bool, tags: Mapping[str, str]) -> None:
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
    dataset.to_zarr(parts.product, mode="w", zarr_format=2, consolidated=True, encoding=encoding)


def _stored(name: str, packed: bool, dtype: np.dtype[Any]) -> dict[str, Any]:
    """How a variable is stored."""
    if name == "qc":
        return {"dtype": dtype.name}
    if packed:
        return {"dtype": "uint16", "scale_factor": 0.02, "add_offset": 0.0, "_FillValue": np.uint16(0)}
    return {"dtype": "float32", "_FillValue": np.float32(np.nan)}


_WRITERS: dict[str, Callable[[Parts, FineScene, bool, Mapping[str, str]], None]] = {
    "cog": _write_cog,
    "netcdf": _write_netcdf,
    "zarr": _write_zarr,
}
