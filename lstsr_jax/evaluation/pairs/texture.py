"""Texture measures that need no trained weights: the power spectrum of a field, and the error of its gradient.

Fields are ``(H, W)`` arrays in kelvin, scored where a mask is True.
"""

import numpy as np
import scipy.ndimage

BINS = 32
TAPER_PX = 8
"""Width in pixels of the cosine edge that the mask is given before a spectrum is taken."""


def taper(mask: np.ndarray) -> np.ndarray:
    """The mask with cosine edges, ``(H, W)`` of 0..1: neither its border nor that of the image then adds power.

    Raises:
        ValueError: if the mask is empty or not ``(H, W)``.
    """
    if mask.ndim != 2 or not mask.any():
        raise ValueError(f"mask must be (H, W) and True somewhere, got {mask.shape} with {mask.sum()} True")
    distance = scipy.ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    weight: np.ndarray = 0.5 - 0.5 * np.cos(np.pi * np.minimum(distance / (TAPER_PX + 1), 1))
    return weight


def radial_spectrum(field: np.ndarray, weight: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Radially averaged power spectrum of a field seen through a weight; see :func:`frequencies`.

    Two fields seen through one weight compare; the absolute level is that of the weight.

    Args:
        field: ``(H, W)`` in K; what has no weight is not looked at.
        weight: ``(H, W)``, of :func:`taper`.
        bins: of equal width between 0 and 0.5 cycles per pixel.

    Returns:
        Mean power ``(bins,)`` in K^2.

    Raises:
        ValueError: if shapes differ.
    """
    if field.shape != weight.shape:
        raise ValueError(f"field and weight must be of one shape, got {field.shape} and {weight.shape}")
    values = np.where(weight > 0, field, 0).astype(np.float64)
    departure = (values - np.average(values, weights=weight)) * weight
    power = np.abs(np.fft.rfft2(departure)) ** 2 / (weight**2).sum()
    height, width = field.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    mirrored = np.ones(power.shape)  # a column of rfft2 stands for two, except the first and the one at Nyquist
    mirrored[:, 1 : (width + 1) // 2] = 2
    index = np.floor(frequency * 2 * bins).astype(int)
    inside = index < bins
    total = np.bincount(index[inside], (mirrored * power)[inside], bins)
    count = np.bincount(index[inside], mirrored[inside], bins)
    return total / np.maximum(count, 1)


def frequencies(bins: int = BINS) -> np.ndarray:
    """The middle of each bin of a spectrum, ``(bins,)`` in cycles per pixel."""
    return (np.arange(bins) + 0.5) / (2 * bins)


def spectrum_ratio(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Power of the estimate over that of the truth, per bin: 1 is a texture as rich.

    Args:
        truth: spectrum ``(bins,)``.
        estimate: as ``truth``.

    Returns:
        ``(bins,)``; NaN where the truth has no power.
    """
    return np.where(truth > 0, estimate / np.where(truth > 0, truth, 1), np.nan)


def fine_power_ratio(truth: np.ndarray, estimate: np.ndarray, factor: int = 4) -> float:
    """Power of the estimate over that of the truth at the wavelengths that the coarse grid cannot hold.

    Those are the ones shorter than two coarse pixels, ``2 * factor`` fine ones.

    Args:
        truth: spectrum ``(bins,)``.
        estimate: as ``truth``.
        factor: fine = coarse x factor.

    Returns:
        The ratio: below 1 is too smooth, above 1 too rough. NaN where the truth has no power there.
    """
    frequency = frequencies(len(truth))
    weight = np.where(frequency > 1 / (2 * factor), frequency, 0)  # a ring's area is proportional to its radius
    power = (truth * weight).sum()
    return float((estimate * weight).sum() / power) if power > 0 else float("nan")


def gradient_rmse(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray, pixel: float = 1.0) -> float:
    """Root mean square length of the difference of the two gradients, by central differences.

    Args:
        truth: ``(H, W)`` in K.
        estimate: as ``truth``.
        mask: ``(H, W)``, True where to look: a gradient counts where all its four neighbours do.
        pixel: side of a pixel, the unit of length of the result.

    Returns:
        K per unit of ``pixel``; NaN if no gradient counts.

    Raises:
        ValueError: if shapes differ.
    """
    if not truth.shape == estimate.shape == mask.shape:
        raise ValueError(f"shapes differ: {truth.shape}, {estimate.shape} and {mask.shape}")
    error = np.where(mask, estimate - truth, 0).astype(np.float64)
    down = (error[2:, 1:-1] - error[:-2, 1:-1]) / (2 * pixel)
    right = (error[1:-1, 2:] - error[1:-1, :-2]) / (2 * pixel)
    known = mask[2:, 1:-1] & mask[:-2, 1:-1] & mask[1:-1, 2:] & mask[1:-1, :-2]
    return float(np.sqrt((down**2 + right**2)[known].mean())) if known.any() else float("nan")
