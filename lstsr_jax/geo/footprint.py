"""Where a raster lies in longitude and latitude, as GeoJSON wants it (RFC 7946).

Outlines are densified, cut to the globe, run counterclockwise, and are split at the 180th meridian; a box across it has
its west end in the east.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from lstsr_jax.geo.grid import EARTH_RADIUS_M
from lstsr_jax.geo.place import is_sinusoidal
from lstsr_jax.geo.warp import Grid

_PER_DEGREE: Final = 4
"""Points along the sides of a sinusoidal raster: between them a meridian's arc is off by less than a pixel."""
_PER_SIDE: Final = 64
_DIGITS: Final = 6
_WGS84: Final = "EPSG:4326"

_Ring = NDArray[np.float64]  # (N, 2) of longitude and latitude in degrees, not closed


class Footprint(NamedTuple):
    """An outline.

    Attributes:
        geometry: GeoJSON Polygon, or MultiPolygon where the 180th meridian cuts it; longitude and latitude, WGS 84.
        bbox: west, south, east, north in degrees; west is greater than east across the 180th meridian.
    """

    geometry: dict[str, Any]
    bbox: list[float]


def footprint(grid: Grid) -> Footprint | None:
    """The outline of a raster.

    Args:
        grid: in any coordinate reference system. On the upright sinusoidal grid the part off the globe is cut away;
            elsewhere points that have no longitude and latitude are left out.

    Returns:
        The outline; None if no part of it is on the globe.
    """
    upright = grid.transform.b == grid.transform.d == 0
    ring = _sinusoidal(grid) if upright and is_sinusoidal(grid.crs) else _projected(grid)
    if ring is None:
        return None
    parts = [part for part in map(_tidy, _split(ring)) if part is not None]
    if not parts:
        return None
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [parts[0]]}
    if len(parts) > 1:
        geometry = {"type": "MultiPolygon", "coordinates": [[part] for part in parts]}
    return Footprint(geometry, _box(ring))


def _sinusoidal(grid: Grid) -> _Ring | None:
    """In closed form: parallels are rows, and a column's longitude grows with latitude until it leaves the globe."""
    left, bottom, right, top = grid.bounds
    half = math.pi * EARTH_RADIUS_M
    nearest = max(left, -right, 0.0)  # the distance of the raster from the central meridian
    if nearest >= half:
        return None
    limit = math.acos(nearest / half)
    south, north = (min(max(y / EARTH_RADIUS_M, -limit), limit) for y in (bottom, top))
    if not south < north:
        return None
    lat = np.linspace(south, north, max(2, math.ceil(math.degrees(north - south) * _PER_DEGREE)) + 1)
    width = EARTH_RADIUS_M * np.maximum(np.cos(lat), 1e-12)
    west, east = (np.degrees(np.clip(x / width, -math.pi, math.pi)) for x in (left, right))
    sides = [np.stack([west, np.degrees(lat)], 1)[::-1], np.stack([east, np.degrees(lat)], 1)]
    return np.concatenate(sides)


