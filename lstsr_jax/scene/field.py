"""A whole scene: gaps filled, overlapping tiles of one shape, a smooth blend, energy conserved, gaps masked again.

Fields are ``(H, W)`` in kelvin; NaN means no observation.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.errors import InputError
from lstsr_jax.ops.energy import conserve_energy as _conserve
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.observed import require_kelvin, require_ndvi, with_gaps
from lstsr_jax.predictor.self_ensemble import mean_and_spread
from lstsr_jax.scene.tiling import Progress, Refine, Tiling, blend

_STRIP = 64  # coarse rows corrected at a time
_fill = jax.jit(fill_gaps)
_correct = jax.jit(_conserve)


def super_resolve_scene(
    predictor: Refine,
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
        predictor: ``(B, h, w, 1)`` K without gaps -> ``(B, h*f, w*f, 1)`` K: from :func:`lstsr_jax.load_predictor`, or
            any function. Its attribute ``factor`` is f; 4 if it has none.
        lst: ``(H, W)`` in K, 150 to 400 where observed; not finite, or masked in a numpy masked array, means not
            observed.
        ndvi: ``(H*f, W*f)``, NaN where there is none: for a predictor guided by it, which is called with both.
        conserve_energy: correct the result so that ``l4_pool(result, f)`` is ``lst`` where observed; None does so
            unless the predictor ``denoises``.
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
    conserve = conserves_energy(predictor, conserve_energy)
    fine: NDArray[np.float32] = _scene(predictor, lst, ndvi, 1, conserve, Tiling(tile, overlap, batch), progress)[0]
    return fine


def super_resolve_spread(
    predictor: Refine,
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

    The mean is over those that the predictor was trained with (its ``orientations``; all eight if it has none).

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
    conserve = conserves_energy(predictor, conserve_energy)
    refine = functools.partial(_mean_and_spread, predictor, conserve)
    refine.factor = getattr(predictor, "factor", 4)  # type: ignore[attr-defined]
    mean, spread = _scene(refine, lst, ndvi, 2, conserve, Tiling(tile, overlap, batch), progress)
    calibration = getattr(predictor, "product_calibration", None) or getattr(predictor, "calibration", None)
    return mean, spread if calibration is None else calibration.sigma(spread)


def conserves_energy(predictor: Refine | None, asked: bool | None = None) -> bool:
    """Whether a scene is corrected so that pooling it gives back its source: the one answer to that question.

    Args:
        predictor: network or function; None for a classical method.
        asked: what the user wants; None: unless the predictor ``denoises``.
    """
    return not getattr(predictor, "denoises", False) if asked is None else asked


def _scene(
    refine: Refine,
    lst: ArrayLike,
    ndvi: ArrayLike | None,
    channels: int,
    conserve: bool,
    tiling: Tiling,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """The scene as ``(channels, H*f, W*f)``; the first channel is the LST."""
    field = with_gaps("lst", lst).astype(np.float32)
    if field.ndim != 2 or field.size == 0:
        raise ValueError(f"lst must be (H, W) in kelvin, not empty, got {field.shape}: select one overpass and channel")
    factor = getattr(refine, "factor", 4)
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
    filled = np.asarray(_fill(field[..., None]))[..., 0]
    fine = blend(refine, filled, observed, tiling, factor=factor, channels=channels, guide=guide, progress=progress)
    finish(fine, field, factor, conserve)
    return fine


def finish(fine: NDArray[np.float32], lst: NDArray[np.float32], factor: int, conserve: bool = True) -> None:
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
    for first in range(0, height, strip):
        first = min(first, height - strip)  # the last strip reaches back: one shape, one compilation
        part, coarse = fine[:, first * factor : (first + strip) * factor], lst[first : first + strip]
        if conserve:
            part[0] = np.asarray(_correct(part[0][..., None], coarse[..., None]))[..., 0]
        gaps = np.isnan(coarse).repeat(factor, 0).repeat(factor, 1)
        part[:, gaps] = np.nan
        if np.isnan(part[:, ~gaps]).any():
            raise InputError("the network gives no finite temperatures; take another checkpoint")


def _mean_and_spread(predictor: Refine, conserve: bool, coarse: jax.Array, *ndvi: jax.Array) -> jax.Array:
    """``(B, h, h, 1)`` -> ``(B, h*f, h*f, 2)``."""
    known, predictor = getattr(predictor, "orientations", "dihedral"), getattr(predictor, "single", predictor)
    return jnp.concatenate(mean_and_spread(predictor, coarse, *ndvi, conserve=conserve, known=known), axis=-1)
