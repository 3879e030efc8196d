"""Regularised semivariances and kriging weights, against loops over pixels and closed forms."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.sharpening import area_semivariances, kriging_weights
from lstsr_jax.sharpening.kriging import krige, weights_of_range


def fine_points(row: int, column: int, factor: int) -> list[tuple[float, float]]:
    """Centres of the fine pixels of a coarse pixel, in coarse pixels."""
    return [(row + (i + 0.5) / factor, column + (j + 0.5) / factor) for i in range(factor) for j in range(factor)]


def gamma(a: tuple[float, float], b: tuple[float, float], reach: float) -> float:
    return 1 - np.exp(-np.hypot(a[0] - b[0], a[1] - b[1]) / (reach / 3))


def brute_force(reach: float, factor: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    pixels = list(itertools.product(range(window), repeat=2))
    areas = [fine_points(*pixel, factor) for pixel in pixels]
    centre = fine_points(window // 2, window // 2, factor)
    cc = [[np.mean([gamma(p, q, reach) for p in a for q in b]) for b in areas] for a in areas]
    fc = [[np.mean([gamma(p, q, reach) for q in b]) for b in areas] for p in centre]
    return np.array(cc), np.array(fc)


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("reach", [0.4, 3.0])
def test_semivariances_and_weights_equal_loops_over_pixels(factor, reach):
    cc, fc = area_semivariances(2.0, reach * 900.0, factor, 3, 900.0)
    expected_cc, expected_fc = brute_force(reach, factor, 3)
    np.testing.assert_allclose(cc, 2 * expected_cc, atol=1e-13)
    np.testing.assert_allclose(fc, 2 * expected_fc, atol=1e-13)
    system = np.block([[expected_cc, np.ones((9, 1))], [np.ones((1, 9)), np.zeros((1, 1))]])
    known = np.vstack([expected_fc.T, np.ones((1, factor**2))])
    expected = np.linalg.solve(system, known)[:9].T
    np.testing.assert_allclose(kriging_weights(2.0, reach * 900.0, factor, 3, 900.0), expected, atol=1e-12)


@pytest.mark.parametrize(("factor", "window"), [(4, 5), (4, 3), (2, 3), (3, 7)])
def test_weights_are_unbiased_and_coherent(factor, window):
    weights = kriging_weights(1.0, np.array([1e-3, 0.3, 2.0, 20.0, 1e6]), factor, window, 1.0)
    assert weights.shape == (5, factor**2, window**2)
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-10)
    centre = np.zeros(window**2)
    centre[window**2 // 2] = 1.0
    np.testing.assert_allclose(weights.mean(-2), np.broadcast_to(centre, (5, window**2)), atol=1e-8)


def test_weights_do_not_depend_on_sill_or_unit():
    expected = kriging_weights(1.0, 3.0, pixel_size=1.0)
    np.testing.assert_allclose(kriging_weights(7e5, 2778.0, pixel_size=926.0), expected, atol=1e-12)
    np.testing.assert_allclose(kriging_weights(0.0, 2778.0, pixel_size=926.0), expected, atol=1e-12)


def test_factor_one_is_the_identity():
    expected = np.zeros((1, 9))
    expected[0, 4] = 1.0
    np.testing.assert_allclose(kriging_weights(1.0, 2.0, 1, 3, 1.0), expected, atol=1e-12)


@pytest.mark.parametrize(("factor", "window"), [(4, 5), (4, 3), (2, 3), (5, 5)])
def test_table_equals_exact_weights(factor, window):
    reach = np.exp(np.random.default_rng(0).uniform(np.log(0.13 / factor), np.log(1e6), 50)).astype(np.float32)
    exact = kriging_weights(1.0, reach, factor, window, 1.0)
    np.testing.assert_allclose(
        jax.jit(weights_of_range, static_argnums=(1, 2))(reach, factor, window), exact, atol=1e-6
    )
    # beyond its ends the table stops, since the weights do
    ends = jnp.asarray([1e-6, 1e-3, 1e7, 1e12], jnp.float32)
    exact = kriging_weights(1.0, np.array([1e-3, 1e-3, 1e7, 1e7]), factor, window, 1.0)
    np.testing.assert_allclose(weights_of_range(ends, factor, window), exact, atol=1e-6)


def test_krige_equals_a_loop_over_windows_and_pixels():
    rng = np.random.default_rng(1)
    residual = rng.standard_normal((2, 6, 7, 1))
    weights = kriging_weights(1.0, np.array([1.0, 5.0]), 2, 3, 1.0)
    expected = np.zeros((2, 12, 14))
    for b, i, j, p, q in itertools.product(range(2), range(1, 5), range(1, 6), range(2), range(2)):
        window = residual[b, i - 1 : i + 2, j - 1 : j + 2, 0].ravel()
        expected[b, 2 * i + p, 2 * j + q] = weights[b, 2 * p + q] @ window
    arguments = jnp.asarray(residual, jnp.float32), jnp.asarray(weights, jnp.float32), 2
    np.testing.assert_allclose(krige(*arguments, border="paper")[..., 0], expected, atol=2e-6)
    extended = krige(*arguments)[..., 0]
    np.testing.assert_allclose(extended[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=2e-6)
    means = extended.reshape(2, 6, 2, 7, 2).mean((2, 4))
    np.testing.assert_allclose(means, residual[..., 0], atol=2e-6)  # up to the edge


@pytest.mark.parametrize(("arguments", "message"), [((1.0, 0.0), "range"), ((1.0, np.nan), "range")])
def test_range_must_be_positive(arguments, message):
    with pytest.raises(ValueError, match=message):
        kriging_weights(*arguments)


@pytest.mark.parametrize("window", [4, 1, 3.0])
def test_window_must_be_odd(window):
    with pytest.raises(ValueError, match="window"):
        area_semivariances(1.0, 1.0, 4, window)
