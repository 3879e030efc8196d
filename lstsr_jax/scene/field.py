"""A whole scene: gaps filled, overlapping tiles of one shape, a smooth blend, energy conserved, gaps masked again.

Fields are ``(H, W)`` in kelvin; NaN means no observation.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstsr_jax.predictor import SuperResolver
from lstsr_jax.predictor.guides import given
from lstsr_jax.scene.steps import SceneSteps
from lstsr_jax.scene.tiling import Progress, Tiling


def super_resolve_scene(
    predictor: SuperResolver | Callable[..., Any],
    lst: ArrayLike,
    ndvi: ArrayLike | None = None,
    *,
    elevation: ArrayLike | None = None,
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
        elevation: ``(H*f, W*f)`` in m, likewise.
        conserve_energy: correct the result so that ``l4_pool(result, f)`` is ``lst`` where observed; None does so
            if the predictor ``conserves_energy``.
        tile: side of a tile in coarse pixels. A scene smaller than that is padded by its edge, and cropped.
        overlap: coarse pixels that neighbouring tiles share, or more where the size asks for it; at least 5.
        batch: tiles per call of the predictor; None for 2 on a CPU and 16 elsewhere.
        progress: told after every batch how many tiles are done, and of how many.

    Returns:
        ``(H*f, W*f)`` float32 in K, NaN exactly where the coarse pixel is not observed.

    Raises:
        ValueError: if ``lst`` is not ``(H, W)`` or not in kelvin, a guide does not fit it, is outside its range
            (NDVI -1 to 1, elevation -500 to 9000 m) or not taken by the predictor, the tiling is impossible, or the
            predictor returns another shape.
        InputError: if the predictor returns values that are not finite.
    """
    tiling, guides = Tiling(tile, overlap, batch), given(ndvi=ndvi, elevation=elevation)
    steps = SceneSteps.begin(predictor, lst, guides, conserve_energy=conserve_energy, tiling=tiling)
    return steps.finish(steps.compute(progress))[0]


def super_resolve_spread(
    predictor: SuperResolver | Callable[..., Any],
    lst: ArrayLike,
    ndvi: ArrayLike | None = None,
    *,
    elevation: ArrayLike | None = None,
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
        elevation: as there.
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
    tiling, guides = Tiling(tile, overlap, batch), given(ndvi=ndvi, elevation=elevation)
    steps = SceneSteps.begin(predictor, lst, guides, conserve_energy=conserve_energy, spread=True, tiling=tiling)
    mean, deviation = steps.finish(steps.compute(progress))
    assert deviation is not None
    return mean, deviation
