"""COGs as rasterio reads them back, and failures that leave nothing."""

import resource

import numpy as np
import pytest
import rasterio

from lstsr_jax.files import remove_unfinished, replacing
from lstsr_jax.geo import SINUSOIDAL, pack_kelvin, tile_transform, write_raster

PLACE = tile_transform("h11v05", 4), SINUSOIDAL


def kelvin(height, width):
    rows, columns = np.mgrid[:height, :width]
    lst = (280 + 0.013 * rows + 0.0071 * columns).astype(np.float32)
    lst[5:9, 2:4] = np.nan
    return lst


def test_float_cog(tmp_path):
    lst = kelvin(1100, 1300)
    path = write_raster(tmp_path / "a" / "x.tif", lst, *PLACE, tags={"model": "m"}, descriptions=["lst"])
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), lst)
        assert (file.transform, file.crs) == PLACE
        assert np.isnan(file.nodata) and file.dtypes == ("float32",)
        assert file.block_shapes == [(512, 512)] and file.overviews(1) == [2, 4]
        assert file.compression.name == "deflate"
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.tags()["model"] == "m" and file.descriptions == ("lst",)
        quarter = file.read(1, out_shape=(275, 325))
        np.testing.assert_allclose(quarter[20, 30], lst[80:84, 120:124].mean(), atol=1e-3)
        assert file.checksum(1) != 0
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.tif"]


def test_packed_cog(tmp_path):
    lst = kelvin(40, 70)
    path = write_raster(tmp_path / "x.tif", lst, *PLACE, packed=True)
    with rasterio.open(path) as file:
        stored = file.read(1)
        assert (file.dtypes, file.nodata, file.scales, file.offsets) == (("uint16",), 0, (0.02,), (0.0,))
        assert file.overviews(1) == []
    np.testing.assert_array_equal(stored == 0, np.isnan(lst))
    valid = stored > 0
    np.testing.assert_allclose(stored[valid] * 0.02, lst[valid], atol=0.0101)


def test_bands_and_integers(tmp_path):
    bands = np.arange(2 * 5 * 7, dtype=np.uint8).reshape(2, 5, 7)
    path = write_raster(tmp_path / "x.tif", bands, *PLACE, descriptions=["a", "b"], nodata=255)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), bands)
        assert (file.nodata, file.descriptions) == (255, ("a", "b"))


def test_quality_overviews_are_never_mixed(tmp_path):
    codes = np.random.default_rng(0).choice(np.array([0, 2, 65, 145], np.uint8), (1030, 1060))
    path = write_raster(tmp_path / "x.tif", codes, *PLACE)
    with rasterio.open(path) as file:
        assert file.overviews(1)
        assert set(np.unique(file.read(1, out_shape=(515, 530)))) <= {0, 2, 65, 145}


def test_float64_is_written_as_float32_and_a_file_is_replaced(tmp_path):
    path = tmp_path / "x.tif"
    write_raster(path, kelvin(9, 4), *PLACE)
    write_raster(path, kelvin(4, 9).astype(np.float64) + 1, *PLACE)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), kelvin(4, 9) + 1)
        assert file.dtypes == ("float32",)


@pytest.mark.parametrize(
    ("array", "options", "text"),
    [
        (np.zeros(5), {}, "H, W"),
        (np.zeros((1, 2, 3, 4)), {}, "H, W"),
        (np.zeros((0, 4)), {}, "not empty"),
        (np.zeros((3, 4)), {"descriptions": ["a", "b"]}, "2 descriptions for 1 bands"),
        (np.full((3, 4), 20.0), {"packed": True}, "cannot be packed"),
        (np.full((3, 4), 1400.0), {"packed": True}, "cannot be packed"),
    ],
)
def test_bad_arrays(tmp_path, array, options, text):
    with pytest.raises(ValueError, match=text):
        write_raster(tmp_path / "x.tif", array, *PLACE, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "x.tif"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(AttributeError):
        write_raster(path, kelvin(9, 4), *PLACE, descriptions=[3])  # fails inside the writing
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_datasets_in_the_working_directory_stay(tmp_path, monkeypatch):
    """What is held in memory on the way has a name; GDAL removes a dataset on the disk that has it."""
    monkeypatch.chdir(tmp_path)
    mine = write_raster(tmp_path / "mine.tif", kelvin(9, 8), *PLACE).rename(tmp_path / "raster")
    before = mine.read_bytes()
    write_raster(tmp_path / "other.tif", kelvin(9, 8), *PLACE)
    assert mine.read_bytes() == before and sorted(path.name for path in tmp_path.iterdir()) == ["other.tif", "raster"]


def test_a_process_that_ends_removes_what_its_threads_have_half_written(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "x.tif") as temporary:
        temporary.write_text("half")
        temporary.with_name(temporary.name + ".ovr.tmp").write_text("GDAL's")
        other = tmp_path / "x.tif.ovr.tmp"
        other.write_text("another's")
        remove_unfinished()
        assert list(tmp_path.iterdir()) == [other]
    remove_unfinished()
    assert list(tmp_path.iterdir()) == [other]


def test_a_disk_that_is_full_at_the_last_bytes_leaves_the_older_file(tmp_path):
    """GDAL takes no notice of what becomes of its last writes: a broken map would have its name."""
    field = np.random.default_rng(0).normal(300, 5, (600, 600)).astype(np.float32)
    size = write_raster(tmp_path / "whole.tif", field, *PLACE).stat().st_size
    older = write_raster(tmp_path / "x.tif", kelvin(9, 8), *PLACE).read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for missing in (1, 100, 5000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, before[1]))
            with pytest.raises(OSError, match="too large"):
                write_raster(tmp_path / "x.tif", field, *PLACE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "x.tif").read_bytes() == older
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.tif", "x.tif"]


def test_packing():
    np.testing.assert_array_equal(pack_kelvin(np.array([np.nan, 150, 1310.7, 300.013])), [0, 7500, 65535, 15001])
    assert pack_kelvin(np.full((2, 3), np.nan)).sum() == 0
