"""Grid, pixel, projection, tile and product are checked against the name; rasters come out with the north up."""

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from lstsr_jax.geo import GranuleError, find_granules, read_lst, read_ndvi, tile_transform, write_granule
from lstsr_jax.geo.grid import PIXEL_M, SINUSOIDAL

ID = "MOD11A1.A2021227.h11v05.061.2021228105320"
COUNTS = (np.arange(32 * 40).reshape(32, 40) + 14500).astype(np.uint16)
NATIVE = tile_transform("h11v05")


def write(path, transform=NATIVE, crs=SINUSOIDAL, values=COUNTS, tags=None):
    size = values.shape[1], values.shape[0]
    with rasterio.open(path, "w", "GTiff", *size, 1, dtype=values.dtype, crs=crs, transform=transform) as file:
        file.write(values, 1)
        file.update_tags(**(tags or {}))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"{ID}_LST_Day_1km.tif"


def pixels_of(size, columns=0.0, rows=0.0):
    return Affine(size, 0, NATIVE.c + columns * PIXEL_M, 0, -size, NATIVE.f - rows * PIXEL_M)


@pytest.mark.parametrize(
    ("transform", "crs", "texts"),
    [
        (
            Affine(1 / 120, 0, -90, 0, -1 / 120, 40),
            CRS.from_epsg(4326),
            ["longitude and latitude", "0.00833333 degrees"],
        ),
        (Affine(1000, 0, 5e5, 0, -1000, 4e6), CRS.from_epsg(32633), ["UTM zone 33N", "1000 m"]),
        (Affine(70, 0, 6e5, 0, -70, 3.7e6), CRS.from_epsg(32611), ["UTM zone 11N", "70 m"]),
        (NATIVE, CRS.from_proj4("+proj=sinu +lon_0=10 +R=6371007.181 +units=m"), ["another sinusoidal"]),
        (NATIVE, CRS.from_proj4("+proj=sinu +lon_0=0 +ellps=WGS84 +units=m"), ["sinusoidal"]),
        (pixels_of(PIXEL_M / 2), SINUSOIDAL, ["463.313", "926.63 m"]),
        (pixels_of(6 * PIXEL_M), SINUSOIDAL, ["5559.75"]),
        (pixels_of(1000.0), SINUSOIDAL, ["1000 x 1000 m"]),
        (Affine(PIXEL_M, 0, NATIVE.c, 0, -1000.0, NATIVE.f), SINUSOIDAL, ["926.625 x 1000 m"]),
        (NATIVE @ Affine.rotation(3), SINUSOIDAL, ["turned"]),
        (tile_transform("h12v05"), SINUSOIDAL, ["not in tile h11v05"]),
        (pixels_of(PIXEL_M, columns=1180), SINUSOIDAL, ["not in tile h11v05"]),
        (pixels_of(PIXEL_M, rows=-5), SINUSOIDAL, ["not in tile h11v05"]),
    ],
)
def test_what_is_no_native_grid_is_never_read_as_one(path, transform, crs, texts):
    with pytest.raises(GranuleError) as caught:
        read_lst(write(path, transform, crs))
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and all(text in message for text in texts), message
    assert "; give " in message and "rename" not in message


def test_a_window_within_the_tile_is_read(path):
    place = pixels_of(PIXEL_M, columns=100, rows=37)
    scene = read_lst(write(path, place))
    assert scene.transform.almost_equals(place, 1e-6)
    np.testing.assert_allclose(scene.lst, COUNTS / 50, rtol=2e-7)


