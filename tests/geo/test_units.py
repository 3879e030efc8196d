"""Units, scales and masks at the doors: read right where the file says it, else refused with the unit named."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from lstsr_jax.geo import GranuleError, read_lst, read_ndvi, tile_transform
from lstsr_jax.geo.grid import SINUSOIDAL

ID = "MOD11A1.A2021227.h11v05.061.2021228105320"
NDVI_ID = "MOD13A2.A2021225.h11v05.061.2021320163717"
KELVIN = np.round(np.linspace(275, 315, 32 * 40), 2).reshape(32, 40)  # whole steps of 0.02 K and of 0.01
KELVIN = np.rint(KELVIN * 50) / 50
NDVI = np.rint(np.linspace(-0.1, 0.9, 32 * 40) * 200).reshape(32, 40) / 200


def write(path, values, dtype, *, nodata=None, scale=None, offset=0.0, units=None, tags=None, mask=None, **env):
    profile = {"count": 1, "nodata": nodata, "crs": SINUSOIDAL, "transform": tile_transform("h11v05")}
    values = values if np.dtype(dtype).kind == "f" else np.rint(values)
    with (
        rasterio.Env(**env),
        rasterio.open(path, "w", "GTiff", values.shape[1], values.shape[0], dtype=dtype, **profile) as file,
    ):
        file.write(values.astype(dtype), 1)
        if scale is not None:
            file.scales, file.offsets = (scale,), (offset,)
        if units:
            file.units = (units,)
        file.update_tags(**(tags or {}))
        if mask is not None:
            file.write_mask(mask)
    return path


@pytest.fixture
def lst_path(tmp_path):
    return tmp_path / f"{ID}_LST_Day_1km.tif"


@pytest.fixture
def ndvi_path(tmp_path):
    return tmp_path / f"{NDVI_ID}_1_km_16_days_NDVI.tif"


def refused(read, path, *texts):
    with pytest.raises(GranuleError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(text in message for text in texts), message


CELSIUS = KELVIN - 273.15


@pytest.mark.parametrize(
    ("stored", "dtype", "declared"),
    [
        (KELVIN, "float32", {}),
        (KELVIN, "float64", {"units": "Kelvin"}),
        (KELVIN * 50, "uint16", {}),
        (KELVIN * 50, "uint16", {"scale": 0.02, "units": "K"}),
        (KELVIN * 50, "uint16", {"scale": float(np.float32(0.02))}),
        (KELVIN * 50, "float32", {"scale": 0.02}),
        (KELVIN * 50, "int32", {"tags": {"scale_factor": "0.02", "add_offset": "0", "units": "Kelvin"}}),
        (KELVIN * 50, "uint16", {"tags": {"LST_Day_1km#scale_factor": "0.02"}}),
        (KELVIN * 100, "uint16", {"scale": 0.01}),
        (KELVIN * 10, "uint16", {"scale": 0.1}),
        (CELSIUS, "float32", {"units": "degC"}),
        (CELSIUS, "float32", {"tags": {"units": "Celsius"}}),
        (CELSIUS, "float32", {"scale": 1.0, "offset": 273.15}),
        (CELSIUS * 100, "int16", {"scale": 0.01, "offset": 273.15, "units": "K"}),
        (CELSIUS * 100, "int16", {"scale": 0.01, "units": "degrees Celsius"}),
        (KELVIN * 50, "uint16", {"scale": 0.02, "offset": -273.15, "units": "degC"}),
        (CELSIUS * 1.8 + 32, "float64", {"units": "degF"}),
    ],
)
def test_lst_is_read_by_what_the_file_declares(lst_path, stored, dtype, declared):
    scene = read_lst(write(lst_path, stored, dtype, **declared))
    largest_step = 0.1 if dtype == "uint16" and declared.get("scale") == 0.1 else 0.02
    np.testing.assert_allclose(scene.lst, KELVIN, atol=largest_step / 2 + 5e-5)
    assert scene.lst.dtype == np.float32


@pytest.mark.parametrize(
    ("stored", "dtype", "declared", "texts"),
    [
        (CELSIUS, "float32", {}, ["degrees Celsius", "-a_offset 273.15"]),
        (CELSIUS, "float32", {"nodata": np.nan}, ["degrees Celsius"]),
        (CELSIUS, "int16", {}, ["int16", "degrees Celsius"]),
        (CELSIUS * 10, "int16", {}, ["tenths of a degree Celsius"]),
        (CELSIUS * 100, "int16", {}, ["hundredths of a degree Celsius", "-a_scale 0.01"]),
        (CELSIUS * 100, "float32", {}, ["hundredths of a degree Celsius"]),
        (CELSIUS * 1.8 + 32, "float32", {}, ["degrees Fahrenheit"]),
        (KELVIN * 50, "float32", {}, ["counts of 0.02 K", "-a_scale 0.02"]),
        (KELVIN * 50, "int32", {}, ["int32", "counts of 0.02 K"]),
        (KELVIN * 100, "uint16", {}, ["hundredths of kelvin", "-a_scale 0.01"]),
        (KELVIN * 100, "float32", {}, ["hundredths of kelvin"]),
        (KELVIN * 10, "uint16", {}, ["tenths of kelvin"]),
        (KELVIN, "uint16", {}, ["look like kelvin"]),
        (KELVIN, "float32", {"scale": 0.02}, ["scale 0.02", "stored numbers look like kelvin", "remove"]),
        (KELVIN, "float32", {"units": "degC"}, ["degC", "kelvin"]),
        (KELVIN, "float32", {"units": "m"}, ["'m'", "kelvin"]),
        (KELVIN * 50, "uint16", {"scale": 0.02, "tags": {"scale_factor": "0.01"}}, ["0.02", "0.01", "remove"]),
        (KELVIN * 50, "uint16", {"tags": {"scale_factor": "many"}}, ["scale_factor", "many"]),
    ],
)
def test_lst_in_another_unit_is_refused_by_name(lst_path, stored, dtype, declared, texts):
    refused(read_lst, write(lst_path, stored, dtype, **declared), *texts)


def test_one_number_that_no_land_has_marks_gaps_of_a_float_layer(lst_path):
    """Gaps of 0 to which a correction was added with the rest of the layer."""
    values = KELVIN + 10
    values.flat[:: 1000 // 30] = 10.0
    marked = values == 10.0
    assert 0.02 < marked.mean() < 0.05
    scene = read_lst(write(lst_path, values, "float32"))
    np.testing.assert_array_equal(np.isnan(scene.lst), marked)
    np.testing.assert_array_equal(scene.lst[~marked], values[~marked].astype(np.float32))
    values.flat[::10] = 10.0
    refused(read_lst, write(lst_path, values, "float32"), "10 marks gaps", "-a_nodata 10")
    values = KELVIN + 10
    values.flat[:: 1000 // 30] = 900.0  # hotter than land is damage, or another unit
    refused(read_lst, write(lst_path, values, "float32"), "not within 150..400 K")
    values.flat[:: 1000 // 30], values.flat[5] = 10.0, 11.0  # two numbers mark nothing
    refused(read_lst, write(lst_path, values, "float32"), "not within 150..400 K")


def test_a_share_of_unphysical_values_is_an_error(lst_path):
    """A half-converted layer, and gaps that are marked by a number that nothing declares."""
    half = KELVIN.copy()
    half[:8] -= 273.15
    refused(read_lst, write(lst_path, half, "float32"), "320 of 1280", "150..400 K")
    counts = KELVIN * 50
    counts[3, 4:6] = 65535
    refused(read_lst, write(lst_path, counts, "uint16"), "2 of 1280", "65535 marks gaps", "-a_nodata 65535")
    lst = read_lst(write(lst_path, counts, "uint16", nodata=65535)).lst
    assert np.isnan(lst).sum() == 2 and np.isnan(lst[3, 4:6]).all()


@pytest.mark.parametrize(
    ("value", "dtype", "nodata"),
    [
        (0, "uint16", None),
        (0, "uint16", 0),
        (np.nan, "float32", np.nan),
        (0, "float32", None),
        (-9999, "float32", None),
    ],
)
def test_a_layer_without_any_observation_is_read_as_empty(lst_path, value, dtype, nodata):
    assert np.isnan(read_lst(write(lst_path, np.full((8, 9), value), dtype, nodata=nodata)).lst).all()


@pytest.mark.parametrize("internal", [True, False])
@pytest.mark.parametrize("nodata", [None, 0])
def test_masked_pixels_are_not_observed(lst_path, internal, nodata):
    """The numbers under the mask are cloud tops, well within the valid range."""
    seen = np.ones(KELVIN.shape, bool)
    seen[5:20, 3:9] = False
    counts = np.where(seen, KELVIN * 50, 12250)
    write(lst_path, counts, "uint16", nodata=nodata, mask=seen, GDAL_TIFF_INTERNAL_MASK=internal)
    assert lst_path.with_name(f"{lst_path.name}.msk").exists() != internal
    lst = read_lst(lst_path).lst
    np.testing.assert_array_equal(np.isfinite(lst), seen)
    np.testing.assert_allclose(lst[seen], KELVIN[seen], atol=1e-4)


def test_pixels_under_a_transparent_alpha_band_are_not_observed(lst_path):
    seen = np.ones(KELVIN.shape, bool)
    seen[:4] = False
    profile = {"crs": SINUSOIDAL, "transform": tile_transform("h11v05"), "alpha": "yes"}
    with rasterio.open(lst_path, "w", "GTiff", 40, 32, 2, dtype="uint16", **profile) as file:
        file.write((KELVIN * 50).astype(np.uint16), 1)
        file.write(seen * np.uint16(65535), 2)
        assert file.colorinterp[1] == ColorInterp.alpha
    np.testing.assert_array_equal(np.isfinite(read_lst(lst_path).lst), seen)


@pytest.mark.parametrize(
    ("stored", "dtype", "declared"),
    [
        (NDVI, "float32", {}),
        (NDVI * 1e4, "int16", {}),
        (NDVI * 1e4, "int16", {"scale": 1e-4}),
        (NDVI * 1e4, "int16", {"tags": {"scale_factor": "10000"}}),
        (NDVI * 1e4, "float32", {"scale": 1e-4}),
        (NDVI * 200 + 20, "uint8", {"scale": 0.005, "offset": -0.1}),
        (NDVI * 100, "float32", {"units": "%"}),
    ],
)
def test_ndvi_is_read_by_what_the_file_declares(ndvi_path, stored, dtype, declared):
    np.testing.assert_allclose(read_ndvi(write(ndvi_path, stored, dtype, **declared)).ndvi, NDVI, atol=1e-6)


LAKE = np.where(np.arange(1280).reshape(32, 40) < 640, 0.0, NDVI)


@pytest.mark.parametrize(
    ("stored", "dtype", "texts"),
    [
        (NDVI * 1e4, "float32", ["NDVI times 10000", "-a_scale 0.0001"]),
        (LAKE * 1e4, "float32", ["within -0.2..1"]),
        (NDVI * 100, "float32", ["percent"]),
        (NDVI * 100, "int16", ["percent", "-a_scale 0.01"]),
        (NDVI * 200 + 20, "uint8", ["uint8", "NDVI times 200 plus 20"]),
        (NDVI * 1e4, "int32", ["int32", "NDVI times 10000"]),
    ],
)
def test_ndvi_that_is_no_fraction_is_refused_by_name(ndvi_path, stored, dtype, texts):
    refused(read_ndvi, write(ndvi_path, stored, dtype, nodata=-3000 if dtype != "uint8" else None), *texts)


def test_fills_and_water_below_the_range_of_ndvi_are_gaps(ndvi_path):
    ndvi = NDVI.copy()
    ndvi[0, :4] = [-0.3, -3000, -0.25, np.nan]
    found = read_ndvi(write(ndvi_path, ndvi, "float32")).ndvi
    assert np.isnan(found).sum() == 4 and np.isnan(found[0, :4]).all()


def test_quality_of_whole_numbers_in_any_type_is_applied(lst_path):
    quality = np.zeros(KELVIN.shape)
    quality[2], quality[3], quality[4] = 2, 0b11000001, 65
    write(lst_path, KELVIN * 50, "uint16")
    companion = lst_path.with_name(f"{ID}_QC_Day.tif")
    for dtype, gap in (("float32", np.nan), ("int16", -999), ("float64", -9999), ("int32", 255)):
        stored = quality.copy()
        stored[5] = gap
        write(companion, stored, dtype, nodata=gap)
        scene = read_lst(lst_path)
        refused_rows = np.isnan(scene.lst).all(axis=1)
        assert set(np.flatnonzero(refused_rows)) == {2, 3, 5} and np.isfinite(scene.lst[4]).all()
        assert scene.quality.dtype == np.uint8 and scene.quality[4, 0] == 65 and scene.quality[5, 0] & 3 == 3


def test_best_quality_is_no_gap_where_zero_is_the_nodata_tag(lst_path):
    write(lst_path, KELVIN * 50, "uint16")
    write(lst_path.with_name(f"{ID}_QC_Day.tif"), np.zeros(KELVIN.shape), "uint8", nodata=0)
    assert np.isfinite(read_lst(lst_path).lst).all()


@pytest.mark.parametrize(
    ("quality", "dtype", "text"),
    [
        (np.full((32, 40), 0.5), "float32", "0.5 is no byte"),
        (np.full((32, 40), 300), "int16", "300 is no byte"),
        (np.zeros((31, 40)), "uint8", "another grid"),
    ],
)
def test_a_quality_layer_that_does_not_fit_is_named_itself(lst_path, quality, dtype, text):
    write(lst_path, KELVIN * 50, "uint16")
    companion = write(lst_path.with_name(f"{ID}_QC_Day.tif"), quality, dtype)
    with pytest.raises(GranuleError, match=text) as caught:
        read_lst(lst_path)
    assert str(caught.value).startswith(f"{companion}: ")
