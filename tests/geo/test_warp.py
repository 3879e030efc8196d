"""Reprojection, shifts and placing against closed forms and against coordinates computed point by point."""

import numpy as np
import pytest
import rasterio.warp
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import SINUSOIDAL, Grid, Shift, place_field, warp_field
from lstsr_jax.geo.warp import coordinates

PIXEL = 231.656358
FINE = Grid((80, 90), Affine(PIXEL, 0, 884000.0, 0, -PIXEL, 4967638.0), SINUSOIDAL)
UTM = Grid((60, 60), Affine(231.65, 0, 666000.0, 0, -231.65, 4950000.0), CRS.from_epsg(32632))


def plane(grid, gx=1e-3, gy=-2e-3):
    """A field linear in the metres of a grid's coordinate system."""
    column, row = np.meshgrid(np.arange(grid.shape[1]) + 0.5, np.arange(grid.shape[0]) + 0.5)
    x, y = grid.xy(column, row)
    return (300 + gx * (x - 884000) + gy * (y - 4967638)).astype(np.float32)


def utm_inside():
    """A UTM grid that lies inside FINE, around its centre."""
    left, bottom, right, top = FINE.bounds
    x, y = rasterio.warp.transform(SINUSOIDAL, UTM.crs, [(left + right) / 2], [(bottom + top) / 2])[:2]
    corner = Affine(231.65, 0, x[0] - 25 * 231.65, 0, -231.65, y[0] + 20 * 231.65)
    return Grid((40, 50), corner, UTM.crs)


@pytest.mark.parametrize("shift", [Shift(0, 0), Shift(0.837, 1.071), Shift(-2, 0.5)])
def test_bilinear_reprojection_of_a_plane_is_exact(shift):
    target = utm_inside()
    found = warp_field(plane(FINE), FINE, target, shift=shift)
    column, row = np.meshgrid(np.arange(50) + 0.5, np.arange(40) + 0.5)
    x, y = target.xy(column, row)
    x, y = (np.array(v) for v in rasterio.warp.transform(UTM.crs, SINUSOIDAL, x.ravel(), y.ravel())[:2])
    x, y = x - shift.columns * PIXEL, y + shift.rows * PIXEL  # the field moved south and east by the shift
    expected = (300 + 1e-3 * (x - 884000) - 2e-3 * (y - 4967638)).reshape(40, 50)
    # GDAL may place a pixel 0.125 pixels off: 0.125 * 231.66 m * 2.2 mK/m
    np.testing.assert_allclose(found, expected, atol=0.07)


def test_coordinates_are_those_of_the_warp():
    target = utm_inside()
    row, column = coordinates(FINE, target)
    expected = warp_field(plane(FINE), FINE, target)
    at = FINE.xy(column.astype(float) + 0.5, row.astype(float) + 0.5)
    np.testing.assert_allclose(300 + 1e-3 * (at[0] - 884000) - 2e-3 * (at[1] - 4967638), expected, atol=2e-3)


def test_whole_shift_moves_pixels_south_and_east():
    field = np.random.default_rng(0).normal(300, 3, FINE.shape).astype(np.float32)
    moved = warp_field(field, FINE, FINE, shift=Shift(2, 3))
    np.testing.assert_allclose(moved[2:, 3:], field[:-2, :-3], atol=1e-4)
    assert np.isnan(moved[:2]).all() and np.isnan(moved[:, :3]).all()


def test_nan_takes_no_part_and_does_not_spread():
    field = np.full(FINE.shape, 300, np.float32)
    field[40, 40] = np.nan
    found = warp_field(field, FINE, FINE, shift=Shift(0.4, 0.3))
    assert np.nanmax(np.abs(found - 300)) < 1e-3
    assert np.isnan(found[1:-1, 1:-1]).sum() <= 1


def test_average_weights_by_area():
    fine = np.arange(36, dtype=np.float32).reshape(6, 6)
    source = Grid((6, 6), Affine(100, 0, 500000, 0, -100, 5000000), UTM.crs)
    target = Grid((2, 2), Affine(250, 0, 500000, 0, -250, 5000000), UTM.crs)
    weights = np.array([[1, 1, 0.5, 0, 0, 0], [0, 0, 0.5, 1, 1, 0]]) / 2.5
    np.testing.assert_allclose(warp_field(fine, source, target, kind="average"), weights @ fine @ weights.T, rtol=1e-5)


def test_field_must_have_the_shape_of_its_grid():
    with pytest.raises(ValueError, match=r"\(3, 4\) must have the shape of its grid \(80, 90\)"):
        warp_field(np.zeros((3, 4)), FINE, UTM)


def moved_grid(rows, columns, shape=FINE.shape):
    return FINE.cut(rows, columns, shape)


def test_place_replicates_the_edge():
    field = np.random.default_rng(1).normal(size=FINE.shape).astype(np.float32)
    placed = place_field(field, moved_grid(2, 3), FINE)  # the field begins 2 rows south and 3 columns east
    np.testing.assert_array_equal(placed[2:, 3:], field[:-2, :-3])
    np.testing.assert_array_equal(placed[:2, 3:], np.repeat(field[:1, :-3], 2, 0))
    np.testing.assert_array_equal(placed[:, :3], np.repeat(placed[:, 3:4], 3, 1))


def test_place_cuts_a_larger_field():
    field = np.random.default_rng(2).normal(size=FINE.shape).astype(np.float32)
    inner = moved_grid(10, 20, (30, 40))
    np.testing.assert_array_equal(place_field(field, FINE, inner), field[10:40, 20:60])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (moved_grid(0.4, 0), "-0.40 rows and 0.00 columns apart"),
        (moved_grid(0, 400), "do not overlap"),
        (
            Grid(FINE.shape, Affine(2 * PIXEL, 0, 884000.0, 0, -2 * PIXEL, 4967638.0), SINUSOIDAL),
            "463.31 m do not fit those of 231.66 m",
        ),
        (Grid(FINE.shape, FINE.transform, UTM.crs), "warp the field"),
    ],
)
def test_place_refuses_grids_that_do_not_fit(source, message):
    with pytest.raises(ValueError, match=message):
        place_field(np.zeros(FINE.shape, np.float32), source, FINE)
