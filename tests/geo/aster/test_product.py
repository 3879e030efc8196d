"""AST_08 as HDF-EOS and GeoTIFF, its fillers, and its mean over 250 m."""

import numpy as np
import pytest
import rasterio
import rasterio.warp
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import AsterScene, GranuleError, Grid, mask_fillers, read_aster, reduce_aster

UTM = CRS.from_epsg(32632)
NORTH_UP = Affine(90, 0, 600000, 0, -90, 4900000)
C, S = 90 * np.cos(np.radians(9.7)), 90 * np.sin(np.radians(9.7))
ALONG_ORBIT = Affine(C, -S, 600000, -S, -C, 4900000)


def write(path, values, transform=NORTH_UP, crs=UTM, **profile):
    options = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
    with rasterio.open(path, "w", dtype=values.dtype, transform=transform, crs=crs, **options, **profile) as file:
        file.write(values, 1)
    return path


def tenths(shape=(40, 50), seed=0):
    return np.random.default_rng(seed).integers(2800, 3200, shape).astype(np.uint16)


def test_integers_are_tenths_of_a_kelvin(tmp_path):
    scene = read_aster(write(tmp_path / "AST_08.tif", tenths()))
    np.testing.assert_allclose(scene.lst, tenths() * 0.1, rtol=1e-6)
    assert scene.lst.dtype == np.float32 and scene.pixel_m == 90 and scene.grid.crs == UTM


def test_float_is_kelvin(tmp_path):
    kelvin = (tenths() * 0.1).astype(np.float32)
    np.testing.assert_array_equal(read_aster(write(tmp_path / "a.tif", kelvin)).lst, kelvin)


def test_fillers_and_their_rims_are_masked(tmp_path):
    stored = tenths()
    stored[:, :5] = 0
    stored[10:12] = 2000  # a strip of 200 K
    stored[30, 40] = 5000
    missing = np.isnan(read_aster(write(tmp_path / "a.tif", stored)).lst)
    expected = np.zeros(stored.shape, bool)
    expected[:, :6] = expected[9:13] = expected[30, 40] = True
    np.testing.assert_array_equal(missing, expected)
    bare = np.isnan(read_aster(tmp_path / "a.tif", rim=0).lst)
    assert bare[:, 5].sum() == 2 and not bare[9, 5:].any()


def test_declared_nodata_has_no_rim(tmp_path):
    kelvin = (tenths() * 0.1).astype(np.float32)
    kelvin[:, :5] = 0
    missing = np.isnan(read_aster(write(tmp_path / "a.tif", kelvin, nodata=0)).lst)
    assert missing[:, :5].all() and not missing[:, 5:].any()


def test_mask_fillers_of_an_array():
    found = mask_fillers(np.array([[200.0, 290.0, 290.0], [290.0, 290.0, np.nan]]))
    np.testing.assert_array_equal(np.isnan(found), [[True, True, False], [True, True, True]])


def metadata(transform, shape, zone="32"):
    """The part of productmetadata.0 that places a scene, written from the centres of its corner pixels."""
    height, width = shape
    text = f"OBJECT = UTMZONECODE\n NUM_VAL = 1\n VALUE = {zone}\nEND_OBJECT = UTMZONECODE\n"
    corners = {"UPPERLEFT": (0, 0), "UPPERRIGHT": (width - 1, 0)}
    corners |= {"LOWERLEFT": (0, height - 1), "LOWERRIGHT": (width - 1, height - 1)}
    for name, (column, row) in corners.items():
        x, y = Grid(shape, transform, UTM).xy(column + 0.5, row + 0.5)
        lon, lat = (v[0] for v in rasterio.warp.transform(UTM, CRS.from_epsg(4326), [x], [y])[:2])
        text += f"OBJECT = {name}\n NUM_VAL = 2\n VALUE = ({lat:.9f}, {lon:.9f})\nEND_OBJECT = {name}\n"
    return {"productmetadata.0": text}


@pytest.mark.parametrize("transform", [NORTH_UP, ALONG_ORBIT], ids=["north-up", "along the orbit"])
def test_hdf4_is_placed_by_its_corners(make_hdf4, tmp_path, transform):
    shape = (70, 83)
    path = make_hdf4(tmp_path / "AST_08.hdf", {"KineticTemperature": (tenths(shape), {})}, metadata(transform, shape))
    scene = read_aster(path)
    np.testing.assert_allclose(scene.lst, tenths(shape) * 0.1, rtol=1e-6)
    assert scene.grid.crs == UTM
    for corner in ((0, 0), (83, 0), (83, 70)):
        np.testing.assert_allclose(scene.grid.xy(*corner), Grid(shape, transform, UTM).xy(*corner), atol=0.05)


