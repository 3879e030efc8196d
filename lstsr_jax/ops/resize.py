"""Interpolation to a finer grid by an integer factor, in the convention of OpenCV and PyTorch.

Half-pixel centres (coarse pixel ``i`` covers fine pixels ``i*f .. i*f+f-1``), replicated edges. Arrays are
``(..., H, W, C)``.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lstsr_jax.ops._shapes import require_factor, require_image
from lstsr_jax.ops.observed import as_float

KEYS_A = -0.75
"""Free parameter of the Keys kernel; OpenCV and PyTorch use -0.75 (exact on constants, not on ramps)."""


def _keys(t: np.ndarray) -> np.ndarray:
    """Cubic convolution kernel of Keys (1981), with ``a = KEYS_A``."""
    t, a = np.abs(t), KEYS_A
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


_KERNELS = {
    "nearest": (0, lambda t: np.ones_like(t)),
    "bilinear": (1, lambda t: np.clip(1 - np.abs(t), 0.0, None)),
    "bicubic": (2, _keys),
}


@functools.cache
def _phase_weights(factor: int, method: str) -> np.ndarray:
    """``(factor, 2r+1)`` weights: row p makes fine pixel p of a coarse pixel from its r neighbours on each side."""
    radius, kernel = _KERNELS[method]
    phase = (np.arange(factor) + 0.5) / factor - 0.5
    taps = np.arange(-radius, radius + 1)
    result: np.ndarray = kernel(taps[None, :] - phase[:, None])
    return result


def _upsample_axis(x: jax.Array, axis: int, weights: np.ndarray) -> jax.Array:
    """Interpolate along one axis: every output phase is a short weighted sum of shifted inputs."""
    factor, taps = weights.shape
    radius, n = taps // 2, x.shape[axis]
    padded = jnp.pad(x, [(radius, radius) if a == axis else (0, 0) for a in range(x.ndim)], mode="edge")
    here = jnp.expand_dims(x, axis + 1)
    per_phase = tuple(factor if a == axis + 1 else 1 for a in range(here.ndim))
    fine = jnp.broadcast_to(here, (*x.shape[: axis + 1], factor, *x.shape[axis + 1 :]))
    for tap in (*range(radius), *range(radius + 1, taps)):  # weights sum to one: departures from the centre suffice
        neighbour = jnp.expand_dims(jax.lax.slice_in_dim(padded, tap, tap + n, axis=axis), axis + 1)
        fine = fine + jnp.asarray(weights[:, tap], x.dtype).reshape(per_phase) * (neighbour - here)
    return fine.reshape(*x.shape[:axis], n * factor, *x.shape[axis + 1 :])


def upsample(x: jax.Array, factor: int = 4, method: str = "bicubic") -> jax.Array:
    """Interpolate to a grid ``factor`` times finer.

    Args:
        x: ``(..., H, W, C)``, any unit. A NaN spreads to the fine pixels whose kernel reaches it. Integers and
            16-bit floating point are computed in, and returned as, float32; masked elements are NaN.
        factor: fine = coarse x factor.
        method: ``"bicubic"`` (Keys kernel, a = -0.75), ``"bilinear"`` or ``"nearest"``.

    Returns:
        ``(..., H*f, W*f, C)``: equal to ``cv2.resize(..., interpolation=cv2.INTER_CUBIC)`` (or ``INTER_LINEAR``,
        ``INTER_NEAREST``) to rounding. Constants are preserved exactly.

    Raises:
        ValueError: for a wrong rank, factor or method.

    Example:
        >>> import jax.numpy as jnp
        >>> upsample(jnp.array([[290.0, 294.0]])[..., None], 2, "bilinear")[0, :, 0].tolist()
        [290.0, 291.0, 293.0, 294.0]
    """
    x = as_float("x", x)
    require_image("x", x.shape)
    require_factor(factor)
    if method not in _KERNELS:
        raise ValueError(f"method must be one of {', '.join(_KERNELS)}, got {method!r}")
    weights = _phase_weights(factor, method)
    return _upsample_axis(_upsample_axis(x, x.ndim - 3, weights), x.ndim - 2, weights)
