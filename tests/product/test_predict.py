"""predict: granules in, maps out, each whole or not at all, and what an earlier run finished is left alone."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lstsr_jax import l4_pool
from lstsr_jax.errors import InputError
from lstsr_jax.geo import pixel_lonlat, read_lst, simulate_granule, write_granule
from lstsr_jax.predictor import load_predictor, save_predictor
from lstsr_jax.product import choose_method, predict, settings_of
from lstsr_jax.product.region import corner

ROOT = Path(__file__).resolve().parents[2]
REQUEST = dict(tile=32, overlap=8, quick_look=False)


def run(files, directory, request=REQUEST, method="bicubic", ndvi=None, checkpoint=None):
    return predict(
        files, choose_method(checkpoint, method, ndvi), *settings_of(output_dir=directory, **request), command="test"
    )


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    """One HDF4 granule of 80 x 80 with its NDVI."""
    directory = tmp_path_factory.mktemp("granule")
    return write_granule(simulate_granule(8, size=80, cloud_fraction=0.3), directory, ndvi=True)[0]


def assert_lines_up(path, scene, residual=1e-3):
    """A COG on the source's edges, NaN where the source is, which pools back to it."""
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.profile["tiled"] and file.profile["compress"] == "deflate"
        assert max(file.shape) <= 512 or file.overviews(1)
        assert np.isnan(file.nodata) and file.dtypes == ("float32",) * file.count
        assert file.crs == scene.crs
        for fine, coarse in zip(file.transform[:6], scene.transform[:6], strict=True):
            assert fine in (pytest.approx(coarse / 4, abs=1e-9), pytest.approx(coarse, abs=1e-9))
        bounds = rasterio.transform.array_bounds(*scene.lst.shape, scene.transform)
        np.testing.assert_allclose(file.bounds, bounds, atol=1e-3)
        fine = file.read(1)
    np.testing.assert_array_equal(np.isnan(fine), np.isnan(scene.lst).repeat(4, 0).repeat(4, 1))
    seen = np.isfinite(scene.lst)
    pooled = np.asarray(l4_pool(fine[..., None]))[..., 0]
    assert np.abs(pooled - scene.lst)[seen].max(initial=0) < residual
    return fine


def test_day_and_night_of_a_granule(granule, tmp_path):
    report = run([granule], tmp_path, dict(REQUEST, quick_look=True))
    assert not report.failed
    names = [f"{granule.stem}_{layer}_250m" for layer in ("LST_Day", "LST_Night", "QC_Day", "QC_Night")]
    expected = [f"{name}.tif" for name in names] + [f"{name}.png" for name in names[:2]]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)
    for overpass in ("day", "night"):
        scene = read_lst(granule, overpass)
        label = overpass.capitalize()
        assert_lines_up(tmp_path / f"{granule.stem}_LST_{label}_250m.tif", scene)
        with rasterio.open(tmp_path / f"{granule.stem}_QC_{label}_250m.tif") as file:
            np.testing.assert_array_equal(file.read(1), scene.quality.repeat(4, 0).repeat(4, 1))
    with rasterio.open(tmp_path / expected[0]) as file:
        tags = file.tags()
        assert file.descriptions == ("LST (K)",)
    assert tags["source_granule"] == granule.stem and tags["method"] == "bicubic" and tags["checkpoint"] == "none"
    assert float(tags["energy_residual_k"]) < 1e-3 and tags["command"] == "test" and "lstsr-jax" in tags["software"]
    assert "energy residual" in str(report) and "2 written" in str(report)


def test_a_network_with_spread(granule, trained, tmp_path):
    request = dict(REQUEST, overpass="day", spread=True)
    report = run([granule], tmp_path, request, method=None, checkpoint=str(trained))
    (outcome,) = report.outcomes
    assert_lines_up(outcome.output, read_lst(granule, "day"))
    with rasterio.open(outcome.output) as file:
        assert file.descriptions == ("LST (K)", "LST standard deviation over orientations (K)")
        assert file.tags()["spread"] == "standard deviation over orientations"
        assert file.tags()["checkpoint"] == load_predictor(trained).fingerprint and file.tags()["method"] == "mrunet"
        assert file.tags()["model"] == "trained"
        mean, spread = file.read()
    np.testing.assert_array_equal(np.isnan(mean), np.isnan(spread))
    assert np.nanmax(spread) > 0


