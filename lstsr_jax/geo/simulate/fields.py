"""Random fields with the power-law spectra of relief, vegetation, moisture and cloud."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Field = NDArray[np.float32]


def power_law_field(
    rng: np.random.Generator, shape: tuple[int, int], slope: float, outer_px: float, inner_px: float = 0.0
) -> Field:
    """A Gaussian field of mean 0 and variance 1 by spectral synthesis; it is periodic.

    The power spectrum is (k^2 + 1/outer^2)^(-slope/2), k in cycles per pixel: a slope of 3 is that of sharp
    edges and of measured LST, larger slopes are smoother.

    Args:
        rng: source of the phases and amplitudes.
        shape: (H, W).
        slope: exponent of the two-dimensional power spectrum.
        outer_px: scale in pixels above which the spectrum is flat.
        inner_px: scale in pixels below which the field is smooth (Gaussian cut), 0 for none.

    Returns:
        (H, W) float32. The variance is 1 in expectation, not in each draw.
    """
    height, width = shape
    k2 = scipy.fft.fftfreq(height).astype(np.float32)[:, None] ** 2
    k2 = k2 + scipy.fft.rfftfreq(width).astype(np.float32)[None] ** 2
    amplitude = np.power(k2 + np.float32(outer_px**-2), np.float32(-slope / 4))
    if inner_px > 0:
        amplitude *= np.exp(-k2 * np.float32(2 * inner_px**2))
    del k2
    amplitude[0, 0] = 0
    columns = np.einsum("yx,yx->x", amplitude, amplitude, dtype=np.float64)
    columns[1 : (width + 1) // 2] *= 4  # every inner column stands for two conjugate ones
    amplitude *= np.float32(height * width / np.sqrt(columns.sum()))
    spectrum = rng.standard_normal((height, width // 2 + 1, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum *= amplitude
    del amplitude
    result: Field = scipy.fft.irfft2(spectrum, s=shape, overwrite_x=True)
    return result


def smoothstep(values: Field, low: float, high: float) -> Field:
    """0 below ``low``, 1 above ``high``, a cubic with flat ends between; (H, W) float32 to the same."""
    t = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    result: Field = t * t * (3 - 2 * t)
    return result