def exact_weights(small, large, count):
    """Share of each small pixel in each large one, both starting at 0."""
    left, right = np.arange(count) * small, (np.arange(count) + 1) * small
    edges = np.arange(int(np.ceil(count * small / large)) + 1) * large
    overlap = np.minimum(right, edges[1:, None]) - np.maximum(left, edges[:-1, None])
    return np.clip(overlap, 0, None) / large


def test_mean_over_250_m_is_weighted_by_area():
    lst = (tenths((70, 83)) * 0.1).astype(np.float32)
    large = reduce_aster(AsterScene(lst, Grid(lst.shape, NORTH_UP, UTM), None))
    rows, columns = (exact_weights(90, large.grid.transform.a, n) for n in lst.shape)
    whole = np.outer(rows.sum(1), columns.sum(1)) > 0.999
    np.testing.assert_array_equal(np.isfinite(large.lst), whole)
    np.testing.assert_allclose(large.lst[whole], (rows @ lst @ columns.T)[whole], atol=2e-3)
    assert large.pixel_m == pytest.approx(231.656358) and large.grid.transform.c == 600000


def test_a_gap_masks_every_large_pixel_it_touches():
    lst = np.full((70, 83), 300, np.float32)
    lst[35, 40] = np.nan
    scene = AsterScene(lst, Grid(lst.shape, NORTH_UP, UTM), None)
    strict, lax = reduce_aster(scene), reduce_aster(scene, min_coverage=0.5)
    rows, columns = (exact_weights(90, strict.grid.transform.a, n) for n in lst.shape)
    touched = np.outer(rows[:, 35] > 0, columns[:, 40] > 0)
    assert np.isnan(strict.lst[touched]).all()
    np.testing.assert_allclose(lax.lst[touched], 300)


def test_rotated_scene_becomes_north_up():
    shape = (140, 166)
    grid = Grid(shape, ALONG_ORBIT, UTM)
    column, row = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    x, y = grid.xy(column, row)
    large = reduce_aster(AsterScene((300 + 1e-3 * (x - 6e5) - 5e-4 * (y - 4.9e6)).astype(np.float32), grid, None))
    assert large.grid.transform.b == 0 and large.grid.transform.e < 0
    column, row = np.meshgrid(np.arange(large.grid.shape[1]) + 0.5, np.arange(large.grid.shape[0]) + 0.5)
    x, y = large.grid.xy(column, row)
    seen = np.isfinite(large.lst)
    assert seen.mean() > 0.6
    expected = 300 + 1e-3 * (x - 6e5) - 5e-4 * (y - 4.9e6)
    np.testing.assert_allclose(large.lst[seen], expected[seen], atol=0.03)


def test_pixels_must_grow():
    with pytest.raises(ValueError, match=r"pixels of 90.0 m cannot be averaged to 60.0 m"):
        reduce_aster(AsterScene(np.zeros((9, 9), np.float32), Grid((9, 9), NORTH_UP, UTM), None), 60)


def test_bad_files(make_hdf4, tmp_path):
    cases = [
        (tmp_path / "none.tif", "no such file"),
        (tmp_path / "none.hdf", "no such file"),
        (write(tmp_path / "nowhere.tif", tenths(), crs=None), "no coordinate system"),
        (write(tmp_path / "degrees.tif", tenths(), Affine(1e-3, 0, 9, 0, -1e-3, 45), "EPSG:4326"), "not metres"),
        (write(tmp_path / "empty.tif", np.zeros((9, 9), np.uint16)), "no temperature"),
        (make_hdf4(tmp_path / "other.hdf", {"Band10": (tenths(), {})}), "no KineticTemperature"),
        (make_hdf4(tmp_path / "bare.hdf", {"KineticTemperature": (tenths(), {})}), "not four corners"),
        (
            make_hdf4(
                tmp_path / "signed.hdf",
                {"KineticTemperature": (tenths().astype(np.int16), {})},
                metadata(NORTH_UP, (40, 50)),
            ),
            "int16, not uint16",
        ),
        (
            make_hdf4(
                tmp_path / "small.hdf",
                {"KineticTemperature": (tenths(), {})},
                metadata(Affine(9000, 0, 600000, 0, -9000, 4900000), (40, 50)),
            ),
            "span no 40x50 pixels",
        ),
        (tmp_path / "scene.nc", "neither .hdf nor .tif"),
    ]
    for path, message in cases:
        with pytest.raises(GranuleError, match=message) as caught:
            read_aster(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