def _projected(grid: Grid) -> _Ring | None:
    """By projection of points along the edges; longitudes run on beyond 180."""
    height, width = grid.shape
    step = np.arange(_PER_SIDE) / _PER_SIDE
    column = np.concatenate([0 * step, step * width, 0 * step + width, (1 - step) * width])
    row = np.concatenate([step * height, 0 * step + height, (1 - step) * height, 0 * step])
    x, y = grid.xy(column, row)
    to_degrees = Transformer.from_crs(grid.crs.to_wkt(), _WGS84, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    known = np.isfinite(lon) & np.isfinite(lat)
    if known.sum() < 3:
        return None
    lon, lat = np.unwrap(lon[known], period=360), lat[known]
    around = round(float(np.unwrap([lon[-1], lon[0]], period=360)[1] - lon[0]) / 360)
    if around:
        pole = _pole_within(grid, to_degrees)
        if pole is not None:
            return _around_pole(lon, lat, around, pole)
    return np.stack([lon, lat], 1)


def _around_pole(lon: NDArray[np.float64], lat: NDArray[np.float64], turns: int, pole: float) -> _Ring:
    """An outline once round a pole, begun at the 180th meridian, and along that to the pole and back."""
    lon, lat = np.append(lon, lon[0] + 360 * turns), np.append(lat, lat[0])
    turn = np.floor((lon + 180) / 360)
    last = int(np.flatnonzero(np.diff(turn))[0])  # the last point before the meridian
    meridian = 360 * max(turn[last], turn[last + 1]) - 180
    crossing = float(np.interp(meridian, lon[last : last + 2][::turns], lat[last : last + 2][::turns]))
    lon = np.concatenate([lon[last + 1 :], lon[1 : last + 1] + 360 * turns])
    lat = np.concatenate([lat[last + 1 :], lat[1 : last + 1]])
    ends = [meridian, meridian + 360 * turns]
    return np.stack(
        [
            np.concatenate([ends[:1], lon, ends[1:], ends[::-1]]) - (meridian + 180 * turns),
            np.concatenate([[crossing], lat, [crossing], [pole, pole]]),
        ],
        axis=1,
    )


def _pole_within(grid: Grid, to_degrees: Transformer) -> float | None:
    """Latitude of the pole that lies in a raster."""
    left, bottom, right, top = grid.bounds
    for lat in (90.0, -90.0):
        x, y = to_degrees.transform(0.0, lat, direction="INVERSE")
        if left <= x <= right and bottom <= y <= top:
            return lat
    return None


def _split(ring: _Ring) -> list[_Ring]:
    """The parts of an outline between the meridians of 180 degrees, each moved to -180..180."""
    low, high = ring[:, 0].min(), ring[:, 0].max()
    parts = []
    for turn in range(math.floor((low + 180) / 360), math.ceil((high + 180) / 360)):
        part = _clip(_clip(ring - [360 * turn, 0], -180, 1), 180, -1)
        if len(part) >= 3:
            parts.append(part)
    return parts


def _clip(ring: _Ring, at: float, sign: int) -> _Ring:
    """What of an outline lies east (``sign`` 1) or west (-1) of a meridian (Sutherland and Hodgman 1974)."""
    kept: list[tuple[float, float]] = []
    for (x, y), (ahead_x, ahead_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        here, ahead = sign * (x - at) >= 0, sign * (ahead_x - at) >= 0
        if here:
            kept.append((x, y))
        if here != ahead:
            kept.append((at, y + (at - x) / (ahead_x - x) * (ahead_y - y)))
    return np.array(kept).reshape(-1, 2)


def _tidy(ring: _Ring) -> list[list[float]] | None:
    """As GeoJSON has it: rounded to 0.1 m, no point twice in a row, counterclockwise, closed; None without any area."""
    rounded = np.round(ring, _DIGITS) + 0.0  # no -0
    ring = rounded[np.any(rounded != np.roll(rounded, 1, axis=0), axis=1)]
    if len(ring) < 3:
        return None
    lon, lat = (ring - ring[0]).T
    area = float(np.sum(lon * np.roll(lat, -1) - np.roll(lon, -1) * lat)) / 2
    if abs(area) < 10.0**-_DIGITS:
        return None
    ring = ring if area > 0 else ring[::-1]
    points: list[list[float]] = [*ring.tolist(), ring[0].tolist()]
    return points


def _box(ring: _Ring) -> list[float]:
    (west, south), (east, north) = ring.min(axis=0), ring.max(axis=0)
    if east - west >= 360 - 1e-9:
        west, east = -180.0, 180.0
    elif west < -180 or east > 180:
        west, east = (west + 180) % 360 - 180, (east - 180) % -360 + 180
    return [round(float(value), _DIGITS) + 0.0 for value in (west, south, east, north)]
