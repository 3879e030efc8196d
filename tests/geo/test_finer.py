"""Finer rasters of LST: found by name, read in kelvin, cleared of clouds, averaged to 231.656 m."""

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.errors import InputError
from lstsr_jax.geo import GranuleError, write_raster
from lstsr_jax.geo.finer import find_fields, read_field
from lstsr_jax.geo.grid import FINE_PIXEL_M

UTM = CRS.from_epsg(32632)
LONLAT = CRS.from_epsg(4326)


def grid_of(pixel):
    return Affine(pixel, 0, 500_000, 0, -pixel, 5_000_000)


def write(path, values, pixel=70.0, crs=UTM, transform=None, **options):
    return write_raster(path, values, transform or grid_of(pixel), crs, **options)


@pytest.fixture(scope="module")
def lst():
    rng = np.random.default_rng(0)
    return (300 + 5 * rng.standard_normal((120, 130))).astype(np.float32)


def test_pixels_are_averaged_by_area(tmp_path):
    """A quarter of 231.656 m divides evenly: the mean of 4 x 4 pixels, and none where one of them is missing."""
    field = np.random.default_rng(1).normal(300, 5, (40, 48)).astype(np.float32)
    field[5, 9] = np.nan
    found = read_field(write(tmp_path / "a_LST.tif", field, FINE_PIXEL_M / 4))
    expected = field.astype(np.float64).reshape(10, 4, 12, 4).mean((1, 3))
    assert found.averaged and found.lst.shape == (10, 12) and np.isnan(expected).sum() == 1
    np.testing.assert_allclose(found.lst, expected, atol=1e-3)
    assert found.grid.pixel_m == pytest.approx(231.656, abs=1e-3) and found.grid.crs == UTM


def test_other_pixels_cover_the_same_ground(tmp_path, lst):
    """70 m in UTM and the same in degrees: as many pixels of 231.656 m as fit, the mean of the whole is kept."""
    projected = read_field(write(tmp_path / "a_LST.tif", lst))
    assert projected.lst.shape == (int(120 * 70 / FINE_PIXEL_M), int(130 * 70 / FINE_PIXEL_M))
    assert float(projected.lst.mean()) == pytest.approx(float(lst.mean()), abs=0.1)
    north, middle = 45.0, np.cos(np.radians(45.0 - 60 * 70 / 111_320))
    degrees = Affine(70 / 111_320 / middle, 0, 8.0, 0, -70 / 111_320, north)
    geographic = read_field(write(tmp_path / "b_LST.tif", lst, crs=LONLAT, transform=degrees))
    assert geographic.lst.shape == projected.lst.shape
    np.testing.assert_allclose(geographic.lst, projected.lst, atol=0.5)


def test_coarse_pixels_stay_as_they_are(tmp_path, lst):
    found = read_field(write(tmp_path / "LST2006_01_01.LST_Day_1km.tif", lst, 1000.0, packed=True))
    assert not found.averaged and found.grid.pixel_m == 1000
    np.testing.assert_allclose(found.lst, lst, atol=0.011)


def ecostress_tile(folder, lst):
    cloud = np.zeros(lst.shape, np.uint8)
    cloud[:40] = 1
    write(folder / "ECOv002_L2T_LSTE_1_LST.tif", lst)
    write(folder / "ECOv002_L2T_LSTE_1_cloud.tif", cloud)
    return "ECOv002_L2T_LSTE_1_LST.tif", 40


def appeears(folder, lst):
    cloud, quality = np.zeros(lst.shape, np.uint16), np.zeros(lst.shape, np.int32)
    cloud[:20] = 1
    quality[20:60] = 0b10  # bits 0 and 1: not produced
    quality[60:] = 0b1101  # nominal
    write(folder / "ECO_L2_LSTE.002_LST_doy2023179094538_aid0001.tif", np.rint(lst / 0.02).astype(np.uint16),
          scale=0.02, nodata=0)  # fmt: skip
    write(folder / "ECO_L2_LSTE.002_cloud_mask_doy2023179094538_aid0001.tif", cloud, scale=0.0001, nodata=255)
    write(folder / "ECO_L2_LSTE.002_QC_doy2023179094538_aid0001.tif", quality, nodata=-99999)
    return "ECO_L2_LSTE.002_LST_doy2023179094538_aid0001.tif", 60


