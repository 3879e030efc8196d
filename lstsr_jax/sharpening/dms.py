"""DMS, the data mining sharpener (Gao, Kustas and Anderson 2012, Remote Sens. 4, 3287-3319).

After the paper and its public implementation, pyDMS; docs/fidelity.md has the differences. The regression is
scikit-learn's (:mod:`lstsr_jax.sharpening.trees`), the rest JAX.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from lstsr_jax.ops.blocks import to_blocks
from lstsr_jax.ops.energy import conserve_energy
from lstsr_jax.ops.gaps import fill_gaps
from lstsr_jax.ops.pooling import l4_pool
from lstsr_jax.ops.resize import upsample
from lstsr_jax.sharpening.regression import check_pair, covariate
from lstsr_jax.sharpening.trees import BaggedTrees, fit_trees, require_sklearn

PYDMS_PENALTY = 1.0
"""``penalty`` of pyDMS: what tables and maps use."""
_LEAVES, _LOCAL_LEAVES = 30, 10
_SAMPLES = 10  # the fewest for a regression, and in a leaf
_EXTRAPOLATION = 0.25
_HOMOGENEOUS = 80  # percent of the samples, unless a threshold is given
_OVERLAP = 0.25  # of a window: its samples reach so far beyond it on every side
_OBSERVED = 0.5  # the least share of a coarse pixel's fine pixels with all predictors, for it to be a sample

Array = NDArray[Any]
Area = tuple[slice, slice]


class _Samples(NamedTuple):
    """What one image is fitted to, at the coarse scale."""

    lst: Array  # (h, w) K
    predictors: Array  # (h, w, C)
    variation: Array  # (h, w)
    usable: Array  # (h, w) bool


def dms(
    lst: jax.Array,
    ndvi: jax.Array,
    factor: int = 4,
    *,
    window: int | None = 15,
    trees: int = 10,
    homogeneity: float | None = None,
    min_lst: float | None = None,
    penalty: float = 0.0,
    conserve: bool = True,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> jax.Array:
    """Sharpen LST with NDVI by bagged regression trees, one for the image and one for each window of it.

    The trees, with a linear model in each leaf, learn LST from the mean NDVI of coarse pixels, the more from a pixel
    the more homogeneous it is, and are applied to the fine NDVI. Both maps are averaged as emitted energy (T^4), with
    weights inverse to their squared residuals at the coarse scale. The residual energy of that average is interpolated
    (bicubic) and added.

    This is numpy and scikit-learn (extra ``dms``): not for ``jax.jit``, ``vmap`` or ``grad``. The same input and seed
    give the same result.

    Args:
        lst: coarse LST ``(..., h, w, 1)`` in K; NaN where not observed.
        ndvi: fine NDVI ``(..., h*f, w*f, 1)``, leading axes as ``lst``; NaN where not observed. Or ``(..., C)``: NDVI
            and other predictors in any unit. A fine gap takes the value of its coarse pixel, a coarse pixel without
            any that of its neighbours; a coarse pixel observed by less than half is not learnt from. Without 10 coarse
            pixels to learn from, the result is an interpolation of the LST.
        factor: fine = coarse x factor.
        window: side of the windows in coarse pixels; the nearest number that divides the image evenly is taken. None:
            one regression for the image, as there is for an image of a single window.
        trees: in each regression.
        homogeneity: coefficient of variation of the fine predictors (mean over them) up to which a coarse pixel is
            homogeneous: others weigh half. None: that of the 80th percentile; ``inf``: all pixels weigh alike.
        min_lst: coarse pixels colder than this (K) are not learnt from.
        penalty: ridge penalty of the leaves, with the predictors as they are. pyDMS has 1, which makes a leaf nearly
            a constant in NDVI: better on real LST. 0 finds an exact relation.
        conserve: end with :func:`lstsr_jax.conserve_energy`, so that ``l4_pool(result, factor)`` is ``lst``. Without,
            as pyDMS leaves it, it is so to a few tenths of a kelvin.
        seed: of the bootstrap samples, 0 to 2^32 - 1; each image gets the same.
        progress: told after every window how many are done, and of how many; of all images.

    Returns:
        ``(..., h*f, w*f, 1)`` in K, NaN exactly where the coarse LST is NaN.

    Raises:
        ValueError: if shapes or options do not fit, or under a JAX transformation.
        InputError: without scikit-learn.
    """
    if isinstance(lst, jax.core.Tracer) or isinstance(ndvi, jax.core.Tracer):
        raise ValueError("dms is numpy and scikit-learn: call it outside jax.jit, vmap and grad")
    if window is not None and (not isinstance(window, int) or window < 2):
        raise ValueError(f"window must be at least 2 coarse pixels, or None, got {window!r}")
    if not isinstance(trees, int) or trees < 1:
        raise ValueError(f"trees must be a positive integer, got {trees!r}")
    if homogeneity is not None and not homogeneity > 0:
        raise ValueError(f"homogeneity must be positive, got {homogeneity!r}")
    if not 0 <= penalty < np.inf:
        raise ValueError(f"penalty must be finite and not negative, got {penalty!r}")
    lst, ndvi, _ = check_pair(lst, ndvi, factor, several=True)
    require_sklearn()
    fit = functools.partial(_fit, trees=trees, homogeneity=homogeneity, penalty=penalty, seed=seed)
    images, guides = lst.reshape(-1, *lst.shape[-3:]), ndvi.reshape(-1, *ndvi.shape[-3:])
    areas = list(_windows(lst.shape[-3], lst.shape[-2], window))
    fine = np.full((*guides.shape[:-1], 1), np.nan, np.float32)
    for number, (image, guide) in enumerate(zip(images, guides, strict=True)):
        samples, predictors = _prepare(image, guide, factor, min_lst)
        if not np.isfinite(samples.lst).any():
            continue
        glob = _predict(fit(samples, leaves=_LEAVES), predictors, float(np.nanmean(samples.lst)))
        local = glob if len(areas) == 1 else glob.copy()
        for done, (inside, around) in enumerate(areas if len(areas) > 1 else []):
            found = fit(_Samples(*(part[around] for part in samples)), leaves=_LOCAL_LEAVES)
            if found is not None:
                there = _finer(inside, factor)
                local[there] = _predict(found, predictors[there], np.nan)
            if progress is not None:
                progress(number * len(areas) + done + 1, len(images) * len(areas))
        fine[number] = _combine(image, glob[..., None], local[..., None], factor, conserve)
    return jnp.asarray(fine.reshape(*lst.shape[:-3], *fine.shape[1:]))


def _prepare(lst: jax.Array, guide: jax.Array, factor: int, min_lst: float | None) -> tuple[_Samples, Array]:
    """Samples of an image, and its fine predictors ``(h*f, w*f, C)`` without gaps."""
    temperature = np.array(lst)[..., 0]
    temperature[~np.isfinite(temperature)] = np.nan
    fine, coarse, variation, known = (np.asarray(part) for part in _predictors(guide, factor))
    usable = known & (temperature >= (-np.inf if min_lst is None else min_lst))
    return _Samples(temperature, coarse, variation, usable), fine


@functools.partial(jax.jit, static_argnames="factor")
def _predictors(guide: jax.Array, factor: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Fine and coarse predictors, and per coarse pixel their coefficient of variation and whether they were observed.

    The coefficient of variation is the mean over predictors.
    """
    x = covariate(guide, factor, "mean", None)
    blocks = to_blocks(guide, factor)
    known = jnp.isfinite(blocks)
    count = jnp.maximum(known.sum(-2), 1)
    mean = jnp.where(known, blocks, 0).sum(-2) / count
    squares = jnp.where(known, blocks - jnp.expand_dims(mean, -2), 0) ** 2
    deviation = jnp.sqrt(squares.sum(-2) / count)
    variation = (deviation / jnp.maximum(jnp.abs(mean), 1e-6)).mean(-1)
    return x.fine, x.coarse, variation, known.all(-1).mean(-1) >= _OBSERVED


