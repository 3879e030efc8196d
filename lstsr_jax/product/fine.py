"""The fine field of one scene with everything that is written beside it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import Grid, Guide, Scene, aggregate_l4, refine_transform
from lstsr_jax.ops.observed import PLAUSIBLE_K
from lstsr_jax.product.guide import read_guides, warnings_of
from lstsr_jax.product.methods import MapMethod
from lstsr_jax.product.neighbours import ALONE, Around, surround
from lstsr_jax.product.region import crop, inside, locate
from lstsr_jax.product.settings import Inference, Selection
from lstsr_jax.scene import SceneSteps
from lstsr_jax.scene.tiling import Progress

LARGEST_RESIDUAL_K = 0.1
"""Between a map that conserves energy, pooled, and its source."""


@dataclasses.dataclass(frozen=True, eq=False)
class FineScene:
    """A super-resolved scene.

    Attributes:
        lst: ``(H, W)`` float32 in K, NaN where not observed.
        spread: the same shape in K, or None.
        quality: ``(H, W)``, each coarse pixel's code over its fine pixels, in the product's scheme and type;
            None if the source has none.
        transform: (column, row) to units of ``crs``.
        crs: coordinate reference system.
        source: the coarse scene, cropped to what was asked for.
        residual_k: largest ``|l4_pool(lst) - source.lst|`` before any warp; NaN where nothing is observed.
        observed: share of the pixels on the globe (after a warp also in the box) that are observed, 0 to 1.
        warped: whether it was brought to another grid than the refined one of its source.
        calibrated: whether the spread is the error's standard deviation.
        guides: the guides that were used, on the fine grid of what the method saw, by name.
        guide_warnings: a line for each that helps less than it could.
        around: the neighbours that were seen.
    """

    lst: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    quality: NDArray[Any] | None
    transform: Affine
    crs: CRS
    source: Scene
    residual_k: float
    observed: float
    warped: bool = False
    calibrated: bool = False
    guides: Mapping[str, Guide] = dataclasses.field(default_factory=dict)
    guide_warnings: tuple[str, ...] = ()
    around: Around = ALONE

    @property
    def spread_kind(self) -> str | None:
        """What the spread is; None without one."""
        if self.spread is None:
            return None
        return "standard error" if self.calibrated else "standard deviation over orientations"

    @property
    def bands(self) -> dict[str, NDArray[np.float32]]:
        """What a raster holds, by description."""
        named = {"LST (K)": self.lst}
        return named if self.spread is None else {**named, f"LST {self.spread_kind} (K)": self.spread}


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """The part of a scene that was asked for, ready for the method.

    Attributes:
        source: that part.
        steps: of the method on it and a margin around it.
        wanted: index of the part in what the method gives.
        guides: the guides that are used, by name.
        guide_warnings: a line for each that helps less than it could.
        calibrated: whether the method's spread is the error's standard deviation.
        around: the neighbours that are seen.
    """

    source: Scene
    steps: SceneSteps
    wanted: tuple[slice, slice]
    guides: Mapping[str, Guide]
    guide_warnings: tuple[str, ...]
    calibrated: bool
    around: Around


def prepare(
    scene: Scene, method: MapMethod, selection: Selection, inference: Inference, around: Around = ALONE
) -> Prepared:
    """What comes before the device's work: region, margin, guides, gap filling; arguments as :func:`super_resolve`."""
    method = method.asked_for(inference)
    region, factor = locate(scene, selection), method.factor
    context = region.grown(inference.overlap, scene.lst.shape)
    seen, inner, origin = surround(scene, context, around)
    _require_plausible(f"{scene.path}: observed LST", seen.lst)
    guides = read_guides(method.guides, seen, factor)
    steps = method.begin(seen.lst, {name: guide.values for name, guide in guides.items()}, inference, origin)
    wanted, source = region.within(context).moved(inner.top, inner.left).slices(factor), crop(scene, region)
    warnings = tuple(warnings_of(guides, source, wanted, factor))
    named = around._replace(patches=())  # its pixels are in the steps
    return Prepared(source, steps, wanted, guides, warnings, method.calibrated, named)


def finish(prepared: Prepared, computed: NDArray[np.float32]) -> FineScene:
    """What comes after the device's work, ``prepared.steps.compute()``: energy, gaps and checks.

    Raises:
        InputError: if the map is such as no land has, or far off its source.
    """
    source, wanted, factor = prepared.source, prepared.wanted, prepared.steps.resolver.factor
    lst, spread = prepared.steps.finish(computed)
    lst = lst[wanted]
    residual = _residual(lst, source.lst, factor)
    _require_plausible(f"{source.path}: the map", lst)
    if prepared.steps.resolver.conserves_energy and residual > LARGEST_RESIDUAL_K:
        raise InputError(
            f"{source.path}: the map, pooled, is {residual:.2g} K off its source, {LARGEST_RESIDUAL_K} K is allowed; "
            "no map is written: neighbouring values are such as no land has, download the file again"
        )
    globe = inside(Grid((source.lst.shape[0], source.lst.shape[1]), source.transform, source.crs), None)
    quality = source.quality
    return FineScene(
        lst=lst,
        spread=None if spread is None else spread[wanted],
        quality=None if quality is None else quality.repeat(factor, 0).repeat(factor, 1),
        transform=refine_transform(source.transform, factor),
        crs=source.crs,
        source=source,
        residual_k=residual,
        observed=float(np.isfinite(source.lst).sum() / max(globe.sum(), 1)),
        calibrated=prepared.calibrated,
        guides=prepared.guides,
        guide_warnings=prepared.guide_warnings,
        around=prepared.around,
    )


def super_resolve(
    scene: Scene,
    method: MapMethod,
    selection: Selection = Selection(),
    inference: Inference = Inference(),
    progress: Progress | None = None,
    around: Around = ALONE,
) -> FineScene:
    """Super-resolve the part of a scene that was asked for.

    The network sees a margin of one tile overlap around it, as far as the scene goes, and half a tile into neighbours.

    Args:
        scene: as read.
        method: network or classical method.
        selection: region.
        inference: tiling, spread, energy.
        progress: told after every batch of tiles.
        around: its neighbours.

    Returns:
        The fine scene on the grid of the source, refined: equal outer edges, pixels ``factor`` times smaller.

    Raises:
        OutsideError: if the scene does not reach the region.
        InputError: if the region or a guide cannot be used.
    """
    prepared = prepare(scene, method, selection, inference, around)
    return finish(prepared, prepared.steps.compute(progress))


def _require_plausible(what: str, lst: NDArray[np.float32]) -> None:
    """Refuse LST that no land has.

    Raises:
        InputError: with its range and the remedy.
    """
    low, high = PLAUSIBLE_K
    bad = int(((lst < low) | (lst > high)).sum())
    if bad:
        raise InputError(
            f"{what} of {np.nanmin(lst):.1f} to {np.nanmax(lst):.1f} K, {bad} pixels outside {low:g}..{high:g} K; "
            "no map is written: the file is damaged, download it again"
        )


def _residual(fine: NDArray[np.float32], coarse: NDArray[np.float32], factor: int) -> float:
    observed = np.isfinite(coarse)
    if not observed.any():
        return float("nan")
    return float(np.abs(aggregate_l4(fine, factor) - coarse)[observed].max())
