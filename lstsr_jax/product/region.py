"""The part of a scene that was asked for, with a margin for the network's context."""

import dataclasses
import math

import numpy as np
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.warp import transform_bounds

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Scene
from lstsr_jax.product.request import Request


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


def locate(scene: Scene, request: Request) -> Region:
    """Find the region that a request asks of a scene.

    Raises:
        OutsideError: if the scene does not reach it.
        InputError: if a window does not fit into the scene.
    """
    height, width = scene.lst.shape
    if request.window:
        row, column, rows, columns = request.window
        if row + rows > height or column + columns > width:
            given = " ".join(map(str, request.window))
            raise InputError(f"--window {given}: reaches beyond the {height} x {width} pixels of {scene.path.name}")
        return Region(row, column, row + rows, column + columns)
    if not request.bbox:
        return Region(0, 0, height, width)
    try:
        left, bottom, right, top = transform_bounds("EPSG:4326", scene.crs, *request.bbox, densify_pts=101)
    except RasterioError as error:
        raise OutsideError(f"{scene.path.name}: --bbox has no place on its grid ({error})") from None
    corners = [corner(~scene.transform, *place) for place in ((left, top), (right, bottom))]
    (first_column, first_row), (last_column, last_row) = corners
    if not np.isfinite(corners).all():
        raise OutsideError(f"{scene.path.name}: --bbox has no place on its grid")
    region = Region(
        max(math.floor(first_row + 1e-6), 0),
        max(math.floor(first_column + 1e-6), 0),
        min(math.ceil(last_row - 1e-6), height),
        min(math.ceil(last_column - 1e-6), width),
    )
    if region.top >= region.bottom or region.left >= region.right:
        raise OutsideError(f"{scene.path.name}: outside --bbox")
    return region


def crop(scene: Scene, region: Region) -> Scene:
    """That part of a scene, with its transform."""
    a, b, _, d, e, _ = scene.transform[:6]
    left, top = corner(scene.transform, region.left, region.top)
    return dataclasses.replace(
        scene,
        lst=scene.lst[region.slices()],
        view_time=None if scene.view_time is None else scene.view_time[region.slices()],
        quality=None if scene.quality is None else scene.quality[region.slices()],
        transform=Affine(a, b, left, d, e, top),
    )