def test_finished_outputs_are_left_alone(granule, tmp_path):
    request = dict(REQUEST, overpass="day")
    first = run([granule], tmp_path, request).outcomes[0].output
    stamp = first.stat().st_mtime_ns
    assert [outcome.status for outcome in run([granule], tmp_path).outcomes] == ["finished", "written"]
    assert first.stat().st_mtime_ns == stamp
    other = dict(request, conserve_energy=False)
    (outcome,) = run([granule], tmp_path, other).failed
    assert "`overwrite`" in outcome.note and first.stat().st_mtime_ns == stamp
    assert not run([granule], tmp_path, dict(other, overwrite=True)).failed
    with rasterio.open(first) as file:
        assert file.tags()["energy_conserved"] == "no"


def test_a_network_that_denoises_is_not_corrected_unless_asked(granule, trained, tmp_path):
    denoising = dataclasses.replace(load_predictor(trained), denoises=True)
    save_predictor(tmp_path / "c", denoising)
    request = dict(REQUEST, overpass="day")
    for asked, expected in ((None, "no"), (True, "yes")):
        corrected = dict(request, conserve_energy=asked)
        report = run([granule], tmp_path / expected, corrected, method=None, checkpoint=str(tmp_path / "c"))
        (outcome,) = report.outcomes
        with rasterio.open(outcome.output) as file:
            tags = file.tags()
        assert tags["energy_conserved"] == expected
        assert (float(tags["energy_residual_k"]) < 1e-3) == (expected == "yes")


