"""The fine field of one scene with everything that is written beside it."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.warp import aligned_target, calculate_default_transform, reproject

from lstsr_jax.geo import Scene, aggregate_l4, refine_transform
from lstsr_jax.product.guide import read_guide
from lstsr_jax.product.methods import Method
from lstsr_jax.product.region import corner, crop, locate
from lstsr_jax.product.request import Request
from lstsr_jax.scene.tiling import Progress

NOT_PRODUCED = 3
"""Quality byte of pixels outside the source, where a warped product has some."""


@dataclasses.dataclass(frozen=True, eq=False)
class FineScene:
    """A super-resolved scene.

    Attributes:
        lst: ``(H, W)`` float32 in K, NaN where not observed.
        spread: the same shape in K, or None.
        quality: ``(H, W)`` uint8, each coarse pixel's byte over its fine pixels; None if the source has none.
        transform: (column, row) to units of ``crs``.
        crs: coordinate reference system.
        source: the coarse scene, cropped to what was asked for.
        residual_k: largest ``|l4_pool(lst) - source.lst|`` before any warp; NaN where nothing is observed.
    """

    lst: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    quality: NDArray[np.uint8] | None
    transform: Affine
    crs: CRS
    source: Scene
    residual_k: float

    @property
    def bands(self) -> dict[str, NDArray[np.float32]]:
        """What a raster holds, by description."""
        named = {"LST (K)": self.lst}
        return named if self.spread is None else {**named, "LST spread (K)": self.spread}


def super_resolve(scene: Scene, method: Method, request: Request, progress: Progress | None = None) -> FineScene:
    """Super-resolve the part of a scene that was asked for.

    The network sees a margin of one tile overlap around it, as far as the scene goes.

    Args:
        scene: as read.
        method: network or classical method.
        request: region, tiling, spread, energy.
        progress: told after every batch of tiles.

    Returns:
        The fine scene on the grid of the source, refined: equal outer edges, pixels ``factor`` times smaller.

    Raises:
        OutsideError: if the scene does not reach the region.
        InputError: if the region or the NDVI cannot be used.
    """
    region, factor = locate(scene, request), method.factor
    context = region.grown(request.overlap, scene.lst.shape)
    seen, source = crop(scene, context), crop(scene, region)
    ndvi = None
    if method.ndvi is not None:
        shape = (seen.lst.shape[0] * factor, seen.lst.shape[1] * factor)
        ndvi = read_guide(method.ndvi, seen, refine_transform(seen.transform, factor), shape)
    inside = region.within(context).slices(factor)
    lst, spread = method.apply(seen.lst, ndvi, progress)
    lst = lst[inside]
    quality = source.quality
    return FineScene(
        lst=lst,
        spread=None if spread is None else spread[inside],
        quality=None if quality is None else quality.repeat(factor, 0).repeat(factor, 1),
        transform=refine_transform(source.transform, factor),
        crs=source.crs,
        source=source,
        residual_k=_residual(lst, source.lst, factor),
    )


def _residual(fine: NDArray[np.float32], coarse: NDArray[np.float32], factor: int) -> float:
    observed = np.isfinite(coarse)
    if not observed.any():
        return float("nan")
    return float(np.abs(aggregate_l4(fine, factor) - coarse)[observed].max())


def warp(fine: FineScene, crs: CRS, resolution: float | None) -> FineScene:
    """Bring a fine scene to another grid: LST and spread bilinearly, quality by the nearest pixel.

    With a resolution the grid's edges are multiples of it, so that products of different granules line up.

    Args:
        fine: on the grid of its source.
        crs: of the result.
        resolution: pixel size in units of ``crs``, or None for about the same as now.

    Returns:
        The warped scene; NaN outside the source and where it is not observed.
    """
    height, width = fine.lst.shape
    left, top = corner(fine.transform, 0, 0)
    right, bottom = corner(fine.transform, width, height)
    bounds = {"left": left, "bottom": bottom, "right": right, "top": top}
    transform, columns, rows = calculate_default_transform(
        fine.crs, crs, width, height, **bounds, resolution=resolution
    )
    if resolution is not None:
        transform, columns, rows = aligned_target(transform, columns, rows, resolution)
    place: dict[str, Any] = {
        "src_transform": fine.transform,
        "src_crs": fine.crs,
        "dst_transform": transform,
        "dst_crs": crs,
    }

    def bilinear(field: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.full((rows, columns), np.nan, np.float32)
        nodata = {"src_nodata": np.nan, "dst_nodata": np.nan}
        reproject(field, out, resampling=Resampling.bilinear, **nodata, **place)
        return out

    quality = None
    if fine.quality is not None:
        quality = np.full((rows, columns), NOT_PRODUCED, np.uint8)
        reproject(fine.quality, quality, resampling=Resampling.nearest, init_dest_nodata=False, **place)
    return dataclasses.replace(
        fine,
        lst=bilinear(fine.lst),
        spread=None if fine.spread is None else bilinear(fine.spread),
        quality=quality,
        transform=transform,
        crs=crs,
    )
