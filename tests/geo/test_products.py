"""Every product of the table in every container, against the numbers that were written, and real files against h5py."""

import datetime
import shutil

import h5py
import numpy as np
import pytest
import rasterio

from lstsr_jax.geo import (
    NDVI_PRODUCTS,
    PRODUCTS,
    SCHEMES,
    SINUSOIDAL,
    GranuleError,
    QualityPolicy,
    accept,
    decode,
    describe_skipped,
    find_granules,
    read_lst,
    read_ndvi,
    read_scenes,
    simulate_granule,
    simulate_landscape,
    with_companions,
    write_granule,
    write_raster,
)
from lstsr_jax.geo.grid import PIXEL_M
from lstsr_jax.geo.simulate.subset_writer import write_netcdf

DATE = datetime.date(2021, 5, 1)
FAMILIES = ("MOD11A1", "MYD11A2", "MYD21A1N", "VNP21A1D", "VJ221A1N", "VJ121A2")
GOOD_TES = 0b11_11_11_10_11_00_00_00


@pytest.fixture(scope="module")
def place():
    return simulate_landscape(3, 40)


@pytest.fixture(scope="module")
def simulated(place):
    """One granule of a product, made once each."""
    made = {}

    def granule(product, date=DATE):
        if (product, date) not in made:
            options = {"tile": "h17v05", "date": date, "size": 40, "landscape": place}
            made[product, date] = simulate_granule(5, product=product, cloud_fraction=0.2, **options)
        return made[product, date]

    return granule


def kept(granule, overpass):
    """Kelvin of what the default policy keeps, NaN elsewhere, by the bits as the user guides have them."""
    row = PRODUCTS[granule.product]
    layers = row.layers[overpass]
    lst, qc = granule.layers[layers.lst], granule.layers[layers.quality].astype(int)
    if row.quality == "MOD11":
        good = ((qc & 3) <= 1) & ((qc >> 6) < 3)
    elif row.quality == "TES16":
        good = ((qc & 3) == 0) & (((qc >> 4) & 3) == 0) & ((qc >> 14) > 0)
    else:
        good = ((qc & 3) == 0) & ((qc >> 6) > 0)
    return np.where(good & (lst > 0), lst * 0.02, np.nan)


@pytest.mark.parametrize("product", FAMILIES)
def test_a_granule_gives_what_was_written(simulated, tmp_path, product):
    granule, row = simulated(product), PRODUCTS[product]
    (path,) = write_granule(granule, tmp_path)
    assert path.suffix == {"hdf4": ".hdf", "hdf5": ".h5"}[row.container]
    scenes = read_scenes(path)
    assert [scene.overpass for scene in scenes] == list(row.overpasses)
    assert [tuple(layer) for layer in find_granules(tmp_path).layers] == [(path, s.overpass) for s in scenes]
    for scene in scenes:
        layers = row.layers[scene.overpass]
        np.testing.assert_allclose(scene.lst, kept(granule, scene.overpass), rtol=2e-7)
        assert np.isfinite(scene.lst).mean() > 0.3
        np.testing.assert_array_equal(scene.quality, granule.layers[layers.quality])
        assert scene.quality.dtype == np.dtype(SCHEMES[row.quality].dtype)
        time, angle = granule.layers[layers.view_time], granule.layers[layers.view_angle]
        np.testing.assert_allclose(scene.view_time, np.where(time == 255, np.nan, time * 0.1), atol=1e-5)
        np.testing.assert_allclose(scene.view_angle, np.where(angle == 255, np.nan, angle - 65.0), atol=1e-5)
        assert (scene.product, scene.date, scene.tile, scene.crs) == (product, DATE, "h17v05", SINUSOIDAL)
        assert scene.period_days == row.period_days and (scene.end - scene.date).days == row.period_days


@pytest.mark.parametrize("format", ["cog", "appeears", "netcdf", "opendap"])
@pytest.mark.parametrize("product", ["MOD11A1", "VNP21A1D", "VJ121A2"])
def test_every_container_gives_the_same_scene(simulated, tmp_path, product, format):
    granule, row = simulated(product), PRODUCTS[product]
    write_granule(granule, tmp_path, format)
    layers = find_granules(tmp_path).layers
    assert [layer.overpass for layer in layers] == list(row.overpasses)
    for layer in layers:
        scene = layer.read()
        top = round((scene.transform.f - granule.transform.f) / PIXEL_M)  # a copy in degrees may cover more
        left = round((granule.transform.c - scene.transform.c) / PIXEL_M)
        inside = np.s_[top : top + 40, left : left + 40]
        np.testing.assert_allclose(scene.lst[inside], kept(granule, layer.overpass), rtol=2e-7)
        assert np.isfinite(scene.lst).sum() == np.isfinite(scene.lst[inside]).sum()
        assert (scene.product, scene.date, scene.quality_known) == (product, DATE, True)
        time = granule.layers[row.layers[layer.overpass].view_time]
        np.testing.assert_allclose(scene.view_time[inside], np.where(time == 255, np.nan, time * 0.1), atol=1e-5)


