"""Fields moved from one grid to another: reprojection through GDAL, and shifts by fractions of a pixel.

A field is (H, W), NaN where there is nothing; a ``Grid`` says where it lies.
"""

import dataclasses
import math
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import rasterio.warp
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine, array_bounds

from lstsr_jax.geo.grid import refine_transform

Kind = Literal["nearest", "bilinear", "cubic", "average"]


class Shift(NamedTuple):
    """By how much a field must be moved, in its own pixels: ``rows`` to the south, ``columns`` to the east."""

    rows: float
    columns: float


NO_SHIFT: Final = Shift(0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where an (H, W) field lies.

    Attributes:
        shape: (H, W).
        transform: (column, row) to metres of ``crs``.
        crs: coordinate reference system.
    """

    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    def refine(self, factor: int) -> "Grid":
        """The grid of pixels ``factor`` times smaller, of the same corner."""
        height, width = self.shape
        return Grid((height * factor, width * factor), refine_transform(self.transform, factor), self.crs)

    def shift(self, shift: Shift) -> "Grid":
        """The same grid moved by fractions of its pixels."""
        a, b, _, d, e, _ = self.transform[:6]
        x, y = self.xy(shift.columns, shift.rows)
        return dataclasses.replace(self, transform=Affine(a, b, x, d, e, y))

    def cut(self, row: int, column: int, shape: tuple[int, int]) -> "Grid":
        """The grid of ``shape`` whose first pixel is at a row and column of this one, which may lie outside it."""
        return dataclasses.replace(self.shift(Shift(row, column)), shape=shape)

    def xy(self, column: Any, row: Any) -> tuple[Any, Any]:
        """Metres of columns and rows, numbers or arrays; 0, 0 is the outer corner of the first pixel."""
        a, b, c, d, e, f = self.transform[:6]
        return a * column + b * row + c, d * column + e * row + f

    @property
    def pixel_m(self) -> float:
        """Side of a pixel in metres (of equal area, if it is not square)."""
        return math.sqrt(abs(self.transform.determinant))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top in metres of ``crs``."""
        left, bottom, right, top = array_bounds(*self.shape, self.transform)
        return left, bottom, right, top


def warp_field(
    field: ArrayLike, source: Grid, target: Grid, *, shift: Shift = NO_SHIFT, kind: Kind = "bilinear"
) -> NDArray[np.float32]:
    """Reproject a field onto another grid (rasterio.warp.reproject, GDAL).

    Args:
        field: (H, W) of ``source``, any unit; NaN where there is nothing. A NaN takes no part: its weight goes to the
            valid pixels under the kernel, and a target pixel without any is NaN.
        source: where the field lies.
        target: where it is wanted; of any coordinate system.
        shift: applied to the field's geotransform beforehand, in pixels of ``source``.
        kind: "bilinear", "nearest", "cubic", or "average" (weighted by area; for targets coarser than the source).

    Returns:
        (H', W') float32 of ``target``; NaN outside the field.

    Raises:
        ValueError: the field is not of the shape of ``source``.
    """
    values = np.ascontiguousarray(field, np.float32)
    if values.shape != source.shape:
        raise ValueError(f"field {values.shape} must have the shape of its grid {source.shape}")
    result = np.full(target.shape, np.nan, np.float32)
    rasterio.warp.reproject(
        values,
        result,
        src_transform=source.shift(shift).transform,
        src_crs=source.crs,
        src_nodata=np.nan,
        dst_transform=target.transform,
        dst_crs=target.crs,
        dst_nodata=np.nan,
        resampling=Resampling[kind],
    )
    return result


def coordinates(source: Grid, target: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where ``warp_field`` looks for each pixel of ``target``: row and column in ``source``.

    0 is the first pixel's centre. They are those of ``warp_field`` itself, with GDAL's approximation of the projection
    (within 0.125 pixel): what is registered through them is registered in what ``warp_field`` makes.

    Args:
        source: where a field lies.
        target: where it is wanted.

    Returns:
        Row and column, each (H', W') of ``target``; NaN outside the source.
    """
    row, column = np.mgrid[: source.shape[0], : source.shape[1]].astype(np.float32)
    return warp_field(row, source, target), warp_field(column, source, target)


def place_field(field: NDArray[np.float32], source: Grid, target: Grid, tolerance: float = 0.1) -> NDArray[np.float32]:
    """Put a field on a grid of the same pixels by a move of whole pixels, its edge replicated. Nothing is resampled.

    Args:
        field: (H, W) of ``source``.
        source: where the field lies; of any size.
        target: where it is wanted: same coordinate system, same pixel size.
        tolerance: how far from a whole pixel the offset may be, in pixels.

    Returns:
        (H', W') of ``target``.

    Raises:
        ValueError: the grids differ in pixel size or coordinate system, are apart by a fraction of a pixel, or do not
            overlap; warp the field instead.
    """
    if field.shape != source.shape:
        raise ValueError(f"field {field.shape} must have the shape of its grid {source.shape}")
    a, b, left, d, e, top = source.transform[:6]
    if source.crs != target.crs:
        raise ValueError("the grids are of two coordinate systems: warp the field first")
    if not np.allclose((a, b, d, e), [target.transform[i] for i in (0, 1, 3, 4)], atol=1e-4 * source.pixel_m):
        found = f"{source.pixel_m:.2f} m do not fit those of {target.pixel_m:.2f} m"
        raise ValueError(f"pixels of {found}: warp the field onto the grid first")
    offset = (target.transform.c - left, target.transform.f - top)
    column, row = np.linalg.solve([[a, b], [d, e]], offset).tolist()
    if max(abs(column - round(column)), abs(row - round(row))) > tolerance:
        raise ValueError(f"the grids are {row:.2f} rows and {column:.2f} columns apart: warp the field first")
    rows, columns = (np.arange(n) + round(start) for n, start in zip(target.shape, (row, column), strict=True))
    if min(rows[-1], columns[-1]) < 0 or rows[0] >= source.shape[0] or columns[0] >= source.shape[1]:
        raise ValueError("the grids do not overlap: give files of one place")
    height, width = source.shape
    return field[np.ix_(np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))]
