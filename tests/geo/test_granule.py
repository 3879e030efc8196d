"""Reading LST: real files against the libraries themselves, written files against what was written."""

import datetime
import shutil

import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD

from lstsr_jax.geo import GranuleError, QualityPolicy, read_lst, tile_transform, write_granule, write_raster
from lstsr_jax.geo.grid import SINUSOIDAL

REAL = "MOD11A1.A2021227.h11v05.061.2021228105320"


def direct(path, name):
    sd = SD(str(path))
    values = sd.select(name)[:]
    sd.end()
    return values


@pytest.mark.parametrize(("overpass", "label"), [("day", "Day"), ("night", "Night")])
def test_real_hdf4_granule(shared_data, overpass, label):
    path = shared_data / "granules" / f"{REAL}.hdf"
    scene = read_lst(path, overpass)
    stored, quality = direct(path, f"LST_{label}_1km"), direct(path, f"QC_{label}")
    assert scene.lst.dtype == np.float32 and scene.lst.shape == (1200, 1200)
    np.testing.assert_array_equal(np.isfinite(scene.lst), stored > 0)  # all its errors are 3 K or less
    np.testing.assert_allclose(scene.lst[stored > 0], stored[stored > 0] / 50, rtol=2e-7)
    np.testing.assert_array_equal(scene.quality, quality)
    assert scene.quality_known
    assert 0.03 < np.isfinite(scene.lst).mean() < 0.05
    assert (scene.product, scene.tile, scene.overpass, scene.granule) == ("MOD11A1", "h11v05", overpass, REAL)
    assert scene.date == datetime.date(2021, 8, 15)
    assert scene.transform == tile_transform("h11v05")
    assert scene.crs == SINUSOIDAL


def test_policy_on_a_real_granule(shared_data):
    path = shared_data / "granules" / f"{REAL}.hdf"
    quality = direct(path, "QC_Day")
    good = read_lst(path, "day", QualityPolicy(good_only=True))
    np.testing.assert_array_equal(np.isfinite(good.lst), (quality == 0) & (direct(path, "LST_Day_1km") > 0))
    two = read_lst(path, "day", QualityPolicy(max_lst_error_k=2))
    assert np.isfinite(two.lst).sum() == np.isin(quality, [0, 17, 65, 81]).sum() == 62900


def test_renamed_hdf4_granule_knows_its_name(shared_data, tmp_path):
    shutil.copy(shared_data / "granules" / f"{REAL}.hdf", tmp_path / "mine.hdf")
    scene = read_lst(tmp_path / "mine.hdf")
    assert (scene.granule, scene.tile, scene.path.name) == (REAL, "h11v05", "mine.hdf")


def test_real_cog(shared_data):
    path = sorted((shared_data / "mod11a1_h18v04_2020").glob("*A2020150*_LST_Day_1km.tif"))[0]
    scene = read_lst(path)
    with rasterio.open(path) as file:
        stored, transform, crs = file.read(1), file.transform, file.crs
    np.testing.assert_array_equal(np.isfinite(scene.lst), stored > 0)
    np.testing.assert_allclose(scene.lst[stored > 0], stored[stored > 0] / 50, rtol=2e-7)
    assert (scene.transform, scene.crs) == (transform, crs)
    assert scene.transform.almost_equals(tile_transform("h18v04"), 1e-5)
    assert not scene.quality_known and "all-clear" in scene.note
    assert scene.overpass == "day" and read_lst(path, None).overpass == "day"


@pytest.mark.parametrize("overpass", ["day", "night"])
def test_simulated_granule_reads_the_same_from_both_formats(simulated, tmp_path, overpass):
    (hdf4,) = write_granule(simulated, tmp_path / "hdf4")
    write_granule(simulated, tmp_path / "cog", "cog")
    layer = tmp_path / "cog" / f"{simulated.granule}_LST_{overpass.capitalize()}_1km.tif"
    a, b = read_lst(hdf4, overpass), read_lst(layer, overpass)
    np.testing.assert_array_equal(a.lst, b.lst)
    np.testing.assert_array_equal(a.quality, b.quality)
    stored = getattr(simulated, f"lst_{overpass}")
    np.testing.assert_allclose(a.lst, np.where(stored > 0, stored / 50, np.nan), rtol=2e-7)
    assert 0.3 < np.isfinite(a.lst).mean() < 0.9
    assert a.transform == b.transform == simulated.transform
    assert (a.crs, a.date, a.tile, a.granule) == (b.crs, b.date, b.tile, b.granule)
    assert (a.tile, a.date) == ("h17v05", datetime.date(2021, 5, 4))


