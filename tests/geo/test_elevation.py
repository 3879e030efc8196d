"""Elevation comes from a DEM of any grid, as the mean over each pixel; what is none is refused."""

import numpy as np
import pytest
import rasterio
import rasterio.warp
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import (
    SINUSOIDAL,
    GranuleError,
    Grid,
    Shift,
    elevation,
    lonlat_to_sinusoidal,
    read_elevation,
    simulate_granule,
    write_granule,
)
from lstsr_jax.geo.geotiff import read_band

X, Y = lonlat_to_sinusoidal(11.0, 47.0)
TARGET = Grid((40, 48), Affine(231.656358, 0, X, 0, -231.656358, Y), SINUSOIDAL)


def height_at(x, y):
    """A slope on the target's own plane: the mean over any region is the height at its centre of mass."""
    return 1500 + 0.05 * (np.asarray(x) - X) + 0.03 * (np.asarray(y) - Y)


def places_of(grid):
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    x, y = rasterio.warp.transform(grid.crs, SINUSOIDAL, *grid.xy(columns.ravel(), rows.ravel()))
    return np.reshape(x, grid.shape), np.reshape(y, grid.shape)


def grid_in(crs, side):
    """Pixels of about ``side`` metres around the target in a coordinate system."""
    left, bottom, right, top = rasterio.warp.transform_bounds(TARGET.crs, crs, *TARGET.bounds)
    side = side / 111195 if CRS.from_user_input(crs).is_geographic else side
    shape = (int((top - bottom) / side) + 80, int((right - left) / side) + 80)
    return Grid(shape, Affine(side, 0, left - 40 * side, 0, -side, top + 40 * side), CRS.from_user_input(crs))


GRID = grid_in("EPSG:32632", 90)
HEIGHTS = height_at(*places_of(GRID)).astype(np.float32)
EXPECTED = height_at(*places_of(TARGET))


def write(path, values=HEIGHTS, grid=GRID, units=None, mask=None, **profile):
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "crs": grid.crs, **profile}
    with rasterio.open(
        path, "w", height=grid.shape[0], width=grid.shape[1], transform=grid.transform, **profile
    ) as file:
        file.write(values, 1)
        if units:
            file.units = (units,)
        if mask is not None:
            file.write_mask(mask)
    return path


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:4326", "EPSG:3035"])
def test_a_dem_of_any_grid_is_averaged_onto_the_target(tmp_path, crs):
    grid = grid_in(crs, 60)
    found = read_elevation(write(tmp_path / "a.tif", height_at(*places_of(grid)).astype(np.float32), grid), TARGET)
    np.testing.assert_allclose(found.values, EXPECTED, atol=1.5)
    assert found.overlaps and found.pixel == pytest.approx(60 / 231.656, rel=0.25)


def test_the_mean_of_what_is_known_and_not_a_sample_of_it(tmp_path):
    grid = Grid((160, 192), TARGET.refine(4).transform, SINUSOIDAL)
    rough = np.random.default_rng(0).uniform(0, 3000, grid.shape).astype(np.float32)
    rough[:40] = np.nan
    rough[100, 100] = np.nan
    expected = np.nanmean(rough[40:].reshape(30, 4, 48, 4), axis=(1, 3))
    found = read_elevation(write(tmp_path / "rough_dem.tif", rough, grid), TARGET).values
    assert np.isnan(found[:10]).all()
    np.testing.assert_allclose(found[10:], expected, atol=0.01)


def test_a_coarser_dem_is_interpolated(tmp_path):
    grid = grid_in("EPSG:32632", 1000)
    found = read_elevation(write(tmp_path / "a.tif", height_at(*places_of(grid)).astype(np.float32), grid), TARGET)
    np.testing.assert_allclose(found.values, EXPECTED, atol=1.5)
    assert found.pixel > 4


