"""File names taken apart and put together."""

import datetime

import pytest

from lstsr_jax.geo import GranuleError, parse_name

ID = "MOD11A1.A2020001.h18v04.061.2021003092415"


@pytest.mark.parametrize(
    ("suffix", "layer", "overpass"),
    [
        (".hdf", None, None),
        ("", None, None),
        ("_LST_Day_1km.tif", "LST_Day_1km", "day"),
        ("_LST_Night_1km.tif", "LST_Night_1km", "night"),
        ("_QC_Day.tif", "QC_Day", "day"),
        ("_QC_Night.tiff", "QC_Night", "night"),
        ("_Day_view_time.tif", "Day_view_time", "day"),
        ("_Night_view_angl.tif", "Night_view_angl", "night"),
        ("_Clear_night_cov.tif", "Clear_night_cov", "night"),
        ("_Emis_31.tif", "Emis_31", None),
        ("_LST_Night_250m.tif", "LST_Night_250m", "night"),
    ],
)
def test_layers(suffix, layer, overpass):
    name = parse_name(f"/some/where/{ID}{suffix}")
    assert (name.layer, name.overpass) == (layer, overpass)
    assert (name.product, name.tile, name.collection) == ("MOD11A1", "h18v04", "061")
    assert name.date == datetime.date(2020, 1, 1)
    assert name.production == "2021003092415"
    assert name.granule == ID


@pytest.mark.parametrize(
    ("file", "product", "layer"),
    [
        ("MYD11A1.A2020366.h00v17.006.2021003092415.hdf", "MYD11A1", None),
        (
            "MOD13A2.A2020177.h18v04.061.2020340101245_1_km_16_days_NDVI.tif",
            "MOD13A2",
            "1_km_16_days_NDVI",
        ),
        (
            "MOD13Q1.A2020177.h18v04.061.2020340101245_250m_16_days_NDVI.tif",
            "MOD13Q1",
            "250m_16_days_NDVI",
        ),
    ],
)
def test_products(file, product, layer):
    name = parse_name(file)
    assert (name.product, name.layer, name.overpass) == (product, layer, None)
    assert file.startswith(name.granule)


def test_day_of_year():
    assert parse_name(ID.replace("2020001", "2020366")).date == datetime.date(2020, 12, 31)
    assert parse_name(ID.replace("2020001", "2021060")).date == datetime.date(2021, 3, 1)


@pytest.mark.parametrize(
    "file",
    [
        "scene.hdf",
        "MOD11A1.A2020001.h18v04.061.hdf",
        ID + ".nc",
        ID + "-LST_Day_1km.tif",
        "x" + ID + ".hdf",
        "MOD11A1.061_LST_Day_1km_doy2020001_aid0001.tif",
    ],
)
def test_other_forms(file):
    with pytest.raises(GranuleError, match=r"MOD11A1\.AYYYYDDD") as caught:
        parse_name(file)
    assert file in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"), [("2020001", "2021366"), ("2020001", "2020000"), ("2020001", "0000001"), ("h18", "h40")]
)
def test_dates_and_tiles_that_do_not_exist(old, new):
    with pytest.raises(GranuleError, match=r"check the name|MODIS grid"):
        parse_name(ID.replace(old, new) + ".hdf")


@pytest.mark.parametrize(
    ("file", "layer", "copy"),
    [
        (f"{ID}.HDF", None, False),
        (f"{ID.upper()}_LST_DAY_1KM.TIF", "LST_Day_1km", False),
        (f"{ID.lower()}_qc_night.tif", "QC_Night", False),
        (f"{ID} (1).hdf", None, True),
        (f"{ID}(2).hdf", None, True),
        (f"{ID}_LST_Day_1km (1).tif", "LST_Day_1km", True),
        (f"{ID} - Copy.hdf", None, True),
        (f"{ID} copy 2.hdf", None, True),
    ],
)
def test_capitals_and_second_copies_are_the_same_granule(file, layer, copy):
    name = parse_name(file)
    assert (name.granule, name.layer, name.copy) == (ID, layer, copy)