@pytest.mark.parametrize(("flip_rows", "flip_columns"), [(True, False), (False, True), (True, True)])
def test_rasters_of_any_direction_come_out_with_north_up(path, flip_rows, flip_columns):
    rows = Affine(1, 0, 0, 0, -1, 32) if flip_rows else Affine.identity()
    columns = Affine(-1, 0, 40, 0, 1, 0) if flip_columns else Affine.identity()
    values = COUNTS[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    write(path, NATIVE @ rows @ columns, values=values)
    write(path.with_name(f"{ID}_QC_Day.tif"), values=np.where(COUNTS < 14600, 2, 0).astype(np.uint8))
    scene = read_lst(path)
    expected = np.where(COUNTS < 14600, np.nan, COUNTS / 50)
    np.testing.assert_allclose(scene.lst, expected, rtol=2e-7)
    assert scene.transform.almost_equals(NATIVE, 1e-6)


def test_ndvi_of_another_pixel_or_tile_is_refused(tmp_path):
    ndvi = np.full((40, 40), 5000, np.int16)
    coarse = "MOD13A2.A2021225.h11v05.061.2021320163717_1_km_16_days_NDVI.tif"
    fine = coarse.replace("13A2", "13Q1").replace("1_km", "250m")
    assert (read_ndvi(write(tmp_path / coarse, values=ndvi)).ndvi == 0.5).all()
    assert (read_ndvi(write(tmp_path / fine, tile_transform("h11v05", 4), values=ndvi)).ndvi == 0.5).all()
    for name, place, text in (
        (coarse, tile_transform("h11v05", 4), "231.656"),
        (fine, NATIVE, "926.625"),
        (coarse, tile_transform("h11v06"), "h11v05"),
    ):
        with pytest.raises(GranuleError, match=text):
            read_ndvi(write(tmp_path / name, place, values=ndvi))


def test_tags_that_name_another_product_are_believed(path):
    with pytest.raises(GranuleError, match=r"MOD11A2 \(8-day means of LST at 1 km\); give a layer of MOD11A1"):
        read_lst(write(path, tags={"SHORTNAME": "MOD11A2"}))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("MOD11A1", "MYD11A1", r"named MYD11A1 but holds MOD11A1"),
        ("A2021124", "A2021125", r"named MOD11A1.A2021125.* but holds MOD11A1.A2021124"),
    ],
)
def test_an_hdf4_granule_is_what_its_content_says(simulated, tmp_path, old, new, text):
    (granule,) = write_granule(simulated, tmp_path)
    with pytest.raises(GranuleError, match=text):
        read_lst(granule.rename(granule.with_name(granule.name.replace(old, new))))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("croatia_lst2006/LST2006_01_01.LST_Day_1km.tif", "UTM zone 33N"),
        ("heihe_2013001/MOD11B1.A2013001.h25v05.006.2016148163210.hdf", "daily LST at 6 km"),
        ("swath_mod11_l2/MOD11_L2.A2017096.1445.006.2017097093512.hdf", "MOD11_L2 .LST of a swath"),
        ("quebec_modis_dem/ASTGTM_NC.003_ASTER_GDEM_DEM_doy2000061_aid0001.tif", "pixels of 0.000277778 degrees"),
        ("ndvi_h18v09/VNP13A2.A2025001.h18v09.002.2025017085341.h5", "VNP13A2 .vegetation indices"),
        ("other/lst_01.tif", "longitude and latitude"),
        (
            "ecostress_l2t/ECOv002_L2T_LSTE_27551_016_11SPS_20230516T101701_0710_01_LST.tif",
            "ECOSTRESS .* pixels of 70 m",
        ),
    ],
)
def test_real_foreign_files_are_told_what_they_are(shared_data, file, text):
    """Under their own names, and under that of a MOD11A1 granule, they are refused without advice to rename them."""
    source = shared_data / "world" / file
    with pytest.raises(GranuleError, match=text) as caught:
        read_lst(source)
    assert "rename" not in str(caught.value) and "names of the form" not in str(caught.value)
    layers = []
    try:
        layers = find_granules(source).layers
    except GranuleError as error:
        assert "rename" not in str(error)
    assert all(layer.path == source for layer in layers)


@pytest.mark.parametrize(
    "file",
    [
        "croatia_lst2006/LST2006_01_01.LST_Day_1km.tif",
        "heihe_2013001/MOD11A1_2013001.LST_Day_1km.tif",
        "heihe_2013001/MOD11B1.A2013001.h25v05.006.2016148163210.hdf",
        "ecostress_los_angeles/ECO_L2_LSTE.002_LST_doy2023179094538_aid0001.tif",
        "swath_mod11_l2/MOD11_L2.A2017096.1445.006.2017097093512.hdf",
        "viirs_vnp21a1d/VNP21A1D.A2024316.h08v05.002.2024320160736.h5",
    ],
)
def test_real_foreign_files_are_refused_under_a_granules_name(shared_data, tmp_path, file):
    tif = file.endswith(".tif")
    link = tmp_path / (f"{ID}_LST_Day_1km.tif" if tif else f"{ID}.hdf")
    link.symlink_to(shared_data / "world" / file)
    with pytest.raises(GranuleError, match=r"pixels of|but holds") as caught:
        read_lst(link)
    assert "rename" not in str(caught.value)
