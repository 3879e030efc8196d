"""Elevation for a grid, from a digital elevation model (DEM): a GeoTIFF of any resolution in any coordinate system."""

import re
from pathlib import Path
from typing import Final

import numpy as np

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.geotiff import Band, read_band
from lstsr_jax.geo.guide import Guide, pixel_ratio
from lstsr_jax.geo.names import TIFF_SUFFIXES
from lstsr_jax.geo.physical import elevation_of_band
from lstsr_jax.geo.warp import Grid, Kind, warp_field

_AT_ONCE: Final = 16_000_000
"""Pixels of the file that are in memory at a time, about."""
_NO_LETTERS: Final = re.compile(r"[^A-Z]+")
_OTHERS: Final = {"LST", "NDVI", "EVI", "QC", "EMIS", "SLOPE", "ASPECT", "HILLSHADE", "ROUGHNESS"}
_ELEVATION: Final = {"DEM", "GDEM", "DSM", "DTM", "DGM", "ELEVATION", "ELEV", "HEIGHT", "ALTITUDE"}


def read_elevation(path: str | Path, target: Grid) -> Guide:
    """Read elevation for a grid; of a large file only what lies under it.

    Args:
        path: a GeoTIFF or COG of elevation in metres, or in the unit that it declares, above whatever datum. Its gaps
            stay gaps: nodata, mask, NaN, and -32768, -32767 and -9999 in integers. The sea is what the file says.
        target: where it is wanted.

    Returns:
        Elevation in m: the mean over each pixel of the target by area, or interpolated bilinearly where the file's
        pixels are larger than the target's; all NaN where the file lies elsewhere or holds gaps only.

    Raises:
        GranuleError: the file is missing, damaged, no GeoTIFF, or evidently no elevation: by its name, its unit, its
            type of numbers, or their range.
    """
    path = Path(path)
    _require_name(path)
    height, width = target.shape
    values = np.full(target.shape, np.nan, np.float32)
    ratio = pixel_ratio(_grid_of(read_band(path, around=target.cut(0, 0, (1, width)))), target)
    rows = int(np.clip(_AT_ONCE * ratio**2 / width, 16, max(height, 16)))
    overlaps, fraction = False, True
    for row in range(0, height, rows):
        strip = target.cut(row, 0, (min(rows, height - row), width))
        band = read_band(path, around=strip)
        if not band.values.size:
            continue
        overlaps = True
        field = elevation_of_band(path, band)
        known = field[np.isfinite(field)]
        fraction &= band.values.dtype.kind == "f" and bool((np.abs(known) <= 1).all())
        kind: Kind = "average" if ratio < 1 + 1e-6 else "bilinear"
        values[row : row + strip.shape[0]] = warp_field(field, _grid_of(band), strip, kind=kind)
    if fraction and len(np.unique(values[np.isfinite(values)])) > 1:
        raise GranuleError(
            f"{path}: all within -1 to 1, like NDVI or another ratio, not like elevation; give a DEM in metres"
        )
    return Guide(values, path, ratio, overlaps)


def _grid_of(band: Band) -> Grid:
    return Grid((band.values.shape[0], band.values.shape[1]), band.transform, band.crs)


def _require_name(path: Path) -> None:
    """Refuse a file that by its name is none, or another quantity."""
    if path.is_file() and path.suffix.lower() not in TIFF_SUFFIXES:
        raise GranuleError(f"{path}: no GeoTIFF; convert the DEM with gdal_translate -of COG")
    if path.is_dir():
        raise GranuleError(f"{path}: a folder; give one file (gdalbuildvrt and gdal_translate -of COG join DEM tiles)")
    words = set(_NO_LETTERS.split(path.stem.upper()))
    if words & _OTHERS and not words & _ELEVATION:
        other = sorted(words & _OTHERS)[0]
        raise GranuleError(f"{path}: by its name {other}, not elevation; give a DEM, or call it so if it is one")