def test_many_days_in_a_netcdf_are_as_many_scenes(simulated, tmp_path):
    days = [DATE + datetime.timedelta(days=i) for i in (0, 1, 5)]
    granules = [simulated("MYD11A1", day) for day in days]
    for native in (True, False):
        path = write_netcdf(granules, tmp_path / f"MYD11A1.061_{native}.nc", native=native)
        scenes = read_scenes(path)
        assert [(s.date, s.overpass) for s in scenes] == [(day, o) for day in days for o in ("day", "night")]
        assert len({scene.granule for scene in scenes}) == 3
        with pytest.raises(GranuleError, match="holds 3 days: 2021-05-01, 2021-05-02, 2021-05-06;"):
            read_lst(path)
        night = read_lst(path, "night", date=days[1])
        np.testing.assert_array_equal(night.lst, scenes[3].lst)
        with pytest.raises(GranuleError, match="does not hold 2021-05-04"):
            read_lst(path, date=datetime.date(2021, 5, 4))


def test_opendap_coordinates_may_be_corners_or_centres(simulated, tmp_path):
    path = write_netcdf([simulated("MOD11A1")], tmp_path / "MOD11A1.nc", native=True)
    corners = read_lst(path)
    with h5py.File(path, "r+") as file:
        file["XDim"][:] += PIXEL_M / 2
        file["YDim"][:] -= PIXEL_M / 2
    assert read_lst(path).transform == corners.transform
    assert corners.transform.almost_equals(simulated("MOD11A1").transform, 1e-3)
    with h5py.File(path, "r+") as file:
        file["XDim"][:] += PIXEL_M / 4
    with pytest.raises(GranuleError, match="neither corners nor centres"):
        read_lst(path)


def test_longitude_and_latitude_are_refused_where_pixels_were_mixed(simulated, tmp_path):
    path = next(p for p in write_granule(simulated("MOD11A1"), tmp_path, "appeears") if "LST_Day" in p.name)
    with rasterio.open(path) as file:
        values, transform, crs = file.read(1), file.transform, file.crs
    mixed = values.copy()
    seen = (values[:, 1:] > 0) & (values[:, :-1] > 0)
    mixed[:, 1:][seen] = (values[:, 1:].astype(int) + values[:, :-1])[seen] // 2
    write_raster(path, mixed, transform, crs, nodata=0, scale=0.02)
    with pytest.raises(GranuleError, match=r"only \d\d\.\d% of its own pixels back.*; ask AppEEARS for the native"):
        read_lst(path)
    coarse = transform @ rasterio.Affine.scale(2)
    write_raster(path, values[::2, ::2], coarse, crs, nodata=0, scale=0.02)
    with pytest.raises(GranuleError, match="degrees, not the 1/120 degree"):
        read_lst(path)


def test_a_free_name_is_read_with_what_the_user_says(simulated, tmp_path):
    granule = simulated("MOD11A1")
    source = next(p for p in write_granule(granule, tmp_path / "cog", "cog") if "LST_Night" in p.name)
    path = tmp_path / "my_lst.tif"
    shutil.copy(source, path)
    with pytest.raises(
        GranuleError, match="product and date and overpass are not known; say it with `product`, `date`"
    ):
        read_lst(path, None)
    said = {"date": DATE, "product": "MOD11A1"}
    scene = read_lst(path, "night", **said)
    np.testing.assert_array_equal(np.isfinite(scene.lst), granule.lst_night > 0)
    assert (scene.tile, scene.granule, scene.date) == ("h17v05", "my_lst", DATE)
    (layer,) = find_granules(path, overpass="night", **said).layers
    np.testing.assert_array_equal(layer.read().lst, scene.lst)
    with pytest.raises(GranuleError, match="is of date 2021-05-01, not 2021-05-02; leave `date` out"):
        read_lst(source, "night", date=datetime.date(2021, 5, 2))


