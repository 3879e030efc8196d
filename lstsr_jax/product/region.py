"""The part of a scene that was asked for, with a margin for the network's context."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Grid, Scene, lonlat_to_sinusoidal, sinusoidal_to_lonlat
from lstsr_jax.product.settings import Selection

Box = tuple[float, float, float, float]
_TOLERANCE = 1e-6
"""Pixels that a box may reach into another pixel by rounding."""
_ROWS = 256
"""Rows whose longitudes are computed at a time."""


class OutsideError(InputError):
    """A granule that lies outside the region asked for."""


@dataclasses.dataclass(frozen=True)
class Region:
    """Whole coarse pixels of a scene: rows and columns from a first one up to, not including, a last one."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, margin: int, shape: tuple[int, ...]) -> "Region":
        """With ``margin`` pixels more on each side, as far as the scene goes."""
        return Region(
            max(self.top - margin, 0),
            max(self.left - margin, 0),
            min(self.bottom + margin, shape[0]),
            min(self.right + margin, shape[1]),
        )

    def within(self, other: "Region") -> "Region":
        """Counted from the corner of ``other``."""
        return Region(self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left)

    def moved(self, rows: int, columns: int) -> "Region":
        """Moved southwards and eastwards."""
        return Region(self.top + rows, self.left + columns, self.bottom + rows, self.right + columns)

    def slices(self, factor: int = 1) -> tuple[slice, slice]:
        """Index of an array ``factor`` times finer than the scene."""
        return (
            slice(self.top * factor, self.bottom * factor),
            slice(self.left * factor, self.right * factor),
        )


def corner(transform: Affine, column: float, row: float) -> tuple[float, float]:
    """Where the upper-left corner of a pixel lies (``transform * (column, row)``, in every version of affine)."""
    a, b, left, d, e, top = transform[:6]
    return a * column + b * row + left, d * column + e * row + top


def locate(scene: Scene, selection: Selection) -> Region:
    """Find the region that a selection asks of a scene.

    Raises:
        OutsideError: if the scene does not reach it.
        InputError: if a window does not fit into the scene, or the scene's rows do not run from east to west.
    """
    height, width = scene.lst.shape
    _require_upright(scene)
    if selection.window:
        row, column, rows, columns = selection.window
        if row + rows > height or column + columns > width:
            given = " ".join(map(str, selection.window))
            raise InputError(f"`window` {given}: reaches beyond the {height} x {width} pixels of {scene.path.name}")
        return Region(row, column, row + rows, column + columns)
    if not selection.bbox:
        return Region(0, 0, height, width)
    region = _around(selection.bbox, scene.transform, (height, width))
    if region is None:
        raise OutsideError(f"{scene.path.name}: outside `bbox`")
    return region


def _require_upright(scene: Scene) -> None:
    if scene.transform.b or scene.transform.d:
        raise InputError(
            f"{scene.path}: its grid is rotated; warp it to an upright sinusoidal grid, or give the original"
        )


def halves(box: Box) -> list[Box]:
    """A box within -180..180 degrees: west, south, east and north; of one across the 180th meridian its two parts."""
    west, south, east, north = box
    width = (east - west) % 360 or 360.0
    if not -180 <= west < 180:
        west = (west + 180) % 360 - 180
    if west + width <= 180:
        return [(west, south, west + width, north)]
    return [(west, south, 180.0, north), (-180.0, south, west + width - 360, north)]


def _around(box: Box, transform: Affine, shape: tuple[int, int]) -> Region | None:
    """The pixels that a box touches, as the smallest region of a sinusoidal grid; None if it touches none.

    A parallel is a row there, and a meridian's distance from the central one shrinks with the cosine of latitude: each
    row has an interval of columns.
    """
    (height, width), (a, _, left, _, e, top) = shape, transform[:6]
    edges = sinusoidal_to_lonlat(0.0, top + e * np.arange(height + 1.0))[1]
    low, high = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    rim = _TOLERANCE * (high - low)
    found: list[NDArray[np.int64]] = []  # rows, first columns, last columns
    for west, south, east, north in halves(box):
        reached = (low + rim < north) & (high - rim > south)
        first, last = np.clip(low, south, north), np.clip(high, south, north)
        widest = np.where((first <= 0) & (last >= 0), 0.0, np.where(np.abs(first) < np.abs(last), first, last))
        ends = np.stack([lonlat_to_sinusoidal(lon, lat)[0] for lon in (west, east) for lat in (first, last, widest)])
        columns = (ends - left) / a
        begin = np.floor(columns.min(axis=0) + _TOLERANCE).clip(0, width)
        end = np.ceil(columns.max(axis=0) - _TOLERANCE).clip(0, width)
        rows = np.flatnonzero(reached & (begin < end))
        found.append(np.stack([rows, begin[rows].astype(np.int64), end[rows].astype(np.int64)]))
    rows, begin, end = np.concatenate(found, axis=1)
    if not rows.size:
        return None
    return Region(int(rows.min()), int(begin.min()), int(rows.max()) + 1, int(end.max()))


def inside(grid: Grid, box: Box | None) -> NDArray[np.bool_]:
    """Which pixels of a sinusoidal grid have their centre on the globe and in a box.

    Args:
        grid: upright.
        box: west, south, east, north in degrees, as :class:`Selection` has it; None for the whole globe.

    Returns:
        (H, W) bool.
    """
    (height, width), (a, _, left, _, e, top) = grid.shape, grid.transform[:6]
    x, y = left + a * (np.arange(width) + 0.5), top + e * (np.arange(height) + 0.5)
    shown = np.zeros(grid.shape, bool)
    for start in range(0, height, _ROWS):
        rows = slice(start, min(start + _ROWS, height))
        lon, lat = sinusoidal_to_lonlat(x, y[rows, None])
        for west, south, east, north in halves(box) if box else [(-180.0, -90.0, 180.0, 90.0)]:
            shown[rows] |= (lon >= west - 1e-9) & (lon <= east + 1e-9) & (lat >= south) & (lat <= north)
    return shown


def crop(scene: Scene, region: Region) -> Scene:
    """That part of a scene, with its transform."""
    a, b, _, d, e, _ = scene.transform[:6]
    left, top = corner(scene.transform, region.left, region.top)
    return dataclasses.replace(
        scene,
        lst=scene.lst[region.slices()],
        view_time=None if scene.view_time is None else scene.view_time[region.slices()],
        view_angle=None if scene.view_angle is None else scene.view_angle[region.slices()],
        quality=None if scene.quality is None else scene.quality[region.slices()],
        transform=Affine(a, b, left, d, e, top),
    )
