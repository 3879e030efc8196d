"""Scores against scikit-image and numpy in float64, on any field, with masks where the definition takes one."""

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from lstsr_jax import psnr, rmse, ssim

SHAPE = (13, 18)


@jax.jit
def scores(truth, estimate, mask):
    """RMSE, PSNR, SSIM with a uniform and with a Gaussian window."""
    truth, estimate, mask = (field[None, ..., None] for field in (truth, estimate, mask))
    found = [score(truth, estimate, mask=mask)[0] for score in (rmse, psnr, ssim)]
    return *found, ssim(truth, estimate, mask=mask, window="gaussian11")[0]


@st.composite
def pairs(draw):
    """Truth and estimate in K, no further apart than any method is."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread, error = draw(st.floats(0.5, 15)), draw(st.floats(0.02, 6))
    truth = draw(st.floats(240, 320)) + np.clip(spread * random.standard_normal(SHAPE), -40, 20)
    estimate = truth + error * random.standard_normal(SHAPE) + draw(st.floats(-2, 2))
    return truth.astype(np.float32), estimate.astype(np.float32)


@settings(max_examples=5)
@given(pairs())
def test_rmse_psnr_and_ssim_are_those_of_scikit_image(drawn):
    truth, estimate = drawn
    found = scores(truth, estimate, np.ones(truth.shape, bool))
    wide = [field.astype(np.float64) for field in drawn]
    data_range = wide[0].max() - wide[0].min()
    np.testing.assert_allclose(found[0], mean_squared_error(*wide) ** 0.5, rtol=1e-4)
    np.testing.assert_allclose(found[1], peak_signal_noise_ratio(*wide, data_range=data_range), atol=1e-3)
    np.testing.assert_allclose(found[2], structural_similarity(*wide, data_range=data_range), atol=3e-5)


@settings(max_examples=5)
@given(pairs())
def test_ssim_with_a_gaussian_window_is_that_of_scikit_image(drawn):
    truth, estimate = drawn
    found = scores(truth, estimate, np.ones(truth.shape, bool))[3]
    wide = [field.astype(np.float64) for field in drawn]
    expected = structural_similarity(
        *wide,
        data_range=wide[0].max() - wide[0].min(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    np.testing.assert_allclose(found, expected, atol=3e-5)


@settings(max_examples=5)
@given(pairs(), st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.05, 0.5, 1.0]))
def test_masked_scores_are_those_of_the_observed_pixels_and_whole_windows(drawn, seed, share):
    truth, estimate = drawn
    mask = np.random.default_rng(seed).random(truth.shape) >= share
    gaps = np.where(mask, truth, np.float32(np.nan))  # what the mask leaves out, in place of the mask
    found, also = scores(truth, estimate, mask), scores(gaps, estimate, np.ones(mask.shape, bool))
    np.testing.assert_array_equal(found, also)
    if not mask.any():
        assert np.isnan(found).all()
        return
    wide = truth.astype(np.float64), estimate.astype(np.float64)
    mse, data_range = ((wide[0] - wide[1])[mask] ** 2).mean(), max(np.ptp(wide[0][mask]), 1e-6)
    np.testing.assert_allclose(found[0], mse**0.5, rtol=1e-4)
    np.testing.assert_allclose(found[1], 20 * np.log10(data_range) - 10 * np.log10(mse), atol=1e-3)
    _, every = structural_similarity(*wide, data_range=data_range, full=True)
    whole = np.lib.stride_tricks.sliding_window_view(mask, (7, 7)).all((2, 3))
    if whole.any():
        np.testing.assert_allclose(found[2], every[3:-3, 3:-3][whole].mean(), atol=3e-5)
    else:
        assert np.isnan(found[2])


@settings(max_examples=5)
@given(pairs())
def test_ssim_is_at_most_one_and_a_perfect_estimate_has_it(drawn):
    truth, estimate = drawn
    everywhere = np.ones(truth.shape, bool)
    assert scores(truth, estimate, everywhere)[2] <= 1 + 1e-6
    error, decibels, similarity, _ = scores(truth, truth, everywhere)
    assert error == 0 and decibels == np.inf and abs(similarity - 1) < 1e-6
