"""Reading one band of a GeoTIFF or COG, with its place."""

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError


@dataclasses.dataclass(frozen=True)
class Band:
    """The first band of a raster, as stored.

    Attributes:
        values: (H, W).
        transform: (column, row) to the CRS's metres.
        crs: coordinate reference system.
        scale: factor written in the file, 1 if none.
        offset: added after scaling, 0 if none.
        nodata: the stored value of "nothing here", or None.
    """

    values: NDArray[Any]
    transform: Affine
    crs: CRS
    scale: float
    offset: float
    nodata: float | None


def read_band(path: Path) -> Band:
    """Read the only band of a georeferenced raster.

    Args:
        path: a GeoTIFF or COG.

    Returns:
        Its values and place.

    Raises:
        GranuleError: missing, unreadable or truncated, of several bands, or without CRS or transform.
    """
    if not path.is_file():
        raise GranuleError(f"{path}: no such file; check the path")
    try:
        with _quiet(), rasterio.open(path) as file:
            crs, transform, count = file.crs, file.transform, file.count
            scale, offset, nodata = file.scales[0], file.offsets[0], file.nodata
            values = file.read(1)
    except (RasterioError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GranuleError(f"{path}: cannot be read as a GeoTIFF ({reason}); download it again") from None
    if count != 1:
        raise GranuleError(f"{path}: {count} bands, one is expected; give the layer as a file of its own")
    if crs is None or transform.is_identity:
        raise GranuleError(f"{path}: no coordinate system; set it with gdal_translate -a_srs -a_ullr")
    return Band(values, transform, crs, scale, offset, nodata)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warning of a raster without place: `read_band` says it better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
