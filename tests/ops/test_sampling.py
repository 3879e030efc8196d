"""Bilinear sampling against scipy and against the reprojection that the evaluation uses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from lstsr_jax.geo import Shift, simulate_pair, warp_field
from lstsr_jax.geo.warp import coordinates
from lstsr_jax.ops.sampling import sample_bilinear


def test_agrees_with_scipy_inside_and_beyond_the_edge():
    rng = np.random.default_rng(0)
    field = rng.normal(290, 5, (2, 7, 9, 3)).astype(np.float32)
    rows, columns = rng.uniform(-2, 9, (2, 2, 5, 4)).astype(np.float32)
    rows[0, 0], columns[0, 0] = [0, 6, 6, 3], [0, 8, 0, 8]  # corners and an edge
    found = np.asarray(sample_bilinear(jnp.asarray(field), jnp.asarray(rows), jnp.asarray(columns)))
    for image in range(2):
        for channel in range(3):
            places = [rows[image].clip(0, 6), columns[image].clip(0, 8)]
            expected = scipy.ndimage.map_coordinates(field[image, ..., channel], places, order=1)
            np.testing.assert_allclose(found[image, ..., channel], expected, atol=2e-4)


def test_is_the_warp_of_the_evaluation():
    """A field of full contrast from pixel to pixel, on a real pair of grids: sinusoidal to UTM, moved by a shift."""
    pair, shift = simulate_pair(0), Shift(0.837, 1.071)
    fine = pair.lst_grid.refine(4)
    field = np.random.default_rng(1).normal(290, 5, fine.shape).astype(np.float32)
    expected = warp_field(field, fine, pair.aster_grid, shift=shift)
    rows, columns = coordinates(fine.shift(shift), pair.aster_grid)
    seen = np.isfinite(rows)
    inside = seen & (np.nan_to_num(rows) > 0) & (np.nan_to_num(columns) > 0)
    inside &= (np.nan_to_num(rows) < 255) & (np.nan_to_num(columns) < 255)
    places = [jnp.asarray(np.nan_to_num(values))[None] for values in (rows, columns)]
    found = np.asarray(sample_bilinear(jnp.asarray(field)[None, ..., None], *places))[0, ..., 0]
    assert inside.sum() > 50_000
    assert np.abs(found - expected)[inside].max() < 0.01  # of 5 K from pixel to pixel


def test_the_gradient_shares_out_what_was_read():
    rows, columns = jnp.asarray([[[0.25]]]), jnp.asarray([[[1.5]]])
    gradient = jax.grad(lambda field: sample_bilinear(field, rows, columns).sum())(jnp.ones((1, 3, 4, 1)))
    expected = np.zeros((3, 4))
    expected[0, 1:3], expected[1, 1:3] = 0.375, 0.125
    np.testing.assert_allclose(gradient[0, ..., 0], expected, atol=1e-7)


@pytest.mark.parametrize("shapes", [((1, 4, 4), (1, 2, 2)), ((2, 4, 4, 1), (1, 2, 2)), ((1, 4, 4, 1), (2, 2))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    field, places = (jnp.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match="field"):
        sample_bilinear(field, places, places)
