"""What a file is by its content, for the message that refuses it."""

from pathlib import Path

from rasterio.errors import RasterioError

from lstsr_jax.geo.content import hdf5_content, kind_of
from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import quiet
from lstsr_jax.geo.grid import PIXEL_M
from lstsr_jax.geo.names import HDF_SUFFIXES, TIFF_SUFFIXES
from lstsr_jax.geo.openable import geotiff
from lstsr_jax.geo.place import PIXEL_TOLERANCE, is_sinusoidal, projection_name
from lstsr_jax.geo.products import foreign_kind


def unknown_file(path: Path, reason: str, expected: str) -> GranuleError:
    """The error of a file whose name does not say that it is what is expected; it tells what its content is.

    Args:
        path: the file; it need not exist.
        reason: what is wrong with the name.
        expected: the remedy.

    Returns:
        The error, to be raised. It never says to rename a file that is something else.
    """
    reason = reason.removeprefix(f"{path.name}: ")
    content = _content(path)
    if content is None:
        remedy = "" if "; " in reason else f"; {expected}"
        return GranuleError(f"{path}: {reason}{remedy}")
    return GranuleError(f"{path}: {content}; {expected}")


def _content(path: Path) -> str | None:
    """What a file is, if it is something that no name could make right; None where its name is all that is odd."""
    by_name = foreign_kind(path.name)
    try:
        with path.open("rb") as file:
            kind = kind_of(file.read(8))
        holds = hdf5_content(path)
    except OSError:
        return by_name
    if holds is not None:
        return f"is {holds}; give it the suffix .h5 or .nc"
    if kind == "a GeoTIFF":
        return " and ".join(filter(None, (by_name, _place_of(path)))) or None
    if by_name is not None:
        return by_name
    suits = {
        ".hdf": "an HDF4 file",
        **dict.fromkeys(HDF_SUFFIXES[1:], "an HDF5 file"),
        **dict.fromkeys(TIFF_SUFFIXES, "a GeoTIFF"),
    }.get(path.suffix.lower())
    return f"is {kind}" if kind is not None and kind != suits else None


def _place_of(path: Path) -> str | None:
    """Projection and pixel of a GeoTIFF that does not lie on the 1 km sinusoidal grid."""
    try:
        with quiet(), geotiff(path) as file:
            crs, transform = file.crs, file.transform
    except (RasterioError, OSError, ValueError):
        return None  # damaged, which reading it tells better
    if crs is None:
        return None
    unit = "degrees" if crs.is_geographic else "m"
    pixels = f"pixels of {abs(transform.a):.6g} {unit}"
    if crs.is_geographic and any(abs(abs(transform.a) * 120 * factor - 1) < PIXEL_TOLERANCE for factor in (1, 2, 4)):
        return None  # as a nearest-neighbour copy of the grid is
    if not is_sinusoidal(crs):
        return f"lies on {projection_name(crs)} with {pixels}, not on the MODIS sinusoidal grid"
    if all(abs(abs(transform.a) * factor / PIXEL_M - 1) > PIXEL_TOLERANCE for factor in (1, 4)):  # 1 km and 250 m
        return f"has {pixels} on the sinusoidal grid, not {PIXEL_M:.2f} m"
    return None
