"""A whole scene: gaps filled, overlapping tiles of one shape, a smooth blend, energy conserved, gaps masked again.

Fields are ``(H, W)`` in kelvin; NaN means no observation.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.ops.energy import conserve_energy as _conserve
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.observed import require_kelvin, require_ndvi, with_gaps
from lstsr_jax.predictor import Calibrated, FunctionResolver, SuperResolver, as_super_resolver, with_energy
from lstsr_jax.scene.tiling import Progress, Refine, Tiling, blend

_STRIP = 64  # coarse rows corrected at a time
_fill = jax.jit(fill_gaps)
_correct = jax.jit(_conserve)


def super_resolve_scene(
    predictor: SuperResolver | Callable[..., Any],
    lst: ArrayLike,
    ndvi: ArrayLike | None = None,
    *,
    conserve_energy: bool | None = None,
    tile: int = Tiling.tile,
    overlap: int = Tiling.overlap,
    batch: int | None = Tiling.batch,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Super-resolve a field of any size with gaps.

    Gaps are filled from observed neighbours before the network sees them and masked out after it. The scene is cut
    into overlapping tiles of one shape, whose borders are dropped and whose overlaps are blended by weights that sum
    to one; tiles without any observation are left out. Beside the result, memory holds one batch of tiles.

    Args:
        predictor: from :func:`lstsr_jax.load_predictor`, another :class:`lstsr_jax.SuperResolver`, or any function
            ``(B, h, w, 1)`` K without gaps -> ``(B, h*f, w*f, 1)`` K, which :func:`lstsr_jax.as_super_resolver` wraps.
            One that fits something to the scene, such as ``method("atprk")``, sees it in one piece with its gaps.
        lst: ``(H, W)`` in K, 150 to 400 where observed; not finite, or masked in a numpy masked array, means not
            observed.
        ndvi: ``(H*f, W*f)``, NaN where there is none: for a predictor guided by it, which is called with both.
        conserve_energy: correct the result so that ``l4_pool(result, f)`` is ``lst`` where observed; None does so
            if the predictor ``conserves_energy``.
        tile: side of a tile in coarse pixels. A scene smaller than that is padded by its edge, and cropped.
        overlap: coarse pixels that neighbouring tiles share, or more where the size asks for it; at least 5.
        batch: tiles per call of the predictor; None for 2 on a CPU and 16 elsewhere.
        progress: told after every batch how many tiles are done, and of how many.

    Returns:
        ``(H*f, W*f)`` float32 in K, NaN exactly where the coarse pixel is not observed.

    Raises:
        ValueError: if ``lst`` is not ``(H, W)`` or not in kelvin, ``ndvi`` does not fit it or is outside -1 to 1, the
            tiling is impossible, or the predictor returns another shape.
        InputError: if the predictor returns values that are not finite.
    """
    resolver = with_energy(as_super_resolver(predictor), conserve_energy)
    fine: NDArray[np.float32] = _scene(resolver, resolver, lst, ndvi, 1, Tiling(tile, overlap, batch), progress)[0]
    return fine


