import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.predictor.self_ensemble import known_mean, mean_and_spread

COARSE = jnp.asarray(np.random.default_rng(3).normal(290, 3, (2, 4, 4, 1)), jnp.float32)
EAST = np.arange(16.0) - 7.5


def leaning(coarse):
    """Nearest neighbours plus a slope to the east of the array as it is given: what a turned input turns."""
    return jnp.repeat(jnp.repeat(coarse, 4, 1), 4, 2) + jnp.asarray(EAST, jnp.float32)[None, None, :, None]


@pytest.mark.parametrize("known", ["none", "flip", "dihedral"])
def test_the_mean_is_one_wherever_it_is_asked_for_and_pools_back(known):
    mean, spread = mean_and_spread(leaning, COARSE, conserve=True, known=known)
    np.testing.assert_array_equal(known_mean(leaning, COARSE, conserve=True, known=known), mean)
    back = (np.asarray(mean, np.float64).reshape(2, 4, 4, 4, 4) ** 4).mean((2, 4)) ** 0.25
    np.testing.assert_allclose(back, COARSE[..., 0], atol=1e-4)
    assert np.asarray(spread).min() > 0


@pytest.mark.parametrize(("known", "slope"), [("none", 1.0), ("flip", 0.0), ("dihedral", 0.0)])
def test_the_mean_is_over_the_known_orientations_and_the_spread_over_all(known, slope):
    """Turned back, the slope points four ways, twice each: closed form of the mean and of the deviation."""
    mean, spread = mean_and_spread(leaning, COARSE, conserve=False, known=known)
    np.testing.assert_array_equal(known_mean(leaning, COARSE, conserve=False, known=known), mean)
    plain = np.repeat(np.repeat(np.asarray(COARSE), 4, 1), 4, 2)
    np.testing.assert_allclose(mean, plain + slope * EAST[None, None, :, None], atol=2e-4)
    east, south = np.meshgrid(EAST, EAST)
    np.testing.assert_allclose(spread[..., 0], np.broadcast_to(np.hypot(east, south) / 2**0.5, (2, 16, 16)), rtol=1e-4)


def test_a_network_that_only_knows_its_mirror_image_averages_over_it():
    """A slope to the south survives the left-right flip, one to the east does not."""
    turned = lambda x: jnp.rot90(leaning(jnp.rot90(x, 1, (1, 2))), -1, (1, 2))  # noqa: E731
    mean, _ = mean_and_spread(turned, COARSE, conserve=False, known="flip")
    plain = np.repeat(np.repeat(np.asarray(COARSE), 4, 1), 4, 2)
    slope = np.asarray(mean) - plain
    south = np.broadcast_to(EAST[None, :, None, None], slope.shape)
    np.testing.assert_allclose(np.abs(slope), np.abs(south), atol=2e-4)
