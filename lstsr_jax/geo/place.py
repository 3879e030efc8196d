"""Whether a raster lies where its product and name say it lies."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.errors import GranuleError
from lstsr_jax.geo.grid import EARTH_RADIUS_M, TILE_PIXELS, TILE_WIDTH_M, tile_bounds
from lstsr_jax.geo.products import PRODUCTS, describe_product
from lstsr_jax.geo.tile_names import tile_name

PIXEL_TOLERANCE: Final = 1e-4
"""Largest relative difference of a pixel's size: 0.1 m of 926.6 m, 111 m over a tile."""
_RADIUS_TOLERANCE_M = 10.0
_OFFSET_TOLERANCE = 0.01
"""Pixels that a window may lie beside those of the grid."""

_NATIVE = "give the file as the archive has it, on the MODIS sinusoidal grid"


def require_grid(
    path: Path, crs: CRS, transform: Affine, shape: tuple[int, int], tile: str, pixels: int = TILE_PIXELS
) -> None:
    """Refuse a raster that is not a part of a tile of the MODIS sinusoidal grid.

    Args:
        path: for messages.
        crs: its coordinate reference system.
        transform: (column, row) to metres.
        shape: (H, W).
        tile: such as "h18v04", as its name says.
        pixels: along the side of the whole tile: 1200 for "1 km".

    Raises:
        GranuleError: another projection, another pixel size, turned, or not inside the tile.
    """
    pixel = TILE_WIDTH_M / pixels
    _require_pixels(path, crs, transform, pixel)
    left, bottom, right, top = tile_bounds(tile)
    height, width = shape
    west, north = transform.c, transform.f
    east, south = west + width * transform.a, north + height * transform.e
    slack = pixel / 2
    if west < left - slack or east > right + slack or south < bottom - slack or north > top + slack:
        raise GranuleError(
            f"{path}: its grid is not in tile {tile} of its name (x {west:.0f} to {east:.0f}, y {south:.0f} to "
            f"{north:.0f} m); give the file that belongs to the name, of one tile"
        )


def require_window(path: Path, crs: CRS, transform: Affine, shape: tuple[int, int], pixels: int = TILE_PIXELS) -> str:
    """Refuse a raster that is not a window of the MODIS sinusoidal grid, pixel on pixel.

    Args:
        path: for messages.
        crs: its coordinate reference system.
        transform: (column, row) to metres.
        shape: (H, W).
        pixels: along the side of a whole tile: 1200 for "1 km".

    Returns:
        The tile it lies in, such as "h18v04", or the first and the last: "h28v11-h31v12".

    Raises:
        GranuleError: another projection, another pixel size, turned, or between the pixels of the grid.
    """
    pixel = TILE_WIDTH_M / pixels
    _require_pixels(path, crs, transform, pixel)
    offsets = transform.c / pixel, transform.f / pixel
    if max(abs(offset - round(offset)) for offset in offsets) > _OFFSET_TOLERANCE:
        raise GranuleError(
            f"{path}: its pixels lie between those of the MODIS sinusoidal grid (by {offsets[0] % 1:.2f} columns and "
            f"{offsets[1] % 1:.2f} rows); {_NATIVE}"
        )
    return tiles_of(transform, shape)


def tiles_of(transform: Affine, shape: tuple[int, int]) -> str:
    """The tile in which a window of the grid lies, or the first and the last of several: "h28v11-h31v12"."""
    width = TILE_WIDTH_M
    rim = 0.25 * abs(transform.a)
    left, right = transform.c + rim, transform.c + transform.a * shape[1] - rim
    top, bottom = transform.f - rim, transform.f + transform.e * shape[0] + rim
    columns = [min(max(math.floor(x / width) + 18, 0), 35) for x in (left, right)]
    rows = [min(max(math.floor(9 - y / width), 0), 17) for y in (top, bottom)]
    first, last = tile_name(columns[0], rows[0]), tile_name(columns[1], rows[1])
    return first if first == last else f"{first}-{last}"


def _require_pixels(path: Path, crs: CRS, transform: Affine, pixel: float) -> None:
    """Refuse another projection, pixel size or direction than those of the grid."""
    if not is_sinusoidal(crs):
        unit = "degrees" if crs.is_geographic else "m"
        raise GranuleError(
            f"{path}: lies on {projection_name(crs)} with pixels of {abs(transform.a):.6g} {unit}, so it is no native "
            f"{pixel:.1f} m layer, whatever its name says; {_NATIVE}"
        )
    if abs(transform.b) > 1e-6 * pixel or abs(transform.d) > 1e-6 * pixel:
        raise GranuleError(f"{path}: its grid is turned or sheared; {_NATIVE}")
    if max(abs(abs(size) / pixel - 1) for size in (transform.a, transform.e)) > PIXEL_TOLERANCE:
        found = f"{abs(transform.a):.6g} x {abs(transform.e):.6g} m"
        raise GranuleError(f"{path}: its pixels are {found}, not the {pixel:.2f} m of its name; {_NATIVE}")


def require_product(path: Path, tags: Mapping[str, str], product: str) -> None:
    """Refuse a GeoTIFF whose tags, kept from its granule, name another product than its file name does.

    Args:
        path: for messages.
        tags: of the file, keys in small letters.
        product: such as "MOD11A1".

    Raises:
        GranuleError: they differ.
    """
    inside = tags.get("shortname", product)
    if inside != product:
        raise GranuleError(f"{path}: its tags say that it is {describe_product(inside)}; give a layer of {product}")
    row, title = PRODUCTS.get(product), tags.get("long_name", "")
    if row is not None and re.match("Daily" if row.period_days > 1 else r"8-?Day", title, re.I):
        raise GranuleError(
            f"{path}: its tags say that it is {title!r}, which is not {product}; give a layer of {product}"
        )


def is_sinusoidal(crs: CRS) -> bool:
    """Whether a projection is that of the MODIS grid: sinusoidal on its sphere, in metres."""
    known = crs.to_dict()
    axes = [known[key] for key in ("R", "a", "b") if key in known]
    return (
        known.get("proj") == "sinu"
        and bool(axes)
        and all(abs(float(axis) - EARTH_RADIUS_M) <= _RADIUS_TOLERANCE_M for axis in axes)
        and all(abs(float(known.get(key, 0))) < 1e-9 for key in ("lon_0", "x_0", "y_0"))
        and known.get("units", "m") == "m"
        and "to_meter" not in known
    )


def projection_name(crs: CRS) -> str:
    """A projection in a few words: "longitude and latitude (WGS 84)", "WGS 84 / UTM zone 33N"."""
    found = re.search(r'"([^"]+)"', crs.to_wkt())
    name = found[1] if found and found[1].lower() not in ("unknown", "unnamed") else ""
    if crs.is_geographic:
        return f"longitude and latitude{f' ({name})' if name else ''}"
    if not name and crs.to_dict().get("proj") == "sinu":
        return "another sinusoidal projection"
    return name or str(crs.to_dict().get("proj", "an unknown projection"))
