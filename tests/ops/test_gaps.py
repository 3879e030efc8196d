"""fill_gaps: nothing observed changes, nothing stays empty, fills follow their surroundings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstsr_jax.ops import gaps

fill_gaps = jax.jit(gaps.fill_gaps)


def _field(shape, seed=0):
    return np.random.default_rng(seed).uniform(250, 330, shape).astype(np.float32)


def _with_gaps(shape, share, seed=0):
    lst = _field(shape, seed)
    lst[np.random.default_rng(seed + 1).random(shape) < share] = np.nan
    return lst


@pytest.mark.parametrize("shape", [(37, 50, 1), (2, 16, 9, 1), (1, 6, 1), (5, 1, 2), (2, 3, 8, 8, 1)])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_observed_stays_and_no_gap_is_left(shape, share):
    lst = _with_gaps(shape, share)
    lst[..., 0, 0, :] = 300.0  # something observed in every image
    got = np.asarray(fill_gaps(lst))
    seen = np.isfinite(lst)
    np.testing.assert_array_equal(got[seen], lst[seen])
    assert np.isfinite(got).all()


def test_a_full_image_stays():
    lst = _field((9, 14, 1))
    np.testing.assert_array_equal(fill_gaps(lst), lst)


def test_one_gap_does_not_spread():
    lst = _field((33, 20, 1))
    lst[7, 3] = np.nan
    got = np.asarray(fill_gaps(lst))
    assert np.isfinite(got).all()
    assert (got[..., 0] != np.where(np.isnan(lst), 0, lst)[..., 0]).sum() == 1
    neighbours = lst[5:10, 1:6]
    assert np.nanmin(neighbours) <= got[7, 3, 0] <= np.nanmax(neighbours)


def test_an_image_without_observation_stays_empty_and_alone():
    lst = np.stack([np.full((8, 6, 1), np.nan, np.float32), _with_gaps((8, 6, 1), 0.3)])
    got = np.asarray(fill_gaps(lst))
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[1]).all()


def test_images_and_channels_do_not_mix():
    lst = _with_gaps((2, 12, 10, 2), 0.3)
    got = np.asarray(fill_gaps(lst))
    np.testing.assert_allclose(got[1, ..., 1:], fill_gaps(lst[1, ..., 1:]), atol=1e-4)


def test_a_single_observation_fills_the_image():
    lst = np.full((13, 7, 1), np.nan, np.float32)
    lst[2, 5] = 291.5
    np.testing.assert_allclose(fill_gaps(lst), 291.5, rtol=1e-7)


def test_fills_stay_within_the_observed_range():
    lst = _with_gaps((40, 31, 1), 0.5)
    got = np.asarray(fill_gaps(lst))
    assert np.nanmin(lst) - 1e-3 <= got.min()
    assert got.max() <= np.nanmax(lst) + 1e-3


@pytest.mark.parametrize("axis", [0, 1])
def test_a_hole_in_a_ramp_is_filled_along_the_ramp(axis):
    """0.25 K per pixel across a hole of 8 x 8: within a tenth of the 2 K that the ramp climbs over it."""
    y, x = np.mgrid[:32, :40].astype(np.float32)
    ramp = (290 + 0.25 * (y, x)[axis])[..., None]
    holed = ramp.copy()
    holed[12:20, 16:24] = np.nan
    assert np.abs(np.asarray(fill_gaps(holed)) - ramp).max() < 0.2


def test_gradient_is_finite():
    lst = _with_gaps((16, 12, 1), 0.4)
    gradient = np.asarray(jax.jit(jax.grad(lambda x: fill_gaps(x).sum()))(jnp.asarray(lst)))
    assert np.isfinite(gradient[np.isfinite(lst)]).all()


def test_jit_and_vmap_change_nothing():
    lst = jnp.asarray(_with_gaps((3, 4, 6, 1), 0.4))
    np.testing.assert_allclose(jax.jit(jax.vmap(gaps.fill_gaps))(lst), gaps.fill_gaps(lst), atol=1e-4)


def test_a_missing_channel_axis_is_refused():
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        fill_gaps(jnp.zeros((8, 8)))
