"""NDVI from real and simulated files."""

import datetime

import h5py
import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD
from rasterio.transform import Affine

from lstsr_jax.geo import GranuleError, period_start, read_ndvi, tile_transform, write_granule


@pytest.mark.parametrize("kept", [(0, 1, 2), (0,)])
def test_real_hdf4(shared_data, kept):
    path = next((shared_data / "granules").glob("MOD13A2*.hdf"))
    scene = read_ndvi(path, kept)
    sd = SD(str(path))
    stored, rank = sd.select("1 km 16 days NDVI")[:], sd.select("1 km 16 days pixel reliability")[:]
    sd.end()
    expected = np.where(np.isin(rank, kept) & (stored >= -2000), stored / 10000, np.nan)
    np.testing.assert_allclose(scene.ndvi, expected, atol=1e-7)
    assert 0 < np.isfinite(scene.ndvi).mean() < 1
    assert (scene.product, scene.tile) == ("MOD13A2", "h11v06")
    assert scene.transform == tile_transform("h11v06")


def test_real_tif(shared_data):
    path = sorted((shared_data / "mod13a2_h18v04_2020").glob("*A2020177*.tif"))[0]
    scene = read_ndvi(path)
    with rasterio.open(path) as file:
        stored = file.read(1)
    np.testing.assert_allclose(scene.ndvi, np.where(stored == -3000, np.nan, stored / 10000), atol=1e-7)
    assert np.isnan(scene.ndvi).any() and scene.date == datetime.date(2020, 6, 25)


@pytest.mark.parametrize("format", ["hdf4", "cog"])
def test_simulated(simulated, tmp_path, format):
    coarse, fine = (read_ndvi(path) for path in write_granule(simulated, tmp_path, format, ndvi=True)[-2:])
    assert (coarse.product, fine.product) == ("MOD13A2", "MOD13Q1")
    np.testing.assert_allclose(fine.ndvi, simulated.ndvi, atol=5.1e-5)
    np.testing.assert_allclose(coarse.ndvi, simulated.ndvi.reshape(80, 4, 80, 4).mean(axis=(1, 3)), atol=5.1e-5)
    assert coarse.transform == simulated.transform and fine.transform == tile_transform("h17v05", 4)
    assert coarse.date == fine.date == datetime.date(2021, 4, 23) <= simulated.date


def test_periods():
    assert period_start(datetime.date(2020, 1, 1)) == datetime.date(2020, 1, 1)
    assert period_start(datetime.date(2020, 1, 16)) == datetime.date(2020, 1, 1)
    assert period_start(datetime.date(2020, 1, 17)) == datetime.date(2020, 1, 17)
    assert period_start(datetime.date(2020, 12, 31)) == datetime.date(2020, 12, 18)  # day 353
    assert period_start(datetime.date(2021, 1, 3)) == datetime.date(2021, 1, 1)


def test_a_netcdf_of_several_periods_gives_the_nearest(tmp_path):
    """Fine NDVI on the native grid, as OPeNDAP gives it, with its pixel reliability."""
    place = tile_transform("h17v05", 4)
    stored = np.arange(2 * 12 * 10, dtype=np.int16).reshape(2, 12, 10) * 30 + 200
    stored[:, 0, 0] = -3000
    rank = np.zeros(stored.shape, np.int8)
    rank[1, 3, 4] = 3
    path = tmp_path / "MOD13Q1.nc"
    with h5py.File(path, "w") as file:
        file.attrs["identifier_product_doi"] = np.bytes_("10.5067/MODIS/MOD13Q1.061")
        axes = {
            "time": ([7671.0, 7687.0], "days since 2000-01-01 00:00:00", "time"),
            "YDim": (place.f + place.e * (np.arange(12) + 5), "meter", "projection_y_coordinate"),
            "XDim": (place.c + place.a * (np.arange(10) + 7), "meter", "projection_x_coordinate"),
        }
        for name, (values, units, standard) in axes.items():
            axis = file.create_dataset(name, data=np.asarray(values, float))
            axis.make_scale(name)
            axis.attrs.update(units=np.bytes_(units), standard_name=np.bytes_(standard))
        for name, values in (("_250m_16_days_NDVI", stored), ("_250m_16_days_pixel_reliability", rank)):
            found = file.create_dataset(name, data=values)
            for index, axis in enumerate(axes):
                found.dims[index].attach_scale(file[axis])
        file["_250m_16_days_NDVI"].attrs.update(scale_factor=[1e-4], _FillValue=np.array([-3000], np.int16))
    scene = read_ndvi(path, near=datetime.date(2021, 1, 30))
    expected = stored[1] * 1e-4
    expected[0, 0] = expected[3, 4] = np.nan
    np.testing.assert_allclose(scene.ndvi, expected, atol=1e-7)
    assert (scene.product, scene.tile, scene.date) == ("MOD13Q1", "h17v05", datetime.date(2021, 1, 17))
    assert scene.transform.almost_equals(place @ Affine.translation(7, 5), 1e-3)
    assert read_ndvi(path, near=datetime.date(2021, 1, 16)).date == datetime.date(2021, 1, 1)
    with pytest.raises(GranuleError, match="it holds 2 days: 2021-01-01, 2021-01-17; choose the nearest with near="):
        read_ndvi(path)
