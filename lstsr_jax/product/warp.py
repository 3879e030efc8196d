"""A fine scene on another grid: planned before any work, done after it."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Grid, Scene, target_grid, warp_field
from lstsr_jax.product.fine import FineScene
from lstsr_jax.product.region import crop, inside, locate
from lstsr_jax.product.settings import Output, Selection

NOT_PRODUCED = 3
"""Quality code, in every scheme, of pixels outside the source, where a warped product has some."""


@dataclasses.dataclass(frozen=True, eq=False)
class WarpPlan:
    """What a warp needs to know beforehand.

    Attributes:
        grid: of the result.
        inside: (H, W) bool of the fine grid of the source: pixels on the globe and in the box. The rest is left out.
    """

    grid: Grid
    inside: NDArray[np.bool_]


def plan_warp(scene: Scene, factor: int, selection: Selection, output: Output) -> WarpPlan | None:
    """Find the grid that a scene's map is to be warped to; None if none was asked for.

    It depends on the scene's place, not on its clouds: the maps of every day of a tile have the same grid.

    Args:
        scene: as read.
        factor: of the method.
        selection: region.
        output: grid.

    Raises:
        OutsideError: if the scene does not reach the region.
        InputError: if it cannot be projected there, or at that resolution.
    """
    if output.crs is None:
        return None
    source = crop(scene, locate(scene, selection))
    fine = Grid((source.lst.shape[0], source.lst.shape[1]), source.transform, source.crs).refine(factor)
    shown = inside(fine, selection.bbox)
    asked = f"`crs` {output.crs}"
    if not shown.any():
        raise InputError(
            f"{asked}: no pixel of {scene.path.name} asked for lies on the globe; there is nothing to warp"
        )
    if output.resolution is not None:
        asked += f" `resolution` {output.resolution:g}"
    try:
        grid = target_grid(fine, output.target_crs(), inside=shown, resolution=output.resolution)
    except ValueError as error:
        raise InputError(f"{asked}: {error}") from None
    return WarpPlan(grid, shown)


def warp(fine: FineScene, plan: WarpPlan) -> FineScene:
    """Bring a fine scene to another grid: LST and spread bilinearly, quality by the nearest pixel.

    Args:
        fine: on the grid of its source.
        plan: from :func:`plan_warp`, of the same scene and selection.

    Returns:
        The warped scene; NaN where it is not observed, and where the nearest source pixel is not on the globe and in
        the box asked for.
    """
    source = Grid((fine.lst.shape[0], fine.lst.shape[1]), fine.transform, fine.crs)
    shown = warp_field(plan.inside, source, plan.grid, kind="nearest") == 1

    def moved(field: NDArray[np.float32]) -> NDArray[np.float32]:
        warped = warp_field(np.where(plan.inside, field, np.nan), source, plan.grid)
        warped[~shown] = np.nan
        return warped

    lst = moved(fine.lst)
    quality = None
    if fine.quality is not None:
        nearest = warp_field(fine.quality, source, plan.grid, kind="nearest")
        quality = np.where(shown, nearest, NOT_PRODUCED).astype(fine.quality.dtype)
    return dataclasses.replace(
        fine,
        lst=lst,
        spread=None if fine.spread is None else moved(fine.spread),
        quality=quality,
        transform=plan.grid.transform,
        crs=plan.grid.crs,
        observed=float(np.isfinite(lst).sum() / max(shown.sum(), 1)),
        warped=True,
    )
