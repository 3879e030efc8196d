"""A product is finished only if its source, its method and the request are the same; else it is said which differs."""

import dataclasses
import os
import shutil
import threading

import numpy as np
import pytest
import rasterio

from lstsr_jax.geo import simulate_granule, to_kelvin, write_granule, write_raster
from lstsr_jax.predictor import Normalization, SpreadCalibration, load_predictor, save_predictor
from lstsr_jax.product import choose_method, predict, settings_of

REQUEST = dict(overpass="day", tile=32, overlap=8, quick_look=False)


def run(files, directory, request=REQUEST, method="bicubic", ndvi=None, checkpoint=None):
    return predict(
        files, choose_method(checkpoint, method, ndvi), *settings_of(output_dir=directory, **request), command="test"
    )


def only(report):
    (outcome,) = report.outcomes
    return outcome


@pytest.fixture(scope="module")
def scene():
    return simulate_granule(8, size=48, cloud_fraction=0.2)


@pytest.fixture
def layers(scene, tmp_path):
    """The day's LST and QC as GeoTIFF, with NDVI."""
    files = write_granule(scene, tmp_path / "in", "cog", ndvi=True)
    return next(path for path in files if path.name.endswith("LST_Day_1km.tif"))


def test_networks_of_equal_arrays_that_answer_differently_are_told_apart(layers, trained, tmp_path):
    plain = load_predictor(trained)
    others = [
        dataclasses.replace(plain, normalization=Normalization("anomaly", 100.0)),
        dataclasses.replace(plain, config=dataclasses.replace(plain.config, conserve_energy=True)),
        dataclasses.replace(plain, ensembles=True),
        dataclasses.replace(plain, calibration=SpreadCalibration(0.3, 2.0)),
    ]
    for i, predictor in enumerate((plain, *others)):
        save_predictor(tmp_path / f"net{i}", predictor)
    assert only(run([layers], tmp_path / "out", method=None, checkpoint=str(tmp_path / "net0"))).status == "written"
    assert only(run([layers], tmp_path / "out", method=None, checkpoint=str(tmp_path / "net0"))).status == "finished"
    for i, other in enumerate(others, start=1):
        outcome = only(run([layers], tmp_path / "out", method=None, checkpoint=str(tmp_path / f"net{i}")))
        assert outcome.status == "failed"
        assert f"another model (mrunet {plain.fingerprint}, now mrunet {other.fingerprint})" in outcome.note
        assert "`overwrite`" in outcome.note and "`output_dir`" in outcome.note
    outcome = only(run([layers], tmp_path / "out"))
    assert f"another method (mrunet {plain.fingerprint}, now bicubic)" in outcome.note


def test_other_options_are_named(layers, tmp_path):
    run([layers], tmp_path)
    other = dict(REQUEST, window=(0, 0, 32, 40), max_lst_error_k=1)
    note = only(run([layers], tmp_path, other)).note
    assert "other options (max_lst_error_k: 3, now 1, window: none, now 0 0 32 40)" in note


def test_a_source_that_changed_is_seen_and_one_that_moved_is_not(layers, scene, tmp_path):
    run([layers], tmp_path / "out")
    moved = tmp_path / "elsewhere"
    layers.parent.rename(moved)
    path = moved / layers.name
    assert only(run([path], tmp_path / "out")).status == "finished"
    os.utime(path, (1, 1))  # a copy without its times: equal content is the same source
    assert only(run([path], tmp_path / "out")).status == "finished"
    with rasterio.open(path) as file:
        place = file.transform, file.crs
    write_raster(path, to_kelvin(scene.lst_day) + 1, *place, packed=True)
    note = only(run([path], tmp_path / "out")).note
    assert "its source has changed since" in note and layers.name in note and "`overwrite`" in note