def test_quality_beside_a_cog_is_applied_and_optional(simulated, tmp_path):
    write_granule(simulated, tmp_path, "cog")
    layer = tmp_path / f"{simulated.granule}_LST_Day_1km.tif"
    strict = QualityPolicy(good_only=True)
    kept = np.isfinite(read_lst(layer, "day", strict).lst)
    np.testing.assert_array_equal(kept, (simulated.qc_day == 0) & (simulated.lst_day > 0))
    (tmp_path / f"{simulated.granule}_QC_Day.tif").unlink()
    scene = read_lst(layer, "day", strict)
    assert not scene.quality_known
    np.testing.assert_array_equal(np.isfinite(scene.lst), simulated.lst_day > 0)


def test_fill_with_quality_zero_is_not_observed(make_hdf4, tmp_path):
    lst = np.full((1200, 1200), 15000, np.uint16)
    lst[3, 5], lst[7, 8] = 0, 7500
    quality = np.zeros((1200, 1200), np.uint8)
    quality[9, 10] = 0b11000001
    path = make_hdf4(tmp_path / f"{REAL}.hdf", {"LST_Day_1km": (lst, {"scale_factor": 0.02}), "QC_Day": (quality, {})})
    scene = read_lst(path)
    assert set(zip(*np.nonzero(np.isnan(scene.lst)), strict=True)) == {(3, 5), (9, 10)}
    assert scene.lst[7, 8] == np.float32(150) and scene.lst[0, 0] == np.float32(300)
    assert scene.transform == tile_transform("h11v05")  # no StructMetadata: the whole tile


def test_float_kelvin_written_by_ourselves(tmp_path):
    lst = np.linspace(270, 310, 6 * 10, dtype=np.float32).reshape(6, 10)
    lst[2, 7] = np.nan
    path = tmp_path / f"{REAL}_LST_Night_250m.tif"
    write_raster(path, lst, tile_transform("h11v05", 4), SINUSOIDAL)
    scene = read_lst(path, "night")
    np.testing.assert_array_equal(scene.lst, lst)
    assert scene.transform == tile_transform("h11v05", 4)


def test_gaps_of_a_float_layer_are_not_observed(tmp_path):
    """Nodata, what is usual without it, and a stray value; 0 K is the product's fill multiplied by its scale."""
    lst = np.full((40, 60), 280.5, np.float32)
    gaps = {(0, 1): -9999.0, (0, 2): 0.0, (1, 0): 20.0, (1, 2): np.inf, (2, 0): -32768.0, (2, 1): -3.4e38}
    for place, value in gaps.items():
        lst[place] = value
    path = tmp_path / f"{REAL}_LST_Day_1km.tif"
    write_raster(path, lst, tile_transform("h11v05"), SINUSOIDAL, nodata=-9999)
    assert set(zip(*np.nonzero(np.isnan(read_lst(path).lst)), strict=True)) == set(gaps)


def test_view_time_is_local_solar_hours(simulated, tmp_path):
    (granule,) = write_granule(simulated, tmp_path)
    layers = {path.stem.split("_", 1)[1]: path for path in write_granule(simulated, tmp_path, "cog")}
    for overpass, label in (("day", "Day"), ("night", "Night")):
        stored = simulated.layers[f"{label}_view_time"]
        expected = np.where(stored == 255, np.nan, stored / 10)
        for path in (granule, layers[f"LST_{label}_1km"]):
            view_time = read_lst(path, overpass).view_time
            assert view_time.dtype == np.float32
            np.testing.assert_allclose(view_time, expected, atol=1e-5)
        layers[f"{label}_view_time"].unlink()
        assert read_lst(layers[f"LST_{label}_1km"], overpass).view_time is None


def test_a_view_time_of_another_grid_is_refused(simulated, tmp_path):
    layers = {path.stem.split("_", 1)[1]: path for path in write_granule(simulated, tmp_path, "cog")}
    write_raster(layers["Day_view_time"], np.zeros((8, 8), np.uint8), simulated.transform, SINUSOIDAL)
    with pytest.raises(GranuleError, match=r"Day_view_time.tif: another grid than .*; give both whole or remove it"):
        read_lst(layers["LST_Day_1km"])
    write_raster(layers["Day_view_time"], np.zeros((80, 80), np.int16), simulated.transform, SINUSOIDAL)
    with pytest.raises(GranuleError, match=r"Day_view_time.tif: view time is int16"):
        read_lst(layers["LST_Day_1km"])