def test_a_bad_granule_does_not_stop_the_rest(granule, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(granule, source)
    bad = source / "MOD11A1.A2020001.h18v04.061.2020003120000.hdf"
    bad.write_bytes(granule.read_bytes()[:2000])
    report = run([source, tmp_path / "missing.hdf"], tmp_path / "out")
    assert [outcome.status for outcome in report.outcomes] == ["failed"] * 3 + ["written"] * 2
    assert report.failed[0].source == tmp_path / "missing.hdf"
    assert str(report).splitlines()[-1] == "2 written, 3 failed"
    assert not [path for path in (tmp_path / "out").iterdir() if "partial" in path.name]


def test_an_interrupted_write_leaves_nothing(granule, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("rasterio.io.DatasetWriter.write", fail, raising=False)
        patch.setattr("lstsr_jax.product.files.write_raster", fail)
        report = run([granule], tmp_path)
    assert len(report.failed) == 2 and "disk full" in str(report)
    assert not list(tmp_path.iterdir())


def test_a_renamed_granule_knows_its_name(granule, tmp_path):
    shutil.copy(granule, tmp_path / "x.hdf")
    report = run([tmp_path / "x.hdf"], tmp_path / "out")
    assert report.outcomes[0].output.name == f"{granule.stem}_LST_Day_250m.tif"


def test_window_and_bbox(granule, tmp_path):
    scene = read_lst(granule, "day")
    whole = run([granule], tmp_path / "a", dict(REQUEST, overpass="day")).outcomes[0].output
    part = dict(REQUEST, overpass="day", window=(10, 20, 30, 25))
    part = run([granule], tmp_path / "b", part).outcomes[0].output
    with rasterio.open(whole) as file, rasterio.open(part) as cut:
        assert cut.shape == (120, 100)
        change = cut.read(1) - file.read(1)[40:160, 80:180]
        assert np.nanmedian(np.abs(change)) < 1e-3 and np.nanmax(np.abs(change)) < 0.2  # fills of gaps differ a little
        np.testing.assert_array_equal(np.isnan(cut.read(1)), np.isnan(file.read(1)[40:160, 80:180]))
        np.testing.assert_allclose(corner(cut.transform, 0, 0), corner(file.transform, 80, 40), atol=1e-3)
    lon, lat = pixel_lonlat(scene.transform, scene.lst.shape)
    box = lon[40, 30] - 0.05, lat[40, 30] - 0.03, lon[40, 30] + 0.05, lat[40, 30] + 0.03
    boxed = run([granule], tmp_path / "c", dict(REQUEST, overpass="day", bbox=box)).outcomes[0].output
    with rasterio.open(boxed) as file:
        x, y = corner(scene.transform, 30.5, 40.5)
        assert file.bounds.left < x < file.bounds.right and file.bounds.bottom < y < file.bounds.top
        assert 24 <= file.height <= 40 and file.height % 4 == file.width % 4 == 0
        offset = corner(~scene.transform, file.bounds.left, file.bounds.top)
        np.testing.assert_allclose(offset, np.rint(offset), atol=1e-6)
    with pytest.raises(InputError, match="none of the granules"):
        run([granule], tmp_path / "d", dict(REQUEST, bbox=(100, 0, 101, 1)))
    (failed,) = run([granule], tmp_path / "d", dict(part_of(80), overpass="day")).failed
    assert "`window` 60 0 30 10: reaches beyond" in failed.note


def part_of(size):
    return dict(REQUEST, window=(size - 20, 0, 30, 10))


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rasterio 1.4 with affine 3
def test_packed_and_warped(granule, tmp_path):
    request = dict(REQUEST, overpass="day", packed=True, crs="EPSG:32631", resolution=250)
    output = run([granule], tmp_path, request).outcomes[0].output
    with rasterio.open(output) as file:
        assert (
            file.dtypes == ("uint16",) and file.nodata == 0 and file.scales == (0.02,) and file.crs.to_epsg() == 32631
        )
        assert file.res == (250, 250) and file.bounds.left % 250 == 0 and file.bounds.top % 250 == 0
        values = file.read(1) * 0.02
        x, y = file.xy(file.height // 2, file.width // 2)
    scene = read_lst(granule, "day")
    assert np.nanmin(scene.lst) - 10 < values[values > 0].min() and values.max() < np.nanmax(scene.lst) + 10
    # The same place on the ground holds the same temperature, to the interpolation's blur.
    (sx,), (sy,) = rasterio.warp.transform("EPSG:32631", scene.crs, [x], [y])
    column, row = corner(~scene.transform, sx, sy)
    near = scene.lst[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2]
    with rasterio.open(output) as file:
        here = file.read(1)[file.index(x, y)] * 0.02
    assert np.isnan(near).any() or near.min() - 2 < here < near.max() + 2
    with rasterio.open(output.with_name(output.name.replace("LST", "QC"))) as file:
        assert file.res == (250, 250) and set(np.unique(file.read(1))) <= {*np.unique(scene.quality), 3}


@pytest.mark.parametrize("method", ["atprk", "dms"])
def test_sharpening_needs_no_network(granule, tmp_path, method):
    request = dict(REQUEST, overpass="day")
    output = run([granule], tmp_path, request, method=method, ndvi=granule.parent).outcomes[0].output
    fine = assert_lines_up(output, read_lst(granule, "day"))
    plain = run([granule], tmp_path / "bicubic", request).outcomes[0].output
    with rasterio.open(plain) as file:
        assert np.nanstd(fine - file.read(1)) > 0.05
    report = run([granule], tmp_path / "b", request, method=method, ndvi=tmp_path)
    assert "no MOD13Q1 or MOD13A2 granule" in report.failed[0].note


def test_a_layer_without_quality_and_a_scene_without_observation(tmp_path):
    cloudy = simulate_granule(2, size=40, cloud_fraction=1.0)
    files = write_granule(cloudy, tmp_path, format="cog")
    layer = next(path for path in files if path.stem.endswith("LST_Day_1km"))
    for path in files:
        if "QC" in path.name:
            path.unlink()
    report = run([layer], tmp_path / "out", dict(REQUEST, quick_look=True))
    (outcome,) = report.outcomes
    assert outcome.note.startswith("no observation")
    with rasterio.open(outcome.output) as file:
        assert np.isnan(file.read(1)).all() and "all-clear" in file.tags()["quality"]
    assert not list((tmp_path / "out").glob("*QC*"))


@pytest.mark.slow
def test_real_granules(shared_data, tmp_path):
    """A real clear date on the whole tile, and the real, mostly cloudy HDF4 granule."""
    (layer,) = (shared_data / "mod11a1_h18v04_2020").glob("MOD11A1.A2020220.*_LST_Day_1km.tif")
    (hdf4,) = (shared_data / "granules").glob("MOD11A1*.hdf")
    report = run([layer, hdf4], tmp_path, dict(overpass="day", quick_look=False))
    assert not report.failed
    for outcome, source in zip(report.outcomes, (layer, hdf4), strict=True):
        scene = read_lst(source, "day")
        assert_lines_up(outcome.output, scene)
        with rasterio.open(outcome.output) as file:
            assert file.shape == (4800, 4800) and len(file.overviews(1)) >= 3


def test_the_command(granule, tmp_path):
    bad = tmp_path / "MOD11A1.A2020001.h18v04.061.2020003120000.hdf"
    bad.write_bytes(b"no granule")
    arguments = [granule, bad, "--method", "bicubic", "--output-dir", tmp_path / "out", "--overpass", "day"]
    more = ["--bbox", "-0.5", "49.5", "0.6", "49.9", "--tile", "32", "--overlap", "8"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "predict.py"), *map(str, arguments), *more],
        cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.splitlines()[-1] == "1 written, 1 failed"
    with rasterio.open(next((tmp_path / "out").glob("*LST_Day_250m.tif"))) as file:
        assert file.tags()["command"].startswith("predict.py ") and "--bbox -0.5" in file.tags()["command"]