def test_a_mean_of_eight_days_is_said_by_its_first_day(simulated, tmp_path):
    layers = write_granule(simulated("MYD11A2"), tmp_path / "cog", "cog")
    path = next(p for p in layers if "LST_Day" in p.name).rename(tmp_path / "my_lst.tif")
    with pytest.raises(GranuleError, match="not on 2021-05-04; say the first day of the period, `date` 2021-05-01"):
        read_lst(path, product="MYD11A2", date=datetime.date(2021, 5, 4))
    assert read_lst(path, product="MYD11A2", date=DATE).end == datetime.date(2021, 5, 9)


def test_names_that_say_enough_need_no_flags(simulated, tmp_path):
    source = next(p for p in write_granule(simulated("MOD11A1"), tmp_path / "cog", "cog") if "LST_Day" in p.name)
    for name in ("MOD11A1_2021121.LST_Day_1km.tif", "MOD11A1.061_A2021121_home_LST_Day_1km.tif"):
        path = tmp_path / name
        shutil.copy(source, path)
        scene = read_lst(path)
        assert (scene.date, scene.product, scene.overpass) == (DATE, "MOD11A1", "day")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"scale_factor": np.array([0.1])}, "scale_factor of LST is 0.1, not 0.02; use collection .* 2 of VIIRS"),
        ({"_Fillvalue": np.array([65535], np.uint16)}, "_FillValue of LST is 65535"),
        ({"valid_range": np.array([1, 2], np.uint16)}, "valid_range of LST"),
    ],
)
def test_another_packing_is_refused(simulated, tmp_path, attributes, text):
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    with h5py.File(path, "r+") as file:
        file["HDFEOS/GRIDS/VIIRS_Grid_Daily_1km_LST21/Data Fields/LST_1KM"].attrs.update(attributes)
    with pytest.raises(GranuleError, match=text):
        read_lst(path)


@pytest.mark.parametrize(
    ("layer", "attribute", "text"),
    [
        ("View_Time", {"scale_factor": np.array([0.02])}, "scale_factor of view time is 0.02, not 0.1"),
        ("View_Angle", {"add_offset": np.array([0.0])}, "add_offset of view angle is 0.0, not -65.0"),
    ],
)
def test_another_packing_of_the_view_is_refused(simulated, tmp_path, layer, attribute, text):
    """The time of the map comes from it."""
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    with h5py.File(path, "r+") as file:
        file[f"HDFEOS/GRIDS/VIIRS_Grid_Daily_1km_LST21/Data Fields/{layer}"].attrs.update(attribute)
    with pytest.raises(GranuleError, match=text):
        read_lst(path)


def test_another_projection_is_known_by_its_whole_name(simulated, tmp_path):
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    with h5py.File(path, "r+") as file:
        text = file["HDFEOS INFORMATION/StructMetadata.0"]
        text[()] = text[()].replace(b"HE5_GCTP_SNSOID", b"HE5_GCTP_ISINUS")
    with pytest.raises(GranuleError, match="not the MODIS sinusoidal"):
        read_lst(path)


