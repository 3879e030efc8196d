"""Sub-pixel registration of two sensors: the shift that makes their fields agree best.

The agreement is the correlation of the two fields, of their magnitude, so that NDVI, cool where it is high, registers
LST as well as LST does. One shift per pair, or the mean of many: their spread says how well it is known.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from lstsr_jax.geo.warp import Grid, Shift, coordinates, warp_field

HIGH_PASS_PX: Final = 4.0
SEARCH_PX: Final = 3
MINIMUM_PIXELS: Final = 100
SEARCH_POINTS: Final = 5000
_STENCIL: Final = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)], float)
_REFINEMENTS: Final = (0.5, 0.5, 0.25)


@dataclasses.dataclass(frozen=True)
class Registration:
    """The shift of one pair.

    Attributes:
        shift: by which the moving field agrees best, in fine pixels.
        correlation: there, signed.
        correlation_unshifted: where the files say the fields are, signed.
        by: what was compared, "ndvi" or "lst", where it was chosen.
    """

    shift: Shift
    correlation: float
    correlation_unshifted: float
    by: str = ""


@dataclasses.dataclass(frozen=True)
class ShiftSummary:
    """What many pairs say of one shift.

    Attributes:
        mean: over the pairs.
        spread: standard deviation over the pairs (ddof 1; 0 of a single pair).
        n: pairs.
    """

    mean: Shift
    spread: Shift
    n: int


def summarise(shifts: Sequence[Shift]) -> ShiftSummary:
    """Mean and spread of shifts.

    Raises:
        ValueError: there is none.
    """
    if not shifts:
        raise ValueError("no shift to summarise; estimate at least one")
    values = np.asarray(shifts, float)
    spread = values.std(0, ddof=1) if len(values) > 1 else np.zeros(2)
    return ShiftSummary(Shift(*values.mean(0).tolist()), Shift(*spread.tolist()), len(values))


def register_guide(
    guide: NDArray[np.float32],
    guide_grid: Grid,
    truth: NDArray[np.float32],
    truth_grid: Grid,
    *,
    high_pass_px: float = HIGH_PASS_PX,
) -> Registration:
    """Shift of a fine guide, such as NDVI, towards a fine truth, such as ASTER LST, by their fine texture.

    Both fields lose what a Gaussian of ``high_pass_px`` keeps before they are compared: relief and weather act on LST
    at long range and say nothing of where the pixels are.

    Args:
        guide: (H, W), NaN where there is nothing.
        guide_grid: where it lies.
        truth: (H', W'), NaN where there is nothing.
        truth_grid: where it lies; pixels of about the same size.
        high_pass_px: sigma of that Gaussian in pixels.

    Returns:
        The shift, in pixels of the guide.

    Raises:
        ValueError: they overlap in too few pixels.
    """
    return estimate_shift(_high_pass(guide, high_pass_px), guide_grid, _high_pass(truth, high_pass_px), truth_grid)


def register_coarse(
    lst: NDArray[np.float32], grid: Grid, truth: NDArray[np.float32], truth_grid: Grid, *, factor: int = 4
) -> Registration:
    """Shift of a coarse LST field towards a fine truth, by LST alone.

    The truth is averaged over squares of ``factor`` pixels, what a coarse pixel sees, at every position.

    Args:
        lst: (h, w), NaN where there is nothing.
        grid: where it lies.
        truth: (H', W'), NaN where there is nothing.
        truth_grid: where it lies; pixels about ``factor`` times smaller than those of ``grid``.
        factor: coarse pixel / fine pixel.

    Returns:
        The shift, in fine pixels (coarse / ``factor``).

    Raises:
        ValueError: they overlap in too few pixels.
    """
    seen = np.isfinite(truth)
    share = scipy.ndimage.uniform_filter(seen.astype(np.float64), factor, mode="constant")
    total = scipy.ndimage.uniform_filter(np.where(seen, truth, 0).astype(np.float64), factor, mode="constant")
    smooth = np.where(share > 1 - 1e-6, total / np.maximum(share, 0.5), np.nan).astype(np.float32)
    # An even square lies half a pixel off its centre pixel, to the north-west.
    offset = 0.0 if factor % 2 else -0.5
    return estimate_shift(lst, grid, smooth, truth_grid.shift(Shift(offset, offset)), factor=factor)


def estimate_shift(
    field: NDArray[np.float32],
    grid: Grid,
    truth: NDArray[np.float32],
    truth_grid: Grid,
    *,
    factor: int = 1,
    search_px: int = SEARCH_PX,
) -> Registration:
    """The shift of ``field`` that gives the largest magnitude of its correlation with ``truth``.

    All whole-pixel shifts of the search window are tried; around the best one a paraboloid is fitted to ever smaller
    neighbourhoods. Every shift is scored on the same pixels. The field is interpolated by cubic splines, whose blur
    depends little on the shift: bilinear interpolation draws the estimate towards half pixels.

    Args:
        field: (H, W), NaN where there is nothing.
        grid: where it lies.
        truth: (H', W'), NaN where there is nothing.
        truth_grid: where it lies.
        factor: pixels of the shift per pixel of ``grid``.
        search_px: largest shift tried, in shift pixels, each way.

    Returns:
        The shift, and the agreement with and without it.

    Raises:
        ValueError: they overlap in too few pixels, or one of them is flat there.
    """
    seen = np.isfinite(field)
    fine = coordinates(grid.refine(factor), truth_grid)
    rows, columns = ((at.astype(np.float64) + 0.5) / factor - 0.5 for at in fine)
    near = warp_field(np.where(seen, 0.0, np.nan), grid, truth_grid, kind="nearest")
    inside = np.isfinite(truth) & np.isfinite(rows) & np.isfinite(near)
    inside = scipy.ndimage.binary_erosion(inside, np.ones((3, 3)), iterations=search_px + 1)
    if inside.sum() < MINIMUM_PIXELS:
        raise ValueError(f"the fields share {inside.sum()} pixels within the search window; give a larger overlap")
    rows, columns = rows[inside], columns[inside]
    fixed = truth[inside].astype(np.float64)
    filled = np.where(seen, field, field[seen].mean()).astype(np.float64)
    spline = scipy.ndimage.spline_filter(filled, order=3, mode="nearest")

    def correlation(down: float, right: float, every: int = 1) -> float:
        at = (rows[::every] - down / factor, columns[::every] - right / factor)
        moving = scipy.ndimage.map_coordinates(spline, at, order=3, mode="nearest", prefilter=False)
        moving, still = moving - moving.mean(), fixed[::every] - fixed[::every].mean()
        norm = np.sqrt((moving @ moving) * (still @ still))
        return float(moving @ still / norm) if norm > 0 else 0.0

    sparse = max(1, len(fixed) // SEARCH_POINTS)
    steps = range(-search_px, search_px + 1)
    tried = {(r, c): correlation(r, c, every=sparse) for r in steps for c in steps}
    if not any(tried.values()):
        raise ValueError("one of the fields is flat where both are observed; a shift cannot be told")
    start = max(tried, key=lambda at: abs(tried[at]))
    best, sign = np.array(start, float), np.sign(tried[start])
    for step in _REFINEMENTS:
        values = [sign * correlation(*(best + step * offset)) for offset in _STENCIL]
        best = np.clip(best + step * _summit(np.array(values)), -search_px, search_px)
    shift = Shift(*best.tolist())
    return Registration(shift, correlation(*shift), correlation(0, 0))


def _summit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the paraboloid through 3x3 values is highest, in steps from their centre; within one step of it."""
    r, c = _STENCIL.T
    design = np.stack([np.ones(9), r, c, r * r, r * c, c * c], 1)
    _, gr, gc, rr, rc, cc = np.linalg.lstsq(design, values, rcond=None)[0]
    hessian = np.array([[2 * rr, rc], [rc, 2 * cc]])
    if np.linalg.eigvalsh(hessian).max() >= 0:  # no summit here: go to the best of the nine
        result: NDArray[np.float64] = _STENCIL[np.argmax(values)]
        return result
    return np.clip(-np.linalg.solve(hessian, [gr, gc]), -1, 1)


def _high_pass(field: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The field less its Gaussian mean over the observed pixels; NaN where it was."""
    seen = np.isfinite(field)
    weight = scipy.ndimage.gaussian_filter(seen.astype(np.float32), sigma, mode="nearest")
    smooth = scipy.ndimage.gaussian_filter(np.where(seen, field, 0).astype(np.float32), sigma, mode="nearest")
    return np.where(seen, field - smooth / np.maximum(weight, 1e-6), np.nan).astype(np.float32)