def _windows(height: int, width: int, window: int | None) -> Iterator[tuple[Area, Area]]:
    """Windows that cover an image, and the wider ones that their samples are from; in coarse pixels."""
    counts = [1 if window is None else max(1, round(side / window)) for side in (height, width)]
    edges = [
        np.linspace(0, side, count + 1).round().astype(int) for side, count in zip((height, width), counts, strict=True)
    ]
    margin = 0 if window is None else round(_OVERLAP * window)
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            around = slice(max(top - margin, 0), bottom + margin), slice(max(left - margin, 0), right + margin)
            yield (slice(top, bottom), slice(left, right)), around


def _finer(area: Area, factor: int) -> Area:
    rows, columns = (slice(part.start * factor, part.stop * factor) for part in area)
    return rows, columns


def _fit(
    samples: _Samples, *, leaves: int, trees: int, homogeneity: float | None, penalty: float, seed: int
) -> BaggedTrees | None:
    """The regression of an area, or None if it has too few samples."""
    use = samples.usable
    if use.sum() < _SAMPLES:
        return None
    return fit_trees(
        samples.predictors[use],
        samples.lst[use].astype(float),
        _weights(samples.variation[use], homogeneity),
        trees=trees,
        leaves=leaves,
        leaf_samples=_SAMPLES,
        extrapolation=_EXTRAPOLATION,
        penalty=penalty,
        seed=seed,
    )


