"""RMSE, PSNR and SSIM, one value per image, as the paper reports them.

Arrays are ``(..., H, W, C)``; the result has the leading shape ``(...)``. NaN in the truth means no observation and is
left out; NaN in an estimate where the truth is observed makes the score NaN, so that a method cannot gain by leaving
out what is hard. The unit of the RMSE is that of the arrays (kelvin here). ``data_range=None`` means the paper's
dynamic range: maximum minus minimum of each truth image (section IV.A).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax.ops._shapes import require_image
from lstsr_jax.ops.observed import as_float

_IMAGE = (-3, -2, -1)
_SMALLEST_RANGE = 1e-6  # keeps the scores and gradients of flat images finite


def _check(truth: jax.Array, estimate: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return truth and estimate as arrays, and where to score: mask and truth observed."""
    truth, estimate = as_float("truth", truth), as_float("estimate", estimate)
    require_image("truth", truth.shape)
    if truth.shape != estimate.shape:
        raise ValueError(f"truth and estimate must have one shape, got {truth.shape} and {estimate.shape}")
    valid = jnp.isfinite(truth)
    if mask is not None:
        mask = jnp.asarray(mask, bool)
        if mask.ndim != truth.ndim:
            raise ValueError(f"mask must have the rank of truth {truth.shape}, got {mask.shape}")
        valid = valid & mask
    return truth, estimate, valid


def _masked_mean(x: jax.Array, valid: jax.Array) -> jax.Array:
    """Mean over the image where valid, keeping the axes; NaN if nothing is."""
    count = valid.sum(_IMAGE, keepdims=True)
    total = jnp.where(valid, x, 0).sum(_IMAGE, keepdims=True)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def _range(truth: jax.Array, valid: jax.Array, data_range: jax.Array | float | None) -> jax.Array:
    """Dynamic range per image, with singleton image axes."""
    if data_range is None:
        highest = jnp.where(valid, truth, -jnp.inf).max(_IMAGE, keepdims=True)
        lowest = jnp.where(valid, truth, jnp.inf).min(_IMAGE, keepdims=True)
        return jnp.maximum(highest - lowest, _SMALLEST_RANGE)
    given = jnp.asarray(data_range, truth.dtype)
    if given.ndim not in (0, truth.ndim - 3):
        raise ValueError(f"data_range must be a number or one per image {truth.shape[:-3]}, got shape {given.shape}")
    return jnp.broadcast_to(given.reshape(*given.shape, 1, 1, 1) if given.ndim else given, (*truth.shape[:-3], 1, 1, 1))


def _mse(truth: jax.Array, estimate: jax.Array, valid: jax.Array) -> jax.Array:
    error = jnp.where(valid, estimate, 0) - jnp.where(valid, truth, 0)
    return _masked_mean(error * error, valid)


def _sqrt(x: jax.Array) -> jax.Array:
    """Square root with a zero gradient, not NaN, at zero."""
    return jnp.where(x == 0, 0.0, jnp.sqrt(jnp.where(x == 0, 1.0, x)))


def rmse(
    truth: jax.Array,
    estimate: jax.Array,
    *,
    data_range: jax.Array | float | None = None,
    mask: jax.Array | None = None,
) -> jax.Array:
    """Root mean square error per image (paper, section IV.A).

    Args:
        truth: ``(..., H, W, C)``.
        estimate: as ``truth``.
        data_range: not used: it stands here so that all metrics are called alike.
        mask: ``(..., H, W, 1 or C)``, True where to score; default everywhere the truth is observed.

    Returns:
        ``(...)``, in the unit of the arrays; NaN where an image has nothing to score.

    Raises:
        ValueError: if ranks or shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> truth = jnp.linspace(290.0, 310.0, 64).reshape(1, 8, 8, 1)
        >>> rmse(truth, truth + 0.5).round(3).tolist()
        [0.5]
    """
    del data_range
    truth, estimate, valid = _check(truth, estimate, mask)
    return _sqrt(_mse(truth, estimate, valid)).squeeze(_IMAGE)


def psnr(
    truth: jax.Array,
    estimate: jax.Array,
    *,
    data_range: jax.Array | float | None = None,
    mask: jax.Array | None = None,
) -> jax.Array:
    """Peak signal-to-noise ratio in dB per image: ``20 log10(data_range / RMSE)`` (paper, section IV.A).

    Args:
        truth: ``(..., H, W, C)``.
        estimate: as ``truth``.
        data_range: a number, one per image, or None for the range of each truth image.
        mask: ``(..., H, W, 1 or C)``, True where to score.

    Returns:
        ``(...)`` in dB; infinite for a perfect estimate, NaN where an image has nothing to score.

    Raises:
        ValueError: if ranks or shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> truth = jnp.linspace(290.0, 310.0, 64).reshape(1, 8, 8, 1)
        >>> psnr(truth, truth + 0.2).round(1).tolist()  # 20 log10(20 / 0.2)
        [40.0]
    """
    truth, estimate, valid = _check(truth, estimate, mask)
    mse = _mse(truth, estimate, valid)
    perfect = mse == 0
    decibels = 20 * jnp.log10(_range(truth, valid, data_range)) - 10 * jnp.log10(jnp.where(perfect, 1.0, mse))
    return jnp.where(perfect, jnp.inf, decibels).squeeze(_IMAGE)


