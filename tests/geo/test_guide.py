"""A guide may lie on any grid; what it holds is checked as that of the products."""

import numpy as np
import pytest
import rasterio.warp
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import SINUSOIDAL, GranuleError, Grid, Shift, lonlat_to_sinusoidal, read_guide, write_raster

X, Y = lonlat_to_sinusoidal(2.0, 48.0)
TARGET = Grid((80, 96), Affine(231.656358, 0, X, 0, -231.656358, Y), SINUSOIDAL)


def ndvi_at(lon, lat):
    return 0.4 + 0.3 * np.sin(40 * np.asarray(lon)) * np.cos(40 * np.asarray(lat))


def lonlat_of(grid):
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    x, y = grid.xy(columns.ravel(), rows.ravel())
    lon, lat = rasterio.warp.transform(grid.crs, "EPSG:4326", x, y)
    return np.reshape(lon, grid.shape), np.reshape(lat, grid.shape)


def grid_in(crs, side):
    """Pixels of about ``side`` metres around the target in a coordinate system."""
    left, bottom, right, top = rasterio.warp.transform_bounds(TARGET.crs, crs, *TARGET.bounds)
    side = side / 111195 if CRS.from_user_input(crs).is_geographic else side
    shape = (int((top - bottom) / side) + 8, int((right - left) / side) + 8)
    return Grid(shape, Affine(side, 0, left - 4 * side, 0, -side, top + 4 * side), CRS.from_user_input(crs))


def write(path, grid, values=None):
    values = ndvi_at(*lonlat_of(grid)).astype(np.float32) if values is None else values
    write_raster(path, values, grid.transform, grid.crs)
    return path


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3035"])
def test_a_raster_of_any_grid_is_warped_onto_the_target(tmp_path, crs):
    guide = read_guide(write(tmp_path / "my_ndvi.tif", grid_in(crs, 100)), TARGET)
    np.testing.assert_allclose(guide.values, ndvi_at(*lonlat_of(TARGET)), atol=0.01)
    assert guide.pixel == pytest.approx(100 / 231.656, rel=0.25) and guide.path.name == "my_ndvi.tif"


def test_gaps_stay_gaps_and_a_file_of_elsewhere_is_empty(tmp_path):
    grid = grid_in("EPSG:32631", 100)
    values = ndvi_at(*lonlat_of(grid)).astype(np.float32)
    values[:, : grid.shape[1] // 2] = np.nan
    guide = read_guide(write(tmp_path / "half_NDVI.tif", grid, values), TARGET).values
    assert np.isnan(guide[:, :40]).all() and np.isfinite(guide[:, 56:]).all()
    moved = grid.shift(Shift(0, 3000))
    assert np.isnan(read_guide(write(tmp_path / "moved_NDVI.tif", moved, values), TARGET).values).all()


def test_what_is_no_ndvi_is_refused(tmp_path):
    grid = grid_in("EPSG:32631", 100)
    kelvin = np.full(grid.shape, 295, np.float32)
    with pytest.raises(GranuleError, match=r"my_NDVI\.tif: NDVI"):
        read_guide(write(tmp_path / "my_NDVI.tif", grid, kelvin), TARGET)
    with pytest.raises(
        GranuleError, match=r"green.tif: its name does not say that it is NDVI; call it so, such as green_NDVI"
    ):
        read_guide(write(tmp_path / "green.tif", grid), TARGET)