def _weights(variation: Array, homogeneity: float | None) -> Array:
    """Inverse to the coefficient of variation, halved beyond the threshold; at most ten times that at it."""
    threshold = float(np.percentile(variation, _HOMOGENEOUS)) if homogeneity is None else homogeneity
    least = max(0.1 * threshold, 1e-6)
    weight: Array = np.minimum(least / np.maximum(variation.astype(float), 1e-9), 1.0)
    weight[variation > threshold] *= 0.5
    return weight


def _predict(regression: BaggedTrees | None, predictors: Array, otherwise: float) -> Array:
    """LST of ``(H, W, C)`` predictors, ``(H, W)`` float32 in K."""
    *shape, channels = predictors.shape
    if regression is None:
        return np.full(shape, otherwise, np.float32)
    found: Array = regression.predict(predictors.reshape(-1, channels)).reshape(shape).astype(np.float32)
    return found


@functools.partial(jax.jit, static_argnames=("factor", "conserve"))
def _combine(lst: jax.Array, glob: jax.Array, local: jax.Array, factor: int, conserve: bool) -> jax.Array:
    """Average both maps by their residuals, and spread what is left; each ``(H, W, 1)`` K, ``lst`` ``(h, w, 1)``."""
    observed = jnp.isfinite(lst)
    level = jnp.where(observed, lst, 0).sum() / observed.sum()
    lst = jnp.where(observed, lst, jnp.nan)
    squares = [(lst - l4_pool(field, factor)) ** 2 + 1e-6 for field in (glob, local)]
    share = jnp.clip(upsample(fill_gaps(squares[0] / (squares[0] + squares[1])), factor), 0, 1)
    energy = share * _energy(local, level) + (1 - share) * _energy(glob, level)
    residual = _energy(lst, level) - to_blocks(energy, factor).mean(-2)
    fine = _temperature(energy + upsample(fill_gaps(residual), factor), level)
    fine = conserve_energy(fine, lst) if conserve else fine
    return jnp.where(upsample(observed.astype(fine.dtype), factor, "nearest") > 0, fine, jnp.nan)


def _energy(lst: jax.Array, level: jax.Array) -> jax.Array:
    """Emitted energy less that at ``level``, over the derivative there: in K, so that float32 keeps its digits."""
    d = lst / level - 1
    return level / 4 * ((((d + 4) * d + 6) * d + 4) * d)


def _temperature(energy: jax.Array, level: jax.Array) -> jax.Array:
    """Inverse of :func:`_energy`."""
    return level * (1 + jnp.expm1(0.25 * jnp.log1p(jnp.maximum(4 * energy / level, -1 + 1e-6))))