def landsat(folder, lst):
    quality = np.full(lst.shape, 21824, np.uint16)  # clear land
    quality[:30] = 22280  # high-confidence cloud
    counts = np.rint((lst - 149) / 0.00341802).astype(np.uint16)
    write(folder / "LC08_L2SP_193029_20200701_20200913_02_T1_ST_B10.TIF", counts)
    write(folder / "LC08_L2SP_193029_20200701_20200913_02_T1_QA_PIXEL.TIF", quality)
    return "LC08_L2SP_193029_20200701_20200913_02_T1_ST_B10.TIF", 30


@pytest.mark.parametrize("product", [ecostress_tile, appeears, landsat])
def test_clouds_go_by_the_layers_of_the_product(tmp_path, lst, product):
    name, cloudy = product(tmp_path, lst)
    for other in ("ECOv002_L2T_LSTE_1_LST_err.tif", "ndvi.tif", "elevation_1km.tif"):
        write(tmp_path / other, np.zeros((4, 4), np.float32))
    files, skipped = find_fields(tmp_path)
    assert [path.name for path in files] == [name]
    assert {path.name for path in tmp_path.iterdir()} == {name, *(entry.path.name for entry in skipped)}
    found = read_field(files[0])
    assert found.masked_by and set(found.masked_by) <= {path.name for path in tmp_path.iterdir()}
    clear = np.isfinite(found.lst)
    first = int(np.ceil(cloudy * 70 / FINE_PIXEL_M))
    assert not clear[: first - 1].any() and clear[first + 1 :].all()
    alone = read_field(write(tmp_path / "x_LST.tif", lst))
    assert not alone.masked_by and np.isfinite(alone.lst).all()
    np.testing.assert_allclose(found.lst[first + 1 :], alone.lst[first + 1 :], atol=0.011)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (lambda lst: lst - 273.15, "degrees Celsius"),
        (lambda lst: lst / 0.02, "counts of 0.02 K"),
        (lambda lst: np.full_like(lst, np.nan), "LST"),
    ],
    ids=["celsius", "counts", "empty"],
)
def test_what_is_not_in_kelvin_is_refused(tmp_path, lst, values, message):
    path = write(tmp_path / "a_LST.tif", values(lst))
    with pytest.raises(GranuleError, match=message) as error:
        read_field(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_folders_and_layers_that_do_not_fit(tmp_path, lst):
    with pytest.raises(InputError, match="no such directory"):
        find_fields(tmp_path / "none")
    write(tmp_path / "ndvi.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match="no raster of LST among 1 GeoTIFFs"):
        find_fields(tmp_path)
    name, _ = ecostress_tile(tmp_path, lst)
    write(tmp_path / name.replace("LST.tif", "cloud.tif"), np.zeros((4, 4), np.uint8))
    with pytest.raises(GranuleError, match=r"cloud.tif: \(4, 4\) pixels"):
        read_field(tmp_path / name)
    cloudy = np.ones(lst.shape, np.uint8)
    write(tmp_path / name.replace("LST.tif", "cloud.tif"), cloudy)
    with pytest.raises(GranuleError, match="no pixel of it is observed and clear"):
        read_field(tmp_path / name)


def test_real_ecostress(shared_data):
    files, _ = find_fields(shared_data / "world" / "ecostress_l2t")
    assert len(files) == 2
    found = read_field(files[1])
    assert found.lst.shape == (473, 473) and found.masked_by and 285 < np.nanmean(found.lst) < 300
    with pytest.raises(GranuleError, match=r"counts of 0\.02 K"):
        read_field(shared_data / "world" / "other" / "lst_01.tif")
