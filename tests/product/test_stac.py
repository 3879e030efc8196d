"""STAC items beside products: valid, true of their files, the same whenever they are written."""

import datetime
import hashlib
import json

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict

from lstsr_jax.cli import predict_arguments
from lstsr_jax.geo import simulate_granule, simulate_landscape, write_granule, write_raster
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.product.stac import item_path

DATE = datetime.date(2021, 5, 1)


@pytest.fixture(scope="module")
def place():
    return simulate_landscape(2, 40)


@pytest.fixture(scope="module")
def granule(place, tmp_path_factory):
    return written(place, tmp_path_factory.mktemp("in"))


def written(place, folder, product="MOD11A1", date=DATE, tile="h17v05"):
    simulated = simulate_granule(3, product=product, date=date, tile=tile, size=40, cloud_fraction=0.2, landscape=place)
    return write_granule(simulated, folder)[0]


def run(path, out, stac=True, **options):
    request = dict(overpass="day", stac=stac, quick_look=False) | options
    return predict([path], choose_method(None, "bicubic"), *settings_of(output_dir=out, **request)).outcomes


@pytest.fixture(scope="module")
def mapped(granule, tmp_path_factory):
    """A map with all that may lie beside it."""
    request = settings_of(output_dir=tmp_path_factory.mktemp("maps"), overpass="day", stac=True)
    return predict([granule], choose_method(None, "bicubic"), *request).outcomes[0].output


def item_of(outcome):
    return read_item(outcome.output)


def read_item(product):
    return json.loads(item_path(product).read_text())


def require_valid(item):
    """By the core schemas that pystac ships; those of extensions are on the network, so their URIs are left out."""
    validate_dict({**item, "stac_extensions": []})


def test_an_item_says_where_when_and_what(mapped):
    assert sorted(path.suffix for path in mapped.parent.iterdir()) == [".json", ".png", ".tif", ".tif"]
    item = read_item(mapped)
    require_valid(item)
    read = pystac.Item.from_file(str(item_path(mapped)))
    assert (item["stac_version"], read.id) == ("1.1.0", mapped.stem)
    with rasterio.open(mapped) as file:
        tags, profile, bounds = file.tags(), file.profile, file.bounds
        assert rasterio.CRS.from_wkt(read.ext.proj.wkt2) == file.crs
    assert read.ext.proj.code is None and item["properties"]["proj:code"] is None
    asset = read.assets["map"].ext.proj
    assert asset.shape == [profile["height"], profile["width"]] == [160, 160]
    assert asset.transform == list(profile["transform"])[:6] and asset.bbox == list(bounds)
    assert item["bbox"][0] == pytest.approx(-10 / np.cos(np.radians(40)), abs=1e-3)  # tile h17v05
    start, end = (datetime.datetime.fromisoformat(tags[f"time_coverage_{name}"]) for name in ("start", "end"))
    assert (read.common_metadata.start_datetime, read.common_metadata.end_datetime) == (start, end)
    assert abs(read.datetime - (start + (end - start) / 2)) <= datetime.timedelta(seconds=1)
    assert (read.common_metadata.platform, read.common_metadata.instruments) == ("terra", ["modis"])


def test_its_assets_are_all_the_files_with_their_checksums_and_bands(mapped):
    item = read_item(mapped)
    assets = item["assets"]
    files = {asset["href"] for asset in assets.values()}
    assert files == {f"./{path.name}" for path in mapped.parent.iterdir() if path.suffix != ".json"}
    read = pystac.Item.from_dict(item)
    for key, asset in assets.items():
        content = (mapped.parent / asset["href"]).read_bytes()
        known = read.assets[key].ext.file
        assert known.checksum == "1220" + hashlib.sha256(content).hexdigest() and known.size == len(content)
    (band,), (code,) = assets["map"]["bands"], assets["quality"]["bands"]
    assert (band["name"], band["data_type"], band["nodata"], band["unit"]) == ("lst", "float32", "nan", "K")
    assert (code["name"], code["data_type"]) == ("qc", "uint8") and "raster:scale" not in band
    assert not any("raster" in uri for uri in item["stac_extensions"])
    assert "bands" not in assets["picture"] and assets["picture"]["roles"] == ["overview"]


def test_it_says_how_the_map_was_made_and_no_place_or_time_of_this_machine(granule, mapped):
    properties = read_item(mapped)["properties"]
    made = properties["processing:expression"]["expression"]
    assert made["method"] == {"name": "bicubic", "model": None, "fingerprint": "none"}
    assert made["request"]["max_lst_error_k"] == 3
    assert [source["sha256"] for source in made["sources"]] == [hashlib.sha256(granule.read_bytes()).hexdigest()]
    assert granule.stem in properties["processing:lineage"] and "created" not in properties
    assert list(properties["processing:software"]) == ["lstsr-jax"]
    text = item_path(mapped).read_text()
    assert str(mapped.parent) not in text and str(granule.parent) not in text


