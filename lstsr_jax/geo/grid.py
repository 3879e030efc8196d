"""The MODIS sinusoidal grid: where a tile, a pixel and a place are.

Sphere of radius 6371007.181 m, 36 x 18 tiles of 10 degrees of latitude, 1200 x 1200 pixels of 926.625433 m
("1 km") each. x runs east and y north, in metres; arrays run from the upper left, row by row.

Source: MODIS Land Collection 6 grid; the numbers agree with StructMetadata.0 of MOD11A1.061 to a millimetre.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo.tile_names import parse_tile, tile_name

EARTH_RADIUS_M: Final = 6371007.181
TILE_WIDTH_M: Final = 1111950.519667
TILE_PIXELS: Final = 1200
PIXEL_M: Final = TILE_WIDTH_M / TILE_PIXELS
FINE_PIXEL_M: Final = PIXEL_M / 4
"""Of a map at 250 m."""
SINUSOIDAL: Final = CRS.from_proj4("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs")


def tile_bounds(tile: str) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a tile in sinusoidal metres."""
    h, v = parse_tile(tile)
    left, top = (h - 18) * TILE_WIDTH_M, (9 - v) * TILE_WIDTH_M
    return left, top - TILE_WIDTH_M, left + TILE_WIDTH_M, top


def tile_transform(tile: str, factor: int = 1, size: int = TILE_PIXELS) -> Affine:
    """Transform from (column, row) to sinusoidal metres.

    Args:
        tile: such as "h18v04".
        factor: pixels of the result per pixel of the grid of ``size``, along each axis.
        size: pixels along a side of the whole tile: 1200 for "1 km", 4800 for "250 m" products.

    Returns:
        The transform of the tile's upper-left corner with square pixels of tile width / (size * factor).

    Raises:
        ValueError: bad tile, factor or size.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    left, _, _, top = tile_bounds(tile)
    pixel = TILE_WIDTH_M / size
    return refine_transform(Affine(pixel, 0.0, left, 0.0, -pixel, top), factor)


def refine_transform(transform: Affine, factor: int) -> Affine:
    """The same upper-left corner, exactly, with pixels ``factor`` times smaller along each axis."""
    if factor < 1 or factor != int(factor):
        raise ValueError(f"factor must be a whole number of at least 1, got {factor}")
    a, b, left, d, e, top = transform[:6]
    return Affine(a / factor, b / factor, left, d / factor, e / factor, top)


def pixel_position(transform: Affine, row: int, col: int) -> tuple[str, int, int]:
    """The tile that holds a pixel of a window of the sinusoidal grid, and the pixel's row and column in it.

    Args:
        transform: (column, row) of the window to metres, pixel on pixel with the grid.
        row: in the window.
        col: in the window.

    Returns:
        Tile, row and column.
    """
    size = round(TILE_WIDTH_M / transform.a)
    column = round(transform.c / transform.a) + col + 18 * size
    line = round(transform.f / transform.e) + row + 9 * size
    return tile_name(column // size, line // size), line % size, column % size


def sinusoidal_to_lonlat(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude in degrees of sinusoidal metres, in closed form.

    ``lat = y / R`` and ``lon = x / (R cos lat)``. Points off the globe, beyond 180 degrees, are NaN.

    Args:
        x: eastings, any shape.
        y: northings, broadcast against ``x``.

    Returns:
        lon, lat of the broadcast shape.
    """
    lat = np.asarray(y, np.float64) / EARTH_RADIUS_M
    with np.errstate(divide="ignore", invalid="ignore"):
        lon = np.degrees(np.asarray(x, np.float64) / (EARTH_RADIUS_M * np.cos(lat)))
    lon, lat = np.broadcast_arrays(lon, np.degrees(lat))
    outside = ~((np.abs(lon) <= 180 + 1e-9) & (np.abs(lat) <= 90 + 1e-9))
    return np.where(outside, np.nan, lon), np.where(outside, np.nan, lat)


def lonlat_to_sinusoidal(lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sinusoidal metres of longitude and latitude in degrees: x = R lon cos lat, y = R lat."""
    lam, phi = np.radians(np.asarray(lon, np.float64)), np.radians(np.asarray(lat, np.float64))
    return EARTH_RADIUS_M * lam * np.cos(phi), EARTH_RADIUS_M * phi + 0.0 * lam


def pixel_lonlat(transform: Affine, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude in degrees of the pixel centres of a sinusoidal raster.

    Args:
        transform: (column, row) to metres.
        shape: (H, W).

    Returns:
        lon, lat, each (H, W) float64; NaN off the globe.
    """
    column, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    a, b, left, d, e, top = transform[:6]
    return sinusoidal_to_lonlat(a * column + b * row + left, d * column + e * row + top)


def tile_of(lon: float, lat: float) -> str:
    """Name of the tile that holds a place.

    Args:
        lon: degrees east, -180..180.
        lat: degrees north, -90..90.

    Returns:
        Such as "h18v04". A place on a border belongs to the tile east and south of it, if there is one.

    Raises:
        ValueError: outside those ranges.
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"lon {lon}, lat {lat} is no place; give degrees within -180..180 and -90..90")
    x, y = lonlat_to_sinusoidal(lon, lat)
    h, v = math.floor(float(x) / TILE_WIDTH_M) + 18, math.floor(9 - float(y) / TILE_WIDTH_M)
    return tile_name(min(max(h, 0), 35), min(max(v, 0), 17))
