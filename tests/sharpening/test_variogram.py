"""Empirical semivariogram and its deconvolution, against loops over windows and a general optimiser."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import curve_fit

from lstsr_jax.sharpening import area_semivariances, fit_variogram, lag_distances, semivariogram


def loop_over_windows(residual: np.ndarray, window: int) -> np.ndarray:
    """Mean over windows of the mean over pairs, as in the peers' code."""
    pixels = list(itertools.product(range(window), repeat=2))
    squares = np.round(lag_distances(window) ** 2).astype(int)
    rows, columns = (n - window + 1 for n in residual.shape)
    gamma = np.zeros((rows * columns, len(squares)))
    for k, (i, j) in enumerate(itertools.product(range(rows), range(columns))):
        pairs: dict[int, list[float]] = {square: [] for square in squares}
        for (a, b), (c, d) in itertools.combinations(pixels, 2):
            half_square = 0.5 * (residual[i + a, j + b] - residual[i + c, j + d]) ** 2
            pairs[(a - c) ** 2 + (b - d) ** 2].append(half_square)
        gamma[k] = [np.mean(pairs[square]) for square in squares]
    return gamma.mean(0)


@pytest.mark.parametrize("window", [3, 5])
def test_semivariogram_equals_loop_over_windows(window):
    residual = np.random.default_rng(0).standard_normal((7, 9)).cumsum(0).cumsum(1)
    expected = loop_over_windows(residual, window)
    np.testing.assert_allclose(semivariogram(residual[..., None], window), expected, rtol=1e-5)


def test_lags():
    np.testing.assert_allclose(lag_distances(3) ** 2, [1, 2, 4, 5, 8])
    assert len(lag_distances(5)) == 14


def test_semivariogram_is_batched_and_leaves_gaps_out():
    rng = np.random.default_rng(1)
    residual = rng.standard_normal((2, 3, 8, 8, 1)).astype(np.float32)
    gamma = semivariogram(residual)
    assert gamma.shape == (2, 3, 14)
    np.testing.assert_allclose(gamma[1, 2], semivariogram(residual[1, 2]), rtol=1e-6)
    # a ramp has one exact value for each lag, whatever is missing
    ramp = np.broadcast_to(np.arange(8.0)[:, None, None], (8, 8, 1)).copy()
    ramp[rng.random((8, 8, 1)) < 0.3] = np.nan
    np.testing.assert_allclose(semivariogram(ramp, 3)[4], 0.5 * 4, rtol=1e-6)
    nothing = semivariogram(np.full((8, 8, 1), np.nan))
    assert np.isnan(nothing).all()


def test_images_smaller_than_a_window():
    gamma = semivariogram(np.array([[0.0, 2.0], [0.0, 2.0]])[..., None], 3)
    np.testing.assert_allclose(gamma, [1.0, 2.0, np.nan, np.nan, np.nan])


def regularised(factor: int, window: int):
    """Regularised model at the lags of a window, from the public semivariances."""
    row, column = np.divmod(np.arange(window**2), window)
    square = (row[:, None] - row[None, :]) ** 2 + (column[:, None] - column[None, :]) ** 2

    def model(_, sill, reach):
        cc, _fc = area_semivariances(sill, reach, factor, window, 1.0)
        return np.array([cc[square == s].mean() for s in np.unique(square)[1:]]) - cc[0, 0]

    return model


@pytest.mark.parametrize("window", [3, 5])
def test_fit_equals_a_general_optimiser(window):
    rng = np.random.default_rng(2)
    residual = rng.standard_normal((3, 16, 16, 1))
    for shift in (1, 2):  # three images of growing correlation
        residual[shift:] += 2 * np.roll(residual[shift:], shift, 1) + 2 * np.roll(residual[shift:], shift, 2)
    sill, reach = fit_variogram(residual, window=window, pixel_size=1.0)
    gamma = np.asarray(semivariogram(residual, window), float)
    model = regularised(4, window)
    for image in range(3):
        expected, _ = curve_fit(model, None, gamma[image], p0=(gamma[image].mean(), 2.0), bounds=(1e-2, 1e4))
        ours = np.sum((model(None, float(sill[image]), float(reach[image])) - gamma[image]) ** 2)
        assert ours <= np.sum((model(None, *expected) - gamma[image]) ** 2) * (1 + 1e-4)
        if image:  # without correlation any short range fits equally well
            np.testing.assert_allclose((sill[image], reach[image]), expected, rtol=2e-3)


def test_fit_recovers_the_model_it_was_given(monkeypatch):
    exact = regularised(4, 5)(None, 3.0, 6.0)
    monkeypatch.setattr("lstsr_jax.sharpening.variogram.semivariogram", lambda *_: jnp.asarray(exact))
    sill, reach = fit_variogram(jnp.zeros((4, 4, 1)), pixel_size=900.0)
    np.testing.assert_allclose((sill, reach), (3.0, 6.0 * 900), rtol=1e-3)


def test_a_trend_runs_to_the_longest_range_not_away():
    plane = np.add.outer(np.arange(16.0), np.arange(16.0))[..., None]
    sill, reach = fit_variogram(plane, pixel_size=1.0)
    np.testing.assert_allclose(reach, 1e6, rtol=1e-3)
    assert np.isfinite(sill) and sill > 0


@pytest.mark.parametrize("residual", [np.zeros((8, 8, 1)), np.full((8, 8, 1), np.nan), np.ones((1, 1, 1))])
def test_flat_or_empty_residual(residual):
    sill, reach = fit_variogram(residual, window=3, pixel_size=2.0)
    assert sill == 0 and reach == 6.0


def test_errors():
    with pytest.raises(ValueError, match=r"residual.*channel axis"):
        semivariogram(np.zeros((8, 8)))
    with pytest.raises(ValueError, match="one channel"):
        semivariogram(np.zeros((8, 8, 2)))
    with pytest.raises(ValueError, match="window"):
        fit_variogram(np.zeros((8, 8, 1)), window=2)
    with pytest.raises(ValueError, match="factor"):
        fit_variogram(np.zeros((8, 8, 1)), 0)