def test_damaged_hdf5_costs_one_line(simulated, tmp_path):
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    whole = path.read_bytes()
    good = read_lst(path)
    for content in (whole[: len(whole) // 2], whole[:100], b"\x89HDF\r\n\x1a\n" + bytes(3000)):
        path.write_bytes(content)
        with pytest.raises(GranuleError, match=r"damaged \(HDF5: .*; download it again") as caught:
            read_lst(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(whole)
    with h5py.File(path) as file:  # a hole in the compressed numbers
        found = file["HDFEOS/GRIDS/VIIRS_Grid_Daily_1km_LST21/Data Fields/LST_1KM"].id.get_chunk_info(0)
    start = found.byte_offset + found.size // 2
    path.write_bytes(whole[:start] + bytes(40) + whole[start + 40 :])
    with pytest.raises(GranuleError, match="damaged"):
        read_lst(path)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_lst(path).lst, good.lst)


def test_a_granule_is_what_its_content_says(simulated, tmp_path):
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    other = path.rename(path.with_name(path.name.replace("VNP21A1D", "VJ121A1D")))
    with pytest.raises(GranuleError, match="named VJ121A1D but holds VNP21A1D"):
        read_lst(other)
    mine = other.rename(tmp_path / "mine.h5")
    with pytest.raises(GranuleError, match="VNP21A1D holds the day, not the night"):
        read_lst(mine, "night")
    with pytest.raises(GranuleError, match=r"mine\.h5: holds the day, not the night; ask for that"):
        read_scenes(mine, overpass="night")
    with pytest.raises(GranuleError, match=r"mine\.h5: is of product VNP21A1D, not VJ121A1D; leave `product` out"):
        read_scenes(mine, product="VJ121A1D")


def test_tes_quality_runs_the_other_way():
    codes = np.array([GOOD_TES, GOOD_TES ^ (1 << 14), GOOD_TES ^ (2 << 14), GOOD_TES ^ (3 << 14)], np.uint16)
    scheme = SCHEMES["TES16"]
    fields = decode(codes, scheme)
    assert fields.lst_accuracy.tolist() == [3, 2, 1, 0] and fields.cloud.tolist() == [0] * 4
    for bound, expected in ((1, [1, 0, 0, 0]), (2, [1, 1, 1, 0]), (3, [1, 1, 1, 0]), (None, [1, 1, 1, 1])):
        assert accept(codes, QualityPolicy(max_lst_error_k=bound), scheme).tolist() == list(map(bool, expected))
    for bits in (0b01, 0b01_00_00, 0b10_00_00, 0b11_00_00):  # not good, cirrus, near cloud, cloud
        assert not accept(np.uint16(GOOD_TES | bits), scheme=scheme)
    assert accept(np.uint16(GOOD_TES | 0b10_00_01), QualityPolicy(max_lst_error_k=None), scheme)


def test_real_viirs_granules_equal_h5py(shared_data):
    for path in sorted((shared_data / "world" / "viirs_vnp21a1d").glob("*.h5")):
        scene = read_lst(path)
        with h5py.File(path) as file:
            fields = file["HDFEOS/GRIDS/VIIRS_Grid_Daily_1km_LST21/Data Fields"]
            lst, qc, time, angle = (fields[key][()] for key in ("LST_1KM", "QC", "View_Time", "View_Angle"))
            legend = fields["QC"].attrs["QA Legend"].decode()
        good = (lst > 0) & (qc & 3 == 0) & (qc >> 4 & 3 == 0) & (qc >> 14 > 0)
        np.testing.assert_allclose(scene.lst, np.where(good, lst * 0.02, np.nan), rtol=2e-7)
        np.testing.assert_array_equal(scene.quality, qc)
        np.testing.assert_allclose(scene.view_time[good], time[good] * 0.1, atol=1e-5)
        np.testing.assert_allclose(scene.view_angle[good], angle[good] - 65.0, atol=1e-5)
        assert "[14 - 15]: LST accuracy" in legend and "11: < 1K (Excellent performance)" in legend
    assert path.name.startswith("VNP21A1D.A2025147")


def test_real_subsets_equal_their_native_twins(shared_data):
    folder = shared_data / "world" / "appeears_murray_darling"
    for day in (2, 3):
        date = datetime.date(2016, 1, day)
        scene = read_lst(folder / "MYD11A1.061_1km_aid0001.nc", date=date)
        twin = read_lst(folder / "sinusoidal" / f"MYD11A1.061_A201600{day}_murray_darling_LST_Day_1km.tif")
        np.testing.assert_array_equal(scene.lst, twin.lst)
        np.testing.assert_array_equal(scene.quality, twin.quality)
        assert scene.transform.almost_equals(twin.transform, 1e-3) and scene.tile == twin.tile == "h28v11-h31v12"


def test_real_appeears_tif_is_its_file_at_every_pixel_centre(shared_data):
    (path,) = (shared_data / "world" / "appeears_climates").glob("froide*.tif")
    scene = read_lst(path)
    with rasterio.open(path) as file:
        stored, place = file.read(1), file.transform
    rows, columns = np.mgrid[: stored.shape[0], : stored.shape[1]]
    lon, lat = place.c + place.a * (columns + 0.5), place.f + place.e * (rows + 0.5)
    x = 6371007.181 * np.radians(lon) * np.cos(np.radians(lat))
    y = 6371007.181 * np.radians(lat)
    column = np.floor((x - scene.transform.c) / PIXEL_M).astype(int)
    row = np.floor((scene.transform.f - y) / PIXEL_M).astype(int)
    back, seen = scene.lst[row, column], stored > 0
    assert np.isclose(back[seen], stored[seen] * 0.02, rtol=2e-7).mean() > 0.99
    assert (scene.product, scene.date, scene.period_days) == ("MOD11A2", datetime.date(2023, 12, 27), 8)
    assert scene.end == datetime.date(2024, 1, 1)


def test_real_opendap_cube_equals_h5py(shared_data):
    (path,) = (shared_data / "world" / "korhogo_h17v08").glob("*.nc4")
    scenes = read_scenes(path)
    assert len(scenes) == 60 and scenes[0].tile == "h17v08"
    with h5py.File(path) as file:
        stored = {"day": file["LST_Day_1km"][()], "night": file["LST_Night_1km"][()]}
        corner = file["XDim"][0], file["YDim"][0]
    for index, scene in enumerate(scenes):
        expected = stored[scene.overpass][index // 2]
        np.testing.assert_array_equal(scene.lst, np.where(expected == 0, np.nan, expected))
    assert (scenes[0].transform.c, scenes[0].transform.f) == pytest.approx(corner, abs=1e-3)


def test_real_viirs_ndvi_equals_h5py(shared_data):
    (path,) = (shared_data / "world" / "ndvi_h18v09").glob("VNP13A2*.h5")
    scene, row = read_ndvi(path), NDVI_PRODUCTS["VNP13A2"]
    with h5py.File(path) as file:
        fields = file["HDFEOS/GRIDS/VIIRS_Grid_16Day_VI_1km/Data Fields"]
        stored, rank = fields[row.layer][()], fields[row.reliability][()]
    good = (stored >= -2000) & np.isin(rank, [0, 1, 2, 3, 4, 5, 6, 8])
    np.testing.assert_allclose(scene.ndvi, np.where(good, stored * 1e-4, np.nan), atol=1e-7)
    assert (scene.product, scene.tile, scene.date) == ("VNP13A2", "h18v09", datetime.date(2025, 1, 1))
    assert np.isfinite(scene.ndvi).sum() > 10_000


def test_a_folder_of_subsets_tells_nothing_of_what_is_read_with_the_lst(simulated, tmp_path):
    write_granule(simulated("MOD11A2"), tmp_path, "appeears")
    listing = find_granules(tmp_path)
    assert [layer.overpass for layer in listing.layers] == ["day", "night"]
    assert not [path for path, _ in listing.skipped if "_QC_" in path.name]
    assert describe_skipped(listing.skipped) == ["skipped: 4 other files (4 .tif)"]  # view times and angles
    used = with_companions(listing.layers)
    assert used == set(tmp_path.iterdir())
    next(tmp_path.glob("*_LST_Day_*")).unlink()
    assert [reason for _, reason in find_granules(tmp_path).skipped if "without its LST" in reason]


def test_a_copy_in_degrees_of_a_silent_name_asks_for_what_is_not_said(simulated, tmp_path):
    source = next(p for p in write_granule(simulated("MOD11A1"), tmp_path / "in", "appeears") if "LST_Day" in p.name)
    path = source.rename(tmp_path / "my_lst.tif")
    with pytest.raises(GranuleError, match="say it with `product`, `date`, `overpass`"):
        find_granules(path)
    scene = read_lst(path, "day", date=DATE, product="MOD11A1")
    assert scene.tile.endswith("h17v05") and np.isfinite(scene.lst).any()


def test_other_hdf5_and_netcdf_files_are_told_what_they_are(tmp_path):
    for name, attributes, text in (
        ("ECOSTRESS_L2_LSTE_03350_001.h5", {}, "looks like ECOSTRESS LST at 70 m"),
        ("era5.nc", {}, "holds skt, no LST of a product"),
        ("VNP21.A2024316.1830.002.nc", {"ShortName": "VNP21"}, r"VNP21 \(LST of a swath\) is not 1 km LST"),
        ("any.nc", {"title": "MOD11C3.061 for aid0001"}, r"MOD11C3 \(monthly means of LST at 0.05 degrees\)"),
        ("MOD11A1.nc", {"title": "MOD11A1.061 for aid0001"}, "no variable LST_Day_1km or LST_Night_1km of MOD11A1"),
    ):
        with h5py.File(tmp_path / name, "w") as file:
            file["skt"] = np.zeros((3, 4, 5), np.float32)
            file.attrs.update(attributes)
        with pytest.raises(GranuleError, match=text) as caught:
            read_lst(tmp_path / name)
        assert "rename" not in str(caught.value)
    (tmp_path / "old.nc").write_bytes(b"CDF\x01" + bytes(100))
    with pytest.raises(GranuleError, match="a classic netCDF; convert it by nccopy"):
        read_lst(tmp_path / "old.nc")


def test_a_real_granule_crashing_the_library_costs_that_granule(simulated, tmp_path):
    """Bytes changed anywhere in an HDF5 granule: read, or one line; never the end of the run, never other numbers."""
    (path,) = write_granule(simulated("VNP21A1D"), tmp_path)
    whole, good = path.read_bytes(), read_lst(path)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(whole), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            np.testing.assert_array_equal(read_lst(path).lst, good.lst)
        except GranuleError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 0 < refused < 60
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_lst(path).lst, good.lst)
