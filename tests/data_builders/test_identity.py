"""A prepared dataset is found again by the content of its files, wherever they lie and whatever their times say."""

import datetime
import json
import os
import shutil

import numpy as np
import pytest
import rasterio

from data_builders import preparation, prepare
from lstsr_jax.config import DataConfig
from lstsr_jax.data import content
from lstsr_jax.data.content import Checksums
from lstsr_jax.errors import InputError
from lstsr_jax.geo import SINUSOIDAL, simulate_granule

SCENES = [simulate_granule(3, size=32, date=datetime.date(2020, 7, day), cloud_fraction=0) for day in (1, 2)]


def write(folder, correction_k=0.0):
    folder.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": 32, "height": 32, "count": 1, "crs": SINUSOIDAL, "nodata": np.nan}
    for scene in SCENES:
        path = folder / f"{scene.granule}_LST_Day_1km.tif"
        with rasterio.open(path, "w", dtype="float32", transform=scene.transform, **profile) as file:
            file.write((scene.lst_day * 0.02 + correction_k).astype(np.float32), 1)
    return folder


def write_quality(folder, value):
    scene = SCENES[0]
    profile = {"driver": "GTiff", "width": 32, "height": 32, "count": 1, "dtype": "uint8", "crs": SINUSOIDAL}
    with rasterio.open(folder / f"{scene.granule}_QC_Day.tif", "w", transform=scene.transform, **profile) as file:
        file.write(np.full((32, 32), value, np.uint8), 1)


def config(folder, tmp_path, **options):
    return DataConfig(
        granules=str(folder), patch_size=32, stride=32, data_dir=str(tmp_path / "tfds"), max_lst_error_k=3, **options
    )


def mean_k(dataset):
    return np.mean([example["lst"].mean() for example in dataset.source("all")])


def test_a_change_in_place_is_seen_even_if_the_time_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "SETTLED_S", 0.0)  # checksums are kept at once
    folder = write(tmp_path / "granules")
    before = prepare(config(folder, tmp_path))
    stats = {path: path.stat() for path in folder.iterdir()}
    write(folder, 10.0)
    for path, stat in stats.items():
        assert path.stat().st_size == stat.st_size
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = prepare(config(folder, tmp_path))
    assert mean_k(after) == pytest.approx(mean_k(before) + 10, abs=1e-3)


def test_a_moved_folder_is_recognised_and_named_where_it_is(tmp_path):
    folder = write(tmp_path / "granules")
    first = prepare(config(folder, tmp_path))
    moved = tmp_path / "elsewhere" / "other name"
    moved.parent.mkdir()
    shutil.move(folder, moved)
    second = prepare(config(moved, tmp_path))
    assert second.directory == first.directory and second.metadata["source"] == str(moved)


def test_the_quality_layer_belongs_to_the_content_and_other_files_do_not(tmp_path):
    folder = write(tmp_path / "granules")
    bare = prepare(config(folder, tmp_path))
    (folder / "notes.txt").write_text("seen")
    assert prepare(config(folder, tmp_path)).directory == bare.directory
    write_quality(folder, 0)
    clear = prepare(config(folder, tmp_path))
    write_quality(folder, 2)  # not produced: cloud
    cloudy = prepare(config(folder, tmp_path))
    assert len({d.directory for d in (bare, clear, cloudy)}) == 3
    assert [sum(d.metadata["patches"].values()) for d in (bare, clear, cloudy)] == [2, 2, 1]


def test_the_name_is_the_same_on_every_machine():
    contents = {"granules": [["2020/a.hdf", 5, "00ff"]], "ndvi": []}
    rule = preparation._identity(preparation.CutRule("date", 64, 64, 1, 3))
    assert preparation.digest_of(contents, rule) == "f615f01f8994"


def test_unchanged_files_are_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "SETTLED_S", -1.0)
    files = sorted(write(tmp_path / "granules").iterdir())
    first = Checksums(tmp_path / "memory.json").of(files)
    monkeypatch.setattr(content.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert Checksums(tmp_path / "memory.json").of(files) == first
    monkeypatch.undo()
    (tmp_path / "memory.json").write_text("{damaged")
    assert Checksums(tmp_path / "memory.json").of(files) == first


def test_what_a_killed_process_left_of_the_memory_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "SETTLED_S", -1.0)
    (tmp_path / "a").write_bytes(b"a")
    left_over = tmp_path / ".memory.0123456789abcdef.partial.json"
    left_over.touch()
    Checksums(tmp_path / "memory.json").of([tmp_path / "a"])
    assert not left_over.exists() and (tmp_path / "memory.json").exists()


def test_checksums_are_written_once(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "SETTLED_S", -1.0)
    (tmp_path / "a").write_bytes(b"a")
    memory = Checksums(tmp_path / "memory.json")
    first = memory.of([tmp_path / "a"])
    monkeypatch.setattr(content, "write_text", lambda *_: pytest.fail("written again"))
    assert memory.of([tmp_path / "a"]) == first


def test_a_file_just_written_is_not_trusted_by_its_time(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x")
    Checksums(tmp_path / "memory.json").of([path])
    assert not (tmp_path / "memory.json").exists()


def test_files_that_change_while_they_are_prepared_leave_no_dataset(tmp_path, monkeypatch):
    folder = write(tmp_path / "granules")
    build = preparation.Builder._download_and_prepare

    def change_then_build(self, *args, **options):
        write(folder, 5.0)
        build(self, *args, **options)

    monkeypatch.setattr(preparation.Builder, "_download_and_prepare", change_then_build)
    with pytest.raises(InputError, match="changed while the dataset was prepared; run again"):
        prepare(config(folder, tmp_path))
    assert not list((tmp_path / "tfds").rglob("*.array_record*"))


def test_skipped_files_are_in_the_line_and_in_the_metadata(tmp_path, capsys):
    folder = write(tmp_path / "granules")
    (folder / "notes.txt").write_text("seen")
    (folder / "MOD13A2.A2020001.h18v04.061.2020018001022.hdf").write_bytes(b"")
    built = prepare(config(folder, tmp_path))
    line = capsys.readouterr().err
    assert "2 files skipped" in line and "notes.txt (" in line and "MOD13A2" in line
    stored = json.loads((built.directory / "metadata.json").read_text())
    assert stored["skipped"]["count"] == 2
    assert {entry["file"] for entry in stored["skipped"]["first"]} >= {"notes.txt"}
    assert all(entry["reason"] for entry in stored["skipped"]["first"])


def test_a_folder_of_refused_granules_says_why(tmp_path):
    folder = tmp_path / "granules"
    folder.mkdir()
    for scene in SCENES:
        (folder / f"{scene.granule}_LST_Day_1km.tif").write_bytes(b"<html>log in</html>")
    with pytest.raises(
        InputError, match=r"none of its 2 layers can be used: .*_LST_Day_1km.tif.*; .*_LST_Day"
    ) as error:
        prepare(config(folder, tmp_path))
    assert "min-valid-fraction" not in str(error.value) and "\n" not in str(error.value)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "granules")
    monkeypatch.chdir(tmp_path)
    built = prepare(DataConfig(granules="~/granules", patch_size=32, stride=32, data_dir="~/tfds"))
    assert built.directory.is_relative_to(tmp_path / "tfds") and not (tmp_path / "~").exists()
    monkeypatch.setenv("TFDS_DATA_DIR", "~/tfds")
    assert prepare(DataConfig(granules="~/granules", patch_size=32, stride=32)).directory == built.directory