def test_a_large_file_is_read_in_parts_and_only_under_the_target(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif")
    whole = read_elevation(path, TARGET).values
    monkeypatch.setattr(elevation, "_AT_ONCE", 1000)
    np.testing.assert_allclose(read_elevation(path, TARGET).values, whole, atol=0.5)
    assert read_band(path, around=TARGET.cut(0, 0, (4, 4))).values.size < 0.02 * HEIGHTS.size


@pytest.mark.parametrize("kind", ["nodata", "mask", "marker", "nan"])
def test_gaps_stay_gaps(tmp_path, kind):
    west = np.s_[:, : GRID.shape[1] // 2]
    values = HEIGHTS.copy() if kind == "nan" else np.rint(HEIGHTS).astype(np.int16)
    values[west] = {"nodata": 77, "mask": 0, "marker": -32768, "nan": np.nan}[kind]
    mask = np.full(GRID.shape, True)
    mask[west] = False
    options = {"nodata": {"nodata": 77}, "mask": {"mask": mask}}.get(kind, {})
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        found = read_elevation(write(tmp_path / "a.tif", values, **options), TARGET).values
    assert np.isnan(found[:, :10]).all()
    np.testing.assert_allclose(found[:, 38:], EXPECTED[:, 38:], atol=2)


def test_a_file_of_elsewhere_and_one_of_gaps_are_told_apart(tmp_path):
    elsewhere = read_elevation(write(tmp_path / "a.tif", grid=GRID.shift(Shift(0, 3000))), TARGET)
    gaps = read_elevation(write(tmp_path / "b.tif", np.full_like(HEIGHTS, -9999), nodata=-9999), TARGET)
    assert np.isnan(elsewhere.values).all() and np.isnan(gaps.values).all()
    assert not elsewhere.overlaps and gaps.overlaps


def test_a_declared_unit_is_applied(tmp_path):
    found = read_elevation(write(tmp_path / "a.tif", HEIGHTS / np.float32(0.3048), units="ft"), TARGET).values
    np.testing.assert_allclose(found, EXPECTED, atol=1.5)


RATIO = (HEIGHTS / 9000).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "values", "options", "message"),
    [
        ("MOD11A1_LST_Day_1km.tif", HEIGHTS, {}, "by its name LST, not elevation"),
        ("my_ndvi.tif", HEIGHTS, {}, "by its name NDVI, not elevation"),
        ("a.tif", HEIGHTS, {"units": "K"}, "its unit 'K' is none of elevation; give a DEM in metres"),
        ("a.tif", RATIO, {}, "all within -1 to 1, like NDVI or another ratio"),
        ("a.tif", np.full(GRID.shape, 14500, np.uint16), {}, "elevation of 14500 to 14500, none of"),
        ("a.tif", np.full(GRID.shape, 200, np.uint8), {}, "uint8 numbers are no elevation, but classes or a shaded"),
        ("a.tif", np.where(HEIGHTS > 1900, 9999, 500).astype(np.int16), {}, "if 9999 marks gaps, declare it"),
        ("dem.hgt", HEIGHTS, {}, "no GeoTIFF; convert the DEM with gdal_translate -of COG"),
    ],
)
def test_what_is_no_elevation_is_refused(tmp_path, name, values, options, message):
    path = write(tmp_path / name, values, **options)
    with pytest.raises(GranuleError, match=rf"{name}: .*{message}"):
        read_elevation(path, TARGET)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(GranuleError, match=r"no\.tif: no such file"):
        read_elevation(tmp_path / "no.tif", TARGET)
    with pytest.raises(GranuleError, match=r"a folder; give one file .gdalbuildvrt"):
        read_elevation(tmp_path, TARGET)


def test_the_elevation_of_a_simulated_granule(tmp_path):
    granule = simulate_granule(1, size=16)
    *_, path = write_granule(granule, tmp_path, "cog", elevation=True)
    grid = Grid((64, 64), TARGET.transform, SINUSOIDAL)
    found = read_elevation(path, Grid(grid.shape, read_band(path).transform, SINUSOIDAL)).values
    assert path.name == "h18v04_elevation.tif" and np.ptp(found) > 1
    np.testing.assert_allclose(found, granule.elevation, atol=0.5)


def test_a_real_dem_is_read(shared_data):
    path = next((shared_data / "world" / "quebec_modis_dem").glob("*DEM_doy*.tif"))
    x, y = lonlat_to_sinusoidal(-72.7, 45.5)
    target = Grid((64, 64), Affine(231.656358, 0, x, 0, -231.656358, y), SINUSOIDAL)
    found = read_elevation(path, target)
    with rasterio.open(path) as file:
        band = file.read(1, masked=True)
    assert np.isfinite(found.values).mean() > 0.9
    assert band.min() <= found.values.min() and found.values.max() <= band.max()
