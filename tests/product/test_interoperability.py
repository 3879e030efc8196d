"""Maps open in the libraries that people use: place, gaps and values as they are."""

import datetime

import numpy as np
import odc.geo.xr  # noqa: F401  (adds the accessor ``odc``)
import pytest
import rasterio
import rioxarray
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rio_tiler.io import Reader

from lstsr_jax.geo import SINUSOIDAL, pixel_lonlat, simulate_granule, tile_transform, write_granule
from lstsr_jax.product import choose_method, predict, settings_of

TILE = "h17v05"
pytestmark = [  # of these libraries against newer releases of their own dependencies
    pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    date = datetime.date(2021, 5, 1)
    return write_granule(simulate_granule(3, tile=TILE, date=date, size=40), tmp_path_factory.mktemp("in"))[0]


def mapped(source, out, **options):
    settings = settings_of(output_dir=out, overpass="day", quick_look=False, **options)
    return predict([source], choose_method(None, "bicubic"), *settings).outcomes[0].output


@pytest.fixture(scope="module")
def plain(source, tmp_path_factory):
    return mapped(source, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def packed(source, tmp_path_factory):
    return mapped(source, tmp_path_factory.mktemp("packed"), packed=True)


@pytest.fixture(scope="module")
def lst(plain):
    with rasterio.open(plain) as file:
        return file.read(1)


def test_rasterio(plain, packed, lst):
    with rasterio.open(plain) as file:
        assert (file.crs, file.transform) == (SINUSOIDAL, tile_transform(TILE, 4)) and np.isnan(file.nodata)
        np.testing.assert_array_equal(file.read(1, masked=True).mask, np.isnan(lst))
    with rasterio.open(packed) as file:
        kelvin = file.read(1, masked=True) * file.scales[0] + file.offsets[0]
    np.testing.assert_allclose(kelvin.filled(np.nan), lst, atol=0.0101)


def test_rioxarray(plain, packed, lst):
    with rioxarray.open_rasterio(plain, masked=True) as data:
        assert data.rio.crs == SINUSOIDAL and data.rio.transform() == tile_transform(TILE, 4)
        np.testing.assert_array_equal(data[0], lst)
    with rioxarray.open_rasterio(packed, mask_and_scale=True) as data:
        np.testing.assert_allclose(data[0], lst, atol=0.0101)


def test_odc_geo(plain, lst):
    with rasterio.open(plain) as file:
        box = GeoBox.from_rio(file)
    assert box.shape == lst.shape and box.transform == tile_transform(TILE, 4)
    with rioxarray.open_rasterio(plain, masked=True) as data:
        assert data.odc.geobox.shape == lst.shape and data.odc.geobox.transform.almost_equals(box.transform, 1e-6)
        moved = data[0].odc.reproject("EPSG:32629", resolution=250, resampling="bilinear")
    assert moved.odc.crs.epsg == 32629 and abs(float(moved.mean()) - np.nanmean(lst)) < 0.5


def test_rio_tiler(plain, lst):
    with Reader(str(plain)) as reader:
        assert CRS.from_user_input(reader.crs) == SINUSOIDAL
        whole = reader.preview(max_size=None)
        np.testing.assert_array_equal(whole.array.mask[0], np.isnan(lst))
        np.testing.assert_array_equal(whole.array[0].filled(np.nan), lst)
        row, column = np.argwhere(np.isfinite(lst))[5]
        lon, lat = (field[row, column] for field in pixel_lonlat(tile_transform(TILE, 4), lst.shape))
        assert reader.point(lon, lat).array[0] == lst[row, column]