def super_resolve_spread(
    predictor: SuperResolver | Callable[..., Any],
    lst: ArrayLike,
    ndvi: ArrayLike | None = None,
    *,
    conserve_energy: bool | None = None,
    tile: int = Tiling.tile,
    overlap: int = Tiling.overlap,
    batch: int | None = Tiling.batch,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Super-resolve a scene in the eight flips and rotations of its tiles: a mean and their spread.

    The mean is over those that the predictor was trained with (its ``orientations``; all eight of a function).

    The spread tells where the network's answer depends on the orientation of the scene, which the ground does not. It
    is no error bar, unless the predictor has a ``product_calibration``, as shipped models do: then it is the error's
    standard deviation as found against ASTER from 1 km to 250 m; or else a ``calibration``: as found on held-out dates
    at the scale of training.

    Args:
        predictor: as for :func:`super_resolve_scene`; it is called eight times per batch.
        lst: as there.
        ndvi: as there.
        conserve_energy: as there; also applied to each of the eight.
        tile: as there.
        overlap: as there.
        batch: as there.
        progress: as there.

    Returns:
        Mean and standard deviation (of these eight) in K, each ``(H*f, W*f)`` float32, NaN exactly where ``lst`` is.

    Raises:
        ValueError: as there.
        InputError: as there.
    """
    resolver = with_energy(as_super_resolver(predictor), conserve_energy)

    def mean_and_spread(coarse: jax.Array, *guide: jax.Array) -> jax.Array:
        return jnp.concatenate(resolver.ensemble(coarse, *guide), axis=-1)

    mean, spread = _scene(resolver, mean_and_spread, lst, ndvi, 2, Tiling(tile, overlap, batch), progress)
    calibration = resolver.map_calibration if isinstance(resolver, Calibrated) else None
    return mean, spread if calibration is None else calibration.sigma(spread)


def _scene(
    resolver: SuperResolver,
    refine: Refine,
    lst: ArrayLike,
    ndvi: ArrayLike | None,
    channels: int,
    tiling: Tiling,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """What ``refine``, a method of the resolver, makes of the scene, ``(channels, H*f, W*f)``; LST comes first."""
    field = with_gaps("lst", lst).astype(np.float32)
    if field.ndim != 2 or field.size == 0:
        raise ValueError(f"lst must be (H, W) in kelvin, not empty, got {field.shape}: select one overpass and channel")
    factor = resolver.factor
    guide = None if ndvi is None else with_gaps("ndvi", ndvi).astype(np.float32)
    if guide is not None and guide.shape != (field.shape[0] * factor, field.shape[1] * factor):
        raise ValueError(f"ndvi {guide.shape} must be lst {field.shape} times the factor {factor}")
    require_kelvin("lst", field)
    if guide is not None:
        require_ndvi("ndvi", guide)
    observed = np.isfinite(field)
    if not observed.any():
        return np.full((channels, field.shape[0] * factor, field.shape[1] * factor), np.nan, np.float32)
    field = np.where(observed, field, np.float32(np.nan))
    if isinstance(resolver, FunctionResolver) and resolver.whole_field:
        if resolver.reports_progress and refine is resolver:
            refine = functools.partial(resolver.function, progress=progress)
        fine = _in_one_piece(refine, field, guide, factor, channels)
    else:
        filled = np.asarray(_fill(field[..., None]))[..., 0]
        fine = blend(refine, filled, observed, tiling, factor=factor, channels=channels, guide=guide, progress=progress)
    _conserve_and_mask(fine, field, factor, resolver.conserves_energy)
    return fine


def _in_one_piece(
    refine: Refine, field: NDArray[np.float32], guide: NDArray[np.float32] | None, factor: int, channels: int
) -> NDArray[np.float32]:
    """``(channels, H*f, W*f)`` of a method that fits something to the scene, and takes it with its gaps."""
    seen = [jnp.asarray(values)[None, ..., None] for values in (field, guide) if values is not None]
    result = np.array(refine(*seen), np.float32)
    expected = (1, field.shape[0] * factor, field.shape[1] * factor, channels)
    if result.shape != expected:
        raise ValueError(f"predictor gave {result.shape} for {seen[0].shape}; {expected} is expected")
    return np.moveaxis(result[0], -1, 0)


def _conserve_and_mask(fine: NDArray[np.float32], lst: NDArray[np.float32], factor: int, conserve: bool) -> None:
    """Conserve energy and mask, in place, strip by strip of whole coarse pixels.

    Args:
        fine: ``(C, H*f, W*f)``; the first channel is LST in K.
        lst: ``(H, W)`` in K with NaN gaps.
        factor: f.
        conserve: correct the first channel so that pooling it gives ``lst``.

    Raises:
        InputError: if ``fine`` is NaN where ``lst`` is not.
    """
    height, strip = lst.shape[0], min(_STRIP, lst.shape[0])
    for start in range(0, height, strip):
        first = min(start, height - strip)  # the last strip reaches back: one shape, one compilation
        part, coarse = fine[:, first * factor : (first + strip) * factor], lst[first : first + strip]
        if conserve:
            part[0] = np.asarray(_correct(part[0][..., None], coarse[..., None]))[..., 0]
        gaps = np.isnan(coarse).repeat(factor, 0).repeat(factor, 1)
        part[:, gaps] = np.nan
        if np.isnan(part[:, ~gaps]).any():
            raise InputError("the method gives temperatures that are not finite; take another checkpoint or method")
