"""Granules that are not what the manifest beside them says give no map and no patch."""

import datetime
import hashlib

import pytest

from data_builders import prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.errors import InputError
from lstsr_jax.geo import simulate_granule, write_granule
from lstsr_jax.geo.manifest import ManifestRow, write_manifest
from lstsr_jax.product import choose_method, predict, settings_of


@pytest.fixture
def folder(tmp_path):
    """Two granules and their manifest, which is wrong about the size of the second; paths in order."""
    rows, paths = {}, []
    for day in (1, 2):
        granule = simulate_granule(3, size=32, date=datetime.date(2020, 7, day), cloud_fraction=0)
        (path,) = write_granule(granule, tmp_path / "granules", "hdf4")
        content = path.read_bytes()
        size = len(content) - (day - 1)
        rows[path.stem] = ManifestRow(path.stem, size, hashlib.sha256(content).hexdigest(), "", "")
        paths.append(path)
    write_manifest(tmp_path / "granules", rows)
    (tmp_path / "granules" / ".download.lock").touch()
    return tmp_path / "granules", paths


def run(folder, directory, **options):
    request = dict(tile=32, overlap=8, quick_look=False, overpass="day", **options)
    return predict([folder], choose_method(None, "bicubic", None), *settings_of(output_dir=directory, **request))


def spoil(path):
    """Change a byte of the file's last kilobyte; its size stays."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_predict_makes_no_map_of_another_size(folder, tmp_path):
    directory, (good, bad) = folder
    report = run(directory, tmp_path / "out")
    assert [(outcome.source, outcome.status) for outcome in report.outcomes] == [(good, "written"), (bad, "failed")]
    assert "manifest.csv says" in report.failed[0].note and "fetch it again" in report.failed[0].note
    assert not report.skipped  # what the download keeps beside the granules is no news


def test_predict_verifies_checksums_when_asked_to(folder, tmp_path):
    directory, (good, _) = folder
    spoil(good)
    (failed, _) = run(directory, tmp_path / "verified", verify=True).failed
    assert failed.source == good and "checksum" in failed.note


def test_predict_makes_no_map_with_ndvi_of_another_size(tmp_path):
    granule = simulate_granule(3, size=32, date=datetime.date(2020, 7, 1), cloud_fraction=0)
    lst, _, fine = write_granule(granule, tmp_path / "granules", "hdf4", ndvi=True)
    write_manifest(fine.parent, {fine.stem: ManifestRow(fine.stem, 7, "0" * 64, "", "")})
    request = dict(tile=32, overlap=8, quick_look=False, overpass="day")
    report = predict(
        [lst], choose_method(None, "atprk", fine.parent), *settings_of(output_dir=tmp_path / "out", **request)
    )
    (outcome,) = report.outcomes
    assert outcome.status == "failed" and f"{fine.name}: " in outcome.note
    assert "manifest.csv says 7: damaged" in outcome.note


def test_training_leaves_another_size_aside_and_refuses_another_checksum(folder, tmp_path):
    directory, (good, bad) = folder
    config = DataConfig(granules=str(directory), patch_size=32, stride=32, data_dir=str(tmp_path / "tfds"))
    dataset = prepare(config, verify=True)
    assert dataset.metadata["layers"] == 2 and any(
        bad.name in str(item) for item in dataset.metadata["skipped"].items()
    )
    spoil(good)
    with pytest.raises(InputError, match=rf"{good.name}: its checksum is not that of manifest.csv"):
        prepare(config, verify=True)
