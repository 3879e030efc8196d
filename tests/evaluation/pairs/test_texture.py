"""Spectra and gradients against closed forms."""

import numpy as np
import pytest

from lstsr_jax.evaluation.pairs.texture import (
    fine_power_ratio,
    frequencies,
    gradient_rmse,
    radial_spectrum,
    spectrum_ratio,
    taper,
)

SHAPE = (150, 131)
MASK = np.zeros(SHAPE, bool)
MASK[6:-4, 5:-9] = True
ROW, COLUMN = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)


def spectrum(field):
    return radial_spectrum(field, taper(MASK))


def test_white_noise_has_a_flat_spectrum_of_its_variance():
    rng = np.random.default_rng(0)
    mean = np.mean([spectrum(300 + 2 * rng.standard_normal(SHAPE)) for _ in range(30)], axis=0)
    np.testing.assert_allclose(mean[2:], 4, rtol=0.15)


@pytest.mark.parametrize(("per_row", "per_column"), [(0.2, 0.0), (0.0, 0.33), (0.15, 0.2), (0.15, -0.2)])
def test_a_wave_stands_at_its_frequency(per_row, per_column):
    power = spectrum(300 + np.cos(2 * np.pi * (per_row * ROW + per_column * COLUMN)))
    found = frequencies()[np.argmax(power)]
    assert abs(found - np.hypot(per_row, per_column)) < 1 / 64 + 1e-9
    assert np.sort(power)[-3:].sum() > 0.95 * power.sum()


def test_what_is_outside_the_mask_does_not_count():
    field = np.random.default_rng(1).normal(300, 2, SHAPE)
    np.testing.assert_array_equal(spectrum(field), spectrum(np.where(MASK, field, np.nan)))
    np.testing.assert_allclose(spectrum(field), spectrum(field + 17), rtol=1e-9)


def test_ratios():
    truth = np.random.default_rng(2).normal(0, 2, SHAPE)
    wanted = spectrum(truth)
    np.testing.assert_allclose(spectrum_ratio(wanted, spectrum(0.5 * truth)), 0.25, rtol=1e-9)
    assert fine_power_ratio(wanted, spectrum(0.5 * truth)) == pytest.approx(0.25)
    wave = np.cos(2 * np.pi * 0.05 * ROW)  # a wave of 20 pixels: the coarse grid of 4 holds it
    assert fine_power_ratio(spectrum(truth), spectrum(wave)) < 1e-3
    assert fine_power_ratio(spectrum(truth), spectrum(truth + wave)) == pytest.approx(1, abs=0.02)
    assert np.isnan(fine_power_ratio(np.zeros(32), wanted)) and np.isnan(spectrum_ratio(np.zeros(32), wanted)).all()


def test_gradient_of_planes():
    truth = 0.3 * ROW + 0.1 * COLUMN
    assert gradient_rmse(truth, truth + 5, MASK) < 1e-12
    assert gradient_rmse(truth, -0.1 * ROW + 0.4 * COLUMN, MASK) == pytest.approx(0.5)
    assert gradient_rmse(truth, -0.1 * ROW + 0.4 * COLUMN, MASK, pixel=0.25) == pytest.approx(2.0)


def test_gradient_stays_inside_the_mask():
    truth = np.where(MASK, 300.0, np.nan)
    assert gradient_rmse(truth, np.where(MASK, 300, 1e6), MASK) == 0
    assert np.isnan(gradient_rmse(truth, truth, np.zeros(SHAPE, bool)))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="one shape"):
        radial_spectrum(np.zeros((3, 4)), taper(MASK))
    with pytest.raises(ValueError, match="True somewhere"):
        taper(np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="shapes differ"):
        gradient_rmse(np.zeros((3, 4)), np.zeros((3, 4)), MASK)