def test_the_quality_layer_and_the_ndvi_belong_to_the_source(layers, tmp_path):
    folder = layers.parent
    run([layers], tmp_path / "out", method="atprk", ndvi=folder)
    later = folder / "MOD13A2.A2021001.h18v04.061.2021020000000_1_km_16_days_NDVI.tif"
    later.write_bytes(b"of another date, not used")
    assert only(run([layers], tmp_path / "out", method="atprk", ndvi=folder)).status == "finished"
    (ndvi,) = folder.glob("MOD13Q1*NDVI.tif")
    with rasterio.open(ndvi) as file:
        values, place = file.read(1), (file.transform, file.crs)
    write_raster(ndvi, values[::-1].copy(), *place, nodata=-3000, scale=1e-4)
    note = only(run([layers], tmp_path / "out", method="atprk", ndvi=folder)).note
    assert f"{ndvi.name} has other content" in note
    run([layers], tmp_path / "plain")
    quality = next(folder.glob("*QC_Day.tif"))
    quality.unlink()
    assert f"{quality.name} is no longer used" in only(run([layers], tmp_path / "plain")).note


def test_two_areas_under_one_name_never_share_an_output(scene, layers, tmp_path):
    with rasterio.open(layers) as file:
        place = file.transform, file.crs
    paths = [tmp_path / "all" / area / layers.name for area in ("alps", "coast")]
    for path, change in zip(paths, (0, 2), strict=True):
        write_raster(path, to_kelvin(scene.lst_day) + change, *place)
    for files, folder in ((paths, "a"), ([tmp_path / "all"], "b")):
        report = run(files, tmp_path / folder, dict(REQUEST, overwrite=folder == "a"))
        assert [outcome.status for outcome in report.outcomes] == ["failed", "failed"]
        assert all(str(path) in outcome.note for path in paths for outcome in report.outcomes)
        assert not list((tmp_path / folder).glob("*.tif"))
    assert only(run(paths[:1], tmp_path / "c")).status == "written"
    outcome = only(run(paths[1:], tmp_path / "c"))
    assert outcome.status == "failed" and f"{paths[1]} is another file than {paths[0]}" in outcome.note
    shutil.copy(paths[0], paths[1])  # a copy is the same source
    assert [o.status for o in run(paths, tmp_path / "c").outcomes] == ["finished", "finished"]


def test_a_granule_and_its_layer_in_one_run(scene, layers, tmp_path):
    granule = write_granule(scene, tmp_path / "hdf")[0]
    report = run([granule, layers], tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["failed", "failed"]
    assert all(str(granule) in outcome.note and str(layers) in outcome.note for outcome in report.outcomes)


@pytest.mark.parametrize("format", ["cog", "zarr"])
def test_runs_on_one_output_folder_at_the_same_time(layers, format, tmp_path):
    if format == "zarr":
        pytest.importorskip("zarr")
    request = dict(REQUEST, format=format, overwrite=True)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(run([layers], tmp_path, request))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [only(report).status for report in reports] == ["written"] * 3, list(map(str, reports))
    again = dict(request, overwrite=False)
    assert only(run([layers], tmp_path, again)).status == "finished"
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_ndvi_that_is_no_finer_than_the_lst_is_told(layers, tmp_path):
    report = run([layers], tmp_path / "fine", method="atprk", ndvi=layers.parent)
    assert "warning" not in str(report)
    with rasterio.open(only(report).output) as file:
        assert file.tags()["ndvi_file"].startswith("MOD13Q1") and "nothing" not in file.tags()["ndvi_resolution"]
    next(layers.parent.glob("MOD13Q1*")).unlink()
    report = run([layers], tmp_path, method="atprk", ndvi=layers.parent)
    assert "warning: `ndvi`" in str(report) and "no finer than the LST" in str(report)
    with rasterio.open(only(report).output) as file:
        tags = file.tags()
    assert tags["ndvi_file"].startswith("MOD13A2") and "nothing finer" in tags["ndvi_resolution"]


def test_no_map_of_values_that_no_land_has(scene, layers, tmp_path):
    with rasterio.open(layers) as file:
        place = file.transform, file.crs
    hot = to_kelvin(scene.lst_day)
    hot[10, 10:14] = 900.0
    write_raster(layers, hot, *place)
    report = run([layers], tmp_path / "out", dict(REQUEST, quick_look=True))
    assert only(report).status == "failed" and not list((tmp_path / "out").iterdir())
    torn = np.where(np.indices(hot.shape).sum(0) % 2, 150.5, 399.5).astype(np.float32)  # within range, but no land
    write_raster(layers, torn, *place)
    report = run([layers], tmp_path / "out", dict(REQUEST, quick_look=True))
    assert only(report).status == "failed" and not list((tmp_path / "out").iterdir())
    assert "no map is written" in only(report).note
