"""Virtual rasters over the maps of a date: every value where it is, no-data elsewhere, nothing joined that differs."""

import datetime

import numpy as np
import pytest
import rasterio

from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.product import Shard, choose_method, merge_reports, predict, settings_of
from lstsr_jax.product.mosaic import with_mosaics

DATE = datetime.date(2020, 7, 1)
NAME = "MOD11A1.A2020183_LST_Day_250m"


@pytest.fixture(scope="module")
def granules(tmp_path_factory):
    """Windows at the corners of three tiles, one of another date, whose files are mapped by interpolation."""
    folder = tmp_path_factory.mktemp("granules")
    for tile, date in (("h18v04", DATE), ("h19v04", DATE), ("h19v04", DATE + datetime.timedelta(days=1))):
        write_granule(simulate_granule(3, tile=tile, date=date, size=40, cloud_fraction=0.2), folder)
    return folder


def run(files, out, shard=None, **options):
    request = dict(overpass="day", quick_look=False, vrt=True) | options
    return predict(files, choose_method(None, "bicubic"), *settings_of(output_dir=out, **request), shard=shard)


@pytest.fixture(scope="module")
def joined(granules, tmp_path_factory):
    out = tmp_path_factory.mktemp("joined")
    return out, run([granules], out)


def test_each_value_is_where_its_map_has_it(joined):
    out, report = joined
    assert sorted(path.name for path in out.glob("*.vrt")) == [
        f"MOD11A1.A2020{day}_{layer}_Day_250m.vrt" for day in (183, 184) for layer in ("LST", "QC")
    ]
    assert f"joined: {out / NAME}.vrt: 2 maps" in str(report) and not report.failed
    maps = sorted(out.glob("MOD11A1.A2020183.*_LST_*.tif"))
    with rasterio.open(out / f"{NAME}.vrt") as mosaic:
        assert mosaic.shape == (160, 4960) and np.isnan(mosaic.nodata) and mosaic.descriptions == ("LST (K)",)
        assert {name for name in mosaic.files if name.endswith(".tif")} == set(map(str, maps))
        whole, tags = mosaic.read(1), mosaic.tags()
        for path in maps:
            with rasterio.open(path) as file:
                assert file.crs == mosaic.crs
                part = mosaic.read(1, window=mosaic.window(*file.bounds))
                np.testing.assert_array_equal(part, file.read(1))
                assert {key: tags[key] for key in ("date", "method", "units")} == {
                    "date": "2020-07-01",
                    "method": "bicubic",
                    "units": "K",
                }
    assert np.isnan(whole[:, 160:4800]).all() and "source_files" not in tags
    with rasterio.open(out / f"{NAME.replace('LST', 'QC')}.vrt") as mosaic:
        codes = mosaic.read(1)
        assert mosaic.nodata == 3 and (codes[:, 160:4800] == 3).all()  # 0 would say "good"
        assert "bits 0-1 mandatory" in mosaic.tags()["quality_legend"]


def test_it_moves_with_its_maps(joined, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in joined[0].iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert str(joined[0]) not in (moved / f"{NAME}.vrt").read_text()
    with rasterio.open(moved / f"{NAME}.vrt") as file:
        assert np.isfinite(file.read(1)).any() and all(path.startswith(str(moved)) for path in file.files)


def test_packed_maps_keep_their_scale_and_spread_its_band(granules, tmp_path):
    run([granules], tmp_path, packed=True, date="2020-07-01")
    with rasterio.open(tmp_path / f"{NAME}.vrt") as file:
        assert (file.dtypes, file.nodata, file.scales, file.offsets) == (("uint16",), 0, (0.02,), (0.0,))
        values = file.read(1, masked=True)
        assert values.mask[:, 160:4800].all() and 250 < values.mean() * 0.02 < 340


def test_maps_of_an_earlier_run_are_joined_too_in_any_order(granules, joined, tmp_path):
    files = sorted(granules.glob("*A2020183*"))
    first = run(files[1:], tmp_path)
    assert [maps for _, maps in first.mosaics] == [1, 1]
    second = run(files[:1], tmp_path)
    assert [maps for _, maps in second.mosaics] == [2, 2]
    assert (tmp_path / f"{NAME}.vrt").read_bytes() == (joined[0] / f"{NAME}.vrt").read_bytes()


def test_each_coordinate_system_has_its_own(granules, tmp_path):
    for path, crs in zip(sorted(granules.glob("*A2020183*")), ("EPSG:32632", "EPSG:4326"), strict=True):
        run([path], tmp_path, crs=crs, vrt=False)
    (report,) = [run(sorted(granules.glob("*A2020183*"))[:1], tmp_path, crs="EPSG:32632")]
    names = [path.name for path, maps in report.mosaics if "LST" in path.name]
    assert names == [f"{NAME}_EPSG-32632.vrt", f"{NAME}_EPSG-4326.vrt"]
    for path, _ in report.mosaics:
        with rasterio.open(path) as file:
            (source,) = [other for other in file.files if other.endswith(".tif")]
            with rasterio.open(source) as one:
                assert (file.crs, file.transform, file.shape) == (one.crs, one.transform, one.shape)
                np.testing.assert_array_equal(file.read(1), one.read(1))


def test_maps_that_differ_are_named_and_lose_nothing(granules, tmp_path):
    files = sorted(granules.glob("*A2020183*"))
    run(files[:1], tmp_path, packed=True)
    report = run(files[1:], tmp_path)
    (failed,) = report.failed
    assert failed.source == tmp_path / f"{NAME}.vrt"
    assert "`vrt`" in failed.note and "other bands" in failed.note and "h18v04" in failed.note
    assert report.outcomes[0].status == "written" and report.outcomes[0].output.exists()
    assert failed.output is None and not list(tmp_path.glob("*.vrt"))  # none is left that is not true
    with pytest.raises(InputError, match="`vrt`: joins maps of `format` cog, not zarr"):
        settings_of(vrt=True, format="zarr")


def test_none_is_left_over_a_map_that_is_redone_in_another_type(granules, tmp_path):
    files = sorted(granules.glob("*A2020183*"))
    run(files, tmp_path)
    run(files[:1], tmp_path, packed=True, overwrite=True, vrt=False)
    assert not list(tmp_path.glob("*.vrt"))


def test_shards_are_joined_when_their_reports_merge(granules, joined, tmp_path):
    for index in (1, 0):
        run([granules], tmp_path, Shard(index, 2), vrt=False)
    with pytest.raises(InputError, match="`vrt`: joins maps when all shards have ended"):
        run([granules], tmp_path, Shard(0, 2))
    report = with_mosaics(merge_reports(tmp_path), tmp_path)
    assert [path.name for path, _ in report.mosaics] == [path.name for path, _ in joined[1].mosaics]
    assert (tmp_path / f"{NAME}.vrt").read_bytes() == (joined[0] / f"{NAME}.vrt").read_bytes()