@functools.cache
def _gaussian_taps() -> np.ndarray:
    """Gaussian window of Wang et al. (2004): sigma 1.5, 11 taps, sum one."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    result: np.ndarray = taps / taps.sum()
    return result


def _slide(x: jax.Array, size: int, axis: int) -> list[jax.Array]:
    """The ``size`` shifted views that a sliding window sees along an axis."""
    n = x.shape[axis] - size + 1
    return [jax.lax.slice_in_dim(x, i, i + n, axis=axis) for i in range(size)]


def _filter(x: jax.Array, taps: np.ndarray) -> jax.Array:
    """Separable weighted mean over every window that fits wholly inside the image."""
    for axis in (x.ndim - 3, x.ndim - 2):
        views = _slide(x, len(taps), axis)
        x = functools.reduce(jnp.add, [float(w) * view for w, view in zip(taps, views, strict=True)])
    return x


def ssim(
    truth: jax.Array,
    estimate: jax.Array,
    *,
    data_range: jax.Array | float | None = None,
    mask: jax.Array | None = None,
    window: str = "uniform7",
) -> jax.Array:
    """Structural similarity per image (Wang et al. 2004), with ``c1 = (0.01 DR)^2`` and ``c2 = (0.03 DR)^2``.

    The mean of each image is taken out before variances are formed, and the luminance term is written as one minus a
    difference, so that float32 at 300 K agrees with float64 to 1e-5.

    Args:
        truth: ``(..., H, W, C)``.
        estimate: as ``truth``.
        data_range: a number, one per image, or None for the range of each truth image.
        mask: ``(..., H, W, 1 or C)``, True where to score: the mean runs over windows that are wholly valid.
        window: ``"uniform7"``: scikit-image's default (7x7 mean, sample covariance), what the authors' code computes;
            ``"gaussian11"``: Wang et al.'s window (sigma 1.5); ``"global"``: one window over the image with population
            covariance, the paper's equation (3) as printed.

    Returns:
        ``(...)``, at most 1; NaN where no window is wholly valid.

    Raises:
        ValueError: if ranks or shapes do not agree, the window is unknown or larger than the image.

    Example:
        >>> import jax.numpy as jnp
        >>> truth = jnp.linspace(290.0, 310.0, 64).reshape(1, 8, 8, 1)
        >>> ssim(truth, truth).round(3).tolist()
        [1.0]
    """
    truth, estimate, valid = _check(truth, estimate, mask)
    dynamic_range = _range(truth, valid, data_range)
    c1, c2 = (0.01 * dynamic_range) ** 2, (0.03 * dynamic_range) ** 2
    centre = jax.lax.stop_gradient(_masked_mean(truth, valid))
    x, y = (jnp.where(valid, image - centre, 0) for image in (truth, estimate))
    if window == "global":
        mean = functools.partial(_masked_mean, valid=valid)
        unbiased, counted = 1.0, valid.any(_IMAGE, keepdims=True)
    elif window in ("uniform7", "gaussian11"):
        taps = np.full(7, 1 / 7) if window == "uniform7" else _gaussian_taps()
        if min(truth.shape[-3:-1]) < len(taps):
            raise ValueError(f"images {truth.shape} are smaller than the {len(taps)}x{len(taps)} SSIM window")
        mean = functools.partial(_filter, taps=taps)
        unbiased = 49 / 48 if window == "uniform7" else 1.0
        counted = _filter(valid.astype(truth.dtype), np.full(len(taps), 1 / len(taps))) > 1 - 0.5 / len(taps) ** 2
    else:
        raise ValueError(f"window must be uniform7, gaussian11 or global, got {window!r}")
    mean_x, mean_y = mean(x), mean(y)
    var_x = unbiased * (mean(x * x) - mean_x * mean_x)
    var_y = unbiased * (mean(y * y) - mean_y * mean_y)
    covariance = unbiased * (mean(x * y) - mean_x * mean_y)
    level_x, level_y = mean_x + centre, mean_y + centre
    luminance = 1 - (mean_x - mean_y) ** 2 / (level_x**2 + level_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return _masked_mean(luminance * structure, counted).squeeze(_IMAGE)