def test_it_is_the_same_whenever_it_is_written(granule, tmp_path):
    (outcome,) = run(granule, tmp_path)
    first = item_path(outcome.output).read_bytes()
    item_path(outcome.output).write_text("{}")
    (again,) = run(granule, tmp_path)
    assert again.status == "finished" and item_path(outcome.output).read_bytes() == first
    item_path(outcome.output).unlink()
    run(granule, tmp_path)
    assert item_path(outcome.output).read_bytes() == first


def test_one_that_is_there_stays_true_when_its_map_is_redone(granule, tmp_path):
    run(granule, tmp_path)
    (outcome,) = run(granule, tmp_path, overwrite=True, packed=True, stac=False)
    assert outcome.status == "written"
    item = item_of(outcome)
    require_valid(item)
    (band,) = item["assets"]["map"]["bands"]
    assert (band["data_type"], band["nodata"], band["raster:scale"], band["raster:offset"]) == ("uint16", 0, 0.02, 0)
    assert item["stac_extensions"][-1] == "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
    content = outcome.output.read_bytes()
    assert item["assets"]["map"]["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()


def test_a_map_redone_keeps_no_picture_and_no_quality_layer_of_the_older_one(place, tmp_path):
    simulated = simulate_granule(3, date=DATE, tile="h17v05", size=40, landscape=place)
    layers = [path for path in write_granule(simulated, tmp_path / "in", "cog")]
    lst, codes = (next(path for path in layers if path.stem.endswith(end)) for end in ("LST_Day_1km", "QC_Day"))
    (first,) = run(lst, tmp_path / "out", quick_look=True)
    assert sorted(item_of(first)["assets"]) == ["map", "picture", "quality"]
    codes.unlink()
    (again,) = run(lst, tmp_path / "out", overwrite=True)
    assert again.status == "written" and sorted(item_of(again)["assets"]) == ["map"]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".tif"]


def test_a_redo_that_fails_leaves_the_older_map_with_all_that_belongs_to_it(granule, tmp_path, monkeypatch):
    run(granule, tmp_path, quick_look=True, vrt=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []

    def fail_at_the_map(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:  # after the quality layer
            raise OSError("disk full")
        return write_raster(*arguments, **options)

    monkeypatch.setattr("lstsr_jax.product.files.write_raster", fail_at_the_map)
    (outcome,) = run(granule, tmp_path, quick_look=True, vrt=True, overwrite=True, packed=True, max_lst_error_k=1)
    assert outcome.status == "failed" and "disk full" in outcome.note
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before and len(before) == 6


@pytest.mark.parametrize("format", ["netcdf", "zarr"])
def test_products_in_other_formats_have_one_too(granule, tmp_path, format):
    (cog,), (other,) = run(granule, tmp_path / "cog"), run(granule, tmp_path / format, format=format)
    made, item = item_of(cog), item_of(other)
    require_valid(item)
    assert item["properties"]["datetime"] == made["properties"]["datetime"] and item["bbox"] == made["bbox"]
    assert item["assets"]["map"]["proj:transform"] == pytest.approx(made["assets"]["map"]["proj:transform"])
    assert [band["name"] for band in item["assets"]["map"]["bands"]] == ["lst", "qc"]
    assert item["assets"]["map"]["bands"][0]["nodata"] == "nan"
    assert ("file:checksum" in item["assets"]["map"]) == (format == "netcdf")  # a Zarr is a folder


def test_a_warped_map_has_the_code_of_its_system(granule, tmp_path):
    (outcome,) = run(granule, tmp_path, crs="EPSG:32630")
    item = item_of(outcome)
    require_valid(item)
    assert item["properties"]["proj:code"] == "EPSG:32630" and item["geometry"]["type"] == "Polygon"
    assert "warped (bilinear)" in item["properties"]["processing:lineage"]


def test_a_map_across_the_180th_meridian_is_split_there(place, tmp_path):
    (outcome,) = run(written(place, tmp_path, tile="h09v03"), tmp_path / "out", crs="EPSG:32660")
    item = item_of(outcome)
    require_valid(item)
    west, _, east, _ = item["bbox"]
    assert 179 < west < 180 and -180 < east < -177
    parts = item["geometry"]["coordinates"]
    assert len(parts) == 2 and all(np.ptp(part[0], axis=0)[0] < 3 for part in parts)


def test_a_mean_of_eight_days_spans_them(place, tmp_path):
    path = written(place, tmp_path, "VNP21A2", datetime.date(2020, 12, 26))
    (outcome,) = run(path, tmp_path / "out")
    properties = item_of(outcome)["properties"]
    require_valid(item_of(outcome))
    assert (properties["start_datetime"], properties["end_datetime"]) == (
        "2020-12-26T00:00:00Z",
        "2020-12-31T23:59:59Z",
    )
    assert properties["datetime"] == "2020-12-29T00:00:00Z"  # the last period of a year is shorter
    assert (properties["platform"], properties["instruments"]) == ("suomi-npp", ["viirs"])


def test_the_flag_changes_no_product(monkeypatch):
    monkeypatch.setattr("sys.argv", ["predict.py", "a.hdf", "--stac", "--method", "bicubic"])
    arguments = predict_arguments(["a.hdf", "--stac", "--method", "bicubic"])
    assert arguments.output.stac and arguments.command == "predict.py a.hdf --method bicubic"
